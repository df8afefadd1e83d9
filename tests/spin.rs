//! Waits that try for a moment before they sleep: what can be set, and what the kernel sees.

use support::traced;
use support::*;

use std::thread;
use std::time::Duration;

const A_SECOND: i64 = 1_000_000;

fn set(socket: &Sock, microseconds: i64) -> i32 {
    udsock_set_option(socket.0, UDSOCK_OPTION_SPIN_US, microseconds)
}

#[test]
fn it_can_be_set_and_turned_off() {
    for kind in KINDS {
        let (socket, _peer) = pair(kind);
        let default = socket.option(UDSOCK_OPTION_SPIN_US);
        assert!(default == 50 || default == 0, "with one processor there is none: {default}");
        for microseconds in [0, 1, 50, A_SECOND] {
            assert_eq!(set(&socket, microseconds), 0);
            assert_eq!(socket.option(UDSOCK_OPTION_SPIN_US), microseconds);
        }
        for wrong in [-1, A_SECOND + 1, i64::MIN, i64::MAX] {
            assert_eq!(set(&socket, wrong), -libc::EINVAL, "{wrong}");
        }
        assert_eq!(socket.option(UDSOCK_OPTION_SPIN_US), A_SECOND, "as it was");
    }
}

#[test]
fn connections_have_it_from_their_server() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let server = open_server(kind, &dir.path("s"));
        assert_eq!(set(&server, 7), 0);
        let _client = open_client(kind, &dir.path("s"));
        let peer = server.accept(5_000).unwrap();
        assert_eq!(peer.option(UDSOCK_OPTION_SPIN_US), 7);
    }
}

/// A receive that nothing comes for, with this spin: how often the kernel was asked.
fn attempts(test: &str, microseconds: i64) -> Option<usize> {
    let log = traced::log_of(test, || {
        let (socket, peer) = pair(UDSOCK_STREAM);
        assert_eq!(set(&socket, microseconds), 0);
        let sender = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            assert_eq!(peer.send(b"late", 0), 4);
            peer
        });
        assert_eq!(socket.recv(FOREVER).as_deref(), Ok(&b"late"[..]));
        drop(sender.join().unwrap());
    })?;
    Some(log.lines().filter(|line| line.contains("recvfrom(")).count())
}

#[test]
fn without_it_a_wait_is_one_attempt_and_another_one_after_the_sleep() {
    const TEST: &str = "without_it_a_wait_is_one_attempt_and_another_one_after_the_sleep";
    if let Some(attempts) = attempts(TEST, 0) {
        assert_eq!(attempts, 2);
    }
}

#[test]
fn with_it_a_wait_tries_again_and_again() {
    const TEST: &str = "with_it_a_wait_tries_again_and_again";
    if let Some(attempts) = attempts(TEST, A_SECOND) {
        assert!(attempts > 10, "{attempts}");
    }
}
