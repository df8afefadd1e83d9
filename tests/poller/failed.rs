//! Sockets that fail: what came before is told first, and then they have left.

use crate::calls::*;
use crate::nested::poll_in;
use crate::raw;
use crate::waiting::fill;
use support::*;

/// It has failed as one of these, and is no member any more.
fn has_failed(poller: &Poller, socket: &Sock, event: &Event, errnos: &[i32]) {
    assert_eq!((event.socket, event.what()), (socket.0, (UDSOCK_EVENT_FAILED, 1)));
    assert!(errnos.iter().any(|errno| event.code == no(*errno)), "{}", name_of(event.code));
    is(poller.remove(socket), libc::ENOENT);
    is(poller.refusal(item(socket, b"x")), libc::ENOENT);
    poller.is_quiet();
    assert!(socket.fd() >= 0, "closing it is up to the program");
}

#[test]
fn a_reset_is_told_after_the_data() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        assert_eq!(socket.send(b"never read", 0), 10);
        assert_eq!(peer.send(b"last words", 0), 10);
        drop(peer);
        let events = poller.gather(2);
        assert_eq!(
            (events[0].kind, &events[0].data[..]),
            (UDSOCK_EVENT_RECEIVED, &b"last words"[..])
        );
        has_failed(&poller, &socket, &events[1], &[libc::ECONNRESET]);
    }
}

#[test]
fn what_has_failed_can_be_added_again() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        assert_eq!(socket.send(b"never read", 0), 10);
        drop(peer);
        has_failed(&poller, &socket, &poller.next(), &[libc::ECONNRESET]);
        assert_eq!(poller.add(&socket, 2), 0);
        assert_eq!(poller.next().what(), (UDSOCK_EVENT_ENDED, 2), "the end is what is left");
        let other = Poller::new();
        assert_eq!(poller.remove(&socket), 0);
        assert_eq!(other.add(&socket, 3), 0);
        assert_eq!(other.next().what(), (UDSOCK_EVENT_ENDED, 3));
    }
}

#[test]
fn a_peer_that_leaves_without_its_answers_is_a_failure() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        fill(&socket);
        poller.send_one(&socket, b"kept");
        assert_eq!(peer.send(b"last words", 0), 10);
        drop(peer);
        let events = poller.gather(2);
        assert_eq!(
            (events[0].kind, &events[0].data[..]),
            (UDSOCK_EVENT_RECEIVED, &b"last words"[..])
        );
        has_failed(&poller, &socket, &events[1], &[libc::EPIPE, libc::ECONNRESET]);
    }
}

#[test]
fn also_after_its_end_was_told() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        assert_eq!(peer.shutdown(UDSOCK_WRITE), 0);
        assert_eq!(poller.next().kind, UDSOCK_EVENT_ENDED);
        fill(&socket);
        poller.send_one(&socket, b"kept");
        drop(peer);
        has_failed(&poller, &socket, &poller.next(), &[libc::EPIPE, libc::ECONNRESET]);
    }
}

#[test]
fn who_was_refused_is_told_of_the_failure_and_not_to_go_on() {
    for kind in CONNECTED_KINDS {
        let poller = Poller::with_send_limit(100);
        let (socket, peer) = pair(kind);
        assert_eq!(poller.add(&socket, 1), 0);
        fill(&socket);
        poller.send_one(&socket, b"kept");
        is(poller.refusal(item(&socket, &[b'x'; 200])), libc::EAGAIN);
        drop(peer);
        has_failed(&poller, &socket, &poller.next(), &[libc::EPIPE, libc::ECONNRESET]);
    }
}

#[test]
fn a_peer_that_reads_no_more_but_stays_is_a_failure_too() {
    for kind in CONNECTED_KINDS {
        let poller = Poller::with_send_limit(100);
        let (socket, peer) = pair(kind);
        assert_eq!(poller.add(&socket, 1), 0);
        fill(&socket);
        poller.send_one(&socket, b"kept");
        is(poller.refusal(item(&socket, &[b'x'; 200])), libc::EAGAIN);
        assert_eq!(peer.shutdown(UDSOCK_READ), 0);
        // What had arrived before makes room when it is read.
        drain(&peer);
        let events = poller.wait(5_000).expect("what was taken will never be out");
        has_failed(&poller, &socket, &events[0], &[libc::EPIPE]);
    }
}

#[test]
fn a_message_that_is_too_large_does_not_hide_behind_one_that_is_kept() {
    let (poller, socket, peer) = member(UDSOCK_SEQPACKET, 1);
    let large = vec![b'z'; socket.option(UDSOCK_OPTION_SEND_BUFFER) as usize];
    fill(&socket);
    let items = [item(&socket, b"a"), item(&socket, &large), item(&socket, b"b")];
    let (_, each) = poller.send(&items);
    let taken: Vec<_> = each.iter().map(|result| *result >= 0).collect();
    let mut came = Vec::new();
    let mut events = Vec::new();
    for _ in 0..50 {
        came.extend(drain(&peer));
        events.extend(poller.wait(2).unwrap_or_default());
    }
    let has = |byte: u8| came.iter().any(|message| message[0] == byte);
    let failed = events.iter().any(|event| event.kind == UDSOCK_EVENT_FAILED);
    // What was taken comes, or a failure says that it did not.
    for (byte, taken) in [b'a', b'z', b'b'].into_iter().zip(taken) {
        assert!(failed || has(byte) == taken, "{}: {each:?}", char::from(byte));
    }
}

#[test]
fn the_others_go_on() {
    for kind in CONNECTED_KINDS {
        let poller = Poller::new();
        let pairs: Vec<_> = (0..10).map(|_| pair(kind)).collect();
        for (number, (socket, peer)) in pairs.iter().enumerate() {
            assert_eq!(poller.add(socket, number as u64), 0);
            assert_eq!(socket.send(b"never read", 0), 10);
            match number % 2 {
                0 => assert_eq!(peer.close(), 0),
                _ => assert_eq!(peer.send(b"fine", 0), 4),
            }
        }
        for event in poller.gather(10) {
            let due = [UDSOCK_EVENT_FAILED, UDSOCK_EVENT_RECEIVED][event.token as usize % 2];
            assert_eq!(event.kind, due, "{event:?}");
        }
        poller.is_quiet();
    }
}

#[test]
fn a_socket_that_is_connected_to_nobody_fails() {
    for kind in CONNECTED_KINDS {
        let (poller, socket) = (Poller::new(), create(kind));
        assert_eq!(poller.add(&socket, 1), 0);
        let event = poller.next();
        assert_eq!(event.what(), (UDSOCK_EVENT_FAILED, 1));
        assert!(event.code < 0);
        is(poller.remove(&socket), libc::ENOENT);
        poller.is_quiet();
    }
}

/// A member whose peer has said something and reads no more, so that what is kept is lost.
fn lost(kind: u32) -> (Poller, Sock, Sock) {
    let (poller, socket, peer) = member(kind, 1);
    fill(&socket);
    poller.send_one(&socket, b"kept");
    assert_eq!(peer.send(b"last words", 0), 10);
    assert_eq!(peer.shutdown(UDSOCK_READ), 0);
    // Now there would be room.
    assert!(!drain(&peer).is_empty());
    (poller, socket, peer)
}

#[test]
fn of_a_paused_member_a_failure_comes_behind_what_is_due() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, _peer) = lost(kind);
        let pause = udsock_poller_add(poller.0.0, socket.0, 1, UDSOCK_POLLER_PAUSED);
        assert_eq!(pause, 0);
        poller.is_quiet();
        assert_eq!(raw::poll(poller.descriptor(), libc::POLLIN), 0);
        assert_eq!(poller.add(&socket, 1), 0);
        assert_eq!(poller.next().data, b"last words");
        has_failed(&poller, &socket, &poller.next(), &[libc::EPIPE]);
    }
}

/// A relay does not receive from the one side because the other has no room, nor from the other
/// because the one has none. If one is lost then, its failure has to wait; but who waits for
/// room must not.
#[test]
fn who_waits_for_room_at_a_paused_member_is_told_that_it_is_lost() {
    for kind in CONNECTED_KINDS {
        for pauses_first in [true, false] {
            let (poller, socket, peer) = member(kind, 1);
            let add = |flags| assert_eq!(udsock_poller_add(poller.0.0, socket.0, 1, flags), 0);
            fill(&socket);
            poller.send_one(&socket, b"kept");
            is(poller.refusal(item_then(&socket, b"?", UDSOCK_DONT_KEEP)), libc::EAGAIN);
            assert_eq!(peer.send(b"last words", 0), 10);
            if pauses_first {
                add(UDSOCK_POLLER_PAUSED);
            }
            drop(peer);
            if !pauses_first {
                assert_eq!(poller.next().data, b"last words");
                add(UDSOCK_POLLER_PAUSED);
            }
            assert_eq!(poller.next().what(), (UDSOCK_EVENT_DRAINED, 1), "kind {kind}");
            poller.is_quiet();
            is(poller.refusal(item(&socket, b"more")), libc::EPIPE);
            add(0);
            if pauses_first {
                assert_eq!(poller.next().data, b"last words");
            }
            has_failed(&poller, &socket, &poller.next(), &[libc::EPIPE, libc::ECONNRESET]);
            poller.is_quiet();
        }
    }
}

#[test]
fn a_failure_that_only_the_poller_knows_of_rings() {
    for kind in CONNECTED_KINDS {
        for stays in [true, false] {
            let (poller, socket, _peer) = lost(kind);
            assert_eq!(poller.next().data, b"last words");
            // (By a timer that is due at once.)
            assert!(poll_in(poller.descriptor(), LONG));
            match stays {
                // Nor does a wait without an arena forget it.
                true => {
                    let events = poller.wait_in(Room(4, 0), LONG).unwrap();
                    has_failed(&poller, &socket, &events[0], &[libc::EPIPE]);
                }
                false => assert_eq!(poller.remove(&socket), 0),
            }
            assert_eq!(raw::poll(poller.descriptor(), libc::POLLIN), 0, "and no longer");
        }
    }
}
