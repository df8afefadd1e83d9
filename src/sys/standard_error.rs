//! Standard error, which belongs to the program.

use std::mem::MaybeUninit;
use std::ptr;

use super::{block_signals, check_size, set_signal_mask};

/// Writes a line in one call, so that lines of several threads are not mixed. A line that can't be
/// written is lost, and raises no SIGPIPE.
pub(crate) fn write_line(line: &[u8]) {
    if !is_there() {
        return;
    }
    let was_pending = is_pipe_signal_pending();
    let before = block_signals(1 << (libc::SIGPIPE - 1));
    // SAFETY: the line is of this size.
    let written =
        check_size(unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) });
    if written.is_err() && !was_pending && is_pipe_signal_pending() {
        take_pipe_signal();
    }
    set_signal_mask(&before);
}

/// Whether standard error is open. If a program has closed it, its number belongs to what was
/// opened next: a socket of ours, say, whose peer must not read this. Most such descriptors are
/// close-on-exec, and standard error never is.
fn is_there() -> bool {
    // SAFETY: no pointers.
    let flags = unsafe { libc::fcntl(libc::STDERR_FILENO, libc::F_GETFD) };
    flags >= 0 && flags & libc::FD_CLOEXEC == 0
}

/// Whether a SIGPIPE has been sent, and is blocked.
fn is_pipe_signal_pending() -> bool {
    let mut pending = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: there is room for the set, which is then written.
    unsafe {
        libc::sigpending(pending.as_mut_ptr()) == 0
            && libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1
    }
}

/// Takes a pending SIGPIPE, without waiting for one.
fn take_pipe_signal() {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    let no_time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the set is ours, and made empty first; what the signal says is not asked for.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
        libc::sigtimedwait(set.as_ptr(), ptr::null_mut(), &raw const no_time);
    }
}
