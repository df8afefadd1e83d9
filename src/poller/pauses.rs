//! Members that are left alone for a while: servers for which there is no descriptor, and
//! what can only be sent by trying again.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::input::STARVED_PAUSE;
use super::member::Role;
use super::{Poller, Report, Round, State};
use crate::handles;
use crate::sys;

impl Poller {
    /// Leaves a member alone for a while.
    pub(super) fn pause(&self, state: &mut State, handle: i64, time: Duration) {
        if state.pauses.try_reserve(1).is_ok() {
            state.pauses.push((Instant::now() + time, handle));
        }
        self.set_clock(state);
    }

    pub(super) fn set_clock(&self, state: &State) {
        let next = match state.is_ringing {
            true => Some(Duration::ZERO),
            false => {
                let now = Instant::now();
                state.pauses.iter().map(|(end, _)| end.saturating_duration_since(now)).min()
            }
        };
        // It can't fail: the clock is a timer, and the time is one.
        let _ = sys::set_timer(self.clock.as_fd(), next);
    }

    /// Goes on with those whose pause is over.
    pub(super) fn end_pauses(&self, state: &mut State, round: &mut Round<'_, impl Report>) {
        let now = Instant::now();
        let mut pauses = std::mem::take(&mut state.pauses);
        let over = pauses.extract_if(.., |(end, _)| *end <= now);
        for (_, handle) in over {
            self.end_pause(state, handle, round);
        }
        pauses.append(&mut state.pauses);
        state.pauses = pauses;
        self.set_clock(state);
    }

    fn end_pause(&self, state: &mut State, handle: i64, round: &mut Round<'_, impl Report>) {
        let (Ok(socket), Some(member)) = (handles::get(handle), state.members.get_mut(handle))
        else {
            return;
        };
        if let Some(kept) = &mut member.kept {
            kept.is_pausing = false;
            return self.serve_or_leave(state, handle, sys::WRITABLE, round);
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
