//! Ending the waits on a socket from another thread, and the sleep that can be ended in this way.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::log::{self, Event, Note};
use crate::sleepers::{Alarm, Place, Sleepers};
use crate::sys;

/// Lets other threads end the waits on one socket.
///
/// The state changes with every reason to look again; a sleeper that finds it changed
/// since its last attempt does not fall asleep.
#[derive(Default)]
pub(crate) struct Interrupt {
    state: AtomicU32,
}

/// The lowest bit of an interrupt's state; above it the wake-ups are counted.
const CLOSED: u32 = 1;
const WAKE: u32 = 2;

/// How often a sleeper without an alarm looks up: no descriptor or memory was left for one.
const LOOK_UP: Duration = Duration::from_millis(5);

impl Interrupt {
    /// Every wait ends with [`Error::Closed`], now and from now on.
    pub(crate) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::Release);
        self.ring();
    }

    /// Every wait ends, for another attempt.
    pub(crate) fn wake(&self) {
        self.state.fetch_add(WAKE, Ordering::Release);
        self.ring();
    }

    fn ring(&self) {
        SLEEPERS.ring(sys::fork_generation(), self.key());
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state() & CLOSED != 0
    }

    fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The `before` of [`Interrupt::sleep`], to be read before the last attempt.
    #[inline(always)]
    pub(crate) fn state(&self) -> u32 {
        self.state.load(Ordering::Acquire)
    }

    /// Sleeps until something happens to the descriptor, the state is no longer what it was before,
    /// a signal comes (EINTR) or the time is over.
    pub(crate) fn sleep(
        &self,
        before: u32,
        fd: Option<BorrowedFd<'_>>,
        events: i16,
        time: Option<Duration>,
    ) -> Result<i16> {
        let sleeper = Sleeper::find();
        if let Some(Sleeper(place)) = sleeper {
            place.fall_asleep(self.key());
        }
        let now = self.state();
        let woken = if now != before || now & CLOSED != 0 {
            Ok([0; 2])
        } else {
            let alarm = sleeper.as_ref().map(Sleeper::alarm);
            let time = match (&alarm, time) {
                (Some(_), time) => time,
                (None, time) => Some(time.unwrap_or(LOOK_UP).min(LOOK_UP)),
            };
            sys::poll([(fd, events), (alarm, libc::POLLIN)], time)
        };
        if let Some(Sleeper(place)) = sleeper {
            place.note_awake();
        }
        // Closing outranks a signal: the caller could not go on with this handle.
        if self.is_closed() {
            return Err(Error::Closed);
        }
        let [revents, rung] = woken?;
        if let Some(sleeper) = sleeper.as_ref().filter(|_| rung != 0) {
            sys::lower(sleeper.alarm());
        }
        Ok(revents)
    }
}

struct EventFd(OwnedFd);

impl Alarm for EventFd {
    fn new() -> Option<Self> {
        sys::eventfd().ok().map(Self)
    }

    fn ring(&self) {
        sys::raise(self.0.as_fd());
    }
}

static SLEEPERS: Sleepers<EventFd> = Sleepers::new();

/// The calling thread by its place among the sleepers, while it sleeps. (A thread-local one would
/// take memory that the C library can't do without.)
struct Sleeper(&'static Place<EventFd>);

impl Sleeper {
    fn find() -> Option<Self> {
        /// Whether the lack of an alarm has been reported since the last thread that got one.
        static IS_TOLD: AtomicBool = AtomicBool::new(false);
        let place = SLEEPERS.take_place(sys::fork_generation(), sys::thread_number());
        if place.is_some() != IS_TOLD.load(Ordering::Relaxed) {
            return place.map(Self);
        }
        IS_TOLD.store(place.is_none(), Ordering::Relaxed);
        if place.is_none() {
            log::tell(&Note::of(Event::NoAlarm), None);
        }
        place.map(Self)
    }

    fn alarm(&self) -> BorrowedFd<'_> {
        self.0.alarm().0.as_fd()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.leave();
    }
}
