//! What finds no room is kept, and goes out later.

use std::thread;
use std::time::Duration;

use crate::calls::*;
use crate::process::in_child;
use crate::threads::asleep;
use crate::waiting::fill;
use support::*;

/// A member whose peer has no room for anything more.
fn full_member(kind: u32) -> (Poller, Sock, Sock) {
    let (poller, socket, peer) = member(kind, 1);
    fill(&socket);
    (poller, socket, peer)
}

/// What has come behind what filled the peer, when so many bytes have.
fn came_behind_filling(poller: &Poller, peer: &Sock, size: usize) -> (Vec<Vec<u8>>, Vec<Event>) {
    let mut came = Vec::new();
    let count = |came: &Vec<Vec<u8>>| came.concat().iter().filter(|byte| **byte != b'x').count();
    let events = poller.serve_until(|| {
        came.extend(drain(peer));
        count(&came) >= size
    });
    came.retain_mut(|message| {
        message.retain(|byte| *byte != b'x');
        !message.is_empty()
    });
    (came, events)
}

#[test]
fn what_finds_no_room_goes_out_later_in_its_order() {
    for kind in KINDS {
        let (poller, socket, peer) = full_member(kind);
        let data: Vec<_> = (0..30_u8).map(|number| vec![b'0' + number; 3]).collect();
        let items: Vec<_> = data.iter().map(|data| item(&socket, data)).collect();
        assert_eq!(poller.send(&items[..20]), (20, vec![3; 20]), "kind {kind}");
        assert_eq!(poller.send(&items[20..]), (10, vec![3; 10]), "kind {kind}");
        let (came, events) = came_behind_filling(&poller, &peer, 90);
        assert_eq!(came.concat(), data.concat());
        if kind != UDSOCK_STREAM {
            assert_eq!(came, data, "kind {kind}");
        }
        assert_eq!(events, [], "nobody was refused");
    }
}

#[test]
fn nothing_overtakes_what_is_kept() {
    for kind in KINDS {
        let (poller, socket, peer) = full_member(kind);
        poller.send_one(&socket, b"1");
        // There is room now, but nobody has looked.
        let mut came = drain(&peer);
        poller.send_one(&socket, b"2");
        poller.serve_until(|| {
            came.extend(drain(&peer));
            came.concat().ends_with(b"2")
        });
        assert!(came.concat().ends_with(b"12"), "kind {kind}");
    }
}

#[test]
fn a_thread_that_waits_sends_what_another_has_to_keep() {
    for kind in KINDS {
        let (poller, socket, peer) = full_member(kind);
        thread::scope(|scope| {
            let waiter = asleep(scope, || poller.wait(LONG));
            poller.send_one(&socket, b"later");
            let mut came = Vec::new();
            while !came.ends_with(b"later") {
                came.extend(peer.recv(LONG).expect("it comes, without another call"));
            }
            assert!(!waiter.is_finished(), "that was nobody's event");
            assert_eq!(peer.send(b"thanks", 0), 6);
            assert_eq!(waiter.join().unwrap()[0].data, b"thanks");
        });
    }
}

#[test]
fn a_connection_is_not_received_from_while_answers_are_kept_for_it() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = full_member(kind);
        poller.send_one(&socket, b"answer");
        assert_eq!(peer.send(b"question", 0), 8);
        poller.is_quiet();
        assert_eq!(udsock_get_option(socket.0, UDSOCK_OPTION_READABLE_BYTES), 8);
        let (came, mut events) = came_behind_filling(&poller, &peer, 6);
        assert_eq!(came.concat(), b"answer");
        if events.is_empty() {
            events = poller.wait(LONG).unwrap();
        }
        assert_eq!((events.len(), &events[0].data[..]), (1, &b"question"[..]), "kind {kind}");
    }
}

#[test]
fn a_datagram_socket_is() {
    let (poller, socket, peer) = full_member(UDSOCK_DGRAM);
    poller.send_one(&socket, b"answer");
    assert_eq!(peer.send(b"question", 0), 8);
    assert_eq!(poller.next().data, b"question");
}

#[test]
fn the_end_comes_after_the_answers() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = full_member(kind);
        poller.send_one(&socket, b"answer");
        assert_eq!(peer.send(b"bye", 0), 3);
        assert_eq!(peer.shutdown(UDSOCK_WRITE), 0);
        poller.is_quiet();
        let (came, mut events) = came_behind_filling(&poller, &peer, 6);
        assert_eq!(came.concat(), b"answer");
        while events.len() < 2 {
            events.extend(poller.wait(LONG).unwrap());
        }
        assert_eq!((events.len(), &events[0].data[..]), (2, &b"bye"[..]), "kind {kind}");
        assert_eq!(events[1].kind, UDSOCK_EVENT_ENDED);
        poller.is_quiet();
    }
}

#[test]
fn answers_after_the_end_are_kept_as_well() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        assert_eq!(peer.shutdown(UDSOCK_WRITE), 0);
        assert_eq!(poller.next().kind, UDSOCK_EVENT_ENDED);
        fill(&socket);
        poller.send_one(&socket, b"answer");
        let (came, events) = came_behind_filling(&poller, &peer, 6);
        assert_eq!((came.concat(), events), (b"answer".to_vec(), vec![]), "kind {kind}");
        poller.is_quiet();
    }
}

#[test]
fn what_is_kept_for_one_holds_up_no_other() {
    for kind in KINDS {
        let (poller, socket, _peer) = full_member(kind);
        let (other, other_peer) = pair(kind);
        assert_eq!(poller.add(&other, 2), 0);
        let items = [item(&socket, b"kept"), item(&other, b"sent"), item(&socket, b"kept")];
        assert_eq!(poller.send(&items), (3, vec![4; 3]));
        assert_eq!(other_peer.recv(0).unwrap(), b"sent");
        assert_eq!(other_peer.send(b"more", 0), 4);
        assert_eq!(poller.next().data, b"more");
    }
}

/// A socket with no peer of its own, and two receivers, of which the first is full.
fn two_receivers(dir: &Dir, limit: u64) -> (Poller, Sock, [(Sock, String); 2]) {
    let poller = Poller::with_send_limit(limit);
    let socket = open_datagram(None);
    assert_eq!(poller.add(&socket, 1), 0);
    let receivers = [dir.path("full"), dir.path("free")]
        .map(|address| (open_datagram(Some(&address)), address));
    let filler = open_datagram(None);
    while filler.send_to(b"x", &receivers[0].1, 0) > 0 {}
    (poller, socket, receivers)
}

#[test]
fn a_datagram_that_waits_for_its_receiver_holds_up_no_other_receiver() {
    let dir = Dir::new();
    let (poller, socket, [(full, full_address), (free, free_address)]) = two_receivers(&dir, 0);
    let items = [
        item_to(&socket, b"1", &full_address),
        item_to(&socket, b"2", &free_address),
        item_to(&socket, b"3", &full_address),
        item_to(&socket, b"4", &free_address),
    ];
    assert_eq!(poller.send(&items), (4, vec![1; 4]));
    assert_eq!(drain(&free), [b"2", b"4"]);
    let (came, events) = came_behind_filling(&poller, &full, 2);
    assert_eq!((came, events), (vec![vec![b'1'], vec![b'3']], vec![]));
}

/// A path of more than 107 bytes is reached through a descriptor, which is another one each time.
#[test]
fn what_is_kept_for_a_long_path_keeps_its_order_and_takes_one_descriptor() {
    // Of a process of its own the descriptors can be counted.
    in_child(|| {
        let dir = Dir::new();
        let path = dir.path(&"l".repeat(120));
        let (poller, socket, receiver) =
            (Poller::new(), open_datagram(None), open_datagram(Some(&path)));
        assert_eq!(poller.add(&socket, 1), 0);
        let filler = open_datagram(None);
        while filler.send_to(b"x", &path, 0) > 0 {}
        let before = open_descriptors();
        let numbers: Vec<_> = (0..40_u8).map(|number| [b'0' + number]).collect();
        let mut came = Vec::new();
        for two in numbers.chunks(2) {
            let items: Vec<_> = two.iter().map(|number| item_to(&socket, number, &path)).collect();
            assert_eq!(poller.send(&items), (2, vec![1; 2]));
            // There is room for one now, but nobody has looked.
            came.extend(receiver.recv(0));
        }
        assert_eq!(open_descriptors(), before + 1);
        poller.serve_until(|| {
            came.extend(drain(&receiver));
            came.last().is_some_and(|last| last == numbers.last().unwrap())
        });
        came.retain(|message| message != b"x");
        assert_eq!(came, numbers);
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn a_receiver_that_goes_away_takes_only_its_own_messages_with_it() {
    let dir = Dir::new();
    let (poller, socket, [(full, full_address), (free, free_address)]) = two_receivers(&dir, 0);
    let items = [item_to(&socket, b"1", &full_address), item_to(&socket, b"2", &free_address)];
    assert_eq!(poller.send(&items), (2, vec![1; 2]));
    drop(full);
    poller.is_quiet();
    thread::sleep(Duration::from_millis(30));
    poller.is_quiet();
    let items = [item_to(&socket, b"3", &free_address), item_to(&socket, b"4", &full_address)];
    assert_eq!(poller.send(&items), (1, vec![1, no(libc::ENOENT)]));
    assert_eq!(drain(&free), [b"2", b"3"]);
}

#[test]
fn when_the_receiver_has_room_again_a_refused_sender_is_told() {
    let dir = Dir::new();
    let (poller, socket, [(full, full_address), _]) = two_receivers(&dir, 1000);
    let large = [b'y'; 900];
    let items = [item_to(&socket, &large, &full_address), item_to(&socket, &large, &full_address)];
    assert_eq!(poller.send(&items), (1, vec![900, no(libc::EAGAIN)]));
    let (came, mut events) = came_behind_filling(&poller, &full, 900);
    assert_eq!(came, [large]);
    if events.is_empty() {
        events = poller.wait(5_000).expect("UDSOCK_EVENT_DRAINED says when to go on");
    }
    assert_eq!((events.len(), events[0].what()), (1, (UDSOCK_EVENT_DRAINED, 1)));
    poller.is_quiet();
}

#[test]
fn taking_a_socket_out_drops_what_was_kept_for_it() {
    for kind in KINDS {
        let (poller, socket, peer) = full_member(kind);
        poller.send_one(&socket, b"dropped");
        assert_eq!(poller.remove(&socket), 0);
        let came = drain(&peer).concat();
        assert!(came.iter().all(|byte| *byte == b'x'));
        assert_eq!(poller.add(&socket, 2), 0);
        poller.is_quiet();
        is(peer.recv(0).unwrap_err(), libc::EAGAIN);
        poller.send_one(&socket, b"new");
        assert_eq!(peer.recv(0).unwrap(), b"new", "kind {kind}");
    }
}
