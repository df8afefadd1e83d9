//! A lock among the threads of this process, where no atomic step is enough. What it guards is
//! whole at every moment. If a thread of the parent holds it at a fork, nobody holds it in the
//! child, which does not have that thread.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::sys;

/// The process whose thread holds it; 0: nobody does.
#[derive(Default)]
pub(crate) struct ProcessLock(AtomicU32);

/// Held until it is dropped.
pub(crate) struct Held<'a> {
    lock: &'a ProcessLock,
    process: u32,
}

impl ProcessLock {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn hold(&self) -> Held<'_> {
        self.hold_within(Duration::MAX).expect("for ever is long enough")
    }

    /// `None`: the holder does not let go in time (a debugger has stopped that thread, for
    /// example).
    pub(crate) fn hold_within(&self, patience: Duration) -> Option<Held<'_>> {
        const LONGEST_PAUSE: Duration = Duration::from_millis(1);
        let process = sys::fork_generation();
        let mut pause = Duration::from_micros(20);
        let mut waited = Duration::ZERO;
        loop {
            let holder = self.0.load(Ordering::Relaxed);
            if holder == process {
                if waited >= patience {
                    return None;
                }
                sys::sleep(pause);
                waited += pause;
                pause = LONGEST_PAUSE.min(pause * 2);
            } else if self
                .0
                .compare_exchange(holder, process, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
            {
                return Some(Held { lock: self, process });
            }
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let Self { lock, process } = *self;
        // (A child that a signal handler has forked may come back here. It has not got it.)
        let _ = lock.0.compare_exchange(process, 0, Ordering::Release, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    #[test]
    fn only_one_thread_holds_it() {
        static LOCK: ProcessLock = ProcessLock::new();
        static IS_HELD: AtomicBool = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let _held = LOCK.hold();
                        assert!(!IS_HELD.swap(true, Ordering::Relaxed));
                        IS_HELD.store(false, Ordering::Relaxed);
                    }
                });
            }
        });
    }

    #[test]
    fn what_another_process_held_can_be_had() {
        let lock = ProcessLock::new();
        lock.0.store(sys::fork_generation() + 1, Ordering::Relaxed);
        drop(lock.hold());
        assert_eq!(lock.0.load(Ordering::Relaxed), 0);
    }
}
