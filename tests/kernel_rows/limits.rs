//! Rows 22, 32 and 36: descriptors and lengths have limits.

use std::os::fd::{FromRawFd, OwnedFd};
use std::thread::{self, sleep};
use std::time::Duration;

use crate::process::{LONG, in_child};
use crate::raw;
use support::*;

/// Takes every descriptor that is left under a lowered limit.
fn exhaust() -> Vec<OwnedFd> {
    let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
    // SAFETY: a valid limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    let mut taken = Vec::new();
    // SAFETY: no pointers.
    while let fd @ 0.. = unsafe { libc::dup(libc::STDERR_FILENO) } {
        // SAFETY: the kernel has just made it.
        taken.push(unsafe { OwnedFd::from_raw_fd(fd) });
    }
    taken
}

#[test]
fn row_22_without_descriptors_accept_says_so_and_loses_no_client() {
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            let client = create(kind);
            let mut taken = exhaust();
            let out = no(libc::EMFILE);
            assert_eq!(server.accept(FOREVER).unwrap_err(), out, "although nobody waits there");
            client.connect(&path, None).expect("it has its descriptor");
            assert_eq!(client.send(b"x", 0), 1);
            for timeout_ms in [FOREVER, LONG, 0] {
                assert_eq!(server.accept(timeout_ms).unwrap_err(), out);
            }
            taken.pop();
            let peer = server.accept(0).expect("the client is still there");
            assert_eq!(peer.recv(0).unwrap(), b"x");
        }
    });
}

#[test]
fn row_22_without_descriptors_nothing_is_left_behind() {
    in_child(|| {
        let dir = Dir::new();
        let existing = create(UDSOCK_STREAM);
        let mut taken = exhaust();
        let out = no(libc::EMFILE);
        let path = dir.path("s");
        for kind in KINDS {
            assert_eq!(udsock_create(kind), out);
            assert_eq!(try_open_server(kind, &path, None).unwrap_err().code, out);
            assert_eq!(try_open_client(kind, &path, None).unwrap_err().code, out);
            let mut both = [0; 2];
            // SAFETY: room for two.
            assert_eq!(i64::from(unsafe { udsock_open_pair(kind, both.as_mut_ptr()) }), out);
        }
        // A socket that is there: its file needs its directory held.
        assert_eq!(existing.bind(&path).unwrap_err().code, out);
        let one = taken.pop();
        let mut both = [0; 2];
        // SAFETY: room for two.
        let pair = unsafe { udsock_open_pair(UDSOCK_STREAM, both.as_mut_ptr()) };
        assert_eq!(i64::from(pair), out, "one is not enough");
        drop(one);
        drop(taken);
        assert_eq!(dir.list(), [""; 0]);
        existing.bind(&path).expect("now there are descriptors");
    });
}

#[test]
fn row_22_without_descriptors_waits_end_as_ever() {
    in_child(|| {
        let (one, other) = pair(UDSOCK_STREAM);
        // No thread gets a descriptor to be woken through.
        let _taken = exhaust();
        assert_eq!(one.recv(30), Err(no(libc::ETIMEDOUT)));
        thread::scope(|scope| {
            let reading = scope.spawn(|| one.recv(LONG));
            sleep(Duration::from_millis(20));
            assert_eq!(other.send(b"x", 0), 1);
            assert_eq!(reading.join().unwrap().unwrap(), b"x");
        });
        thread::scope(|scope| {
            let reading = scope.spawn(|| one.recv_exact(2, LONG));
            assert_eq!(other.send(b"x", 0), 1);
            // Once that is gone the thread is in the call, and waits for the other.
            while one.option(UDSOCK_OPTION_READABLE_BYTES) != 0 {
                sleep(Duration::from_millis(1));
            }
            assert_eq!(one.close(), 0);
            assert_eq!(reading.join().unwrap(), (CLOSED, b"x".to_vec()));
        });
    });
}

#[test]
fn row_32_a_message_is_at_most_the_send_buffer_less_32() {
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let (one, other) = pair(kind);
        for size in [8_192, 100_000] {
            assert_eq!(udsock_set_option(one.0, UDSOCK_OPTION_SEND_BUFFER, size), 0);
            let most = one.option(UDSOCK_OPTION_SEND_BUFFER) as usize - 32;
            let mut data = vec![7; most + 1];
            assert_eq!(one.send(&data, LONG), no(libc::EMSGSIZE), "at once, not after waiting");
            assert_eq!(one.send_all(&data, LONG), (no(libc::EMSGSIZE), 0));
            data.pop();
            assert_eq!(one.send(&data, 0), most as i64);
            let mut room = vec![0; most];
            assert_eq!(other.recv_into(&mut room, 0), most as i64);
            assert_eq!(room, data);
        }
    }
}

#[test]
fn row_32_no_message_is_larger_than_the_kernel_can_hold() {
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let (one, other) = pair(kind);
        if raw::set_option(one.fd(), libc::SO_SNDBUFFORCE, 64 << 20) != 0 {
            return skip(
                "row_32_no_message_is_larger_than_the_kernel_can_hold",
                "only root may set a larger buffer",
            );
        }
        let mut data = vec![7; 64 << 20];
        assert_eq!(one.send(&data, LONG), no(libc::ENOBUFS), "no wait could help");
        data.truncate(4 << 20);
        assert_eq!(one.send(&data, 0), 4 << 20);
        assert_eq!(other.recv_into(&mut vec![0; 5 << 20], 0), 4 << 20);
    }
}

#[test]
fn row_32_small_messages_fill_a_queue_too() {
    let (one, other) = pair(UDSOCK_SEQPACKET);
    let mut sent = 0;
    while one.send(b"x", 0) == 1 {
        sent += 1;
        assert!(sent < 100_000, "a queue has its limit");
    }
    assert_eq!(one.send(b"x", 0), no(libc::EAGAIN));
    assert_eq!(one.send(b"x", 10), no(libc::ETIMEDOUT));
    for _ in 0..sent {
        assert_eq!(other.recv(0).unwrap(), b"x");
    }
    assert_eq!(other.recv(0), Err(no(libc::EAGAIN)));
}

#[test]
fn row_36_no_length_is_above_ssize_max() {
    let (one, other) = pair(UDSOCK_STREAM);
    let mut byte = 7_u8;
    let place: *mut std::ffi::c_void = (&raw mut byte).cast();
    let path = c("/nowhere");
    let mut sent = 0;
    for size in [usize::MAX, isize::MAX as usize + 1] {
        let part = [udsock_part { data: place, size }];
        let half = size / 2 + 1;
        let halves =
            [udsock_part { data: place, size: half }, udsock_part { data: place, size: half }];
        let mut outgoing = udsock_message { data: place, data_size: size, ..message() };
        let mut incoming = udsock_message { data: place, data_capacity: size, ..message() };
        assert_eq!(other.send(b"z", 0), 1);
        // SAFETY: refused before anything is read or written.
        let results = unsafe {
            [
                udsock_send(one.0, place, size, 0),
                udsock_send_all(one.0, place, size, 0, &mut sent),
                udsock_sendv(one.0, part.as_ptr(), 1, 0),
                udsock_sendv(one.0, halves.as_ptr(), 2, 0),
                udsock_send_to(one.0, place, size, path.as_ptr(), 0),
                udsock_send_batch(one.0, &mut outgoing, 1, 0),
                udsock_recv(one.0, place, size, 0),
                udsock_recv_exact(one.0, place, size, 0, &mut sent),
                udsock_recvv(one.0, part.as_ptr(), 1, 0),
                udsock_recvv(one.0, halves.as_ptr(), 2, 0),
                udsock_recv_from(one.0, place, size, std::ptr::null_mut(), 0, 0),
                udsock_recv_batch(one.0, &mut incoming, 1, 0),
            ]
        };
        assert_eq!(results, [no(libc::EINVAL); 12]);
        assert_eq!(sent, 0);
        assert_eq!(byte, 7);
        assert_eq!(one.recv(0).unwrap(), b"z", "still there");
        assert_eq!(other.recv(0), Err(no(libc::EAGAIN)), "and nothing went");
    }
}

#[test]
fn row_36_1024_parts_go_and_no_more() {
    for kind in KINDS {
        let (one, other) = pair(kind);
        let mut bytes = [7_u8; 1025];
        let parts: Vec<_> = bytes
            .iter_mut()
            .map(|byte| udsock_part { data: (byte as *mut u8).cast(), size: 1 })
            .collect();
        let too_many = no(libc::EMSGSIZE);
        // SAFETY: as many parts as said, of a byte each.
        unsafe {
            assert_eq!(udsock_sendv(one.0, parts.as_ptr(), 1025, LONG), too_many);
            assert_eq!(udsock_sendv(one.0, parts.as_ptr(), 1024, LONG), 1024);
            assert_eq!(udsock_recvv(other.0, parts.as_ptr(), 1025, LONG), too_many);
            assert_eq!(udsock_recvv(other.0, parts.as_ptr(), 1024, LONG), 1024);
        }
        assert_eq!(bytes, [7; 1025]);
    }
}
