//! The pollers that watch a socket, and have to be told before it is closed. No lock is taken.
//! Pollers of another process do not count: a forked child has its own copy of this.

use std::sync::atomic::{AtomicI64, Ordering, fence};

use super::Socket;
use crate::chain::Chain;
use crate::error::{Error, Result};
use crate::sys;

pub(crate) struct Watchers {
    /// A watcher in the process that opened the socket. Most sockets have only this one, which
    /// takes no further memory.
    first: Watcher,
    others: Chain<Entry>,
}

/// A poller's handle; 0: none.
struct Watcher(AtomicI64);

/// Set in the first one: no poller can begin any more. No handle has this bit.
const ENDED: i64 = 1 << 62;

struct Entry {
    /// The process that this is for (its fork generation).
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

    /// Puts a handle in another's place; 0: none. Whether the other one was there.
    fn replace(&self, from: i64, to: i64) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    fn take(&self, rest: i64) -> i64 {
        self.0.swap(rest, Ordering::AcqRel) & !ENDED
    }
}

/// `opener` is the process that opened the socket.
impl Watchers {
    pub(crate) fn new() -> Self {
        Self { first: Watcher(AtomicI64::new(0)), others: Chain::default() }
    }

    /// Begins to watch. With `shared` a socket may have more than one watcher: all of them may
    /// accept at once. (No poller begins twice at once.)
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

    /// Whether this process has more than one watcher.
    pub(crate) fn are_many(&self, opener: u32) -> bool {
        let all = self.of(opener, sys::fork_generation());
        all.filter(|there| there.handle() != 0).nth(1).is_some()
    }

    pub(crate) fn stop(&self, opener: u32, watcher: i64) {
        self.of(opener, sys::fork_generation()).any(|there| there.replace(watcher, 0));
    }

    /// Ends all watching for ever. Returns the pollers that have to be told.
    pub(crate) fn end(&self, opener: u32) -> impl Iterator<Item = i64> {
        let process = sys::fork_generation();
        let first = self.first.take(ENDED);
        fence(Ordering::SeqCst);
        let others = self.others.iter().filter(move |there| there.process == process);
        let others = others.map(|there| there.watcher.take(0));
        let first = (opener == process).then_some(first);
        first.into_iter().chain(others).filter(|watcher| *watcher != 0)
    }

    /// The watchers of this process.
    fn of(&self, opener: u32, process: u32) -> impl Iterator<Item = &Watcher> {
        let first = (opener == process).then_some(&self.first);
        let others = self.others.iter().filter(move |there| there.process == process);
        first.into_iter().chain(others.map(|there| &there.watcher))
    }
}

impl Socket {
    /// A poller watches it from now on.
    pub(crate) fn begin_watching(&self, watcher: i64, shared: bool) -> Result<()> {
        self.watchers.begin(self.process, watcher, shared)
    }

    pub(crate) fn stop_watching(&self, watcher: i64) {
        self.watchers.stop(self.process, watcher);
    }

    /// Whether several pollers may wait for its clients. If this process got it by a fork, those of
    /// other processes may.
    pub(crate) fn has_many_pollers(&self) -> bool {
        !self.is_of_this_process() || self.watchers.are_many(self.process)
    }

    /// No poller can watch it from now on. Returns those that did, which have to be told. (A
    /// parent's watchers are not its forked child's.)
    pub(crate) fn end_watching(&self) -> impl Iterator<Item = i64> {
        self.watchers.end(self.process)
    }
}
