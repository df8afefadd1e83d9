//! A thread that is known to sleep in a poller.

use std::panic;
use std::sync::mpsc;
use std::thread::{Scope, ScopedJoinHandle, sleep};
use std::time::{Duration, Instant};

use support::sleeping::is_asleep;

/// A thread in a call.
pub struct Sleeper<'scope, T> {
    thread: ScopedJoinHandle<'scope, T>,
    id: i32,
}

/// Starts the call on a thread, and returns once that thread sleeps.
pub fn asleep<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    call: impl FnOnce() -> T + Send + 'scope,
) -> Sleeper<'scope, T> {
    let (tell, told) = mpsc::channel();
    let thread = scope.spawn(move || {
        // SAFETY: no pointers.
        tell.send(unsafe { libc::gettid() }).unwrap();
        call()
    });
    let id = told.recv().expect("the thread has started");
    let start = Instant::now();
    while !thread.is_finished() && !is_asleep(id) && start.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_micros(200));
    }
    Sleeper { thread, id }
}

impl<T> Sleeper<'_, T> {
    pub fn id(&self) -> i32 {
        self.id
    }

    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    pub fn join(self) -> T {
        self.thread.join().unwrap_or_else(|payload| panic::resume_unwind(payload))
    }

    /// Sends the signal until the call ends.
    pub fn interrupt(self, signal: i32) -> T {
        while !self.thread.is_finished() {
            // SAFETY: no pointers.
            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), self.id, signal) };
            sleep(Duration::from_millis(1));
        }
        self.join()
    }
}
