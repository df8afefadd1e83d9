//! Closing a poller that is waited in, and sockets that are in one.

use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::thread;
use std::time::Duration;

use crate::calls::*;
use crate::forked::in_fork_that_holds;
use crate::process::{in_child, processor_time};
use crate::raw;
use crate::threads::asleep;
use support::*;

#[test]
fn every_wait_on_a_poller_ends_when_it_is_closed() {
    for timeout_ms in [FOREVER, LONG] {
        let (poller, ..) = member(UDSOCK_STREAM, 1);
        thread::scope(|scope| {
            let waiters: Vec<_> =
                (0..10).map(|_| asleep(scope, || poller.wait(timeout_ms))).collect();
            assert_eq!(poller.close(), 0);
            for waiter in waiters {
                assert_eq!(waiter.join(), Err(CLOSED));
            }
        });
        is(poller.wait(0).unwrap_err(), libc::EBADF);
    }
}

#[test]
fn its_sockets_stay_open_and_can_be_added_to_another() {
    for kind in KINDS {
        let (poller, socket, peer) = member(kind, 1);
        assert_eq!(poller.close(), 0);
        assert_eq!((peer.send(b"one", 0), socket.recv(0)), (3, Ok(b"one".to_vec())));
        let other = Poller::new();
        assert_eq!(other.add(&socket, 2), 0);
        assert_eq!(peer.send(b"two", 0), 3);
        assert_eq!(other.next().data, b"two");
    }
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let server = serving(&poller, kind, &path, 1);
        let _client = open_client(kind, &path);
        let connection = Sock(poller.next().socket);
        assert_eq!(poller.close(), 0);
        let other = Poller::new();
        assert_eq!((other.add(&server, 2), other.add(&connection, 3)), (0, 0));
        let _client = open_client(kind, &path);
        let event = other.next();
        assert_eq!(event.what(), (UDSOCK_EVENT_ACCEPTED, 2));
        drop(Sock(event.socket));
    }
}

/// Nothing is told of a socket that was closed or given away, however many still have it.
fn nothing_is_told(poller: &Poller) {
    let before = processor_time();
    is(poller.wait(150).unwrap_err(), libc::ETIMEDOUT);
    assert!(processor_time() - before < Duration::from_millis(75), "it spins");
}

#[test]
fn of_a_closed_socket_nothing_is_told_also_when_a_copy_of_it_is_open() {
    for kind in KINDS {
        let (poller, socket, peer) = member(kind, 1);
        let _copy = raw::copy(socket.fd());
        assert_eq!(peer.send(b"before", 0), 6);
        assert_eq!(socket.close(), 0);
        assert_eq!(peer.send(b"after", 0), 5);
        nothing_is_told(&poller);
        drop(peer);
        poller.is_quiet();
    }
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let server = serving(&poller, kind, &path, 1);
        let _copy = raw::copy(server.fd());
        assert_eq!(udsock_disown(server.0), 0);
        assert_eq!(server.close(), 0);
        let client = raw::socket(kind);
        assert_eq!(raw::connect(&client, &path), 0, "the copy's queue");
        nothing_is_told(&poller);
    }
}

#[test]
fn of_a_released_socket_nothing_is_told() {
    for kind in KINDS {
        let (poller, socket, peer) = member(kind, 1);
        let handle = socket.0;
        let fd = socket.release();
        assert!(fd >= 0);
        // SAFETY: it was released to us.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        assert_eq!(peer.send(b"theirs", 0), 6);
        nothing_is_told(&poller);
        assert_eq!(raw::recv(&fd, 0), Ok(b"theirs".to_vec()));
        is(udsock_poller_remove(poller.0.0, handle).into(), libc::EBADF);
        let again = adopt(fd.into_raw_fd()).unwrap();
        assert_eq!(poller.add(&again, 2), 0, "it may come back");
        assert_eq!(peer.send(b"ours", 0), 4);
        assert_eq!(poller.next().data, b"ours");
    }
}

#[test]
fn of_a_closed_socket_nothing_is_told_also_when_a_forked_child_has_it() {
    in_child(|| {
        for kind in KINDS {
            let (poller, socket, peer) = member(kind, 1);
            let _child = in_fork_that_holds();
            assert_eq!(socket.close(), 0);
            assert_eq!(peer.send(b"after", 0), 5);
            nothing_is_told(&poller);
            let (again, other_peer) = pair(kind);
            assert_eq!(poller.add(&again, 2), 0);
            assert_eq!(other_peer.send(b"new", 0), 3);
            assert_eq!(poller.next().token, 2);
        }
    });
}

#[test]
fn a_new_socket_in_an_old_one_s_place_has_nothing_of_it() {
    for kind in KINDS {
        let poller = Poller::new();
        for round in 0..10 {
            let (socket, peer) = pair(kind);
            assert_eq!(poller.add(&socket, round), 0);
            crate::waiting::fill(&socket);
            poller.send_one(&socket, b"kept");
            assert_eq!(peer.send(&round.to_le_bytes(), 0), 8);
            assert_eq!(socket.close(), 0);
            let (next, next_peer) = pair(kind);
            is(poller.remove(&next), libc::ENOENT);
            assert_eq!(poller.add(&next, 1000 + round), 0);
            poller.is_quiet();
            assert_eq!(next_peer.send(b"new", 0), 3);
            let event = poller.next();
            assert_eq!(
                (event.socket, event.token, &event.data[..]),
                (next.0, 1000 + round, &b"new"[..])
            );
        }
    }
}

#[test]
fn sockets_may_be_closed_while_another_thread_waits() {
    for kind in KINDS {
        let poller = Poller::new();
        let (over, over_peer) = pair(UDSOCK_STREAM);
        assert_eq!(poller.add(&over, u64::MAX), 0);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                loop {
                    let events = poller.wait(LONG).expect("it is ended");
                    if events.iter().any(|event| event.token == u64::MAX) {
                        break;
                    }
                }
            });
            for round in 0..500 {
                let (socket, peer) = pair(kind);
                assert_eq!(poller.add(&socket, round), 0);
                assert_eq!(peer.send(b"data", 0), 4);
                poller.send(&[item(&socket, b"answer")]);
                assert_eq!(socket.close(), 0);
            }
            assert_eq!(over_peer.send(b"over", 0), 4);
            waiter.join().unwrap();
        });
    }
}

#[test]
fn a_poller_may_be_closed_while_others_use_it() {
    for round in 0..50 {
        let poller = Poller::new();
        let pairs: Vec<_> = KINDS.map(pair).into();
        pairs.iter().for_each(|(socket, _)| assert_eq!(poller.add(socket, round), 0));
        let is_good = |result: i64| {
            let closed = [CLOSED, no(libc::EBADF)].contains(&result);
            assert!(result >= 0 || closed, "{}", name_of(result));
            !closed
        };
        thread::scope(|scope| {
            let (poller, pairs) = (&poller, &pairs);
            scope.spawn(
                move || {
                    while is_good(poller.wait(FOREVER).map_or_else(|code| code, |_| 0)) {}
                },
            );
            scope.spawn(move || while is_good(poller.send(&[item(&pairs[0].0, b"x")]).0) {});
            scope.spawn(move || while is_good(poller.wake()) {});
            scope.spawn(move || while is_good(poller.add(&pairs[1].0, 5)) {});
            thread::sleep(Duration::from_micros(300 * round));
            assert_eq!(poller.close(), 0);
        });
        let other = Poller::new();
        for (socket, _) in &pairs {
            assert_eq!(other.add(socket, 1), 0, "nobody has it any more");
        }
    }
}
