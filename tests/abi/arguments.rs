//! What no call takes: other sizes, unknown flags, NULL, wrong handles.

use super::*;

#[test]
fn option_structs_of_other_versions_are_understood() {
    #[repr(C)]
    struct Newer {
        known: udsock_bind_options,
        added: [u64; 4],
    }
    let dir = Dir::new();
    let open = |options: &Newer| {
        try_open_server(UDSOCK_STREAM, &dir.path("s"), Some(&options.known))
            .map(drop)
            .map_err(|refusal| refusal.code)
    };
    let mut options = Newer { known: bind_options(), added: [0; 4] };
    for (size, tail, expected) in [
        (size_of::<udsock_bind_options>(), 1, Ok(())),
        (size_of::<Newer>(), 0, Ok(())),
        (size_of::<Newer>(), 1, Err(no(libc::E2BIG))),
        (1 << 20, 0, Err(no(libc::E2BIG))),
        (3, 0, Err(no(libc::EINVAL))),
        (0, 0, Err(no(libc::EINVAL))),
        (4, 0, Ok(())),
        (16, 0, Ok(())),
    ] {
        options.known.size = size as u32;
        options.added[3] = tail;
        assert_eq!(open(&options), expected, "size {size}, tail {tail}");
    }
    // What an older struct does not have is 0, whatever lies behind it.
    options.known.mode = 0o640;
    options.known.flags = u32::MAX;
    options.known.size = 4;
    assert_eq!(open(&options), Ok(()));
}

#[test]
fn unknown_flags_modes_and_kinds_are_refused() {
    let dir = Dir::new();
    let code = |options: &udsock_bind_options, address: &str| {
        try_open_server(UDSOCK_STREAM, address, Some(options)).unwrap_err().code
    };
    let path = dir.path("s");
    let with = |change: fn(&mut udsock_bind_options)| {
        let mut options = bind_options();
        change(&mut options);
        options
    };
    assert_eq!(code(&with(|options| options.flags = 1 << 31), &path), no(libc::EINVAL));
    assert_eq!(code(&with(|options| options.mode = 0o10000), &path), no(libc::EINVAL));
    assert_eq!(code(&with(|options| options.mode = 0o600), "@abstract"), no(libc::EINVAL));
    for name in [c"nobody of this name", c"", c"4294967295", c"-1", c" 0"] {
        let mut options = bind_options();
        options.user = name.as_ptr();
        assert_eq!(code(&options, &path), no(libc::EINVAL), "user {name:?}");
        options.user = std::ptr::null();
        options.group = name.as_ptr();
        assert_eq!(code(&options, &path), no(libc::EINVAL), "group {name:?}");
    }
    let mut options = connect_options();
    for (flags, timeout_ms, reserved) in
        [(1 << 31, 0, 0), (UDSOCK_RETRY | UDSOCK_DONT_WAIT, 0, 0), (0, -2, 0), (0, 0, 1)]
    {
        (options.flags, options.timeout_ms, options.reserved) = (flags, timeout_ms, reserved);
        let refusal = try_open_client(UDSOCK_STREAM, &path, Some(&options)).unwrap_err();
        assert_eq!(refusal.code, no(libc::EINVAL));
    }
    for kind in [0, 3, 4, 6, u32::MAX] {
        assert_eq!(udsock_create(kind), no(libc::EINVAL));
        assert_eq!(try_open_server(kind, &path, None).unwrap_err().code, no(libc::EINVAL));
    }
    assert_eq!(dir.list(), [""; 0]);
}

#[test]
fn null_and_lengths_that_can_not_be_are_refused_everywhere() {
    let (socket, _peer) = pair(UDSOCK_STREAM);
    let s = socket.0;
    let null = ptr::null_mut::<libc::c_void>();
    let mut byte = 0_u8;
    let place: *mut libc::c_void = (&raw mut byte).cast();
    let huge = isize::MAX as usize + 1;
    let invalid = no(libc::EINVAL);
    let part = |data, size| udsock_part { data, size };
    // SAFETY: nothing is read or written: every call is refused.
    unsafe {
        assert_eq!(udsock_send(s, null, 1, 0), invalid);
        assert_eq!(udsock_send(s, place, huge, 0), invalid);
        assert_eq!(udsock_send(s, place, 1, -2), invalid);
        assert_eq!(udsock_recv(s, null, 1, 0), invalid);
        assert_eq!(udsock_recv(s, place, 0, 0), invalid);
        assert_eq!(udsock_recv(s, place, huge, 0), invalid);
        assert_eq!(udsock_send_all(s, null, 1, 0, ptr::null_mut()), invalid);
        assert_eq!(udsock_recv_exact(s, place, 0, 0, ptr::null_mut()), invalid);
        assert_eq!(udsock_sendv(s, ptr::null(), 1, 0), invalid);
        assert_eq!(udsock_sendv(s, &part(place, 1), 1025, 0), no(libc::EMSGSIZE));
        assert_eq!(udsock_sendv(s, &part(null, 1), 1, 0), invalid);
        let halves = [part(place, huge / 2), part(place, huge / 2)];
        assert_eq!(udsock_sendv(s, halves.as_ptr(), 2, 0), invalid);
        assert_eq!(udsock_recvv(s, &part(place, 0), 1, 0), invalid);
        assert_eq!(udsock_recvv(s, ptr::null(), 0, 0), invalid);
        assert_eq!(udsock_send_to(s, place, 1, ptr::null(), 0), invalid);
        assert_eq!(udsock_recv_from(s, place, 1, place.cast(), 0, 0), invalid);
        assert_eq!(udsock_open_pair(UDSOCK_STREAM, ptr::null_mut()), -libc::EINVAL);
        assert_eq!(udsock_local_address(s, ptr::null_mut(), 10), invalid);
        assert_eq!(udsock_remote_address(s, place.cast(), 0), invalid);
        assert_eq!(udsock_send_batch(s, ptr::null_mut(), 1, 0), invalid);
        assert_eq!(udsock_recv_batch(s, &mut message(), 0, 0), invalid);
        assert_eq!(udsock_recv_batch(s, &mut message(), 1, 0), invalid, "no room");
        let no_address =
            udsock_open_server(UDSOCK_STREAM, ptr::null(), ptr::null(), ptr::null_mut());
        assert_eq!(no_address, invalid);
        let mut peer = udsock_credentials { pid: 1, uid: 2, gid: 3 };
        assert_eq!(udsock_accept(s, 0, &mut peer), invalid, "it does not listen");
        assert_eq!(peer.pid, 1);
        assert_eq!(udsock_peer_credentials(s, ptr::null_mut()), -libc::EINVAL);
        assert_eq!(udsock_peer_groups(s, ptr::null_mut(), 1), invalid);
        assert_eq!(udsock_peer_label(s, ptr::null_mut(), 10), invalid);
        assert_eq!(udsock_allow_user(s, ptr::null()), -libc::EINVAL);
        assert_eq!(udsock_allow_group(s, ptr::null()), -libc::EINVAL);
        assert_eq!(udsock_activated(ptr::null_mut(), 1, ptr::null_mut()), invalid);
        assert_eq!(udsock_activated_name(s, place.cast(), 0), invalid);
    }
    for how in [0, 4, 7, u32::MAX] {
        assert_eq!(socket.shutdown(how), invalid);
    }
    for option in [0, 14, u32::MAX] {
        assert_eq!(socket.option(option), no(libc::ENOPROTOOPT));
    }
    for (option, value, code) in [
        (UDSOCK_OPTION_KIND, 1, libc::ENOPROTOOPT),
        (UDSOCK_OPTION_SEND_BUFFER, 0, libc::EINVAL),
        (UDSOCK_OPTION_SEND_BUFFER, 1 << 31, libc::EINVAL),
        (UDSOCK_OPTION_SEND_BUFFER, -1, libc::EINVAL),
    ] {
        assert_eq!(udsock_set_option(s, option, value), -code);
    }
}

#[test]
fn wrong_handles_get_ebadf_from_every_call() {
    let stale = {
        let socket = create(UDSOCK_STREAM);
        socket.close();
        socket.0
    };
    let mut byte = 0_u8;
    let place: *mut libc::c_void = (&raw mut byte).cast();
    let parts = udsock_part { data: place, size: 1 };
    let mut message = message();
    (message.data, message.data_capacity, message.data_size) = (place, 1, 1);
    let mut text = [0; 64];
    for s in [stale, 0, 1, 3, -1, -9, i64::MAX, i64::MIN, stale + (1 << 40)] {
        let mut codes = vec![
            udsock_listen(s, 0).into(),
            udsock_shutdown(s, UDSOCK_READ).into(),
            udsock_close(s).into(),
            udsock_fd(s).into(),
            udsock_release(s).into(),
            udsock_get_option(s, UDSOCK_OPTION_KIND),
            udsock_set_option(s, UDSOCK_OPTION_SEND_BUFFER, 4096).into(),
        ];
        // SAFETY: valid arguments but for the handle.
        unsafe {
            codes.extend([
                udsock_bind(s, c"@x".as_ptr(), ptr::null(), ptr::null_mut()).into(),
                udsock_connect(s, c"@x".as_ptr(), ptr::null(), ptr::null_mut()).into(),
                udsock_accept(s, 0, ptr::null_mut()),
                udsock_send(s, place, 1, 0),
                udsock_recv(s, place, 1, 0),
                udsock_send_all(s, place, 1, 0, ptr::null_mut()),
                udsock_recv_exact(s, place, 1, 0, ptr::null_mut()),
                udsock_sendv(s, &parts, 1, 0),
                udsock_recvv(s, &parts, 1, 0),
                udsock_send_to(s, place, 1, c"@x".as_ptr(), 0),
                udsock_recv_from(s, place, 1, text.as_mut_ptr(), text.len(), 0),
                udsock_send_batch(s, &mut message, 1, 0),
                udsock_recv_batch(s, &mut message, 1, 0),
                udsock_local_address(s, text.as_mut_ptr(), text.len()),
                udsock_remote_address(s, text.as_mut_ptr(), text.len()),
            ]);
        }
        assert!(codes.iter().all(|&code| code == no(libc::EBADF)), "{s}: {codes:?}");
    }
}
