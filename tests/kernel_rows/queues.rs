//! Rows 72, 74 and 75: what a queue holds, and a filter that lets less into it.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

use crate::beside::{ROOM, receive};
use crate::calls::RECEIVES;
use crate::raw;
use support::*;

/// Of a message of one byte, and of one of 4,096: what the kernel counts for the buffer's sake.
const DEFAULT_BUFFER: i32 = 212_992;

/// A filter that lets so many bytes of each message in: BPF_RET with a constant.
fn cut_to(fd: &impl AsRawFd, size: u32) -> i64 {
    let mut code = libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: size };
    let program = libc::sock_fprog { len: 1, filter: &mut code };
    let (option, bytes) = (libc::SO_ATTACH_FILTER, size_of::<libc::sock_fprog>() as u32);
    // SAFETY: a program of one instruction.
    let result = unsafe {
        let place = (&raw const program).cast();
        libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, option, place, bytes)
    };
    raw::answer(result as isize)
}

#[test]
fn row_72_a_filter_takes_what_the_sender_was_told_was_sent() {
    for kind in KINDS {
        let [one, other] = raw::pair(kind);
        assert_eq!(cut_to(&other, 2), 0);
        assert_eq!(raw::send(&one, b"message", 0), 7, "success");
        let came = receive(&other, ROOM, 0).unwrap();
        let is_stream = kind == UDSOCK_STREAM;
        assert_eq!(came.data, if is_stream { &b"message"[..] } else { b"me" }, "kind {kind}");
        assert_eq!(came.flags & libc::MSG_TRUNC, 0, "without a word");
        assert_eq!(raw::send(&one, b"message", 0), 7);
        let size = raw::recv_size(&other);
        assert_eq!(size, if is_stream { 7 } else { 2 }, "nor is that the true length");

        assert_eq!(cut_to(&other, 0), 0);
        assert_eq!(raw::send(&one, b"message", 0), 7, "success");
        let came = raw::recv(&other, 0);
        assert_eq!(came.is_ok(), is_stream, "the others get nothing: kind {kind}");

        // A library can't know: no message is made up, and none is said to be whole or cut.
        for (name, receive) in RECEIVES {
            let [stranger, theirs] = raw::pair(kind);
            assert_eq!(cut_to(&theirs, 2), 0);
            let socket = adopt(theirs.into_raw_fd()).unwrap();
            for data in [&b"message"[..], b""] {
                assert_eq!(raw::send(&stranger, data, 0), data.len() as i64);
            }
            let came = receive(&socket, 0).unwrap();
            assert_eq!(came, if is_stream { &b"message"[..] } else { b"me" }, "{name}");
            match kind {
                UDSOCK_STREAM => assert_eq!(receive(&socket, 0), Err(no(libc::EAGAIN))),
                _ => assert_eq!(receive(&socket, 0).unwrap(), b"", "{name}: an empty one stays"),
            }
        }
    }
}

/// How many messages of this size go in until it says EAGAIN.
fn fill(mut send: impl FnMut(&[u8]) -> i64, size: usize) -> usize {
    let message = vec![b'x'; size];
    let count = (0..100_000).take_while(|_| send(&message) == size as i64).count();
    assert_eq!(send(&message), no(libc::EAGAIN));
    count
}

fn raw_fill(fd: &OwnedFd, size: usize) -> usize {
    fill(|message| raw::send(fd, message, libc::MSG_DONTWAIT), size)
}

#[test]
fn row_74_sockets_that_are_connected_to_each_other_hold_more_than_11_datagrams() {
    const TEST: &str =
        "row_74_sockets_that_are_connected_to_each_other_hold_more_than_11_datagrams";
    let dir = Dir::new();
    let receiver = raw::server(UDSOCK_DGRAM, &dir.path("receiver"));
    let sender = raw::socket(UDSOCK_DGRAM);
    assert_eq!(raw::connect(&sender, dir.path("receiver")), 0);
    let few = raw_fill(&sender, 1);

    let [one, _other] = raw::pair(UDSOCK_DGRAM);
    let many = raw_fill(&one, 1);
    assert!(many > few, "{few} and {many}");
    let itself = raw::server(UDSOCK_DGRAM, &dir.path("itself"));
    assert_eq!(raw::connect(&itself, dir.path("itself")), 0);
    assert_eq!(raw_fill(&itself, 1), many);
    // The receiver answers to one sender only: now they are a pair, too.
    let named = raw::server(UDSOCK_DGRAM, &dir.path("sender"));
    assert_eq!(raw::connect(&named, dir.path("receiver")), 0);
    while raw::recv(&receiver, 0).is_ok() {}
    assert_eq!(raw::connect(&receiver, dir.path("sender")), 0);
    assert_eq!(raw_fill(&named, 1), many);

    let (ours, _peer) = pair(UDSOCK_DGRAM);
    assert_eq!(fill(|message| ours.send(message, 0), 1), many);
    let own = open_datagram(Some(&dir.path("own")));
    let client = open_client(UDSOCK_DGRAM, &dir.path("own"));
    assert_eq!(fill(|message| client.send(message, 0), 1), few);
    drop(own);
    let buffer = raw::option(one.as_raw_fd(), libc::SO_SNDBUF);
    if buffer != DEFAULT_BUFFER {
        return skip(TEST, &format!("a buffer has {buffer} here: the figures are not compared"));
    }
    assert_eq!(many, 278);
}

#[test]
fn row_75_a_message_costs_more_of_the_buffer_than_its_bytes() {
    const TEST: &str = "row_75_a_message_costs_more_of_the_buffer_than_its_bytes";
    let [one, _other] = raw::pair(UDSOCK_SEQPACKET);
    let [datagram, _peer] = raw::pair(UDSOCK_DGRAM);
    let messages = raw_fill(&one, 4_096);
    assert_eq!(raw_fill(&datagram, 4_096), messages);
    let buffer = raw::option(one.as_raw_fd(), libc::SO_SNDBUF);
    assert!(messages < buffer as usize / 4_096, "{messages} of 4,096 bytes in {buffer}");
    let [stream, _end] = raw::pair(UDSOCK_STREAM);
    // The last write may go in in part.
    let size = 4_096;
    let writes = (0..1_000)
        .take_while(|_| raw::send(&stream, &vec![b'x'; size], libc::MSG_DONTWAIT) == size as i64)
        .count();
    assert!(writes > messages, "{writes} and {messages}");

    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let (ours, _peer) = pair(kind);
        assert_eq!(fill(|message| ours.send(message, 0), 4_096), messages, "kind {kind}");
    }
    if buffer != DEFAULT_BUFFER {
        return skip(TEST, &format!("a buffer has {buffer} here: the figures are not compared"));
    }
    assert_eq!((messages, writes), (26, 44));
}
