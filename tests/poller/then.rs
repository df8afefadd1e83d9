//! What an item does when it is out: shut down, or close.

use crate::calls::*;
use crate::waiting::fill;
use support::*;

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

#[test]
fn behind_a_shutdown_a_close_without_data_waits_for_the_rest() {
    for kind in CONNECTED_KINDS {
        for flags in [0, UDSOCK_POLLER_DUPLEX] {
            let (poller, socket, peer) = member(kind, 1);
            assert_eq!(udsock_poller_add(poller.0.0, socket.0, 1, flags), 0);
            fill(&socket);
            let last = item_then(&socket, b"last words", UDSOCK_THEN_SHUTDOWN);
            assert_eq!(poller.send(&[last]), (1, vec![10]));
            is(poller.refusal(item_then(&socket, b"more", UDSOCK_THEN_CLOSE)), libc::EPIPE);
            let close = item_then(&socket, b"", UDSOCK_THEN_CLOSE);
            assert_eq!(poller.send(&[close]), (1, vec![0]));
            is(poller.refusal(close), libc::EPIPE);
            assert!(socket.fd() >= 0, "not all is out");
            let mut came = Vec::new();
            poller.serve_until(|| {
                came.extend(drain(&peer).concat());
                socket.fd() < 0
            });
            came.extend(drain(&peer).concat());
            assert!(came.ends_with(b"last words"), "kind {kind}");
            assert_eq!(peer.recv(0), Err(EOF));
        }
    }
}

#[test]
fn behind_a_shutdown_that_is_out_a_close_without_data_is_one() {
    for kind in CONNECTED_KINDS {
        for at_once in [true, false] {
            let (poller, socket, peer) = member(kind, 1);
            let last = item_then(&socket, b"last words", UDSOCK_THEN_SHUTDOWN);
            let close = item_then(&socket, b"", UDSOCK_THEN_CLOSE);
            match at_once {
                true => assert_eq!(poller.send(&[last, close]), (2, vec![10, 0])),
                false => {
                    assert_eq!(poller.send(&[last]), (1, vec![10]));
                    assert_eq!(poller.send(&[close]), (1, vec![0]));
                }
            }
            is(socket.close(), libc::EBADF);
            assert_eq!(drain(&peer).concat(), b"last words");
            assert_eq!(peer.recv(0), Err(EOF), "kind {kind}: no empty message");
        }
    }
}

/// What comes from one is sent to the other, with its end; a relay.
#[test]
fn a_relay_needs_no_more_than_the_two_flags() {
    for kind in CONNECTED_KINDS {
        let poller = Poller::new();
        let [(one, client), (other, server)] = [pair(kind), pair(kind)];
        for (socket, token) in [(&one, 0), (&other, 1)] {
            let added = udsock_poller_add(poller.0.0, socket.0, token, UDSOCK_POLLER_DUPLEX);
            assert_eq!(added, 0);
        }
        let sent: Vec<Vec<u8>> = (0..70_u8).map(|number| vec![number; 5_000]).collect();
        let (mut to_server, mut to_client) = (sent.iter(), sent.iter());
        let (mut at_server, mut at_client) = (Vec::new(), Vec::new());
        let sides = [&one, &other];
        let mut ends = 0;
        // (On a seqpacket no data would be a message.)
        let end: &[u8] = if kind == UDSOCK_STREAM { b"" } else { b"end" };
        let step = |sending: &mut std::slice::Iter<'_, Vec<u8>>, socket: &Sock| {
            let next = sending.as_slice().first();
            if next.is_some_and(|data| socket.send_all(data, LONG).0 >= 0) {
                sending.next();
                if sending.as_slice().is_empty() {
                    assert_eq!(socket.shutdown(UDSOCK_WRITE), 0);
                }
            }
        };
        // Each side reads only when all has been sent to it: much is kept.
        while sides.iter().any(|side| side.fd() >= 0) {
            step(&mut to_server, &client);
            step(&mut to_client, &server);
            for event in poller.wait(LONG.min(20)).unwrap_or_default() {
                let target = sides[1 - event.token as usize];
                match event.kind {
                    UDSOCK_EVENT_RECEIVED => poller.send_one(target, &event.data),
                    UDSOCK_EVENT_ENDED => {
                        ends += 1;
                        let last = item_then(target, end, UDSOCK_THEN_SHUTDOWN);
                        assert_eq!(poller.send(&[last]).0, 1);
                        if ends == 2 {
                            for side in sides {
                                let close = item_then(side, b"", UDSOCK_THEN_CLOSE);
                                assert_eq!(poller.send(&[close]).0, 1);
                            }
                        }
                    }
                    _ => panic!("{event:?}"),
                }
            }
            if to_server.as_slice().is_empty() && to_client.as_slice().is_empty() {
                at_server.extend(drain(&server).concat());
                at_client.extend(drain(&client).concat());
            }
        }
        at_server.extend(drain(&server).concat());
        at_client.extend(drain(&client).concat());
        let all = [&sent.concat()[..], end].concat();
        assert!(at_server == all && at_client == all, "kind {kind}");
        assert_eq!((server.recv(0), client.recv(0)), (Err(EOF), Err(EOF)));
    }
}
