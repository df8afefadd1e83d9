//! Trying again for a short while before going to sleep.
//!
//! Waking a sleeping core takes longer than most answers take. So a wait begins with attempts, but
//! only if the last wait was short, and if they have paid lately.
//!
//! 1. *Give way*, once: the thread that is to answer may wait for this very core. If it answers at
//!    once, neither thread has to be put to sleep and woken.
//! 2. *Spin*: that thread may be busy answering on another core.
//!
//! What that costs beyond a sleep is paid for by the process's credit, which grows a little with
//! every sleep. So all the time that is wasted stays a small part of what sleeping alone would have
//! cost, however many threads wait for however little. (If others are busy on the core, giving way
//! may cost a whole time slice: it has a credit of its own.)
//!
//! Both are only for a wait for an answer, on a socket that has sent something since the last one.
//! If the answer is found sooner, both sides get on faster. A message that comes at its own pace
//! does not come sooner for a spin; and giving way to a peer that sends all the time lets its
//! messages wait.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::counters::Rare;
use crate::habit::Habit;
use crate::sys::{self, OnceUsed};

/// The longest spin, unless a program sets another limit. It is longer than it takes to wake the
/// peer: otherwise two threads that sleep in turn would never be awake at the same time.
const LIMIT: Duration = Duration::from_micros(50);
/// The CPU time of a sleep: a spin that finds its answer within this time has paid.
const SLEEP: Duration = Duration::from_micros(5);
/// What every sleep adds to the credit.
const EARNED: i64 = 62;
/// What a try that has paid adds: enough for a failure now and then.
const EARNED_AWAKE: i64 = 1000;
/// The credit at the beginning.
const FIRST_CREDIT: i64 = 2 * nanoseconds(LIMIT);
/// The highest credit, for each processor.
const MOST_CREDIT_TO_SPIN: i64 = 8 * nanoseconds(LIMIT);
/// The most that is charged for giving way in vain. It may cost a whole time slice of another
/// thread, but that thread might have had a part of it anyway.
const LOSS: Duration = Duration::from_micros(500);
const MOST_CREDIT_TO_GIVE_WAY: i64 = nanoseconds(Duration::from_millis(5));

/// A credit of the whole process, in nanoseconds. What a try may cost is taken beforehand.
struct Credit(AtomicI64);

static TO_SPIN: Credit = Credit::new();
static TO_GIVE_WAY: Credit = Credit::new();

impl Credit {
    const fn new() -> Self {
        Self(AtomicI64::new(FIRST_CREDIT))
    }

    fn is_left(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Adds to it, or takes from it.
    fn earn(&self, time: i64, most: i64) {
        // Whoever sleeps and sleeps has it all.
        if time > 0 && self.0.load(Ordering::Relaxed) == most {
            return;
        }
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |credit| {
            Some((credit + time).min(most))
        });
    }
}

fn earn_to_spin(time: i64) {
    TO_SPIN.earn(time, MOST_CREDIT_TO_SPIN * processors());
}

fn earn_to_give_way(time: i64) {
    TO_GIVE_WAY.earn(time, MOST_CREDIT_TO_GIVE_WAY);
}

fn processors() -> i64 {
    const UNKNOWN: i64 = 0;
    static PROCESSORS: AtomicI64 = AtomicI64::new(UNKNOWN);
    match PROCESSORS.load(Ordering::Relaxed) {
        UNKNOWN => {
            let many = sys::processors().max(1);
            PROCESSORS.store(many, Ordering::Relaxed);
            many
        }
        many => many,
    }
}

/// What is counted of a socket's waits, by its place in `Rare::waits`.
const SLEPT: usize = 0;
const PAID: usize = 1;
const LOST: usize = 2;

/// The limit of a socket that never tries, as it is stored.
const OFF: u32 = 1;

/// The longest wait that counts as short: about as long as a wake-up and an answer take. In such a
/// wait a try may find something.
const SHORT: Duration = Duration::from_micros(100);

/// The habit of sockets that have not waited yet. So a program that opens a socket for each request
/// learns, too.
static OF_NEW: Habit = Habit::new();

/// This process has sent something since a server last waited for a client: perhaps the answer that
/// the next client has waited for.
static HAS_ANSWERED: AtomicBool = AtomicBool::new(false);

/// How the waits on one socket spin.
pub(crate) struct Spin {
    /// The limit in microseconds, plus 1; 0: the usual limit.
    limit: AtomicU32,
    /// Something was sent since the last receive; or the socket is new, and so is its peer.
    has_sent: AtomicBool,
    habit: Habit,
    /// How often its waits slept, and tried with success and in vain, beside other counts. (All of
    /// them are here because most sockets have none of the others.)
    rare: OnceUsed<Rare>,
}

/// A wait under way.
pub(crate) struct Spinning {
    start: Instant,
    limit: Duration,
    step: Step,
    spins: bool,
    is_first: bool,
    is_for_answer: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    GivesWay,
    Spins,
    Sleeps,
}

/// After `OFTEN` waits in a row that found nothing at first, the next ones begin by giving way, or
/// with the sleep. After `ALL` of them one begins with an attempt again.
const OFTEN: u8 = 3;
const ALL: u8 = OFTEN + 16;

impl Default for Spin {
    fn default() -> Self {
        let has_sent = AtomicBool::new(true);
        let (limit, habit) = (AtomicU32::new(0), Habit::new());
        Self { limit, has_sent, habit, rare: OnceUsed::default() }
    }
}

impl Spin {
    pub(crate) fn limit(&self) -> Duration {
        match self.limit.load(Ordering::Relaxed).checked_sub(1) {
            Some(microseconds) => Duration::from_micros(microseconds.into()),
            // On a machine with one processor nothing can come while it is busy. (The processors
            // that this process is bound to say nothing about its peers.)
            None if processors() > 1 => LIMIT,
            None => Duration::ZERO,
        }
    }

    pub(crate) fn set_like(&self, other: &Self) {
        self.limit.store(other.limit.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(crate) fn set_limit(&self, microseconds: u32) {
        self.limit.store(microseconds.saturating_add(1), Ordering::Relaxed);
        // A program that sets the limit expects spinning to be of use.
        self.habit.note(true);
    }

    /// Whether the next wait will find nothing at first, as far as the last ones show.
    #[inline(always)]
    pub(crate) fn expects_nothing(&self) -> bool {
        self.habit.missed.load(Ordering::Relaxed) >= OFTEN
    }

    /// Something was there at once.
    #[inline(always)]
    pub(crate) fn note_found(&self) {
        self.habit.forget_missed();
        set(&self.has_sent, false);
    }

    /// Something was sent.
    #[inline(always)]
    pub(crate) fn note_sent(&self) {
        set(&self.has_sent, true);
        set(&HAS_ANSWERED, true);
    }

    /// A wait goes to sleep.
    pub(crate) fn count_sleep(&self) {
        self.count(SLEPT);
    }

    /// The counts that few sockets have.
    pub(crate) fn rare(&self) -> &OnceUsed<Rare> {
        &self.rare
    }

    fn count_try(&self, found: bool) {
        self.count(if found { PAID } else { LOST });
    }

    fn count(&self, which: usize) {
        if let Some(rare) = self.rare.get_or_make() {
            rare.waits[which].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A wait slept or gave way before what it waited for was there.
    pub(crate) fn note_missed(&self) {
        let missed = self.habit.missed.load(Ordering::Relaxed) + 1;
        self.habit.missed.store(if missed >= ALL { OFTEN - 1 } else { missed }, Ordering::Relaxed);
    }

    /// Begins a wait. `None`: it is to sleep, and nothing is to be learned from it.
    pub(crate) fn begin(&self, is_for_client: bool) -> Option<Spinning> {
        if self.limit.load(Ordering::Relaxed) == OFF {
            return None;
        }
        let limit = self.limit();
        let is_asked_for = self.limit.load(Ordering::Relaxed) != 0;
        let is_first = self.habit.is_new();
        let habit = if is_first { &OF_NEW } else { &self.habit };
        let may_try = habit.was_short();
        let is_for_answer = match is_for_client {
            true => HAS_ANSWERED.swap(false, Ordering::Relaxed),
            false => self.has_sent.load(Ordering::Relaxed),
        };
        let gives_way = is_for_answer && habit.ways.is_due() && may_try && TO_GIVE_WAY.is_left();
        let spins = (is_for_answer || is_asked_for)
            && habit.spins.is_due()
            && may_try
            && TO_SPIN.is_left()
            && !limit.is_zero();
        let step = match (gives_way, spins) {
            (true, _) => Step::GivesWay,
            (false, true) => Step::Spins,
            (false, false) => Step::Sleeps,
        };
        match step {
            Step::GivesWay => earn_to_give_way(-nanoseconds(LIMIT)),
            Step::Spins => earn_to_spin(-nanoseconds(LIMIT)),
            Step::Sleeps => {
                earn_to_give_way(EARNED);
                earn_to_spin(EARNED);
            }
        }
        Some(Spinning { start: Instant::now(), limit, step, spins, is_first, is_for_answer })
    }

    fn habit_of(&self, spinning: &Spinning) -> &Habit {
        if spinning.is_first { &OF_NEW } else { &self.habit }
    }

    /// After an attempt that found nothing: whether to make another one at once.
    pub(crate) fn goes_on(&self, spinning: &mut Spinning) -> bool {
        let elapsed = spinning.start.elapsed();
        match spinning.step {
            Step::GivesWay => {
                self.habit_of(spinning).ways.has_failed();
                self.count_try(false);
                // Whichever thread had the core.
                earn_to_give_way(nanoseconds(LIMIT) - nanoseconds(elapsed.min(LOSS)));
                if !spinning.spins {
                    spinning.step = Step::Sleeps;
                    return false;
                }
                earn_to_spin(-nanoseconds(LIMIT));
                (spinning.start, spinning.step) = (Instant::now(), Step::Spins);
                true
            }
            Step::Spins if elapsed < spinning.limit => {
                std::hint::spin_loop();
                true
            }
            Step::Spins => {
                self.habit_of(spinning).spins.has_failed();
                self.count_try(false);
                self.habit_of(spinning).confidence.store(0, Ordering::Relaxed);
                // Time beyond the limit is not charged: others had the core, or the program asked
                // for it.
                earn_to_spin(nanoseconds(LIMIT) - nanoseconds(elapsed.min(LIMIT)));
                spinning.step = Step::Sleeps;
                false
            }
            Step::Sleeps => false,
        }
    }

    /// Notes how a wait went, once it is over.
    pub(crate) fn end(&self, spinning: &Spinning) {
        let elapsed = spinning.start.elapsed();
        let habit = self.habit_of(spinning);
        let is_short = elapsed <= SHORT.max(spinning.limit);
        let is_for_answer = spinning.is_for_answer;
        if spinning.step != Step::Sleeps {
            self.count_try(true);
        }
        match spinning.step {
            Step::GivesWay if elapsed <= LIMIT => {
                habit.ways.has_paid();
                earn_to_give_way(nanoseconds(LIMIT) + EARNED_AWAKE);
                self.note_missed();
            }
            // Perhaps another thread had the core for long, and a sleeper would have been woken
            // sooner.
            Step::GivesWay => {
                habit.ways.has_failed();
                earn_to_give_way(nanoseconds(LIMIT) - nanoseconds(elapsed.min(LOSS)));
                self.habit.forget_missed();
            }
            Step::Spins if elapsed > SLEEP && is_for_answer && habit.is_much_sooner(elapsed) => {
                habit.note_sooner();
                self.habit.forget_missed();
                earn_to_spin(nanoseconds(LIMIT) + EARNED_AWAKE);
            }
            Step::Spins => {
                habit.spins.has_paid();
                self.habit.forget_missed();
                earn_to_spin(nanoseconds(LIMIT + SLEEP) - nanoseconds(elapsed.min(LIMIT)));
            }
            Step::Sleeps => {
                if is_short && is_for_answer {
                    habit.note_asleep(elapsed);
                }
                self.note_missed();
            }
        }
        if spinning.is_first {
            OF_NEW.note(is_short);
            self.habit.copy_from(&OF_NEW);
        }
        self.habit.note(is_short);
        set(&self.has_sent, false);
    }
}

/// Stores only a new value. Most often it is not new, and then no other core's copy of this memory
/// is touched.
#[inline(always)]
fn set(flag: &AtomicBool, value: bool) {
    if flag.load(Ordering::Relaxed) != value {
        flag.store(value, Ordering::Relaxed);
    }
}

impl Spinning {
    /// Whether to make another attempt before it sleeps. Gives way first, if that is the step.
    pub(crate) fn tries(&self) -> bool {
        if self.step == Step::GivesWay {
            thread::yield_now();
        }
        self.step != Step::Sleeps
    }
}

const fn nanoseconds(time: Duration) -> i64 {
    time.as_nanos() as i64
}
