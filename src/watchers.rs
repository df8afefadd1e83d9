//! Who watches a socket, and has to be told before it is closed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

#[derive(Default)]
pub(crate) struct Watchers(Mutex<State>);

#[derive(Default)]
struct State {
    /// By their handles.
    watchers: Vec<i64>,
    /// Nobody can begin any more.
    ended: bool,
}

impl Watchers {
    /// Only what all may do at once (accepting, that is) has more than one watcher.
    pub(crate) fn begin(&self, watcher: i64, shared: bool) -> Result<()> {
        let mut state = self.lock();
        let State { watchers, ended } = &mut *state;
        if *ended {
            return Err(Error::BAD_HANDLE);
        }
        if watchers.contains(&watcher) {
            return Ok(());
        }
        if !shared && !watchers.is_empty() {
            return Err(Error::BUSY);
        }
        watchers.try_reserve_exact(1).map_err(|_| Error::NO_MEMORY)?;
        watchers.push(watcher);
        Ok(())
    }

    pub(crate) fn stop(&self, watcher: i64) {
        self.lock().watchers.retain(|&handle| handle != watcher);
    }

    /// For ever: who is to be told.
    pub(crate) fn end(&self) -> Vec<i64> {
        let mut state = self.lock();
        state.ended = true;
        std::mem::take(&mut state.watchers)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
