//! The threads that sleep in a wait, and how to wake them.
//!
//! A thread that waits takes a place here, with an alarm of its own (an eventfd), and records what
//! it sleeps for. A thread that closes or shuts down a socket rings the alarm of each sleeper on
//! it. No lock is taken, so a forked child, in which the other threads don't exist, never finds one
//! held.
//!
//! The handshake: a sleeper first says that it sleeps, then looks once more whether it still has a
//! reason to. A waker first removes the reason, then looks who sleeps. Whatever the order, one of
//! the two sees the other.

use crate::segments::Segments;
use crate::sync::{AtomicBool, AtomicU32, AtomicUsize, Ordering, const_fn, fence};
use crate::sys::{self, OncePointer};

/// What wakes one thread. Ringing it needlessly does no harm.
pub(crate) trait Alarm: Sized {
    fn new() -> Option<Self>;
    fn ring(&self);
}

/// One sleeper's, while it is taken.
pub(crate) struct Place<A> {
    taken: AtomicBool,
    /// The process whose alarm this is (its fork generation): a forked child shares its
    /// parent's descriptors and must neither sleep on them nor use them up.
    process: AtomicU32,
    sleeps_for: AtomicUsize,
    alarm: OncePointer<Box<A>>,
}

impl<A> Default for Place<A> {
    fn default() -> Self {
        Self {
            taken: AtomicBool::new(false),
            process: AtomicU32::new(0),
            sleeps_for: AtomicUsize::new(0),
            alarm: OncePointer::new(),
        }
    }
}

impl<A> Place<A> {
    pub(crate) fn alarm(&self) -> &A {
        self.alarm.get().expect("a place that was taken has an alarm")
    }

    /// Says that the thread at this place sleeps for `reason` (not 0). Only look
    /// after this whether the reason still holds.
    pub(crate) fn fall_asleep(&self, reason: usize) {
        self.sleeps_for.store(reason, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    pub(crate) fn note_awake(&self) {
        self.sleeps_for.store(0, Ordering::Release);
    }

    pub(crate) fn leave(&self) {
        self.taken.store(false, Ordering::Release);
    }
}

pub(crate) struct Sleepers<A, const FIRST: usize = 16> {
    places: Segments<Place<A>, FIRST>,
    /// Places below this number have been taken at some time.
    touched: AtomicUsize,
}

impl<A: Alarm, const FIRST: usize> Sleepers<A, FIRST> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { places: Segments::new(), touched: AtomicUsize::new(0) }
        }
    }

    /// A place for the calling thread of this process. The search begins at `from`, which differs
    /// from thread to thread, so that they don't get in each other's way. `None`: no descriptor for
    /// an alarm, or no memory. An alarm stays open for the next taker of its place, so a ring that
    /// comes late never hits a descriptor of someone else.
    pub(crate) fn take_place(&self, process: u32, from: usize) -> Option<&Place<A>> {
        let touched = self.touched.load(Ordering::Acquire);
        (0..touched)
            .filter_map(|step| self.places.get((from % touched + step) % touched))
            .find(|place| place.process.load(Ordering::Acquire) == process && try_set(&place.taken))
            .or_else(|| self.touch_next(process))
    }

    /// Wakes all threads of this process that sleep for `reason`. Only call this after the reason
    /// has gone. (In a forked child the parent's alarms may be missing, and the numbers of their
    /// descriptors may belong to others.)
    pub(crate) fn ring(&self, process: u32, reason: usize) {
        fence(Ordering::SeqCst);
        for index in 0..self.touched.load(Ordering::Acquire) {
            let Some(place) = self.places.get(index) else {
                continue;
            };
            let is_meant = place.sleeps_for.load(Ordering::Acquire) == reason
                && place.process.load(Ordering::Acquire) == process;
            if let Some(alarm) = place.alarm.get().filter(|_| is_meant) {
                alarm.ring();
            }
        }
    }

    fn touch_next(&self, process: u32) -> Option<&Place<A>> {
        let alarm = sys::boxed(A::new()?).ok()?;
        let mut index = self.touched.load(Ordering::Relaxed);
        let place = loop {
            let place = self.places.grow_to(index)?;
            match self.touched.compare_exchange_weak(
                index,
                index + 1,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => break place,
                Err(now) => index = now,
            }
        };
        place.taken.store(true, Ordering::Relaxed);
        let _ = place.alarm.set(alarm);
        place.process.store(process, Ordering::Release);
        Some(place)
    }
}

fn try_set(flag: &AtomicBool) -> bool {
    !flag.load(Ordering::Relaxed)
        && flag.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
}
