//! The contract of the header: what holds for every call, and the calls that no other
//! file is about.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::{self, offset_of, size_of};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use std::{fs, ptr, thread};

use support::*;

#[path = "abi/pollers.rs"]
mod pollers;

#[test]
fn echo_over_every_kind_with_a_connection() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, client, peer) = connection(kind, &dir);
        assert_eq!(client.send(b"hello", FOREVER), 5);
        assert_eq!(peer.recv(FOREVER).unwrap(), b"hello");
        assert_eq!(client.close(), 0);
        assert_eq!(peer.recv(FOREVER), Err(EOF));
        assert_eq!(server.close(), 0);
        assert_eq!(dir.list(), [""; 0]);
    }
}

/// The words are our own, for C libraries that lack these calls, and the same as theirs.
#[test]
fn an_errno_has_the_name_and_the_text_that_the_c_library_gives_it() {
    const TEST: &str = "an_errno_has_the_name_and_the_text_that_the_c_library_gives_it";
    type Words = extern "C" fn(c_int) -> *const c_char;
    // SAFETY: these symbols, where there are any, are such functions (glibc 2.32).
    let [name, text] = [c"strerrorname_np", c"strerrordesc_np"].map(|symbol| unsafe {
        mem::transmute::<*mut c_void, Option<Words>>(libc::dlsym(
            libc::RTLD_DEFAULT,
            symbol.as_ptr(),
        ))
    });
    let (Some(name), Some(text)) = (name, text) else {
        return skip(TEST, "no strerrorname_np in this C library");
    };
    // SAFETY: NULL, or a static string.
    let of = |word: *const c_char| (!word.is_null()).then(|| unsafe { CStr::from_ptr(word) });
    let mut known = 0;
    for errno in 1..4096 {
        let code = no(errno);
        // SAFETY: static strings.
        let ours = unsafe {
            [udsock_error_name(code), udsock_error_text(code)].map(|word| CStr::from_ptr(word))
        };
        known += i32::from(of(name(errno)).is_some());
        let theirs =
            [of(name(errno)).unwrap_or(c"UNKNOWN"), of(text(errno)).unwrap_or(c"Unknown error")];
        assert_eq!(ours, theirs, "{errno}");
    }
    assert!(known > 100, "that is how many errnos Linux has");
}

#[test]
fn every_number_has_a_name_and_a_text() {
    let text_of = |code: i64| {
        // SAFETY: a static string.
        unsafe { CStr::from_ptr(udsock_error_text(code)) }.to_str().unwrap()
    };
    for (code, name) in [
        (0, "OK"),
        (7, "OK"),
        (i64::MAX, "OK"),
        (no(libc::EADDRINUSE), "EADDRINUSE"),
        (no(libc::EAGAIN), "EAGAIN"),
        (EOF, "UDSOCK_EOF"),
        (CLOSED, "UDSOCK_CLOSED"),
        (UDSOCK_PANIC.into(), "UDSOCK_PANIC"),
        (-4000, "UNKNOWN"),
        (-5000, "UNKNOWN"),
        (i64::MIN, "UNKNOWN"),
        (i64::from(i32::MIN) - 1, "UNKNOWN"),
    ] {
        assert_eq!(name_of(code), name, "{code}");
        assert!(!text_of(code).is_empty(), "{code}");
    }
    assert_eq!(text_of(no(libc::EADDRINUSE)), "Address already in use");
    for own in [EOF, CLOSED, UDSOCK_PANIC.into()] {
        assert!(own < -4096, "no errno can be this low");
    }
}

#[test]
fn messages_say_what_was_tried_where_and_what_stood_in_the_way() {
    let dir = Dir::new();
    fs::write(dir.path("file"), "").unwrap();
    let said = |result: Result<Sock, Refusal>| result.unwrap_err().message;
    assert_eq!(
        said(try_open_server(UDSOCK_STREAM, &dir.path("file"), None)),
        format!(
            "open server {}: a regular file is there, which is not a socket; it was left alone. \
             Remove it or choose another path",
            dir.path("file")
        )
    );
    assert_eq!(
        said(try_open_client(UDSOCK_STREAM, &dir.path("none"), None)),
        format!("open client {}: No such file or directory", dir.path("none"))
    );
    assert_eq!(
        said(try_open_server(UDSOCK_STREAM, "", None)),
        "open server : the address is empty"
    );
    assert_eq!(said(adopt(-1)), "adopt: Bad file descriptor");
    let long = "x".repeat(5000);
    let message = said(try_open_server(UDSOCK_STREAM, &long, None));
    assert!(message.ends_with("the path has 5000 bytes; at most 4095 are possible"), "{message}");
    let message = said(try_open_client(UDSOCK_STREAM, "/tmp/\u{1}\n", None));
    assert!(!message.contains('\n'), "one line: {message:?}");
}

#[test]
fn an_error_struct_of_any_size_is_filled_as_far_as_it_goes() {
    let full = size_of::<udsock_error>();
    for size in [0, 8, 9, 20, full, full + 8, u32::MAX as usize] {
        let mut place = [0x55_u8; 512];
        place[..4].copy_from_slice(&(size as u32).to_ne_bytes());
        // SAFETY: the struct is the beginning of the room, and the call stays within
        // the size given and its own.
        let result = unsafe {
            udsock_open_client(
                UDSOCK_STREAM,
                c"/nowhere".as_ptr(),
                ptr::null(),
                place.as_mut_ptr().cast(),
            )
        };
        assert_eq!(result, no(libc::ENOENT));
        let room = if size == 0 { full } else { size.min(full) };
        let code = offset_of!(udsock_error, code);
        assert_eq!(place[code..code + 4], (-libc::ENOENT).to_ne_bytes());
        assert!(place[room..].iter().all(|&byte| byte == 0x55), "size {size}: written beyond");
        let message = &place[offset_of!(udsock_error, message)..room];
        let expected = b"open client /nowhere: No such file or directory\0";
        let shown = message.len().min(expected.len());
        if shown > 0 {
            assert_eq!(message[..shown - 1], expected[..shown - 1]);
            assert_eq!(message[shown - 1], 0);
        }
    }
}

#[test]
fn outputs_are_not_touched_by_a_failure() {
    let mut err = error();
    err.code = 77;
    // SAFETY: valid arguments.
    let handle = unsafe { udsock_open_datagram(ptr::null(), ptr::null(), &mut err) };
    assert!(handle > 0);
    assert_eq!(err.code, 77, "the error is written by a failure only");
    udsock_close(handle);
    let mut pair = [5, 6];
    // SAFETY: room for two.
    assert_eq!(unsafe { udsock_open_pair(99, pair.as_mut_ptr()) }, -libc::EINVAL);
    assert_eq!(pair, [5, 6]);
    let mut text = [b'x' as libc::c_char; 8];
    // SAFETY: room for eight bytes.
    assert_eq!(unsafe { udsock_local_address(1, text.as_mut_ptr(), 8) }, no(libc::EBADF));
    assert_eq!(text[0], b'x' as libc::c_char);
}

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

#[test]
fn a_mode_is_exact_and_a_kept_file_stays() {
    let dir = Dir::new();
    let path = dir.path("s");
    for mode in [0o600, 0o666, 0o777, 0o060, 0o001] {
        let mut options = bind_options();
        options.mode = mode;
        let server = try_open_server(UDSOCK_STREAM, &path, Some(&options)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1);
        assert_eq!(server.close(), 0);
        assert_eq!(dir.list(), [""; 0]);
    }
    let mut options = bind_options();
    options.flags = UDSOCK_KEEP_FILE;
    assert_eq!(try_open_server(UDSOCK_STREAM, &path, Some(&options)).unwrap().close(), 0);
    assert_eq!(dir.list(), ["s"]);
}

#[test]
fn retry_waits_for_the_server_and_tells_what_it_last_saw() {
    let dir = Dir::new();
    let path = dir.path("later");
    let mut options = connect_options();
    (options.flags, options.timeout_ms) = (UDSOCK_RETRY, 30);
    let refusal = try_open_client(UDSOCK_STREAM, &path, Some(&options)).unwrap_err();
    assert_eq!(refusal.code, no(libc::ETIMEDOUT));
    assert!(refusal.message.contains("No such file"), "{}", refusal.message);
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut options = connect_options();
            (options.flags, options.timeout_ms) = (UDSOCK_RETRY, 20_000);
            try_open_client(UDSOCK_STREAM, &path, Some(&options)).map(drop).map_err(|r| r.code)
        });
        thread::sleep(Duration::from_millis(30));
        let server = open_server(UDSOCK_STREAM, &path);
        assert_eq!(client.join().unwrap(), Ok(()));
        assert!(server.accept(0).is_ok());
    });
}

#[test]
fn retry_without_waiting_is_one_attempt_and_says_whether_to_make_another() {
    let dir = Dir::new();
    let path = dir.path("later");
    let mut options = connect_options();
    options.flags = UDSOCK_RETRY | UDSOCK_DONT_WAIT;
    let client = create(UDSOCK_STREAM);
    let refusal = client.connect(&path, Some(&options)).unwrap_err();
    assert_eq!(refusal.code, no(libc::EAGAIN));
    assert!(refusal.message.ends_with("not yet: No such file or directory"), "{refusal:?}");
    let server = open_server(UDSOCK_SEQPACKET, &path);
    let refusal = client.connect(&path, Some(&options)).unwrap_err();
    assert_eq!(refusal.code, no(libc::EPROTOTYPE), "this does not pass");
    drop(server);
    let server = open_server(UDSOCK_STREAM, &path);
    client.connect(&path, Some(&options)).unwrap();
    assert!(server.accept(0).is_ok());
}

#[test]
fn a_client_with_an_address_of_its_own_is_seen_and_cleaned_up() {
    let dir = Dir::new();
    let (server_path, client_path) = (dir.path("server"), dir.path("client"));
    let local = c(&client_path);
    let mut options = connect_options();
    options.local_address = local.as_ptr();
    // A failure leaves nothing behind.
    assert!(try_open_client(UDSOCK_STREAM, &server_path, Some(&options)).is_err());
    assert_eq!(dir.list(), [""; 0]);
    let server = open_server(UDSOCK_STREAM, &server_path);
    let client = try_open_client(UDSOCK_STREAM, &server_path, Some(&options)).unwrap();
    let peer = server.accept(FOREVER).unwrap();
    assert_eq!(client.local_address().unwrap(), client_path);
    assert_eq!(client.remote_address().unwrap(), server_path);
    assert_eq!(peer.local_address().unwrap(), server_path);
    assert_eq!(peer.remote_address().unwrap(), client_path);
    drop(client);
    assert_eq!(dir.list(), ["server"]);
    // The same socket may try again with the same options.
    let client = create(UDSOCK_STREAM);
    let none = dir.path("none");
    assert_eq!(client.connect(&none, Some(&options)).unwrap_err().code, no(libc::ENOENT));
    client.connect(&server_path, Some(&options)).unwrap();
}

#[test]
fn recv_from_keeps_a_message_whose_address_does_not_fit() {
    let dir = Dir::new();
    let (here, there) = (open_datagram(Some(&dir.path("here"))), dir.path("there"));
    let sender = open_datagram(Some(&there));
    assert_eq!(sender.send_to(b"hello", &dir.path("here"), 0), 5);
    let mut buffer = [0_u8; 16];
    let mut address = [0; 300];
    let mut receive = |size: usize| {
        // SAFETY: both are at least of the sizes given.
        unsafe {
            udsock_recv_from(
                here.0,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                address.as_mut_ptr(),
                size,
                0,
            )
        }
    };
    for size in [1, 5, there.len()] {
        assert_eq!(receive(size), no(libc::ERANGE), "{size}");
    }
    assert_eq!(receive(there.len() + 1), 5);
    assert_eq!(receive(300), no(libc::EAGAIN));
    // SAFETY: written by the call that succeeded.
    assert_eq!(unsafe { CStr::from_ptr(address.as_ptr()) }.to_str().unwrap(), there);
}

#[test]
fn batches_tell_the_fate_of_each_message() {
    let dir = Dir::new();
    let receiver = open_datagram(Some(&dir.path("receiver")));
    let sender = open_datagram(Some(&dir.path("sender")));
    let (good, bad) = (c(&dir.path("receiver")), c(&dir.path("nobody")));
    let mut texts = [*b"zero", *b"one.", *b"two.", *b"thre"];
    let mut messages: Vec<_> = texts
        .iter_mut()
        .map(|text| {
            let mut message = message();
            (message.data, message.data_size) = (text.as_mut_ptr().cast(), 4);
            message.address = good.as_ptr().cast_mut();
            message
        })
        .collect();
    messages[0].address = bad.as_ptr().cast_mut();
    messages[2].data = ptr::null_mut();
    // SAFETY: four messages.
    assert_eq!(unsafe { udsock_send_batch(sender.0, messages.as_mut_ptr(), 4, 0) }, 2);
    let results: Vec<_> = messages.iter().map(|message| message.result).collect();
    assert_eq!(results, [-libc::ENOENT, 4, -libc::EINVAL, 4]);

    let mut room = [[0_u8; 3], [0; 3], [0; 3]];
    let mut addresses = [[0; 256], [0; 256], [0; 256]];
    let mut incoming: Vec<_> = room
        .iter_mut()
        .zip(&mut addresses)
        .map(|(room, address)| {
            let mut message = message();
            (message.data, message.data_capacity) = (room.as_mut_ptr().cast(), 3);
            (message.address, message.address_capacity) = (address.as_mut_ptr(), 256);
            message.result = 99;
            message
        })
        .collect();
    incoming[1].address_capacity = 4;
    // SAFETY: three messages with room.
    assert_eq!(unsafe { udsock_recv_batch(receiver.0, incoming.as_mut_ptr(), 3, 0) }, 2);
    let seen: Vec<_> =
        incoming.iter().map(|m| (m.result, m.data_size, m.flags, m.address_size)).collect();
    let length = dir.path("sender").len();
    assert_eq!(
        seen,
        [
            (3, 4, UDSOCK_TRUNCATED, length),
            (-libc::ERANGE, 4, UDSOCK_TRUNCATED, length),
            (99, 0, 0, 0)
        ]
    );
    assert_eq!((incoming[0].credentials.pid, incoming[0].credentials.uid), (0, u32::MAX));
    assert_eq!(&room[..2], [*b"one", *b"thr"]);
    // SAFETY: three messages with room.
    let again = unsafe { udsock_recv_batch(receiver.0, incoming.as_mut_ptr(), 3, 0) };
    assert_eq!(again, no(libc::EAGAIN));
}

#[test]
fn batches_keep_the_bytes_of_a_stream_in_order() {
    let (sender, receiver) = pair(UDSOCK_STREAM);
    let mut data: Vec<Vec<u8>> = (0..100_u8).map(|n| vec![n; 10_000]).collect();
    let mut messages: Vec<_> = data
        .iter_mut()
        .map(|data| {
            let mut message = message();
            (message.data, message.data_size) = (data.as_mut_ptr().cast(), data.len());
            message
        })
        .collect();
    // More than the buffer holds, so that some message is cut.
    // SAFETY: a hundred messages.
    let went = unsafe { udsock_send_batch(sender.0, messages.as_mut_ptr(), 100, 50) };
    assert!(0 < went && went < 100, "{went}");
    let went = went as usize;
    let sent: usize = messages[..went].iter().map(|message| message.result as usize).sum();
    assert!(messages[..went - 1].iter().all(|message| message.result == 10_000));
    assert!(messages[went..].iter().all(|message| message.result == -libc::ETIMEDOUT));
    sender.close();
    let mut all = Vec::new();
    while let Ok(bytes) = receiver.recv(0) {
        all.extend(bytes);
    }
    assert_eq!(all, data.concat()[..sent]);
}

#[test]
fn a_released_descriptor_is_an_ordinary_one() {
    for kind in KINDS {
        let (socket, peer) = pair(kind);
        let handle = socket.0;
        let fd = socket.release();
        assert!(fd >= 0);
        assert_eq!(udsock_fd(handle), -libc::EBADF);
        // SAFETY: the descriptor is the test's now.
        unsafe {
            assert_eq!(libc::fcntl(fd, libc::F_GETFL) & libc::O_NONBLOCK, 0);
            assert_eq!(libc::fcntl(fd, libc::F_GETFD), libc::FD_CLOEXEC);
            assert_eq!(libc::send(fd, c"x".as_ptr().cast(), 1, 0), 1);
        }
        assert_eq!(peer.recv(0).unwrap(), b"x");
        let again = adopt(fd).unwrap();
        assert_eq!(again.option(UDSOCK_OPTION_KIND), kind.into());
        assert_eq!(adopt(again.fd()).unwrap_err().code, no(libc::EEXIST));
        assert_eq!(again.send(b"y", 0), 1);
        assert_eq!(peer.recv(0).unwrap(), b"y");
    }
}

#[test]
fn what_is_no_unix_socket_is_not_adopted() {
    assert_eq!(adopt(-5).unwrap_err().code, no(libc::EBADF));
    assert_eq!(adopt(999_999).unwrap_err().code, no(libc::EBADF));
    let file = fs::File::open("/dev/null").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    use std::os::fd::AsRawFd;
    assert_eq!(adopt(file.as_raw_fd()).unwrap_err().code, no(libc::ENOTSOCK));
    let refusal = adopt(listener.as_raw_fd()).unwrap_err();
    assert_eq!(refusal.code, no(libc::EAFNOSUPPORT));
    // They are still the test's.
    assert!(listener.local_addr().is_ok() && file.metadata().is_ok());
}

#[test]
fn an_adopted_server_serves_and_its_file_stays() {
    let dir = Dir::new();
    let path = dir.path("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    use std::os::fd::IntoRawFd;
    let server = adopt(listener.into_raw_fd()).unwrap();
    assert_eq!(server.option(UDSOCK_OPTION_LISTENING), 1);
    assert_eq!(server.local_address().unwrap(), path);
    assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
    let client = open_client(UDSOCK_STREAM, &path);
    let peer = server.accept(0).unwrap();
    assert_eq!(peer.send(b"hi", 0), 2);
    assert_eq!(client.recv(0).unwrap(), b"hi");
    assert_eq!(server.close(), 0);
    assert_eq!(dir.list(), ["s"]);
}

#[test]
fn deadlines_hold_and_zero_does_not_wait() {
    for kind in KINDS {
        let (socket, _peer) = pair(kind);
        assert_eq!(socket.recv(0), Err(no(libc::EAGAIN)));
        let start = Instant::now();
        assert_eq!(socket.recv(25), Err(no(libc::ETIMEDOUT)));
        assert!(start.elapsed() >= Duration::from_millis(25));
        assert_eq!(socket.recv(-2), Err(no(libc::EINVAL)));
    }
}

#[test]
fn progress_is_told_also_after_a_failure() {
    let (socket, peer) = pair(UDSOCK_STREAM);
    let (result, sent) = socket.send_all(&vec![7; 10 << 20], 20);
    assert_eq!(result, no(libc::ETIMEDOUT));
    assert!(sent > 0);
    let (result, bytes) = peer.recv_exact(sent, FOREVER);
    assert_eq!((result, bytes.len()), (sent as i64, sent));
    assert_eq!(socket.send(b"abc", 0), 3);
    drop(socket);
    let (result, bytes) = peer.recv_exact(10, FOREVER);
    assert_eq!((result, bytes), (EOF, b"abc".to_vec()));
    let (packets, _other) = pair(UDSOCK_SEQPACKET);
    assert_eq!(packets.recv_exact(1, 0).0, no(libc::EOPNOTSUPP));
    assert_eq!(packets.send_all(b"", 0), (0, 0), "an empty message");
}

#[test]
fn the_version_is_the_package_s() {
    // SAFETY: a static string.
    let text = unsafe { CStr::from_ptr(udsock_version_string()) }.to_str().unwrap();
    assert_eq!(text, env!("CARGO_PKG_VERSION"));
    let parts: Vec<u32> = text.split('.').map(|part| part.parse().unwrap()).collect();
    assert_eq!(udsock_version(), parts[0] * 10_000 + parts[1] * 100 + parts[2]);
}

#[test]
fn the_sender_s_address_need_not_be_asked_for() {
    let (here, there) = pair(UDSOCK_DGRAM);
    assert_eq!(there.send(b"unsigned", 0), 8);
    let mut buffer = [0; 16];
    // SAFETY: room of this size, and no room for an address.
    let got = unsafe {
        udsock_recv_from(here.0, buffer.as_mut_ptr().cast(), buffer.len(), ptr::null_mut(), 0, 0)
    };
    assert_eq!((got, &buffer[..8]), (8, &b"unsigned"[..]));
}

/// As the header says of each call.
#[test]
fn a_socket_that_can_t_is_told_so() {
    let mut buffer = [0];
    for (kind, code) in [(UDSOCK_STREAM, libc::EINVAL), (UDSOCK_SEQPACKET, libc::ENOTCONN)] {
        assert_eq!(create(kind).recv_into(&mut buffer, 0), no(code), "{kind}");
    }
    assert_eq!(create(UDSOCK_DGRAM).accept(0).unwrap_err(), no(libc::EOPNOTSUPP));
    for kind in CONNECTED_KINDS {
        let server = open_server(kind, &format!("@udsock-abi-{kind}-{}", std::process::id()));
        assert_eq!(server.option(UDSOCK_OPTION_READABLE_BYTES), no(libc::EINVAL));
    }
}
