//! Critical sections: moments that a signal must not interrupt if it is to remove the socket files
//! and to end the process. They lie between making a file and recording it, and between deciding to
//! remove, publish or reclaim one and doing it.
//!
//! In a section the thread blocks the signals that were named, so the handler never runs in the
//! middle of it. The handler may run in another thread meanwhile: it lets nobody begin a new
//! section, and waits for those that have begun. A section allocates nothing and frees nothing, so
//! whatever the handler has interrupted (malloc, say) can't be in its way.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::sys::{self, SignalMask};

/// The signals that were named: a bit each, signal 1 the lowest.
static SIGNALS: AtomicU64 = AtomicU64::new(0);

/// The process (its fork generation, upper half) and how many of its threads are in a section
/// (lower half): a forked child has a copy, but not the threads.
static WITHIN: AtomicU64 = AtomicU64::new(0);

/// The process that ends, and the one whose files are gone.
static ENDING: AtomicU32 = AtomicU32::new(0);
static ENDED: AtomicU32 = AtomicU32::new(0);

/// From now on sections defer this signal.
pub(crate) fn defer(signal: i32) {
    SIGNALS.fetch_or(1 << (signal - 1), Ordering::SeqCst);
}

/// A critical section. It ends when it is dropped, by the thread that began it.
pub(crate) struct CriticalSection {
    /// The thread's mask before the section. `None`: no signal was named.
    mask: Option<SignalMask>,
}

impl CriticalSection {
    /// Begins a section. Not within another one: at the end of the process, that would wait for
    /// itself.
    pub(crate) fn begin() -> Self {
        let signals = SIGNALS.load(Ordering::SeqCst);
        if signals == 0 {
            return Self { mask: None };
        }
        let mask = sys::block_signals(signals);
        let process = sys::fork_generation();
        count(|within| within + 1);
        if ENDING.load(Ordering::SeqCst) == process {
            count(|within| within - 1);
            wait_for_the_end();
        }
        Self { mask: Some(mask) }
    }
}

impl Drop for CriticalSection {
    fn drop(&mut self) {
        if let Some(mask) = &self.mask {
            count(|within| within.saturating_sub(1));
            sys::set_signal_mask(mask);
        }
    }
}

/// Keeps all threads out of sections from now on, and waits for those that are in one. (It does not
/// wait for ever: a debugger may have stopped one of them.) `false`: another handler has begun to
/// end the process, and has done its part, or is not waited for any longer. Async-signal-safe.
pub(crate) fn end() -> bool {
    let process = sys::fork_generation();
    if ENDING.swap(process, Ordering::SeqCst) == process {
        wait_until(|| ENDED.load(Ordering::SeqCst) == process);
        return false;
    }
    wait_until(|| within() == 0);
    true
}

/// Notes that the files are gone.
pub(crate) fn note_end() {
    ENDED.store(sys::fork_generation(), Ordering::SeqCst);
}

fn wait_until(is_over: impl Fn() -> bool) {
    const PATIENCE: Duration = Duration::from_secs(5);
    const PAUSE: Duration = Duration::from_micros(100);
    let mut waited = Duration::ZERO;
    while !is_over() && waited < PATIENCE {
        sys::sleep(PAUSE);
        waited += PAUSE;
    }
}

fn within() -> u32 {
    let within = WITHIN.load(Ordering::SeqCst);
    if (within >> 32) as u32 == sys::fork_generation() { within as u32 } else { 0 }
}

fn count(change: impl Fn(u32) -> u32) {
    let process = sys::fork_generation();
    let mut before = WITHIN.load(Ordering::SeqCst);
    loop {
        let within = if (before >> 32) as u32 == process { before as u32 } else { 0 };
        let after = u64::from(process) << 32 | u64::from(change(within));
        match WITHIN.compare_exchange_weak(before, after, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => return,
            Err(now) => before = now,
        }
    }
}

fn wait_for_the_end() -> ! {
    loop {
        sys::sleep(Duration::from_secs(1));
    }
}
