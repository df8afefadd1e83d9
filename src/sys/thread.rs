//! The calling thread.

use std::ffi::c_int;
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use super::poll;
use crate::error::Error;

// Not in the libc crate. (With these states it neither unwinds nor fails.)
unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}

const CANCEL_DISABLE: c_int = 1;

/// A number that tells the calling thread from most others.
pub(crate) fn thread_number() -> usize {
    const PAGE: usize = 4096;
    // SAFETY: no pointers. It is an address on the thread's stack.
    unsafe { libc::pthread_self() as usize / PAGE }
}

/// A number that tells the calling thread from all others of the machine, as long as it lives.
pub(crate) fn thread_id() -> u32 {
    // SAFETY: no pointers. (By its number: older C libraries have no name for it.)
    unsafe { libc::syscall(libc::SYS_gettid) as u32 }
}

/// Lets the calling thread sleep for so long, whatever signals come. If a filter of system calls does
/// not allow that, the thread only gives way. (std's own panics then.) Async-signal-safe.
pub(crate) fn sleep(time: Duration) {
    let start = Instant::now();
    while let Some(left) = time.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
        if poll([], Some(left)).is_err_and(|error| error != Error::EINTR) {
            return thread::yield_now();
        }
    }
}

/// From now on pthread_cancel(3) does not end the calling thread. Returns what
/// [`let_cancel`] takes.
#[inline(always)]
pub(crate) fn hold_off_cancel() -> c_int {
    let mut before = 0;
    // SAFETY: a state that exists, and room for the one before.
    unsafe { pthread_setcancelstate(CANCEL_DISABLE, &raw mut before) };
    before
}

/// Restores the former state. A thread that may be cancelled at any moment may end in here.
#[inline(always)]
pub(crate) fn let_cancel(before: c_int) {
    // SAFETY: a state that there was.
    unsafe { pthread_setcancelstate(before, ptr::null_mut()) };
}
