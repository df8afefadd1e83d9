//! Removing socket files at the end of the process: on normal exit, and on the signals that were
//! named.

use std::mem;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::critical_section;
use crate::directory::{Lock, Removal};
use crate::error::{Error, Result};
use crate::socket_file;
use crate::sys;

/// Removes the files of all open sockets. Returns how many.
pub(crate) fn remove_files() -> Result<i64> {
    let mut patience = Lock::PATIENCE;
    let mut count = 0;
    let mut failed = None;
    for file in socket_file::all() {
        let removal = shortened(&mut patience, |patience| file.remove(patience));
        file.tell_removal(0, removal);
        match removal {
            Ok(removal) => count += i64::from(removal == Removal::Done),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(count), Err)
}

/// The lock is waited for only once, whoever holds it: nobody is to hold up the end of this process
/// for longer.
fn shortened(
    patience: &mut Duration,
    remove: impl FnOnce(Duration) -> Result<Removal>,
) -> Result<Removal> {
    let result = remove(*patience);
    if result == Err(Error::EBUSY) {
        *patience = Duration::ZERO;
    }
    result
}

/// From now on the files are removed when the process ends normally.
pub(crate) fn remove_at_exit() -> Result<()> {
    static ARRANGED: AtomicBool = AtomicBool::new(false);
    // No Once: a child that is forked in its middle would wait for ever.
    if !ARRANGED.load(Ordering::Relaxed) && !ARRANGED.swap(true, Ordering::Relaxed) {
        sys::at_exit(at_exit).inspect_err(|_| ARRANGED.store(false, Ordering::Relaxed))?;
    }
    Ok(())
}

extern "C" fn at_exit() {
    // (exit(3) in a child of vfork, which should be _exit.)
    if sys::is_guest() {
        return;
    }
    let before = sys::hold_off_cancel();
    let _ = panic::catch_unwind(remove_files);
    sys::let_cancel(before);
}

/// From now on the files are removed when this signal ends the process. A signal that does not end
/// it (it has a handler, or is ignored) is left as it is.
pub(crate) fn remove_on_signal(signal: i32) -> Result<()> {
    const HARMLESS: [i32; 7] = [
        libc::SIGCHLD,
        libc::SIGCONT,
        libc::SIGURG,
        libc::SIGWINCH,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
    ];
    if signal == libc::SIGKILL || signal == libc::SIGSTOP || HARMLESS.contains(&signal) {
        return Err(Error::EINVAL);
    }
    if sys::add_handler(signal, on_signal)? {
        critical_section::defer(signal);
    }
    Ok(())
}

/// Does only what is async-signal-safe: system calls, and looks at the table, which has no lock. No
/// thread of this process holds a directory's lock, since that is done in critical sections only.
extern "C" fn on_signal(signal: i32) {
    if sys::is_guest() {
        // A child of vfork, before it has begun its program: only the child ends.
        sys::call_next_handler(signal);
        sys::die_of(signal);
    }
    let before = sys::hold_off_cancel();
    if !critical_section::end() {
        // Another thread removes the files, or another copy of the library, which this one has
        // called.
        return sys::let_cancel(before);
    }
    let mut patience = Lock::PATIENCE;
    for file in socket_file::all() {
        let _ = shortened(&mut patience, |patience| file.remove_in_section(patience));
        // If this were the last user of a file whose socket is being closed, dropping it would free
        // memory.
        mem::forget(file);
    }
    critical_section::note_end();
    sys::call_next_handler(signal);
    sys::die_of(signal);
}
