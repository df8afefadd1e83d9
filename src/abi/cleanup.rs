//! Clean-up

use super::guard::guard;
use crate::cleanup;

/// Removes the socket files of this process. They are those that it would remove when it
/// closed its sockets, which stay open. At normal exit (exit(3), a return from main) this
/// is done by itself, once: what another thread opens meanwhile or later may stay. A program
/// that ends by _exit(2), by execve(2) or by a signal that it sends itself calls it (Python does
/// the last after a KeyboardInterrupt that nobody caught: atexit.register).
///
/// Returns how many files were removed.
///
/// -EBUSY: one that is still there could not be; try again.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_cleanup() -> i64 {
    guard(cleanup::remove_files)
}

/// Removes the socket files also when a signal ends the process. For this signal (SIGTERM,
/// say) a handler is installed, which removes them; then the process dies by the same
/// signal. A signal that the program handles, or ignores, does not end it: then nothing is
/// changed, and a handler that the program installs later takes the place of this one. If
/// the program has several copies of this library (plugins may bring them along) each that is
/// asked removes its files. A copy that has installed a handler stays loaded until the
/// process ends, also after dlclose.
///
/// It leaves no file, whatever the process is in the middle of: a thread that makes, publishes
/// or removes one has the signal blocked for that moment, and the handler waits for it, for five
/// seconds at most. (What another thread opens during this very call may be left.) Where another
/// process holds a directory's lock for more than a second the files there stay; they are no
/// obstacle to the next start.
///
/// Returns 0.
///
/// -EINVAL: no such signal, one that can't be caught, or whose default does not end the
/// process.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_cleanup_on_signal(signo: i32) -> i32 {
    guard(|| cleanup::remove_on_signal(signo).map(|()| 0))
}
