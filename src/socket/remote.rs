//! What a client knows of the address that it connects to: its text, and since when it has been
//! refused there.

use std::ffi::{CStr, CString};
use std::hash::{DefaultHasher, Hash, Hasher};
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
    /// A hash of the address that this was seen at: each has a server of its own.
    refused_at: AtomicU64,
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
            refused_at: AtomicU64::new(0),
        }
    }
}

impl Remote {
    pub(crate) fn forget_refusals(&self) {
        self.refused_since.store(NOT_REFUSED, Ordering::Relaxed);
    }

    /// Whether the same attempt at this address may succeed later: with `retry` also if there is no
    /// server, or if it does not let anybody in yet. (A failure with an explanation, that /proc is
    /// missing for example, does not pass.)
    pub(crate) fn may_pass(&self, address: &CStr, failure: &Failure, retry: bool) -> bool {
        match failure {
            // A full queue: it has let this one in as far as that.
            Failure::Plain(Error::EAGAIN) => {
                self.forget_refusals();
                true
            }
            Failure::Plain(Error::ENOENT | Error::ECONNREFUSED) => {
                self.forget_refusals();
                retry
            }
            Failure::Plain(Error::EACCES | Error::EPERM) if retry => {
                let mut hasher = DefaultHasher::new();
                address.hash(&mut hasher);
                let here = hasher.finish();
                if self.refused_at.swap(here, Ordering::Relaxed) != here {
                    self.forget_refusals();
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: Failure = Failure::Plain(Error::EACCES);

    /// It was refused for longer than a server needs.
    fn refused_for_long(address: &CStr) -> Remote {
        let remote = Remote::default();
        assert!(remote.may_pass(address, &REFUSED, true));
        let began = Instant::now().checked_sub(2 * OPENING_TIME).expect("the machine runs longer");
        let remote = Remote { began, ..remote };
        assert!(!remote.may_pass(address, &REFUSED, true));
        remote
    }

    #[test]
    fn another_address_has_a_time_of_its_own_to_open() {
        let remote = refused_for_long(c"/one");
        assert!(remote.may_pass(c"/other", &REFUSED, true));
        // And so has whoever is at the first one by now.
        assert!(remote.may_pass(c"/one", &REFUSED, true));
    }

    #[test]
    fn whoever_let_it_in_and_has_no_room_refuses_anew() {
        for seen in [Error::EAGAIN, Error::ENOENT, Error::ECONNREFUSED] {
            let remote = refused_for_long(c"/one");
            assert!(remote.may_pass(c"/one", &Failure::Plain(seen), true));
            assert!(remote.may_pass(c"/one", &REFUSED, true), "after {seen:?}");
        }
    }
}
