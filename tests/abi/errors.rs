//! Codes, their names, and the struct with the message.

use super::*;

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
