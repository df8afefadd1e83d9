//! What comes in.

use crate::calls::*;
use support::*;

#[test]
fn one_wait_brings_the_data_of_many_sockets() {
    for kind in KINDS {
        let poller = Poller::new();
        let pairs: Vec<_> = (0..100).map(|_| pair(kind)).collect();
        for (number, (socket, peer)) in pairs.iter().enumerate() {
            assert_eq!(poller.add(socket, number as u64), 0);
            let text = format!("message {number}");
            assert_eq!(peer.send(text.as_bytes(), 0), text.len() as i64);
        }
        let mut events = poller.wait(LONG).unwrap();
        assert_eq!(events.len(), 100, "kind {kind}");
        events.sort_by_key(|event| event.token);
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event.socket, pairs[number].0.0);
            assert_eq!(event.what(), (UDSOCK_EVENT_RECEIVED, number as u64));
            assert_eq!(event.data, format!("message {number}").into_bytes());
            assert_eq!((event.code, event.address.as_str()), (0, ""));
        }
        poller.is_quiet();
    }
}

#[test]
fn a_stream_comes_as_it_is_there() {
    let (poller, _socket, peer) = member(UDSOCK_STREAM, 1);
    for part in [&b"one"[..], b"", b"two", b"three"] {
        assert_eq!(peer.send(part, 0), part.len() as i64);
    }
    assert_eq!(poller.next().data, b"onetwothree");
}

#[test]
fn one_event_brings_no_more_of_a_stream_than_receive_size() {
    let (socket, peer) = pair(UDSOCK_STREAM);
    let poller = Poller::with(&udsock_poller_options { receive_size: 10, ..poller_options() });
    assert_eq!(poller.add(&socket, 1), 0);
    assert_eq!(peer.send(b"abcdefghijklmnopqrstuvwxyz", 0), 26);
    let parts: Vec<_> = poller.gather(3).into_iter().map(|event| event.data).collect();
    assert_eq!(parts, [&b"abcdefghij"[..], b"klmnopqrst", b"uvwxyz"]);
}

#[test]
fn receive_size_is_64_kib_if_nobody_says_so_and_does_not_concern_messages() {
    let (poller, _socket, peer) = member(UDSOCK_STREAM, 1);
    assert_eq!(peer.send(&[b'x'; 100_000], 0), 100_000);
    let sizes: Vec<_> = poller.gather(2).iter().map(|event| event.data.len()).collect();
    assert_eq!(sizes, [65_536, 34_464]);

    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let (socket, peer) = pair(kind);
        let poller = Poller::with(&udsock_poller_options { receive_size: 1, ..poller_options() });
        assert_eq!(poller.add(&socket, 1), 0);
        assert_eq!(peer.send(&[b'x'; 100_000], 0), 100_000);
        assert_eq!(poller.next().data.len(), 100_000, "kind {kind}");
    }
}

#[test]
fn what_was_there_before_it_was_added_is_told() {
    for kind in KINDS {
        let (socket, peer) = pair(kind);
        assert_eq!(peer.send(b"early", 0), 5);
        let poller = Poller::new();
        assert_eq!(poller.add(&socket, 1), 0);
        assert_eq!(poller.next().data, b"early");
    }
}

#[test]
fn the_end_is_told_once_and_the_socket_can_still_answer() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 4);
        assert_eq!(peer.send(b"question", 0), 8);
        assert_eq!(peer.shutdown(UDSOCK_WRITE), 0);
        let events = poller.gather(2);
        assert_eq!(
            (events[0].kind, &events[0].data[..]),
            (UDSOCK_EVENT_RECEIVED, &b"question"[..])
        );
        assert_eq!(events[1].what(), (UDSOCK_EVENT_ENDED, 4));
        assert_eq!((events[1].socket, events[1].code), (socket.0, 0));
        poller.is_quiet();
        for _ in 0..3 {
            poller.send_one(&socket, b"answer");
            assert_eq!(peer.recv(LONG).unwrap(), b"answer");
            poller.is_quiet();
        }
        drop(peer);
        poller.is_quiet();
        assert_eq!(poller.add(&socket, 5), 0, "it is still a member");
        poller.is_quiet();
        assert_eq!(socket.close(), 0, "closing it is up to the program");
    }
}

#[test]
fn what_the_peer_left_behind_comes_before_its_end() {
    for kind in CONNECTED_KINDS {
        let (poller, _socket, peer) = member(kind, 4);
        assert_eq!(peer.send(&[b'x'; 3000], 0), 3000);
        drop(peer);
        let events = poller.gather_in(Room(8, 4000), 2);
        assert_eq!((events[0].kind, events[0].data.len()), (UDSOCK_EVENT_RECEIVED, 3000));
        assert_eq!(events[1].what(), (UDSOCK_EVENT_ENDED, 4));
        poller.is_quiet();
    }
}

#[test]
fn a_datagram_socket_ends_when_it_is_shut_down() {
    let (poller, socket, peer) = member(UDSOCK_DGRAM, 4);
    assert_eq!(peer.send(b"before", 0), 6);
    assert_eq!(socket.shutdown(UDSOCK_READ), 0);
    let events = poller.gather(2);
    assert_eq!((events[0].kind, &events[0].data[..]), (UDSOCK_EVENT_RECEIVED, &b"before"[..]));
    assert_eq!(events[1].what(), (UDSOCK_EVENT_ENDED, 4));
    poller.is_quiet();
    poller.send_one(&socket, b"answer");
    assert_eq!(peer.recv(0).unwrap(), b"answer");
}

#[test]
fn no_call_brings_data_and_behind_it_the_end() {
    let room = Room(8, 9);
    for kind in KINDS {
        let (poller, socket, peer) = member(kind, 4);
        assert_eq!((peer.send(b"first", 0), peer.send(b"second", 0)), (5, 6));
        match kind {
            UDSOCK_DGRAM => assert_eq!(socket.shutdown(UDSOCK_READ), 0),
            _ => assert_eq!(peer.close(), 0),
        }
        let mut kinds = Vec::new();
        while kinds.last() != Some(&UDSOCK_EVENT_ENDED) {
            let events = poller.wait_in(room, LONG).unwrap();
            assert_eq!(events.len(), 1, "kind {kind}: {events:?}");
            kinds.push(events[0].kind);
        }
        assert_eq!(kinds.len(), 3, "kind {kind}");
    }
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 4);
        assert_eq!((socket.send(b"never read", 0), peer.send(b"data", 0)), (10, 4));
        drop(peer);
        let kinds = [(); 2].map(|()| poller.next().kind);
        assert_eq!(kinds, [UDSOCK_EVENT_RECEIVED, UDSOCK_EVENT_FAILED]);
    }
}

#[test]
fn a_datagram_socket_outlives_its_peers() {
    let (poller, socket, peer) = member(UDSOCK_DGRAM, 4);
    assert_eq!(peer.send(b"last words", 0), 10);
    drop(peer);
    assert_eq!(poller.next().data, b"last words");
    poller.is_quiet();
    assert_eq!(poller.remove(&socket), 0);
}

#[test]
fn members_may_be_used_without_the_poller_too() {
    for kind in KINDS {
        let (poller, socket, peer) = member(kind, 4);
        assert_eq!(peer.send(b"taken", 0), 5);
        assert_eq!(socket.recv(0).unwrap(), b"taken");
        poller.is_quiet();
        assert_eq!(socket.send(b"sent", 0), 4);
        assert_eq!(peer.recv(0).unwrap(), b"sent");
    }
}

#[test]
fn what_was_taken_out_is_no_longer_told() {
    for kind in KINDS {
        let (poller, socket, peer) = member(kind, 4);
        assert_eq!(poller.remove(&socket), 0);
        is(poller.remove(&socket), libc::ENOENT);
        assert_eq!(peer.send(b"kept by the kernel", 0), 18);
        poller.is_quiet();
        assert_eq!(poller.add(&socket, 5), 0);
        let event = poller.next();
        assert_eq!((event.token, &event.data[..]), (5, &b"kept by the kernel"[..]));
    }
}
