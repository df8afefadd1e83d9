//! Who sent each message, where the kernel vouches for it; and that an empty message and
//! the end are told apart all the same.

use crate::calls::*;
use crate::pipes::Pipe;
use crate::process::{in_child, in_fork, is_root};
use crate::raw;
use support::*;

#[test]
fn each_message_tells_its_sender() {
    for kind in KINDS {
        for (name, receive) in RECEIVES {
            let (sender, receiver) = pair(kind);
            tell_senders(&receiver);
            assert_eq!(sender.send(b"data", 0), 4);
            let came = receive(&receiver, Room(16, 0), 0).unwrap();
            assert_eq!((&came.data[..], came.flags), (&b"data"[..], 0), "{name}, kind {kind}");
            assert_eq!(came.sender, myself(), "{name}, kind {kind}");
        }
    }
}

#[test]
fn it_is_unknown_unless_it_is_asked_for() {
    for kind in KINDS {
        for (name, receive) in RECEIVES {
            let (sender, receiver) = pair(kind);
            assert_eq!(receiver.option(UDSOCK_OPTION_RECEIVE_CREDENTIALS), 0, "the default");
            assert_eq!(sender.send(b"data", 0), 4);
            let came = receive(&receiver, Room(16, 0), 0).unwrap();
            assert_eq!(came.sender, UNKNOWN, "{name}, kind {kind}");
            tell_senders(&receiver);
            set(&receiver, UDSOCK_OPTION_RECEIVE_CREDENTIALS, 0);
            assert_eq!(sender.send(b"data", 0), 4);
            let came = receive(&receiver, Room(16, 0), 0).unwrap();
            assert_eq!(came.sender, UNKNOWN, "{name}, kind {kind}");
        }
    }
}

#[test]
fn of_what_was_sent_before_it_was_on_it_is_unknown() {
    for kind in KINDS {
        for (name, receive) in RECEIVES {
            let (sender, receiver) = pair(kind);
            assert_eq!(sender.send(b"before", 0), 6);
            tell_senders(&receiver);
            assert_eq!(sender.send(b"after", 0), 5);
            // A stream does not join the bytes of different senders.
            let came = receive(&receiver, Room(16, 0), 0).unwrap();
            assert_eq!((&came.data[..], came.sender), (&b"before"[..], UNKNOWN), "{name}");
            let came = receive(&receiver, Room(16, 0), 0).unwrap();
            assert_eq!((&came.data[..], came.sender), (&b"after"[..], myself()), "{name}");
        }
    }
}

#[test]
fn a_forked_child_is_told_from_this_process() {
    in_child(|| {
        for kind in KINDS {
            for (name, receive) in RECEIVES {
                let (sender, receiver) = pair(kind);
                tell_senders(&receiver);
                assert_eq!(sender.send(b"parent", 0), 6);
                let (told, tell) = pipe();
                let status = in_fork(|| {
                    use std::io::Write;
                    (&tell).write_all(&std::process::id().to_ne_bytes()).unwrap();
                    sender.send(b"child", 0) == 5
                });
                assert_eq!(status, 0);
                let mut id = [0; 4];
                std::io::Read::read_exact(&mut &told, &mut id).unwrap();
                let child = i32::from_ne_bytes(id);
                let (_, uid, gid) = myself();
                let came = receive(&receiver, Room(16, 0), 0).unwrap();
                assert_eq!((&came.data[..], came.sender), (&b"parent"[..], myself()), "{name}");
                let came = receive(&receiver, Room(16, 0), 0).unwrap();
                assert_eq!((&came.data[..], came.sender), (&b"child"[..], (child, uid, gid)));
            }
        }
    });
}

#[test]
fn another_user_is_told_from_this_one() {
    const UID: u32 = 71_001;
    const GID: u32 = 72_001;
    if !is_root() {
        return skip("another_user_is_told_from_this_one", "only root can act for other users");
    }
    in_child(|| {
        for kind in KINDS {
            for (name, receive) in RECEIVES {
                let (sender, receiver) = pair(kind);
                tell_senders(&receiver);
                let status = in_fork(|| {
                    // SAFETY: no pointers but a list of length 0.
                    unsafe {
                        assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
                        assert_eq!(libc::setresgid(GID, GID, GID), 0);
                        assert_eq!(libc::setresuid(UID, UID, UID), 0);
                    }
                    sender.send(b"data", 0) == 4
                });
                assert_eq!(status, 0);
                let (pid, uid, gid) = receive(&receiver, Room(16, 0), 0).unwrap().sender;
                assert_eq!((uid, gid), (UID, GID), "{name}, kind {kind}");
                assert!(pid > 0 && pid != myself().0);
            }
        }
    });
}

#[test]
fn datagrams_to_one_address_tell_each_sender_by_name_and_credentials() {
    let dir = Dir::new();
    let address = dir.path("receiver.sock");
    let receiver = open_server(UDSOCK_DGRAM, &address);
    tell_senders(&receiver);
    let local = dir.path("sender.sock");
    let sender = open_datagram(Some(&local));
    assert_eq!(send_message_to(&sender, (b"data", &[]), &address, 0), 4);
    let mut from = [0; UDSOCK_ADDRESS_SIZE];
    let (result, size, came) = recv_with_address(&receiver, ENOUGH, &mut from, 0);
    assert_eq!((result, size), (4, local.len()));
    assert_eq!(came.unwrap().sender, myself());
}

#[test]
fn accepted_connections_tell_as_their_server_does() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let address = dir.path("server.sock");
        let server = open_server(kind, &address);
        for on in [1, 0] {
            set(&server, UDSOCK_OPTION_RECEIVE_CREDENTIALS, on);
            let client = open_client(kind, &address);
            assert_eq!(client.send(b"early", 0), 5);
            let peer = server.accept(5_000).unwrap();
            assert_eq!(peer.option(UDSOCK_OPTION_RECEIVE_CREDENTIALS), on);
            let expected = if on == 1 { myself() } else { UNKNOWN };
            let came = recv_message(&peer, ENOUGH, 0).unwrap();
            assert_eq!((&came.data[..], came.sender), (&b"early"[..], expected), "kind {kind}");
            assert_eq!(client.send(b"late", 0), 4);
            assert_eq!(recv_message(&peer, ENOUGH, 0).unwrap().sender, expected, "kind {kind}");
        }
    }
}

#[test]
fn they_leave_all_descriptors_their_room() {
    for kind in KINDS {
        for (name, receive) in RECEIVES {
            let (sender, receiver) = open_pair(kind);
            tell_senders(&receiver);
            let pipe = Pipe::new();
            for count in [1, MOST] {
                let passed = vec![pipe.fd(); count];
                assert_eq!(send_message(&sender, b"data", &passed, 0), 4);
                let came = receive(&receiver, ENOUGH, 0).unwrap();
                let got = (came.descriptors.len(), came.flags, came.sender);
                assert_eq!(got, (count, 0, myself()), "{name}, kind {kind}");
            }
        }
    }
}

#[test]
fn empty_seqpacket_messages_and_the_end_are_told_apart_whatever_is_asked_for() {
    for descriptors in [0, 1] {
        for credentials in [0, 1] {
            for (name, receive) in RECEIVES {
                let what = format!("{name}, descriptors {descriptors}, credentials {credentials}");
                let (sender, receiver) = pair(UDSOCK_SEQPACKET);
                set(&receiver, UDSOCK_OPTION_RECEIVE_FDS, descriptors);
                set(&receiver, UDSOCK_OPTION_RECEIVE_CREDENTIALS, credentials);
                for _ in 0..2 {
                    assert_eq!(sender.send(b"", 0), 0);
                    assert_eq!(sender.send(b"data", 0), 4);
                }
                assert_eq!(sender.send(b"", 0), 0);
                assert_eq!(sender.close(), 0);
                for size in [0, 4, 0, 4, 0] {
                    let came = receive(&receiver, Room(16, MOST), 0).expect(&what);
                    assert_eq!((came.data_size, came.flags), (size, 0), "{what}");
                }
                for _ in 0..2 {
                    assert_eq!(receive(&receiver, ENOUGH, 0).unwrap_err(), EOF, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_batch_ends_at_the_end_whatever_is_asked_for() {
    for (descriptors, credentials) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let (sender, receiver) = pair(UDSOCK_SEQPACKET);
        set(&receiver, UDSOCK_OPTION_RECEIVE_FDS, descriptors);
        set(&receiver, UDSOCK_OPTION_RECEIVE_CREDENTIALS, credentials);
        for data in [&b""[..], b"data", b""] {
            assert_eq!(sender.send(data, 0), data.len() as i64);
        }
        assert_eq!(sender.close(), 0);
        let came = recv_batch(&receiver, &[ENOUGH; 10], 0).unwrap();
        let sizes: Vec<_> = came.iter().map(|came| came.data_size).collect();
        assert_eq!(sizes, [0, 4, 0], "descriptors {descriptors}, credentials {credentials}");
        assert_eq!(recv_batch(&receiver, &[ENOUGH; 10], 0).unwrap_err(), EOF);
    }
}

#[test]
fn the_plain_calls_tell_the_end_too_when_credentials_are_on() {
    let (sender, receiver) = pair(UDSOCK_SEQPACKET);
    tell_senders(&receiver);
    take_descriptors(&receiver);
    let pipe = Pipe::new();
    assert_eq!(send_message(&sender, b"", &[pipe.fd()], 0), 0);
    assert_eq!(sender.send(b"", 0), 0);
    assert_eq!(sender.close(), 0);
    assert_eq!(receiver.recv(0).unwrap(), b"");
    assert_eq!(receiver.recv_from(0).unwrap().0, b"");
    assert_eq!(receiver.recv(0).unwrap_err(), EOF);
    assert_eq!(receiver.recv_from(0).unwrap_err(), EOF);
}

#[test]
fn a_message_that_is_cut_says_how_long_it_was() {
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        for (name, receive) in RECEIVES {
            let (sender, receiver) = pair(kind);
            for credentials in [0, 1] {
                set(&receiver, UDSOCK_OPTION_RECEIVE_CREDENTIALS, credentials);
                for (size, room) in [(5, 4), (5, 5), (5, 6), (30_000, 1), (30_000, 29_999)] {
                    assert_eq!(sender.send(&vec![b'x'; size], 0), size as i64);
                    let came = receive(&receiver, Room(room, 0), 0).unwrap();
                    let what = format!("{name}, kind {kind}, {room} for {size}");
                    assert_eq!(came.data, vec![b'x'; size.min(room)], "{what}");
                    assert_eq!(
                        (came.data_size, came.is_truncated()),
                        (size, size > room),
                        "{what}"
                    );
                    assert!(!came.has_lost(), "{what}");
                }
            }
        }
    }
}

#[test]
fn a_stream_is_never_truncated() {
    for (name, receive) in RECEIVES {
        let (sender, receiver) = pair(UDSOCK_STREAM);
        assert_eq!(sender.send(b"0123456789", 0), 10);
        for expected in [&b"0123"[..], b"4567", b"89"] {
            let came = receive(&receiver, Room(4, 0), 0).unwrap();
            assert_eq!((&came.data[..], came.data_size), (expected, expected.len()), "{name}");
            assert_eq!(came.flags, 0, "{name}");
        }
    }
}

#[test]
fn without_room_for_the_address_the_message_stays() {
    let dir = Dir::new();
    let address = dir.path("receiver.sock");
    let receiver = open_server(UDSOCK_DGRAM, &address);
    take_descriptors(&receiver);
    tell_senders(&receiver);
    let local = dir.path("sender.sock");
    let sender = open_datagram(Some(&local));
    let mut pipe = Pipe::new();
    assert_eq!(send_message_to(&sender, (b"data", &[pipe.fd(); 2]), &address, 0), 4);
    pipe.let_go();
    for size in [1, 2, local.len()] {
        let mut short = vec![0; size];
        let (result, _, came) = recv_with_address(&receiver, ENOUGH, &mut short, 0);
        is(result, libc::ERANGE);
        assert!(came.is_none() && pipe.is_held());
    }
    let mut enough = vec![0; local.len() + 1];
    let (result, size, came) = recv_with_address(&receiver, ENOUGH, &mut enough, 0);
    let came = came.unwrap();
    assert_eq!((result, size, came.flags), (4, local.len(), 0));
    assert_eq!((came.descriptors.len(), came.sender), (2, myself()));
    drop(came);
    assert!(pipe.is_alone(), "looking at it made no copies");
}

#[test]
fn an_adopted_socket_keeps_what_it_was_set_to() {
    for kind in KINDS {
        let [stranger, theirs] = raw::pair(kind);
        let fd = std::os::fd::IntoRawFd::into_raw_fd(theirs);
        assert_eq!(raw::set_option(fd, libc::SO_PASSCRED, 1), 0);
        let socket = adopt(fd).unwrap();
        assert_eq!(socket.option(UDSOCK_OPTION_RECEIVE_CREDENTIALS), 1);
        assert_eq!(raw::send(&stranger, b"data", 0), 4);
        assert_eq!(recv_message(&socket, ENOUGH, 0).unwrap().sender, myself(), "kind {kind}");
    }
}
