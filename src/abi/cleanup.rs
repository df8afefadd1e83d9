//! Clean-up

use super::guard::guard;
use crate::cleanup;

/// Removes the socket files of this process: those that udsock_close would remove. The sockets
/// stay open. At a normal exit (exit(3), a return from main) the library does this by itself,
/// once: files that other threads make meanwhile or later may stay. A program that ends by
/// _exit(2), by execve(2) or by a signal that it sends to itself has to call this before.
/// (Python does the last after an uncaught KeyboardInterrupt; there use atexit.register.)
///
/// Returns how many files were removed.
///
/// -EBUSY: a file that is still there could not be removed; try again.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_cleanup() -> i64 {
    guard(cleanup::remove_files)
}

/// Has the socket files removed also when this signal (SIGTERM, say) ends the process. The
/// library installs a handler, which removes the files and then lets the process die by the
/// same signal. If the program handles or ignores the signal, the signal does not end the
/// process, and this call changes nothing. A handler that the program installs later replaces
/// the library's.
///
/// If the program has several copies of this library (plugins may bring them along), each copy
/// whose call was made removes its own files. A copy that has installed a handler stays loaded
/// until the process ends, even after dlclose.
///
/// No file is left, whatever the process is in the middle of. A thread that makes, publishes or
/// removes a file has the signal blocked for that moment, and the handler waits for it, for
/// five seconds at most. Two exceptions: a file that another thread makes during this very call
/// may be left; and if another process holds a directory's lock for more than a second, the
/// files in that directory stay. The next start removes them.
///
/// Returns 0.
///
/// -EINVAL: there is no such signal, it can't be caught, or its default does not end the
/// process.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_cleanup_on_signal(signo: i32) -> i32 {
    guard(|| cleanup::remove_on_signal(signo).map(|()| 0))
}
