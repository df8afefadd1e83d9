//! Many sockets, few calls: one wait brings what happened to many of them, with their data,
//! and one send takes answers for many of them.
//!
//! Everything is level-triggered: what is not taken in one round is told in the next. So
//! nothing is queued here but what the kernel does not remember, answers that found no room;
//! and nothing is received before it can be told: what has no room stays in the kernel.

use std::any::Any;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::counters::Counts;
use crate::error::{Error, Result};
use crate::handles::{self, Other};
use crate::log::{self, Note, Notes};
use crate::socket::Socket;
use crate::sys::{self, Ready};
use crate::wait::Wait;

mod input;
mod items;
mod kept;
mod member;
mod output;
mod paths;
mod pauses;
mod round;
mod sender;
mod turns;

pub(crate) use items::{Item, Items};
use kept::Spare;
pub(crate) use member::{Manner, Then};
use member::{Member, Members, Role};
pub(crate) use round::{Event, EventKind, Report, Round};
use turns::Turns;

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
    state: Mutex<State>,
}

type PollerNotes = Notes<16>;

#[derive(Default)]
struct State {
    members: Members,
    /// Those of them who accept, and perhaps some who are members no more.
    servers: Vec<i64>,
    /// Who was ready when there was no room left, and for what. They come first in the next
    /// round: else those before them could keep them waiting for ever.
    left: Vec<(i64, u32)>,
    turns: Turns,
    /// Room for what of an item may not go at once.
    spare: Spare,
    /// Who is left alone until when.
    pauses: Vec<(Instant, i64)>,
    /// Until when those are left alone whom there was no memory to note.
    common_pause: Option<Instant>,
    /// The clock has run out because somebody is in line who is lost: the kernel does not tell
    /// of that, and who waits for the descriptor of the poller would not see it otherwise.
    is_ringing: bool,
    /// To be closed once nothing is locked.
    closing: Vec<i64>,
    /// To be told then.
    notes: PollerNotes,
    counts: Counts,
}

impl State {
    fn has_lost_in_line(&mut self) -> bool {
        let Self { left, members, .. } = self;
        left.iter().any(|(handle, _)| {
            members.get_mut(*handle).is_some_and(|member| member.is_due_to_fail())
        })
    }
}

/// What is kept for a member that leaves is lost.
fn note_unsent(member: &Member, notes: &mut PollerNotes, counts: &mut Counts) {
    counts.kept.change(member.counted, 0);
    if let Some(kept) = &member.kept {
        let (handle, count) = (member.socket, kept.bytes() as u64);
        notes.push(Note { handle, count, ..Note::of(log::Event::UnsentDropped) });
    }
}

/// Once nothing is locked.
fn tell(notes: &PollerNotes) {
    for note in notes.iter() {
        // It may have been closed since.
        match handles::get(note.handle) {
            Ok(socket) => socket.tell(&note),
            Err(_) => log::tell(&note, None),
        }
    }
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
            state: Mutex::default(),
        };
        sys::watch(poller.epoll(), poller.wake.as_fd(), sys::READABLE, WAKE)?;
        sys::watch(poller.epoll(), poller.clock.as_fd(), sys::READABLE, CLOCK)?;
        Ok(poller)
    }

    /// A socket, or another token or way for one that is here already.
    pub(crate) fn add(&self, socket: i64, token: u64, manner: Manner) -> Result<()> {
        let found = handles::get(socket)?;
        let role = Role::of(&found)?;
        if role == Role::Server {
            found.never_block()?;
        }
        let mut state = self.lock()?;
        state.left.try_reserve(1)?;
        if role == Role::Server && !state.servers.contains(&socket) {
            state.servers.try_reserve(1)?;
            state.servers.push(socket);
        }
        let mut member = match state.members.remove(socket) {
            Some(member) if member.role == role => member,
            Some(member) => {
                let State { notes, counts, .. } = &mut *state;
                note_unsent(&member, notes, counts);
                self.unwatch(&member, &found);
                Member::new(socket, role)
            }
            None => {
                found.begin_watching(self.handle, role == Role::Server)?;
                Member::new(socket, role)
            }
        };
        (member.token, member.manner) = (token, manner);
        let is_due_to_fail = member.is_due_to_fail();
        self.watch(&mut state, member, &found)?;
        if is_due_to_fail {
            // It may have lost its place in line while it was paused.
            state.left.push((socket, 0));
        }
        self.unlock(state);
        Ok(())
    }

    /// Takes the member in, watched for what interests it. If that fails nobody watches it.
    fn watch(&self, state: &mut State, member: Member, socket: &Socket) -> Result<()> {
        let handle = member.socket;
        let is_server = member.role == Role::Server;
        let result = state.members.insert(member).and_then(|member| {
            if is_server {
                self.watch_path(handle, socket)?;
            }
            self.follow(member, socket.fd())
        });
        result.inspect_err(|_| {
            state.members.remove(handle);
            socket.stop_watching(self.handle);
        })
    }

    pub(crate) fn remove(&self, socket: i64) -> Result<()> {
        let found = handles::get(socket)?;
        let mut state = self.lock()?;
        let left = self.leave(&mut state, socket, &found);
        self.unlock(state);
        left.ok_or(Error::ENOENT)
    }

    /// `None`: it was no member.
    fn leave(&self, state: &mut State, handle: i64, socket: &Socket) -> Option<()> {
        let member = state.members.remove(handle)?;
        note_unsent(&member, &mut state.notes, &mut state.counts);
        socket.set_kept(0);
        self.unwatch(&member, socket);
        socket.stop_watching(self.handle);
        Some(())
    }

    fn unwatch(&self, member: &Member, socket: &Socket) {
        if member.watched != 0 {
            let _ = sys::unwatch(self.epoll(), socket.fd());
        }
        if member.role == Role::Server {
            self.unwatch_path(socket);
        }
    }

    /// Asks the kernel for what interests the member now.
    fn follow(&self, member: &mut Member, fd: BorrowedFd<'_>) -> Result<()> {
        let wanted = member.interest();
        let events = member.events(wanted);
        let number = member.socket as u64;
        match member.watched {
            watched if watched == wanted => return Ok(()),
            0 => sys::watch(self.epoll(), fd, events, number)?,
            _ if wanted == 0 => sys::unwatch(self.epoll(), fd)?,
            _ => sys::watch_for(self.epoll(), fd, events, number)?,
        }
        member.watched = wanted;
        Ok(())
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
            let mut state = self.lock()?;
            self.serve_left(&mut state, round);
            self.unlock(state);
            if round.count() > 0 {
                // Nobody's turn comes twice: no call brings data and, behind it, the end, at
                // which a program closes.
                return Ok(round.count());
            }
            if let Err(error) = self.sleep(&mut ready, round.room(), wait) {
                // Closing outranks a signal, as in every wait.
                return Err(if self.is_closed() { Error::Closed } else { error });
            }
            let mut state = self.lock()?;
            let mut woken = false;
            for (number, events) in ready.iter() {
                match number {
                    WAKE => woken |= self.take_wake(),
                    CLOCK => self.end_pauses(&mut state, round),
                    number if number & PATH != 0 => {}
                    handle => {
                        // Without memory the kernel tells again, if perhaps not first.
                        self.serve_or_leave(&mut state, handle as i64, events, round);
                    }
                }
            }
            self.unlock(state);
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
        let mut state = self.lock()?;
        let State { servers, members, .. } = &mut *state;
        servers.retain(|server| members.get_mut(*server).is_some());
        let mut servers = servers.iter().filter_map(|server| handles::get(*server).ok());
        Ok(servers.any(|server| server.has_many_pollers()))
    }

    /// What the last round had no room for.
    fn serve_left(&self, state: &mut State, round: &mut Round<'_, impl Report>) {
        let mut left = std::mem::take(&mut state.left);
        let served = left
            .iter()
            .take_while(|(handle, events)| {
                // Whether it is still ready the kernel tells.
                let is_told = state.members.get_mut(*handle).is_some_and(|member| {
                    !member.is_lost && member.tells_readiness(round.has_arena())
                });
                is_told || self.serve(state, *handle, *events, round)
            })
            .count();
        left.drain(..served);
        state.left = left;
    }

    /// Whether it has had its turn, or will have it in the next round.
    fn serve_or_leave(
        &self,
        state: &mut State,
        handle: i64,
        events: u32,
        round: &mut Round<'_, impl Report>,
    ) -> bool {
        let served = self.serve(state, handle, events, round);
        if !served && state.left.try_reserve(1).is_ok() {
            state.left.push((handle, events));
            return true;
        }
        served
    }

    /// Does for a socket what its events ask for. Whether it has had its turn.
    fn serve(
        &self,
        state: &mut State,
        handle: i64,
        events: u32,
        round: &mut Round<'_, impl Report>,
    ) -> bool {
        let (Ok(socket), Some(member)) = (handles::get(handle), state.members.get_mut(handle))
        else {
            // It has been closed or removed meanwhile.
            return true;
        };
        if !round.has_room() {
            return false;
        }
        if member.waits_to_send() && events & !sys::READABLE != 0 {
            self.flush(state, &socket, handle, round);
        }
        let Some(member) = state.members.get_mut(handle) else {
            return true;
        };
        let is_readable =
            u32::from(member.watched) & sys::READABLE != 0 && events & !sys::WRITABLE != 0;
        if !is_readable && !member.is_due_to_fail() {
            return true;
        }
        // Telling that all is out may have taken the last room.
        if !round.has_room() {
            return false;
        }
        if member.tells_readiness(round.has_arena()) {
            match member.is_lost {
                true => self.fail(state, &socket, handle, Error::EPIPE, round),
                false => round.report(Event::new(EventKind::Ready, handle, member.token)),
            }
            return true;
        }
        match member.role {
            Role::Server => self.accept(state, &socket, handle, round),
            Role::Connection | Role::Datagram => {
                self.receive(state, &socket, handle, events & sys::SHUT != 0, round)
            }
        }
    }

    /// Ends a wait, now or the next one.
    pub(crate) fn wake(&self) -> Result<()> {
        self.check()?;
        sys::raise(self.wake.as_fd());
        Ok(())
    }

    /// Whether there was a wake-up, which nobody else gets then.
    fn take_wake(&self) -> bool {
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

    /// In a forked child somebody could have it locked who does not exist there.
    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        self.check()?;
        let state = self.locked();
        // Now that nobody else can, closing has been seen, or will see what is done.
        if self.is_closed() { Err(Error::Closed) } else { Ok(state) }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// And does what can't be done under the lock.
    fn unlock(&self, mut state: MutexGuard<'_, State>) {
        let rings = state.has_lost_in_line();
        if rings != state.is_ringing {
            state.is_ringing = rings;
            self.set_clock(&state);
        }
        if state.closing.len() | state.notes.count() == 0 {
            return;
        }
        let closing = std::mem::take(&mut state.closing);
        let notes = std::mem::take(&mut state.notes);
        drop(state);
        tell(&notes);
        for handle in closing {
            let _ = handles::close(handle);
        }
    }
}

/// In a forked child another thread of the parent may have been about to change the state, which
/// does not exist there: what it has left is not touched.
impl Drop for Poller {
    fn drop(&mut self) {
        if !self.is_of_this_process() {
            let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(std::mem::take(state));
        }
    }
}

impl Other for Poller {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        if !self.is_of_this_process() {
            return;
        }
        sys::raise(self.wake.as_fd());
        let mut state = self.locked();
        for slot in 0..state.members.slots() {
            let State { members, notes, counts, .. } = &mut *state;
            let Some(member) = members.get_mut(members.in_slot(slot)) else {
                continue;
            };
            note_unsent(member, notes, counts);
            if let Ok(socket) = handles::get(member.socket) {
                socket.stop_watching(self.handle);
            }
        }
        let notes = std::mem::take(&mut state.notes);
        drop(state);
        tell(&notes);
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
        let mut state = self.locked();
        // Others may have the same open file: then closing alone would not end it.
        if let Some(member) = state.members.remove(handle) {
            let State { notes, counts, .. } = &mut *state;
            note_unsent(&member, notes, counts);
            self.unwatch(&member, socket);
        }
        self.unlock(state);
    }
}
