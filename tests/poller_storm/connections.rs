//! Connections that are opened and closed at random under load, with every byte accounted
//! for. Whole with UDSOCK_CONNECTION_COUNT=8000.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crate::calls::*;
use crate::client::{Client, Step};
use crate::measure::{descriptors, place_of, raise_limit};
use crate::server::{self, Server, Tally};
use support::*;

const CLIENT_THREADS: usize = 3;

/// What else has descriptors and handles: the pollers, the server, the runner.
const OTHERS: usize = 100;

#[derive(Default, Debug)]
struct Ends {
    finished: usize,
    aborted: usize,
}

/// So many clients, at most so many of them at once.
fn clients(kind: u32, address: &str, count: usize, most: usize, seed: u64, tally: &Tally) -> Ends {
    let random = &mut Random::new(seed);
    let mut clients: Vec<Client> = Vec::new();
    let mut opened = 0;
    let mut ends = Ends::default();
    let mut stuck = 0;
    let mut aim = most;
    while opened < count || !clients.is_empty() {
        if opened < count && clients.len() < aim {
            let client = Client::open(kind, address, random);
            tally.saw(client.handle());
            clients.push(client);
            opened += 1;
            continue;
        }
        // The crowd swells to some size, and then shrinks to another.
        if random.chance(64) || clients.is_empty() {
            aim = if random.chance(2) { 1 + random.below(most) } else { 0 };
            if clients.is_empty() {
                continue;
            }
        }
        let index = random.below(clients.len());
        match clients[index].step(random) {
            Step::Moved => stuck = 0,
            Step::Stuck => stuck += 1,
            end => {
                clients.swap_remove(index);
                ends.finished += usize::from(end == Step::Finished);
                ends.aborted += usize::from(end == Step::Aborted);
                stuck = 0;
            }
        }
        if stuck > clients.len() {
            thread::sleep(Duration::from_micros(200));
        }
    }
    ends
}

fn storm(kind: u32, pollers: usize) {
    let before = descriptors();
    let wanted = repeat("UDSOCK_CONNECTION_COUNT", 400) as usize;
    // Both ends are here.
    let at_once = wanted.min((raise_limit(2 * wanted + OTHERS) - OTHERS) / 2);
    let (count, most) = (wanted.div_ceil(CLIENT_THREADS), at_once / CLIENT_THREADS);
    let dir = Dir::new();
    let address = dir.path("server");
    let listener = open_server(kind, &address);
    let tally = Tally::default();
    let ends: Vec<_> = thread::scope(|scope| {
        let tally = &tally;
        let mut handles = Vec::new();
        for number in 0..pollers {
            let mut server = Server::new(kind, &listener, number as u64, tally);
            handles.push(server.poller.0);
            scope.spawn(move || server.run());
        }
        let address = &address;
        let threads: Vec<_> = (0..CLIENT_THREADS as u64)
            .map(|seed| scope.spawn(move || clients(kind, address, count, most, 99 + seed, tally)))
            .collect();
        let ends = threads.into_iter().map(|thread| thread.join().expect("it did not fail"));
        let ends = ends.collect();
        server::end(&handles, tally);
        ends
    });
    let counted = |counter: &std::sync::atomic::AtomicUsize| counter.load(Ordering::Relaxed);
    let finished: usize = ends.iter().map(|ends| ends.finished).sum();
    let aborted: usize = ends.iter().map(|ends| ends.aborted).sum();
    let (refused, drained) = (counted(&tally.refused), counted(&tally.drained));
    eprintln!(
        "kind {kind}, pollers: {pollers}: {finished} clients have everything back, {aborted} \
         went before; {} connections broke, {refused} items were refused, {drained} times there \
         was room again",
        counted(&tally.broken),
    );
    assert_eq!(counted(&tally.accepted), CLIENT_THREADS * count);
    assert_eq!(finished + aborted, CLIENT_THREADS * count);
    assert!(finished > aborted && aborted > 0 && drained > 0);
    assert!(drained <= refused, "{drained} times there was room, {refused} items were refused");
    drop(listener);
    let after = descriptors();
    assert_eq!(after.len(), before.len(), "{before:?}, then {after:?}");
    assert_places_are_free(counted(&tally.highest));
}

/// As many sockets as there have been at once find places among those that were used.
fn assert_places_are_free(highest: usize) {
    let sockets: Vec<_> = (0..=highest).map(|_| create(UDSOCK_STREAM)).collect();
    let beyond = sockets.iter().map(|socket| place_of(socket.0)).max().expect("there are some");
    // (An attempt to accept that finds nobody takes a place for a moment.)
    assert!(beyond <= highest + 8, "places up to {highest} were used, and then {beyond}");
}

#[test]
fn streams_come_and_go() {
    in_own_process("connections::streams_come_and_go", || storm(UDSOCK_STREAM, 1));
}

#[test]
fn seqpackets_come_and_go() {
    in_own_process("connections::seqpackets_come_and_go", || storm(UDSOCK_SEQPACKET, 1));
}

#[test]
fn pollers_share_a_server_of_streams() {
    let test = "connections::pollers_share_a_server_of_streams";
    in_own_process(test, || storm(UDSOCK_STREAM, 3));
}

#[test]
fn pollers_share_a_server_of_seqpackets() {
    let test = "connections::pollers_share_a_server_of_seqpackets";
    in_own_process(test, || storm(UDSOCK_SEQPACKET, 3));
}
