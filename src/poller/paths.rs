//! Servers that get their path back when they have lost it: the poller, which waits for their
//! clients, sees to that.

use std::time::Duration;

use super::{PATH, Poller};
use crate::error::{Error, Result};
use crate::handles;
use crate::socket::Socket;
use crate::sys;

impl Poller {
    /// Watches the names of the server's file, if its path is claimed.
    pub(super) fn watch_path(&self, handle: i64, server: &Socket) -> Result<()> {
        let file = server.claimed_file();
        let Some(claim) = file.as_ref().and_then(|file| file.claim()) else { return Ok(()) };
        for reason in claim.reasons() {
            match sys::watch(self.epoll(), reason, sys::READABLE, handle as u64 | PATH) {
                Err(Error::EEXIST) => {}
                result => result?,
            }
        }
        Ok(())
    }

    pub(super) fn unwatch_path(&self, server: &Socket) {
        let file = server.claimed_file();
        if let Some(claim) = file.as_ref().and_then(|file| file.claim()) {
            for reason in claim.reasons() {
                let _ = sys::unwatch(self.epoll(), reason);
            }
        }
    }
}

pub(super) fn restore(handle: i64, patience: Duration) {
    // The loss is reported only once, so a lock that is held for a moment is waited for in any
    // case.
    let patience = patience.max(Duration::from_millis(20));
    if let Some(file) = handles::get(handle).ok().and_then(|server| server.claimed_file()) {
        file.restore_if_told(handle, patience);
    }
}
