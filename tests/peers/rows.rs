//! Rows 50 and 53: what the kernel says of a peer, its traps first.

use std::os::fd::AsRawFd;

use crate::calls::*;
use crate::forked::Forked;
use crate::pidfd::{has_ended, pid_of, supported};
use crate::process::{in_child, in_fork};
use crate::raw;
use crate::users::*;
use support::*;

/// What the kernel says where it knows nobody.
const NOBODY: Who = Who { pid: 0, uid: u32::MAX, gid: u32::MAX };

#[test]
fn row_50_who_connected_or_listened_last_is_frozen() {
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = raw::server(kind, &path);
            let me = Who::me();
            let client = raw::socket(kind);
            assert_eq!(raw::connect(&client, &path), 0);
            assert_eq!(raw_credentials(client.as_raw_fd()), Ok(me));

            // Who listens again, the peers of later clients is.
            let child = Forked::holding(|| assert_eq!(raw::listen(&server, 5), 0));
            let later = raw::socket(kind);
            assert_eq!(raw::connect(&later, &path), 0);
            let child = Who { pid: child.pid(), ..me };
            assert_eq!(raw_credentials(later.as_raw_fd()), Ok(child));
            assert_eq!(raw_credentials(client.as_raw_fd()), Ok(me));

            let own = open_server(kind, &dir.path("own"));
            let before = open_client(kind, &dir.path("own"));
            let heir = Forked::holding(|| assert_eq!(own.listen(5), 0));
            let after = open_client(kind, &dir.path("own"));
            assert_eq!(credentials(&before), Ok(me));
            assert_eq!(credentials(&after), Ok(Who { pid: heir.pid(), ..me }));
        }
    });
}

#[test]
fn row_50_the_effective_ids_count() {
    as_root(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            assert_eq!((allow_uid(&server, 71_080), allow_gid(&server, 72_081)), (0, 0));
            let visit = |effective: User| {
                let client = Forked::holding(|| {
                    set_groups(effective.groups);
                    act_as(effective.uid, effective.gid);
                    let client = open_client(kind, &path);
                    // SAFETY: no pointers.
                    assert_eq!(unsafe { (libc::getuid(), libc::getgid()) }, (0, 0));
                    let ends = raw::pair(kind);
                    let own = raw_credentials(ends[0].as_raw_fd()).unwrap();
                    assert_eq!((own.uid, own.gid), (effective.uid, effective.gid));
                    client
                });
                accept_from(&server, 0).map(|(_, who)| {
                    assert_eq!(who.pid, client.pid());
                    (who.uid, who.gid)
                })
            };
            assert_eq!(visit(user(71_080, 72_080, &[])), Ok((71_080, 72_080)));
            assert_eq!(visit(user(71_081, 72_081, &[])), Ok((71_081, 72_081)));
            // The real ids are root's, who is not on the list; nor is this one.
            assert_eq!(visit(user(71_082, 72_082, &[])), Err(no(libc::EAGAIN)));
        }
    });
}

#[test]
fn row_50_a_connected_datagram_socket_says_nobody_and_no_error() {
    let dir = Dir::new();
    let receiver = raw::server(UDSOCK_DGRAM, &dir.path("raw"));
    let sender = raw::socket(UDSOCK_DGRAM);
    assert_eq!(raw::connect(&sender, dir.path("raw")), 0);
    for fd in [&sender, &receiver] {
        assert_eq!(raw_credentials(fd.as_raw_fd()), Ok(NOBODY), "the trap");
    }
    let _own = open_datagram(Some(&dir.path("own")));
    let client = open_client(UDSOCK_DGRAM, &dir.path("own"));
    assert_eq!(credentials(&client), Err(no(libc::ENODATA)));

    // A pair does know.
    let ends = raw::pair(UDSOCK_DGRAM);
    assert_eq!(raw_credentials(ends[1].as_raw_fd()), Ok(Who::me()));
    assert_eq!(credentials(&pair(UDSOCK_DGRAM).1), Ok(Who::me()));
}

#[test]
fn row_50_without_a_peer_the_kernel_answers_all_the_same() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let listener = raw::server(kind, &dir.path("raw"));
        assert_eq!(raw_credentials(listener.as_raw_fd()), Ok(Who::me()), "the trap");
        let alone = raw::socket(kind);
        assert_eq!(raw_credentials(alone.as_raw_fd()), Ok(NOBODY), "the trap");
        let server = open_server(kind, &dir.path("own"));
        assert_eq!(credentials(&server), Err(no(libc::ENOTCONN)));
        assert_eq!(credentials(&create(kind)), Err(no(libc::ENOTCONN)));
    }
}

/// Kills the process and leaves it unreaped.
fn make_zombie(process: &Forked) {
    // SAFETY: our child, not yet waited for; room for a siginfo_t, which all zero is.
    unsafe {
        libc::kill(process.pid(), libc::SIGKILL);
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let options = libc::WEXITED | libc::WNOWAIT;
        assert_eq!(libc::waitid(libc::P_PID, process.pid() as u32, &mut info, options), 0);
    }
}

#[test]
fn row_53_a_pidfd_of_a_zombie_and_of_one_that_was_reaped() {
    in_child(|| {
        if !supported("row_53_a_pidfd_of_a_zombie_and_of_one_that_was_reaped") {
            return;
        }
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let server = open_server(kind, &dir.path("s"));
            let client = Forked::holding(|| open_client(kind, &dir.path("s")));
            let accepted = server.accept(0).unwrap();
            make_zombie(&client);
            let zombie = raw_pidfd(accepted.fd()).expect("a zombie is a process");
            assert!(has_ended(&zombie) && pid_of(&zombie) == client.pid());
            let zombie = pidfd(&accepted).unwrap();
            assert!(has_ended(&zombie) && pid_of(&zombie) == client.pid());
            drop(client);
            let raw = raw_pidfd(accepted.fd()).ok();
            for reaped in [raw, pidfd_of_reaped(&accepted)].into_iter().flatten() {
                assert!(has_ended(&reaped) && pid_of(&reaped) == -1);
            }
        }
    });
}

#[test]
fn row_53_no_peer_no_pidfd_and_no_groups() {
    for kind in CONNECTED_KINDS {
        let alone = raw::socket(kind);
        let said = raw_pidfd(alone.as_raw_fd()).map(drop);
        assert!(said == Err(no(libc::ENODATA)) || said == Err(no(libc::ENOPROTOOPT)), "{said:?}");
        assert_eq!(raw_option(alone.as_raw_fd(), SO_PEERGROUPS, &mut [0; 4]), no(libc::ENODATA));
        let own = create(kind);
        assert_eq!(pidfd(&own).map(drop), Err(no(libc::ENOTCONN)));
        assert_eq!(groups_count(&own), no(libc::ENOTCONN));
        // A listener is its own peer, to the kernel.
        let dir = Dir::new();
        let listener = raw::server(kind, &dir.path("raw"));
        if let Ok(own) = raw_pidfd(listener.as_raw_fd()) {
            assert_eq!(pid_of(&own), Who::me().pid, "the trap");
        }
        let own = open_server(kind, &dir.path("own"));
        assert_eq!(pidfd(&own).map(drop), Err(no(libc::ENOTCONN)));
        assert_eq!(groups_count(&own), no(libc::ENOTCONN));
    }
}

#[test]
fn row_53_groups_that_do_not_fit() {
    as_root(|| {
        let status = in_fork(|| {
            set_groups(&[10, 20, 30]);
            let ends = raw::pair(UDSOCK_STREAM);
            let fd = ends[0].as_raw_fd();
            let mut room = [77; 2];
            assert_eq!(raw_option(fd, SO_PEERGROUPS, &mut room), no(libc::ERANGE), "the trap");
            assert_eq!(room, [77; 2]);
            let mut room = [77; 4];
            assert_eq!(raw_option(fd, SO_PEERGROUPS, &mut room), 12);
            assert_eq!(room, [10, 20, 30, 77]);

            let (one, _other) = pair(UDSOCK_STREAM);
            assert_eq!(groups_count(&one), 3);
            assert_eq!(groups_within(&one, 2), Err(no(libc::ERANGE)));
            assert_eq!(groups_within(&one, 4).unwrap(), [10, 20, 30]);
            true
        });
        assert_eq!(status, 0);
    });
}
