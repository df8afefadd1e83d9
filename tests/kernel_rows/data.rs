//! Rows 30, 31, 33 to 35 and 37: what happens to data on its way.

use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use crate::calls::{RECEIVES, SENDS, recv_batch, send_batch};
use crate::process::{LONG, asleep, in_child, in_fork};
use crate::raw;
use support::*;

#[test]
fn row_30_no_send_raises_sigpipe() {
    in_child(|| {
        // SAFETY: the default disposition: the process ends.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let status = in_fork(|| {
            let [one, other] = raw::pair(UDSOCK_STREAM);
            drop(other);
            raw::send(&one, b"x", 0) == 0
        });
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGPIPE, "the trap");

        for (name, send) in SENDS {
            for kind in CONNECTED_KINDS {
                let (one, other) = pair(kind);
                assert_eq!(other.close(), 0);
                assert_eq!(send(&one, b"x", LONG), no(libc::EPIPE), "{name}, kind {kind}");
            }
            for kind in KINDS {
                let (one, _other) = pair(kind);
                assert_eq!(one.shutdown(UDSOCK_WRITE), 0);
                assert_eq!(send(&one, b"x", LONG), no(libc::EPIPE), "{name}, kind {kind}");
            }
        }
        let dir = Dir::new();
        let _receiver = open_datagram(Some(&dir.path("r")));
        let sender = open_datagram(None);
        assert_eq!(sender.shutdown(UDSOCK_WRITE), 0);
        let path = dir.path("r");
        assert_eq!(sender.send_to(b"x", &path, LONG), no(libc::EPIPE));
        assert_eq!(send_batch(&sender, &[(b"x", Some(&path))], LONG).0, no(libc::EPIPE));
    });
}

#[test]
fn row_31_a_message_that_is_cut_does_not_pass_for_whole() {
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let (one, other) = pair(kind);
        let [trap, sender] = raw::pair(kind);
        raw::send(&sender, b"message", 0);
        // SAFETY: room for 4 bytes.
        let cut = unsafe { libc::recv(trap.as_raw_fd(), [0_u8; 4].as_mut_ptr().cast(), 4, 0) };
        assert_eq!(cut, 4, "the kernel says nothing");

        let too_large = no(libc::EMSGSIZE);
        for _ in 0..4 {
            assert_eq!(other.send(b"message", 0), 7);
            assert_eq!(other.send(b"next", 0), 4);
        }
        let mut buffer = *b"....!";
        let room = buffer.as_mut_ptr();
        let parts = [
            udsock_part { data: room.cast(), size: 1 },
            udsock_part { data: room.wrapping_add(1).cast(), size: 3 },
        ];
        let mut name = [b'x' as libc::c_char; UDSOCK_ADDRESS_SIZE];
        let (to, size) = (name.as_mut_ptr(), name.len());
        // SAFETY: room for 4 bytes each time, and for a name.
        unsafe {
            assert_eq!(udsock_recv(one.0, room.cast(), 4, 0), too_large);
            assert_eq!(one.recv(0).unwrap(), b"next");
            assert_eq!(udsock_recvv(one.0, parts.as_ptr(), 2, 0), too_large);
            assert_eq!(one.recv(0).unwrap(), b"next");
            assert_eq!(udsock_recv_from(one.0, room.cast(), 4, to, size, 0), too_large);
        }
        assert_eq!(buffer, *b"mess!", "its beginning, and no byte beyond the room");
        assert_eq!(name[0], b'x' as libc::c_char, "who sent it is not told");
        assert_eq!(one.recv(0).unwrap(), b"next");
        let came = recv_batch(&one, 4, 4, 0).unwrap();
        let told: Vec<_> =
            came.iter().map(|came| (&came.data[..], came.data_size, came.flags)).collect();
        assert_eq!(told, [(&b"mess"[..], 7, UDSOCK_TRUNCATED), (b"next", 4, 0)]);
    }
}

#[test]
fn row_31_memory_that_is_not_there_is_an_error() {
    for kind in KINDS {
        let (one, other) = pair(kind);
        // SAFETY: a new page that nobody may touch.
        let page = unsafe {
            let anywhere = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            libc::mmap(ptr::null_mut(), 4096, libc::PROT_NONE, anywhere, -1, 0)
        };
        assert_ne!(page, libc::MAP_FAILED);
        assert_eq!(other.send(b"one", 0), 3);
        // SAFETY: the kernel finds out that the page can't be used.
        unsafe {
            assert_eq!(udsock_recv(one.0, page, 4096, 0), no(libc::EFAULT));
            assert_eq!(udsock_send(one.0, page, 4096, 0), no(libc::EFAULT));
            libc::munmap(page, 4096);
        }
        // Whether the message is lost is the kernel's choice; the socket goes on.
        assert_eq!(other.send(b"two", 0), 3);
        let next = one.recv(0).unwrap();
        assert!(next.ends_with(b"two") || one.recv(0).unwrap() == b"two", "kind {kind}");
    }
}

#[test]
fn row_33_a_send_that_would_work_is_tried_although_poll_says_no() {
    for kind in CONNECTED_KINDS {
        let (one, _other) = pair(kind);
        let mut tried = 0;
        while tried == 0 || one.send(&[7; 1024], 0) == 1024 {
            assert!(tried < 10_000, "a buffer has its limit");
            tried += 1;
            if raw::poll(one.fd(), libc::POLLOUT) & libc::POLLOUT == 0 {
                break;
            }
        }
        assert_eq!(raw::poll(one.fd(), libc::POLLOUT) & libc::POLLOUT, 0, "poll says no");
        for (name, send) in SENDS {
            assert_eq!(send(&one, b"x", 0), 1, "{name}, kind {kind}");
        }
    }
}

#[test]
fn row_33_a_send_that_waits_goes_on_when_there_is_room() {
    for kind in KINDS {
        for (name, send) in SENDS {
            let (one, other) = pair(kind);
            let data = [7; 1 << 12];
            while send(&one, &data, 0) == data.len() as i64 {}
            while send(&one, b"x", 0) > 0 {}
            let mut came = Vec::new();
            let sent = thread::scope(|scope| {
                let sending = asleep(scope, || send(&one, b"last", LONG));
                while let Ok(data) = other.recv(0) {
                    came = data;
                }
                sending.join()
            });
            assert_eq!(sent, 4, "{name}, kind {kind}");
            // It may have come while the queue was being emptied.
            came = other.recv(0).unwrap_or(came);
            assert!(came.ends_with(b"last"), "{name}, kind {kind}");
        }
    }
}

#[test]
fn row_34_progress_is_told_with_the_error() {
    let data = vec![7; 4 << 20];
    let (one, other) = pair(UDSOCK_STREAM);
    let (result, sent) = one.send_all(&data, 30);
    assert_eq!(result, no(libc::ETIMEDOUT));
    assert!(sent > 0 && sent < data.len());
    let (result, came) = other.recv_exact(sent + 1, 30);
    assert_eq!((result, came.len()), (no(libc::ETIMEDOUT), sent), "so many and no more");

    let (one, other) = pair(UDSOCK_STREAM);
    let (result, sent) = thread::scope(|scope| {
        let sending = asleep(scope, || one.send_all(&data, LONG));
        assert_eq!(other.recv_exact(1000, LONG).0, 1000);
        assert_eq!(other.close(), 0);
        sending.join()
    });
    let gone = [no(libc::EPIPE), no(libc::ECONNRESET)];
    assert!(gone.contains(&result), "{}", name_of(result));
    assert!((1000..data.len()).contains(&sent));

    let (one, other) = pair(UDSOCK_STREAM);
    let (result, came) = thread::scope(|scope| {
        let receiving = asleep(scope, || one.recv_exact(100, LONG));
        assert_eq!(other.send(b"part", 0), 4);
        assert_eq!(other.shutdown(UDSOCK_WRITE), 0);
        receiving.join()
    });
    assert_eq!((result, came), (EOF, b"part".to_vec()));
}

extern "C" fn do_nothing(_: i32) {}

#[test]
fn row_35_a_signal_ends_a_wait_and_loses_nothing() {
    in_child(|| {
        // SAFETY: a handler that does nothing; all zero is an empty sigaction.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = do_nothing as extern "C" fn(i32) as usize;
            action.sa_flags = libc::SA_RESTART;
            assert_eq!(libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()), 0);
        }
        let interrupted = no(libc::EINTR);
        let signal = libc::SIGUSR1;
        for kind in KINDS {
            for (name, receive) in RECEIVES {
                let (one, other) = pair(kind);
                let result =
                    thread::scope(|scope| asleep(scope, || receive(&one, LONG)).interrupt(signal));
                assert_eq!(result, Err(interrupted), "{name}, kind {kind}");
                assert_eq!(other.send(b"x", 0), 1);
                assert_eq!(receive(&one, LONG).unwrap(), b"x", "{name}, kind {kind}");
            }
            for (name, send) in SENDS {
                let (one, other) = pair(kind);
                let data = [7; 1 << 12];
                while send(&one, &data, 0) == data.len() as i64 {}
                while send(&one, b"x", 0) > 0 {}
                let result = thread::scope(|scope| {
                    asleep(scope, || send(&one, b"y", LONG)).interrupt(signal)
                });
                assert_eq!(result, interrupted, "{name}, kind {kind}");
                while let Ok(data) = other.recv(0) {
                    assert!(!data.contains(&b'y'), "{name}, kind {kind}");
                }
            }
        }
        let dir = Dir::new();
        let path = dir.path("s");
        let options = udsock_bind_options { backlog: 1, ..bind_options() };
        let server = try_open_server(UDSOCK_STREAM, &path, Some(&options)).unwrap();
        thread::scope(|scope| {
            let result = asleep(scope, || server.accept(LONG)).interrupt(signal);
            assert_eq!(result.unwrap_err(), interrupted);
            let _queued = [0, 1].map(|_| open_client(UDSOCK_STREAM, &path));
            let client = create(UDSOCK_STREAM);
            let result = thread::scope(|scope| {
                asleep(scope, || client.connect(&path, None)).interrupt(signal)
            });
            assert_eq!(result.unwrap_err().code, interrupted);
            drop(server.accept(0));
            client.connect(&path, None).expect("the same socket");
        });
        let (one, other) = pair(UDSOCK_STREAM);
        assert_eq!(other.send(b"part", 0), 4);
        let (result, came) =
            thread::scope(|scope| asleep(scope, || one.recv_exact(9, LONG)).interrupt(signal));
        assert_eq!((result, came), (interrupted, b"part".to_vec()));
    });
}

#[test]
fn row_35_no_wait_ends_early() {
    let time = Duration::from_millis(30);
    for kind in KINDS {
        let (one, _other) = pair(kind);
        for (name, receive) in RECEIVES {
            let start = Instant::now();
            assert_eq!(receive(&one, 30), Err(no(libc::ETIMEDOUT)), "{name}");
            assert!(start.elapsed() >= time, "{name}, kind {kind}");
        }
        let data = [7; 1 << 12];
        while one.send(&data, 0) == data.len() as i64 {}
        while one.send(b"x", 0) > 0 {}
        for (name, send) in SENDS {
            let start = Instant::now();
            assert_eq!(send(&one, b"x", 30), no(libc::ETIMEDOUT), "{name}");
            assert!(start.elapsed() >= time, "{name}, kind {kind}");
        }
    }
}

#[test]
fn row_37_data_goes_over_a_blocking_descriptor_without_changing_it() {
    for kind in KINDS {
        let [theirs, other] = raw::pair(kind);
        let elsewhere = raw::copy(theirs.as_raw_fd());
        let socket = adopt(theirs.into_raw_fd()).unwrap();
        for (name, receive) in RECEIVES {
            assert_eq!(receive(&socket, 0), Err(no(libc::EAGAIN)), "{name} does not block");
            assert_eq!(receive(&socket, 10), Err(no(libc::ETIMEDOUT)), "{name} does not block");
            assert_eq!(raw::send(&other, b"x", 0), 1);
            assert_eq!(receive(&socket, LONG).unwrap(), b"x", "{name}");
        }
        for (name, send) in SENDS {
            let data = [7; 1 << 12];
            while send(&socket, &data, 0) == data.len() as i64 {}
            while send(&socket, b"x", 0) > 0 {}
            assert_eq!(send(&socket, b"x", 0), no(libc::EAGAIN), "{name} does not block");
            while raw::recv(&other, 0).is_ok() {}
        }
        assert!(!raw::is_nonblocking(elsewhere.as_raw_fd()), "kind {kind}");
        let fd = socket.release();
        assert!(!raw::is_nonblocking(fd) && raw::is_close_on_exec(fd));
        // SAFETY: released to us.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

#[test]
fn row_37_accept_and_connect_change_a_blocking_descriptor_until_release() {
    for kind in CONNECTED_KINDS {
        for nonblocking in [false, true] {
            let dir = Dir::new();
            let sockets = [raw::server(kind, &dir.path("s")), raw::socket(kind)];
            let fds = sockets.map(|socket| {
                let mut on = i32::from(nonblocking);
                // SAFETY: FIONBIO reads an int.
                unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONBIO, &raw mut on) };
                socket.into_raw_fd()
            });
            let [server, client] = fds.map(|fd| adopt(fd).unwrap());
            assert_eq!(server.accept(0).unwrap_err(), no(libc::EAGAIN), "and does not block");
            client.connect(&dir.path("s"), None).unwrap();
            assert!(server.accept(0).is_ok());
            for socket in [server, client] {
                assert!(raw::is_nonblocking(socket.fd()));
                let fd = socket.release();
                assert_eq!(raw::is_nonblocking(fd), nonblocking, "as it was");
                // SAFETY: released to us.
                drop(unsafe { OwnedFd::from_raw_fd(fd) });
            }
        }
        for socket in [create(kind), pair(kind).0] {
            let fd = socket.release();
            assert!(!raw::is_nonblocking(fd), "one of ours becomes an ordinary one");
            // SAFETY: released to us.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
}
