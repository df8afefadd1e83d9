//! Many pollers that share a server, one a thread.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::calls::*;
use crate::processes::{fork, in_own_process};
use crate::threads::{Sleeper, asleep};
use support::sleeping::is_asleep;
use support::*;

const POLLERS: usize = 4;

/// Serves until it is told to end: echoes, closes, and counts who came in.
fn serve(poller: &Poller, over: &AtomicBool, served: &Mutex<Vec<udsock_t>>) {
    while !over.load(Ordering::Relaxed) {
        for event in poller.wait(LONG).expect("it is woken in the end") {
            let socket = event.socket;
            match event.kind {
                UDSOCK_EVENT_ACCEPTED => served.lock().unwrap().push(socket),
                UDSOCK_EVENT_RECEIVED => {
                    let answer = Item { socket, data: &event.data, to: "", flags: 0 };
                    assert_eq!(poller.send(&[answer]).0, 1);
                }
                UDSOCK_EVENT_ENDED => assert_eq!(udsock_close(socket), 0),
                _ => panic!("{event:?}"),
            }
        }
    }
}

#[test]
fn every_connection_goes_to_exactly_one() {
    let clients = repeat("UDSOCK_POLLER_SHARE_COUNT", 200) as usize;
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let path = dir.path("s");
        let server = open_server(kind, &path);
        let pollers: Vec<_> = (0..POLLERS).map(|_| Poller::new()).collect();
        for (number, poller) in pollers.iter().enumerate() {
            assert_eq!(poller.add(&server, number as u64), 0);
        }
        let over = AtomicBool::new(false);
        let served: Vec<_> = pollers.iter().map(|_| Mutex::new(Vec::new())).collect();
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for (poller, served) in pollers.iter().zip(&served) {
                scope.spawn(|| serve(poller, &over, served));
            }
            let load: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        while next.fetch_add(1, Ordering::Relaxed) < clients {
                            let client = open_client(kind, &path);
                            for _ in 0..3 {
                                assert_eq!(client.send(b"echo", LONG), 4);
                                assert_eq!(client.recv(LONG).as_deref(), Ok(&b"echo"[..]));
                            }
                        }
                    })
                })
                .collect();
            let results: Vec<_> = load.into_iter().map(|thread| thread.join()).collect();
            over.store(true, Ordering::Relaxed);
            pollers.iter().for_each(|poller| assert_eq!(poller.wake(), 0));
            assert!(results.iter().all(Result::is_ok));
        });
        let all: Vec<_> = served.iter().flat_map(|one| one.lock().unwrap().clone()).collect();
        assert_eq!(all.len(), clients, "kind {kind}");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), clients);
    }
}

/// How often a thread has gone to sleep.
fn naps(thread: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.expect("the kernel counts them").trim().parse().expect("a number")
}

#[test]
fn one_of_those_that_wait_is_woken_for_a_connection() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let path = dir.path("s");
        let server = open_server(kind, &path);
        let pollers: Vec<_> = (0..POLLERS).map(|_| Poller::new()).collect();
        for poller in &pollers {
            assert_eq!(poller.add(&server, 1), 0);
        }
        thread::scope(|scope| {
            let wait = |poller| move || Poller::wait(poller, LONG).expect("it is woken");
            let waiters: Vec<_> =
                pollers.iter().map(|poller| asleep(scope, wait(poller))).collect();
            let before: Vec<_> = waiters.iter().map(|waiter| naps(waiter.id())).collect();
            let _client = open_client(kind, &path);
            while !waiters.iter().any(Sleeper::is_finished) {
                thread::sleep(Duration::from_millis(1));
            }
            // Who was woken in vain would be asleep again.
            thread::sleep(Duration::from_millis(20));
            let is_asleep = |(waiter, before): &(&Sleeper<'_, _>, &u64)| {
                !waiter.is_finished() && naps(waiter.id()) == **before
            };
            let undisturbed = waiters.iter().zip(&before).filter(is_asleep).count();
            pollers.iter().for_each(|poller| assert_eq!(poller.wake(), 0));
            for event in waiters.into_iter().flat_map(Sleeper::join) {
                drop(Sock(event.socket));
            }
            assert_eq!(undisturbed, POLLERS - 1, "kind {kind}");
        });
    }
}

#[test]
fn one_of_the_processes_that_wait_is_woken_for_a_connection() {
    in_own_process("shared::one_of_the_processes_that_wait_is_woken_for_a_connection", || {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            let worker = || {
                let poller = Poller::new();
                assert_eq!(poller.add(&server, 1), 0);
                assert_eq!(poller.next().kind, UDSOCK_EVENT_ACCEPTED);
            };
            let mut workers: Vec<_> = (0..POLLERS).map(|_| fork(worker)).collect();
            // All of them wait.
            let start = Instant::now();
            while workers.iter().any(|worker| !is_asleep(worker.id())) {
                assert!(start.elapsed() < Duration::from_secs(10));
                thread::sleep(Duration::from_millis(1));
            }
            let before: Vec<_> = workers.iter().map(|worker| naps(worker.id())).collect();
            let _client = open_client(kind, &path);
            let served = loop {
                if let Some(served) = workers.iter_mut().position(|one| one.try_wait().is_some()) {
                    break served;
                }
                thread::sleep(Duration::from_millis(1));
            };
            thread::sleep(Duration::from_millis(20));
            for (number, worker) in workers.iter().enumerate().filter(|(one, _)| *one != served) {
                assert_eq!(naps(worker.id()), before[number], "kind {kind}");
            }
        }
    });
}

#[test]
fn one_that_leaves_the_server_alone_leaves_it_to_the_others() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let path = dir.path("s");
        let server = open_server(kind, &path);
        let (one, two, three) = (Poller::new(), Poller::new(), Poller::new());
        assert_eq!([&one, &two, &three].map(|poller| poller.add(&server, 1)), [0; 3]);
        assert_eq!(one.remove(&server), 0);
        assert_eq!(two.close(), 0);
        let _client = open_client(kind, &path);
        one.is_quiet();
        let event = three.next();
        assert_eq!(event.kind, UDSOCK_EVENT_ACCEPTED);
        let connection = Sock(event.socket);
        is(one.add(&connection, 2), libc::EBUSY);
        assert_eq!(one.add(&server, 2), 0);
        assert_eq!(server.close(), 0);
        is(one.remove(&server), libc::EBADF);
        [&one, &three].into_iter().for_each(Poller::is_quiet);
    }
}
