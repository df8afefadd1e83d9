//! An arena, or events, for less than what has happened: nothing is lost.

use crate::calls::*;
use crate::processes::Random;
use support::*;

const MESSAGE_KINDS: [u32; 2] = [UDSOCK_DGRAM, UDSOCK_SEQPACKET];

#[test]
fn a_message_that_does_not_fit_waits_for_the_next_call() {
    for kind in MESSAGE_KINDS {
        let (poller, _socket, peer) = member(kind, 1);
        for message in [b"0123456789", b"abcdefghij", b"ABCDEFGHIJ"] {
            assert_eq!(peer.send(message, 0), 10);
        }
        for message in [b"0123456789", b"abcdefghij", b"ABCDEFGHIJ"] {
            let events = poller.wait_in(Room(16, 19), LONG).unwrap();
            assert_eq!((events.len(), &events[0].data[..]), (1, &message[..]), "kind {kind}");
            assert_eq!(events[0].code, 0);
        }
        poller.is_quiet();
    }
}

#[test]
fn what_did_not_fit_comes_first_in_the_next_call() {
    for kind in MESSAGE_KINDS {
        let poller = Poller::new();
        let pairs: Vec<_> = (0..5).map(|_| pair(kind)).collect();
        for (number, (socket, peer)) in pairs.iter().enumerate() {
            assert_eq!(poller.add(socket, number as u64), 0);
            assert_eq!(peer.send(&[b'x'; 10], 0), 10);
        }
        let room = Room(16, 15);
        let first = poller.wait_in(room, LONG).unwrap();
        assert_eq!(first.len(), 1);
        // Whoever has been told comes again behind those who were not.
        let (_, peer) = &pairs[first[0].token as usize];
        assert_eq!(peer.send(&[b'y'; 10], 0), 10);
        let rest = poller.gather_in(room, 5);
        assert_eq!(rest[4].data, [b'y'; 10], "kind {kind}: {rest:?}");
        let mut tokens: Vec<_> = rest[..4].iter().map(|event| event.token).collect();
        tokens.push(first[0].token);
        tokens.sort_unstable();
        assert_eq!(tokens, [0, 1, 2, 3, 4]);
        poller.is_quiet();
    }
}

#[test]
fn a_message_larger_than_the_whole_arena_is_cut() {
    for kind in MESSAGE_KINDS {
        let (poller, _socket, peer) = member(kind, 1);
        for size in [11, 100, 70_000, 200_000] {
            assert_eq!(peer.send(&vec![b'a'; size], 0), size as i64);
            assert_eq!(peer.send(b"next", 0), 4);
            let events = poller.gather_in(Room(16, 10), 2);
            assert_eq!((&events[0].data[..], events[0].kind), (&[b'a'; 10][..], 2));
            is(events[0].code, libc::EMSGSIZE);
            assert_eq!((&events[1].data[..], events[1].code), (&b"next"[..], 0), "kind {kind}");
            poller.is_quiet();
        }
    }
}

#[test]
fn one_that_came_behind_another_and_is_larger_than_the_whole_arena_is_cut_too() {
    for kind in MESSAGE_KINDS {
        let (poller, _socket, peer) = member(kind, 1);
        assert_eq!((peer.send(b"first", 0), peer.send(&[b'a'; 99], 0)), (5, 99));
        let events = poller.gather_in(Room(16, 10), 2);
        assert_eq!((&events[0].data[..], events[0].code), (&b"first"[..], 0));
        assert_eq!(events[1].data, [b'a'; 10]);
        is(events[1].code, libc::EMSGSIZE);
    }
}

#[test]
fn an_address_that_does_not_fit_is_missing_and_its_message_is_not() {
    let dir = Dir::new();
    let (address, name) = (dir.path("receiver"), dir.path("sender"));
    let (poller, socket) = (Poller::new(), open_datagram(Some(&address)));
    assert_eq!(poller.add(&socket, 1), 0);
    let sender = open_datagram(Some(&name));
    for (room, code, told) in [(name.len() + 4, -libc::ERANGE, ""), (name.len() + 5, 0, &name[..])]
    {
        assert_eq!(sender.send_to(b"data", &address, 0), 4);
        let events = poller.wait_in(Room(4, room), LONG).unwrap();
        assert_eq!((events.len(), &events[0].data[..]), (1, &b"data"[..]));
        assert_eq!((events[0].code, &events[0].address[..]), (code.into(), told));
    }
    // Behind another one it has to wait, address and all.
    assert_eq!((sender.send_to(b"1", &address, 0), sender.send_to(b"2", &address, 0)), (1, 1));
    for data in [b"1", b"2"] {
        let events = poller.wait_in(Room(4, 2 * name.len()), LONG).unwrap();
        assert_eq!((events.len(), &events[0].data[..]), (1, &data[..]));
        assert_eq!((events[0].code, &events[0].address[..]), (0, &name[..]));
    }
}

/// Two sockets in a poller, with their peers, of which one's message came and the other's
/// did not fit beside it: the sockets, that one first.
fn one_has_to_wait(kind: u32) -> (Poller, [(Sock, Sock); 2]) {
    let poller = Poller::new();
    let [one, other] = [pair(kind), pair(kind)];
    for ((socket, peer), token) in [(&one, 1), (&other, 2)] {
        assert_eq!((poller.add(socket, token), peer.send(b"message", 0)), (0, 7));
    }
    let events = poller.wait_in(Room(8, 10), LONG).unwrap();
    assert_eq!((events.len(), &events[0].data[..]), (1, &b"message"[..]));
    let both = if events[0].token == 2 { [one, other] } else { [other, one] };
    (poller, both)
}

#[test]
fn what_waits_for_an_arena_waits_for_one() {
    for kind in MESSAGE_KINDS {
        let (poller, [(waiting, _peer), _]) = one_has_to_wait(kind);
        for _ in 0..3 {
            let events = poller.wait_in(Room(4, 0), LONG).unwrap();
            let ready = (events[0].socket, events[0].kind);
            assert_eq!(ready, (waiting.0, UDSOCK_EVENT_READY), "kind {kind}");
        }
        let event = poller.next();
        assert_eq!((&event.data[..], event.code), (&b"message"[..], 0), "kind {kind}");
    }
}

#[test]
fn what_had_to_wait_wakes_nobody_else() {
    for kind in MESSAGE_KINDS {
        let (poller, [(waiting, _peer), _]) = one_has_to_wait(kind);
        let events = poller.wait_in(Room(1, 10), LONG).unwrap();
        assert_eq!((events[0].socket, &events[0].data[..]), (waiting.0, &b"message"[..]));
        // Nothing has happened since, and nobody has called udsock_poller_wake.
        assert_eq!(poller.wait(30), Err(no(libc::ETIMEDOUT)), "kind {kind}");
    }
}

#[test]
fn of_what_was_closed_while_it_had_to_wait_nothing_is_told() {
    for kind in MESSAGE_KINDS {
        let (poller, [(waiting, _peer), _]) = one_has_to_wait(kind);
        assert_eq!(waiting.close(), 0);
        assert_eq!(poller.wait(30), Err(no(libc::ETIMEDOUT)), "kind {kind}");
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn an_arena_may_be_larger_than_offsets_can_tell() {
    let size = 5_usize << 30;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping, wherever there is room; what is not touched takes no memory.
    let arena = unsafe { libc::mmap(std::ptr::null_mut(), size, access, flags, -1, 0) };
    if arena == libc::MAP_FAILED {
        return skip("an_arena_may_be_larger_than_offsets_can_tell", "so much can't be mapped");
    }
    for kind in KINDS {
        let (poller, _socket, peer) = member(kind, 1);
        assert_eq!(peer.send(b"data", 0), 4);
        let mut event = poller.wait_raw(Room(1, 0), LONG).unwrap().events[0];
        // SAFETY: room for an event, and the mapping.
        let (result, first) = unsafe {
            let result = udsock_poller_wait(poller.0.0, &mut event, 1, arena, size, LONG);
            (result, arena.cast::<[u8; 4]>().read())
        };
        assert_eq!((result, event.offset, event.length, &first), (1, 0, 4, b"data"));
    }
    // SAFETY: the mapping that was made.
    unsafe { libc::munmap(arena, size) };
}

#[test]
fn a_stream_comes_through_the_smallest_arena() {
    let (poller, _socket, peer) = member(UDSOCK_STREAM, 1);
    assert_eq!(peer.send(b"abcdefg", 0), 7);
    drop(peer);
    let events = poller.gather_in(Room(16, 2), 5);
    let parts: Vec<_> = events.iter().map(|event| &event.data[..]).collect();
    assert_eq!(parts, [&b"ab"[..], b"cd", b"ef", b"g", b""]);
    assert_eq!(events[4].kind, UDSOCK_EVENT_ENDED);
}

#[test]
fn with_room_for_one_event_everyone_s_turn_comes() {
    for kind in KINDS {
        let poller = Poller::new();
        let pairs: Vec<_> = (0..20).map(|_| pair(kind)).collect();
        for (number, (socket, peer)) in pairs.iter().enumerate() {
            assert_eq!(poller.add(socket, number as u64), 0);
            assert_eq!(peer.send(b"x", 0), 1);
        }
        let events = poller.gather_in(Room(1, 64), 20);
        let mut tokens: Vec<_> = events.iter().map(|event| event.token).collect();
        tokens.sort_unstable();
        assert!(tokens.into_iter().eq(0..20), "kind {kind}");
        poller.is_quiet();
    }
}

#[test]
fn with_room_for_one_event_all_come_in() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let _server = serving(&poller, kind, &path, 1);
        let clients: Vec<_> = (0..20).map(|_| open_client(kind, &path)).collect();
        let events = poller.gather_in(Room(1, 64), 20);
        let connections: Vec<_> = events.iter().map(|event| Sock(event.socket)).collect();
        assert!(events.iter().all(|event| event.kind == UDSOCK_EVENT_ACCEPTED));
        poller.is_quiet();
        drop((clients, connections));
    }
}

/// Each socket's bytes, or messages, in the order in which they came.
fn storm(kind: u32, random: &mut Random) {
    const MOST: u64 = 40;
    let poller = Poller::new();
    let pairs: Vec<_> = (0..7).map(|_| pair(kind)).collect();
    for (number, (socket, _)) in pairs.iter().enumerate() {
        assert_eq!(poller.add(socket, number as u64), 0);
    }
    let (mut sent, mut came) = (vec![Vec::new(); 7], vec![Vec::new(); 7]);
    let mut count = 0_u32;
    for round in 0..200 {
        for _ in 0..random.below(6) {
            let number = random.below(7) as usize;
            count += 1;
            let length = random.below(MOST - 4) as usize;
            let message = [&count.to_le_bytes()[..], &vec![b'x'; length]].concat();
            // The queue of a datagram socket may be full.
            if pairs[number].1.send(&message, 0) > 0 {
                sent[number].push(message);
            }
        }
        let arena = MOST + random.below(2 * MOST);
        let room = Room(1 + random.below(8) as usize, arena as usize);
        let events = poller.wait_in(room, if round < 150 { 0 } else { 5 }).unwrap_or_default();
        for event in events {
            assert_eq!((event.kind, event.code), (UDSOCK_EVENT_RECEIVED, 0), "{event:?}");
            came[event.token as usize].push(event.data);
        }
    }
    while let Ok(events) = poller.wait(10) {
        events.into_iter().for_each(|event| came[event.token as usize].push(event.data));
    }
    for (sent, came) in sent.iter().zip(&came) {
        match kind {
            UDSOCK_STREAM => assert_eq!(sent.concat(), came.concat()),
            _ => assert_eq!(sent, came, "kind {kind}"),
        }
    }
}

#[test]
fn in_rooms_of_all_sizes_nothing_is_lost() {
    let mut random = Random::new();
    for _ in 0..repeat("UDSOCK_POLLER_STORM_COUNT", 3) {
        for kind in KINDS {
            storm(kind, &mut random);
        }
    }
}
