//! What goes out: answers for many sockets, in as few system calls as they need.

use super::input::STARVED_PAUSE;
use super::items::{Items, Taken};
use super::kept::Flushed;
use super::member::{Member, Role, Then};
use super::sender::Sender;
use super::turns::Chain;
use super::{Event, EventKind, Poller, Report, Round, State};
use crate::error::Result;
use crate::handles;
use crate::kind::Kind;
use crate::log::{Event as LogEvent, Note};
use crate::socket::{Side, Socket};

impl Poller {
    /// Sends or keeps: how many items were taken.
    pub(crate) fn send<'a>(&self, items: &mut impl Items<'a>) -> Result<usize> {
        let mut state = self.lock()?;
        let mut taken = Taken { items, count: 0 };
        let mut turns = std::mem::take(&mut state.turns);
        let arranged = turns.arrange(&mut state, &mut taken);
        for turn in &turns.turns {
            let Some(member) = state.members.get_mut(turn.socket) else {
                continue;
            };
            member.turn = 0;
            let chain = Chain { next: &turns.next, at: turn.first };
            match handles::get(turn.socket) {
                Ok(socket) => self.take_turn(&mut state, turn.socket, &socket, chain, &mut taken),
                Err(error) => chain.for_each(|index| taken.settle(index, Err(error))),
            }
        }
        state.turns = turns;
        state.spare.drop_large();
        self.unlock(state);
        arranged.map(|()| taken.count)
    }

    fn take_turn<'a>(
        &self,
        state: &mut State,
        handle: i64,
        socket: &Socket,
        mut chain: Chain<'_>,
        taken: &mut Taken<'_, impl Items<'a>>,
    ) {
        let State { members, spare, counts, .. } = state;
        let Some(member) = members.get_mut(handle) else {
            return;
        };
        let limits = self.limits;
        let mut sender = Sender { member, socket, spare, counts, limits, refusal: None };
        match socket.kind() {
            Kind::Stream => sender.send_bytes(&mut chain, taken),
            Kind::Datagram | Kind::Seqpacket => sender.send_messages(&mut chain, taken),
        }
        self.after_sending(state, handle, socket);
    }

    /// What has not gone is seen to; what was to happen when all has gone happens.
    pub(super) fn after_sending(&self, state: &mut State, handle: i64, socket: &Socket) {
        let State { members, counts, .. } = state;
        let Some(member) = members.get_mut(handle) else {
            return;
        };
        if member.kept.as_ref().is_some_and(|kept| kept.is_empty()) {
            member.kept = None;
        }
        let bytes = member.kept.as_ref().map_or(0, |kept| kept.bytes());
        if bytes != member.counted {
            counts.kept.change(member.counted, bytes);
            socket.set_kept(bytes);
            member.counted = bytes;
        }
        let is_watched = self.follow(member, socket.fd()).is_ok();
        match &mut member.kept {
            Some(kept) => {
                let needs_attempts = kept.waits_for_attempts() || !is_watched;
                if needs_attempts && !std::mem::replace(&mut kept.is_pausing, true) {
                    let time = kept.next_pause();
                    self.pause(state, handle, time);
                }
            }
            None => match std::mem::replace(&mut member.then, Then::Stay) {
                Then::Stay => {}
                Then::Shutdown => {
                    member.is_shut = true;
                    let _ = socket.shutdown(Side::Write);
                }
                Then::Close if state.closing.try_reserve(1).is_ok() => {
                    self.leave(state, handle, socket);
                    state.closing.push(handle);
                }
                Then::Close => {
                    member.then = Then::Close;
                    member.at_rest = true;
                    let _ = self.follow(member, socket.fd());
                    self.pause(state, handle, STARVED_PAUSE);
                }
            },
        }
    }

    /// Sends what was kept, and tells when the program can go on.
    pub(super) fn flush(
        &self,
        state: &mut State,
        socket: &Socket,
        handle: i64,
        round: &mut Round<'_, impl Report>,
    ) {
        self.flush_quietly(state, socket, handle);
        // Of who is lost a failure tells; but while it is paused nothing else would tell the
        // program that it waits for room in vain.
        let has_room = |member: &&mut Member| {
            member.kept.is_none() && member.is_refusing && !member.is_due_to_fail()
        };
        if let Some(member) = state.members.get_mut(handle).filter(has_room) {
            member.is_refusing = false;
            // If it were watched on, this would come once more, and say nothing.
            let _ = self.follow(member, socket.fd());
            round.report(Event::new(EventKind::Drained, handle, member.token));
        }
    }

    pub(super) fn flush_quietly(&self, state: &mut State, socket: &Socket, handle: i64) {
        let Some(member) = state.members.get_mut(handle) else {
            return;
        };
        let Some(kept) = &mut member.kept else {
            return;
        };
        let mut flushed = Flushed::default();
        let result = kept.flush(socket.fd(), member.role == Role::Connection, &mut flushed);
        let Flushed { sent, dropped, error, .. } = flushed;
        state.counts.sent.add(sent.messages as usize, sent.bytes as usize);
        socket.count_sent(sent.messages as usize, sent.bytes as usize);
        if dropped > 0 {
            state.counts.dropped += dropped;
            socket.count_rare(|rare| rare.count_dropped(dropped));
            let event = LogEvent::DatagramDropped;
            state.notes.push(Note { handle, count: dropped, error, ..Note::of(event) });
        }
        if let Err(error) = result {
            let count = kept.bytes() as u64;
            let note = Note { handle, count, ..Note::failed(LogEvent::UnsentDropped, error) };
            state.notes.push(note);
            member.kept = None;
            // If the program wants to know: what came before is told first, and then this, even
            // if the end has been.
            member.is_lost = member.then != Then::Close;
            member.at_rest = false;
        }
        self.after_sending(state, handle, socket);
    }
}
