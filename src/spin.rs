//! Trying again for a short while before going to sleep.
//!
//! To wake a core that sleeps takes longer than most answers take. So a wait begins with
//! attempts; but only where the last wait was a short one, and where they have paid lately. An
//! attempt that finds something soon costs less than a sleep. What one costs beyond that is paid
//! for by the process's credit, which grows a little with every sleep: so all the time that is
//! wasted stays a small part of what sleeping alone would have cost, however many threads wait
//! for however little.

use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering,
};
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
const FIRST_CREDIT: i64 = 2 * nanoseconds(LIMIT);
/// After a spin that found nothing one wait goes straight to sleep; then 2, 4, and so on.
const LONGEST_REST: u16 = 4096;

/// Of the whole process, in nanoseconds. A spin takes what it may cost beforehand.
static CREDIT: AtomicI64 = AtomicI64::new(FIRST_CREDIT);

/// The most credit there ever is. With one processor alone nothing can come while it is
/// busy. (To which ones this process is bound says nothing about its peers.)
fn most_credit() -> i64 {
    const UNKNOWN: i64 = -1;
    static MOST: AtomicI64 = AtomicI64::new(UNKNOWN);
    match MOST.load(Ordering::Relaxed) {
        UNKNOWN => {
            let most = match sys::processors() {
                ..=1 => 0,
                many => FIRST_CREDIT * many,
            };
            MOST.store(most, Ordering::Relaxed);
            most
        }
        most => most,
    }
}

/// Waits as long as a wake-up and an answer take are short: there a spin may find something.
const SHORT: Duration = Duration::from_micros(100);

/// Of the process, for sockets that have not waited yet.
static LAST_WAS_SHORT: AtomicBool = AtomicBool::new(false);

/// A socket's last wait.
const UNKNOWN: u8 = 0;
const WAS_SHORT: u8 = 1;
const WAS_LONG: u8 = 2;

/// What one socket has learned.
#[derive(Default)]
pub(crate) struct Spin {
    /// In microseconds, and 1 more; 0: as is usual.
    limit: AtomicU32,
    last_wait: AtomicU8,
    /// Waits that go straight to sleep.
    rest: AtomicU16,
    last_rest: AtomicU16,
    /// For who wants to know: how often it slept, and spun for something or for nothing.
    sleeps: AtomicU64,
    paid: AtomicU64,
    lost: AtomicU64,
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
            None if most_credit() > 0 => LIMIT,
            None => Duration::ZERO,
        }
    }

    pub(crate) fn set_like(&self, other: &Self) {
        self.limit.store(other.limit.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(crate) fn set_limit(&self, microseconds: u32) {
        self.limit.store(microseconds.saturating_add(1), Ordering::Relaxed);
        // Who sets it expects that it is of use.
        self.last_wait.store(WAS_SHORT, Ordering::Relaxed);
    }

    /// For a wait that begins. `None`: it is to sleep, and nothing is to be learned.
    pub(crate) fn begin(&self) -> Option<Spinning> {
        let limit = self.limit();
        if limit.is_zero() {
            return None;
        }
        let rest = self.rest.load(Ordering::Relaxed);
        let spins = rest == 0 && self.was_short() && CREDIT.load(Ordering::Relaxed) > 0;
        self.rest.store(rest.saturating_sub(1), Ordering::Relaxed);
        earn(if spins { -nanoseconds(LIMIT) } else { EARNED });
        Some(Spinning { start: Instant::now(), limit, spins })
    }

    /// A wait goes to sleep.
    pub(crate) fn count_sleep(&self) {
        self.sleeps.fetch_add(1, Ordering::Relaxed);
    }

    /// How often a wait slept, spun and found something, and spun for nothing.
    pub(crate) fn counts(&self) -> [u64; 3] {
        [&self.sleeps, &self.paid, &self.lost].map(|count| count.load(Ordering::Relaxed))
    }

    fn was_short(&self) -> bool {
        match self.last_wait.load(Ordering::Relaxed) {
            UNKNOWN => LAST_WAS_SHORT.load(Ordering::Relaxed),
            last => last == WAS_SHORT,
        }
    }

    /// The spin found nothing: from here on it sleeps.
    pub(crate) fn give_up(&self, spinning: &mut Spinning) {
        self.settle(spinning, false);
        spinning.spins = false;
    }

    /// What was waited for has come.
    pub(crate) fn end(&self, spinning: &Spinning) {
        if spinning.spins {
            self.settle(spinning, true);
        }
        let is_short = spinning.start.elapsed() <= SHORT.max(spinning.limit);
        let last = if is_short { WAS_SHORT } else { WAS_LONG };
        self.last_wait.store(last, Ordering::Relaxed);
        LAST_WAS_SHORT.store(is_short, Ordering::Relaxed);
    }

    /// Pays for a spin, and learns from it.
    fn settle(&self, spinning: &Spinning, found: bool) {
        let count = if found { &self.paid } else { &self.lost };
        count.fetch_add(1, Ordering::Relaxed);
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
    let most = most_credit();
    let _ = CREDIT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |credit| {
        Some((credit + time).min(most))
    });
}

const fn nanoseconds(time: Duration) -> i64 {
    time.as_nanos() as i64
}
