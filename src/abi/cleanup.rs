//! Clean-up

use super::guard::guard;
use crate::cleanup;

/// Removes the socket files of this process: those that udsock_close would remove. The sockets
/// stay open. At a normal exit (exit(3), a return from main) the library does this by itself,
/// once: files that other threads make meanwhile or later may stay. A program that ends in
/// another way has to call it: by _exit(2), by execve(2), or by a signal that it sends to
/// itself. (Python does the last after a KeyboardInterrupt that nobody caught:
/// atexit.register.)
///
/// Returns how many files were removed.
///
/// -EBUSY: a file that is still there could not be removed; try again.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_cleanup() -> i64 {
    guard(cleanup::remove_files)
}

/// Removes the socket files also when a signal ends the process. The library installs a handler
/// for this signal (SIGTERM, say). The handler removes the files, and then the process dies by
/// the same signal. If the program handles or ignores the signal, it does not end the process:
/// then the call changes nothing. A handler that the program installs later takes the place of
/// this one.
///
/// If the program has several copies of this library (plugins may bring them along), each copy
/// that is asked removes its files. A copy that has installed a handler stays loaded until the
/// process ends, also after dlclose.
///
/// No file is left, whatever the process is in the middle of. A thread that makes, publishes or
/// removes a file has the signal blocked for that moment, and the handler waits for it, for
/// five seconds at most. Two exceptions: what another thread opens during this very call may be
/// left; and where another process holds a directory's lock for more than a second, the files
/// there stay. They are no obstacle to the next start.
///
/// Returns 0.
///
/// -EINVAL: there is no such signal, it can't be caught, or its default does not end the
/// process.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_cleanup_on_signal(signo: i32) -> i32 {
    guard(|| cleanup::remove_on_signal(signo).map(|()| 0))
}
