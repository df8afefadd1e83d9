//! The counters: those of a socket are atomics, since many threads may use it; those of a poller
//! are under its lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::process_lock::ProcessLock;
use crate::sys::OnceUsed;

/// How long a thread that is held up while it carries over can hold up others.
const PATIENCE: Duration = Duration::from_millis(100);

/// The counts of a socket or a poller at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) sent: Traffic,
    pub(crate) received: Traffic,
    /// How often waits slept.
    pub(crate) sleeps: u64,
    /// Waits that spun, and found what they waited for.
    pub(crate) spins_paid: u64,
    /// Those that spun in vain.
    pub(crate) spins_lost: u64,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) kept: Kept,
    /// Datagrams that a poller kept and could not deliver.
    pub(crate) dropped: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) bytes: u64,
    /// On a stream, the system calls that moved bytes.
    pub(crate) messages: u64,
}

impl Traffic {
    pub(crate) fn add(&mut self, messages: usize, bytes: usize) {
        self.messages += messages as u64;
        self.bytes += bytes as u64;
    }
}

/// How many bytes wait in a poller to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) now: u64,
    pub(crate) most: u64,
}

impl Kept {
    /// Notes that a part of it had `before` bytes, and has `after` now.
    pub(crate) fn change(&mut self, before: usize, after: usize) {
        self.now = self.now - before as u64 + after as u64;
        self.most = self.most.max(self.now);
    }
}

/// Traffic that many threads count: in one word, as long as that has room.
#[derive(Default)]
pub(crate) struct SharedTraffic(AtomicU64);

/// One message in the word: messages are counted above the bytes.
const MESSAGE: u64 = 1 << 40;
/// The bits that say that there are so many messages or bytes that they have to be carried over.
/// (Before the word is full, hundreds of threads can still add the most that a system call moves.)
const IS_DUE: u64 = 1 << 63 | MESSAGE >> 1;

impl SharedTraffic {
    #[inline(always)]
    fn add(&self, messages: usize, bytes: usize) -> bool {
        let more = messages as u64 * MESSAGE + bytes as u64;
        self.0.fetch_add(more, Ordering::Relaxed) & IS_DUE != 0
    }

    fn get(&self) -> Traffic {
        traffic_of(self.0.load(Ordering::Acquire))
    }

    fn take(&self) -> Traffic {
        traffic_of(self.0.swap(0, Ordering::AcqRel))
    }
}

fn traffic_of(word: u64) -> Traffic {
    Traffic { bytes: word % MESSAGE, messages: word / MESSAGE }
}

/// The traffic of a socket.
#[derive(Default)]
pub(crate) struct Counters {
    sent: SharedTraffic,
    received: SharedTraffic,
}

/// What few sockets count. Its memory is allocated when the first of it is counted.
#[derive(Default)]
pub(crate) struct Rare {
    /// Waits that slept, and tries that paid and did not.
    pub(crate) waits: [AtomicU64; 3],
    accepted: AtomicU64,
    kept: AtomicU64,
    kept_most: AtomicU64,
    dropped: AtomicU64,
    /// What was carried over from the words of what was sent and received: bytes and messages.
    carried: [[AtomicU64; 2]; 2],
    /// Held while traffic is carried over, and while all of it is read.
    carrying: ProcessLock,
}

impl Rare {
    pub(crate) fn count_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_dropped(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn set_kept(&self, bytes: usize) {
        // In this order, so that a reader never sees more than the most.
        self.kept_most.fetch_max(bytes as u64, Ordering::Relaxed);
        self.kept.store(bytes as u64, Ordering::Release);
    }

    fn carried(&self, which: usize, word: Traffic) -> Traffic {
        let [bytes, messages] = self.carried[which].each_ref().map(get);
        Traffic { bytes: word.bytes + bytes, messages: word.messages + messages }
    }
}

impl Counters {
    #[inline(always)]
    pub(crate) fn count_sent(&self, messages: usize, bytes: usize, rare: &OnceUsed<Rare>) {
        if self.sent.add(messages, bytes) {
            self.carry_over(rare);
        }
    }

    #[inline(always)]
    pub(crate) fn count_received(&self, messages: usize, bytes: usize, rare: &OnceUsed<Rare>) {
        if self.received.add(messages, bytes) {
            self.carry_over(rare);
        }
    }

    /// If there is no memory for it, the next message tries again.
    #[cold]
    fn carry_over(&self, rare: &OnceUsed<Rare>) {
        let Some(rare) = rare.get_or_make() else { return };
        let _alone = rare.carrying.hold_within(PATIENCE);
        for (word, [bytes, messages]) in [&self.sent, &self.received].iter().zip(&rare.carried) {
            let taken = word.take();
            bytes.fetch_add(taken.bytes, Ordering::Relaxed);
            messages.fetch_add(taken.messages, Ordering::Relaxed);
        }
    }

    /// The counts, without those that are kept elsewhere.
    pub(crate) fn counts(&self, rare: &OnceUsed<Rare>) -> Counts {
        let words = || (self.sent.get(), self.received.get());
        let (sent, received) = words();
        // Looked for only now, after the words were read: if it is not there, nothing had been
        // carried over before.
        let Some(rare) = rare.get() else {
            return Counts { sent, received, ..Counts::default() };
        };
        let _alone = rare.carrying.hold_within(PATIENCE);
        let (sent, received) = words();
        let [sleeps, spins_paid, spins_lost] = rare.waits.each_ref().map(get);
        Counts {
            sent: rare.carried(0, sent),
            received: rare.carried(1, received),
            sleeps,
            spins_paid,
            spins_lost,
            accepted: get(&rare.accepted),
            kept: Kept { now: rare.kept.load(Ordering::Acquire), most: get(&rare.kept_most) },
            dropped: get(&rare.dropped),
            ..Counts::default()
        }
    }
}

fn get(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_word_has_no_room_for_is_carried_over() {
        const LARGE: usize = 1 << 31;
        let (counters, rare) = (Counters::default(), OnceUsed::default());
        let sum = |sent: u64, received: u64| {
            let counts = counters.counts(&rare);
            assert_eq!((counts.sent.bytes, counts.sent.messages), (sent * LARGE as u64, sent));
            assert_eq!((counts.received.bytes, counts.received.messages), (received, received));
        };
        for count in 1..=3000 {
            counters.count_sent(1, LARGE, &rare);
            sum(count, 0);
        }
        for _ in 0..20 {
            counters.count_received(1 << 20, 1 << 20, &rare);
        }
        sum(3000, 20 << 20);
        assert!(rare.get().is_some());
    }

    #[test]
    fn of_many_threads_nothing_is_lost_while_it_is_carried_over() {
        const THREADS: u64 = 4;
        const ROUNDS: u64 = 2000;
        let (counters, rare) = (Counters::default(), OnceUsed::default());
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let mut before = 0;
                    for _ in 0..ROUNDS {
                        counters.count_sent(1 << 12, 1 << 30, &rare);
                        let now = counters.counts(&rare).sent.messages;
                        assert!(now > before, "{now} after {before}");
                        before = now;
                    }
                });
            }
        });
        let sent = counters.counts(&rare).sent;
        assert_eq!(sent.messages, (THREADS * ROUNDS) << 12);
        assert_eq!(sent.bytes, (THREADS * ROUNDS) << 30);
    }
}
