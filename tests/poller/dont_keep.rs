//! Items that are not kept: the program has what found no room, and is told when to go on.

use crate::calls::*;
use crate::limits::is_drained;
use crate::waiting::fill;
use support::*;

/// More than the kernel takes.
const MUCH: usize = 1_000_000;

fn unkept<'a>(socket: &Sock, data: &'a [u8]) -> Item<'a> {
    item_then(socket, data, UDSOCK_DONT_KEEP)
}

#[test]
fn of_a_stream_as_much_goes_as_finds_room() {
    let (poller, socket, peer) = member(UDSOCK_STREAM, 1);
    let data: Vec<u8> = (0..MUCH).map(|at| (at % 251) as u8).collect();
    let mut came = Vec::new();
    let mut sent = 0;
    while sent < MUCH {
        let (taken, results) = poller.send(&[unkept(&socket, &data[sent..])]);
        assert_eq!(taken, 1);
        assert!(results[0] > 0);
        sent += results[0] as usize;
        if sent < MUCH {
            // Nothing is kept, so it goes on receiving.
            assert_eq!(peer.send(b"question", 0), 8);
            assert_eq!(poller.next().data, b"question");
            came.extend(is_drained(&poller, &socket, &peer));
        }
    }
    came.extend(drain(&peer).concat());
    assert!(came == data);
}

#[test]
fn without_any_room_it_is_refused() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        fill(&socket);
        for _ in 0..3 {
            is(poller.refusal(unkept(&socket, b"answer")), libc::EAGAIN);
        }
        poller.is_quiet();
        assert!(!is_drained(&poller, &socket, &peer).ends_with(b"answer"));
        assert_eq!(poller.send(&[unkept(&socket, b"answer")]), (1, vec![6]));
        assert_eq!(peer.recv(0).unwrap(), b"answer", "kind {kind}");
        poller.is_quiet();
    }
}

#[test]
fn nothing_overtakes_it() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        let (other, other_peer) = pair(kind);
        assert_eq!(poller.add(&other, 2), 0);
        fill(&socket);
        // Kept or not, and also where they would go in one call.
        for flags in [0, UDSOCK_DONT_KEEP] {
            let items = [
                unkept(&socket, b"first"),
                item(&other, b"sent"),
                item_then(&socket, b"second", flags),
                item_then(&socket, b"", UDSOCK_THEN_CLOSE),
            ];
            let (taken, results) = poller.send(&items);
            let again = no(libc::EAGAIN);
            assert_eq!((taken, results), (1, vec![again, 4, again, again]), "kind {kind}");
            assert_eq!(other_peer.recv(0).unwrap(), b"sent");
        }
        is_drained(&poller, &socket, &peer);
    }
}

#[test]
fn it_overtakes_nothing() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        fill(&socket);
        poller.send_one(&socket, b"kept");
        is(poller.refusal(unkept(&socket, b"not")), libc::EAGAIN);
        assert!(is_drained(&poller, &socket, &peer).ends_with(b"kept"), "kind {kind}");
    }
}

#[test]
fn another_flag_counts_if_all_was_sent() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        fill(&socket);
        let last = || item_then(&socket, b"last", UDSOCK_DONT_KEEP | UDSOCK_THEN_CLOSE);
        is(poller.refusal(last()), libc::EAGAIN);
        is_drained(&poller, &socket, &peer);
        assert_eq!(poller.send(&[last()]), (1, vec![4]));
        assert_eq!((peer.recv(LONG).unwrap(), peer.recv(LONG)), (b"last".to_vec(), Err(EOF)));
        is(udsock_close(socket.0).into(), libc::EBADF);
    }
}

#[test]
fn a_peer_that_leaves_ends_the_waiting() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        fill(&socket);
        is(poller.refusal(unkept(&socket, b"answer")), libc::EAGAIN);
        drop(peer);
        let kinds: Vec<_> = poller.gather(2).iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [UDSOCK_EVENT_DRAINED, UDSOCK_EVENT_FAILED], "kind {kind}");
        poller.is_quiet();
    }
}

#[test]
fn datagrams_are_not_for_it() {
    let (poller, socket, _peer) = member(UDSOCK_DGRAM, 1);
    is(poller.refusal(unkept(&socket, b"data")), libc::EOPNOTSUPP);
}

#[test]
fn what_is_no_flag_stays_wrong() {
    let (poller, socket, _peer) = member(UDSOCK_STREAM, 1);
    for flags in [3, 4, 8, 3 | UDSOCK_DONT_KEEP, 32 | UDSOCK_DONT_KEEP, u32::MAX] {
        is(poller.refusal(item_then(&socket, b"data", flags)), libc::EINVAL);
    }
}

/// What a relay asks behind each item: whether its source has to wait.
#[test]
fn an_item_without_data_asks_a_stream_whether_all_is_out() {
    let (poller, socket, peer) = member(UDSOCK_STREAM, 1);
    let asks = || unkept(&socket, b"");
    assert_eq!(poller.send(&[asks()]), (1, vec![0]));
    assert_eq!(poller.send(&[item(&socket, b"out"), asks()]), (2, vec![3, 0]));
    fill(&socket);
    assert_eq!(poller.send(&[asks()]), (1, vec![0]), "nothing is kept");
    assert_eq!(poller.send(&[item(&socket, b"kept"), asks()]), (1, vec![4, no(libc::EAGAIN)]));
    is(poller.refusal(asks()), libc::EAGAIN);
    assert!(is_drained(&poller, &socket, &peer).ends_with(b"kept"));
    assert_eq!(poller.send(&[asks()]), (1, vec![0]));
    assert_eq!(drain(&peer), [b""; 0], "it asks, and says nothing");
}
