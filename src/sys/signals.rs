//! Signals: what they do to this process.

use std::mem::{MaybeUninit, zeroed};
use std::ptr;

use super::check;
use crate::error::Result;

/// Whether the signal's disposition is the default. `INVALID`: there is no such signal.
pub(crate) fn is_default(signal: i32) -> Result<bool> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: NULL changes nothing, and there is room for the action.
    check(unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, so it has been written.
    let action = unsafe { action.assume_init() };
    Ok(action.sa_sigaction == libc::SIG_DFL)
}

/// Installs a handler, which runs with all signals blocked.
pub(crate) fn set_handler(signal: i32, handler: extern "C" fn(i32)) -> Result<()> {
    // SAFETY: numbers and pointers: all zero is an empty action.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_ONSTACK;
    // SAFETY: the set is ours; the action is whole, and its handler async-signal-safe.
    check(unsafe {
        libc::sigfillset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, ptr::null_mut())
    })
    .map(drop)
}

/// From a handler: ends the process by this signal, as if there were no handler.
pub(crate) fn die_of(signal: i32) -> ! {
    // SAFETY: all of these are async-signal-safe. All zero is the default action.
    unsafe {
        let action: libc::sigaction = zeroed();
        libc::sigaction(signal, &raw const action, ptr::null_mut());
        libc::raise(signal);
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut());
        // Here the signal comes. If it can't, this is what a shell would show.
        libc::_exit(128 + signal)
    }
}
