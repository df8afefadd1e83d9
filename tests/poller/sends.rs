//! What goes out at once.

use std::thread;

use crate::calls::*;
use support::*;

#[test]
fn one_call_answers_many() {
    for kind in KINDS {
        let poller = Poller::new();
        let pairs: Vec<_> = (0..100).map(|_| pair(kind)).collect();
        let texts: Vec<_> = (0..100).map(|number| format!("answer {number}")).collect();
        for (socket, _) in &pairs {
            assert_eq!(poller.add(socket, 1), 0);
        }
        let items: Vec<_> = pairs
            .iter()
            .zip(&texts)
            .map(|((socket, _), text)| item(socket, text.as_bytes()))
            .collect();
        let (result, each) = poller.send(&items);
        assert_eq!(result, 100);
        assert!(each.iter().zip(&texts).all(|(result, text)| *result == text.len() as i64));
        for ((_, peer), text) in pairs.iter().zip(&texts) {
            assert_eq!(drain(peer), [text.as_bytes()]);
        }
        poller.is_quiet();
    }
}

#[test]
fn items_of_several_sockets_may_be_mixed_and_keep_their_order() {
    for kind in KINDS {
        let poller = Poller::new();
        let pairs: Vec<_> = (0..5).map(|_| pair(kind)).collect();
        pairs.iter().for_each(|(socket, _)| assert_eq!(poller.add(socket, 1), 0));
        // The queue of a datagram socket holds ten.
        let plan: Vec<_> =
            (0..40).map(|index| (index * index + index / 3) % 5).map(|n| n as usize).collect();
        let data: Vec<_> = (0..40_u8).map(|index| vec![index; 1 + index as usize % 3]).collect();
        let items: Vec<_> =
            plan.iter().zip(&data).map(|(&number, data)| item(&pairs[number].0, data)).collect();
        let mut came = vec![Vec::new(); 5];
        let (result, each) = poller.send(&items);
        assert_eq!(result, 40);
        assert!(each.iter().zip(&data).all(|(result, data)| *result == data.len() as i64));
        let due = |number: usize| {
            let mine = plan.iter().zip(&data).filter(move |(at, _)| **at == number);
            mine.map(|(_, data)| data.clone()).collect::<Vec<_>>()
        };
        poller.serve_until(|| {
            for (came, (_, peer)) in came.iter_mut().zip(&pairs) {
                came.extend(drain(peer));
            }
            (0..5).all(|number| came[number].concat().len() == due(number).concat().len())
        });
        for (number, came) in came.iter().enumerate() {
            match kind {
                UDSOCK_STREAM => assert_eq!(came.concat(), due(number).concat()),
                _ => assert_eq!(*came, due(number), "kind {kind}"),
            }
        }
    }
}

#[test]
fn more_items_for_one_socket_than_fit_into_a_call() {
    for kind in KINDS {
        let (poller, socket, peer) = member(kind, 1);
        let data: Vec<_> = (0..3000_u32).map(|number| number.to_le_bytes()).collect();
        let items: Vec<_> = data.iter().map(|data| item(&socket, data)).collect();
        assert_eq!(poller.send(&items), (3000, vec![4; 3000]));
        let mut came = Vec::new();
        poller.serve_until(|| {
            came.extend(drain(&peer));
            came.concat().len() >= 12_000
        });
        assert_eq!(came.concat(), data.concat());
        if kind != UDSOCK_STREAM {
            assert_eq!(came, data, "kind {kind}");
        }
    }
}

#[test]
fn a_closed_a_strange_and_a_bad_one_harm_no_other() {
    for kind in KINDS {
        let (poller, socket, peer) = member(kind, 1);
        let (stranger, _strange_peer) = pair(kind);
        let (closed, _closed_peer) = pair(kind);
        assert_eq!((poller.add(&closed, 2), closed.close()), (0, 0));
        let other = Poller::new();
        let (theirs, _their_peer) = pair(kind);
        assert_eq!(other.add(&theirs, 3), 0);
        let nobody = |socket| Item { socket, ..item(&closed, b"lost") };
        let items = [
            item(&closed, b"lost"),
            item(&socket, b"one"),
            item(&stranger, b"lost"),
            item(&theirs, b"lost"),
            item(&socket, b"two"),
            nobody(0),
            nobody(-1),
            nobody(i64::MAX),
            nobody(poller.0.0),
            item_then(&socket, b"lost", 4),
            item_then(&socket, b"lost", UDSOCK_THEN_SHUTDOWN | UDSOCK_THEN_CLOSE),
            item(&socket, b"three"),
        ];
        let (result, each) = poller.send(&items);
        assert_eq!(result, 3);
        let errors: Vec<_> = [0, 2, 3, 5, 6, 7, 8, 9, 10].map(|index| name_of(each[index])).into();
        let names = ["EBADF", "ENOENT", "ENOENT", "EBADF", "EBADF", "EBADF", "ENOTSOCK"];
        assert_eq!(errors, [&names[..], &["EINVAL"; 2]].concat(), "kind {kind}");
        assert_eq!((each[1], each[4], each[11]), (3, 3, 5));
        assert_eq!(drain(&peer).concat(), b"onetwothree", "kind {kind}");
    }
}

#[test]
fn if_none_was_taken_that_is_how_many() {
    let (poller, socket, _peer) = member(UDSOCK_STREAM, 1);
    let (stranger, _) = pair(UDSOCK_STREAM);
    let items = [item(&stranger, b"x"), item_then(&socket, b"x", 99)];
    assert_eq!(poller.send(&items), (0, vec![no(libc::ENOENT), no(libc::EINVAL)]));
}

#[test]
fn no_items_at_all_are_none() {
    let (poller, ..) = member(UDSOCK_STREAM, 1);
    assert_eq!(poller.send(&[]), (0, vec![]));
    // SAFETY: nothing, nowhere.
    let result =
        unsafe { udsock_poller_send(poller.0.0, std::ptr::null_mut(), 0, std::ptr::null(), 0) };
    assert_eq!(result, 0);
}

#[test]
fn a_message_that_is_too_large_is_refused_alone() {
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let (poller, socket, peer) = member(kind, 1);
        let large = vec![b'x'; socket.option(UDSOCK_OPTION_SEND_BUFFER) as usize];
        let items = [item(&socket, b"1"), item(&socket, &large), item(&socket, b"2")];
        assert_eq!(poller.send(&items), (2, vec![1, no(libc::EMSGSIZE), 1]), "kind {kind}");
        assert_eq!(drain(&peer), [b"1", b"2"]);
    }
}

#[test]
fn a_stream_takes_an_item_of_any_size_whole() {
    let (poller, socket, peer) = member(UDSOCK_STREAM, 1);
    let large: Vec<_> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    thread::scope(|scope| {
        let reader = scope.spawn(|| peer.recv_exact(large.len(), LONG));
        assert_eq!(poller.send(&[item(&socket, &large)]), (1, vec![large.len() as i64]));
        poller.serve_until(|| reader.is_finished());
        let (result, came) = reader.join().unwrap();
        assert_eq!(result, large.len() as i64);
        assert!(came == large);
    });
}

#[test]
fn who_is_no_longer_there_gets_epipe_and_the_others_their_answers() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        let (gone, gone_peer) = pair(kind);
        assert_eq!(poller.add(&gone, 2), 0);
        drop(gone_peer);
        let items = [item(&gone, b"lost"), item(&socket, b"kept"), item(&gone, b"lost")];
        assert_eq!(poller.send(&items), (1, vec![no(libc::EPIPE), 4, no(libc::EPIPE)]));
        assert_eq!(peer.recv(0).unwrap(), b"kept");
        let event = poller.next();
        assert_eq!(event.what(), (UDSOCK_EVENT_ENDED, 2));
    }
}
