//! Waking.

use std::thread;
use std::time::Duration;

use crate::calls::*;
use crate::threads::asleep;
use support::*;

#[test]
fn a_wake_ends_the_wait_that_is_under_way() {
    for timeout_ms in [FOREVER, LONG] {
        let (poller, ..) = member(UDSOCK_STREAM, 1);
        thread::scope(|scope| {
            let waiter = asleep(scope, || poller.wait(timeout_ms));
            assert_eq!(poller.wake(), 0);
            assert_eq!(waiter.join(), Ok(vec![]));
        });
        is(poller.wait(20).unwrap_err(), libc::ETIMEDOUT);
    }
}

#[test]
fn a_wake_before_the_wait_is_kept_and_many_count_once() {
    for count in [1, 2, 1000] {
        let (poller, ..) = member(UDSOCK_STREAM, 1);
        (0..count).for_each(|_| assert_eq!(poller.wake(), 0));
        assert_eq!(poller.wait(FOREVER), Ok(vec![]));
        is(poller.wait(20).unwrap_err(), libc::ETIMEDOUT);
    }
}

#[test]
fn a_wait_that_does_not_wait_uses_the_wake_up_too() {
    let (poller, ..) = member(UDSOCK_STREAM, 1);
    assert_eq!(poller.wake(), 0);
    assert_eq!(poller.wait(0), Ok(vec![]));
    is(poller.wait(20).unwrap_err(), libc::ETIMEDOUT);
}

#[test]
fn what_has_happened_is_told_all_the_same() {
    for kind in KINDS {
        let (poller, _socket, peer) = member(kind, 1);
        assert_eq!((peer.send(b"data", 0), poller.wake()), (4, 0));
        let mut events = poller.wait(FOREVER).unwrap();
        if events.is_empty() {
            events = poller.wait(FOREVER).unwrap();
        }
        assert_eq!(events[0].data, b"data");
    }
}

#[test]
fn with_room_for_one_event_neither_is_lost() {
    for kind in KINDS {
        let (poller, _socket, peer) = member(kind, 1);
        assert_eq!((peer.send(b"data", 0), poller.wake()), (4, 0));
        let (mut data, mut wakes) = (0, 0);
        while let Ok(events) = poller.wait_in(Room(1, 64), 20) {
            *(if events.is_empty() { &mut wakes } else { &mut data }) += 1;
        }
        assert!(data == 1 && wakes <= 1, "kind {kind}: {data} and {wakes}");
    }
}

#[test]
fn from_any_thread_and_none_is_lost() {
    let poller = Poller::new();
    let rounds = repeat("UDSOCK_POLLER_WAKE_COUNT", 200);
    for _ in 0..rounds {
        thread::scope(|scope| {
            let waiter = scope.spawn(|| poller.wait(FOREVER));
            let wakers: Vec<_> = (0..8).map(|_| scope.spawn(|| poller.wake())).collect();
            assert!(wakers.into_iter().all(|waker| waker.join().unwrap() == 0));
            // It would wait for ever.
            assert_eq!(waiter.join().unwrap(), Ok(vec![]));
        });
        // Those that came after it had ended are the next one's.
        assert_eq!(poller.wait(0), Ok(vec![]));
    }
    is(poller.wait(20).unwrap_err(), libc::ETIMEDOUT);
}

#[test]
fn of_two_that_wait_one_is_woken() {
    let poller = Poller::new();
    for _ in 0..20 {
        thread::scope(|scope| {
            let waiters =
                [asleep(scope, || poller.wait(LONG)), asleep(scope, || poller.wait(LONG))];
            assert_eq!(poller.wake(), 0);
            while !waiters.iter().any(|waiter| waiter.is_finished()) {
                thread::sleep(Duration::from_micros(100));
            }
            thread::sleep(Duration::from_millis(2));
            let ended = waiters.iter().filter(|waiter| waiter.is_finished()).count();
            assert_eq!(poller.wake(), 0);
            assert!(waiters.into_iter().all(|waiter| waiter.join() == Ok(vec![])));
            assert_eq!(ended, 1, "one wake-up, one wait");
        });
    }
}
