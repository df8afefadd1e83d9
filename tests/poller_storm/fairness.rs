//! A flood on some sockets never starves the others, however little room a round has.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::calls::*;
use support::*;

/// So many floods of every kind, and quiet sockets of all kinds in turn.
const FLOODS: usize = 2;
const QUIET: usize = 240;
/// What each quiet one sends.
const MESSAGES: usize = 3;
/// The token of those that flood.
const FLOOD: u64 = u64::MAX;

/// Each round serves one member at least, and nobody has two turns while others wait for
/// one: so everybody has a turn within as many rounds as there are members. (Twice as many,
/// as a message may take a turn in two parts.)
const ROUNDS: usize = 2 * (QUIET + KINDS.len() * FLOODS) + 16;

/// A quiet socket: what was sent last, in which round, and what has come of it.
struct Quiet {
    member: Sock,
    peer: Sock,
    sent: Option<([u8; 8], usize)>,
    came: Vec<u8>,
    messages: usize,
}

fn pour(source: &Sock, size: usize, over: &AtomicBool) {
    let data = vec![b'~'; size];
    while !over.load(Ordering::Relaxed) {
        let result = source.send(&data, 50);
        assert!(result > 0 || result == no(libc::ETIMEDOUT), "{}", name_of(result));
    }
}

/// The longest that a message had to wait, in rounds.
fn flooded(flood_size: usize, events: usize, arena: usize) -> usize {
    let poller = open_poller(Limits::default());
    let floods: Vec<_> = KINDS.iter().flat_map(|&kind| [kind; FLOODS]).map(pair).collect();
    for (member, _) in &floods {
        add(&poller, member, FLOOD);
    }
    let mut quiet: Vec<_> = (0..QUIET)
        .map(|number| {
            let (member, peer) = pair(KINDS[number % KINDS.len()]);
            add(&poller, &member, number as u64);
            Quiet { member, peer, sent: None, came: Vec::new(), messages: 0 }
        })
        .collect();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for (_, source) in &floods {
            scope.spawn(|| pour(source, flood_size, &over));
        }
        // The floods end also if this fails.
        let _calm = Calm(&over);
        listen_to(&mut quiet, &poller, &mut Room::new(events, arena))
    })
}

struct Calm<'a>(&'a AtomicBool);

impl Drop for Calm<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn listen_to(quiet: &mut [Quiet], poller: &Sock, room: &mut Room) -> usize {
    let random = &mut Random::new(7);
    let (mut longest, mut flooded) = (0, 0);
    for round in 0.. {
        for (number, quiet) in quiet.iter_mut().enumerate() {
            // A lap at once, or now one and then another.
            let is_due = quiet.sent.is_none() && quiet.messages < MESSAGES;
            if is_due && round > 20 && (quiet.messages == 0 || random.chance(50)) {
                let text = [number as u8, quiet.messages as u8, 2, 3, 4, 5, 6, 7];
                assert_eq!(quiet.peer.send(&text, 0), 8);
                quiet.sent = Some((text, round));
            }
        }
        room.round(poller, 5_000);
        for event in room.events() {
            assert_eq!(event.kind, UDSOCK_EVENT_RECEIVED, "{}", name_of(event.code.into()));
            if event.token == FLOOD {
                flooded += 1;
                continue;
            }
            let quiet = &mut quiet[event.token as usize];
            assert_eq!((event.socket, event.code), (quiet.member.0, 0));
            let (text, since) = quiet.sent.expect("it was sent");
            quiet.came.extend(room.data(event));
            if quiet.came.len() == text.len() {
                assert_eq!(quiet.came, text);
                longest = longest.max(round - since);
                quiet.came.clear();
                quiet.sent = None;
                quiet.messages += 1;
            }
        }
        let late = quiet.iter().filter_map(|quiet| quiet.sent).find(|sent| round - sent.1 > ROUNDS);
        assert!(
            late.is_none(),
            "{ROUNDS} rounds brought {flooded} of the floods, and not {late:?}"
        );
        if quiet.iter().all(|quiet| quiet.messages == MESSAGES) {
            break;
        }
    }
    assert!(flooded > 0);
    longest
}

#[test]
fn with_room_for_everybody() {
    let longest = flooded(1_000, 1_024, 1 << 20);
    assert!(longest <= 2, "{longest} rounds, though each had room for all");
}

#[test]
fn with_few_events() {
    flooded(1_000, 4, 1 << 16);
}

#[test]
fn with_one_event() {
    flooded(100, 1, 1 << 16);
}

#[test]
fn with_an_arena_of_a_few_large_messages() {
    flooded(4_096, 256, 1 << 14);
}

#[test]
fn with_a_tiny_arena() {
    flooded(100, 256, 16);
}

#[test]
fn with_a_tiny_arena_and_one_event() {
    flooded(100, 1, 9);
}
