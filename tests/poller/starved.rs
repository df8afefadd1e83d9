//! No descriptors are left: that is told once, and costs nothing until there are some.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crate::calls::*;
use crate::message_calls::{leave_descriptors, limit_descriptors};
use crate::process::{in_child, processor_time};
use crate::raw;
use support::*;

/// A server for which there is no descriptor, and who waits there.
fn starving(kind: u32, poller: &Poller, path: &str) -> (Sock, Vec<OwnedFd>) {
    let server = serving(poller, kind, path, 7);
    let clients: Vec<_> = (0..3).map(|_| raw::socket(kind)).collect();
    for client in &clients {
        assert_eq!(raw::connect(client, path), 0);
    }
    leave_descriptors(0);
    (server, clients)
}

fn is_starved(event: &Event, server: &Sock) {
    assert_eq!((event.socket, event.what()), (server.0, (UDSOCK_EVENT_FAILED, 7)));
    is(event.code, libc::EMFILE);
}

#[test]
fn a_server_without_descriptors_says_so_once_and_does_not_spin() {
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let (dir, poller) = (Dir::new(), Poller::new());
            let path = dir.path("s");
            let (server, _clients) = starving(kind, &poller, &path);
            is_starved(&poller.next(), &server);
            let before = processor_time();
            assert_eq!(poller.wait(500), Err(no(libc::ETIMEDOUT)), "told once");
            assert!(processor_time() - before < Duration::from_millis(250), "it spins");

            limit_descriptors(256);
            let events = poller.gather(3);
            assert!(events.iter().all(|event| event.what() == (UDSOCK_EVENT_ACCEPTED, 7)));
            events.iter().for_each(|event| drop(Sock(event.socket)));
            poller.is_quiet();
            assert_eq!(poller.remove(&server), 0, "it has stayed");
        }
    });
}

#[test]
fn it_is_told_again_when_things_had_been_better() {
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let (dir, poller) = (Dir::new(), Poller::new());
            let path = dir.path("s");
            let (server, mut clients) = starving(kind, &poller, &path);
            is_starved(&poller.next(), &server);
            drop(clients.pop());
            // One descriptor is free: one comes in, and the next does not.
            let events = poller.gather(2);
            assert_eq!(events[0].kind, UDSOCK_EVENT_ACCEPTED);
            is_starved(&events[1], &server);
            limit_descriptors(256);
            let rest = poller.gather(2);
            assert!(rest.iter().all(|event| event.kind == UDSOCK_EVENT_ACCEPTED));
            events[..1].iter().chain(&rest).for_each(|event| drop(Sock(event.socket)));
        }
    });
}

#[test]
fn the_others_are_served_meanwhile() {
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let (dir, poller) = (Dir::new(), Poller::new());
            let (path, (socket, peer)) = (dir.path("s"), pair(kind));
            assert_eq!(poller.add(&socket, 8), 0);
            let (server, _clients) = starving(kind, &poller, &path);
            is_starved(&poller.next(), &server);
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(100) {
                assert_eq!(peer.send(b"ping", 0), 4);
                assert_eq!(poller.next().data, b"ping");
                poller.send_one(&socket, b"pong");
                assert_eq!(peer.recv(0).unwrap(), b"pong");
            }
            limit_descriptors(256);
        }
    });
}

#[test]
fn a_starving_server_can_be_taken_out_added_again_and_closed() {
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let (dir, poller) = (Dir::new(), Poller::new());
            let (server, _clients) = starving(kind, &poller, &dir.path("s"));
            is_starved(&poller.next(), &server);
            assert_eq!(poller.remove(&server), 0);
            is(poller.wait(60).unwrap_err(), libc::ETIMEDOUT);
            assert_eq!(poller.add(&server, 7), 0);
            is_starved(&poller.next(), &server);
            assert_eq!(server.close(), 0);
            limit_descriptors(256);
            is(poller.wait(60).unwrap_err(), libc::ETIMEDOUT);
        }
    });
}

#[test]
fn a_poller_takes_three_descriptors_and_gives_them_back() {
    in_child(|| {
        let before = open_descriptors();
        let poller = Poller::new();
        assert_eq!(open_descriptors(), before + 3);
        leave_descriptors(2);
        // SAFETY: NULL is allowed.
        let result = unsafe { udsock_poller_create(std::ptr::null()) };
        limit_descriptors(256);
        is(result, libc::EMFILE);
        assert_eq!(open_descriptors(), before + 3, "nothing is left behind");
        drop(poller);
        assert_eq!(open_descriptors(), before);
    });
}
