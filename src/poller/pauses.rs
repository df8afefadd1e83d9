//! Members that are left alone for a while: servers for whose clients there is no descriptor, and
//! members whose answers can only be sent by trying again.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::input::STARVED_PAUSE;
use super::locked::Locked;
use super::member::{Role, Then};
use super::visit::Visit;
use super::{Poller, Report, Round};
use crate::sys;

impl Poller {
    /// Leaves a member alone for a while.
    pub(super) fn pause(&self, locked: &mut Locked, handle: i64, time: Duration) {
        let end = Instant::now() + time;
        match locked.pauses.try_reserve(1) {
            Ok(()) => locked.pauses.push((end, handle)),
            Err(_) => locked.common_pause = Some(locked.common_pause.map_or(end, |at| at.min(end))),
        }
        self.set_clock(locked);
    }

    pub(super) fn set_clock(&self, locked: &Locked) {
        let next = match locked.is_ringing {
            true => Some(Duration::ZERO),
            false => {
                let now = Instant::now();
                let ends = locked.pauses.iter().map(|(end, _)| *end).chain(locked.common_pause);
                ends.min().map(|end| end.saturating_duration_since(now))
            }
        };
        // This can't fail: the clock is a timer, and the time is valid.
        let _ = sys::set_timer(self.clock.as_fd(), next);
    }

    /// Goes on with the members whose pause is over.
    pub(super) fn end_pauses(&self, locked: &mut Locked, round: &mut Round<'_, impl Report>) {
        let now = Instant::now();
        let mut index = 0;
        while let Some((end, handle)) = locked.pauses.get(index).copied() {
            if end <= now {
                // (The one that takes its place has not been looked at yet; pauses that are new end
                // later.)
                locked.pauses.swap_remove(index);
                self.visit(locked, handle, |mut visit| visit.end_pause(round));
            } else {
                index += 1;
            }
        }
        if locked.common_pause.is_some_and(|end| end <= now) {
            locked.common_pause = None;
            for slot in 0..locked.members.slots() {
                let handle = locked.members.in_slot(slot);
                self.visit(locked, handle, |mut visit| visit.end_pause(round));
            }
        }
        self.set_clock(locked);
    }
}

impl Visit<'_> {
    fn end_pause(&mut self, round: &mut Round<'_, impl Report>) {
        let Self { poller, locked, handle, socket } = self;
        let Some(member) = locked.members.get_mut(*handle) else {
            return;
        };
        if let Some(unsent) = &mut member.unsent {
            unsent.is_pausing = false;
            if !self.serve_or_put_off(sys::WRITABLE, round) {
                self.pause(STARVED_PAUSE);
            }
            return;
        }
        if member.then == Then::Close {
            return self.after_sending();
        }
        if member.role == Role::Server {
            member.at_rest = false;
            if poller.follow(member, socket.fd()).is_err() {
                member.at_rest = true;
                self.pause(STARVED_PAUSE);
            }
        }
    }
}
