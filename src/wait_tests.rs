//! Tests of `wait`.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::spin::Spin;
use crate::sys;
use crate::wait::{Readiness, Timeout, Wait};

fn wait(timeout: Timeout, readiness: Readiness, interrupt: &Interrupt) -> Result<()> {
    let [socket, _peer] = sys::socketpair(libc::SOCK_STREAM)?;
    Wait::new(timeout)
        .until(socket.as_fd(), interrupt, &Spin::default(), readiness, |_| Err(Error::EAGAIN))
}

#[test]
fn never_ends_early() {
    for readiness in [Readiness::Readable, Readiness::Writable, Readiness::Unpollable] {
        let start = Instant::now();
        let result = wait(Timeout::Milliseconds(30), readiness, &Interrupt::default());
        assert_eq!(result, Err(Error::ETIMEDOUT));
        assert!(start.elapsed() >= Duration::from_millis(30), "{readiness:?}");
    }
}

#[test]
fn does_not_wait_at_all_if_told_so() {
    let result = wait(Timeout::Milliseconds(0), Readiness::Readable, &Interrupt::default());
    assert_eq!(result, Err(Error::EAGAIN));
}

#[test]
fn readiness_that_leads_nowhere_costs_no_busy_loop() {
    let [socket, _peer] = sys::socketpair(libc::SOCK_STREAM).unwrap();
    let mut attempts = 0;
    let result: Result<()> = Wait::new(Timeout::Milliseconds(200)).until(
        socket.as_fd(),
        &Interrupt::default(),
        &Spin::default(),
        Readiness::Writable,
        |_| {
            attempts += 1;
            Err(Error::EAGAIN)
        },
    );
    assert_eq!(result, Err(Error::ETIMEDOUT));
    assert!(attempts < 60, "{attempts}");
}

#[test]
fn a_closed_socket_is_not_waited_for() {
    let interrupt = Interrupt::default();
    interrupt.close();
    assert_eq!(wait(Timeout::Forever, Readiness::Readable, &interrupt), Err(Error::Closed));
}

#[test]
fn a_wake_up_between_an_attempt_and_the_sleep_is_not_lost() {
    let [socket, _peer] = sys::socketpair(libc::SOCK_STREAM).unwrap();
    let interrupt = Interrupt::default();
    let mut woken = false;
    let result = Wait::new(Timeout::Milliseconds(20_000)).until(
        socket.as_fd(),
        &interrupt,
        &Spin::default(),
        Readiness::Readable,
        |_| {
            if std::mem::replace(&mut woken, true) {
                return Ok(());
            }
            interrupt.wake();
            Err(Error::EAGAIN)
        },
    );
    assert_eq!(result, Ok(()));
}

/// How often it slept, tried with success and in vain.
fn waits(spin: &Spin) -> Option<[u64; 3]> {
    let rare = spin.rare().get()?;
    Some(rare.waits.each_ref().map(|count| count.load(Ordering::Relaxed)))
}

#[test]
fn who_found_nothing_at_first_again_and_again_gives_way_or_sleeps_first() {
    let [socket, peer] = sys::socketpair(libc::SOCK_STREAM).unwrap();
    // So that no sleep is long.
    let message = sys::Buffer::from_raw(c"1".as_ptr().cast_mut().cast(), 1);
    assert_eq!(sys::send(peer.as_fd(), &[message], None), Ok(1));
    let (interrupt, spin) = (Interrupt::default(), Spin::default());
    let wait = |mut finds_nothing: bool| {
        spin.note_sent();
        let mut wait = Wait::new(Timeout::Milliseconds(20_000));
        let result = wait.until(socket.as_fd(), &interrupt, &spin, Readiness::Readable, |_| {
            match std::mem::take(&mut finds_nothing) {
                true => Err(Error::EAGAIN),
                false => Ok(()),
            }
        });
        assert_eq!(result, Ok(()));
    };
    for _ in 0..100 {
        if spin.expects_nothing() {
            break;
        }
        wait(true);
    }
    assert!(spin.expects_nothing());
    let before = waits(&spin);
    wait(false);
    assert_ne!(waits(&spin), before, "it began with the attempt");
    // Whoever finds something at once stops that.
    spin.note_found();
    let before = waits(&spin);
    wait(false);
    assert_eq!(waits(&spin), before);
}

#[test]
fn closing_wakes_every_sleeper() {
    for readiness in [Readiness::Readable, Readiness::Unpollable] {
        let interrupt = Interrupt::default();
        std::thread::scope(|scope| {
            let sleepers: Vec<_> = (0..20)
                .map(|_| scope.spawn(|| wait(Timeout::Forever, readiness, &interrupt)))
                .collect();
            std::thread::sleep(Duration::from_millis(20));
            interrupt.close();
            for sleeper in sleepers {
                assert_eq!(sleeper.join().unwrap(), Err(Error::Closed));
            }
        });
    }
}
