//! Members that are left alone for a while: servers for which there is no descriptor, and
//! what can only be sent by trying again.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::input::STARVED_PAUSE;
use super::member::{Role, Then};
use super::{Poller, Report, Round, State};
use crate::handles;
use crate::sys;

impl Poller {
    /// Leaves a member alone for a while.
    pub(super) fn pause(&self, state: &mut State, handle: i64, time: Duration) {
        let end = Instant::now() + time;
        match state.pauses.try_reserve(1) {
            Ok(()) => state.pauses.push((end, handle)),
            Err(_) => state.common_pause = Some(state.common_pause.map_or(end, |at| at.min(end))),
        }
        self.set_clock(state);
    }

    pub(super) fn set_clock(&self, state: &State) {
        let next = match state.is_ringing {
            true => Some(Duration::ZERO),
            false => {
                let now = Instant::now();
                let ends = state.pauses.iter().map(|(end, _)| *end).chain(state.common_pause);
                ends.min().map(|end| end.saturating_duration_since(now))
            }
        };
        // It can't fail: the clock is a timer, and the time is one.
        let _ = sys::set_timer(self.clock.as_fd(), next);
    }

    /// Goes on with those whose pause is over.
    pub(super) fn end_pauses(&self, state: &mut State, round: &mut Round<'_, impl Report>) {
        let now = Instant::now();
        let mut index = 0;
        while let Some((end, handle)) = state.pauses.get(index).copied() {
            if end <= now {
                // (What takes its place has not been looked at; what is new ends later.)
                state.pauses.swap_remove(index);
                self.end_pause(state, handle, round);
            } else {
                index += 1;
            }
        }
        if state.common_pause.is_some_and(|end| end <= now) {
            state.common_pause = None;
            for slot in 0..state.members.slots() {
                let handle = state.members.in_slot(slot);
                self.end_pause(state, handle, round);
            }
        }
        self.set_clock(state);
    }

    fn end_pause(&self, state: &mut State, handle: i64, round: &mut Round<'_, impl Report>) {
        let (Ok(socket), Some(member)) = (handles::get(handle), state.members.get_mut(handle))
        else {
            return;
        };
        if let Some(unsent) = &mut member.unsent {
            unsent.is_pausing = false;
            if !self.serve_or_put_off(state, handle, sys::WRITABLE, round) {
                self.pause(state, handle, STARVED_PAUSE);
            }
            return;
        }
        if member.then == Then::Close {
            return self.after_sending(state, handle, &socket);
        }
        if member.role == Role::Server {
            member.at_rest = false;
            if self.follow(member, socket.fd()).is_err() {
                member.at_rest = true;
                self.pause(state, handle, STARVED_PAUSE);
            }
        }
    }
}
