//! Trying again for a short while before going to sleep.
//!
//! To wake a core that sleeps takes longer than most answers take. So a wait begins with
//! attempts, but only where the wait before it was a short one. An attempt that finds something
//! soon costs less than a sleep. What one costs beyond that is paid for by the process's
//! credit, which grows a little with every sleep: so all the time that is wasted stays a small
//! part of what sleeping alone would have cost, however many threads wait for however little.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::sys;

/// How long to spin at most, unless a program says something else: longer than it takes to
/// wake the peer, or two that sleep in turn would never meet awake.
const LIMIT: Duration = Duration::from_micros(50);
/// What a sleep costs at least, where it is a short one.
const SLEEP: Duration = Duration::from_micros(5);
/// What every sleep adds to the credit.
const EARNED: i64 = nanoseconds(SLEEP) / 40;
/// The credit to begin with; a processor may have as much.
const FIRST_CREDIT: i64 = 4 * nanoseconds(LIMIT);

/// Of the whole process, in nanoseconds. A spin takes what it may cost beforehand.
static CREDIT: AtomicI64 = AtomicI64::new(FIRST_CREDIT);

/// The most credit there ever is. With one processor alone nothing can come while it is
/// busy. (To which ones this process is bound says nothing about its peers.)
static MOST_CREDIT: LazyLock<i64> = LazyLock::new(|| match sys::processors() {
    ..=1 => 0,
    many => FIRST_CREDIT * many,
});

/// What one socket has learned.
#[derive(Default)]
pub(crate) struct Spin {
    /// In microseconds, and 1 more; 0: as is usual.
    limit: AtomicU32,
    /// Whether the last wait was longer than any spin.
    was_long: AtomicBool,
}

/// A wait under way that spins, or sleeps.
pub(crate) struct Spinning {
    start: Instant,
    limit: Duration,
    spins: bool,
}

impl Spin {
    pub(crate) fn limit(&self) -> Duration {
        match self.limit.load(Ordering::Relaxed).checked_sub(1) {
            Some(microseconds) => Duration::from_micros(microseconds.into()),
            None if *MOST_CREDIT > 0 => LIMIT,
            None => Duration::ZERO,
        }
    }

    pub(crate) fn set_like(&self, other: &Self) {
        self.limit.store(other.limit.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(crate) fn set_limit(&self, microseconds: u32) {
        self.limit.store(microseconds.saturating_add(1), Ordering::Relaxed);
    }

    /// For a wait that begins. `None`: it is to sleep, and nothing can be learned from it.
    pub(crate) fn begin(&self) -> Option<Spinning> {
        let limit = self.limit();
        if limit.is_zero() {
            return None;
        }
        let spins = !self.was_long.load(Ordering::Relaxed) && CREDIT.load(Ordering::Relaxed) > 0;
        earn(if spins { -nanoseconds(LIMIT) } else { EARNED });
        Some(Spinning { start: Instant::now(), limit, spins })
    }

    /// The spin found nothing: from here on it sleeps.
    pub(crate) fn give_up(&self, spinning: &mut Spinning) {
        earn(nanoseconds(LIMIT) - cost_of(spinning.start.elapsed()));
        spinning.spins = false;
        self.was_long.store(true, Ordering::Relaxed);
    }

    /// What was waited for has come.
    pub(crate) fn end(&self, spinning: &Spinning) {
        let time = spinning.start.elapsed();
        if spinning.spins {
            earn(nanoseconds(LIMIT + SLEEP) - cost_of(time));
        }
        self.was_long.store(time > spinning.limit, Ordering::Relaxed);
    }
}

impl Spinning {
    pub(crate) fn spins(&self) -> bool {
        self.spins
    }

    /// Whether it is not over yet.
    pub(crate) fn goes_on(&self) -> bool {
        std::hint::spin_loop();
        self.start.elapsed() < self.limit
    }
}

/// Adds to the credit, or takes from it.
fn earn(time: i64) {
    let _ = CREDIT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |credit| {
        Some((credit + time).min(*MOST_CREDIT))
    });
}

/// Of a spin that took so long. Beyond the limit others had the core meanwhile, or the program
/// has set a limit of its own.
fn cost_of(time: Duration) -> i64 {
    nanoseconds(time.min(LIMIT))
}

const fn nanoseconds(time: Duration) -> i64 {
    time.as_nanos() as i64
}
