//! The pollers that watch a socket, and have to be told before it is closed. No lock is taken;
//! those of another process do not count: a forked child has its own copy of this.

use std::sync::atomic::{AtomicI64, Ordering, fence};

use crate::chain::Chain;
use crate::error::{Error, Result};
use crate::sys;

pub(crate) struct Watchers {
    /// For the process that has opened it. As most have only one, and in one process, it takes no
    /// memory.
    first: Watcher,
    others: Chain<Entry>,
}

/// By its handle; 0: nobody.
struct Watcher(AtomicI64);

/// In the first one: nobody can begin any more. No handle has this bit.
const ENDED: i64 = 1 << 62;

struct Entry {
    /// For whose watcher it is (its fork generation).
    process: u32,
    watcher: Watcher,
}

impl Entry {
    fn new(process: u32, watcher: i64) -> Self {
        Self { process, watcher: Watcher(AtomicI64::new(watcher)) }
    }
}

impl Watcher {
    fn handle(&self) -> i64 {
        self.0.load(Ordering::Relaxed) & !ENDED
    }

    /// Whether it was the first one's until now. 0: nobody's.
    fn replace(&self, from: i64, to: i64) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    fn take(&self, rest: i64) -> i64 {
        self.0.swap(rest, Ordering::AcqRel) & !ENDED
    }
}

/// Each call is told which process has opened the socket.
impl Watchers {
    pub(crate) fn new() -> Self {
        Self { first: Watcher(AtomicI64::new(0)), others: Chain::default() }
    }

    /// Only what all may do at once (accepting, that is) has more than one watcher. (The same
    /// one does not begin twice at once.)
    pub(crate) fn begin(&self, opener: u32, watcher: i64, shared: bool) -> Result<()> {
        let process = sys::fork_generation();
        if self.of(opener, process).any(|there| there.handle() == watcher) {
            return Ok(());
        }
        let begins = if shared {
            if !self.of(opener, process).any(|there| there.replace(0, watcher)) {
                self.others.push(Chain::room()?, Entry::new(process, watcher));
            }
            true
        } else {
            let one = match self.of(opener, process).next() {
                Some(one) => one,
                None => {
                    let is_it = |there: &Entry| there.process == process;
                    let new = Entry::new(process, 0);
                    &self.others.find_or_push(is_it, Chain::room()?, new).watcher
                }
            };
            one.replace(0, watcher)
        };
        // Either this sees the end, or the end sees the watcher.
        fence(Ordering::SeqCst);
        if self.first.0.load(Ordering::Relaxed) & ENDED != 0 {
            self.stop(opener, watcher);
            return Err(Error::EBADF);
        }
        if begins { Ok(()) } else { Err(Error::EBUSY) }
    }

    /// Whether more than one is here.
    pub(crate) fn are_many(&self, opener: u32) -> bool {
        let all = self.of(opener, sys::fork_generation());
        all.filter(|there| there.handle() != 0).nth(1).is_some()
    }

    pub(crate) fn stop(&self, opener: u32, watcher: i64) {
        self.of(opener, sys::fork_generation()).any(|there| there.replace(watcher, 0));
    }

    /// For ever: who is to be told.
    pub(crate) fn end(&self, opener: u32) -> impl Iterator<Item = i64> {
        let process = sys::fork_generation();
        let first = self.first.take(ENDED);
        fence(Ordering::SeqCst);
        let others = self.others.iter().filter(move |there| there.process == process);
        let others = others.map(|there| there.watcher.take(0));
        let first = (opener == process).then_some(first);
        first.into_iter().chain(others).filter(|watcher| *watcher != 0)
    }

    /// Those of this process.
    fn of(&self, opener: u32, process: u32) -> impl Iterator<Item = &Watcher> {
        let first = (opener == process).then_some(&self.first);
        let others = self.others.iter().filter(move |there| there.process == process);
        first.into_iter().chain(others.map(|there| &there.watcher))
    }
}
