//! Many sockets, few calls: one wait reports what happened to many of them, with their data, and
//! one send takes answers for many of them.
//!
//! Everything is level-triggered: what one round does not take, the next one reports. So the poller
//! queues nothing but what the kernel does not keep: answers for which it has no room. And it
//! receives nothing that it can't report: what has no room in the caller's memory stays in the
//! kernel.

use std::any::Any;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::counters::Counts;
use crate::error::{Error, Result};
use crate::handles::{self, Watcher};
use crate::socket::Socket;
use crate::sys::{self, Ready};
use crate::wait::Wait;

mod input;
mod items;
mod locked;
mod member;
mod membership;
mod output;
mod paths;
mod pauses;
mod round;
mod sender;
mod turns;
mod unsent;
mod visit;

pub(crate) use items::{Item, Items};
use locked::{Locked, note_unsent};
pub(crate) use member::{Manner, Then};
pub(crate) use round::{Event, EventKind, Report, Round};
use visit::Visit;

/// The limits of a poller, for each socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many bytes may wait to be sent.
    pub(crate) send: usize,
    /// How many bytes of a stream one receive takes at most.
    pub(crate) receive: usize,
}

pub(crate) struct Poller {
    handle: i64,
    /// The process that made it (its fork generation). A forked child has the same epoll, but only
    /// a copy of the state, which another thread may have been changing at the fork.
    process: u32,
    epoll: OwnedFd,
    /// Readable from a wake-up until a wait ends by it; once the poller is closed, for ever.
    wake: OwnedFd,
    /// Readable when a pause is over.
    clock: OwnedFd,
    limits: Limits,
    closed: AtomicBool,
    locked: Mutex<Locked>,
}

/// The numbers of what is watched besides members. Handles are larger.
const WAKE: u64 = 1;
const CLOCK: u64 = 2;
/// Added to a server's handle, for the names of its file. No handle has this bit.
const PATH: u64 = 1 << 62;

impl Poller {
    pub(crate) fn create(handle: i64, limits: Limits) -> Result<Self> {
        let poller = Self {
            handle,
            process: sys::fork_generation(),
            epoll: sys::epoll()?,
            wake: sys::eventfd()?,
            clock: sys::timer()?,
            limits,
            closed: AtomicBool::new(false),
            locked: Mutex::default(),
        };
        sys::watch(poller.epoll(), poller.wake.as_fd(), sys::READABLE, WAKE)?;
        sys::watch(poller.epoll(), poller.clock.as_fd(), sys::READABLE, CLOCK)?;
        Ok(poller)
    }

    /// Waits until something happens, and reports it. Returns the number of events; 0: the wait was
    /// woken, or was not to wait.
    pub(crate) fn wait(
        &self,
        round: &mut Round<'_, impl Report>,
        wait: &mut Wait,
    ) -> Result<usize> {
        let mut ready = Ready::new();
        loop {
            let mut locked = self.lock()?;
            self.serve_unserved(&mut locked, round);
            self.unlock(locked);
            if round.count() > 0 {
                // No member is served twice in one call. Otherwise a call could bring data and,
                // behind it, the end, at which a program closes the socket.
                return Ok(round.count());
            }
            if let Err(error) = self.sleep(&mut ready, round.room(), wait) {
                // Closing outranks a signal, as in every wait.
                return Err(if self.is_closed() { Error::Closed } else { error });
            }
            let mut locked = self.lock()?;
            let mut woken = false;
            for (number, events) in ready.iter() {
                match number {
                    WAKE => woken |= self.lower_wake(),
                    CLOCK => self.end_pauses(&mut locked, round),
                    number if number & PATH != 0 => {}
                    handle => {
                        // If there is no memory to put it off, the kernel reports it again, though
                        // perhaps not first.
                        self.visit(&mut locked, handle as i64, |mut visit| {
                            visit.serve_or_put_off(events, round)
                        });
                    }
                }
            }
            self.unlock(locked);
            // Restoring a path may report to the log, which is not done under a lock.
            let paths = ready.iter().filter(|(number, _)| number & PATH != 0);
            paths.for_each(|(number, _)| {
                paths::restore((number & !PATH) as i64, wait.patience());
            });
            if round.count() > 0 || woken || wait.is_none() {
                return Ok(round.count());
            }
            wait.check()?;
        }
    }

    /// Sleeps until something is ready, and takes at most `most` of it. If there is no time to
    /// wait, it only looks.
    fn sleep(&self, ready: &mut Ready, most: usize, wait: &mut Wait) -> Result<()> {
        ready.look(self.epoll(), most)?;
        if !ready.is_empty() || wait.is_none() {
            return Ok(());
        }
        let time = wait.time_left()?;
        self.lock()?.counts.sleeps += 1;
        if self.shares_a_server()? {
            return ready.wait(self.epoll(), most, time);
        }
        sys::poll([(Some(self.epoll()), libc::POLLIN)], time)?;
        ready.look(self.epoll(), most)
    }

    /// Whether one of the servers is in another poller, too.
    fn shares_a_server(&self) -> Result<bool> {
        let mut locked = self.lock()?;
        let Locked { servers, members, .. } = &mut *locked;
        servers.retain(|server| members.get_mut(*server).is_some());
        let mut servers = servers.iter().filter_map(|server| handles::get(*server).ok());
        Ok(servers.any(|server| server.has_many_pollers()))
    }

    /// Serves the members that the last round had no room for.
    fn serve_unserved(&self, locked: &mut Locked, round: &mut Round<'_, impl Report>) {
        let mut unserved = std::mem::take(&mut locked.unserved);
        let served = unserved
            .iter()
            .take_while(|(handle, events)| {
                // The kernel reports whether it is still ready.
                let is_told = locked.members.get_mut(*handle).is_some_and(|member| {
                    !member.is_lost && member.tells_readiness(round.has_arena())
                });
                let serve = |mut visit: Visit<'_>| visit.serve(*events, round);
                is_told || self.visit(locked, *handle, serve).unwrap_or(true)
            })
            .count();
        unserved.drain(..served);
        locked.unserved = unserved;
    }

    /// Ends the wait that is under way, or the next one.
    pub(crate) fn wake(&self) -> Result<()> {
        self.check()?;
        sys::raise(self.wake.as_fd());
        Ok(())
    }

    /// Takes a wake-up, so that no other wait gets it. Whether there was one.
    fn lower_wake(&self) -> bool {
        let woken = sys::lower(self.wake.as_fd());
        if self.is_closed() {
            // The wake-up of a close is for all waits.
            sys::raise(self.wake.as_fd());
        }
        woken
    }

    pub(crate) fn counts(&self) -> Result<Counts> {
        Ok(self.lock()?.counts)
    }

    /// A descriptor that is readable when a wait would find something.
    pub(crate) fn raw_fd(&self) -> Result<RawFd> {
        self.check()?;
        Ok(self.epoll.as_raw_fd())
    }

    fn epoll(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Whether it is open, and this process's.
    fn check(&self) -> Result<()> {
        if !self.is_of_this_process() {
            return Err(Error::EBADF);
        }
        if self.is_closed() { Err(Error::Closed) } else { Ok(()) }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// At a fork another thread of the parent, which does not exist in the child, may have been
/// changing the state. So the child does not touch it, not even to free it.
impl Drop for Poller {
    fn drop(&mut self) {
        if !self.is_of_this_process() {
            let locked = self.locked.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(std::mem::take(locked));
        }
    }
}

impl Watcher for Poller {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        if !self.is_of_this_process() {
            return;
        }
        sys::raise(self.wake.as_fd());
        let mut locked = self.lock_even_closed();
        for slot in 0..locked.members.slots() {
            let Locked { members, notes, counts, .. } = &mut *locked;
            let Some(member) = members.get_mut(members.in_slot(slot)) else {
                continue;
            };
            note_unsent(member, notes, counts);
            if let Ok(socket) = handles::get(member.socket) {
                socket.stop_watching(self.handle);
            }
        }
        let notes = std::mem::take(&mut locked.notes);
        drop(locked);
        locked::tell(&notes);
    }

    fn take_away(&self) -> Result<()> {
        let nothing = sys::open_path(c"/", 0)?;
        sys::replace(self.epoll(), nothing.as_fd())
    }

    fn is_of_this_process(&self) -> bool {
        self.process == sys::fork_generation()
    }

    fn forget(&self, handle: i64, socket: &Socket) {
        if !self.is_of_this_process() {
            return;
        }
        let mut locked = self.lock_even_closed();
        // Other processes may have the same socket open: then closing it here alone would not end
        // the watching.
        if let Some(member) = locked.members.remove(handle) {
            let Locked { notes, counts, .. } = &mut *locked;
            note_unsent(&member, notes, counts);
            self.unwatch(&member, socket);
        }
        self.unlock(locked);
    }
}
