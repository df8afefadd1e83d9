//! Refused clients that come without end: accept keeps its time, and can be ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::calls::*;
use crate::process::{asleep, in_child};
use support::*;

/// What a call that is to end at once, or soon, takes at most; on a slow machine too.
const SOON: Duration = Duration::from_secs(10);

/// A server that lets nobody of this process in.
fn closed_server(kind: u32, dir: &Dir) -> (Sock, String) {
    let path = dir.path("s");
    let server = open_server(kind, &path);
    assert_eq!(allow_uid(&server, Who::me().uid + 1), 0);
    (server, path)
}

/// Runs the body while clients come, as fast as they can, to be refused. The flood ends by
/// itself, after longer than any call may take: then a call that it held up fails.
fn flooded<T>(kind: u32, path: &str, body: impl FnOnce() -> T) -> T {
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let over = AtomicBool::new(false);
    let start = Instant::now();
    let flood = || {
        let options = udsock_connect_options { flags: UDSOCK_DONT_WAIT, ..connect_options() };
        while !over.load(Ordering::Relaxed) && start.elapsed() < 2 * SOON {
            // The queue may be full, and the server closed.
            drop(try_open_client(kind, path, Some(&options)));
        }
    };
    thread::scope(|scope| {
        let _over = Over(&over);
        for _ in 0..3 {
            scope.spawn(flood);
        }
        body()
    })
}

/// Until the flood has arrived.
fn wait_for_refusals(server: &Sock, count: i64) {
    let start = Instant::now();
    while refused(server) < count {
        assert!(start.elapsed() < SOON, "nobody comes");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_deadline_holds_under_a_flood() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, path) = closed_server(kind, &dir);
        flooded(kind, &path, || {
            for timeout_ms in [1, 50, 400] {
                let start = Instant::now();
                assert_eq!(server.accept(timeout_ms).map(drop), Err(no(libc::ETIMEDOUT)));
                assert!(start.elapsed() >= Duration::from_millis(timeout_ms as u64), "early");
                assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
            }
        });
        assert!(refused(&server) > 0);
    }
}

#[test]
fn not_waiting_ends_under_a_flood() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, path) = closed_server(kind, &dir);
        flooded(kind, &path, || {
            let mut calls = 0;
            while refused(&server) < 200 {
                let start = Instant::now();
                assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
                assert!(start.elapsed() < SOON, "{:?} in call {calls}", start.elapsed());
                calls += 1;
            }
        });
    }
}

#[test]
fn without_a_flood_not_waiting_refuses_all_that_are_there() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, path) = closed_server(kind, &dir);
        assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
        let clients: Vec<_> = (0..100).map(|_| open_client(kind, &path)).collect();
        assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
        assert_eq!(refused(&server), 100);
        for client in clients {
            assert_eq!(client.recv(0), Err(EOF));
        }
    }
}

#[test]
fn close_wakes_who_accepts_under_a_flood() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, path) = closed_server(kind, &dir);
        thread::scope(|scope| {
            let accept = || server.accept(FOREVER).map(drop);
            let acceptors = [asleep(scope, accept), asleep(scope, accept)];
            flooded(kind, &path, || {
                wait_for_refusals(&server, 50);
                let start = Instant::now();
                assert_eq!(server.close(), 0);
                for acceptor in acceptors {
                    assert_eq!(acceptor.join(), Err(CLOSED));
                }
                assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
            });
        });
        assert!(dir.list().is_empty());
    }
}

#[test]
fn a_signal_ends_accept_under_a_flood() {
    extern "C" fn nothing(_: i32) {}
    in_child(|| {
        // SAFETY: all zero is an action without flags, and the handler does nothing.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as extern "C" fn(i32) as usize;
            assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
        }
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = closed_server(kind, &dir);
            thread::scope(|scope| {
                let acceptor = asleep(scope, || server.accept(LONG).map(drop));
                flooded(kind, &path, || {
                    wait_for_refusals(&server, 50);
                    assert_eq!(acceptor.interrupt(libc::SIGUSR1), Err(no(libc::EINTR)));
                });
            });
        }
    });
}

#[test]
fn several_threads_refuse_each_client_once() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, path) = closed_server(kind, &dir);
        thread::scope(|scope| {
            let acceptors: Vec<_> =
                (0..4).map(|_| asleep(scope, || server.accept(LONG).map(drop))).collect();
            let clients: Vec<_> = (0..200).map(|_| open_client(kind, &path)).collect();
            clients.iter().for_each(sees_the_end);
            assert_eq!(refused(&server), 200);
            assert_eq!(server.close(), 0);
            for acceptor in acceptors {
                assert_eq!(acceptor.join(), Err(CLOSED));
            }
        });
    }
}

#[test]
fn refusing_leaks_no_descriptors() {
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = closed_server(kind, &dir);
            let before = open_descriptors();
            for _ in 0..200 {
                let client = open_client(kind, &path);
                assert_eq!(accept_from(&server, 0).map(drop), Err(no(libc::EAGAIN)));
                drop(client);
            }
            assert_eq!(open_descriptors(), before);
        }
    });
}
