//! A descriptor for the peer's process, which no later process of its number is taken for.

use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::calls::*;
use crate::forked::Forked;
use crate::process::{in_child, in_fork};
use crate::raw;
use crate::users::*;
use support::*;

/// Whether the process has ended, be it reaped or not.
pub fn has_ended(pidfd: &OwnedFd) -> bool {
    raw::poll(pidfd.as_raw_fd(), libc::POLLIN) & libc::POLLIN != 0
}

fn signal(pidfd: &OwnedFd, signal: i32) -> i64 {
    let no_details: *const libc::siginfo_t = std::ptr::null();
    // SAFETY: NULL is allowed.
    let result = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_details, 0)
    };
    raw::answer(result as isize)
}

/// The number of the process, in its own PID namespace. -1: it has gone.
pub fn pid_of(pidfd: &OwnedFd) -> i32 {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).unwrap();
    let numbers = info.lines().find_map(|line| line.strip_prefix("NSpid:")).expect("a pidfd");
    numbers.split_whitespace().next_back().expect("a number").parse().unwrap()
}

/// The process that has this number now.
fn open_pid(pid: i32) -> OwnedFd {
    // SAFETY: no pointers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel has just made it for us.
    unsafe { OwnedFd::from_raw_fd(fd as i32) }
}

/// Says if the kernel is too old.
pub fn supported(test: &str) -> bool {
    let (one, _other) = pair(UDSOCK_STREAM);
    let old = pidfd(&one).is_err_and(|code| code == no(libc::ENOPROTOOPT));
    if old {
        assert_eq!(raw_pidfd(one.fd()).map(drop), Err(no(libc::ENOPROTOOPT)));
        skip(test, "this kernel has no SO_PEERPIDFD");
    }
    !old
}

#[test]
fn a_pidfd_is_the_peer_s_process_close_on_exec_and_each_time_a_new_one() {
    in_child(|| {
        let test = "a_pidfd_is_the_peer_s_process_close_on_exec_and_each_time_a_new_one";
        if !supported(test) {
            return;
        }
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            let child = Forked::holding(|| {
                let client = open_client(kind, &path);
                // SAFETY: no pointers.
                assert_eq!(pid_of(&pidfd(&client).unwrap()), unsafe { libc::getppid() });
                client
            });
            let accepted = server.accept(0).unwrap();
            let [one, other] = [(); 2].map(|()| pidfd(&accepted).unwrap());
            assert_ne!(one.as_raw_fd(), other.as_raw_fd());
            for pidfd in [&one, &other] {
                assert!(raw::is_close_on_exec(pidfd.as_raw_fd()));
                assert_eq!(pid_of(pidfd), child.pid());
                assert!(!has_ended(pidfd));
                assert_eq!(signal(pidfd, 0), 0);
            }
            // It is the caller's: the socket's end is not its.
            drop((accepted, other));
            assert_eq!(signal(&one, libc::SIGKILL), 0);
            drop(child);
            assert!(has_ended(&one));
        }
    });
}

#[test]
fn asking_for_a_pidfd_leaks_none() {
    in_child(|| {
        let (one, _other) = pair(UDSOCK_STREAM);
        let lone = create(UDSOCK_STREAM);
        let before = open_descriptors();
        for _ in 0..100 {
            drop(pidfd(&one));
            assert!(pidfd(&lone).is_err());
        }
        assert_eq!(open_descriptors(), before);
    });
}

/// Forks a child which gets this number; `None` if this process may not choose it. Only
/// where no other process takes numbers.
fn forked_with_pid<T>(pid: i32, body: impl FnOnce() -> T) -> Option<Forked> {
    fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).ok()?;
    let child = Forked::holding(body);
    assert_eq!(child.pid(), pid, "nobody else is here to take it");
    Some(child)
}

/// Runs the body as the first process of a PID namespace of its own; says if it may not.
fn in_pid_namespace(test: &str, body: impl FnOnce() -> bool) {
    // SAFETY: no pointers.
    let unshare = || unsafe { libc::unshare(libc::CLONE_NEWPID) } == 0;
    if in_fork(unshare) != 0 {
        return skip(test, "no PID namespace can be made");
    }
    assert_eq!(in_fork(|| unshare() && in_fork(body) == 0), 0);
}

#[test]
fn a_pid_that_another_process_has_taken_is_not_the_peer() {
    const PID: i32 = 1_000;
    const TEST: &str = "a_pid_that_another_process_has_taken_is_not_the_peer";
    as_root(|| {
        if !supported(TEST) {
            return;
        }
        let dir = Dir::new();
        in_pid_namespace(TEST, || {
            for kind in CONNECTED_KINDS {
                let path = dir.path("s");
                let server = open_server(kind, &path);
                let Some(client) = forked_with_pid(PID, || open_client(kind, &path)) else {
                    skip(TEST, "ns_last_pid can't be written");
                    return true;
                };
                let (accepted, who) = accept_from(&server, 0).unwrap();
                assert_eq!(who.pid, PID);
                let early = pidfd(&accepted).unwrap();
                assert_eq!(pid_of(&early), PID);
                drop(client);

                let other = forked_with_pid(PID, || ()).expect("it could be chosen before");
                let impostor = open_pid(PID);
                assert!(!has_ended(&impostor));
                // The number is still told, and says nothing any more.
                assert_eq!(credentials(&accepted), Ok(who));
                let late = pidfd_of_reaped(&accepted);
                for pidfd in [Some(early), late].into_iter().flatten() {
                    assert!(has_ended(&pidfd));
                    assert_eq!(pid_of(&pidfd), -1);
                    assert_eq!(signal(&pidfd, libc::SIGKILL), no(libc::ESRCH));
                }
                assert!(!has_ended(&impostor), "the signal reached nobody");
                drop(other);
                assert!(has_ended(&impostor));
            }
            true
        });
    });
}

#[test]
fn a_process_that_this_namespace_does_not_see_has_no_number() {
    const TEST: &str = "a_process_that_this_namespace_does_not_see_has_no_number";
    as_root(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            // In the queue, for the namespace to accept.
            let outside = [open_client(kind, &path), open_client(kind, &path)];
            in_pid_namespace(TEST, || {
                let unseen = Who { pid: 0, ..Who::me() };
                let client = open_client(kind, &path);
                assert_eq!(raw_credentials(client.fd()).unwrap().pid, 0, "the trap");
                assert_eq!(credentials(&client), Ok(unseen));
                let accepted = server.accept(0).expect("nobody asked who");
                assert_eq!(credentials(&accepted), Ok(unseen));
                let (_, who) = accept_from(&server, 0).unwrap();
                assert_eq!(who, unseen);
                // Whom it can see it knows.
                let (_, who) = accept_from(&server, 0).unwrap();
                assert_eq!(who, Who::me());
                assert_eq!(server.option(UDSOCK_OPTION_REFUSED), 0);
                true
            });
            drop(outside);
        }
    });
}
