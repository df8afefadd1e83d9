//! A message that found no room in the arena is in the kernel still: whatever becomes of the
//! member, the next receive has it.

use crate::calls::*;
use crate::message_calls as messages;
use crate::pipes::Pipe;
use crate::process::{in_child, in_fork};
use crate::raw;
use support::*;

const MESSAGE_KINDS: [u32; 2] = [UDSOCK_DGRAM, UDSOCK_SEQPACKET];
const SIZE: usize = 60_000;
const ROOM: Room = Room(8, 100_000);

/// Of three members two have a large message each, of which one has been told: the third,
/// which has none, and the one whose message is due, each with its peer.
struct Left {
    poller: Poller,
    due: (Sock, Sock),
    _told: (Sock, Sock),
    third: (Sock, Sock),
}

impl Left {
    fn new(kind: u32) -> Self {
        let poller = Poller::new();
        let [one, two, third] = [pair(kind), pair(kind), pair(kind)];
        for (token, pair) in [(1, &one), (2, &two), (3, &third)] {
            messages::take_descriptors(&pair.0);
            assert_eq!(poller.add(&pair.0, token), 0);
        }
        for pair in [&one, &two] {
            assert_eq!(pair.1.send(&large(), 0), SIZE as i64);
        }
        let events = poller.wait_in(ROOM, LONG).unwrap();
        assert_eq!((events.len(), events[0].data.len()), (1, SIZE));
        let (due, told) = if events[0].token == 2 { (one, two) } else { (two, one) };
        Self { poller, due, _told: told, third }
    }

    /// The next receives bring what is due, and what came behind it.
    fn comes(&self) {
        assert_eq!(self.due.1.send(b"later", 0), 5);
        assert!(self.due.0.recv(0) == Ok(large()), "the message that was due");
        assert_eq!(self.due.0.recv(0).as_deref(), Ok(&b"later"[..]));
        assert_eq!(self.due.0.recv(0), Err(no(libc::EAGAIN)));
    }

    /// Nothing is told, and who waits for the poller's descriptor is left alone.
    fn is_over(&self) {
        assert_eq!(raw::poll(self.poller.descriptor(), libc::POLLIN), 0);
        self.poller.is_quiet();
        assert_eq!(self.third.1.send(b"third", 0), 5);
        assert_eq!(self.poller.next().data, b"third");
    }
}

fn large() -> Vec<u8> {
    vec![b'x'; SIZE]
}

#[test]
fn it_is_received_after_the_member_was_removed() {
    for kind in MESSAGE_KINDS {
        let left = Left::new(kind);
        assert_eq!(left.poller.remove(&left.due.0), 0);
        left.comes();
        left.is_over();
    }
}

#[test]
fn it_is_received_after_the_poller_was_closed() {
    for kind in MESSAGE_KINDS {
        let left = Left::new(kind);
        assert_eq!(left.poller.close(), 0);
        left.comes();
    }
}

#[test]
fn it_moves_with_the_member_to_another_poller() {
    for kind in MESSAGE_KINDS {
        let (left, other) = (Left::new(kind), Poller::new());
        assert_eq!(left.poller.remove(&left.due.0), 0);
        assert_eq!(other.add(&left.due.0, 9), 0);
        assert!(other.next().data == large());
        other.is_quiet();
        left.is_over();
    }
}

#[test]
fn it_goes_with_the_descriptor_of_a_handle_that_is_released() {
    for kind in MESSAGE_KINDS {
        let Left { poller, due, .. } = Left::new(kind);
        let socket = adopt(due.0.release()).expect("a socket");
        assert!(socket.recv(0) == Ok(large()));
        poller.is_quiet();
    }
}

#[test]
fn it_is_received_directly_from_the_member() {
    for kind in MESSAGE_KINDS {
        let left = Left::new(kind);
        left.comes();
        left.is_over();
    }
}

#[test]
fn it_is_received_from_the_descriptor() {
    for kind in MESSAGE_KINDS {
        let left = Left::new(kind);
        let mut buffer = vec![0; SIZE];
        let (fd, data) = (left.due.0.fd(), buffer.as_mut_ptr().cast());
        // SAFETY: the buffer is of this size.
        assert_eq!(unsafe { libc::recv(fd, data, SIZE, libc::MSG_DONTWAIT) }, SIZE as isize);
        left.is_over();
    }
}

#[test]
fn a_forked_child_receives_it() {
    in_child(|| {
        for kind in MESSAGE_KINDS {
            let left = Left::new(kind);
            assert_eq!(in_fork(|| left.due.0.recv(0) == Ok(large())), 0, "kind {kind}");
            left.is_over();
        }
    });
}

#[test]
fn what_came_beside_it_is_there_too() {
    for kind in MESSAGE_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        messages::take_descriptors(&socket);
        messages::tell_senders(&socket);
        let mut pipe = Pipe::new();
        assert_eq!(peer.send(&large(), 0), SIZE as i64);
        assert_eq!(messages::send_message(&peer, &large(), &[pipe.fd()], 0), SIZE as i64);
        pipe.let_go();
        assert_eq!(poller.wait_in(ROOM, LONG).unwrap().len(), 1);
        // Another fills the arena, so that this one is looked at, and left.
        let (other, sender) = self::pair(kind);
        assert_eq!((poller.add(&other, 2), sender.send(&large(), 0)), (0, SIZE as i64));
        let events = poller.wait_in(ROOM, LONG).unwrap();
        if events[0].token == 2 {
            let came = messages::recv_message(&socket, messages::ENOUGH, 0).unwrap();
            assert_eq!((came.data.len(), came.descriptors.len()), (SIZE, 1), "kind {kind}");
            assert_eq!(came.sender, messages::myself());
        }
        // Whoever received it: no look has made another copy.
        assert!(pipe.is_alone(), "kind {kind}");
    }
}

#[test]
fn a_member_that_is_only_told_of_is_ready_until_it_is_received() {
    for kind in MESSAGE_KINDS {
        let left = Left::new(kind);
        assert_eq!(left.poller.add_for_readiness(&left.due.0, 7), 0);
        assert_eq!(left.third.1.send(b"third", 0), 5);
        let events = left.poller.gather_in(ROOM, 2);
        assert!(events.iter().any(|event| event.what() == (UDSOCK_EVENT_READY, 7)));
        assert!(events.iter().any(|event| event.data == b"third"), "the others are served");
        left.comes();
        left.is_over();
    }
}

#[test]
fn of_a_paused_member_it_waits_until_that_goes_on() {
    for kind in MESSAGE_KINDS {
        let left = Left::new(kind);
        let (poller, socket) = (left.poller.0.0, left.due.0.0);
        assert_eq!(udsock_poller_add(poller, socket, 7, UDSOCK_POLLER_PAUSED), 0);
        left.is_over();
        assert_eq!(udsock_poller_add(poller, socket, 7, 0), 0);
        let event = left.poller.next();
        assert_eq!(event.what(), (UDSOCK_EVENT_RECEIVED, 7));
        assert!(event.data == large());
    }
}

#[test]
fn behind_many_small_ones_a_queue_is_looked_into() {
    // Together they do not fit, each of them does.
    let (poller, socket, peer) = member(UDSOCK_SEQPACKET, 1);
    let (other, sender) = pair(UDSOCK_SEQPACKET);
    assert_eq!(poller.add(&other, 2), 0);
    // Where looks begin on an adopted socket is nobody's business but its owner's.
    assert_eq!(raw::set_option(other.fd(), libc::SO_PEEK_OFF, 3), 0);
    for _ in 0..20 {
        assert_eq!((peer.send(&[b'a'; 100], 0), sender.send(&[b'b'; 100], 0)), (100, 100));
    }
    for _ in 0..20 {
        let events = poller.wait_in(Room(8, 250), LONG).unwrap();
        assert_eq!(events.len(), 2, "everyone has their turn");
        assert!(events.iter().all(|event| event.data.len() == 100 && event.code == 0));
    }
    assert!(raw::option(other.fd(), libc::SO_PEEK_OFF) >= 0);
    drop((socket, other));
}

#[test]
fn an_empty_message_behind_another_is_one() {
    for kind in MESSAGE_KINDS {
        let poller = Poller::new();
        let pairs = [pair(kind), pair(kind)];
        for (token, (socket, peer)) in (1..).zip(&pairs) {
            assert_eq!((poller.add(socket, token), peer.send(b"12345678", 0)), (0, 8));
            assert_eq!(peer.send(b"", 0), 0);
        }
        let events = poller.gather_in(Room(8, 20), 4);
        for token in [1, 2] {
            let came = events.iter().filter(|event| event.token == token);
            let sizes: Vec<_> = came.map(|event| (event.kind, event.data.len())).collect();
            assert_eq!(sizes, [(UDSOCK_EVENT_RECEIVED, 8), (UDSOCK_EVENT_RECEIVED, 0)]);
        }
        poller.is_quiet();
    }
}

#[test]
fn behind_a_touched_arena_an_end_is_told_and_a_reset() {
    for unread in [false, true] {
        let poller = Poller::new();
        let (busy, sender) = pair(UDSOCK_SEQPACKET);
        let (socket, peer) = pair(UDSOCK_SEQPACKET);
        assert_eq!((poller.add(&busy, 1), sender.send(b"123456789", 0)), (0, 9));
        assert_eq!(poller.add(&socket, 2), 0);
        if unread {
            assert_eq!(socket.send(b"never read", 0), 10);
        }
        drop(peer);
        let events = poller.gather_in(Room(8, 10), 2);
        let event = events.iter().find(|event| event.token == 2).unwrap();
        match unread {
            false => assert_eq!(event.kind, UDSOCK_EVENT_ENDED),
            true => is(event.code, libc::ECONNRESET),
        }
    }
}
