//! The pollers that watch a socket, and have to be told before it is closed. No lock is taken;
//! those of another process do not count: a forked child has its own copy of this.

use std::iter;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering, fence};

use crate::chain::Chain;
use crate::error::{Error, Result};
use crate::sys;

pub(crate) struct Watchers {
    /// As most have only one, and in one process, it takes no memory.
    first: Entry,
    others: Chain<Entry>,
}

struct Entry {
    /// For whose watcher it is (its fork generation).
    process: u32,
    /// In the first one: nobody can begin any more. (It takes no memory here.)
    ended: AtomicBool,
    /// By its handle; 0: nobody.
    watcher: AtomicI64,
}

impl Entry {
    fn new(process: u32, watcher: i64) -> Self {
        Self { process, ended: AtomicBool::new(false), watcher: AtomicI64::new(watcher) }
    }

    fn is(&self, watcher: i64) -> bool {
        self.watcher.load(Ordering::Relaxed) == watcher
    }

    /// Whether it was the first one's until now. 0: nobody's.
    fn replace(&self, from: i64, to: i64) -> bool {
        self.watcher.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

impl Watchers {
    /// Of a socket that this process opens.
    pub(crate) fn new(process: u32) -> Self {
        Self { first: Entry::new(process, 0), others: Chain::default() }
    }

    /// Only what all may do at once (accepting, that is) has more than one watcher. (The same
    /// one does not begin twice at once.)
    pub(crate) fn begin(&self, watcher: i64, shared: bool) -> Result<()> {
        let process = sys::fork_generation();
        if self.of(process).any(|entry| entry.is(watcher)) {
            return Ok(());
        }
        if shared {
            if !self.of(process).any(|entry| entry.replace(0, watcher)) {
                self.others.push(Chain::room()?, Entry::new(process, watcher));
            }
        } else {
            let one = match self.of(process).next() {
                Some(one) => one,
                None => {
                    let is_it = |there: &Entry| there.process == process;
                    self.others.find_or_push(is_it, Chain::room()?, Entry::new(process, 0))
                }
            };
            if !one.replace(0, watcher) {
                return Err(Error::EBUSY);
            }
        }
        // Either this sees the end, or the end sees the watcher.
        fence(Ordering::SeqCst);
        if self.first.ended.load(Ordering::Relaxed) {
            self.stop(watcher);
            return Err(Error::EBADF);
        }
        Ok(())
    }

    /// Whether more than one is here.
    pub(crate) fn are_many(&self) -> bool {
        self.of(sys::fork_generation()).filter(|entry| !entry.is(0)).nth(1).is_some()
    }

    pub(crate) fn stop(&self, watcher: i64) {
        self.of(sys::fork_generation()).any(|entry| entry.replace(watcher, 0));
    }

    /// For ever: who is to be told.
    pub(crate) fn end(&self) -> impl Iterator<Item = i64> {
        self.first.ended.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.of(sys::fork_generation())
            .map(|entry| entry.watcher.swap(0, Ordering::AcqRel))
            .filter(|watcher| *watcher != 0)
    }

    /// Those of this process.
    fn of(&self, process: u32) -> impl Iterator<Item = &Entry> {
        let all = iter::once(&self.first).chain(self.others.iter());
        all.filter(move |entry| entry.process == process)
    }
}
