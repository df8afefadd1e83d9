//! Who the peer is: as the kernel saw it when the connection was made.

use std::os::fd::IntoRawFd;

use crate::calls::*;
use crate::forked::Forked;
use crate::process::{in_child, in_fork};
use crate::raw;
use crate::users::*;
use support::*;

/// Everything there is to know of this process.
fn is_this_process(socket: &Sock) {
    assert_eq!(credentials(socket), Ok(Who::me()));
    assert_eq!(groups(socket).unwrap(), my_groups());
    drop(pidfd_if_supported(socket));
}

#[test]
fn a_process_sees_itself_at_both_ends() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, client, peer) = connection(kind, &dir);
        is_this_process(&client);
        is_this_process(&peer);
        let second = open_client(kind, &dir.path("connection.sock"));
        let (accepted, who) = accept_from(&server, 0).unwrap();
        assert_eq!(who, Who::me());
        is_this_process(&accepted);
        is_this_process(&second);
    }
}

#[test]
fn a_pair_of_any_kind_knows_who_made_it() {
    for kind in KINDS {
        let (one, other) = pair(kind);
        is_this_process(&one);
        is_this_process(&other);
        let [one, other] = raw::pair(kind).map(|fd| adopt(fd.into_raw_fd()).unwrap());
        is_this_process(&one);
        is_this_process(&other);
    }
}

#[test]
fn a_pair_keeps_its_maker_in_a_forked_child() {
    in_child(|| {
        for kind in KINDS {
            let (one, other) = pair(kind);
            let maker = Who::me();
            let status = in_fork(|| {
                assert_ne!(Who::me(), maker);
                credentials(&one) == Ok(maker) && credentials(&other) == Ok(maker)
            });
            assert_eq!(status, 0);
        }
    });
}

#[test]
fn a_forked_child_is_told_from_its_parent() {
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            let parent = Who::me();
            let child = Forked::holding(|| {
                let client = open_client(kind, &path);
                assert_eq!(credentials(&client), Ok(parent));
                client
            });
            let expected = Who { pid: child.pid(), ..parent };
            let (accepted, who) = accept_from(&server, 0).unwrap();
            assert_eq!(who, expected);
            assert_eq!(credentials(&accepted), Ok(expected));
            assert_eq!(groups(&accepted).unwrap(), my_groups());
        }
    });
}

#[test]
fn other_users_with_their_groups_come_as_they_are() {
    static MANY: [u32; 1000] = {
        let mut gids = [0; 1000];
        let mut next = 0;
        while next < gids.len() {
            gids[next] = 80_000 + 7 * next as u32;
            next += 1;
        }
        gids
    };
    as_root(|| {
        let people = [
            ROOT,
            ALICE,
            user(65_534, 65_534, &[]),
            user(71_003, 0, &[0]),
            user(0, 72_003, &[CLUB]),
            user(71_004, 72_004, &[72_004, CLUB, 4]),
            user(4_294_967_294, 4_294_967_294, &[4_294_967_294]),
            user(71_005, 72_005, &MANY),
        ];
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            for person in people {
                let client = person.connects(kind, &path);
                let (accepted, who) = accept_from(&server, 0).unwrap();
                assert_eq!(who, Who { pid: client.pid(), uid: person.uid, gid: person.gid });
                assert_eq!(credentials(&accepted), Ok(who));
                let mut expected = person.groups.to_vec();
                expected.sort_unstable();
                assert_eq!(groups(&accepted).unwrap(), expected);
                assert_eq!(groups_count(&accepted), expected.len() as i64);
            }
        }
    });
}

#[test]
fn a_client_sees_its_server_as_it_was_when_it_listened() {
    as_root(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = Forked::holding(|| {
                let server = create(kind);
                server.bind(&path).unwrap();
                set_groups(&[CLUB, 72_007]);
                act_as(71_006, 72_006);
                assert_eq!(server.listen(0), 0);
                // What it turns into later is another matter.
                act_as(0, 0);
                set_groups(&[]);
                server
            });
            let client = open_client(kind, &path);
            let expected = Who { pid: server.pid(), uid: 71_006, gid: 72_006 };
            assert_eq!(credentials(&client), Ok(expected));
            assert_eq!(groups(&client).unwrap(), [72_007, CLUB]);
        }
    });
}

#[test]
fn what_a_client_turns_into_after_connecting_changes_nothing() {
    as_root(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            let before = user(71_010, 72_010, &[72_011, CLUB]);
            let client = Forked::holding(|| {
                set_groups(before.groups);
                act_as(before.uid, before.gid);
                let client = open_client(kind, &path);
                act_as(0, 0);
                user(71_012, 72_012, &[72_013]).become_now();
                client
            });
            let expected = Who { pid: client.pid(), uid: before.uid, gid: before.gid };
            let (accepted, who) = accept_from(&server, 0).unwrap();
            assert_eq!(who, expected);
            assert_eq!(credentials(&accepted), Ok(expected));
            assert_eq!(groups(&accepted).unwrap(), before.groups);
        }
    });
}

#[test]
fn who_has_gone_is_still_known() {
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            let client = Forked::holding(|| open_client(kind, &path));
            let expected = Who { pid: client.pid(), ..Who::me() };
            let (before, _) = accept_from(&server, 0).unwrap();
            let second = Forked::holding(|| open_client(kind, &path));
            let queued = Who { pid: second.pid(), ..Who::me() };
            drop((client, second));

            // Gone after it was accepted, and while it was in the queue.
            let (after, who) = accept_from(&server, 0).unwrap();
            assert_eq!(who, queued);
            for (accepted, expected) in [(before, expected), (after, queued)] {
                assert_eq!(accepted.recv(0), Err(EOF));
                assert_eq!(credentials(&accepted), Ok(expected));
                assert_eq!(groups(&accepted).unwrap(), my_groups());
                assert_eq!(accepted.send(b"x", 0), no(libc::EPIPE));
                assert_eq!(credentials(&accepted), Ok(expected));
            }
        }
    });
}

#[test]
fn a_closed_peer_and_a_closed_server_are_still_known() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, client, peer) = connection(kind, &dir);
        let never_accepted = open_client(kind, &dir.path("connection.sock"));
        assert_eq!((server.close(), peer.close()), (0, 0));
        is_this_process(&client);
        is_this_process(&never_accepted);
        assert_eq!(client.shutdown(UDSOCK_READ | UDSOCK_WRITE), 0);
        is_this_process(&client);
    }
    for kind in KINDS {
        let (one, other) = pair(kind);
        assert_eq!(one.close(), 0);
        is_this_process(&other);
    }
}
