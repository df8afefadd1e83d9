//! send_limit: what a peer costs that never reads, and when to go on.

use crate::calls::*;
use crate::waiting::fill;
use support::*;

fn full_member(kind: u32, limit: u64) -> (Poller, Sock, Sock) {
    let poller = Poller::with_send_limit(limit);
    let (socket, peer) = pair(kind);
    assert_eq!(poller.add(&socket, 1), 0);
    fill(&socket);
    (poller, socket, peer)
}

/// Until the poller says that it can go on: that, and nothing else, and all that came.
pub fn is_drained(poller: &Poller, socket: &Sock, peer: &Sock) -> Vec<u8> {
    let (mut came, mut events) = (Vec::new(), Vec::new());
    for _ in 0..10_000 {
        came.extend(drain(peer).concat());
        events.extend(poller.wait(1).unwrap_or_default());
        if !events.is_empty() {
            break;
        }
    }
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!((events[0].socket, events[0].what()), (socket.0, (UDSOCK_EVENT_DRAINED, 1)));
    assert_eq!(events[0].code, 0);
    came.extend(drain(peer).concat());
    poller.is_quiet();
    came
}

fn again(each: &[i64]) -> Vec<bool> {
    each.iter()
        .map(|result| {
            assert!(*result >= 0 || *result == no(libc::EAGAIN), "{}", name_of(*result));
            *result < 0
        })
        .collect()
}

#[test]
fn an_item_beyond_the_limit_is_refused_and_drained_is_told_once() {
    for kind in KINDS {
        let (poller, socket, peer) = full_member(kind, 1000);
        poller.send_one(&socket, &[b'a'; 600]);
        for _ in 0..3 {
            is(poller.refusal(item(&socket, &[b'b'; 600])), libc::EAGAIN);
        }
        assert!(is_drained(&poller, &socket, &peer).ends_with(&[b'a'; 600]));
        poller.send_one(&socket, &[b'b'; 600]);
        assert_eq!(peer.recv(0).unwrap(), [b'b'; 600]);
        poller.is_quiet();

        fill(&socket);
        poller.send_one(&socket, &[b'c'; 600]);
        is(poller.refusal(item(&socket, &[b'd'; 600])), libc::EAGAIN);
        assert!(is_drained(&poller, &socket, &peer).ends_with(&[b'c'; 600]), "and again");
    }
}

#[test]
fn later_items_of_the_call_are_refused_too() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = full_member(kind, 1000);
        let (other, other_peer) = pair(kind);
        assert_eq!(poller.add(&other, 2), 0);
        poller.send_one(&socket, b"kept");
        let items = [
            item(&socket, &[b'a'; 600]),
            item(&socket, &[b'b'; 600]),
            item(&other, b"sent"),
            item(&socket, b"c"),
            item_then(&socket, b"", UDSOCK_THEN_CLOSE),
        ];
        let (result, each) = poller.send(&items);
        assert_eq!((result, again(&each)), (2, vec![false, true, false, true, true]));
        assert_eq!(other_peer.recv(0).unwrap(), b"sent");
        let came = is_drained(&poller, &socket, &peer);
        assert!(came.ends_with(&[b'a'; 600]), "kind {kind}");
    }
}

#[test]
fn also_when_the_first_of_them_is_the_first_to_be_kept() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = full_member(kind, 1000);
        let items = [
            item(&socket, &[b'a'; 600]),
            item(&socket, &[b'b'; 600]),
            item(&socket, b"c"),
            item(&socket, b""),
        ];
        let (result, each) = poller.send(&items);
        assert_eq!((result, again(&each)), (1, vec![false, true, true, true]), "kind {kind}");
        assert!(is_drained(&poller, &socket, &peer).ends_with(&[b'a'; 600]), "kind {kind}");
    }
}

#[test]
fn an_item_that_was_refused_leaves_no_flag_behind() {
    for flag in [UDSOCK_THEN_SHUTDOWN, UDSOCK_THEN_CLOSE] {
        for kind in CONNECTED_KINDS {
            let (poller, socket, peer) = full_member(kind, 1000);
            let items = [item(&socket, &[b'a'; 600]), item_then(&socket, &[b'b'; 600], flag)];
            assert_eq!(again(&poller.send(&items).1), [false, true]);
            is_drained(&poller, &socket, &peer);
            let result = poller.send(&[item_then(&socket, &[b'b'; 600], flag)]);
            assert_eq!(result, (1, vec![600]), "kind {kind}, flag {flag}");
            assert_eq!(peer.recv(0).unwrap(), [b'b'; 600]);
            assert_eq!(peer.recv(0), Err(EOF));
        }
    }
}

#[test]
fn a_message_that_is_too_large_leaves_no_flag_behind() {
    for flag in [UDSOCK_THEN_SHUTDOWN, UDSOCK_THEN_CLOSE] {
        for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
            let (poller, socket, peer) = member(kind, 1);
            let large = vec![b'x'; socket.option(UDSOCK_OPTION_SEND_BUFFER) as usize];
            is(poller.refusal(item_then(&socket, &large, flag)), libc::EMSGSIZE);
            poller.send_one(&socket, b"still here");
            assert_eq!(peer.recv(0).unwrap(), b"still here", "kind {kind}, flag {flag}");
        }
    }
}

#[test]
fn where_nothing_is_kept_an_item_of_any_size_is_taken() {
    for kind in KINDS {
        let (poller, socket, peer) = full_member(kind, 10);
        poller.send_one(&socket, &[b'a'; 2000]);
        is(poller.refusal(item(&socket, b"b")), libc::EAGAIN);
        assert!(is_drained(&poller, &socket, &peer).ends_with(&[b'a'; 2000]));
    }
}

#[test]
fn a_client_that_never_reads_costs_no_more_than_the_limit() {
    for kind in CONNECTED_KINDS {
        let poller = Poller::with_send_limit(100_000);
        let (socket, peer) = pair(kind);
        assert_eq!(poller.add(&socket, 1), 0);
        let answer = [b'x'; 1000];
        let buffer = socket.option(UDSOCK_OPTION_SEND_BUFFER) as usize;
        let mut taken = 0;
        for _ in 0..1000 {
            let result = poller.send(&[item(&socket, &answer); 10]).0;
            taken += result.max(0) as usize;
        }
        assert!(1000 * taken <= buffer + 100_000 + 1000, "kind {kind}: {taken}");
        let came = is_drained(&poller, &socket, &peer);
        assert_eq!(came.len(), 1000 * taken, "kind {kind}: what was taken comes");
    }
}

#[test]
fn the_limit_is_one_mebibyte_if_nobody_says_so() {
    let (poller, socket, _peer) = full_member(UDSOCK_STREAM, 0);
    let items = [item(&socket, &[b'x'; 1 << 16]); 20];
    let (result, each) = poller.send(&items);
    assert_eq!((result, again(&each)), (16, [[false; 16].to_vec(), vec![true; 4]].concat()));
}
