//! What waits have learned: whether the last one was short, and what to try in the next one.

use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};
use std::time::Duration;

/// A spin has paid, too, if the answer came so many times sooner than it reaches a sleeping thread:
/// two threads that sleep in turn wake each other, which costs more.
const SOONER: u16 = 2;

/// A socket's last wait.
const UNKNOWN: u8 = 0;
const WAS_SHORT: u8 = 1;
const WAS_LONG: u8 = 2;

/// What has been learned: of one socket, or of the first waits on new ones.
pub(crate) struct Habit {
    last_wait: AtomicU8,
    /// How many waits in a row found nothing at first.
    pub(crate) missed: AtomicU8,
    /// How long an answer takes to reach a sleeping thread, in microseconds, by the short waits
    /// that slept.
    asleep: AtomicU16,
    pub(crate) ways: Tries,
    pub(crate) spins: Tries,
    /// How many spins have paid only because they were sooner than a sleep.
    sooner: AtomicU16,
    /// After how many of these a wait sleeps again to check that, as a power of two.
    pub(crate) confidence: AtomicU8,
}

/// When to try something again that has failed: after 1 wait, then 2, 4, and so on. One word has
/// the number of failures in a row (0: the last try paid), and how many waits are left until the
/// next try.
pub(crate) struct Tries(AtomicU16);

const REST_BITS: u32 = 12;
const LONGEST_REST: u16 = (1 << REST_BITS) - 1;
const LEAST_CONFIDENCE: u8 = 6;
const MOST_CONFIDENCE: u8 = 9;

impl Tries {
    pub(crate) const fn new() -> Self {
        Self(AtomicU16::new(0))
    }

    fn load(&self) -> (u16, u16) {
        let word = self.0.load(Ordering::Relaxed);
        (word >> REST_BITS, word & LONGEST_REST)
    }

    fn store(&self, failures: u16, rest: u16) {
        self.0.store(failures << REST_BITS | rest, Ordering::Relaxed);
    }

    pub(crate) fn copy_from(&self, other: &Self) {
        self.0.store(other.0.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Counts one more wait. Whether a try is due in it.
    pub(crate) fn is_due(&self) -> bool {
        let (failures, rest) = self.load();
        self.store(failures, rest.saturating_sub(1));
        rest == 0
    }

    pub(crate) fn has_failed(&self) {
        let (failures, _) = self.load();
        self.store((failures + 1).min(REST_BITS as u16), (1 << failures).min(LONGEST_REST));
    }

    pub(crate) fn has_paid(&self) {
        self.store(0, 0);
    }

    /// The next wait goes straight to sleep.
    pub(crate) fn skip_one(&self) {
        self.store(0, 1);
    }
}

impl Habit {
    pub(crate) const fn new() -> Self {
        Self {
            last_wait: AtomicU8::new(UNKNOWN),
            missed: AtomicU8::new(0),
            asleep: AtomicU16::new(0),
            ways: Tries::new(),
            spins: Tries::new(),
            sooner: AtomicU16::new(0),
            confidence: AtomicU8::new(0),
        }
    }

    #[inline(always)]
    pub(crate) fn forget_missed(&self) {
        if self.missed.load(Ordering::Relaxed) != 0 {
            self.missed.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_new(&self) -> bool {
        self.last_wait.load(Ordering::Relaxed) == UNKNOWN
    }

    pub(crate) fn was_short(&self) -> bool {
        self.last_wait.load(Ordering::Relaxed) == WAS_SHORT
    }

    /// Takes over what the first waits on other sockets have shown.
    pub(crate) fn copy_from(&self, other: &Self) {
        self.asleep.store(other.asleep.load(Ordering::Relaxed), Ordering::Relaxed);
        self.ways.copy_from(&other.ways);
        self.spins.copy_from(&other.spins);
    }

    pub(crate) fn note(&self, is_short: bool) {
        let last = if is_short { WAS_SHORT } else { WAS_LONG };
        self.last_wait.store(last, Ordering::Relaxed);
    }

    /// Notes how long a wait took that slept. (A shorter wait now and then, which found the peer
    /// awake, lowers this only a little: what counts are the waits in which both sides slept.)
    pub(crate) fn note_asleep(&self, time: Duration) {
        let before = self.asleep.load(Ordering::Relaxed);
        let time = u16::try_from(time.as_micros()).unwrap_or(u16::MAX);
        self.asleep.store(time.max(before - before.div_ceil(16)), Ordering::Relaxed);
    }

    /// Notes a spin that was sooner than a sleep. Now and then one wait sleeps, to see whether that
    /// still holds.
    pub(crate) fn note_sooner(&self) {
        self.spins.has_paid();
        let sooner = self.sooner.load(Ordering::Relaxed).saturating_add(1);
        let confidence = self.confidence.load(Ordering::Relaxed).max(LEAST_CONFIDENCE);
        let is_to_look = sooner >= 1 << confidence;
        if is_to_look {
            self.spins.skip_one();
            self.confidence.store((confidence + 1).min(MOST_CONFIDENCE), Ordering::Relaxed);
        }
        self.sooner.store(if is_to_look { 0 } else { sooner }, Ordering::Relaxed);
    }

    pub(crate) fn is_much_sooner(&self, time: Duration) -> bool {
        let asleep = self.asleep.load(Ordering::Relaxed);
        time <= Duration::from_micros((asleep / SOONER).into())
    }
}
