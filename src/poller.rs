//! Many sockets, few calls: one wait brings what happened to many of them, with their data,
//! and one send takes answers for many of them.
//!
//! Everything is level-triggered: what is not taken in one round is told in the next. So
//! nothing is queued here but what the kernel does not remember, answers that found no room;
//! and nothing is received before it can be told: what has no room stays in the kernel.

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

/// How much of a connection at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// May wait for its way out, in bytes.
    pub(crate) send: usize,
    /// Is received, in bytes.
    pub(crate) receive: usize,
}

pub(crate) struct Poller {
    handle: i64,
    /// Whose it is (its fork generation): a forked child has the same epoll, but a copy of the
    /// state, which was perhaps about to change.
    process: u32,
    epoll: OwnedFd,
    /// Readable from a wake-up to the end of a wait; for ever, once it is closed.
    wake: OwnedFd,
    /// Readable when a pause is over.
    clock: OwnedFd,
    limits: Limits,
    closed: AtomicBool,
    locked: Mutex<Locked>,
}

/// Handles are larger.
const WAKE: u64 = 1;
const CLOCK: u64 = 2;
/// With a handle: not the server, but the names of its file. No handle has this bit.
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

    /// Waits until something happens, and reports what did: how much. 0: it was woken, or
    /// was not to wait.
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
                // Nobody's turn comes twice: no call brings data and, behind it, the end, at
                // which a program closes.
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
                        // Without memory the kernel tells again, if perhaps not first.
                        self.visit(&mut locked, handle as i64, |mut visit| {
                            visit.serve_or_put_off(events, round)
                        });
                    }
                }
            }
            self.unlock(locked);
            // What becomes of a path may be told, which is not done under a lock.
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

    /// Until something is ready, at most so much; or not, if there is no time to wait.
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

    /// What the last round had no room for.
    fn serve_unserved(&self, locked: &mut Locked, round: &mut Round<'_, impl Report>) {
        let mut unserved = std::mem::take(&mut locked.unserved);
        let served = unserved
            .iter()
            .take_while(|(handle, events)| {
                // Whether it is still ready the kernel tells.
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

    /// Ends a wait, now or the next one.
    pub(crate) fn wake(&self) -> Result<()> {
        self.check()?;
        sys::raise(self.wake.as_fd());
        Ok(())
    }

    /// Whether there was a wake-up, which nobody else gets then.
    fn lower_wake(&self) -> bool {
        let woken = sys::lower(self.wake.as_fd());
        if self.is_closed() {
            // That one is for everybody.
            sys::raise(self.wake.as_fd());
        }
        woken
    }

    pub(crate) fn counts(&self) -> Result<Counts> {
        Ok(self.lock()?.counts)
    }

    /// Readable when a wait would find something.
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

/// In a forked child another thread of the parent may have been about to change the state, which
/// does not exist there: what it has left is not touched.
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
        // Others may have the same open file: then closing alone would not end it.
        if let Some(member) = locked.members.remove(handle) {
            let Locked { notes, counts, .. } = &mut *locked;
            note_unsent(&member, notes, counts);
            self.unwatch(&member, socket);
        }
        self.unlock(locked);
    }
}
