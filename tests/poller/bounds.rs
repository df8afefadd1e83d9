//! Messages keep their bounds, and an empty one is not the end.

use crate::calls::*;
use support::*;

const MESSAGE_KINDS: [u32; 2] = [UDSOCK_DGRAM, UDSOCK_SEQPACKET];

#[test]
fn each_message_is_an_event() {
    for kind in MESSAGE_KINDS {
        let (poller, _socket, peer) = member(kind, 1);
        let messages = [&b"one"[..], b"", b"two", b"", b"", b"three"];
        for message in messages {
            assert_eq!(peer.send(message, 0), message.len() as i64);
        }
        let events = poller.gather(6);
        assert!(events.iter().all(|event| event.what() == (UDSOCK_EVENT_RECEIVED, 1)));
        assert!(events.iter().map(|event| &event.data[..]).eq(messages), "kind {kind}");
        poller.is_quiet();
    }
}

#[test]
fn each_item_is_a_message() {
    for kind in MESSAGE_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        let messages = [&b"one"[..], b"", b"two", b"", b"", b"three"];
        let items = messages.map(|message| item(&socket, message));
        assert_eq!(poller.send(&items), (6, vec![3, 0, 3, 0, 0, 5]));
        assert!(drain(&peer).iter().map(|message| &message[..]).eq(messages), "kind {kind}");
    }
}

#[test]
fn seqpackets_know_an_empty_message_from_the_end() {
    let (poller, socket, peer) = member(UDSOCK_SEQPACKET, 1);
    assert_eq!((peer.send(b"", 0), peer.send(b"", 0)), (0, 0));
    assert_eq!(peer.shutdown(UDSOCK_WRITE), 0);
    let events = poller.gather(3);
    for event in &events[..2] {
        assert_eq!((event.kind, event.data.len(), event.code), (UDSOCK_EVENT_RECEIVED, 0, 0));
    }
    assert_eq!(events[2].kind, UDSOCK_EVENT_ENDED);
    poller.is_quiet();

    let items = [item(&socket, b""), item_then(&socket, b"", UDSOCK_THEN_SHUTDOWN)];
    assert_eq!(poller.send(&items), (2, vec![0, 0]));
    assert_eq!(drain(&peer), [b"", b""]);
    assert_eq!(peer.recv(0), Err(EOF));
}

#[test]
fn on_a_stream_an_empty_item_is_nothing() {
    let (poller, socket, peer) = member(UDSOCK_STREAM, 1);
    assert_eq!(poller.send(&[item(&socket, b"")]), (1, vec![0]));
    is(peer.recv(0).unwrap_err(), libc::EAGAIN);
    let items = [&b""[..], b"a", b"", b"b"].map(|part| item(&socket, part));
    assert_eq!(poller.send(&items), (4, vec![0, 1, 0, 1]));
    assert_eq!(peer.recv(0).unwrap(), b"ab");
}

#[test]
fn an_empty_message_needs_an_arena_all_the_same() {
    for kind in MESSAGE_KINDS {
        let (poller, _socket, peer) = member(kind, 1);
        assert_eq!((peer.send(b"full", 0), peer.send(b"", 0)), (4, 0));
        let events = poller.gather_in(Room(8, 4), 2);
        let sizes: Vec<_> = events.iter().map(|event| (event.data.len(), event.code)).collect();
        assert_eq!(sizes, [(4, 0), (0, 0)], "kind {kind}");
    }
}
