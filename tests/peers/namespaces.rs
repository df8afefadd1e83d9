//! Peers of other PID and user namespaces, as a server in a container meets them: what the
//! kernel knows of them is told, and nothing is made up.

use std::fs;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

pub use udsock::abi::inspection::*;

use crate::calls::*;
use crate::forked::Forked;
use crate::pidfd::supported;
use crate::process::in_fork;
use crate::raw;
use crate::users::*;
use support::*;

const UNKNOWN: u32 = u32::MAX;
/// Under which the kernel shows whom it has no number for; and nobody's own.
const OVERFLOW: u32 = 65_534;
const NOBODY: User = user(OVERFLOW, OVERFLOW, &[]);
const MEMBER: User = user(71_003, 72_003, &[CLUB]);
/// Unmapped but for its group.
const HALF: User = user(71_004, 0, &[]);

/// In a PID namespace of its own, from which nobody outside is seen.
fn in_pid_namespace(body: impl FnOnce() -> bool) -> i32 {
    in_fork(|| {
        // SAFETY: no pointers.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWPID) }, 0);
        in_fork(body) == 0
    })
}

/// From now on, root alone has a number.
fn enter_user_namespace() -> bool {
    // SAFETY: no pointers.
    let entered = unsafe { libc::unshare(libc::CLONE_NEWUSER) } == 0;
    entered
        && [("uid_map", "0 0 1"), ("setgroups", "deny"), ("gid_map", "0 0 1")]
            .iter()
            .all(|(file, text)| fs::write(format!("/proc/self/{file}"), text).is_ok())
}

/// As root, where namespaces can be made.
fn with_namespaces(test: &str, body: impl FnOnce()) {
    as_root(|| {
        // SAFETY: no pointers.
        let pids = in_fork(|| unsafe { libc::unshare(libc::CLONE_NEWPID) } == 0);
        if pids != 0 || in_fork(enter_user_namespace) != 0 {
            return skip(test, "no namespaces can be made");
        }
        body();
    });
}

fn is(who: Who, (pid, uid, gid): (i32, u32, u32)) {
    assert_eq!(who, Who { pid, uid, gid });
}

#[test]
fn a_server_that_does_not_see_its_clients_processes_knows_their_users() {
    const TEST: &str = "a_server_that_does_not_see_its_clients_processes_knows_their_users";
    with_namespaces(TEST, || {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            let people = [ROOT, ALICE, MEMBER, NOBODY];
            let clients = people.map(|person| person.connects(kind, &path));
            let status = in_pid_namespace(|| {
                for person in people {
                    let (accepted, who) = accept_from(&server, 0).unwrap();
                    assert_eq!(raw_credentials(accepted.fd()).unwrap().pid, 0, "the trap");
                    is(who, (0, person.uid, person.gid));
                    assert_eq!(credentials(&accepted), Ok(who));
                    assert_eq!(groups(&accepted).unwrap(), person.groups);
                    if let Some(process) = pidfd_if_supported(&accepted) {
                        assert_eq!(raw::poll(process.as_raw_fd(), libc::POLLIN), 0, "it lives");
                    }
                }
                refused(&server) == 0
            });
            assert_eq!(status, 0);
            drop(clients);
        }
    });
}

#[test]
fn its_pidfd_tells_its_end() {
    const TEST: &str = "its_pidfd_tells_its_end";
    with_namespaces(TEST, || {
        if !supported(TEST) {
            return;
        }
        let dir = Dir::new();
        let (server, path) = open_to_all(UDSOCK_STREAM, &dir, "s");
        let client = ALICE.connects(UDSOCK_STREAM, &path);
        let id = client.pid();
        let [told, tell] = raw::pair(UDSOCK_STREAM);
        // SAFETY: no other thread of a child does anything now.
        let watcher = unsafe { libc::fork() };
        if watcher == 0 {
            let status = in_pid_namespace(|| {
                let (accepted, _) = accept_from(&server, 0).unwrap();
                let process = pidfd(&accepted).unwrap();
                assert_eq!(raw::send(&tell, b"x", 0), 1);
                let mut entry =
                    libc::pollfd { fd: process.as_raw_fd(), events: libc::POLLIN, revents: 0 };
                // SAFETY: one entry.
                unsafe { libc::poll(&mut entry, 1, LONG) == 1 }
            });
            // SAFETY: without unwinding into the runner.
            unsafe { libc::_exit(status) };
        }
        drop(tell); // If the watcher fails, nobody has it.
        let mut byte = [0];
        // SAFETY: room for a byte.
        let size = unsafe { libc::read(told.as_raw_fd(), byte.as_mut_ptr().cast(), 1) };
        assert_eq!(size, 1, "it has the pidfd");
        drop(client);
        let mut status = 0;
        // SAFETY: room for an int.
        assert_eq!(unsafe { libc::waitpid(watcher, &mut status, 0) }, watcher);
        assert_eq!(status, 0, "the end of {id} was told");
    });
}

#[test]
fn a_client_knows_the_user_of_a_server_that_it_does_not_see() {
    with_namespaces("a_client_knows_the_user_of_a_server_that_it_does_not_see", || {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            fs::set_permissions(dir.path("."), std::os::unix::fs::PermissionsExt::from_mode(0o777))
                .unwrap();
            let path = dir.path("s");
            let server = Forked::holding(|| {
                MEMBER.become_now();
                open_server(kind, &path)
            });
            let status = in_pid_namespace(|| {
                let client = open_client(kind, &path);
                is(credentials(&client).unwrap(), (0, MEMBER.uid, MEMBER.gid));
                drop(pidfd_if_supported(&client));
                groups(&client).unwrap() == MEMBER.groups
            });
            assert_eq!(status, 0);
            drop(server);
        }
    });
}

#[test]
fn rules_go_by_users_and_groups() {
    type Rule = fn(&Sock) -> i64;
    const RULES: [(Rule, &[User]); 6] = [
        (|server| allow_uid(server, ALICE.uid), &[ALICE]),
        (|server| allow_user(server, "71001"), &[ALICE]),
        (|server| allow_gid(server, ALICE.gid), &[ALICE]),
        (|server| allow_gid(server, CLUB), &[MEMBER]),
        (|server| allow_group(server, "72100"), &[MEMBER]),
        (|server| allow_uid(server, 0), &[ROOT]),
    ];
    with_namespaces("rules_go_by_users_and_groups", || {
        for kind in CONNECTED_KINDS {
            for (allow, expected) in RULES {
                let dir = Dir::new();
                let (server, path) = open_to_all(kind, &dir, "s");
                let clients = [ALICE, BOB, MEMBER, ROOT].map(|user| user.connects(kind, &path));
                let status = in_pid_namespace(|| {
                    assert_eq!(allow(&server), 0);
                    for person in expected {
                        let (_, who) = accept_from(&server, 0).unwrap();
                        is(who, (0, person.uid, person.gid));
                    }
                    assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
                    refused(&server) == 4 - expected.len() as i64
                });
                assert_eq!(status, 0, "kind {kind}");
                drop(clients);
            }
        }
    });
}

#[test]
fn a_cap_counts_them_by_their_users() {
    with_namespaces("a_cap_counts_them_by_their_users", || {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            let clients = [ALICE, ALICE, BOB, BOB].map(|user| user.connects(kind, &path));
            let status = in_pid_namespace(|| {
                assert_eq!(set_cap(&server, 1), 0);
                let (_alice, who) = accept_from(&server, 0).unwrap();
                is(who, (0, ALICE.uid, ALICE.gid));
                let (_bob, who) = accept_from(&server, 0).unwrap();
                is(who, (0, BOB.uid, BOB.gid));
                assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
                refused(&server) == 2
            });
            assert_eq!(status, 0);
            drop(clients);
        }
    });
}

#[test]
fn whom_no_namespace_knows_comes_in_as_unknown() {
    with_namespaces("whom_no_namespace_knows_comes_in_as_unknown", || {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            let people = [ALICE, HALF, ROOT, NOBODY, MEMBER];
            let clients = people.map(|person| person.connects(kind, &path));
            let shown =
                [(UNKNOWN, UNKNOWN), (UNKNOWN, 0), (0, 0), (UNKNOWN, UNKNOWN), (UNKNOWN, UNKNOWN)];
            let status = in_pid_namespace(|| {
                assert!(enter_user_namespace());
                for (uid, gid) in shown {
                    let (accepted, who) = accept_from(&server, 0).unwrap();
                    is(who, (0, uid, gid));
                    assert_eq!(credentials(&accepted), Ok(who));
                    assert!(groups(&accepted).unwrap().iter().all(|group| *group == UNKNOWN));
                    drop(pidfd_if_supported(&accepted));
                }
                refused(&server) == 0
            });
            assert_eq!(status, 0);
            drop(clients);
        }
    });
}

#[test]
fn whom_no_namespace_knows_no_rule_names() {
    with_namespaces("whom_no_namespace_knows_no_rule_names", || {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            let connect = || [ALICE, HALF, NOBODY, MEMBER].map(|user| user.connects(kind, &path));
            let clients = connect();
            let status = in_pid_namespace(|| {
                assert!(enter_user_namespace());
                assert_eq!(allow_uid(&server, OVERFLOW), 0);
                assert_eq!(allow_gid(&server, OVERFLOW), 0);
                assert_eq!(allow_gid(&server, 0), 0);
                let (_, who) = accept_from(&server, 0).unwrap();
                is(who, (0, UNKNOWN, 0));
                assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
                refused(&server) == 3
            });
            assert_eq!(status, 0);
            drop(clients);
            // As one user they have what one user may have.
            let clients = connect();
            let status = in_pid_namespace(|| {
                assert!(enter_user_namespace());
                assert_eq!(set_cap(&server, 2), 0);
                let open = [(); 2].map(|()| server.accept(0).unwrap());
                assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
                drop(open);
                refused(&server) == 2
            });
            assert_eq!(status, 0);
            drop(clients);
        }
    });
}

/// What a message says of its sender.
fn sender_of(receiver: &Sock) -> (i32, u32, u32) {
    let mut room = [0_u8; 8];
    let mut message =
        udsock_message { data: room.as_mut_ptr().cast(), data_capacity: 8, ..message() };
    // SAFETY: a message with the room that it says.
    let result = unsafe { udsock_recv_message(receiver.0, &mut message, 0) };
    assert_eq!(result, 1, "{}", name_of(result));
    if message.pidfd >= 0 {
        // SAFETY: it was received, and is ours to close.
        drop(unsafe { OwnedFd::from_raw_fd(message.pidfd) });
    }
    let who = message.credentials;
    (who.pid, who.uid, who.gid)
}

#[test]
fn messages_tell_the_users_of_senders_that_are_not_seen() {
    with_namespaces("messages_tell_the_users_of_senders_that_are_not_seen", || {
        for kind in KINDS {
            let (sender, receiver) = pair(kind);
            assert_eq!(sender.send(b"x", 0), 1);
            assert_eq!(sender_of(&receiver), (0, UNKNOWN, UNKNOWN), "nothing was asked for");
            for option in [UDSOCK_OPTION_RECEIVE_CREDENTIALS, UDSOCK_OPTION_RECEIVE_PIDFD] {
                udsock_set_option(receiver.0, option, 1);
            }
            let post = |person: User| {
                assert!(person.does(|| assert_eq!(sender.send(b"x", 0), 1)).wait().success());
            };
            post(NOBODY);
            let (pid, uid, gid) = sender_of(&receiver);
            assert!(pid > 0 && (uid, gid) == (OVERFLOW, OVERFLOW), "a true user's");

            let people = [ALICE, HALF, ROOT, user(71_005, OVERFLOW, &[]), NOBODY];
            people.into_iter().for_each(post);
            let status = in_pid_namespace(|| {
                for person in &people[..4] {
                    assert_eq!(sender_of(&receiver), (0, person.uid, person.gid), "kind {kind}");
                }
                // Which looks like a message without a sender.
                sender_of(&receiver) == (0, UNKNOWN, UNKNOWN)
            });
            assert_eq!(status, 0);

            people.into_iter().for_each(post);
            let status = in_pid_namespace(|| {
                assert!(enter_user_namespace());
                let told = people.map(|_| sender_of(&receiver));
                let nobody = (0, UNKNOWN, UNKNOWN);
                told == [nobody, (0, UNKNOWN, 0), (0, 0, 0), nobody, nobody]
            });
            assert_eq!(status, 0);
        }
        // Before it was asked for, none comes, in whichever namespace.
        let (sender, receiver) = pair(UDSOCK_DGRAM);
        assert_eq!(sender.send(b"x", 0), 1);
        udsock_set_option(receiver.0, UDSOCK_OPTION_RECEIVE_CREDENTIALS, 1);
        assert_eq!(in_pid_namespace(|| sender_of(&receiver) == (0, UNKNOWN, UNKNOWN)), 0);
    });
}

#[test]
fn an_inspection_knows_no_owner_whom_the_namespace_has_no_number_for() {
    with_namespaces("an_inspection_knows_no_owner_whom_the_namespace_has_no_number_for", || {
        let dir = Dir::new();
        fs::set_permissions(dir.path("."), std::os::unix::fs::PermissionsExt::from_mode(0o777))
            .unwrap();
        let path = dir.path("s");
        let server = Forked::holding(|| {
            ALICE.become_now();
            let server = open_server(UDSOCK_STREAM, &path);
            make_public(&path);
            server
        });
        let look = || {
            // SAFETY: numbers: all zero is one.
            let mut found: udsock_inspection = unsafe { zeroed() };
            found.size = size_of::<udsock_inspection>() as u32;
            // SAFETY: a C string, a struct with its size, and NULL.
            let result =
                unsafe { udsock_inspect(c(&path).as_ptr(), &mut found, std::ptr::null_mut()) };
            assert_eq!((result, found.state), (0, UDSOCK_LIVE));
            (found.uid, found.gid, found.process_uid)
        };
        assert_eq!(look(), (ALICE.uid, ALICE.gid, ALICE.uid));
        let status = in_fork(|| {
            assert!(enter_user_namespace());
            look() == (UNKNOWN, UNKNOWN, UNKNOWN)
        });
        assert_eq!(status, 0);
        drop(server);
    });
}
