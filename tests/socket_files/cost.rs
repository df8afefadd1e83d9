//! What opening a server costs at a free path: system calls, counted by strace.

use std::ffi::CStr;
use std::ptr;

use crate::log_of;
use support::*;

/// Beyond socket, bind and listen; and what the first opening of a process has more, to note
/// which process it is.
const MOST: usize = 9;
const FIRST: [&str; 4] = ["mmap", "madvise", "getpid", "brk"];

/// It is seen in the log, and nothing else happens.
fn mark(name: &CStr) {
    // SAFETY: a C string.
    unsafe { libc::access(name.as_ptr(), libc::F_OK) };
}

/// The names of the calls in each window between two marks.
fn windows(log: &str) -> Vec<Vec<String>> {
    let mut windows = Vec::new();
    let mut open: Option<Vec<String>> = None;
    for line in log.lines() {
        // A thread's number, and the call.
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        if call.contains("\"/begin\"") {
            open = Some(Vec::new());
        } else if call.contains("\"/end\"") {
            windows.extend(open.take());
        } else if let (Some(calls), Some((name, _))) = (&mut open, call.split_once('(')) {
            calls.push(name.to_owned());
        }
    }
    windows
}

#[test]
fn a_free_path_opens_in_nine_system_calls() {
    let ways: [(u32, u32, bool); 6] = [
        (UDSOCK_STREAM, 0, false),
        (UDSOCK_STREAM, 0, false),
        (UDSOCK_SEQPACKET, 0o600, false),
        (UDSOCK_DGRAM, 0o600, false),
        // From here on with the clean-up on a signal.
        (UDSOCK_STREAM, 0, true),
        (UDSOCK_SEQPACKET, 0o600, true),
    ];
    let log = log_of("cost::a_free_path_opens_in_nine_system_calls", || {
        let dir = Dir::new();
        for (number, (kind, mode, with_signal)) in ways.into_iter().enumerate() {
            let path = c(&dir.path(&number.to_string()));
            let options = udsock_bind_options { mode, ..bind_options() };
            if with_signal {
                assert_eq!(udsock_cleanup_on_signal(libc::SIGUSR2), 0);
            }
            mark(c"/begin");
            // SAFETY: valid arguments.
            let server =
                unsafe { udsock_open_server(kind, path.as_ptr(), &options, ptr::null_mut()) };
            mark(c"/end");
            assert_eq!(udsock_close(server), 0);
        }
    });
    let Some(log) = log else { return };
    let windows = windows(&log);
    assert_eq!(windows.len(), ways.len(), "{log}");
    for (number, (way, window)) in ways.iter().zip(&windows).enumerate() {
        let mut calls: Vec<&str> = window.iter().map(String::as_str).collect();
        calls.retain(|call| !["socket", "bind", "listen"].contains(call));
        if number == 0 {
            calls.retain(|call| !FIRST.contains(call));
        }
        if cfg!(target_env = "musl") {
            // Its open(3) sets close-on-exec once more.
            calls.retain(|call| *call != "fcntl");
        }
        assert!(calls.len() <= MOST, "{way:?}: {calls:?}");
        eprintln!("{way:?}: {} beyond socket, bind and listen: {calls:?}", calls.len());
    }
}
