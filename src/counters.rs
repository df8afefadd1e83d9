//! The counters: those of a socket are atomics, since many threads may use it; those of a poller
//! are under its lock.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::sys::{self, OncePointer};

/// The counts of a socket or a poller at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) sent: Traffic,
    pub(crate) received: Traffic,
    /// Waits, or attempts of one, that slept.
    pub(crate) sleeps: u64,
    /// Waits that spun, and found what they waited for.
    pub(crate) spins_paid: u64,
    /// Those that spun in vain.
    pub(crate) spins_lost: u64,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) kept: Kept,
    /// Datagrams that were kept, and reached nobody.
    pub(crate) dropped: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) bytes: u64,
    /// Of a stream, the system calls that moved some.
    pub(crate) messages: u64,
}

impl Traffic {
    pub(crate) fn add(&mut self, messages: usize, bytes: usize) {
        self.messages += messages as u64;
        self.bytes += bytes as u64;
    }
}

/// In bytes: what waits in a poller for its way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) now: u64,
    pub(crate) most: u64,
}

impl Kept {
    /// Of a part of it so much was there, and so much is.
    pub(crate) fn change(&mut self, before: usize, after: usize) {
        self.now = self.now - before as u64 + after as u64;
        self.most = self.most.max(self.now);
    }
}

/// Traffic that many threads count.
#[derive(Default)]
pub(crate) struct SharedTraffic {
    bytes: AtomicU64,
    messages: AtomicU64,
}

impl SharedTraffic {
    #[inline(always)]
    pub(crate) fn add(&self, messages: usize, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.messages.fetch_add(messages as u64, Ordering::Relaxed);
    }

    fn get(&self) -> Traffic {
        let [bytes, messages] = [&self.bytes, &self.messages].map(get);
        Traffic { bytes, messages }
    }
}

/// Of a socket.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) sent: SharedTraffic,
    pub(crate) received: SharedTraffic,
    rare: OnceUsed<Rare>,
}

/// What few sockets have.
#[derive(Default)]
struct Rare {
    accepted: AtomicU64,
    kept: AtomicU64,
    kept_most: AtomicU64,
    dropped: AtomicU64,
}

/// Counts that most sockets never need: they take memory when something is counted first. Without
/// memory that is not counted.
pub(crate) struct OnceUsed<T>(OncePointer<Box<T>>);

impl<T> Default for OnceUsed<T> {
    fn default() -> Self {
        Self(OncePointer::new())
    }
}

impl<T: Default> OnceUsed<T> {
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.get()
    }

    pub(crate) fn get_or_make(&self) -> Option<&T> {
        self.0.get_or_make(|| sys::boxed(T::default())).ok()
    }
}

impl Counters {
    pub(crate) fn count_accepted(&self) {
        if let Some(rare) = self.rare.get_or_make() {
            rare.accepted.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_dropped(&self, count: u64) {
        if let Some(rare) = self.rare.get_or_make() {
            rare.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(crate) fn set_kept(&self, bytes: usize) {
        if bytes == 0 && self.rare.get().is_none() {
            return;
        }
        if let Some(rare) = self.rare.get_or_make() {
            // In this order: it is never more than the most.
            rare.kept_most.fetch_max(bytes as u64, Ordering::Relaxed);
            rare.kept.store(bytes as u64, Ordering::Release);
        }
    }

    /// All but what is counted elsewhere.
    pub(crate) fn counts(&self) -> Counts {
        let (sent, received) = (self.sent.get(), self.received.get());
        let Some(rare) = self.rare.get() else {
            return Counts { sent, received, ..Counts::default() };
        };
        Counts {
            sent,
            received,
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
