//! Urgent bytes (MSG_OOB): every receive passes them over, UDSOCK_OPTION_READABLE_BYTES
//! promises nothing that a receive does not give, and a poller has peace. And what it promises of
//! messages.
//!
//! Whole with UDSOCK_URGENT_STEPS=1000000.

use support::*;
use support::{process, processes, raw};

use std::time::Duration;

use process::processor_time;
use processes::Random;
use udsock::abi::poller::*;

/// Sends an urgent byte; whether this kernel has them.
fn send_urgent(socket: &Sock, byte: u8) -> bool {
    let flags = libc::MSG_OOB | libc::MSG_DONTWAIT;
    // SAFETY: one byte.
    unsafe { libc::send(socket.fd(), (&raw const byte).cast(), 1, flags) == 1 }
}

/// A stream, on whose way an urgent byte can be.
fn stream(test: &str) -> Option<(Sock, Sock)> {
    let (socket, peer) = pair(UDSOCK_STREAM);
    if !send_urgent(&pair(UDSOCK_STREAM).1, b'?') {
        skip(test, "this kernel has no urgent bytes on Unix sockets");
        return None;
    }
    Some((socket, peer))
}

/// What the option says, and the next receive brings.
fn comes(socket: &Sock, bytes: &[u8]) {
    let said = socket.option(UDSOCK_OPTION_READABLE_BYTES);
    assert_eq!(said, bytes.len() as i64, "{:?}", bytes.escape_ascii().to_string());
    match bytes {
        [] => assert_eq!(socket.recv(0), Err(no(libc::EAGAIN))),
        _ => assert_eq!(socket.recv(0).as_deref(), Ok(bytes)),
    }
}

#[test]
fn one_alone_is_nothing() {
    let Some((socket, peer)) = stream("one_alone_is_nothing") else { return };
    for _ in 0..3 {
        assert!(send_urgent(&peer, b'!'));
        comes(&socket, b"");
        comes(&socket, b"");
    }
    assert_eq!(peer.send(b"data", 0), 4);
    comes(&socket, b"data");
    comes(&socket, b"");
}

#[test]
fn a_receive_ends_before_it_and_the_next_one_begins_behind_it() {
    let Some((socket, peer)) = stream("a_receive_ends_before_it") else { return };
    assert_eq!(peer.send(b"ab", 0), 2);
    assert!(send_urgent(&peer, b'!'));
    assert_eq!(peer.send(b"cd", 0), 2);
    comes(&socket, b"ab");
    comes(&socket, b"cd");
    comes(&socket, b"");
}

#[test]
fn an_exact_receive_goes_on_behind_it() {
    let Some((socket, peer)) = stream("an_exact_receive_goes_on_behind_it") else { return };
    assert_eq!(peer.send(b"ab", 0), 2);
    assert!(send_urgent(&peer, b'!'));
    assert_eq!(peer.send(b"cd", 0), 2);
    assert_eq!(socket.recv_exact(4, 5_000), (4, b"abcd".to_vec()));
    comes(&socket, b"");
}

#[test]
fn a_second_one_makes_the_first_like_the_others() {
    let Some((socket, peer)) = stream("a_second_one_makes_the_first_like_the_others") else {
        return;
    };
    assert!(send_urgent(&peer, b'1') && send_urgent(&peer, b'2'));
    comes(&socket, b"1");
    comes(&socket, b"");
}

#[test]
fn an_adopted_socket_that_keeps_it_in_line_goes_on_so() {
    let Some((socket, peer)) = stream("an_adopted_socket_that_keeps_it_in_line") else { return };
    let fd = socket.release();
    assert_eq!(raw::set_option(fd, libc::SO_OOBINLINE, 1), 0);
    let socket = adopt(fd).expect("a stream");
    assert_eq!(peer.send(b"ab", 0), 2);
    assert!(send_urgent(&peer, b'!'));
    comes(&socket, b"ab");
    comes(&socket, b"!");
    comes(&socket, b"");
}

#[test]
fn a_reset_is_told_to_who_receives() {
    for kind in CONNECTED_KINDS {
        let (socket, peer) = pair(kind);
        if kind == UDSOCK_STREAM && send_urgent(&peer, b'!') {
            comes(&socket, b"");
        }
        assert_eq!(socket.send(b"never read", 0), 10);
        drop(peer);
        assert_eq!(socket.option(UDSOCK_OPTION_READABLE_BYTES), 0);
        assert_eq!(socket.recv(0), Err(no(libc::ECONNRESET)), "kind {kind}");
        assert_eq!(socket.option(UDSOCK_OPTION_READABLE_BYTES), 0);
        assert_eq!(socket.recv(0), Err(EOF), "kind {kind}");
    }
}

#[test]
fn whatever_is_sent_the_promise_is_kept() {
    let Some((socket, peer)) = stream("whatever_is_sent_the_promise_is_kept") else { return };
    assert_eq!(raw::set_option(socket.fd(), libc::SO_PEEK_OFF, 3), 0);
    let mut random = Random::new();
    let mut buffer = vec![0; 1 << 20];
    for _ in 0..repeat("UDSOCK_URGENT_STEPS", 20_000) {
        match random.below(6) {
            0 => drop(send_urgent(&peer, b'!')),
            1 => drop(peer.send(&buffer[..1 + random.below(9) as usize], 0)),
            2 => drop(peer.send(&buffer[..1 + random.below(100_000) as usize], 0)),
            3 => {
                let room = 1 + random.below(5) as usize;
                socket.recv_into(&mut buffer[..room], 0);
            }
            _ => {
                let promised = socket.option(UDSOCK_OPTION_READABLE_BYTES);
                let received = socket.recv_into(&mut buffer, 0);
                match promised {
                    0 => assert_eq!(received, no(libc::EAGAIN)),
                    _ => assert_eq!(received, promised),
                }
            }
        }
    }
}

#[test]
fn of_messages_it_is_the_next_one_s_length() {
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let (socket, peer) = pair(kind);
        assert_eq!(raw::set_option(socket.fd(), libc::SO_PEEK_OFF, 1), 0);
        assert_eq!(socket.option(UDSOCK_OPTION_READABLE_BYTES), 0);
        for message in [&b"first"[..], b"", b"the third"] {
            assert_eq!(peer.send(message, 0), message.len() as i64);
        }
        for length in [5, 0, 9] {
            assert_eq!(socket.option(UDSOCK_OPTION_READABLE_BYTES), length, "kind {kind}");
            assert_eq!(socket.recv(0).unwrap().len() as i64, length);
        }
        assert_eq!(socket.option(UDSOCK_OPTION_READABLE_BYTES), 0);
    }
}

/// A poller with this member.
fn poller(socket: &Sock, flags: u32) -> Sock {
    // SAFETY: NULL is allowed.
    let poller = Sock(unsafe { udsock_poller_create(std::ptr::null()) });
    assert_eq!(udsock_poller_add(poller.0, socket.0, 0, flags), 0);
    poller
}

/// The kinds of the events.
fn wait(poller: &Sock, timeout_ms: i32) -> Result<Vec<u32>, i64> {
    // SAFETY: all zero are events.
    let mut events: [udsock_event; 4] = unsafe { std::mem::zeroed() };
    let mut arena = [0_u8; 64];
    let (first, room) = (events.as_mut_ptr(), arena.as_mut_ptr().cast());
    // SAFETY: room for four events, and so many bytes.
    let count = unsafe { udsock_poller_wait(poller.0, first, 4, room, 64, timeout_ms) };
    let count = usize::try_from(count).map_err(|_| count)?;
    Ok(events[..count].iter().map(|event| event.kind).collect())
}

#[test]
fn a_poller_passes_it_over_and_does_not_spin() {
    let Some((socket, peer)) = stream("a_poller_passes_it_over_and_does_not_spin") else { return };
    let poller = poller(&socket, 0);
    assert!(send_urgent(&peer, b'!'));
    let before = processor_time();
    assert_eq!(wait(&poller, 500), Err(no(libc::ETIMEDOUT)));
    assert!(processor_time() - before < Duration::from_millis(250), "it spins");
    assert_eq!(raw::poll(udsock_poller_fd(poller.0), libc::POLLIN), 0);
    assert!(send_urgent(&peer, b'!'));
    assert_eq!(peer.send(b"behind", 0), 6);
    assert_eq!(wait(&poller, 5_000), Ok(vec![UDSOCK_EVENT_RECEIVED]));
    assert_eq!(wait(&poller, 0), Ok(vec![]));
}

#[test]
fn who_is_only_told_receives_and_has_peace() {
    let Some((socket, peer)) = stream("who_is_only_told_receives_and_has_peace") else { return };
    let poller = poller(&socket, UDSOCK_POLLER_READINESS);
    assert!(send_urgent(&peer, b'!'));
    assert_eq!(wait(&poller, 5_000), Ok(vec![UDSOCK_EVENT_READY]));
    assert_eq!(socket.recv(0), Err(no(libc::EAGAIN)));
    assert_eq!(wait(&poller, 30), Err(no(libc::ETIMEDOUT)));
}
