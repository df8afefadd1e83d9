//! Servers that make their file long before they can be reached: UDSOCK_RETRY waits for them.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::process::{in_child, is_root, without_rights};
use crate::raw;
use support::*;

const GAP: Duration = Duration::from_millis(300);
/// Against a hang only.
const LONG: i32 = 60_000;

fn retry(timeout_ms: i32) -> udsock_connect_options {
    udsock_connect_options { flags: UDSOCK_RETRY, timeout_ms, ..connect_options() }
}

/// For an event loop, which makes the pauses.
fn one_attempt() -> udsock_connect_options {
    udsock_connect_options { flags: UDSOCK_RETRY | UDSOCK_DONT_WAIT, ..connect_options() }
}

fn set_mode(path: &str, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is our file");
}

/// Bound, closed to others, and listening or not.
fn narrow_server(path: &str, mode: u32) -> OwnedFd {
    let server = raw::socket(UDSOCK_STREAM);
    assert_eq!(raw::bind(&server, path), 0);
    set_mode(path, mode);
    server
}

/// Without this root, who is let in everywhere, would see nothing.
fn as_stranger(test: &str, body: impl FnOnce(&Dir)) {
    if !is_root() {
        return skip(test, "only root can be another user");
    }
    in_child(|| {
        let dir = Dir::new();
        set_mode(&dir.path(""), 0o777);
        body(&dir);
    });
}

/// nginx, PostgreSQL, uvicorn, dbus-daemon, clamd, Twisted, mpd, PulseAudio.
#[test]
fn a_file_that_is_opened_to_others_after_it_was_made() {
    let test = "a_file_that_is_opened_to_others_after_it_was_made";
    as_stranger(test, |dir| {
        let path = dir.path("s");
        thread::scope(|scope| {
            let server = scope.spawn(|| {
                sleep(GAP);
                let server = narrow_server(&path, 0o755);
                assert_eq!(raw::listen(&server, 5), 0);
                sleep(GAP);
                set_mode(&path, 0o777);
                raw::accepted(&server)
            });
            // In a process of its own: users are a process's.
            let status = crate::process::in_fork(|| {
                without_rights(|| try_open_client(UDSOCK_STREAM, &path, Some(&retry(LONG))).is_ok())
            });
            assert_eq!(status, 0, "it did not wait for the chmod");
            drop(server.join().unwrap());
        });
    });
}

#[test]
fn a_file_that_stays_closed_is_told_soon_and_not_after_the_whole_timeout() {
    let test = "a_file_that_stays_closed_is_told_soon_and_not_after_the_whole_timeout";
    as_stranger(test, |dir| {
        let path = dir.path("s");
        let server = narrow_server(&path, 0o755);
        assert_eq!(raw::listen(&server, 5), 0);
        let status = crate::process::in_fork(|| {
            without_rights(|| {
                let start = Instant::now();
                let refusal = try_open_client(UDSOCK_STREAM, &path, Some(&retry(LONG)));
                let refusal = refusal.expect_err("it is closed");
                assert_eq!(refusal.code, no(libc::EACCES), "{refusal:?}");
                assert!(start.elapsed() >= Duration::from_secs(1), "a moment is given");
                assert!(start.elapsed() < Duration::from_secs(20), "and no more");

                // Who has less time than that is told that it has run out, and what of.
                let refusal = try_open_client(UDSOCK_STREAM, &path, Some(&retry(50)));
                let refusal = refusal.expect_err("it is closed");
                assert_eq!(refusal.code, no(libc::ETIMEDOUT), "{refusal:?}");
                assert!(refusal.message.ends_with("Permission denied"), "{refusal:?}");

                // Who asks again and again without waiting, after the same moment.
                let client = create(UDSOCK_STREAM);
                let begin = Instant::now();
                let attempt = || client.connect(&path, Some(&one_attempt())).expect_err("closed");
                let mut refusal = attempt();
                assert_eq!(refusal.code, no(libc::EAGAIN), "{refusal:?}");
                assert!(refusal.message.ends_with("not yet: Permission denied"), "{refusal:?}");
                while refusal.code == no(libc::EAGAIN) {
                    sleep(Duration::from_millis(10));
                    refusal = attempt();
                }
                assert_eq!(refusal.code, no(libc::EACCES), "{refusal:?}");
                assert!(begin.elapsed() >= Duration::from_secs(1), "a moment is given");

                // And who does not ask for patience, at once.
                let refusal = try_open_client(UDSOCK_STREAM, &path, None).expect_err("closed");
                assert_eq!(refusal.code, no(libc::EACCES), "{refusal:?}");
                true
            })
        });
        assert_eq!(status, 0);
    });
}

/// A datagram receiver that is connected to another socket (EPERM), until it no longer is.
#[test]
fn a_receiver_that_is_not_ready_for_all() {
    let dir = Dir::new();
    let (path, other) = (dir.path("s"), dir.path("other"));
    let _other = open_datagram(Some(&other));
    let receiver = open_datagram(Some(&path));
    receiver.connect(&other, None).unwrap();
    let refusal = try_open_client(UDSOCK_DGRAM, &path, None).expect_err("it hears one only");
    assert_eq!(refusal.code, no(libc::EPERM));
    thread::scope(|scope| {
        let client = scope.spawn(|| try_open_client(UDSOCK_DGRAM, &path, Some(&retry(LONG))));
        sleep(GAP);
        assert_eq!(receiver.close(), 0);
        let _receiver = open_datagram(Some(&path));
        assert!(client.join().unwrap().is_ok());
    });
}

/// hypercorn, uvicorn's workers, varnishd: the file is there for seconds before anybody listens.
#[test]
fn a_file_that_is_there_long_before_anybody_listens() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = raw::socket(UDSOCK_STREAM);
    assert_eq!(raw::bind(&server, &path), 0);
    thread::scope(|scope| {
        let client = scope.spawn(|| try_open_client(UDSOCK_STREAM, &path, Some(&retry(LONG))));
        // Longer than the moment that a refusal is given.
        sleep(4 * GAP);
        assert!(!client.is_finished());
        assert_eq!(raw::listen(&server, 5), 0);
        assert!(client.join().unwrap().is_ok());
    });
}

/// The moment is a start's: each has its own.
#[test]
fn several_starts_one_after_the_other() {
    as_stranger("several_starts_one_after_the_other", |dir| {
        let path = dir.path("s");
        thread::scope(|scope| {
            let server = scope.spawn(|| {
                for _ in 0..3 {
                    let server = narrow_server(&path, 0o700);
                    assert_eq!(raw::listen(&server, 5), 0);
                    sleep(2 * GAP);
                    fs::remove_file(&path).unwrap();
                    sleep(GAP);
                }
                let server = narrow_server(&path, 0o777);
                assert_eq!(raw::listen(&server, 5), 0);
                raw::accepted(&server)
            });
            let status = crate::process::in_fork(|| {
                without_rights(|| try_open_client(UDSOCK_STREAM, &path, Some(&retry(LONG))).is_ok())
            });
            assert_eq!(status, 0, "it lost patience over several starts");
            drop(server.join().unwrap());
        });
    });
}
