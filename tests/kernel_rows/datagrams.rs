//! Rows 38 to 41: datagrams.

use std::os::fd::{AsRawFd, IntoRawFd};
use std::thread;
use std::time::{Duration, Instant};

use crate::calls::{RECEIVES, SENDS, recv_batch, send_batch};
use crate::process::{LONG, asleep, in_child, processor_time};
use crate::raw;
use support::*;

/// How many messages wait for a receiver, at most.
fn queue_length() -> usize {
    let most = std::fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").unwrap();
    most.trim().parse::<usize>().unwrap() + 1
}

fn receiver(dir: &Dir) -> (Sock, String) {
    let path = dir.path("receiver");
    (open_datagram(Some(&path)), path)
}

fn fill(sender: &Sock, path: &str) {
    for _ in 0..queue_length() {
        assert_eq!(sender.send_to(b"x", path, 0), 1);
    }
}

#[test]
fn row_38_a_queue_holds_so_many_of_all_senders_together() {
    let dir = Dir::new();
    let (receiver, path) = receiver(&dir);
    let (one, other) = (open_datagram(None), open_datagram(None));
    let connected = open_client(UDSOCK_DGRAM, &path);
    fill(&one, &path);
    assert!(raw::poll(one.fd(), libc::POLLOUT) & libc::POLLOUT != 0, "poll knows nothing");
    for sender in [&one, &other] {
        assert_eq!(sender.send_to(b"x", &path, 0), no(libc::EAGAIN));
        let start = Instant::now();
        assert_eq!(sender.send_to(b"x", &path, 30), no(libc::ETIMEDOUT));
        assert!(start.elapsed() >= Duration::from_millis(30));
    }
    for (name, send) in SENDS {
        assert_eq!(send(&connected, b"x", 0), no(libc::EAGAIN), "{name}");
    }
    for _ in 0..queue_length() {
        assert_eq!(receiver.recv(0).unwrap(), b"x");
    }
    assert_eq!(receiver.recv(0), Err(no(libc::EAGAIN)), "none came twice");
}

#[test]
fn row_38_a_sender_waits_for_room() {
    let dir = Dir::new();
    let (receiver, path) = receiver(&dir);
    let unconnected = open_datagram(None);
    let connected = open_client(UDSOCK_DGRAM, &path);
    fill(&unconnected, &path);
    thread::scope(|scope| {
        let waiting = [
            asleep(scope, || unconnected.send_to(b"y", &path, LONG)),
            asleep(scope, || send_batch(&unconnected, &[(b"y", Some(&path))], LONG).0),
            asleep(scope, || connected.send(b"y", LONG)),
        ];
        for _ in 0..queue_length() {
            assert_eq!(receiver.recv(LONG).unwrap(), b"x");
        }
        for waiting in waiting {
            assert_eq!(waiting.join(), 1);
            assert_eq!(receiver.recv(LONG).unwrap(), b"y");
        }
    });
    assert_eq!(receiver.recv(0), Err(no(libc::EAGAIN)));
}

#[test]
fn row_38_waiting_for_room_costs_no_busy_loop() {
    let dir = Dir::new();
    let (_receiver, path) = receiver(&dir);
    let sender = open_datagram(None);
    fill(&sender, &path);
    let before = processor_time();
    assert_eq!(sender.send_to(b"x", &path, 500), no(libc::ETIMEDOUT));
    assert!(processor_time() - before < Duration::from_millis(250), "a busy loop");
}

#[test]
fn row_39_ones_own_shutdown_wakes_a_send_to_a_full_receiver() {
    let dir = Dir::new();
    let (_receiver, path) = receiver(&dir);
    fill(&open_datagram(None), &path);
    for (name, send) in SENDS {
        let sender = open_client(UDSOCK_DGRAM, &path);
        let result = thread::scope(|scope| {
            let sending = asleep(scope, || send(&sender, b"x", LONG));
            assert_eq!(sender.shutdown(UDSOCK_WRITE), 0);
            sending.join()
        });
        assert_eq!(result, no(libc::EPIPE), "{name}");
    }
    let sender = open_datagram(None);
    let result = thread::scope(|scope| {
        let sending = asleep(scope, || sender.send_to(b"x", &path, LONG));
        assert_eq!(sender.shutdown(UDSOCK_WRITE), 0);
        sending.join()
    });
    assert_eq!(result, no(libc::EPIPE));
}

#[test]
fn row_39_the_receivers_close_wakes_a_send() {
    let refused = no(libc::ECONNREFUSED);
    for (name, send) in SENDS {
        let dir = Dir::new();
        let (receiver, path) = receiver(&dir);
        fill(&open_datagram(None), &path);
        let sender = open_client(UDSOCK_DGRAM, &path);
        let result = thread::scope(|scope| {
            let sending = asleep(scope, || send(&sender, b"x", LONG));
            assert_eq!(receiver.close(), 0);
            sending.join()
        });
        assert_eq!(result, refused, "{name}");
    }
    // The file stays when a process is killed.
    let dir = Dir::new();
    let path = dir.path("killed");
    let receiver = raw::server(UDSOCK_DGRAM, &path);
    let sender = open_datagram(None);
    fill(&sender, &path);
    let result = thread::scope(|scope| {
        let sending = asleep(scope, || sender.send_to(b"x", &path, LONG));
        drop(receiver);
        sending.join()
    });
    assert_eq!(result, refused);
}

#[test]
fn row_40_after_ones_own_shutdown_comes_the_end() {
    let [trap, _other] = raw::pair(UDSOCK_DGRAM);
    assert_eq!(raw::shutdown(&trap, libc::SHUT_RD), 0);
    assert!(raw::poll(trap.as_raw_fd(), libc::POLLIN) & libc::POLLIN != 0, "poll: readable");
    assert_eq!(raw::recv(&trap, 0), Err(no(libc::EAGAIN)), "recv: nothing there");

    for how in [UDSOCK_READ, UDSOCK_READ | UDSOCK_WRITE] {
        for (name, receive) in RECEIVES {
            let (one, other) = pair(UDSOCK_DGRAM);
            for data in [&b""[..], b"x"] {
                assert_eq!(other.send(data, 0), data.len() as i64);
            }
            assert_eq!(one.shutdown(how), 0);
            assert_eq!(receive(&one, 0).unwrap(), b"", "{name}: what came before");
            assert_eq!(receive(&one, 0).unwrap(), b"x", "{name}: what came before");
            for timeout_ms in [0, LONG] {
                assert_eq!(receive(&one, timeout_ms), Err(EOF), "{name}");
            }
            let (one, _other) = pair(UDSOCK_DGRAM);
            let result = thread::scope(|scope| {
                let receiving = asleep(scope, || receive(&one, LONG));
                assert_eq!(one.shutdown(how), 0);
                receiving.join()
            });
            assert_eq!(result, Err(EOF), "{name}: for who was waiting");
        }
        let (one, _other) = pair(UDSOCK_DGRAM);
        assert_eq!(one.shutdown(how), 0);
        assert_eq!(recv_batch(&one, 64, 10, LONG), Err(EOF));
    }
}

#[test]
fn row_40_after_another_holders_shutdown_comes_the_end() {
    for (name, receive) in RECEIVES {
        let (one, other) = pair(UDSOCK_DGRAM);
        let elsewhere = raw::copy(one.fd());
        let result = thread::scope(|scope| {
            let receiving = asleep(scope, || receive(&one, LONG));
            assert_eq!(raw::shutdown(&elsewhere, libc::SHUT_RD), 0);
            receiving.join()
        });
        assert_eq!(result, Err(EOF), "{name}: for who was waiting");
        let before = processor_time();
        for timeout_ms in [LONG, 300] {
            assert_eq!(receive(&one, timeout_ms), Err(EOF), "{name}");
        }
        assert!(processor_time() - before < Duration::from_millis(200), "{name}: a busy loop");

        let (two, other_two) = pair(UDSOCK_DGRAM);
        assert_eq!(other_two.send(b"", 0), 0);
        assert_eq!(raw::shutdown(&raw::copy(two.fd()), libc::SHUT_RD), 0);
        assert_eq!(receive(&two, LONG).unwrap(), b"", "{name}: an empty message");
        assert_eq!(receive(&two, LONG), Err(EOF), "{name}: and then the end");
        drop(other);
    }
}

#[test]
fn row_40_the_end_is_told_to_who_does_not_wait() {
    for (name, receive) in RECEIVES {
        let (one, _other) = pair(UDSOCK_DGRAM);
        assert_eq!(raw::shutdown(&raw::copy(one.fd()), libc::SHUT_RD), 0);
        // An event loop calls this whenever poll says "readable", which is always.
        assert_eq!(receive(&one, 0), Err(EOF), "{name}");
    }
}

#[test]
fn row_40_a_socket_that_was_shut_down_before_it_was_adopted() {
    for (name, receive) in RECEIVES {
        let [theirs, _other] = raw::pair(UDSOCK_DGRAM);
        assert_eq!(raw::shutdown(&theirs, libc::SHUT_RD), 0);
        let socket = adopt(theirs.into_raw_fd()).unwrap();
        assert_eq!(receive(&socket, LONG), Err(EOF), "{name}");
    }
}

/// In a child: a process that another test starts here would hold the first server for a
/// moment, between its fork and its exec.
#[test]
fn row_41_a_server_that_was_restarted_needs_a_new_connect() {
    in_child(|| {
        for (name, send) in SENDS {
            let dir = Dir::new();
            let (first, path) = receiver(&dir);
            let client = open_client(UDSOCK_DGRAM, &path);
            assert_eq!(send(&client, b"x", 0), 1, "{name}");
            assert_eq!(first.close(), 0);
            let (second, _) = receiver(&dir);
            assert_eq!(send(&client, b"x", LONG), no(libc::ECONNREFUSED), "{name}");
            assert_eq!(send(&client, b"x", LONG), no(libc::ENOTCONN), "{name}");
            client.connect(&path, None).expect("a new connect");
            assert_eq!(send(&client, b"y", LONG), 1, "{name}");
            assert_eq!(second.recv(0).unwrap(), b"y");
            assert_eq!(second.recv(0), Err(no(libc::EAGAIN)));
        }
    });
}

#[test]
fn row_41_a_connected_socket_hears_its_peer_only() {
    let dir = Dir::new();
    let (receiver, path) = receiver(&dir);
    let peer = open_datagram(Some(&dir.path("peer")));
    let stranger = open_datagram(Some(&dir.path("stranger")));
    receiver.connect(&dir.path("peer"), None).unwrap();
    assert_eq!(stranger.send_to(b"x", &path, LONG), no(libc::EPERM));
    assert_eq!(send_batch(&stranger, &[(b"x", Some(&path))], LONG).0, no(libc::EPERM));
    let refusal = stranger.connect(&path, None).unwrap_err();
    assert_eq!(refusal.code, no(libc::EPERM), "{refusal:?}");
    assert_eq!(peer.send_to(b"y", &path, LONG), 1);
    assert_eq!(receiver.recv(0).unwrap(), b"y");
    assert_eq!(receiver.recv(0), Err(no(libc::EAGAIN)));
}
