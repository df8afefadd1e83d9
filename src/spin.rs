//! Trying again for a short while before going to sleep.
//!
//! To wake a core that sleeps takes longer than most answers take. So a wait begins with
//! attempts; but only where they have paid lately. An attempt that finds something soon costs
//! less than a sleep. What one costs beyond that is paid for by the process's credit, which
//! grows a little with every sleep: so all the time that is wasted stays a small part of what
//! sleeping alone would have cost, however many threads wait for however little.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU16, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::sys;

/// How long to spin at most, unless a program says something else: longer than it takes to
/// wake the peer, or two that sleep in turn would never meet awake.
const LIMIT: Duration = Duration::from_micros(50);
/// What a sleep costs, where it is a short one; what came within this time has paid.
const SLEEP: Duration = Duration::from_micros(5);
/// What every sleep adds to the credit.
const EARNED: i64 = nanoseconds(SLEEP) / 80;
/// The credit to begin with; each processor may have as much.
const FIRST_CREDIT: i64 = 4 * nanoseconds(LIMIT);
/// After a spin that found nothing one wait goes straight to sleep; then 2, 4, and so on.
const LONGEST_REST: u16 = 4096;

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
    /// Waits that go straight to sleep.
    rest: AtomicU16,
    last_rest: AtomicU16,
}

/// A spin under way.
pub(crate) struct Spinning {
    start: Instant,
    limit: Duration,
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

    /// For a wait that begins. `None`: it is to sleep.
    pub(crate) fn begin(&self) -> Option<Spinning> {
        let limit = self.limit();
        if limit.is_zero() {
            return None;
        }
        let rest = self.rest.load(Ordering::Relaxed);
        if rest > 0 || CREDIT.load(Ordering::Relaxed) <= 0 {
            self.rest.store(rest.saturating_sub(1), Ordering::Relaxed);
            earn(EARNED);
            return None;
        }
        earn(-nanoseconds(LIMIT));
        Some(Spinning { start: Instant::now(), limit })
    }

    /// It ends; whether it found something.
    pub(crate) fn end(&self, spinning: &Spinning, found: bool) {
        // What is beyond the limit, others had of this core, or the program asked for.
        let cost = spinning.start.elapsed().min(LIMIT);
        let saved = if found { SLEEP } else { Duration::ZERO };
        earn(nanoseconds(LIMIT + saved) - nanoseconds(cost));
        let last_rest = self.last_rest.load(Ordering::Relaxed);
        let rest = if found { 0 } else { (2 * last_rest).clamp(1, LONGEST_REST) };
        self.last_rest.store(rest, Ordering::Relaxed);
        self.rest.store(rest, Ordering::Relaxed);
    }
}

impl Spinning {
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

const fn nanoseconds(time: Duration) -> i64 {
    time.as_nanos() as i64
}
