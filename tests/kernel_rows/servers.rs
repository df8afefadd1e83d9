//! Rows 20, 21 and 23 to 25: closing while others wait, and what a server's clients see.

use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::thread;
use std::time::Duration;

use crate::calls::{RECEIVES, SENDS};
use crate::process::{LONG, asleep, processor_time};
use crate::raw;
use support::*;

#[test]
fn row_20_close_wakes_every_call() {
    for (name, receive) in RECEIVES {
        for kind in KINDS {
            let (one, _other) = pair(kind);
            let result = thread::scope(|scope| {
                let receiving = asleep(scope, || receive(&one, LONG));
                assert_eq!(one.close(), 0);
                receiving.join()
            });
            assert_eq!(result, Err(CLOSED), "{name}, kind {kind}");
            assert_eq!(receive(&one, LONG), Err(no(libc::EBADF)), "{name}, kind {kind}");
        }
    }
    for (name, send) in SENDS {
        for kind in KINDS {
            let (one, _other) = pair(kind);
            let data = [7; 1 << 12];
            while send(&one, &data, 0) == data.len() as i64 {}
            while send(&one, b"x", 0) > 0 {}
            let result = thread::scope(|scope| {
                let sending = asleep(scope, || send(&one, &data, LONG));
                assert_eq!(one.close(), 0);
                sending.join()
            });
            assert_eq!(result, CLOSED, "{name}, kind {kind}");
        }
    }
}

#[test]
fn row_20_a_closed_server_takes_no_client_of_the_next() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let path = dir.path("s");
        for _ in 0..repeat("UDSOCK_REOPEN_COUNT", 50) {
            let first = open_server(kind, &path);
            let (second, result) = thread::scope(|scope| {
                let accepting = asleep(scope, || first.accept(LONG));
                assert_eq!(first.close(), 0);
                let second = open_server(kind, &path);
                let client = open_client(kind, &path);
                assert_eq!(client.send(b"x", 0), 1);
                (second, accepting.join())
            });
            assert_eq!(result.unwrap_err(), CLOSED);
            assert_eq!(second.accept(0).expect("its client").recv(0).unwrap(), b"x");
        }
    }
}

#[test]
fn row_20_what_is_sent_to_a_new_socket_never_reaches_a_reader_of_the_old() {
    for _ in 0..repeat("UDSOCK_CLOSE_COUNT", 200) {
        let (old, _other) = pair(UDSOCK_STREAM);
        let (result, came) = thread::scope(|scope| {
            let reading = asleep(scope, || old.recv(LONG));
            assert_eq!(old.close(), 0);
            // Of the same number, as the lowest that is free.
            let (new, other) = pair(UDSOCK_STREAM);
            assert_eq!(other.send(b"secret", 0), 6);
            (reading.join(), new.recv(0))
        });
        assert_eq!(result, Err(CLOSED));
        assert_eq!(came.unwrap(), b"secret");
    }
}

#[test]
fn row_21_a_shared_server_that_another_shuts_down_says_so() {
    for kind in CONNECTED_KINDS {
        for how in [libc::SHUT_RD, libc::SHUT_RDWR] {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            let elsewhere = raw::copy(server.fd());
            let result = thread::scope(|scope| {
                let accepting = asleep(scope, || server.accept(LONG));
                assert_eq!(raw::shutdown(&elsewhere, how), 0);
                accepting.join()
            });
            assert_eq!(result.unwrap_err(), no(libc::EINVAL), "for who was waiting");

            assert!(raw::poll(server.fd(), libc::POLLIN) & libc::POLLIN != 0, "the trap");
            assert_eq!(raw::accept(&elsewhere), no(libc::EAGAIN), "the trap");
            let before = processor_time();
            for timeout_ms in [LONG, 300] {
                assert_eq!(server.accept(timeout_ms).unwrap_err(), no(libc::EINVAL));
            }
            assert!(processor_time() - before < Duration::from_millis(200), "a busy loop");

            // It does not come to life again.
            assert_eq!(server.listen(5), 0);
            let refusal = try_open_client(kind, &path, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::ECONNREFUSED), "{refusal:?}");
            assert_eq!(server.accept(LONG).unwrap_err(), no(libc::EINVAL));
        }
    }
}

#[test]
fn row_21_a_server_that_was_shut_down_says_so_to_who_does_not_wait() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let server = open_server(kind, &dir.path("s"));
        assert_eq!(raw::shutdown(&raw::copy(server.fd()), libc::SHUT_RDWR), 0);
        // An event loop calls this whenever poll says "readable", which is always.
        assert_eq!(server.accept(0).unwrap_err(), no(libc::EINVAL));
    }
}

#[test]
fn row_21_clients_that_came_before_the_shutdown_are_accepted() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let server = open_server(kind, &dir.path("s"));
        let client = open_client(kind, &dir.path("s"));
        assert_eq!(client.send(b"x", 0), 1);
        assert_eq!(raw::shutdown(&raw::copy(server.fd()), libc::SHUT_RDWR), 0);
        assert_eq!(server.accept(LONG).expect("the client").recv(0).unwrap(), b"x");
        assert_eq!(server.accept(LONG).unwrap_err(), no(libc::EINVAL));
    }
}

#[test]
fn row_23_an_accepted_connection_is_as_ours_are() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let path = dir.path("s");
        // A server that others made, blocking and with properties of its own.
        let theirs = raw::server(kind, &path);
        let passcred = libc::SO_PASSCRED;
        assert_eq!(raw::set_option(theirs.as_raw_fd(), passcred, 1), 0);
        assert_eq!(raw::set_option(theirs.as_raw_fd(), libc::SO_SNDBUF, 8192), 0);
        let small = raw::option(theirs.as_raw_fd(), libc::SO_SNDBUF);
        let server = adopt(theirs.into_raw_fd()).unwrap();

        let client = open_client(kind, &path);
        // SAFETY: accept has just made it.
        let trap = unsafe { OwnedFd::from_raw_fd(raw::accept(&raw::copy(server.fd())) as i32) };
        assert!(!raw::is_nonblocking(trap.as_raw_fd()), "O_NONBLOCK is not inherited");
        assert_eq!(raw::option(trap.as_raw_fd(), passcred), 1, "SO_PASSCRED is");
        drop((client, trap));

        let client = open_client(kind, &path);
        let peer = server.accept(0).unwrap();
        assert!(raw::is_nonblocking(peer.fd()));
        assert!(raw::is_close_on_exec(peer.fd()));
        assert!(peer.option(UDSOCK_OPTION_SEND_BUFFER) > small.into(), "sizes are not inherited");
        // The credentials that came along unasked change nothing.
        for data in [&b"x"[..], b"", b"y"] {
            client.send(data, 0);
            if kind == UDSOCK_SEQPACKET || !data.is_empty() {
                assert_eq!(peer.recv(0).unwrap(), data);
            }
        }
        drop(client);
        assert_eq!(peer.recv(0), Err(EOF));
    }
}

#[test]
fn row_24_a_client_that_is_gone_is_accepted_with_what_it_sent() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let server = open_server(kind, &dir.path("s"));
        let client = open_client(kind, &dir.path("s"));
        for data in [&b"last"[..], b"", b"words"] {
            assert_eq!(client.send(data, 0), data.len() as i64);
        }
        drop(client);
        let peer = server.accept(0).expect("a client was there");
        if kind == UDSOCK_STREAM {
            assert_eq!(peer.recv(0).unwrap(), b"lastwords");
        } else {
            for data in [&b"last"[..], b"", b"words"] {
                assert_eq!(peer.recv(0).unwrap(), data);
            }
        }
        assert_eq!(peer.recv(0), Err(EOF));
        assert_eq!(peer.send(b"x", 0), no(libc::EPIPE));
    }
}

#[test]
fn row_25_clients_that_were_never_accepted_are_reset_once() {
    for kind in CONNECTED_KINDS {
        for (name, receive) in RECEIVES {
            let dir = Dir::new();
            let server = open_server(kind, &dir.path("s"));
            let clients = [0, 1].map(|_| open_client(kind, &dir.path("s")));
            clients[1].send(b"unheard", 0);
            assert_eq!(server.close(), 0);
            for client in &clients {
                assert_eq!(receive(client, LONG), Err(no(libc::ECONNRESET)), "{name}");
                assert_eq!(receive(client, LONG), Err(EOF), "{name}");
                assert_eq!(receive(client, LONG), Err(EOF), "{name}");
                assert_eq!(client.send(b"x", LONG), no(libc::EPIPE), "{name}");
            }
        }
    }
}
