//! What a client knows of the address that it connects to: its text, and since when it has been
//! refused there.

use std::ffi::CString;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::failure::Failure;
use crate::sys::Replaced;

pub(crate) struct Remote {
    /// The address that it was connected to last.
    pub(crate) address: Replaced<CString>,
    began: Instant,
    /// Since when nothing but refusals has been seen, in milliseconds from `began`.
    refused_since: AtomicU64,
}

/// How long a server may take to open its file to others. Many make it first and open it afterwards
/// (bind, chmod). That takes microseconds, but a process may be held up in between.
const OPENING_TIME: Duration = Duration::from_secs(1);

const NOT_REFUSED: u64 = u64::MAX;

impl Default for Remote {
    fn default() -> Self {
        Self {
            address: Replaced::default(),
            began: Instant::now(),
            refused_since: AtomicU64::new(NOT_REFUSED),
        }
    }
}

impl Remote {
    pub(crate) fn forget_refusals(&self) {
        self.refused_since.store(NOT_REFUSED, Ordering::Relaxed);
    }

    /// Whether the same attempt may succeed later: with `retry` also if there is no server, or if
    /// it does not let anybody in yet. (A failure with an explanation, that /proc is missing for
    /// example, does not pass.)
    pub(crate) fn may_pass(&self, failure: &Failure, retry: bool) -> bool {
        match failure {
            Failure::Plain(Error::EAGAIN) => true,
            Failure::Plain(Error::ENOENT | Error::ECONNREFUSED) => {
                self.forget_refusals();
                retry
            }
            Failure::Plain(Error::EACCES | Error::EPERM) if retry => {
                let now = self.began.elapsed();
                let _ = self.refused_since.compare_exchange(
                    NOT_REFUSED,
                    now.as_millis() as u64,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                let since = Duration::from_millis(self.refused_since.load(Ordering::Relaxed));
                now.saturating_sub(since) < OPENING_TIME
            }
            _ => false,
        }
    }
}
