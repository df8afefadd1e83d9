//! Descriptors that can't be taken: closed, and said so.

use std::os::fd::OwnedFd;

use crate::calls::*;
use crate::pipes::Pipe;
use crate::process::in_child;
use crate::raw;
use support::*;

type Plain = fn(&Sock) -> Vec<u8>;

/// The calls that receive only data.
const PLAIN: [(&str, Plain); 2] = [
    ("recv", |socket| socket.recv(0).unwrap()),
    ("recv_from", |socket| socket.recv_from(0).unwrap().0),
];

#[test]
fn what_there_is_no_room_for_is_closed_and_reported() {
    for kind in KINDS {
        for (name, receive) in RECEIVES {
            let (sender, receiver) = open_pair(kind);
            for (count, room) in [(1, 0), (2, 1), (3, 2), (MOST, 0), (MOST, 1), (MOST, MOST - 1)] {
                let what = format!("{name}, kind {kind}, {room} of {count}");
                let mut pipe = Pipe::new();
                assert_eq!(send_message(&sender, b"data", &vec![pipe.fd(); count], 0), 4);
                pipe.let_go();
                let came = receive(&receiver, Room(16, room), 0).unwrap();
                assert_eq!(came.data, b"data", "{what}");
                assert_eq!(came.flags, UDSOCK_FDS_LOST, "{what}");
                assert_eq!(came.descriptors.len(), room, "{what}");
                assert!(came.descriptors.iter().all(|fd| pipe.is_fed_by(fd)), "{what}");
                drop(came);
                assert!(pipe.is_alone(), "{what}: the rest was closed");
            }
        }
    }
}

#[test]
fn a_message_that_is_cut_has_its_descriptors_all_the_same() {
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        for (name, receive) in RECEIVES {
            let (sender, receiver) = open_pair(kind);
            let mut pipe = Pipe::new();
            for (room, flags) in [(3, 0), (2, UDSOCK_FDS_LOST)] {
                pipe = Pipe::new();
                assert_eq!(send_message(&sender, b"too long", &[pipe.fd(); 3], 0), 8);
                pipe.let_go();
                let came = receive(&receiver, Room(3, room), 0).unwrap();
                assert_eq!((&came.data[..], came.data_size), (&b"too"[..], 8), "{name}");
                assert_eq!(came.flags, UDSOCK_TRUNCATED | flags, "{name}, kind {kind}");
                assert_eq!(came.descriptors.len(), room, "{name}, kind {kind}");
            }
            assert!(pipe.is_alone(), "{name}, kind {kind}");
        }
    }
}

#[test]
fn until_they_are_asked_for_the_sender_is_told() {
    if !kernel_can_refuse() {
        return skip("until_they_are_asked_for_the_sender_is_told", "Linux 6.16 can refuse them");
    }
    for kind in KINDS {
        for (name, send) in SENDS {
            let (sender, receiver) = pair(kind);
            assert_eq!(receiver.option(UDSOCK_OPTION_RECEIVE_FDS), 0, "the default");
            let pipe = Pipe::new();
            is(send(&sender, b"data", &[pipe.fd()], 0), libc::EPERM);
            is(recv_message(&receiver, ENOUGH, 0).unwrap_err(), libc::EAGAIN);
            take_descriptors(&receiver);
            assert_eq!(send(&sender, b"data", &[pipe.fd()], 0), 4, "{name}, kind {kind}");
            assert_eq!(recv_message(&receiver, ENOUGH, 0).unwrap().descriptors.len(), 1);
            set(&receiver, UDSOCK_OPTION_RECEIVE_FDS, 0);
            is(send(&sender, b"data", &[pipe.fd()], 0), libc::EPERM);
            assert_eq!(send(&sender, b"plain", &[], 0), 5, "{name}, kind {kind}");
        }
    }
}

/// The kernel is told only when it matters.
#[test]
fn a_new_socket_refuses_them_from_its_first_name_or_peer_on() {
    const NAME: &str = "a_new_socket_refuses_them_from_its_first_name_or_peer_on";
    if !kernel_can_refuse() {
        return skip(NAME, "Linux 6.16 can refuse them");
    }
    let pipe = Pipe::new();
    // What the program asks for, one after the other.
    for asked in [&[][..], &[1], &[0], &[1, 0], &[0, 1]] {
        let dir = Dir::new();
        let path = dir.path("socket");
        let new = |kind| {
            let socket = create(kind);
            asked.iter().for_each(|on| set(&socket, UDSOCK_OPTION_RECEIVE_FDS, *on));
            socket
        };
        let check = |stranger: &OwnedFd, how: &str| {
            let takes_them = asked.last() == Some(&1);
            let sent = raw::send_descriptors(stranger, b"x", &[pipe.fd()]);
            assert_eq!(sent, if takes_them { 1 } else { no(libc::EPERM) }, "{how}, {asked:?}");
        };

        for kind in CONNECTED_KINDS {
            let path = dir.path(&format!("server-{kind}"));
            let (server, client) = (raw::server(kind, &path), new(kind));
            client.connect(&path, None).unwrap();
            check(&raw::accepted(&server), "connected");

            let path = dir.path(&format!("ours-{kind}"));
            let (server, client) = (new(kind), raw::socket(kind));
            server.bind(&path).unwrap();
            assert_eq!(server.listen(1), 0);
            assert_eq!(raw::connect(&client, &path), 0);
            check(&client, "accepted");
        }

        let (receiver, stranger) = (new(UDSOCK_DGRAM), raw::socket(UDSOCK_DGRAM));
        receiver.bind(&path).unwrap();
        assert_eq!(raw::connect(&stranger, &path), 0);
        check(&stranger, "bound");

        // With credentials the kernel gives who sends a name.
        let (sender, stranger) = (new(UDSOCK_DGRAM), raw::socket(UDSOCK_DGRAM));
        set(&sender, UDSOCK_OPTION_RECEIVE_CREDENTIALS, 1);
        assert_eq!(sender.send_to(b"x", &path, 0), 1);
        let name = sender.local_address().unwrap().replacen('@', "\0", 1);
        assert_eq!(raw::connect(&stranger, &name), 0);
        check(&stranger, "named as it sends");
    }
}

#[test]
fn those_on_their_way_when_it_is_turned_off_are_closed_and_reported() {
    for kind in KINDS {
        for (name, receive) in RECEIVES {
            let (sender, receiver) = open_pair(kind);
            let mut pipe = Pipe::new();
            assert_eq!(send_message(&sender, b"data", &[pipe.fd()], 0), 4);
            pipe.let_go();
            set(&receiver, UDSOCK_OPTION_RECEIVE_FDS, 0);
            let came = receive(&receiver, ENOUGH, 0).unwrap();
            assert_eq!(
                (came.flags, came.descriptors.len()),
                (UDSOCK_FDS_LOST, 0),
                "{name}, {kind}"
            );
            assert!(pipe.is_alone(), "{name}, kind {kind}");
        }
    }
}

#[test]
fn an_adopted_socket_closes_what_it_does_not_want_and_says_so() {
    for kind in KINDS {
        for (name, receive) in RECEIVES {
            for room in [0, 1, MOST] {
                let (stranger, socket) = stranger(kind);
                assert_eq!(socket.option(UDSOCK_OPTION_RECEIVE_FDS), 1, "as it was");
                let mut pipe = Pipe::new();
                assert_eq!(raw::send_descriptors(&stranger, b"data", &[pipe.fd(); 2]), 4);
                set(&socket, UDSOCK_OPTION_RECEIVE_FDS, 0);
                pipe.let_go();
                let came = receive(&socket, Room(16, room), 0).unwrap();
                let got = (&came.data[..], came.flags, came.descriptors.len());
                assert_eq!(got, (&b"data"[..], UDSOCK_FDS_LOST, 0), "{name}, kind {kind}");
                assert!(pipe.is_alone(), "{name}, kind {kind}");
                assert_eq!(raw::send(&stranger, b"plain", 0), 5);
                assert_eq!(receive(&socket, Room(16, room), 0).unwrap().flags, 0, "{name}");
                take_descriptors(&socket);
                let pipe = Pipe::new();
                assert_eq!(raw::send_descriptors(&stranger, b"data", &[pipe.fd()]), 4);
                let came = receive(&socket, ENOUGH, 0).unwrap();
                assert_eq!((came.flags, came.descriptors.len()), (0, 1), "{name}, kind {kind}");
            }
        }
    }
}

#[test]
fn accepted_connections_take_them_as_their_server_does() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let address = dir.path("server.sock");
        let server = open_server(kind, &address);
        for on in [1, 0] {
            set(&server, UDSOCK_OPTION_RECEIVE_FDS, on);
            let client = open_client(kind, &address);
            let pipe = Pipe::new();
            if on == 1 {
                // It may also be sent before it is accepted.
                assert_eq!(send_message(&client, b"early", &[pipe.fd()], 0), 5);
            }
            let peer = server.accept(5_000).unwrap();
            assert_eq!(peer.option(UDSOCK_OPTION_RECEIVE_FDS), on);
            if on == 1 {
                let came = recv_message(&peer, ENOUGH, 0).unwrap();
                assert_eq!((came.flags, came.descriptors.len()), (0, 1), "kind {kind}");
            } else if kernel_can_refuse() {
                is(send_message(&client, b"data", &[pipe.fd()], 0), libc::EPERM);
            }
            // The server's end says nothing about the client's.
            assert_eq!(client.option(UDSOCK_OPTION_RECEIVE_FDS), 0);
        }
    }
}

#[test]
fn the_other_calls_lose_them_without_a_leak() {
    in_child(|| {
        for kind in KINDS {
            let (sender, receiver) = open_pair(kind);
            let before = open_descriptors();
            for (name, receive) in PLAIN {
                for count in [1, MOST] {
                    let mut pipe = Pipe::new();
                    let passed = vec![pipe.fd(); count];
                    assert_eq!(send_message(&sender, b"data", &passed, 0), 4);
                    pipe.let_go();
                    assert_eq!(receive(&receiver), b"data", "{name}, kind {kind}");
                    assert!(pipe.is_alone(), "{name}, kind {kind}");
                    drop(pipe);
                    assert_eq!(open_descriptors(), before, "{name}, kind {kind}");
                }
            }
        }
    });
}

#[test]
fn those_that_nobody_receives_are_closed_with_the_socket() {
    for kind in KINDS {
        let (sender, receiver) = open_pair(kind);
        let mut pipe = Pipe::new();
        assert_eq!(send_message(&sender, b"data", &[pipe.fd(); 3], 0), 4);
        pipe.let_go();
        assert!(pipe.is_held());
        assert_eq!(receiver.close(), 0);
        assert!(pipe.is_alone(), "kind {kind}");
    }
}

#[test]
fn what_is_told_to_have_no_room_leaves_the_message_where_it_is() {
    for kind in KINDS {
        for (name, receive) in RECEIVES {
            let (sender, receiver) = open_pair(kind);
            let pipe = Pipe::new();
            assert_eq!(send_message(&sender, b"data", &[pipe.fd()], 0), 4);
            is(receive(&receiver, Room(0, MOST), 0).unwrap_err(), libc::EINVAL);
            assert_eq!(receive(&receiver, ENOUGH, 0).unwrap().descriptors.len(), 1, "{name}");
        }
    }
}

/// An adopted socket whose messages come with a pidfd of the sender (SO_PASSPIDFD); the
/// other end is raw. `None`, and said so, where the kernel does not know that.
fn with_pidfds(test: &str, kind: u32) -> Option<(OwnedFd, Sock)> {
    use libc::SO_PASSPIDFD;
    let (stranger, socket) = stranger(kind);
    if raw::set_option(socket.fd(), SO_PASSPIDFD, 1) < 0 {
        skip(test, "SO_PASSPIDFD is from Linux 6.5 on");
        return None;
    }
    Some((stranger, socket))
}

#[test]
fn pidfds_that_an_adopted_socket_was_set_up_for_are_not_leaked() {
    const NAME: &str = "pidfds_that_an_adopted_socket_was_set_up_for_are_not_leaked";
    in_child(|| {
        for kind in KINDS {
            let Some((stranger, socket)) = with_pidfds(NAME, kind) else { return };
            let before = open_descriptors();
            for on in [0, 1] {
                set(&socket, UDSOCK_OPTION_RECEIVE_FDS, on);
                for (name, receive) in RECEIVES {
                    assert_eq!(raw::send(&stranger, b"data", 0), 4);
                    let came = receive(&socket, ENOUGH, 0).unwrap();
                    assert_eq!((&came.data[..], came.flags), (&b"data"[..], 0), "{name}, {kind}");
                    drop(came);
                    assert_eq!(open_descriptors(), before, "{name}, kind {kind}, {on}");
                }
            }
        }
    });
}

#[test]
fn nor_by_the_calls_that_receive_only_data() {
    in_child(|| {
        for kind in KINDS {
            let Some((stranger, socket)) =
                with_pidfds("nor_by_the_calls_that_receive_only_data", kind)
            else {
                return;
            };
            let before = open_descriptors();
            for (name, receive) in PLAIN {
                assert_eq!(raw::send(&stranger, b"data", 0), 4);
                assert_eq!(receive(&socket), b"data", "{name}, kind {kind}");
                assert_eq!(open_descriptors(), before, "{name}, kind {kind}");
            }
        }
    });
}
