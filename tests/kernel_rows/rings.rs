//! Row 90: io_uring on a Unix socket.

use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{io, ptr};

use crate::calls::RECEIVES;
use crate::process::LONG;
use crate::raw;
use support::*;

const PROVIDE_BUFFERS: u8 = 31;
const ACCEPT: u8 = 13;
const RECEIVE: u8 = 27;
const SEND_ZERO_COPY: u8 = 47;
const SELECT_BUFFER: u8 = 1 << 5;
const ACCEPT_ALL: u16 = 1 << 0;
const RECEIVE_ALL: u16 = 1 << 1;
const GET_EVENTS: u32 = 1;
/// On a completion: others of the same request will come.
const MORE: u32 = 1 << 1;

#[repr(C)]
#[derive(Default)]
struct Parameters {
    sizes: [u32; 10],
    submissions: [u32; 10],
    completions: [u32; 10],
}

#[repr(C)]
#[derive(Default)]
struct Request {
    operation: u8,
    flags: u8,
    how: u16,
    fd: i32,
    offset: u64,
    address: u64,
    length: u32,
    more_flags: u32,
    data: u64,
    group: u16,
    rest: [u16; 11],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Completion {
    data: u64,
    result: i32,
    flags: u32,
}

/// A ring of few entries, mapped until the end of the process.
struct Ring {
    fd: OwnedFd,
    parameters: Parameters,
    submissions: *mut u8,
    completions: *mut u8,
    requests: *mut Request,
}

impl Ring {
    /// `None`, and said so: not here.
    fn new(test: &str) -> Option<Self> {
        let mut parameters = Parameters::default();
        // SAFETY: room for the parameters.
        let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, 8, &mut parameters) };
        if fd < 0 {
            skip(test, &format!("no io_uring: {}", io::Error::last_os_error()));
            return None;
        }
        // SAFETY: the kernel has just made it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        let map = |offset: i64| {
            let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
            // SAFETY: a mapping of the ring's own.
            let place =
                unsafe { libc::mmap(ptr::null_mut(), 4096, access, flags, fd.as_raw_fd(), offset) };
            assert_ne!(place, libc::MAP_FAILED, "{}", io::Error::last_os_error());
            place.cast::<u8>()
        };
        let (submissions, completions) = (map(0), map(0x800_0000));
        let requests = map(0x1000_0000).cast();
        Some(Self { fd, parameters, submissions, completions, requests })
    }

    fn submit(&self, request: Request) {
        let at = |index: usize| self.parameters.submissions[index] as usize;
        // SAFETY: the kernel has said where its numbers lie in what is mapped.
        unsafe {
            let tail = &*self.submissions.add(at(1)).cast::<AtomicU32>();
            let mask = self.submissions.add(at(2)).cast::<u32>().read();
            let now = tail.load(Ordering::Relaxed);
            let slot = (now & mask) as usize;
            self.requests.add(slot).write(request);
            self.submissions.add(at(6)).cast::<u32>().add(slot).write(slot as u32);
            tail.store(now + 1, Ordering::Release);
            let (call, no_set) = (libc::SYS_io_uring_enter, ptr::null::<libc::sigset_t>());
            assert_eq!(libc::syscall(call, self.fd.as_raw_fd(), 1, 0, 0, no_set, 0_usize), 1);
        }
    }

    /// The next completion; `None`: none has come in this time.
    fn next(&self, timeout_ms: i32) -> Option<Completion> {
        let at = |index: usize| self.parameters.completions[index] as usize;
        // SAFETY: as above; an entry for poll.
        unsafe {
            let head = &*self.completions.add(at(0)).cast::<AtomicU32>();
            let tail = &*self.completions.add(at(1)).cast::<AtomicU32>();
            let mask = self.completions.add(at(2)).cast::<u32>().read();
            let now = head.load(Ordering::Relaxed);
            if now == tail.load(Ordering::Acquire) {
                let fd = self.fd.as_raw_fd();
                let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
                libc::poll(&mut entry, 1, timeout_ms);
                let (call, no_set) = (libc::SYS_io_uring_enter, ptr::null::<libc::sigset_t>());
                libc::syscall(call, fd, 0, 0, GET_EVENTS, no_set, 0_usize);
            }
            if now == tail.load(Ordering::Acquire) {
                return None;
            }
            let place = self.completions.add(at(5)).cast::<Completion>();
            let completion = place.add((now & mask) as usize).read();
            head.store(now + 1, Ordering::Release);
            Some(completion)
        }
    }

    /// Buffers of 64 bytes, for the kernel to choose from.
    fn provide(&self, buffers: &mut [[u8; 64]]) {
        self.submit(Request {
            operation: PROVIDE_BUFFERS,
            fd: buffers.len() as i32,
            address: buffers.as_mut_ptr() as u64,
            length: 64,
            ..Request::default()
        });
        assert!(self.next(LONG).expect("at once").result >= 0);
    }
}

#[test]
fn row_90_a_multishot_receive_ends_with_an_empty_message() {
    const TEST: &str = "row_90_a_multishot_receive_ends_with_an_empty_message";
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let Some(ring) = Ring::new(TEST) else { return };
        let buffers = Box::leak(Box::new([[0; 64]; 8]));
        ring.provide(buffers);
        let [one, other] = raw::pair(kind);
        for data in [&b"message"[..], b"", b"another"] {
            assert_eq!(raw::send(&one, data, 0), data.len() as i64);
        }
        ring.submit(Request {
            operation: RECEIVE,
            flags: SELECT_BUFFER,
            how: RECEIVE_ALL,
            fd: other.as_raw_fd(),
            ..Request::default()
        });
        let first = ring.next(LONG).expect("a message");
        if first.result == -libc::EINVAL {
            return skip(TEST, "this kernel has no multishot receive");
        }
        assert_eq!((first.result, first.flags & MORE), (7, MORE), "kind {kind}");
        let last = ring.next(LONG).expect("an empty message");
        assert_eq!((last.result, last.flags & MORE), (0, 0), "the trap: as at the end");
        assert_eq!(raw::recv(&other, 0).unwrap(), b"another", "and one is left");

        for (name, receive) in RECEIVES {
            let (one, other) = pair(kind);
            for data in [&b"message"[..], b"", b"another"] {
                assert_eq!(one.send(data, 0), data.len() as i64);
            }
            for data in [&b"message"[..], b"", b"another"] {
                assert_eq!(receive(&other, LONG).as_deref(), Ok(data), "{name}, kind {kind}");
            }
        }
    }
}

#[test]
fn row_90_a_multishot_accept_is_not_told_of_a_shutdown() {
    const TEST: &str = "row_90_a_multishot_accept_is_not_told_of_a_shutdown";
    for kind in CONNECTED_KINDS {
        let Some(ring) = Ring::new(TEST) else { return };
        let dir = Dir::new();
        let server = raw::server(kind, &dir.path("s"));
        let client = raw::socket(kind);
        assert_eq!(raw::connect(&client, dir.path("s")), 0);
        let fd = server.as_raw_fd();
        ring.submit(Request { operation: ACCEPT, how: ACCEPT_ALL, fd, ..Request::default() });
        let accepted = ring.next(LONG).expect("a client is there");
        if accepted.result == -libc::EINVAL {
            return skip(TEST, "this kernel has no multishot accept");
        }
        drop(raw::own(accepted.result));
        assert_eq!(raw::shutdown(&server, libc::SHUT_RDWR), 0);
        assert!(ring.next(100).is_none(), "the trap: it waits for ever");
        drop(ring);

        // Whoever waits in us is told.
        let own = open_server(kind, &dir.path("own"));
        let copy = raw::copy(own.fd());
        assert_eq!(raw::shutdown(&copy, libc::SHUT_RDWR), 0);
        assert_eq!(own.accept(LONG).unwrap_err(), no(libc::EINVAL), "kind {kind}");
    }
}

#[test]
fn row_90_nothing_is_sent_without_a_copy() {
    const TEST: &str = "row_90_nothing_is_sent_without_a_copy";
    for kind in KINDS {
        let Some(ring) = Ring::new(TEST) else { return };
        let [one, other] = raw::pair(kind);
        ring.submit(Request {
            operation: SEND_ZERO_COPY,
            fd: one.as_raw_fd(),
            address: b"x".as_ptr() as u64,
            length: 1,
            ..Request::default()
        });
        let result = ring.next(LONG).expect("at once").result;
        if result == -libc::EINVAL {
            return skip(TEST, "this kernel has no such request");
        }
        assert_eq!(result, -libc::EOPNOTSUPP, "kind {kind}");
        assert_eq!(raw::recv(&other, 0), Err(no(libc::EAGAIN)));
    }
}

#[test]
fn row_90_a_ring_can_t_be_passed() {
    const TEST: &str = "row_90_a_ring_can_t_be_passed";
    let Some(ring) = Ring::new(TEST) else { return };
    for kind in KINDS {
        let [one, other] = raw::pair(kind);
        let sent = raw::send_descriptors(&one, b"x", &[ring.fd.as_raw_fd()]);
        if sent == 1 {
            return skip(TEST, "this kernel lets rings be passed");
        }
        assert_eq!(sent, no(libc::EINVAL), "kind {kind}");
        let (ours, theirs) = (adopt(one.into_raw_fd()).unwrap(), other);
        let mut number = ring.fd.as_raw_fd();
        let mut message = message();
        (message.data, message.data_size) = (b"x".as_ptr().cast_mut().cast(), 1);
        (message.descriptors, message.descriptors_count) = (&raw mut number, 1);
        // SAFETY: a message of a byte and a descriptor.
        let sent = unsafe { udsock_send_message(ours.0, &mut message, 0) };
        assert_eq!(sent, no(libc::EINVAL), "kind {kind}");
        assert_eq!(raw::recv(&theirs, 0), Err(no(libc::EAGAIN)), "and nothing is sent");
    }
}
