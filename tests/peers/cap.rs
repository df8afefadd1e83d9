//! How many connections one user may have open.

use std::thread;
use std::time::Duration;

use crate::calls::*;
use crate::users::*;
use support::*;

fn capped(kind: u32, dir: &Dir, cap: i64) -> (Sock, String) {
    let (server, path) = open_to_all(kind, dir, "s");
    assert_eq!(set_cap(&server, cap), 0);
    (server, path)
}

#[test]
fn the_cap_is_what_was_set() {
    let server = open_server(UDSOCK_STREAM, "@");
    let cap = || server.option(UDSOCK_OPTION_MAX_PER_UID);
    assert_eq!(cap(), 0);
    for value in [1, 1000, i64::from(i32::MAX), i64::from(u32::MAX), 0] {
        assert_eq!(set_cap(&server, value), 0);
        assert_eq!(cap(), value);
    }
    assert_eq!(set_cap(&server, 7), 0);
    for value in [-1, i64::MIN, i64::from(u32::MAX) + 1, i64::MAX] {
        assert_eq!(set_cap(&server, value), no(libc::EINVAL), "{value}");
        assert_eq!(cap(), 7);
    }
}

#[test]
fn one_too_many_is_refused_until_one_is_closed() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, path) = capped(kind, &dir, 2);
        let client = || open_client(kind, &path);
        let clients = [client(), client(), client()];
        let mut open = vec![server.accept(0).unwrap(), server.accept(0).unwrap()];
        for round in 1..20 {
            assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
            assert_eq!(refused(&server), round);
            drop(open.swap_remove(round as usize % 2));
            let _in_time = client();
            open.push(server.accept(0).expect("there is room"));
            let too_late = client();
            drop(too_late);
        }
        let [first, _, third] = clients;
        sees_the_end(&third);
        drop(first);
    }
}

#[test]
fn only_the_server_s_close_makes_room() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, path) = capped(kind, &dir, 1);
        let first = open_client(kind, &path);
        let accepted = server.accept(0).unwrap();
        drop(first);
        assert_eq!(accepted.recv(0), Err(EOF));
        assert_eq!(accepted.shutdown(UDSOCK_READ | UDSOCK_WRITE), 0);
        let second = open_client(kind, &path);
        assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
        sees_the_end(&second);
        assert_eq!(accepted.close(), 0);
        let _third = open_client(kind, &path);
        drop(server.accept(0).expect("there is room"));
    }
}

#[test]
fn room_is_made_while_another_thread_accepts() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, path) = capped(kind, &dir, 1);
        let _first = open_client(kind, &path);
        let accepted = server.accept(0).unwrap();
        thread::scope(|scope| {
            let acceptor = scope.spawn(|| server.accept(LONG));
            sees_the_end(&open_client(kind, &path));
            assert_eq!(accepted.close(), 0);
            let _second = open_client(kind, &path);
            assert!(acceptor.join().unwrap().is_ok());
        });
        assert_eq!(refused(&server), 1);
    }
}

#[test]
fn a_lower_cap_closes_nothing_and_none_lets_all_in() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, path) = capped(kind, &dir, 5);
        let let_in = || {
            let _client = open_client(kind, &path);
            server.accept(0)
        };
        let mut open: Vec<_> = (0..5).map(|_| let_in().unwrap()).collect();
        assert_eq!(set_cap(&server, 2), 0);
        for _ in 0..4 {
            assert_eq!(let_in().map(drop), Err(no(libc::EAGAIN)));
            open.pop();
        }
        open.push(let_in().expect("one of two places is free"));
        assert_eq!(let_in().map(drop), Err(no(libc::EAGAIN)));
        assert_eq!(set_cap(&server, 0), 0);
        open.extend((0..10).map(|_| let_in().unwrap()));
        assert_eq!(refused(&server), 5);
    }
}

#[test]
fn connections_may_outlive_their_server() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, path) = capped(kind, &dir, 2);
        let client = open_client(kind, &path);
        let accepted = server.accept(0).unwrap();
        assert_eq!(server.close(), 0);
        assert_eq!((accepted.send(b"still here", 0), client.recv(0).unwrap().len()), (10, 10));
        assert_eq!(accepted.close(), 0);
        // Another server at the same place counts for itself.
        let (server, path) = capped(kind, &dir, 1);
        let _client = open_client(kind, &path);
        drop(server.accept(0).unwrap());
    }
}

#[test]
fn threads_that_accept_at_once_let_no_more_in() {
    const CAP: usize = 5;
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, path) = capped(kind, &dir, CAP as i64);
        let clients: Vec<_> = (0..100).map(|_| open_client(kind, &path)).collect();
        let open: Vec<Sock> = thread::scope(|scope| {
            let accept_all = || {
                let mut open = Vec::new();
                while let Ok(accepted) = server.accept(0) {
                    open.push(accepted);
                    thread::sleep(Duration::from_micros(100));
                }
                open
            };
            let acceptors: Vec<_> = (0..4).map(|_| scope.spawn(accept_all)).collect();
            acceptors.into_iter().flat_map(|acceptor| acceptor.join().unwrap()).collect()
        });
        assert_eq!((open.len(), refused(&server)), (CAP, 100 - CAP as i64));
        let ended = clients.iter().filter(|client| client.recv(0) == Err(EOF)).count();
        assert_eq!(ended, 100 - CAP);
    }
}

#[test]
fn each_user_has_places_of_its_own() {
    as_root(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = capped(kind, &dir, 2);
            let enters = |user: &User| {
                let _client = user.connects(kind, &path);
                server.accept(0)
            };
            let mut alice = [enters(&ALICE).unwrap(), enters(&ALICE).unwrap()];
            assert_eq!(enters(&ALICE).map(drop), Err(no(libc::EAGAIN)));
            let same_user = user(ALICE.uid, BOB.gid, &[CLUB]);
            assert_eq!(enters(&same_user).map(drop), Err(no(libc::EAGAIN)));
            // Same group, another user.
            let _bob = [enters(&user(BOB.uid, ALICE.gid, &[])).unwrap(), enters(&BOB).unwrap()];
            assert_eq!(enters(&BOB).map(drop), Err(no(libc::EAGAIN)));
            let _root = [enters(&ROOT).unwrap(), enters(&ROOT).unwrap()];
            assert_eq!(enters(&ROOT).map(drop), Err(no(libc::EAGAIN)));
            assert_eq!(refused(&server), 4);
            assert_eq!(alice[0].close(), 0);
            assert_eq!(enters(&BOB).map(drop), Err(no(libc::EAGAIN)));
            alice[0] = enters(&ALICE).unwrap();
            assert_eq!(refused(&server), 5);
        }
    });
}

#[test]
fn whom_the_list_refuses_takes_no_place() {
    as_root(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = capped(kind, &dir, 1);
            assert_eq!(allow_gid(&server, CLUB), 0);
            let enters = |groups| {
                let _client = user(71_060, 72_060, groups).connects(kind, &path);
                server.accept(0)
            };
            assert_eq!(enters(&[]).map(drop), Err(no(libc::EAGAIN)));
            let _open = enters(&[CLUB]).expect("the one before was not let in");
            assert_eq!(enters(&[CLUB]).map(drop), Err(no(libc::EAGAIN)));
            assert_eq!(refused(&server), 2);
        }
    });
}
