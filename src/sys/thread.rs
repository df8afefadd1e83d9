//! The calling thread.

/// Tells the calling thread from most others.
pub(crate) fn thread_number() -> usize {
    const PAGE: usize = 4096;
    // SAFETY: no pointers. It is an address on the thread's stack.
    unsafe { libc::pthread_self() as usize / PAGE }
}
