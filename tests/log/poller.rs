//! What happens in a poller, whose state is locked meanwhile: it is told afterwards.

use std::ptr;

use udsock::abi::poller::*;

use crate::told::{listen, of_handle};
use support::*;

fn poller() -> Sock {
    // SAFETY: NULL is allowed.
    Sock(unsafe { udsock_poller_create(ptr::null()) })
}

fn add(poller: &Sock, socket: &Sock) {
    assert_eq!(udsock_poller_add(poller.0, socket.0, 0, 0), 0);
}

/// What a wait says, which brings no more than one event.
fn wait(poller: &Sock, timeout_ms: i32) -> i64 {
    // SAFETY: numbers: all zero is an event.
    let mut event: udsock_event = unsafe { std::mem::zeroed() };
    let mut arena = [0_u8; 4096];
    let (room, size) = (arena.as_mut_ptr().cast(), arena.len());
    // SAFETY: room for one event, and for as many bytes.
    unsafe { udsock_poller_wait(poller.0, &mut event, 1, room, size, timeout_ms) }
}

fn send(poller: &Sock, socket: &Sock, data: &[u8], to: Option<&str>) -> i64 {
    let text = [data, to.unwrap_or_default().as_bytes(), b"\0"].concat();
    let mut item = udsock_outgoing {
        socket: socket.0,
        offset: 0,
        length: data.len() as u32,
        address_offset: data.len() as u32,
        address_length: to.map_or(0, str::len) as u32,
        flags: 0,
        reserved: 0,
        result: 0,
    };
    // SAFETY: one item, whose text is within the bytes.
    let taken =
        unsafe { udsock_poller_send(poller.0, &mut item, 1, text.as_ptr().cast(), text.len()) };
    assert_eq!(taken, 1, "{}", name_of(item.result));
    item.result
}

#[test]
fn clients_that_were_refused() {
    listen();
    let (dir, poller) = (Dir::new(), poller());
    let path = dir.path("door");
    let server = open_server(UDSOCK_STREAM, &path);
    // SAFETY: no pointers.
    assert_eq!(udsock_allow_uid(server.0, unsafe { libc::geteuid() } + 1), 0);
    add(&poller, &server);
    let clients: Vec<_> = (0..60).map(|_| open_client(UDSOCK_STREAM, &path)).collect();
    assert_eq!(wait(&poller, 50), no(libc::ETIMEDOUT));
    let told = of_handle(server.0);
    assert_eq!(told.len(), clients.len(), "each of them");
    assert!(told.iter().all(|told| told.event == UDSOCK_LOGGED_REFUSED
        && told.pid == std::process::id() as i32
        && told.path.as_deref() == Some(&path)));
}

#[test]
fn kept_datagrams_that_reach_nobody_any_more() {
    listen();
    let (dir, poller) = (Dir::new(), poller());
    let path = dir.path("receiver");
    let (sender, receiver) = (open_datagram(None), open_datagram(Some(&path)));
    add(&poller, &sender);
    while sender.send_to(b"x", &path, 0) > 0 {}
    for _ in 0..3 {
        assert_eq!(send(&poller, &sender, b"kept", Some(&path)), 4);
    }
    drop(receiver);
    while of_handle(sender.0).is_empty() {
        assert_eq!(wait(&poller, 10), no(libc::ETIMEDOUT));
    }
    let told = of_handle(sender.0);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (told[0].event, told[0].level),
        (UDSOCK_LOGGED_DATAGRAM_DROPPED, UDSOCK_LOG_WARNING)
    );
    assert_eq!(told[0].code, no(libc::ENOENT));
    assert!(told[0].text.starts_with("3 kept datagrams"), "{told:?}");
}

/// A member for which something is kept, and its peer.
fn with_kept(poller: &Sock, kind: u32) -> (Sock, Sock) {
    let (socket, peer) = pair(kind);
    add(poller, &socket);
    while socket.send(&[b'x'; 4096], 0) > 0 {}
    while socket.send(b"x", 0) > 0 {}
    assert_eq!(send(poller, &socket, b"kept", None), 4);
    (socket, peer)
}

#[test]
fn what_was_kept_for_a_socket_that_left() {
    listen();
    for kind in CONNECTED_KINDS {
        let poller = poller();
        let (removed, _peer) = with_kept(&poller, kind);
        assert_eq!(udsock_poller_remove(poller.0, removed.0), 0);
        let (closed, _peer) = with_kept(&poller, kind);
        assert_eq!(closed.close(), 0);
        let (lost, peer) = with_kept(&poller, kind);
        drop(peer);
        assert_eq!(wait(&poller, FOREVER), 1);
        let (left, _peer) = with_kept(&poller, kind);
        assert_eq!(poller.close(), 0);
        // The peer had not read everything, which the kernel may tell first.
        let lost_by = [no(libc::EPIPE), no(libc::ECONNRESET)];
        let reasons = [(&removed, &[0][..]), (&closed, &[0]), (&lost, &lost_by), (&left, &[0])];
        for (number, (socket, codes)) in reasons.into_iter().enumerate() {
            let told = of_handle(socket.0);
            assert_eq!(told.len(), 1, "{number}: {told:?}");
            assert_eq!(told[0].event, UDSOCK_LOGGED_UNSENT_DROPPED, "{number}");
            assert!(codes.contains(&told[0].code), "{number}: {told:?}");
            assert!(told[0].text.contains("4 bytes"), "{told:?}");
        }
    }
}
