//! The same for the calls on pollers.

use std::ffi::c_void;
use std::ptr;

use udsock::abi::poller::*;

use support::*;

fn options() -> udsock_poller_options {
    let size = size_of::<udsock_poller_options>() as u32;
    udsock_poller_options { size, flags: 0, send_limit: 0, receive_size: 0 }
}

/// With options as long as their size says.
fn create(options: &udsock_poller_options) -> Result<Sock, i64> {
    // SAFETY: see above.
    let handle = unsafe { udsock_poller_create(options) };
    if handle > 0 { Ok(Sock(handle)) } else { Err(handle) }
}

fn poller() -> Sock {
    create(&options()).unwrap_or_else(|code| panic!("{}", name_of(code)))
}

/// An event or an item, of which nothing is set.
fn nothing<T: Copy>() -> T {
    // SAFETY: the structs that this is for are numbers, which may be 0.
    unsafe { std::mem::zeroed() }
}

/// What every call on a poller says about this handle.
fn codes(handle: udsock_t) -> [i64; 6] {
    let (member, _peer) = pair(UDSOCK_STREAM);
    let mut event: udsock_event = nothing();
    let mut item: udsock_outgoing = nothing();
    item.result = 77;
    let mut byte = 0_u8;
    let place: *mut c_void = (&raw mut byte).cast();
    // SAFETY: room for one event, one item and one byte.
    let codes = unsafe {
        [
            udsock_poller_add(handle, member.0, 0, 0).into(),
            udsock_poller_remove(handle, member.0).into(),
            udsock_poller_wait(handle, &mut event, 1, place, 1, 0),
            udsock_poller_send(handle, &mut item, 1, place, 1),
            udsock_poller_wake(handle).into(),
            udsock_poller_fd(handle).into(),
        ]
    };
    assert_eq!((event.kind, item.result), (0, 77), "outputs are not touched by a failure");
    codes
}

#[test]
fn wrong_handles_get_ebadf_from_every_call_on_pollers() {
    let stale = poller();
    assert_eq!(stale.close(), 0);
    for handle in [stale.0, 0, 1, 3, -1, -9, i64::MAX, i64::MIN, stale.0 + (1 << 40)] {
        assert_eq!(codes(handle), [no(libc::EBADF); 6], "{handle}");
    }
}

#[test]
fn a_socket_is_no_poller() {
    let dir = Dir::new();
    for kind in KINDS {
        let socket = open_server(kind, &dir.path(&kind.to_string()));
        assert_eq!(codes(socket.0), [no(libc::EINVAL); 6], "kind {kind}");
    }
}

#[test]
fn a_poller_is_no_socket() {
    let poller = poller();
    let (s, mut text, mut byte) = (poller.0, [0; 64], 0_u8);
    let place: *mut c_void = (&raw mut byte).cast();
    let part = udsock_part { data: place, size: 1 };
    let mut message = message();
    (message.data, message.data_capacity, message.data_size) = (place, 1, 1);
    let mut peer = udsock_credentials { pid: 0, uid: 0, gid: 0 };
    // SAFETY: valid arguments but for the handle.
    let codes = unsafe {
        [
            udsock_bind(s, c"@x".as_ptr(), ptr::null(), ptr::null_mut()).into(),
            udsock_listen(s, 0).into(),
            udsock_accept(s, 0, ptr::null_mut()),
            udsock_connect(s, c"@x".as_ptr(), ptr::null(), ptr::null_mut()).into(),
            udsock_shutdown(s, UDSOCK_READ).into(),
            udsock_fd(s).into(),
            udsock_release(s).into(),
            udsock_disown(s).into(),
            udsock_send(s, place, 1, 0),
            udsock_recv(s, place, 1, 0),
            udsock_send_all(s, place, 1, 0, ptr::null_mut()),
            udsock_recv_exact(s, place, 1, 0, ptr::null_mut()),
            udsock_sendv(s, &part, 1, 0),
            udsock_recvv(s, &part, 1, 0),
            udsock_send_to(s, place, 1, c"@x".as_ptr(), 0),
            udsock_recv_from(s, place, 1, text.as_mut_ptr(), text.len(), 0),
            udsock_send_message(s, &mut message, 0),
            udsock_recv_message(s, &mut message, 0),
            udsock_send_batch(s, &mut message, 1, 0),
            udsock_recv_batch(s, &mut message, 1, 0),
            udsock_get_option(s, UDSOCK_OPTION_KIND),
            udsock_set_option(s, UDSOCK_OPTION_SEND_BUFFER, 4096).into(),
            udsock_local_address(s, text.as_mut_ptr(), text.len()),
            udsock_remote_address(s, text.as_mut_ptr(), text.len()),
            udsock_activated_name(s, text.as_mut_ptr(), text.len()),
            udsock_peer_credentials(s, &mut peer).into(),
            udsock_peer_groups(s, ptr::null_mut(), 0),
            udsock_peer_pidfd(s).into(),
            udsock_peer_label(s, text.as_mut_ptr(), text.len()),
            udsock_allow_uid(s, 0).into(),
            udsock_allow_gid(s, 0).into(),
            udsock_allow_user(s, c"root".as_ptr()).into(),
            udsock_allow_group(s, c"root".as_ptr()).into(),
            udsock_poller_add(s, s, 0, 0).into(),
            udsock_poller_remove(s, s).into(),
        ]
    };
    for (index, code) in codes.into_iter().enumerate() {
        assert_eq!(name_of(code), "ENOTSOCK", "call {index}");
    }
    assert_eq!(poller.close(), 0);
}

#[test]
fn null_and_lengths_that_can_not_be_are_refused_by_pollers() {
    let poller = poller();
    let (member, _peer) = pair(UDSOCK_STREAM);
    assert_eq!(udsock_poller_add(poller.0, member.0, 0, 0), 0);
    let invalid = no(libc::EINVAL);
    let huge = isize::MAX as usize + 1;
    let many = huge / size_of::<udsock_event>() + 1;
    let mut event: udsock_event = nothing();
    let mut item: udsock_outgoing = nothing();
    (item.socket, item.result) = (member.0, 77);
    let (p, mut byte) = (poller.0, 0_u8);
    let place: *mut c_void = (&raw mut byte).cast();
    // SAFETY: nothing is read or written: every call is refused.
    unsafe {
        assert_eq!(udsock_poller_wait(p, ptr::null_mut(), 1, place, 1, 0), invalid);
        assert_eq!(udsock_poller_wait(p, &mut event, 0, place, 1, 0), invalid);
        assert_eq!(udsock_poller_wait(p, &mut event, many, place, 1, 0), invalid);
        assert_eq!(udsock_poller_wait(p, &mut event, usize::MAX, place, 1, 0), invalid);
        assert_eq!(udsock_poller_wait(p, &mut event, 1, ptr::null_mut(), 1, 0), invalid);
        assert_eq!(udsock_poller_wait(p, &mut event, 1, place, huge, 0), invalid);
        assert_eq!(udsock_poller_wait(p, &mut event, 1, place, 1, -2), invalid);
        assert_eq!(udsock_poller_wait(p, &mut event, 1, place, 1, i32::MIN), invalid);
        assert_eq!(udsock_poller_send(p, ptr::null_mut(), 1, place, 1), invalid);
        assert_eq!(udsock_poller_send(p, &mut item, many, place, 1), invalid);
        let beyond_32_bits = usize::try_from(1_u64 << 32).unwrap_or(usize::MAX);
        assert_eq!(udsock_poller_send(p, &mut item, beyond_32_bits, place, 1), invalid);
        assert_eq!(udsock_poller_send(p, &mut item, 1, ptr::null(), 1), invalid);
        assert_eq!(udsock_poller_send(p, &mut item, 1, place, huge), invalid);
    }
    assert_eq!((event.kind, item.result), (0, 77));
    for flags in [8, 9, 1 << 31, u32::MAX] {
        assert_eq!(udsock_poller_add(p, member.0, 0, flags), -libc::EINVAL, "flags {flags}");
    }
    // SAFETY: nothing is there, and nothing is said to be.
    unsafe {
        assert_eq!(udsock_poller_send(p, ptr::null_mut(), 0, ptr::null(), 0), 0);
        assert_eq!(udsock_poller_wait(p, &mut event, 1, ptr::null_mut(), 0, 0), 0);
    }
}

/// An item, changed in one way, is refused like this, and nothing is sent.
#[test]
fn items_that_make_no_sense_are_refused() {
    let poller = poller();
    let base = *b"@udsock\0hello";
    let (member, peer) = pair(UDSOCK_STREAM);
    assert_eq!(udsock_poller_add(poller.0, member.0, 0, 0), 0);
    type Change = fn(&mut udsock_outgoing);
    let changes: [(Change, i32); 9] = [
        (|item| item.flags = 3, libc::EINVAL),
        (|item| item.flags = 1 << 31, libc::EINVAL),
        (|item| item.reserved = 1, libc::EINVAL),
        (|item| item.offset = 9, libc::EINVAL),
        (|item| item.length = 6, libc::EINVAL),
        (|item| (item.offset, item.length) = (u32::MAX, u32::MAX), libc::EINVAL),
        (|item| item.address_length = 14, libc::EINVAL),
        (|item| (item.address_offset, item.address_length) = (u32::MAX, 2), libc::EINVAL),
        (|item| item.address_length = 7, libc::EOPNOTSUPP),
    ];
    for (index, (change, code)) in changes.into_iter().enumerate() {
        let mut item: udsock_outgoing = nothing();
        (item.socket, item.offset, item.length) = (member.0, 8, 5);
        change(&mut item);
        // SAFETY: one item, and a base of this size.
        let result =
            unsafe { udsock_poller_send(poller.0, &mut item, 1, base.as_ptr().cast(), base.len()) };
        assert_eq!(result, 0, "change {index}");
        assert_eq!(name_of(item.result), name_of(no(code)), "change {index}");
    }
    assert_eq!(peer.recv(0), Err(no(libc::EAGAIN)));
}

#[test]
fn poller_options_of_other_versions_are_understood() {
    #[repr(C)]
    struct Newer {
        known: udsock_poller_options,
        added: [u64; 4],
    }
    let mut newer = Newer { known: options(), added: [0; 4] };
    for (size, tail, expected) in [
        (size_of::<udsock_poller_options>(), 1, "OK"),
        (size_of::<Newer>(), 0, "OK"),
        (size_of::<Newer>(), 1, "E2BIG"),
        (1 << 20, 0, "E2BIG"),
        (3, 0, "EINVAL"),
        (0, 0, "EINVAL"),
        (4, 0, "OK"),
        (16, 0, "OK"),
    ] {
        (newer.known.size, newer.added[3]) = (size as u32, tail);
        let code = create(&newer.known).err().unwrap_or(0);
        assert_eq!(name_of(code), expected, "size {size}, tail {tail}");
    }
    for change in [
        |options: &mut udsock_poller_options| options.flags = 1,
        |options: &mut udsock_poller_options| options.send_limit = 1 << 63,
        |options: &mut udsock_poller_options| options.receive_size = u64::MAX,
    ] {
        let mut options = options();
        change(&mut options);
        assert_eq!(create(&options).err(), Some(no(libc::EINVAL)));
    }
    // SAFETY: NULL stands for all defaults.
    let handle = unsafe { udsock_poller_create(ptr::null()) };
    assert!(handle > 0);
    assert_eq!(udsock_close(handle), 0);
}
