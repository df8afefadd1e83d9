//! Who is let in, once it was said who is.

use std::os::fd::IntoRawFd;

use crate::calls::*;
use crate::forked::Forked;
use crate::process::in_fork;
use crate::raw;
use crate::users::*;
use support::*;

/// A user of whom nothing but this is in common with anyone.
const MEMBER: User = user(71_003, 72_003, &[72_099, CLUB, 72_101]);

#[test]
fn the_first_name_closes_the_door_to_everyone_else() {
    as_root(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            let admits = |user| admits(&server, kind, &path, &user);
            assert!([ROOT, ALICE, BOB, MEMBER].map(admits).iter().all(|let_in| *let_in));
            assert_eq!(refused(&server), 0);

            assert_eq!(allow_uid(&server, ALICE.uid), 0);
            assert_eq!([ROOT, ALICE, BOB, MEMBER].map(admits), [false, true, false, false]);
            assert_eq!(refused(&server), 3);
            assert_eq!(allow_gid(&server, CLUB), 0);
            assert_eq!([ROOT, ALICE, BOB, MEMBER].map(admits), [false, true, false, true]);
            assert_eq!(refused(&server), 5);
            assert_eq!(allow_user(&server, "root"), 0);
            assert_eq!([ROOT, ALICE, BOB, MEMBER].map(admits), [true, true, false, true]);
            assert_eq!(allow_group(&server, &BOB.gid.to_string()), 0);
            assert_eq!([ROOT, ALICE, BOB, MEMBER].map(admits), [true; 4]);
            assert_eq!(refused(&server), 6);
            // Once more is no harm, and listening anew forgets nothing.
            assert_eq!((allow_uid(&server, ALICE.uid), server.listen(5)), (0, 0));
            assert!(!admits(user(71_040, 72_040, &[])));
        }
    });
}

#[test]
fn a_group_is_the_primary_or_any_supplementary_one() {
    static FULL: [u32; 65_536] = {
        let mut gids = [0; 65_536];
        let mut next = 0;
        while next < gids.len() {
            gids[next] = 100_000 + next as u32;
            next += 1;
        }
        gids
    };
    as_root(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            assert_eq!(allow_gid(&server, CLUB), 0);
            let admits = |user| admits(&server, kind, &path, &user);
            assert!(admits(user(71_041, CLUB, &[])));
            assert!(admits(user(71_042, 72_042, &[CLUB])));
            assert!(admits(MEMBER));
            // The number as a user's means nothing.
            assert!(!admits(user(CLUB, 72_043, &[CLUB - 1, CLUB + 1])));
            assert!(!admits(user(0, 0, &[0])));

            // As many as a process can have.
            assert_eq!(allow_gid(&server, FULL[FULL.len() - 1]), 0);
            assert!(admits(user(71_044, 72_044, &FULL)));
            assert!(!admits(user(71_044, 72_044, &FULL[..FULL.len() - 1])));
        }
    });
}

#[test]
fn a_user_is_not_a_group_and_zero_is_a_number_like_others() {
    as_root(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "user");
            assert_eq!(allow_uid(&server, 0), 0);
            assert!(admits(&server, kind, &path, &user(0, 72_050, &[])));
            assert!(!admits(&server, kind, &path, &user(71_050, 0, &[0])));
            let (server, path) = open_to_all(kind, &dir, "group");
            assert_eq!(allow_gid(&server, 0), 0);
            assert!(!admits(&server, kind, &path, &user(0, 72_050, &[])));
            assert!(admits(&server, kind, &path, &user(71_050, 72_050, &[0])));
        }
    });
}

#[test]
fn the_list_holds_whenever_it_was_made() {
    as_root(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (open, path) = open_to_all(kind, &dir, "listening");
            // Who is in the queue is not in.
            let bob = BOB.connects(kind, &path);
            assert_eq!(allow_uid(&open, ALICE.uid), 0);
            let alice = ALICE.connects(kind, &path);
            let (_, who) = accept_from(&open, 0).unwrap();
            assert_eq!((who.pid, refused(&open)), (alice.pid(), 1));
            drop(bob);

            let before = create(kind);
            assert_eq!(allow_uid(&before, ALICE.uid), 0);
            before.bind(&dir.path("later")).unwrap();
            assert_eq!(before.listen(0), 0);
            make_public(&dir.path("later"));
            assert!(admits(&before, kind, &dir.path("later"), &ALICE));
            assert!(!admits(&before, kind, &dir.path("later"), &BOB));

            let adopted = raw::server(kind, &dir.path("adopted")).into_raw_fd();
            make_public(&dir.path("adopted"));
            let adopted = adopt(adopted).unwrap();
            assert_eq!(allow_uid(&adopted, ALICE.uid), 0);
            assert!(admits(&adopted, kind, &dir.path("adopted"), &ALICE));
            assert!(!admits(&adopted, kind, &dir.path("adopted"), &BOB));
            assert_eq!(refused(&adopted), 1);
        }
    });
}

#[test]
fn who_changes_after_connecting_stays_who_it_was() {
    as_root(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            assert_eq!(allow_gid(&server, CLUB), 0);
            let changes = |before: User, after: User| {
                Forked::holding(|| {
                    set_groups(before.groups);
                    act_as(before.uid, before.gid);
                    let client = open_client(kind, &path);
                    act_as(0, 0);
                    after.become_now();
                    client
                })
            };
            let leaver = changes(MEMBER, BOB);
            let (_, who) = accept_from(&server, 0).expect("it was a member");
            assert_eq!(who, Who { pid: leaver.pid(), uid: MEMBER.uid, gid: MEMBER.gid });
            let joiner = changes(BOB, MEMBER);
            assert_eq!(accept_from(&server, 0).map(drop), Err(no(libc::EAGAIN)));
            assert_eq!(refused(&server), 1);
            drop(joiner);
        }
    });
}

#[test]
fn a_refused_client_sees_the_end() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let path = dir.path("s");
        let server = open_server(kind, &path);
        assert_eq!(allow_uid(&server, Who::me().uid + 1), 0);
        let silent = open_client(kind, &path);
        let eager = open_client(kind, &path);
        assert_eq!(eager.send(b"let me in", 0), 9);
        let gone = open_client(kind, &path);
        drop(gone);
        assert_eq!(refused(&server), 0, "nobody has accepted");
        assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
        assert_eq!(refused(&server), 3);
        assert_eq!(silent.recv(0), Err(EOF));
        assert_eq!(eager.recv(0), Err(no(libc::ECONNRESET)));
        assert_eq!(eager.recv(0), Err(EOF));
        assert_eq!(silent.send(b"?", 0), no(libc::EPIPE));
        assert_eq!(udsock_set_option(server.0, UDSOCK_OPTION_REFUSED, 0), -libc::ENOPROTOOPT);
        assert_eq!(refused(&server), 3);
    }
}

#[test]
fn who_is_let_in_is_not_held_up_by_those_before() {
    as_root(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            assert_eq!(allow_uid(&server, ALICE.uid), 0);
            let mut crowd = BOB.does(|| {
                let clients: Vec<_> = (0..50).map(|_| open_client(kind, &path)).collect();
                clients.iter().for_each(sees_the_end);
            });
            let mut alice = ALICE.does(|| {
                let client = open_client(kind, &path);
                assert_eq!(client.recv(LONG).unwrap(), b"welcome");
            });
            let (accepted, who) = accept_from(&server, LONG).unwrap();
            assert_eq!((who.uid, who.gid), (ALICE.uid, ALICE.gid));
            assert_eq!(accepted.send(b"welcome", 0), 7);
            assert!(alice.wait().success());
            let status = loop {
                match crowd.try_wait() {
                    Some(status) => break status,
                    None => assert_eq!(server.accept(20).map(drop), Err(no(libc::ETIMEDOUT))),
                }
            };
            assert!(status.success());
            assert_eq!(refused(&server), 50);
        }
    });
}

/// In a user namespace the kernel shows those whom it has no number for as 65534.
#[test]
fn whom_a_user_namespace_has_no_number_for_is_nobody_in_particular() {
    const TEST: &str = "whom_a_user_namespace_has_no_number_for_is_nobody_in_particular";
    const OVERFLOW: u32 = 65_534;
    let enter = || {
        // SAFETY: no pointers.
        let entered = unsafe { libc::unshare(libc::CLONE_NEWUSER) } == 0;
        entered
            && [("uid_map", "0 0 1"), ("setgroups", "deny"), ("gid_map", "0 0 1")]
                .iter()
                .all(|(file, text)| std::fs::write(format!("/proc/self/{file}"), text).is_ok())
    };
    as_root(|| {
        if in_fork(enter) != 0 {
            return skip(TEST, "no user namespace can be made");
        }
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            let alice = [(); 3].map(|()| ALICE.connects(kind, &path));
            let root = ROOT.connects(kind, &path);
            let status = in_fork(|| {
                assert!(enter());
                let accepted = server.accept(0).unwrap();
                let shown = raw_credentials(accepted.fd()).unwrap();
                assert_eq!((shown.uid, shown.gid), (OVERFLOW, OVERFLOW), "the trap");
                let unknown = Who { uid: u32::MAX, gid: u32::MAX, ..shown };
                assert_eq!(credentials(&accepted), Ok(unknown));
                // To allow nobody must not let everybody in.
                assert_eq!(allow_uid(&server, OVERFLOW), 0);
                assert_eq!(allow_gid(&server, OVERFLOW), 0);
                assert_eq!(allow_uid(&server, 0), 0);
                let (_, who) = accept_from(&server, 0).unwrap();
                assert_eq!((who.pid, who.uid), (root.pid(), 0));
                assert_eq!(refused(&server), 2);
                true
            });
            assert_eq!(status, 0);
            drop(alice);
        }
    });
}
