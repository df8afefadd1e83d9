//! A socket that floods is served like every other, and not before them.

use crate::calls::*;
use support::*;

/// As many messages, or bytes, as there is room for.
fn flood(socket: &Sock) {
    while socket.send(b"flood", 0) > 0 {}
}

/// How many waits it takes until the others' single messages have come, while one socket
/// has something in every round.
fn waits_until_all_came(kind: u32, room: Room, others: u64) -> u64 {
    let options = udsock_poller_options { receive_size: 5, ..poller_options() };
    let poller = Poller::with(&options);
    let (flooded, flooder) = pair(kind);
    flood(&flooder);
    assert_eq!(poller.add(&flooded, u64::MAX), 0);
    let pairs: Vec<_> = (0..others).map(|_| pair(kind)).collect();
    for (number, (socket, peer)) in pairs.iter().enumerate() {
        assert_eq!(poller.add(socket, number as u64), 0);
        assert_eq!(peer.send(b"quiet", 0), 5);
    }
    let mut missing = others;
    for wait in 1..1000 {
        flood(&flooder);
        let events = poller.wait_in(room, LONG).unwrap();
        missing -= events.iter().filter(|event| event.token != u64::MAX).count() as u64;
        if missing == 0 {
            return wait;
        }
    }
    panic!("kind {kind}, {room:?}: {missing} of {others} starve");
}

#[test]
fn nobody_starves_whatever_the_room() {
    for kind in KINDS {
        for room in [Room(512, 1 << 16), Room(8, 1 << 16), Room(1, 1 << 16), Room(64, 12)] {
            let waits = waits_until_all_came(kind, room, 3);
            assert!(waits <= 8, "kind {kind}, {room:?}: {waits} waits");
        }
    }
}

#[test]
fn a_connection_that_floods_is_read_once_a_round() {
    for kind in CONNECTED_KINDS {
        let options = udsock_poller_options { receive_size: 5, ..poller_options() };
        let poller = Poller::with(&options);
        let (flooded, flooder) = pair(kind);
        flood(&flooder);
        assert_eq!(poller.add(&flooded, 1), 0);
        for _ in 0..20 {
            let events = poller.wait(LONG).unwrap();
            assert_eq!((events.len(), &events[0].data[..]), (1, &b"flood"[..]), "kind {kind}");
        }
    }
}

#[test]
fn a_server_that_is_flooded_holds_nobody_up() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let (socket, peer) = pair(kind);
        let _server = serving(&poller, kind, &path, 1);
        assert_eq!(poller.add(&socket, 2), 0);
        let clients: Vec<_> = (0..100).map(|_| open_client(kind, &path)).collect();
        assert_eq!(peer.send(b"quiet", 0), 5);
        let mut connections = Vec::new();
        for wait in 1.. {
            let events = poller.wait_in(Room(8, 64), LONG).unwrap();
            let mut quiet = false;
            for event in events {
                match event.kind {
                    UDSOCK_EVENT_ACCEPTED => connections.push(Sock(event.socket)),
                    _ => quiet = true,
                }
            }
            if quiet {
                assert!(wait <= 3, "kind {kind}: {wait} waits");
                break;
            }
            assert!(wait < 20, "kind {kind}: the other one starves");
        }
        drop(clients);
    }
}
