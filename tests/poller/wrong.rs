//! Arguments that make no sense.

use std::ffi::c_void;
use std::ptr;

use crate::calls::*;
use crate::raw;
use support::*;

fn create_with(options: &[u8]) -> i64 {
    // SAFETY: as many bytes as their size says.
    closed(unsafe { udsock_poller_create(options.as_ptr().cast()) })
}

/// The handle, closed.
fn closed(handle: udsock_t) -> i64 {
    if handle > 0 {
        assert_eq!(udsock_close(handle), 0);
    }
    handle
}

/// The struct as bytes, with its size as given and so many bytes behind it.
fn bytes_of(options: udsock_poller_options, size: usize, behind: &[u8]) -> Vec<u8> {
    let udsock_poller_options { flags, send_limit, receive_size, .. } = options;
    let fields = [&flags.to_ne_bytes()[..], &send_limit.to_ne_bytes(), &receive_size.to_ne_bytes()];
    let mut bytes = [&(size as u32).to_ne_bytes()[..], &fields.concat(), behind].concat();
    assert!(bytes.len() >= size);
    bytes.truncate(size.max(4));
    bytes
}

#[test]
fn options_of_all_lengths() {
    let whole = size_of::<udsock_poller_options>();
    assert!(create_default() > 0);
    for size in [4, 8, 16, whole] {
        assert!(create_with(&bytes_of(poller_options(), size, &[])) > 0, "{size}");
    }
    for size in 0..4 {
        is(create_with(&bytes_of(poller_options(), size, &[])), libc::EINVAL);
    }
    assert!(create_with(&bytes_of(poller_options(), whole + 8, &[0; 8])) > 0);
    is(create_with(&bytes_of(poller_options(), whole + 8, &[0, 0, 0, 0, 0, 0, 0, 1])), libc::E2BIG);

    // What a shorter struct does not say has its default.
    let limited = udsock_poller_options { send_limit: 10, receive_size: 1, ..poller_options() };
    // SAFETY: 16 bytes.
    let poller =
        Poller(Sock(unsafe { udsock_poller_create(bytes_of(limited, 16, &[]).as_ptr().cast()) }));
    let (socket, peer) = pair(UDSOCK_STREAM);
    assert_eq!((poller.add(&socket, 1), peer.send(b"more than one", 0)), (0, 13));
    assert_eq!(poller.next().data, b"more than one");
}

fn create_default() -> i64 {
    // SAFETY: NULL is allowed.
    closed(unsafe { udsock_poller_create(ptr::null()) })
}

#[test]
fn options_that_make_no_sense() {
    let whole = size_of::<udsock_poller_options>();
    let all = poller_options();
    for flags in [1, 2, 1 << 31] {
        is(
            create_with(&bytes_of(udsock_poller_options { flags, ..all }, whole, &[])),
            libc::EINVAL,
        );
    }
    for too_much in [1 << 63, u64::MAX] {
        let limit = udsock_poller_options { send_limit: too_much, ..all };
        is(create_with(&bytes_of(limit, whole, &[])), libc::EINVAL);
        let size = udsock_poller_options { receive_size: too_much, ..all };
        is(create_with(&bytes_of(size, whole, &[])), libc::EINVAL);
    }
    let most = udsock_poller_options { send_limit: (1 << 63) - 1, receive_size: 1, ..all };
    assert!(create_with(&bytes_of(most, whole, &[])) > 0);
}

/// Every call on what is no poller.
fn calls_on(poller: udsock_t, socket: udsock_t) -> Vec<i64> {
    let poller = std::mem::ManuallyDrop::new(Poller(Sock(poller)));
    let handle = poller.0.0;
    vec![
        udsock_poller_add(handle, socket, 0, 0).into(),
        udsock_poller_remove(handle, socket).into(),
        poller.wait(0).unwrap_err(),
        poller.wait(FOREVER).unwrap_err(),
        poller.send_raw(&mut [outgoing(socket)], b""),
        poller.send_raw(&mut [], b""),
        poller.wake(),
        poller.descriptor().into(),
    ]
}

#[test]
fn a_handle_that_is_no_poller_s() {
    let (socket, _peer) = pair(UDSOCK_STREAM);
    let closed = Poller::new();
    assert_eq!(closed.close(), 0);
    for handle in [closed.0.0, 0, -1, 1, 1 << 32, i64::MAX, i64::MIN] {
        calls_on(handle, socket.0).into_iter().for_each(|result| is(result, libc::EBADF));
    }
    let datagram = open_datagram(None);
    for handle in [socket.0, datagram.0] {
        calls_on(handle, socket.0).into_iter().for_each(|result| is(result, libc::EINVAL));
    }
}

#[test]
fn a_handle_that_is_no_socket_s() {
    let (poller, other) = (Poller::new(), Poller::new());
    let closed = pair(UDSOCK_STREAM).0;
    assert_eq!(closed.close(), 0);
    for (handle, errno) in [
        (poller.0.0, libc::ENOTSOCK),
        (other.0.0, libc::ENOTSOCK),
        (closed.0, libc::EBADF),
        (0, libc::EBADF),
        (-1, libc::EBADF),
        (i64::MAX, libc::EBADF),
    ] {
        is(udsock_poller_add(poller.0.0, handle, 0, 0).into(), errno);
        is(udsock_poller_remove(poller.0.0, handle).into(), errno);
        is(poller.refusal(Item { socket: handle, data: b"x", to: "", flags: 0 }), errno);
    }
    // And where every other call wants a socket.
    is(poller.send_all(b"x", 0).0, libc::ENOTSOCK);
    is(poller.recv(0).unwrap_err(), libc::ENOTSOCK);
    is(poller.accept(0).unwrap_err(), libc::ENOTSOCK);
    is(poller.fd().into(), libc::ENOTSOCK);
    is(poller.shutdown(UDSOCK_READ), libc::ENOTSOCK);
    is(poller.option(UDSOCK_OPTION_KIND), libc::ENOTSOCK);
    is(udsock_release(poller.0.0).into(), libc::ENOTSOCK);
    is(udsock_disown(poller.0.0).into(), libc::ENOTSOCK);
    poller.is_quiet();
}

#[test]
fn a_member_of_another_poller() {
    let (one, two) = (Poller::new(), Poller::new());
    for kind in KINDS {
        let (socket, peer) = pair(kind);
        assert_eq!(one.add(&socket, 1), 0);
        is(two.add(&socket, 2), libc::EBUSY);
        is(two.remove(&socket), libc::ENOENT);
        is(two.refusal(item(&socket, b"x")), libc::ENOENT);
        assert_eq!(peer.send(b"data", 0), 4);
        two.is_quiet();
        assert_eq!(one.next().token, 1, "it is as it was");
        assert_eq!((one.remove(&socket), two.add(&socket, 2), peer.send(b"x", 0)), (0, 0, 1));
        assert_eq!(two.next().token, 2);
    }
}

#[test]
fn who_is_no_member() {
    let poller = Poller::new();
    for kind in KINDS {
        let (socket, peer) = pair(kind);
        is(poller.remove(&socket), libc::ENOENT);
        is(poller.refusal(item(&socket, b"x")), libc::ENOENT);
        is(peer.recv(0).unwrap_err(), libc::EAGAIN);
    }
}

#[test]
fn flags_that_nobody_knows() {
    let (poller, socket, peer) = member(UDSOCK_STREAM, 1);
    for flags in [8, 9, 1 << 31, u32::MAX] {
        is(udsock_poller_add(poller.0.0, socket.0, 9, flags).into(), libc::EINVAL);
    }
    for flags in [3, 4, 1 << 31] {
        is(poller.refusal(item_then(&socket, b"x", flags)), libc::EINVAL);
    }
    is(peer.recv(0).unwrap_err(), libc::EAGAIN);
    assert_eq!(peer.send(b"x", 0), 1);
    assert_eq!(poller.next().what(), (UDSOCK_EVENT_RECEIVED, 1), "it is as it was");
}

#[test]
fn items_that_lie_beyond_base() {
    for kind in KINDS {
        let (poller, socket, peer) = member(kind, 1);
        let base = b"0123456789";
        let at = |offset, length| udsock_outgoing { offset, length, ..outgoing(socket.0) };
        let address = |address_offset, address_length| udsock_outgoing {
            address_offset,
            address_length,
            ..at(0, 1)
        };
        let reserved = udsock_outgoing { reserved: 1, ..at(0, 1) };
        let bad = [
            at(0, 11),
            at(10, 1),
            at(5, 6),
            at(11, 1),
            at(u32::MAX, 1),
            at(1, u32::MAX),
            at(u32::MAX, u32::MAX),
            address(10, 1),
            address(0, 11),
            address(u32::MAX, u32::MAX),
            reserved,
        ];
        let mut items = bad.to_vec();
        items.extend([at(0, 10), at(9, 1)]);
        assert_eq!(poller.send_raw(&mut items, base), 2, "kind {kind}");
        items[..bad.len()].iter().for_each(|item| is(item.result, libc::EINVAL));
        assert_eq!((items[11].result, items[12].result), (10, 1));
        assert_eq!(drain(&peer).concat(), b"01234567899");
    }
}

#[test]
fn nulls_and_sizes() {
    let (poller, socket, _peer) = member(UDSOCK_STREAM, 1);
    let mut event = poller_event();
    let (mut byte, handle) = (0_u8, poller.0.0);
    let arena: *mut c_void = (&raw mut byte).cast();
    let huge = isize::MAX as usize + 1;
    let first = &raw mut event;
    for (events, capacity, arena, size, timeout_ms) in [
        (ptr::null_mut(), 1, arena, 1, 0),
        (first, 0, arena, 1, 0),
        (ptr::null_mut(), 0, arena, 1, 0),
        (first, 1, ptr::null_mut(), 1, 0),
        (first, 1, arena, huge, 0),
        (first, usize::MAX, arena, 1, 0),
        (first, huge / 40 + 1, arena, 1, 0),
        (first, 1, arena, 1, -2),
        (first, 1, arena, 1, i32::MIN),
    ] {
        // SAFETY: what is wrong is refused before anything is written.
        let result =
            unsafe { udsock_poller_wait(handle, events, capacity, arena, size, timeout_ms) };
        is(result, libc::EINVAL);
    }
    let mut one = outgoing(socket.0);
    let (items, base) = (&raw mut one, arena.cast_const());
    for (items, count, base, size) in [
        (ptr::null_mut(), 1, base, 1),
        (items, 1, ptr::null(), 1),
        (items, 1, base, huge),
        (items, usize::MAX, base, 1),
        (items, huge / 40 + 1, base, 1),
    ] {
        // SAFETY: as above.
        is(unsafe { udsock_poller_send(handle, items, count, base, size) }, libc::EINVAL);
    }
    assert_eq!(one.result, 77, "nothing was written");
    // SAFETY: an empty item needs no base.
    assert_eq!(unsafe { udsock_poller_send(handle, &mut one, 1, ptr::null(), 0) }, 1);
    assert_eq!(one.result, 0);
    poller.is_quiet();
}

fn poller_event() -> udsock_event {
    // SAFETY: numbers: all zero is an event.
    unsafe { std::mem::zeroed() }
}

#[test]
fn events_and_items_need_not_be_aligned() {
    let (poller, socket, peer) = member(UDSOCK_STREAM, 1);
    assert_eq!(peer.send(b"data", 0), 4);
    let (mut events, mut arena) = ([0_u8; 81], [0_u8; 16]);
    // SAFETY: room for an event, wherever it begins.
    let (result, event) = unsafe {
        let place = events.as_mut_ptr().add(1).cast::<udsock_event>();
        let arena = arena.as_mut_ptr().cast();
        (udsock_poller_wait(poller.0.0, place, 1, arena, 16, LONG), place.read_unaligned())
    };
    assert_eq!((result, event.socket, event.length, &arena[..4]), (1, socket.0, 4, &b"data"[..]));
    let mut items = [0_u8; 41];
    // SAFETY: an item, wherever it begins.
    let result = unsafe {
        let place = items.as_mut_ptr().add(1).cast::<udsock_outgoing>();
        place.write_unaligned(udsock_outgoing { length: 4, ..outgoing(socket.0) });
        let result = udsock_poller_send(poller.0.0, place, 1, arena.as_ptr().cast(), 16);
        (result, place.read_unaligned().result)
    };
    assert_eq!((result, peer.recv(0).unwrap()), ((1, 4), b"data".to_vec()));
}

#[test]
fn what_the_poller_lends_out_is_a_descriptor_of_its_own() {
    let poller = Poller::new();
    let fd = poller.descriptor();
    assert!(fd >= 0 && !raw::is_socket(fd) && raw::is_close_on_exec(fd));
    assert_eq!(poller.close(), 0);
    is(poller.descriptor().into(), libc::EBADF);
}
