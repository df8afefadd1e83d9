//! Row 79: a process that is stopped and continued in the middle of a call, without any
//! handler of signals.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};
use std::{ptr, thread};

use udsock::abi::poller::*;

use crate::process::{LONG, in_child};
use crate::raw;
use support::sleeping::is_asleep;
use support::*;

/// Forks a process that makes the call, stops and continues it in there, lets the call
/// succeed, and gives what it returned: 1 or -errno.
fn stopped_in(call: impl FnOnce() -> i64, unblock: impl FnOnce()) -> i64 {
    let [answer, told] = raw::pipe();
    // SAFETY: no other thread of a child does anything now.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let result = call().to_ne_bytes();
        // SAFETY: eight bytes, and the process ends.
        unsafe {
            libc::write(told.as_raw_fd(), result.as_ptr().cast(), result.len());
            libc::_exit(0);
        }
    }
    falls_asleep(pid);
    // SAFETY: our child.
    unsafe {
        libc::kill(pid, libc::SIGSTOP);
        let mut status = 0;
        assert_eq!(libc::waitpid(pid, &mut status, libc::WUNTRACED), pid);
        assert!(libc::WIFSTOPPED(status), "{status}");
        libc::kill(pid, libc::SIGCONT);
    }
    unblock();
    let mut result = [0_u8; 8];
    let entry = libc::pollfd { fd: answer.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: an entry; then eight bytes of room; then our child.
    unsafe {
        let came = libc::poll(&mut { entry }, 1, 30_000);
        if came == 0 {
            libc::kill(pid, libc::SIGKILL);
        }
        let size = libc::read(answer.as_raw_fd(), result.as_mut_ptr().cast(), result.len());
        libc::waitpid(pid, ptr::null_mut(), 0);
        assert_eq!((came, size), (1, 8), "it hangs");
    }
    i64::from_ne_bytes(result)
}

/// Waits until the process sleeps in a system call that waits.
fn falls_asleep(pid: i32) {
    let start = Instant::now();
    while !is_asleep(pid) {
        assert!(start.elapsed() < Duration::from_secs(20), "the process does not wait");
        thread::sleep(Duration::from_millis(1));
    }
}

fn epoll_wait(fd: RawFd) -> i64 {
    // SAFETY: an event, and room for one.
    unsafe {
        let poller = libc::epoll_create1(libc::EPOLL_CLOEXEC);
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
        assert_eq!(libc::epoll_ctl(poller, libc::EPOLL_CTL_ADD, fd, &mut event), 0);
        raw::answer(libc::epoll_wait(poller, &mut event, 1, LONG) as isize)
    }
}

fn ppoll(fd: RawFd) -> i64 {
    let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let timeout = libc::timespec { tv_sec: 20, tv_nsec: 0 };
    // SAFETY: an entry and a time.
    raw::answer(unsafe { libc::ppoll(&mut entry, 1, &timeout, ptr::null()) } as isize)
}

#[test]
fn row_79_only_epoll_wait_is_interrupted_by_a_stop() {
    in_child(|| {
        let [one, other] = raw::pair(UDSOCK_STREAM);
        let send = || assert_eq!(raw::send(&one, b"x", 0), 1);
        let fd = other.as_raw_fd();
        assert_eq!(stopped_in(|| epoll_wait(fd), send), no(libc::EINTR), "the trap");
        while raw::recv(&other, 0).is_ok() {}
        assert_eq!(stopped_in(|| ppoll(fd), send), 1);
        while raw::recv(&other, 0).is_ok() {}
        let size = |came: Result<Vec<u8>, i64>| came.map_or_else(|code| code, |it| it.len() as i64);
        assert_eq!(stopped_in(|| size(raw::recv_waiting(&other)), send), 1);
        let dir = Dir::new();
        let server = raw::server(UDSOCK_STREAM, &dir.path("s"));
        let client: OwnedFd = raw::socket(UDSOCK_STREAM);
        let accepted = stopped_in(
            || raw::accept(&server).min(1),
            || assert_eq!(raw::connect(&client, dir.path("s")), 0),
        );
        assert_eq!(accepted, 1);
    });
}

#[test]
fn row_79_none_of_our_waits_is() {
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let (server, client, peer) = connection(kind, &dir);
            let send = || assert_eq!(peer.send(b"x", 0), 1);
            let size =
                |came: Result<Vec<u8>, i64>| came.map_or_else(|code| code, |it| it.len() as i64);
            assert_eq!(stopped_in(|| size(client.recv(LONG)), send), 1, "kind {kind}");
            let accept = || server.accept(LONG).map_or_else(|code| code, |_| 1);
            let mut visitor = None;
            let visit = || visitor = Some(open_client(kind, &dir.path("connection.sock")));
            assert_eq!(stopped_in(accept, visit), 1, "kind {kind}");

            for timeout_ms in [LONG, FOREVER] {
                // A poller belongs to the process that made it.
                let wait = || {
                    // SAFETY: NULL stands for the defaults.
                    let poller = Sock(unsafe { udsock_poller_create(ptr::null()) });
                    assert_eq!(udsock_poller_add(poller.0, client.0, 1, 0), 0);
                    let mut arena = vec![0_u8; 1 << 16];
                    // SAFETY: numbers, of which all zero is an event.
                    let mut event: udsock_event = unsafe { std::mem::zeroed() };
                    let place = arena.as_mut_ptr().cast();
                    // SAFETY: room for an event and for as many bytes.
                    unsafe {
                        udsock_poller_wait(poller.0, &mut event, 1, place, arena.len(), timeout_ms)
                    }
                };
                while client.recv(0).is_ok() {}
                assert_eq!(stopped_in(wait, send), 1, "kind {kind}: no handler has run");
            }
            drop((visitor, path));
        }
    });
}
