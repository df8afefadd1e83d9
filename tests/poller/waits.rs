//! How long a wait takes, and what interrupts it.

use std::thread;
use std::time::{Duration, Instant};

use crate::calls::*;
use crate::process::processor_time;
use crate::threads::asleep;
use support::*;

#[test]
fn a_wait_that_is_not_to_wait_says_that_nothing_has_happened() {
    let poller = Poller::new();
    assert_eq!(poller.wait(0), Ok(vec![]));
    for kind in KINDS {
        let (poller, ..) = member(kind, 1);
        assert_eq!(poller.wait(0), Ok(vec![]));
    }
}

#[test]
fn a_timeout_is_never_early() {
    for kind in KINDS {
        let (poller, ..) = member(kind, 1);
        for timeout_ms in [1, 2, 5, 33, 100] {
            let start = Instant::now();
            is(poller.wait(timeout_ms).unwrap_err(), libc::ETIMEDOUT);
            assert!(start.elapsed() >= Duration::from_millis(timeout_ms as u64), "early");
        }
    }
}

#[test]
fn a_deadline_holds_while_things_happen_that_are_no_events() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let server = serving(&poller, kind, &path, 1);
        // Nobody gets in, and each one wakes the poller.
        // SAFETY: no pointers.
        assert_eq!(udsock_allow_uid(server.0, unsafe { libc::geteuid() } + 1), 0);
        let start = Instant::now();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| (poller.wait(100), start.elapsed()));
            while !waiter.is_finished() {
                assert!(start.elapsed() < Duration::from_secs(15), "the wait goes on for ever");
                drop(open_client(kind, &path));
            }
            let (result, elapsed) = waiter.join().unwrap();
            is(result.unwrap_err(), libc::ETIMEDOUT);
            assert!(elapsed >= Duration::from_millis(100), "early");
        });
    }
}

#[test]
fn an_event_ends_the_wait() {
    for kind in KINDS {
        let (poller, _socket, peer) = member(kind, 1);
        for timeout_ms in [FOREVER, LONG] {
            thread::scope(|scope| {
                let waiter = asleep(scope, || poller.wait(timeout_ms));
                assert_eq!(peer.send(b"data", 0), 4);
                assert_eq!(waiter.join().unwrap()[0].data, b"data");
            });
        }
    }
}

#[test]
fn a_socket_can_be_added_while_another_thread_waits() {
    for kind in KINDS {
        let (poller, (socket, peer)) = (Poller::new(), pair(kind));
        thread::scope(|scope| {
            let waiter = asleep(scope, || poller.wait(LONG));
            assert_eq!(peer.send(b"data", 0), 4);
            assert_eq!(poller.add(&socket, 1), 0);
            assert_eq!(waiter.join().unwrap()[0].data, b"data");
        });
    }
}

/// Lets a signal interrupt system calls.
fn catch(signal: i32) {
    extern "C" fn nothing(_: i32) {}
    let handler: extern "C" fn(i32) = nothing;
    // SAFETY: a handler that does nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

#[test]
fn a_signal_ends_a_wait_and_nothing_is_lost() {
    catch(libc::SIGUSR1);
    for kind in KINDS {
        let (poller, _socket, peer) = member(kind, 1);
        for timeout_ms in [FOREVER, LONG] {
            thread::scope(|scope| {
                let waiter = asleep(scope, || poller.wait(timeout_ms));
                is(waiter.interrupt(libc::SIGUSR1).unwrap_err(), libc::EINTR);
            });
        }
        assert_eq!(peer.send(b"data", 0), 4);
        assert_eq!(poller.next().data, b"data");
    }
}

#[test]
fn under_a_hail_of_signals_all_arrives() {
    catch(libc::SIGUSR1);
    for kind in KINDS {
        let (poller, _socket, peer) = member(kind, 1);
        let count = 2000_u32;
        thread::scope(|scope| {
            let receiver = asleep(scope, || {
                let mut came = Vec::new();
                while came.len() < 4 * count as usize {
                    match poller.wait_in(Room(3, 10), LONG) {
                        Ok(events) => came.extend(events.into_iter().flat_map(|event| event.data)),
                        Err(code) => is(code, libc::EINTR),
                    }
                }
                came
            });
            scope.spawn(|| {
                for number in 0..count {
                    assert_eq!(peer.send(&number.to_le_bytes(), LONG), 4);
                }
            });
            let came = receiver.interrupt(libc::SIGUSR1);
            assert!(came.chunks(4).eq((0..count).map(u32::to_le_bytes)), "kind {kind}");
        });
    }
}

#[test]
fn two_threads_in_one_poller_each_get_other_events() {
    for kind in KINDS {
        let poller = Poller::new();
        let pairs: Vec<_> = (0..8).map(|_| pair(kind)).collect();
        for (number, (socket, _)) in pairs.iter().enumerate() {
            assert_eq!(poller.add(socket, number as u64), 0);
        }
        let count = 300_u32;
        let mut came = thread::scope(|scope| {
            let work = || {
                let mut mine = Vec::new();
                loop {
                    match poller.wait_in(Room(5, 4 * 5), LONG) {
                        Ok(events) if events.is_empty() => return mine,
                        Ok(events) => mine.extend(events.into_iter().flat_map(|event| {
                            let numbers = event.data.chunks(4).map(<[u8]>::to_vec);
                            numbers.map(|number| (event.token, number)).collect::<Vec<_>>()
                        })),
                        Err(code) => panic!("{}", name_of(code)),
                    }
                }
            };
            let workers = [scope.spawn(work), scope.spawn(work)];
            for number in 0..count {
                for (_, peer) in &pairs {
                    assert_eq!(peer.send(&number.to_le_bytes(), LONG), 4);
                }
            }
            let all_read = || {
                let waiting =
                    |(socket, _): &(Sock, Sock)| socket.option(UDSOCK_OPTION_READABLE_BYTES) > 0;
                !pairs.iter().any(waiting)
            };
            while !all_read() {
                thread::sleep(Duration::from_millis(1));
            }
            // Each of them ends with one wake-up; whoever has gone takes no other.
            let mut workers = Vec::from(workers);
            let mut came = Vec::new();
            while !workers.is_empty() {
                assert_eq!(poller.wake(), 0);
                thread::sleep(Duration::from_millis(1));
                let (done, rest) = workers.into_iter().partition(|worker| worker.is_finished());
                workers = rest;
                let done: Vec<thread::ScopedJoinHandle<_>> = done;
                came.extend(done.into_iter().flat_map(|worker| worker.join().unwrap()));
            }
            came
        });
        // A last one may have been held back for want of room.
        while let Ok(events) = poller.wait(10) {
            came.extend(events.into_iter().map(|event| (event.token, event.data)));
        }
        came.sort_by_key(|(token, number)| {
            (*token, u32::from_le_bytes(number[..].try_into().expect("whole numbers")))
        });
        let due =
            (0..8).flat_map(|token| (0..count).map(move |n| (token, n.to_le_bytes().to_vec())));
        assert!(came.into_iter().eq(due), "kind {kind}");
    }
}

#[test]
fn waiting_costs_nothing() {
    let (dir, poller) = (Dir::new(), Poller::new());
    let _server = serving(&poller, UDSOCK_STREAM, &dir.path("s"), 1);
    let members: Vec<_> = KINDS.map(pair).into();
    members.iter().for_each(|(socket, _)| assert_eq!(poller.add(socket, 1), 0));
    let before = processor_time();
    is(poller.wait(300).unwrap_err(), libc::ETIMEDOUT);
    assert!(processor_time() - before < Duration::from_millis(150), "it spins");
}
