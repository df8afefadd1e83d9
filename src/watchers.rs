//! Who watches a socket, and has to be told before it is closed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

#[derive(Default)]
pub(crate) struct Watchers(Mutex<State>);

/// By their handles.
#[derive(Default)]
struct State {
    /// As most have only one, it takes no memory.
    one: Option<i64>,
    others: Vec<i64>,
    /// Nobody can begin any more.
    ended: bool,
}

impl Watchers {
    /// Only what all may do at once (accepting, that is) has more than one watcher.
    pub(crate) fn begin(&self, watcher: i64, shared: bool) -> Result<()> {
        let mut state = self.lock();
        if state.ended {
            return Err(Error::BAD_HANDLE);
        }
        if state.one == Some(watcher) || state.others.contains(&watcher) {
            return Ok(());
        }
        match state.one {
            Some(_) if !shared => return Err(Error::BUSY),
            Some(_) => {
                state.others.try_reserve_exact(1)?;
                state.others.push(watcher);
            }
            None => state.one = Some(watcher),
        }
        Ok(())
    }

    /// Whether more than one is here.
    pub(crate) fn are_many(&self) -> bool {
        !self.lock().others.is_empty()
    }

    pub(crate) fn stop(&self, watcher: i64) {
        let mut state = self.lock();
        if state.one == Some(watcher) {
            state.one = state.others.pop();
        } else {
            state.others.retain(|&handle| handle != watcher);
        }
    }

    /// For ever: who is to be told.
    pub(crate) fn end(&self) -> impl Iterator<Item = i64> + use<> {
        let mut state = self.lock();
        state.ended = true;
        state.one.take().into_iter().chain(std::mem::take(&mut state.others))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
