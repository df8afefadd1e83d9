//! Sockets that are only reported as ready.

use crate::calls::*;
use crate::message_calls;
use crate::pipes::Pipe;
use crate::waiting::fill;
use support::*;

fn ready_member(kind: u32, token: u64) -> (Poller, Sock, Sock) {
    let poller = Poller::new();
    let (socket, peer) = pair(kind);
    assert_eq!(poller.add_for_readiness(&socket, token), 0);
    (poller, socket, peer)
}

/// It is ready, and nothing else.
fn is_ready(poller: &Poller, socket: &Sock, token: u64) {
    let event = poller.next();
    assert_eq!((event.socket, event.what()), (socket.0, (UDSOCK_EVENT_READY, token)));
    assert_eq!(event.code, 0);
}

#[test]
fn it_is_told_as_long_as_there_is_something() {
    for kind in KINDS {
        let (poller, socket, peer) = ready_member(kind, 6);
        poller.is_quiet();
        assert_eq!(peer.send(b"data", 0), 4);
        (0..3).for_each(|_| is_ready(&poller, &socket, 6));
        assert_eq!(socket.recv(0).unwrap(), b"data", "nothing was received");
        poller.is_quiet();
    }
}

#[test]
fn the_program_receives_descriptors_then() {
    for kind in KINDS {
        let (poller, socket, peer) = ready_member(kind, 6);
        message_calls::take_descriptors(&socket);
        let pipe = Pipe::new();
        assert_eq!(message_calls::send_message(&peer, b"take this", &[pipe.fd()], 0), 9);
        is_ready(&poller, &socket, 6);
        let came = message_calls::recv_message(&socket, message_calls::ENOUGH, 0).unwrap();
        assert_eq!((&came.data[..], came.descriptors.len()), (&b"take this"[..], 1));
        assert!(pipe.is_fed_by(&came.descriptors[0]));
        poller.is_quiet();
    }
}

#[test]
fn a_server_is_accepted_from_by_the_program() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let server = open_server(kind, &path);
        assert_eq!(poller.add_for_readiness(&server, 6), 0);
        poller.is_quiet();
        let _client = open_client(kind, &path);
        (0..3).for_each(|_| is_ready(&poller, &server, 6));
        let connection = server.accept(0).expect("it is ready");
        poller.is_quiet();
        is(poller.remove(&connection), libc::ENOENT);
    }
}

#[test]
fn the_end_is_something_too() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = ready_member(kind, 6);
        drop(peer);
        (0..3).for_each(|_| is_ready(&poller, &socket, 6));
        assert_eq!(socket.recv(0), Err(EOF));
        is_ready(&poller, &socket, 6);
        assert_eq!(poller.remove(&socket), 0);
        poller.is_quiet();
    }
}

#[test]
fn adding_again_changes_the_way() {
    for kind in KINDS {
        let (poller, socket, peer) = ready_member(kind, 6);
        assert_eq!(peer.send(b"one", 0), 3);
        is_ready(&poller, &socket, 6);
        assert_eq!(poller.add(&socket, 7), 0);
        let event = poller.next();
        assert_eq!((event.what(), &event.data[..]), ((UDSOCK_EVENT_RECEIVED, 7), &b"one"[..]));
        assert_eq!(poller.add_for_readiness(&socket, 8), 0);
        assert_eq!(peer.send(b"two", 0), 3);
        is_ready(&poller, &socket, 8);
        assert_eq!(socket.recv(0).unwrap(), b"two");
        poller.is_quiet();
    }
}

#[test]
fn adding_a_server_again_changes_the_way() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let server = serving(&poller, kind, &path, 1);
        assert_eq!(poller.add_for_readiness(&server, 2), 0);
        let _client = open_client(kind, &path);
        is_ready(&poller, &server, 2);
        assert_eq!(poller.add(&server, 3), 0);
        let event = poller.next();
        assert_eq!(event.what(), (UDSOCK_EVENT_ACCEPTED, 3));
        drop(Sock(event.socket));
    }
}

#[test]
fn without_an_arena_everyone_is_only_ready() {
    let nowhere = Room(16, 0);
    for kind in KINDS {
        let (poller, socket, peer) = member(kind, 1);
        assert_eq!(peer.send(b"data", 0), 4);
        for _ in 0..3 {
            let events = poller.wait_in(nowhere, LONG).unwrap();
            assert_eq!(events.len(), 1);
            assert_eq!((events[0].socket, events[0].what()), (socket.0, (UDSOCK_EVENT_READY, 1)));
        }
        assert_eq!(poller.next().data, b"data", "nothing was received");
        assert_eq!(poller.wait_in(nowhere, 0), Ok(Vec::new()));
    }
    for kind in CONNECTED_KINDS {
        let (poller, _socket, peer) = member(kind, 1);
        drop(peer);
        assert_eq!(poller.wait_in(nowhere, LONG).unwrap()[0].kind, UDSOCK_EVENT_READY);
        assert_eq!(poller.next().kind, UDSOCK_EVENT_ENDED);
    }
}

#[test]
fn who_had_to_wait_for_room_is_ready_only_if_it_still_is() {
    let room = Room(2, 64);
    for kind in KINDS {
        let (poller, _busy, busy_peer) = member(UDSOCK_DGRAM, 1);
        let (socket, peer) = pair(kind);
        assert_eq!(poller.add_for_readiness(&socket, 2), 0);
        (0..2).for_each(|_| assert_eq!(busy_peer.send(b"busy", 0), 4));
        assert_eq!(peer.send(b"data", 0), 4);
        let first = poller.wait_in(room, LONG).unwrap();
        assert!(first.iter().all(|event| event.token == 1), "it came behind: {first:?}");
        assert_eq!(socket.recv(0).unwrap(), b"data");
        assert_eq!(poller.wait(0), Ok(vec![]), "kind {kind}: nothing is there any more");
    }
}

#[test]
fn a_place_without_a_size_is_no_arena() {
    let (poller, _socket, peer) = member(UDSOCK_STREAM, 1);
    assert_eq!(peer.send(b"data", 0), 4);
    let (mut byte, mut event) = (b'?', poller.wait_raw(Room(1, 0), 0).unwrap().events[0]);
    // SAFETY: room for an event, and a place for nothing.
    let result =
        unsafe { udsock_poller_wait(poller.0.0, &mut event, 1, (&raw mut byte).cast(), 0, LONG) };
    assert_eq!((result, event.kind, byte), (1, UDSOCK_EVENT_READY, b'?'));
}

#[test]
fn servers_need_no_arena() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let _server = serving(&poller, kind, &path, 1);
        let _client = open_client(kind, &path);
        let events = poller.wait_in(Room(16, 0), LONG).unwrap();
        assert_eq!((events.len(), events[0].what()), (1, (UDSOCK_EVENT_ACCEPTED, 1)));
        drop(Sock(events[0].socket));
    }
}

#[test]
fn a_socket_that_is_only_ready_is_sent_through_all_the_same() {
    for kind in KINDS {
        let (poller, socket, peer) = ready_member(kind, 6);
        poller.send_one(&socket, b"at once");
        assert_eq!(peer.recv(0).unwrap(), b"at once");
        fill(&socket);
        poller.send_one(&socket, b"later");
        let mut came = Vec::new();
        poller.serve_until(|| {
            came.extend(drain(&peer));
            came.concat().ends_with(b"later")
        });
    }
}
