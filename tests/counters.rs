//! What is counted of sockets, servers and pollers, and how full a server's queue is.

use support::*;

use std::mem::zeroed;
use std::process::Command;
use std::ptr;
use std::thread;
use std::time::Duration;

use udsock::abi::inspection::*;
use udsock::abi::poller::*;

fn counters(handle: udsock_t) -> udsock_counters {
    // SAFETY: numbers: all zero is a value.
    let mut out: udsock_counters = unsafe { zeroed() };
    out.size = size_of::<udsock_counters>() as u32;
    // SAFETY: a whole struct.
    assert_eq!(unsafe { udsock_get_counters(handle, &mut out) }, 0);
    out
}

/// Bytes and messages that were sent, and those that were received.
fn traffic(handle: udsock_t) -> [u64; 4] {
    let found = counters(handle);
    [found.sent_bytes, found.sent_messages, found.received_bytes, found.received_messages]
}

#[test]
fn what_goes_and_what_comes() {
    for kind in KINDS {
        let (one, other) = pair(kind);
        assert_eq!(traffic(one.0), [0; 4]);
        for size in [3, 4, 5] {
            assert_eq!(one.send(&vec![b'x'; size], 0), size as i64);
        }
        assert_eq!(traffic(one.0), [12, 3, 0, 0], "kind {kind}");
        assert_eq!(other.recv(0).unwrap().len(), if kind == UDSOCK_STREAM { 12 } else { 3 });
        while other.recv(0).is_ok() {}
        let messages = if kind == UDSOCK_STREAM { 1 } else { 3 };
        assert_eq!(traffic(other.0), [0, 0, 12, messages], "kind {kind}");
        assert_eq!(one.recv(0), Err(no(libc::EAGAIN)), "what fails counts nothing");
        assert_eq!(traffic(one.0), [12, 3, 0, 0], "kind {kind}");
    }
}

#[test]
fn every_way_to_send_and_to_receive_counts() {
    for kind in KINDS {
        let (one, other) = pair(kind);
        let mut bytes = *b"hello";
        let parts = [udsock_part { data: bytes.as_mut_ptr().cast(), size: 5 }];
        let mut messages = [message(), message()];
        for message in &mut messages {
            (message.data, message.data_size) = (bytes.as_mut_ptr().cast(), 5);
        }
        // SAFETY: what is passed is as large as it says.
        unsafe {
            assert_eq!(udsock_sendv(one.0, parts.as_ptr(), 1, 0), 5);
            assert_eq!(udsock_send_message(one.0, &mut messages[0], 0), 5);
            assert_eq!(udsock_send_batch(one.0, messages.as_mut_ptr(), 2, 0), 2);
        }
        assert_eq!(one.send_all(b"hello", 0), (5, 5));
        assert_eq!(traffic(one.0), [25, 5, 0, 0], "kind {kind}");

        let mut rooms = [[0_u8; 5]; 3];
        let mut messages = [message(), message(), message()];
        for (message, room) in messages.iter_mut().zip(&mut rooms) {
            (message.data, message.data_capacity) = (room.as_mut_ptr().cast(), 5);
        }
        // SAFETY: what is passed is as large as it says.
        unsafe {
            assert_eq!(udsock_recvv(other.0, parts.as_ptr(), 1, 0), 5);
            assert_eq!(udsock_recv_message(other.0, &mut messages[0], 0), 5);
            assert_eq!(udsock_recv_batch(other.0, messages.as_mut_ptr(), 2, 0), 2);
        }
        if kind == UDSOCK_STREAM {
            assert_eq!(other.recv_exact(5, 0), (5, b"hello".to_vec()));
        } else {
            assert_eq!(other.recv_from(0).unwrap().0, b"hello");
        }
        assert_eq!(traffic(other.0), [0, 0, 25, 5], "kind {kind}");
    }
}

#[test]
fn many_threads_count_together() {
    let (one, other) = pair(UDSOCK_DGRAM);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5_000).for_each(|_| assert_eq!(one.send(b"xy", FOREVER), 2)));
            scope.spawn(|| (0..5_000).for_each(|_| assert!(other.recv(FOREVER).is_ok())));
        }
    });
    assert_eq!(traffic(one.0), [40_000, 20_000, 0, 0]);
    assert_eq!(traffic(other.0), [0, 0, 40_000, 20_000]);
}

#[test]
fn waits_that_slept_and_spins_that_paid_or_did_not() {
    let (one, other) = pair(UDSOCK_STREAM);
    assert_eq!(udsock_set_option(one.0, UDSOCK_OPTION_SPIN_US, 0), 0);
    assert_eq!(one.recv(1), Err(no(libc::ETIMEDOUT)));
    let found = counters(one.0);
    assert!(found.sleeps > 0, "{}", found.sleeps);
    assert_eq!((found.spins_paid, found.spins_lost), (0, 0));

    // A second: what is sent meanwhile is found by the spin, if there is credit for one.
    assert_eq!(udsock_set_option(one.0, UDSOCK_OPTION_SPIN_US, 1_000_000), 0);
    let before = counters(one.0);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            assert_eq!(other.send(b"x", 0), 1);
        });
        assert_eq!(one.recv(FOREVER).unwrap(), b"x");
    });
    let after = counters(one.0);
    let (slept, paid) = (after.sleeps - before.sleeps, after.spins_paid - before.spins_paid);
    assert_eq!(slept + paid, 1, "one or the other: {slept}, {paid}");
}

#[test]
fn who_came_in_and_who_did_not() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = open_server(UDSOCK_STREAM, &path);
    let _clients = [open_client(UDSOCK_STREAM, &path), open_client(UDSOCK_STREAM, &path)];
    let _peers = [server.accept(FOREVER).unwrap(), server.accept(FOREVER).unwrap()];
    // SAFETY: no pointers.
    assert_eq!(udsock_allow_uid(server.0, unsafe { libc::geteuid() } + 1), 0);
    let _client = open_client(UDSOCK_STREAM, &path);
    assert_eq!(server.accept(0).unwrap_err(), no(libc::EAGAIN));
    let found = counters(server.0);
    assert_eq!((found.accepted, found.refused), (2, 1));
}

fn poller() -> Sock {
    // SAFETY: NULL is allowed.
    Sock(unsafe { udsock_poller_create(ptr::null()) })
}

/// How many events a wait brings.
fn wait(poller: &Sock, timeout_ms: i32) -> i64 {
    let mut arena = vec![0_u8; 1 << 20];
    // SAFETY: numbers: all zero is an event.
    let mut events: [udsock_event; 64] = unsafe { zeroed() };
    let (room, size) = (arena.as_mut_ptr().cast(), arena.len());
    // SAFETY: room for as many events and bytes.
    unsafe { udsock_poller_wait(poller.0, events.as_mut_ptr(), 64, room, size, timeout_ms) }
}

fn send(poller: &Sock, socket: &Sock, data: &[u8]) -> i64 {
    let mut item = udsock_outgoing {
        socket: socket.0,
        offset: 0,
        length: data.len() as u32,
        address_offset: 0,
        address_length: 0,
        flags: 0,
        reserved: 0,
        result: 0,
    };
    // SAFETY: one item within the bytes.
    unsafe { udsock_poller_send(poller.0, &mut item, 1, data.as_ptr().cast(), data.len()) };
    item.result
}

#[test]
fn a_poller_s_traffic_and_what_it_keeps() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), poller());
        let path = dir.path("s");
        let server = open_server(kind, &path);
        assert_eq!(udsock_poller_add(poller.0, server.0, 0, 0), 0);
        let client = open_client(kind, &path);
        assert_eq!(wait(&poller, FOREVER), 1);
        assert_eq!((counters(poller.0).accepted, counters(server.0).accepted), (1, 1));

        let (member, peer) = pair(kind);
        assert_eq!(udsock_poller_add(poller.0, member.0, 0, 0), 0);
        assert_eq!(peer.send(b"question", 0), 8);
        assert_eq!(wait(&poller, FOREVER), 1);
        assert_eq!(send(&poller, &member, b"answer"), 6);
        for handle in [poller.0, member.0] {
            assert_eq!(traffic(handle), [6, 1, 8, 1], "kind {kind}");
        }

        let mut sent = 6;
        while counters(poller.0).kept_bytes == 0 {
            assert_eq!(send(&poller, &member, &[b'x'; 4096]), 4096);
            sent += 4096;
        }
        assert_eq!(send(&poller, &member, b"more"), 4);
        sent += 4;
        let full = counters(poller.0);
        let ours = counters(member.0);
        assert!(full.kept_bytes > 4 && full.kept_bytes <= 4100, "{}", full.kept_bytes);
        assert_eq!(full.kept_bytes_most, full.kept_bytes);
        assert_eq!((ours.kept_bytes, ours.sent_bytes), (full.kept_bytes, full.sent_bytes));
        assert_eq!(full.sent_bytes + full.kept_bytes, sent, "nothing is counted twice");

        let mut came = 0;
        while came < sent {
            while let Ok(data) = peer.recv(0) {
                came += data.len() as u64;
            }
            let _ = wait(&poller, 10);
        }
        let empty = counters(poller.0);
        assert_eq!((empty.kept_bytes, empty.sent_bytes), (0, sent));
        assert_eq!(empty.kept_bytes_most, full.kept_bytes_most);
        assert_eq!(counters(member.0).kept_bytes_most, full.kept_bytes_most);
        assert!(empty.sleeps > 0);
        drop(client);
    }
}

#[test]
fn what_leaves_with_its_socket_is_kept_no_more() {
    type Leave = fn(&Sock, &Sock) -> i32;
    let ways: [Leave; 2] = [
        |poller, socket| udsock_poller_remove(poller.0, socket.0),
        |_, socket| udsock_close(socket.0),
    ];
    for leave in ways {
        let poller = poller();
        let (member, _peer) = pair(UDSOCK_STREAM);
        assert_eq!(udsock_poller_add(poller.0, member.0, 0, 0), 0);
        while counters(poller.0).kept_bytes == 0 {
            assert_eq!(send(&poller, &member, &[b'x'; 4096]), 4096);
        }
        assert_eq!(leave(&poller, &member), 0);
        let found = counters(poller.0);
        assert!(found.kept_bytes == 0 && found.kept_bytes_most > 0);
    }
}

#[test]
fn what_has_no_counters() {
    // SAFETY: numbers: all zero is a value.
    let mut out: udsock_counters = unsafe { zeroed() };
    // SAFETY: a struct that says how large it is, or NULL.
    unsafe {
        let (socket, _peer) = pair(UDSOCK_STREAM);
        assert_eq!(i64::from(udsock_get_counters(socket.0, &mut out)), no(libc::EINVAL));
        assert_eq!(i64::from(udsock_get_counters(socket.0, ptr::null_mut())), no(libc::EINVAL));
        out.size = size_of::<udsock_counters>() as u32;
        assert_eq!(i64::from(udsock_get_counters(7, &mut out)), no(libc::EBADF));
        assert_eq!(socket.close(), 0);
        assert_eq!(i64::from(udsock_get_counters(socket.0, &mut out)), no(libc::EBADF));
    }
}

fn inspected(path: &str) -> udsock_inspection {
    // SAFETY: numbers: all zero is a value.
    let mut out: udsock_inspection = unsafe { zeroed() };
    out.size = size_of::<udsock_inspection>() as u32;
    // SAFETY: valid arguments.
    assert_eq!(unsafe { udsock_inspect(c(path).as_ptr(), &mut out, ptr::null_mut()) }, 0);
    out
}

#[test]
fn how_full_a_queue_is_and_how_many_hold_it() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let options = udsock_bind_options { backlog: 2, ..bind_options() };
        for path in [dir.path("s"), format!("@{}", dir.path("abstract"))] {
            let server = try_open_server(kind, &path, Some(&options)).unwrap();
            let mut clients = Vec::new();
            let no_wait = udsock_connect_options { flags: UDSOCK_DONT_WAIT, ..connect_options() };
            while let Ok(client) = try_open_client(kind, &path, Some(&no_wait)) {
                clients.push(client);
                let found = inspected(&path);
                assert_eq!(found.queue as usize, clients.len(), "kind {kind}");
            }
            let found = inspected(&path);
            assert_eq!(found.queue_limit as usize, clients.len(), "so many had room: kind {kind}");
            let _peer = server.accept(0).unwrap();
            assert_eq!(inspected(&path).queue as usize, clients.len() - 1);
            assert_eq!((found.processes, found.pid), (1, std::process::id() as i32));
        }
        let path = dir.path("dgram");
        let _socket = open_datagram(Some(&path));
        assert_eq!(inspected(&path).queue_limit, 0, "it has no queue of connections");
    }
}

#[test]
fn a_child_holds_it_too() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = open_server(UDSOCK_STREAM, &path);
    // SAFETY: a descriptor of our own, which the child keeps.
    let copy = unsafe { libc::dup(server.fd()) };
    let mut child = Command::new("sleep").arg("60").spawn().expect("it runs");
    assert_eq!(inspected(&path).processes, 2);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(inspected(&path).processes, 1);
    // SAFETY: it is open.
    assert_eq!(unsafe { libc::close(copy) }, 0);
}
