//! A visit to a member: what the poller does for one socket, under its lock.

use std::time::Duration;

use super::locked::Locked;
use super::member::{Member, Role};
use super::{Event, EventKind, Poller, Report, Round};
use crate::error::{Error, Result};
use crate::handles;
use crate::socket::Socket;
use crate::sys;

pub(super) struct Visit<'a> {
    pub(super) poller: &'a Poller,
    pub(super) locked: &'a mut Locked,
    pub(super) handle: i64,
    pub(super) socket: &'a Socket,
}

impl Poller {
    /// Visits a socket. `None`: it has been closed meanwhile.
    #[inline(always)]
    pub(super) fn visit<T>(
        &self,
        locked: &mut Locked,
        handle: i64,
        body: impl FnOnce(Visit<'_>) -> T,
    ) -> Option<T> {
        let socket = handles::get(handle).ok()?;
        Some(body(Visit { poller: self, locked, handle, socket: &socket }))
    }
}

impl Visit<'_> {
    /// `None`: it is no longer a member, or never was one.
    pub(super) fn member(&mut self) -> Option<&mut Member> {
        self.locked.members.get_mut(self.handle)
    }

    /// Does what the events ask for. Whether the member has had its turn.
    pub(super) fn serve(&mut self, events: u32, round: &mut Round<'_, impl Report>) -> bool {
        let Some(member) = self.member() else {
            // It has been removed meanwhile.
            return true;
        };
        if !round.has_room() {
            return false;
        }
        if member.waits_to_send() && events & !sys::READABLE != 0 {
            self.flush(round);
        }
        let Some(member) = self.member() else {
            return true;
        };
        let is_readable =
            u32::from(member.watched) & sys::READABLE != 0 && events & !sys::WRITABLE != 0;
        if !is_readable && !member.is_due_to_fail() {
            return true;
        }
        // The report that everything was sent may have taken the last room.
        if !round.has_room() {
            return false;
        }
        let (token, role) = (member.token, member.role);
        if member.tells_readiness(round.has_arena()) {
            match member.is_lost {
                true => self.fail(Error::EPIPE, round),
                false => round.report(Event::new(EventKind::Ready, self.handle, token)),
            }
            return true;
        }
        match role {
            Role::Server => self.accept(round),
            Role::Connection | Role::Datagram => self.receive(events & sys::SHUT != 0, round),
        }
    }

    /// Serves the member, now or in the next round. `false`: neither, for want of memory.
    pub(super) fn serve_or_put_off(
        &mut self,
        events: u32,
        round: &mut Round<'_, impl Report>,
    ) -> bool {
        let served = self.serve(events, round);
        let Self { locked, handle, .. } = self;
        if !served && locked.unserved.try_reserve(1).is_ok() {
            locked.unserved.push((*handle, events));
            return true;
        }
        served
    }

    /// Reports a failure; the member leaves the poller.
    pub(super) fn fail(&mut self, error: Error, round: &mut Round<'_, impl Report>) {
        let Some(member) = self.member() else {
            return;
        };
        let event = Event::new(EventKind::Failed, member.socket, member.token);
        round.report(Event { error: Some(error), ..event });
        self.leave();
    }

    /// `None`: it was not a member.
    pub(super) fn leave(&mut self) -> Option<()> {
        self.poller.leave(self.locked, self.handle, self.socket)
    }

    /// Asks epoll for the events that the member needs now.
    pub(super) fn follow(&mut self) -> Result<()> {
        let Self { poller, locked, handle, socket } = self;
        let member = locked.members.get_mut(*handle);
        member.map_or(Ok(()), |member| poller.follow(member, socket.fd()))
    }

    /// Leaves the member alone for a while.
    pub(super) fn pause(&mut self, time: Duration) {
        self.poller.pause(self.locked, self.handle, time);
    }
}
