//! Trying again for a short while before going to sleep.
//!
//! To wake a core that sleeps takes longer than most answers take. So a wait begins with
//! attempts; but only where they have paid lately. An attempt that finds something soon costs
//! less than a sleep. One that does not is paid for by the process's credit, which grows a
//! little with every sleep: so all the time that is wasted stays a small part of what sleeping
//! alone would have cost, however many threads wait for however little.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU16, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long to spin at most, unless a program says something else.
const LIMIT: Duration = Duration::from_micros(50);
/// What a sleep costs: what came within this time has paid.
const SLEEP: Duration = Duration::from_micros(8);
/// What every sleep adds to the credit: a fiftieth of its cost.
const EARNED: i64 = SLEEP.as_nanos() as i64 / 50;
/// The credit to begin with, and the most there ever is.
const CREDIT: i64 = 4 * LIMIT.as_nanos() as i64;
/// So many spins in a row may come to nothing soon.
const PATIENCE: u16 = 2;
/// Then so many waits go straight to sleep; the next time twice as many.
const FIRST_REST: u16 = 16;
const LONGEST_REST: u16 = 4096;

/// Of the whole process, in nanoseconds.
static PURSE: AtomicI64 = AtomicI64::new(CREDIT);

/// Where one core is all there is, nothing can come while this one is busy.
static IS_WORTHWHILE: LazyLock<bool> =
    LazyLock::new(|| std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1));

/// What one socket has learned.
#[derive(Default)]
pub(crate) struct Spin {
    /// In microseconds, and 1 more; 0: as is usual.
    limit: AtomicU32,
    /// Spins in a row that did not pay.
    misses: AtomicU16,
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
            None if *IS_WORTHWHILE => LIMIT,
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
        if rest > 0 || PURSE.load(Ordering::Relaxed) <= 0 {
            self.rest.store(rest.saturating_sub(1), Ordering::Relaxed);
            earn(EARNED);
            return None;
        }
        Some(Spinning { start: Instant::now(), limit })
    }

    /// It ends; whether it found something.
    pub(crate) fn end(&self, spinning: &Spinning, found: bool) {
        let time = spinning.start.elapsed();
        if found && time <= SLEEP {
            self.misses.store(0, Ordering::Relaxed);
            self.last_rest.store(0, Ordering::Relaxed);
            earn((SLEEP - time).as_nanos() as i64);
            return;
        }
        earn(-(time.as_nanos() as i64));
        let misses = self.misses.load(Ordering::Relaxed) + 1;
        if misses < PATIENCE && found {
            self.misses.store(misses, Ordering::Relaxed);
            return;
        }
        self.misses.store(0, Ordering::Relaxed);
        let rest = self.last_rest.load(Ordering::Relaxed).saturating_mul(2);
        let rest = rest.clamp(FIRST_REST, LONGEST_REST);
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

/// Adds to the credit, or takes from it. (Of two at once one may count for nothing: it is no
/// more than a rule of thumb.)
fn earn(time: i64) {
    let credit = PURSE.load(Ordering::Relaxed);
    PURSE.store((credit + time).min(CREDIT), Ordering::Relaxed);
}
