//! Rows 76 to 78 and 80: PID namespaces, in which a process has another number, or none.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::{fs, io, ptr, thread};

use udsock::abi::poller::*;

use crate::beside::{ROOM, SCM_PIDFD, SO_PASSPIDFD, receive};
use crate::forked::Forked;
use crate::process::{LONG, in_child, in_fork};
use crate::raw;
use support::*;

use libc::SO_PEERGROUPS;
use libc::SO_PEERPIDFD;

fn unshare(flags: i32) -> bool {
    // SAFETY: no pointers.
    unsafe { libc::unshare(flags) == 0 }
}

/// Runs the body as the first process of a PID namespace of its own; says if it may not.
/// Only in a child.
fn in_pid_namespace(test: &str, body: impl FnOnce() -> bool) {
    if in_fork(|| unshare(libc::CLONE_NEWPID)) != 0 {
        return skip(test, "no PID namespace can be made");
    }
    assert_eq!(in_fork(|| unshare(libc::CLONE_NEWPID) && in_fork(body) == 0), 0, "inside");
}

/// The option's value as a descriptor, if there is one.
fn descriptor_option(fd: i32, option: i32) -> Result<OwnedFd, i64> {
    let (mut value, mut size) = (-1, size_of::<i32>() as u32);
    // SAFETY: room for an int.
    let result = unsafe {
        let place = (&raw mut value).cast();
        libc::getsockopt(fd, libc::SOL_SOCKET, option, place, &mut size)
    };
    match raw::answer(result as isize) {
        0 => Ok(raw::own(value)),
        code => Err(code),
    }
}

fn raw_credentials(fd: i32) -> (i32, u32, u32) {
    // SAFETY: room for three numbers, which all zero are.
    unsafe {
        let mut peer: libc::ucred = std::mem::zeroed();
        let mut size = size_of::<libc::ucred>() as u32;
        let place = (&raw mut peer).cast();
        assert_eq!(libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, place, &mut size), 0);
        (peer.pid, peer.uid, peer.gid)
    }
}

fn credentials(socket: &Sock) -> Result<(i32, u32, u32), i64> {
    let mut out = udsock_credentials { pid: -7, uid: 7, gid: 7 };
    // SAFETY: room for the answer.
    match unsafe { udsock_peer_credentials(socket.0, &mut out) } {
        0 => Ok((out.pid, out.uid, out.gid)),
        code => Err(code.into()),
    }
}

fn me() -> (i32, u32, u32) {
    // SAFETY: no pointers.
    unsafe { (libc::getpid(), libc::geteuid(), libc::getegid()) }
}

fn has_ended(pidfd: &OwnedFd) -> bool {
    raw::poll(pidfd.as_raw_fd(), libc::POLLIN) & libc::POLLIN != 0
}

/// The number that a pidfd stands for. 0: of another namespace; -1: of nobody any more.
fn number_of(pidfd: &OwnedFd) -> i32 {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).unwrap();
    let number = info.lines().find_map(|line| line.strip_prefix("Pid:")).expect("a pidfd");
    number.trim().parse().unwrap()
}

fn signal(pidfd: &OwnedFd, signal: i32) -> i64 {
    let nothing: *const libc::siginfo_t = ptr::null();
    let call = libc::SYS_pidfd_send_signal;
    // SAFETY: NULL is allowed.
    raw::answer(unsafe { libc::syscall(call, pidfd.as_raw_fd(), signal, nothing, 0) } as isize)
}

/// As PIDFD_GET_INFO fills it in, in its first version.
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    numbers: [u32; 11],
    exit_code: i32,
}

const EXIT: u64 = 1 << 3;

/// What the kernel tells of the process. Since Linux 6.13.
fn info_of(pidfd: &OwnedFd) -> Result<Info, i64> {
    const GET_INFO: libc::c_ulong = 3 << 30 | (size_of::<Info>() as libc::c_ulong) << 16 | 0xff0b;
    let mut info = Info { mask: EXIT, ..Info::default() };
    // SAFETY: room for as much as the request says.
    let result = unsafe { libc::ioctl(pidfd.as_raw_fd(), GET_INFO as _, &mut info) };
    match raw::answer(result as isize) {
        0 => Ok(info),
        code => Err(code),
    }
}

#[test]
fn row_76_who_can_t_be_seen_has_no_number_but_a_user() {
    const TEST: &str = "row_76_who_can_t_be_seen_has_no_number_but_a_user";
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            let outside = open_client(kind, &path);
            let [mine, theirs] = raw::pair(kind);
            assert_eq!(raw::set_option(theirs.as_raw_fd(), libc::SO_PASSCRED, 1), 0);
            // An older kernel has none.
            raw::set_option(theirs.as_raw_fd(), SO_PASSPIDFD, 1);
            assert_eq!(raw::send(&mine, b"x", 0), 1);
            let (_, uid, gid) = me();
            in_pid_namespace(TEST, || {
                let accepted = server.accept(0).expect("one is there");
                let known = (0, uid, gid);
                assert_eq!(raw_credentials(accepted.fd()), known, "the trap");
                let came = receive(&theirs, ROOM, 0).unwrap();
                let numbers = came.numbers(libc::SCM_CREDENTIALS).unwrap();
                assert_eq!(numbers, [0, uid as i32, gid as i32]);
                // SAFETY: the kernel fills in the count, and nothing else.
                let groups = unsafe {
                    let mut size = 0;
                    let (fd, level) = (accepted.fd(), libc::SOL_SOCKET);
                    libc::getsockopt(fd, level, SO_PEERGROUPS, ptr::null_mut(), &mut size);
                    size as usize / size_of::<u32>()
                };

                assert_eq!(credentials(&accepted), Ok(known), "unknown is the number only");
                // SAFETY: room for nobody.
                let counted = unsafe { udsock_peer_groups(accepted.0, ptr::null_mut(), 0) };
                assert_eq!(counted, groups as i64);
                let ours = udsock_peer_pidfd(accepted.0);
                match descriptor_option(accepted.fd(), SO_PEERPIDFD) {
                    Ok(theirs) => {
                        for pidfd in [theirs, raw::own(ours)] {
                            assert!(!has_ended(&pidfd));
                            assert_eq!(signal(&pidfd, 0), no(libc::EINVAL), "out of reach");
                            assert!(info_of(&pidfd).is_err());
                        }
                    }
                    Err(code) => assert_eq!((code, ours.into()), (no(libc::ENOPROTOOPT), code)),
                }
                let passed = came.descriptors(SCM_PIDFD);
                assert!(passed.iter().all(|pidfd| !has_ended(pidfd)));
                true
            });
            drop(outside);
        }
    });
}

#[test]
fn row_76_a_list_lets_in_whose_user_is_on_it() {
    const TEST: &str = "row_76_a_list_lets_in_whose_user_is_on_it";
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            let _outside = open_client(kind, &path);
            in_pid_namespace(TEST, || {
                let (_, uid, gid) = me();
                assert_eq!(udsock_allow_uid(server.0, uid), 0);
                let mut peer = udsock_credentials { pid: -7, uid: 7, gid: 7 };
                // SAFETY: room for the answer.
                let accepted = unsafe { udsock_accept(server.0, 0, &mut peer) };
                assert!(accepted > 0, "{}", name_of(accepted));
                (peer.pid, peer.uid, peer.gid) == (0, uid, gid)
            });
        }
    });
}

#[test]
fn row_77_the_pidfd_of_a_sender_that_was_reaped() {
    const TEST: &str = "row_77_the_pidfd_of_a_sender_that_was_reaped";
    in_child(|| {
        for kind in KINDS {
            let [one, other] = raw::pair(kind);
            if raw::set_option(other.as_raw_fd(), SO_PASSPIDFD, 1) != 0 {
                return skip(TEST, "this kernel has no SO_PASSPIDFD");
            }
            let (sender, receiver) = pair(kind);
            assert_eq!(udsock_set_option(receiver.0, UDSOCK_OPTION_RECEIVE_PIDFD, 1), 0);
            let status = in_fork(|| {
                raw::send(&one, b"x", 0);
                sender.send(b"x", 0);
                // SAFETY: the child ends here.
                unsafe { libc::_exit(7) }
            });
            assert_eq!(libc::WEXITSTATUS(status), 7);
            let mut room = [0_u8; 8];
            let mut message = message();
            (message.data, message.data_capacity) = (room.as_mut_ptr().cast(), room.len());
            let Ok(came) = receive(&other, ROOM, 0) else {
                // Row 95. The message itself is not lost with us.
                // SAFETY: a message with the room that it says.
                let result = unsafe { udsock_recv_message(receiver.0, &mut message, LONG) };
                assert_eq!((result, message.pidfd), (1, -libc::ESRCH), "kind {kind}");
                return skip(TEST, "this kernel has no pidfd of a process that was reaped");
            };
            // SAFETY: as above.
            assert_eq!(unsafe { udsock_recv_message(receiver.0, &mut message, LONG) }, 1);
            let mut pidfds = came.descriptors(SCM_PIDFD);
            if pidfds.is_empty() {
                assert_eq!(message.pidfd, -libc::ESRCH, "kind {kind}");
                return skip(TEST, "this kernel has no pidfd of a process that was reaped");
            }
            pidfds.push(raw::own(message.pidfd));
            for pidfd in pidfds {
                assert!(has_ended(&pidfd), "kind {kind}");
                assert_eq!(number_of(&pidfd), -1, "kind {kind}");
                match info_of(&pidfd) {
                    Ok(info) if info.mask & EXIT != 0 => assert_eq!(info.exit_code, 7 << 8),
                    _ => skip(TEST, "this kernel has no PIDFD_GET_INFO with an exit code"),
                }
            }
        }
    });
}

#[test]
fn row_78_a_number_is_no_identity() {
    const TEST: &str = "row_78_a_number_is_no_identity";
    in_child(|| {
        let dir = Dir::new();
        in_pid_namespace(TEST, || {
            let parent = me().0;
            let server = open_server(UDSOCK_STREAM, &dir.path("s"));
            let own = open_datagram(Some(&dir.path("d")));
            assert_eq!(udsock_cleanup_on_signal(libc::SIGTERM), 0);
            let ways: [&dyn Fn(); 4] = [
                &|| assert_eq!(server.close(), 0),
                &|| assert_eq!(udsock_cleanup(), 0),
                // SAFETY: an ordinary exit, with all that the program registered for it.
                &|| unsafe { libc::exit(0) },
                &|| {
                    // SAFETY: no pointers. The first process of a namespace is spared its
                    // own signal's default, but not a handler.
                    unsafe { libc::raise(libc::SIGTERM) };
                },
            ];
            // Only the first child of a namespace is the number 1: each has one of its own.
            for (index, way) in ways.into_iter().enumerate() {
                // What exit(3) or a signal makes of the status does not matter.
                in_fork(|| {
                    assert!(unshare(libc::CLONE_NEWPID));
                    in_fork(|| {
                        assert_eq!(me().0, parent, "the trap: both are 1");
                        way();
                        true
                    });
                    true
                });
                assert_eq!(dir.list(), ["d", "s"], "way {index}: the parent's files stay");
                drop(open_client(UDSOCK_STREAM, &dir.path("s")));
                assert!(server.accept(0).is_ok(), "way {index}");
            }
            server.close() == 0 && own.close() == 0 && dir.list().is_empty()
        });
    });
}

#[test]
fn row_80_where_no_thread_can_be_made_we_need_none() {
    const TEST: &str = "row_80_where_no_thread_can_be_made_we_need_none";
    in_child(|| {
        if in_fork(|| unshare(libc::CLONE_NEWPID)) != 0 {
            return skip(TEST, "no PID namespace can be made");
        }
        let status = in_fork(|| {
            assert!(unshare(libc::CLONE_NEWPID));
            let refused = thread::Builder::new().spawn(|| ()).map(drop);
            let why = refused.as_ref().err().and_then(io::Error::raw_os_error);
            // (musl says so of every reason.)
            let no_thread = if cfg!(target_env = "musl") { libc::EAGAIN } else { libc::EINVAL };
            assert_eq!(why, Some(no_thread), "the trap");
            for kind in CONNECTED_KINDS {
                let dir = Dir::new();
                let (_server, client, peer) = connection(kind, &dir);
                assert_eq!(client.recv(20), Err(no(libc::ETIMEDOUT)));
                assert_eq!(peer.send(b"x", 0), 1);
                assert_eq!(client.recv(LONG).unwrap(), b"x");
                // SAFETY: NULL stands for the defaults.
                let poller = Sock(unsafe { udsock_poller_create(ptr::null()) });
                assert_eq!(udsock_poller_add(poller.0, client.0, 1, 0), 0);
                assert_eq!(peer.send(b"y", 0), 1);
                let mut arena = [0_u8; 1 << 16];
                // SAFETY: numbers, of which all zero is an event.
                let mut events: [udsock_event; 1] = unsafe { std::mem::zeroed() };
                let place = arena.as_mut_ptr().cast();
                // SAFETY: room for an event and for as many bytes.
                let count = unsafe {
                    udsock_poller_wait(poller.0, events.as_mut_ptr(), 1, place, arena.len(), LONG)
                };
                assert_eq!(count, 1);
            }
            true
        });
        assert_eq!(status, 0);
    });
}

#[test]
fn row_78_the_parent_s_sockets_are_the_parent_s_after_a_plain_fork_too() {
    in_child(|| {
        let dir = Dir::new();
        let server = raw::server(UDSOCK_STREAM, &dir.path("s"));
        let server = adopt(server.into_raw_fd()).unwrap();
        let child = Forked::holding(|| server.close());
        drop(open_client(UDSOCK_STREAM, &dir.path("s")));
        assert!(server.accept(LONG).is_ok());
        drop(child);
    });
}
