//! What an item does when it is out: shut down, or close.

use crate::calls::*;
use crate::support::*;
use crate::waiting::fill;

#[test]
fn then_shutdown_ends_what_is_sent_and_not_what_comes() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        let items = [item(&socket, b"last "), item_then(&socket, b"words", UDSOCK_THEN_SHUTDOWN)];
        assert_eq!(poller.send(&items), (2, vec![5, 5]));
        assert_eq!(drain(&peer).concat(), b"last words");
        assert_eq!(peer.recv(0), Err(EOF));
        assert_eq!(peer.send(b"I see", 0), 5);
        assert_eq!(poller.next().data, b"I see");
        is(poller.refusal(item(&socket, b"more")), libc::EPIPE);
        assert_eq!(poller.remove(&socket), 0, "it is still a member");
    }
}

#[test]
fn then_close_closes() {
    for kind in KINDS {
        let (poller, socket, peer) = member(kind, 1);
        let items = [item(&socket, b"last "), item_then(&socket, b"words", UDSOCK_THEN_CLOSE)];
        assert_eq!(poller.send(&items), (2, vec![5, 5]));
        is(socket.close(), libc::EBADF);
        is(poller.remove(&socket), libc::EBADF);
        is(poller.refusal(item(&socket, b"more")), libc::EBADF);
        assert_eq!(drain(&peer).concat(), b"last words");
        if kind != UDSOCK_DGRAM {
            assert_eq!(peer.recv(0), Err(EOF));
        }
        poller.is_quiet();
    }
}

#[test]
fn a_flag_needs_no_data() {
    for flag in [UDSOCK_THEN_SHUTDOWN, UDSOCK_THEN_CLOSE] {
        let (poller, socket, peer) = member(UDSOCK_STREAM, 1);
        assert_eq!(poller.send(&[item_then(&socket, b"", flag)]), (1, vec![0]));
        assert_eq!(peer.recv(0), Err(EOF));
    }
}

#[test]
fn items_behind_a_flag_are_refused() {
    for flag in [UDSOCK_THEN_SHUTDOWN, UDSOCK_THEN_CLOSE] {
        for kind in CONNECTED_KINDS {
            let (poller, socket, peer) = member(kind, 1);
            let (other, other_peer) = pair(kind);
            assert_eq!(poller.add(&other, 2), 0);
            let items = [
                item(&socket, b"one"),
                item_then(&socket, b"two", flag),
                item(&socket, b"three"),
                item(&other, b"theirs"),
                item_then(&socket, b"", flag),
            ];
            let (result, each) = poller.send(&items);
            assert_eq!((result, &each[..2], each[3]), (3, &[3, 3][..], 6));
            is(each[2], libc::EPIPE);
            is(each[4], libc::EPIPE);
            assert_eq!(drain(&peer).concat(), b"onetwo");
            assert_eq!(other_peer.recv(0).unwrap(), b"theirs");
        }
    }
}

#[test]
fn behind_what_is_kept_a_flag_waits() {
    for flag in [UDSOCK_THEN_SHUTDOWN, UDSOCK_THEN_CLOSE] {
        for kind in CONNECTED_KINDS {
            let (poller, socket, peer) = member(kind, 1);
            fill(&socket);
            let items = [item(&socket, b"one"), item_then(&socket, b"two", flag)];
            assert_eq!(poller.send(&items), (2, vec![3, 3]));
            is(poller.refusal(item(&socket, b"three")), libc::EPIPE);
            poller.is_quiet();
            assert!(socket.fd() >= 0, "it is not closed yet");
            let (mut came, mut end) = (Vec::new(), Ok(Vec::new()));
            let events = poller.serve_until(|| {
                while end.is_ok() {
                    end = peer.recv(0);
                    came.extend(end.clone().unwrap_or_default());
                }
                let ended = end == Err(EOF);
                end = if ended { Err(EOF) } else { Ok(Vec::new()) };
                ended
            });
            assert!(came.ends_with(b"xonetwo"), "kind {kind}, flag {flag}");
            assert_eq!(events, []);
            let closed = flag == UDSOCK_THEN_CLOSE;
            assert_eq!(socket.close(), if closed { no(libc::EBADF) } else { 0 });
        }
    }
}

#[test]
fn a_socket_that_is_to_be_closed_goes_with_its_peer_too() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        fill(&socket);
        poller.send_one(&socket, b"kept");
        assert_eq!(poller.send(&[item_then(&socket, b"bye", UDSOCK_THEN_CLOSE)]).0, 1);
        drop(peer);
        poller.serve_until(|| socket.fd() < 0);
        is(socket.close(), libc::EBADF);
        poller.is_quiet();
    }
}

#[test]
fn a_datagram_that_is_kept_is_waited_for() {
    let dir = Dir::new();
    let address = dir.path("receiver");
    let (receiver, filler) = (open_datagram(Some(&address)), open_datagram(None));
    let (poller, socket) = (Poller::new(), open_datagram(None));
    assert_eq!(poller.add(&socket, 1), 0);
    while filler.send_to(b"x", &address, 0) > 0 {}
    let last = Item { to: &address, ..item_then(&socket, b"last", UDSOCK_THEN_CLOSE) };
    assert_eq!(poller.send(&[last]), (1, vec![4]));
    poller.is_quiet();
    assert!(socket.fd() >= 0, "it is not closed yet");
    let mut came = Vec::new();
    poller.serve_until(|| {
        came.extend(drain(&receiver));
        socket.fd() < 0
    });
    came.extend(drain(&receiver));
    assert!(came.concat().ends_with(b"xlast"));
}

#[test]
fn the_room_of_a_connection_that_was_closed_so_is_free_again() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let server = serving(&poller, kind, &path, 1);
        assert_eq!(udsock_set_option(server.0, UDSOCK_OPTION_MAX_PER_UID, 1), 0);
        for _ in 0..5 {
            let client = open_client(kind, &path);
            let connection = Sock(poller.next().socket);
            assert_eq!(poller.send(&[item_then(&connection, b"go", UDSOCK_THEN_CLOSE)]).0, 1);
            assert_eq!((client.recv(0).unwrap(), client.recv(0)), (b"go".to_vec(), Err(EOF)));
        }
        assert_eq!(server.option(UDSOCK_OPTION_REFUSED), 0);
    }
}
