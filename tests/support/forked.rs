//! A forked child that lives on until it is told to end.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A forked child, killed with its owner.
pub struct Forked(i32);

impl Forked {
    /// Returns once the child has done this, which it keeps until it is killed. Only in a
    /// process where no other thread does anything.
    pub fn holding<T>(body: impl FnOnce() -> T) -> Self {
        let (mut told, mut tell) = crate::pipe();
        // SAFETY: no other thread does anything now.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            become_ordinary();
            let held = catch_unwind(AssertUnwindSafe(body));
            // Who panicked ends, and its end of the pipe with it: the parent must not wait for it.
            if held.is_ok() {
                let _ = tell.write_all(b"x");
                // SAFETY: no pointers. Until a signal ends it.
                unsafe { libc::pause() };
            }
            // SAFETY: no pointers. It does not unwind into the runner.
            unsafe { libc::_exit(1) };
        }
        let child = Self(pid);
        drop(tell);
        let mut byte = [0];
        told.read_exact(&mut byte).expect("the child did as it was told");
        child
    }

    pub fn pid(&self) -> i32 {
        self.0
    }
}

/// What a change of user has left, the way back to root and a process that others may not
/// look into, is no other process's: an ordinary user's process has neither.
fn become_ordinary() {
    // SAFETY: no pointers.
    unsafe {
        let (uid, gid) = (libc::geteuid(), libc::getegid());
        libc::setresgid(gid, gid, gid);
        libc::setresuid(uid, uid, uid);
        libc::prctl(libc::PR_SET_DUMPABLE, 1);
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        // SAFETY: our child, not yet waited for.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, std::ptr::null_mut(), 0);
        }
    }
}
