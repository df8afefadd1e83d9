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

/// So many messages, each a while after the one before; nothing is sent back.
fn receive_many(socket: &Sock, peer: Sock, count: usize) {
    let sender = thread::spawn(move || {
        for _ in 0..count {
            thread::sleep(Duration::from_millis(3));
            assert_eq!(peer.send(b"late", 0), 4);
        }
        peer
    });
    // On a busy machine a stream brings two at once.
    let mut missing = count * b"late".len();
    while missing > 0 {
        missing -= socket.recv(FOREVER).expect("a message").len();
    }
    drop(sender.join().unwrap());
}

fn count(log: &str, call: &str) -> usize {
    log.lines().filter(|line| line.contains(call)).count()
}

#[test]
fn who_has_slept_again_and_again_begins_with_the_sleep() {
    const TEST: &str = "who_has_slept_again_and_again_begins_with_the_sleep";
    const COUNT: usize = 64;
    let log = traced::log_of(TEST, || {
        let (socket, peer) = pair(UDSOCK_STREAM);
        receive_many(&socket, peer, COUNT);
    });
    if let Some(log) = log {
        let attempts = count(&log, "recvfrom(");
        // Without that it would be two for each; one in 16 is tried before.
        assert!(attempts > 0 && attempts < COUNT + COUNT / 4, "{attempts}");
    }
}

#[test]
fn who_sends_nothing_neither_spins_nor_gives_way() {
    const TEST: &str = "who_sends_nothing_neither_spins_nor_gives_way";
    let log = traced::log_of(TEST, || {
        for kind in KINDS {
            let (socket, peer) = pair(kind);
            receive_many(&socket, peer, 20);
        }
    });
    if let Some(log) = log {
        let attempts = count(&log, "recvfrom(") + count(&log, "recvmsg(");
        assert!(attempts <= 3 * 2 * 20, "{attempts}");
        assert_eq!(count(&log, "sched_yield("), 0);
    }
}

#[test]
fn who_waits_for_an_answer_gives_way() {
    const TEST: &str = "who_waits_for_an_answer_gives_way";
    let log = traced::log_of(TEST, || {
        let (socket, peer) = pair(UDSOCK_STREAM);
        // So that no wait is long.
        assert_eq!(set(&socket, A_SECOND), 0);
        let answerer = thread::spawn(move || {
            assert_eq!(peer.recv(FOREVER).as_deref(), Ok(&b"question"[..]));
            assert_eq!(peer.send(b"answer", 0), 6);
            peer
        });
        assert_eq!(socket.send(b"question", 0), 8);
        assert_eq!(socket.recv(FOREVER).as_deref(), Ok(&b"answer"[..]));
        drop(answerer.join().unwrap());
    });
    if let Some(log) = log {
        let calls = [count(&log, "sched_yield("), count(&log, "recvfrom(")];
        assert!(calls[0] >= 1 || calls[1] <= 2, "it was there at once, or: {calls:?}");
    }
}
