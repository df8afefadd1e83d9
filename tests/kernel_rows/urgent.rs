//! Rows 63 to 65: urgent bytes, which any peer of a stream can send.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

use crate::beside::SO_INQ;
use crate::calls::RECEIVES;
use crate::process::{LONG, in_child};
use crate::raw;
use support::*;

/// An urgent byte. Whether this kernel has them, which older ones say to a stream, too.
fn send_urgent(test: &str, peer: &OwnedFd, byte: u8) -> bool {
    let sent = raw::send(peer, &[byte], libc::MSG_OOB);
    if sent == no(libc::EOPNOTSUPP) {
        skip(test, "this kernel has no urgent bytes on streams");
        return false;
    }
    assert_eq!(sent, 1);
    true
}

fn unread(socket: &impl AsRawFd) -> i32 {
    let mut count = -1;
    // SAFETY: room for an int.
    assert_eq!(unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONREAD, &mut count) }, 0);
    count
}

/// Whether the kernel keeps count of what is unread, which SO_INQ came with. Before, it adds up
/// what is in the queue.
fn keeps_count() -> bool {
    let [one, _other] = raw::pair(UDSOCK_STREAM);
    raw::set_option(one.as_raw_fd(), SO_INQ, 1) == 0
}

/// A stranger, and our end of its stream.
fn stranger() -> (OwnedFd, Sock) {
    let [stranger, ours] = raw::pair(UDSOCK_STREAM);
    (stranger, adopt(ours.into_raw_fd()).unwrap())
}

#[test]
fn row_63_an_urgent_byte_is_passed_over() {
    const TEST: &str = "row_63_an_urgent_byte_is_passed_over";
    in_child(|| {
        let [one, other] = raw::pair(UDSOCK_STREAM);
        if !send_urgent(TEST, &one, b'!') {
            return;
        }
        let readable = |fd: &OwnedFd| raw::poll(fd.as_raw_fd(), libc::POLLIN) & libc::POLLIN != 0;
        assert!(readable(&other));
        assert_eq!(raw::recv(&other, 0), Err(no(libc::EAGAIN)), "alone");
        assert!(!readable(&other), "poll falls silent");
        let left = i32::from(keeps_count());
        assert_eq!(unread(&other), left, "the trap: once counted, it is for ever");
        for (bytes, flags) in [(&b"ab"[..], 0), (b"!", libc::MSG_OOB), (b"cd", 0)] {
            assert_eq!(raw::send(&one, bytes, flags), bytes.len() as i64);
        }
        assert_eq!(raw::recv(&other, libc::MSG_WAITALL).unwrap(), b"ab", "up to the mark");
        assert_eq!(raw::recv(&other, 0).unwrap(), b"cd", "and without it");

        for (name, receive) in RECEIVES {
            let (stranger, socket) = stranger();
            assert_eq!(raw::send(&stranger, b"!", libc::MSG_OOB), 1);
            let readable = || socket.option(UDSOCK_OPTION_READABLE_BYTES);
            // Nothing is there for a receive, or the byte is: both are told the same everywhere.
            match receive(&socket, 0) {
                Ok(bytes) => assert_eq!(bytes, b"!", "{name}"),
                Err(code) => assert_eq!(code, no(libc::EAGAIN), "{name}"),
            }
            assert_eq!(readable(), 0, "{name}: nothing can be received");
            for (bytes, flags) in [(&b"ab"[..], 0), (b"!", libc::MSG_OOB), (b"cd", 0)] {
                assert_eq!(raw::send(&stranger, bytes, flags), bytes.len() as i64);
            }
            let mut came = Vec::new();
            while let Ok(more) = receive(&socket, 0) {
                assert!(!more.is_empty(), "{name}: which would be the end");
                came.extend(more);
            }
            assert!([&b"abcd"[..], b"ab!cd"].contains(&&came[..]), "{name}: {came:?}");
            drop(stranger);
            assert_eq!(receive(&socket, LONG), Err(EOF), "{name}");
        }
    });
}

#[test]
fn row_63_received_in_line_nothing_is_lost_but_accepted_sockets_are_not() {
    const TEST: &str = "row_63_received_in_line_nothing_is_lost_but_accepted_sockets_are_not";
    let [one, other] = raw::pair(UDSOCK_STREAM);
    assert_eq!(raw::set_option(other.as_raw_fd(), libc::SO_OOBINLINE, 1), 0);
    assert_eq!(raw::send(&one, b"ab", 0), 2);
    if !send_urgent(TEST, &one, b'!') {
        return;
    }
    assert_eq!(raw::send(&one, b"cd", 0), 2);
    assert_eq!(unread(&other), 5);
    assert_eq!(raw::recv(&other, 0).unwrap(), b"ab", "a read stops at the mark all the same");
    assert_eq!(raw::recv(&other, 0).unwrap(), b"!cd");
    assert_eq!(unread(&other), 0);

    let dir = Dir::new();
    let server = raw::server(UDSOCK_STREAM, &dir.path("s"));
    assert_eq!(raw::set_option(server.as_raw_fd(), libc::SO_OOBINLINE, 1), 0);
    let client = raw::socket(UDSOCK_STREAM);
    assert_eq!(raw::connect(&client, dir.path("s")), 0);
    let accepted = raw::accepted(&server);
    assert_eq!(raw::option(accepted.as_raw_fd(), libc::SO_OOBINLINE), 0, "not inherited");

    // Who asks for it gets it from us, too.
    let (stranger, socket) = stranger();
    assert_eq!(raw::set_option(socket.fd(), libc::SO_OOBINLINE, 1), 0);
    for (bytes, flags) in [(&b"ab"[..], 0), (b"!", libc::MSG_OOB), (b"cd", 0)] {
        assert_eq!(raw::send(&stranger, bytes, flags), bytes.len() as i64);
    }
    // All, or what one receive finds, which stops at the mark.
    assert!([2, 5].contains(&socket.option(UDSOCK_OPTION_READABLE_BYTES)));
    assert_eq!(socket.recv_exact(5, 0), (5, b"ab!cd".to_vec()));
}

#[test]
fn row_63_the_other_kinds_have_none() {
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let [one, other] = raw::pair(kind);
        assert_eq!(raw::send(&one, b"!", libc::MSG_OOB), no(libc::EOPNOTSUPP), "kind {kind}");
        assert_eq!(raw::recv(&other, 0), Err(no(libc::EAGAIN)));
    }
}

#[test]
fn row_64_a_second_urgent_byte_makes_the_first_an_ordinary_one() {
    const TEST: &str = "row_64_a_second_urgent_byte_makes_the_first_an_ordinary_one";
    let [one, other] = raw::pair(UDSOCK_STREAM);
    if !send_urgent(TEST, &one, b'1') || !send_urgent(TEST, &one, b'2') {
        return;
    }
    assert_eq!(raw::recv(&other, 0).unwrap(), b"1", "the trap: not read in time, it is data");
    assert_eq!(raw::recv(&other, 0), Err(no(libc::EAGAIN)));

    // What we make of it: a byte or none, and never an end or an endless wait.
    for (name, receive) in RECEIVES {
        let (stranger, socket) = stranger();
        for byte in [b"1", b"2"] {
            assert_eq!(raw::send(&stranger, byte, libc::MSG_OOB), 1);
        }
        assert_eq!(receive(&socket, LONG).map(|came| came[0]), Ok(b'1'), "{name}");
        assert_eq!(raw::send(&stranger, b"ordinary", 0), 8);
        let mut came = Vec::new();
        while !came.ends_with(b"ordinary") {
            came.extend(receive(&socket, LONG).expect(name));
        }
    }
}

#[test]
fn row_65_descriptors_beside_an_urgent_byte_go_with_it() {
    const TEST: &str = "row_65_descriptors_beside_an_urgent_byte_go_with_it";
    in_child(|| {
        let send_with = |peer: &OwnedFd, passed: &OwnedFd| {
            raw::send_beside_with(
                peer.as_raw_fd(),
                b"!",
                libc::SCM_RIGHTS,
                &[passed.as_raw_fd()],
                libc::MSG_OOB,
            )
        };
        let is_alone =
            |reading: &OwnedFd| raw::poll(reading.as_raw_fd(), libc::POLLIN) & libc::POLLHUP != 0;
        for ours in [false, true] {
            let [one, other] = raw::pair(UDSOCK_STREAM);
            let [reading, writing] = raw::pipe();
            if send_with(&one, &writing) == no(libc::EOPNOTSUPP) {
                return skip(TEST, "this kernel has no urgent bytes on streams");
            }
            drop(writing);
            assert_eq!(raw::send(&one, b"x", 0), 1);
            assert!(!is_alone(&reading), "under way");
            let other = if ours {
                let socket = adopt(other.into_raw_fd()).unwrap();
                assert_eq!(udsock_set_option(socket.0, UDSOCK_OPTION_RECEIVE_FDS, 1), 0);
                assert_eq!(socket.recv(LONG).unwrap(), b"x");
                Err(socket)
            } else {
                assert_eq!(raw::recv(&other, 0).unwrap(), b"x");
                Ok(other)
            };
            drop(other);
            assert!(is_alone(&reading), "lost without a word, and not kept: ours {ours}");
        }
    });
}

#[test]
fn row_65_closing_with_an_urgent_byte_unread_resets_the_peer() {
    const TEST: &str = "row_65_closing_with_an_urgent_byte_unread_resets_the_peer";
    in_child(|| {
        let [one, other] = raw::pair(UDSOCK_STREAM);
        if !send_urgent(TEST, &one, b'!') {
            return;
        }
        drop(other);
        assert_eq!(raw::recv(&one, 0), Err(no(libc::ECONNRESET)));
        // Skipped, it is as if it had been read.
        let [one, other] = raw::pair(UDSOCK_STREAM);
        assert!(send_urgent(TEST, &one, b'!'));
        assert_eq!(raw::recv(&other, 0), Err(no(libc::EAGAIN)));
        drop(other);
        assert_eq!(raw::recv(&one, 0).unwrap(), b"");

        let (one, other) = pair(UDSOCK_STREAM);
        // SAFETY: a byte.
        let sent = unsafe { libc::send(one.fd(), b"!".as_ptr().cast(), 1, libc::MSG_OOB) };
        assert_eq!(sent, 1);
        drop(other);
        assert_eq!(one.recv(LONG), Err(no(libc::ECONNRESET)), "told once");
        assert_eq!(one.recv(LONG), Err(EOF));
    });
}
