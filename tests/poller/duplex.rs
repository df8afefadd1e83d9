//! Members that are received from while something is kept for them, and members that pause.

use crate::calls::*;
use support::*;

/// More than the kernel takes.
const MUCH: usize = 1_000_000;

fn add(poller: &Poller, socket: &Sock, token: u64, flags: u32) {
    assert_eq!(udsock_poller_add(poller.0.0, socket.0, token, flags), 0);
}

/// How many bytes came for each of two tokens, until nothing more does.
fn received(poller: &Poller) -> [usize; 2] {
    let mut sizes = [0; 2];
    while let Ok(events @ [_, ..]) = poller.wait(100).as_deref() {
        for event in events {
            match event.kind {
                UDSOCK_EVENT_RECEIVED => sizes[event.token as usize] += event.data.len(),
                kind => assert_eq!(kind, UDSOCK_EVENT_DRAINED),
            }
        }
    }
    sizes
}

/// Without it they would wait for each other for ever.
#[test]
fn two_ends_that_both_send_much_before_they_receive_get_on() {
    for kind in CONNECTED_KINDS {
        for (flags, arrives) in [(0, false), (UDSOCK_POLLER_DUPLEX, true)] {
            let poller = Poller::new();
            let ends = pair(kind);
            add(&poller, &ends.0, 0, flags);
            add(&poller, &ends.1, 1, flags);
            let part = vec![b'x'; MUCH / 100];
            for end in [&ends.0, &ends.1] {
                for _ in 0..100 {
                    assert_eq!(poller.send(&[item(end, &part)]).0, 1);
                }
            }
            let came = received(&poller);
            assert_eq!(came == [MUCH; 2], arrives, "kind {kind}: {came:?}");
        }
    }
}

#[test]
fn connections_have_it_from_their_server() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let server = open_server(kind, &dir.path("s"));
        let poller = Poller::new();
        add(&poller, &server, 7, UDSOCK_POLLER_DUPLEX);
        let client = open_client(kind, &dir.path("s"));
        let accepted = poller.wait(LONG).unwrap().remove(0);
        assert_eq!(accepted.what(), (UDSOCK_EVENT_ACCEPTED, 7));
        let connection = Sock(accepted.socket);
        let part = vec![b'x'; 100_000];
        for _ in 0..8 {
            assert_eq!(poller.send(&[item(&connection, &part)]).0, 1);
        }
        assert_eq!(client.send(b"meanwhile", 0), 9);
        let event = poller.wait(LONG).unwrap().remove(0);
        assert_eq!((event.kind, &event.data[..]), (UDSOCK_EVENT_RECEIVED, &b"meanwhile"[..]));
    }
}

#[test]
fn from_a_paused_one_nothing_is_received_and_nothing_is_lost() {
    for kind in KINDS {
        let poller = Poller::new();
        let (socket, peer) = pair(kind);
        add(&poller, &socket, 0, UDSOCK_POLLER_PAUSED);
        assert_eq!(peer.send(b"for later", 0), 9);
        assert_eq!(poller.wait(20), Err(no(libc::ETIMEDOUT)), "kind {kind}");
        add(&poller, &socket, 0, 0);
        let event = poller.wait(LONG).unwrap().remove(0);
        assert_eq!((event.kind, &event.data[..]), (UDSOCK_EVENT_RECEIVED, &b"for later"[..]));
        add(&poller, &socket, 0, UDSOCK_POLLER_PAUSED);
        assert_eq!(peer.send(b"again", 0), 5);
        assert_eq!(poller.wait(0), Ok(vec![]));
    }
}

#[test]
fn what_is_kept_for_a_paused_one_goes_on_its_way() {
    let poller = Poller::new();
    let (socket, peer) = pair(UDSOCK_STREAM);
    add(&poller, &socket, 0, UDSOCK_POLLER_PAUSED | UDSOCK_POLLER_DUPLEX);
    let much = vec![b'x'; MUCH];
    assert_eq!(poller.send(&[item(&socket, &much)]).0, 1);
    let mut came = 0;
    while came < MUCH {
        came += peer.recv(LONG).unwrap().len();
        assert_eq!(poller.wait(0), Ok(vec![]));
    }
}

#[test]
fn a_paused_server_accepts_nobody() {
    let dir = Dir::new();
    let server = open_server(UDSOCK_STREAM, &dir.path("s"));
    let poller = Poller::new();
    add(&poller, &server, 7, UDSOCK_POLLER_PAUSED);
    let _client = open_client(UDSOCK_STREAM, &dir.path("s"));
    assert_eq!(poller.wait(20), Err(no(libc::ETIMEDOUT)));
    add(&poller, &server, 7, 0);
    let accepted = poller.wait(LONG).unwrap().remove(0);
    assert_eq!(accepted.what(), (UDSOCK_EVENT_ACCEPTED, 7));
    drop(Sock(accepted.socket));
}
