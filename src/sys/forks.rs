//! Whether this process has been forked, or has forked.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

static FORKS: AtomicU32 = AtomicU32::new(0);

/// A number that changes whenever this process forks, in the parent and in the child, once
/// [`count_forks`] has succeeded.
#[inline(always)]
pub(crate) fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// Counts forks from now on. Whether they can be counted. (A child that shares the parent's memory,
/// as vfork(2)'s does, is not counted: it has none of our descriptors once it has begun its
/// program.)
pub(crate) fn count_forks() -> bool {
    static ARE_COUNTED: AtomicBool = AtomicBool::new(false);
    extern "C" fn forked() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    if !ARE_COUNTED.load(Ordering::Acquire) {
        // SAFETY: a function that is there as long as the library is, and async-signal-safe.
        if unsafe { libc::pthread_atfork(None, Some(forked), Some(forked)) } != 0 {
            return false;
        }
        // (If two threads do this at once, each fork counts twice.)
        ARE_COUNTED.store(true, Ordering::Release);
    }
    true
}
