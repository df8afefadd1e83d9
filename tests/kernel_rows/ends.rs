//! Rows 26 to 29: empty messages, ends and resets.

use std::os::fd::{AsRawFd, IntoRawFd};

use crate::calls::{RECEIVES, SENDS, recv_batch, sendv};
use crate::process::LONG;
use crate::raw;
use support::*;

/// Empty messages everywhere.
const SEQUENCES: [&[&[u8]]; 5] =
    [&[], &[b""], &[b"", b"a", b"", b"", b"bc", b""], &[b"a", b"", b"b"], &[b"", b"", b""]];

#[test]
fn row_26_an_empty_message_is_not_the_end() {
    let [one, other] = raw::pair(UDSOCK_SEQPACKET);
    assert_eq!(raw::send(&other, b"", 0), 0);
    assert_eq!(raw::recv(&one, 0).unwrap(), b"", "an empty message");
    drop(other);
    assert_eq!(raw::recv(&one, 0).unwrap(), b"", "the end, and there is no difference");

    for (name, receive) in RECEIVES {
        for (_, send) in SENDS {
            for sequence in SEQUENCES {
                for closed in [false, true] {
                    let (one, other) = pair(UDSOCK_SEQPACKET);
                    for data in sequence {
                        assert_eq!(send(&other, data, 0), data.len() as i64);
                    }
                    match closed {
                        true => assert_eq!(other.close(), 0),
                        false => assert_eq!(other.shutdown(UDSOCK_WRITE), 0),
                    }
                    for data in sequence {
                        assert_eq!(receive(&one, LONG).as_deref(), Ok(*data), "{name}");
                    }
                    assert_eq!(receive(&one, LONG), Err(EOF), "{name}");
                    assert_eq!(receive(&one, 0), Err(EOF), "{name}");
                }
            }
        }
    }
}

#[test]
fn row_26_nor_is_one_that_was_sent_before_accept_or_adopt() {
    for (name, receive) in RECEIVES {
        for sequence in SEQUENCES {
            let dir = Dir::new();
            let server = open_server(UDSOCK_SEQPACKET, &dir.path("s"));
            let client = open_client(UDSOCK_SEQPACKET, &dir.path("s"));
            let [theirs, sender] = raw::pair(UDSOCK_SEQPACKET);
            for data in sequence {
                assert_eq!(client.send(data, 0), data.len() as i64);
                assert_eq!(raw::send(&sender, data, 0), data.len() as i64);
            }
            drop((client, sender));
            let accepted = server.accept(0).unwrap();
            let adopted = adopt(theirs.into_raw_fd()).unwrap();
            for socket in [accepted, adopted] {
                for data in sequence {
                    assert_eq!(receive(&socket, 0).as_deref(), Ok(*data), "{name}");
                }
                assert_eq!(receive(&socket, 0), Err(EOF), "{name}");
            }
        }
    }
}

#[test]
fn row_26_a_batch_stops_before_the_end() {
    for sequence in SEQUENCES {
        let (one, other) = pair(UDSOCK_SEQPACKET);
        for data in sequence {
            assert_eq!(other.send(data, 0), data.len() as i64);
        }
        assert_eq!(other.close(), 0);
        if !sequence.is_empty() {
            let came = recv_batch(&one, 64, 10, LONG).unwrap();
            let came: Vec<_> = came.iter().map(|came| came.data.as_slice()).collect();
            assert_eq!(came, sequence);
        }
        assert_eq!(recv_batch(&one, 64, 10, LONG), Err(EOF));
    }
}

#[test]
fn row_26_datagrams_have_no_end() {
    for (name, receive) in RECEIVES {
        let (one, other) = pair(UDSOCK_DGRAM);
        for data in [&b""[..], b"a", b"", b""] {
            assert_eq!(other.send(data, 0), data.len() as i64);
        }
        drop(other);
        for data in [&b""[..], b"a", b"", b""] {
            assert_eq!(receive(&one, 0).as_deref(), Ok(data), "{name}");
        }
        assert_eq!(receive(&one, 0), Err(no(libc::EAGAIN)), "{name}");
    }
}

#[test]
fn row_26_an_empty_send_puts_nothing_into_a_stream() {
    for (name, receive) in RECEIVES {
        let (one, other) = pair(UDSOCK_STREAM);
        for (send_name, send) in SENDS {
            assert_eq!(send(&other, b"", 0), 0, "{send_name}");
        }
        assert_eq!(sendv(&other, &[], 0), 0);
        assert_eq!(sendv(&other, &[b"", b""], 0), 0);
        assert_eq!(receive(&one, 0), Err(no(libc::EAGAIN)), "{name}");
        assert_eq!(other.send(b"a", 0), 1);
        assert_eq!(other.shutdown(UDSOCK_WRITE), 0);
        assert_eq!(receive(&one, 0).unwrap(), b"a", "{name}");
        assert_eq!(receive(&one, 0), Err(EOF), "{name}");
        assert_eq!(one.send(b"still", 0), 5, "the other half is open");
        assert_eq!(other.recv(0).unwrap(), b"still");
    }
}

#[test]
fn row_27_a_buffer_of_size_0_is_refused_and_costs_no_message() {
    let [one, other] = raw::pair(UDSOCK_DGRAM);
    raw::send(&other, b"message", 0);
    // SAFETY: nothing is written.
    assert_eq!(unsafe { libc::recv(one.as_raw_fd(), std::ptr::null_mut(), 0, 0) }, 0);
    assert_eq!(raw::recv(&one, 0), Err(no(libc::EAGAIN)), "the message is gone");

    let invalid = no(libc::EINVAL);
    for kind in KINDS {
        let (one, other) = pair(kind);
        assert_eq!(other.send(b"message", 0), 7);
        let null = std::ptr::null_mut();
        let mut byte = 0_u8;
        let place: *mut std::ffi::c_void = (&raw mut byte).cast();
        let empty = udsock_part { data: place, size: 0 };
        let mut name = [0; UDSOCK_ADDRESS_SIZE];
        let (to, room) = (name.as_mut_ptr(), name.len());
        let mut nowhere = udsock_message { data: place, data_capacity: 0, ..message() };
        let mut nothing = udsock_message { data: null, data_capacity: 9, ..message() };
        // SAFETY: every pointer is what its call says, or NULL.
        let results = unsafe {
            [
                udsock_recv(one.0, place, 0, LONG),
                udsock_recv(one.0, null, 0, LONG),
                udsock_recv(one.0, null, 9, LONG),
                udsock_recvv(one.0, &empty, 1, LONG),
                udsock_recvv(one.0, &empty, 0, LONG),
                udsock_recvv(one.0, std::ptr::null(), 0, LONG),
                udsock_recv_from(one.0, place, 0, to, room, LONG),
                udsock_recv_from(one.0, place, 0, std::ptr::null_mut(), 0, LONG),
                udsock_recv_batch(one.0, &mut nowhere, 1, LONG),
                udsock_recv_batch(one.0, &mut nothing, 1, LONG),
            ]
        };
        assert_eq!(results, [invalid; 10], "kind {kind}");
        if kind == UDSOCK_STREAM {
            assert_eq!(one.recv_exact(0, LONG).0, invalid);
        }
        assert_eq!(one.recv(0).unwrap(), b"message", "kind {kind}");
    }
}

#[test]
fn row_27_a_stream_is_not_at_its_end_for_want_of_room_for_an_address() {
    for kind in KINDS {
        let (one, other) = pair(kind);
        assert_eq!(other.send(b"x", 0), 1);
        for room in [1, 16, 108, 433, 434, UDSOCK_ADDRESS_SIZE] {
            let (mut byte, mut name) = (0_u8, vec![1; room]);
            // SAFETY: a byte, and room for so long a name.
            let result = unsafe {
                let place = (&raw mut byte).cast();
                udsock_recv_from(one.0, place, 1, name.as_mut_ptr(), room, 0)
            };
            assert_eq!((result, byte, name[0]), (1, b'x', 0), "kind {kind}, room {room}");
            assert_eq!(other.send(b"x", 0), 1);
        }
    }
}

/// One of a pair whose other end left these messages, and left without reading.
fn left_unread(kind: u32, sequence: &[&[u8]]) -> Sock {
    let (one, other) = pair(kind);
    for data in sequence {
        assert_eq!(other.send(data, 0), data.len() as i64);
    }
    assert_eq!(one.send(b"unread", 0), 6);
    assert_eq!(other.close(), 0);
    one
}

#[test]
fn row_28_a_reset_is_told_once_after_all_that_was_sent() {
    let [one, other] = raw::pair(UDSOCK_SEQPACKET);
    raw::send(&other, b"data", 0);
    raw::send(&one, b"unread", 0);
    drop(other);
    assert_eq!(raw::recv(&one, 0), Err(no(libc::ECONNRESET)), "the reset overtakes");
    assert_eq!(raw::recv(&one, 0).unwrap(), b"data");

    for kind in CONNECTED_KINDS {
        for (name, receive) in RECEIVES {
            for sequence in SEQUENCES {
                let socket = left_unread(kind, sequence);
                let expected: Vec<Vec<u8>> = match kind {
                    UDSOCK_STREAM => vec![sequence.concat()],
                    _ => sequence.iter().map(|data| data.to_vec()).collect(),
                };
                for data in expected.into_iter().filter(|data| kind != 1 || !data.is_empty()) {
                    assert_eq!(receive(&socket, LONG), Ok(data), "{name}, kind {kind}");
                }
                let reset = no(libc::ECONNRESET);
                assert_eq!(receive(&socket, LONG), Err(reset), "{name}, kind {kind}");
                assert_eq!(receive(&socket, LONG), Err(EOF), "{name}, kind {kind}");
                assert_eq!(receive(&socket, LONG), Err(EOF), "{name}, kind {kind}");
                assert_eq!(socket.send(b"x", LONG), no(libc::EPIPE), "kind {kind}");
            }
        }
    }
}

#[test]
fn row_28_a_reset_comes_after_a_batch_too() {
    for sequence in SEQUENCES {
        let socket = left_unread(UDSOCK_SEQPACKET, sequence);
        if !sequence.is_empty() {
            let came = recv_batch(&socket, 64, 10, LONG).unwrap();
            let came: Vec<_> = came.iter().map(|came| came.data.as_slice()).collect();
            assert_eq!(came, sequence);
        }
        assert_eq!(recv_batch(&socket, 64, 10, LONG), Err(no(libc::ECONNRESET)));
        assert_eq!(recv_batch(&socket, 64, 10, LONG), Err(EOF));
    }
}

#[test]
fn row_28_recv_exact_tells_what_came_before_the_reset() {
    let socket = left_unread(UDSOCK_STREAM, &[b"part"]);
    assert_eq!(socket.recv_exact(9, LONG), (no(libc::ECONNRESET), b"part".to_vec()));
    assert_eq!(socket.recv_exact(9, LONG), (EOF, Vec::new()));
}

#[test]
fn row_28_a_send_to_who_left_takes_no_data_away() {
    for kind in CONNECTED_KINDS {
        for (name, send) in SENDS {
            let socket = left_unread(kind, &[b"data"]);
            let first = send(&socket, b"x", LONG);
            // A seqpacket's send is told of the reset first, and then it has been told.
            let told = first == no(libc::ECONNRESET);
            assert!(told || first == no(libc::EPIPE), "{name}: {}", name_of(first));
            assert_eq!(send(&socket, b"x", LONG), no(libc::EPIPE), "{name}");
            assert_eq!(socket.recv(LONG).unwrap(), b"data", "{name}");
            if !told {
                assert_eq!(socket.recv(LONG), Err(no(libc::ECONNRESET)), "{name}");
            }
            assert_eq!(socket.recv(LONG), Err(EOF), "{name}, kind {kind}");
        }
    }
}

#[test]
fn row_29_no_question_eats_the_reset() {
    let [one, other] = raw::pair(UDSOCK_STREAM);
    raw::send(&one, b"unread", 0);
    drop(other);
    assert_eq!(raw::option(one.as_raw_fd(), libc::SO_ERROR), libc::ECONNRESET);
    assert_eq!(raw::recv(&one, 0).unwrap(), b"", "now it looks like a clean end");

    for kind in CONNECTED_KINDS {
        let socket = left_unread(kind, &[b"data"]);
        for option in 0..20 {
            let _ = socket.option(option);
        }
        let _ = udsock_set_option(socket.0, UDSOCK_OPTION_SEND_BUFFER, 100_000);
        let _ = (socket.local_address(), socket.remote_address(), socket.fd());
        assert_eq!(socket.recv(0).unwrap(), b"data");
        let _ = socket.option(UDSOCK_OPTION_READABLE_BYTES);
        assert_eq!(socket.recv(0), Err(no(libc::ECONNRESET)), "kind {kind}");
        assert_eq!(socket.recv(0), Err(EOF));
    }
}
