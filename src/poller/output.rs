//! What goes out: answers for many sockets, in as few system calls as they need.

use super::input::STARVED_PAUSE;
use super::items::{Items, Taken};
use super::member::{Member, Role, Then};
use super::sender::Sender;
use super::turns::Chain;
use super::unsent::Flushed;
use super::{Event, EventKind, Locked, Poller, Report, Round};
use crate::error::Result;
use crate::handles;
use crate::kind::Kind;
use crate::log::{Event as LogEvent, Note};
use crate::socket::{Side, Socket};

impl Poller {
    /// Sends or keeps: how many items were taken.
    pub(crate) fn send<'a>(&self, items: &mut impl Items<'a>) -> Result<usize> {
        let mut locked = self.lock()?;
        let mut taken = Taken { items, count: 0 };
        let mut turns = std::mem::take(&mut locked.turns);
        let arranged = turns.arrange(&mut locked, &mut taken);
        for turn in &turns.turns {
            let Some(member) = locked.members.get_mut(turn.socket) else {
                continue;
            };
            member.turn = 0;
            let chain = Chain { next: &turns.next, at: turn.first };
            match handles::get(turn.socket) {
                Ok(socket) => self.take_turn(&mut locked, turn.socket, &socket, chain, &mut taken),
                Err(error) => chain.for_each(|index| taken.settle(index, Err(error))),
            }
        }
        locked.turns = turns;
        locked.unsent_room.drop_large();
        self.unlock(locked);
        arranged.map(|()| taken.count)
    }

    fn take_turn<'a>(
        &self,
        locked: &mut Locked,
        handle: i64,
        socket: &Socket,
        mut chain: Chain<'_>,
        taken: &mut Taken<'_, impl Items<'a>>,
    ) {
        let Locked { members, unsent_room: room, counts, .. } = locked;
        let Some(member) = members.get_mut(handle) else {
            return;
        };
        let limits = self.limits;
        let mut sender = Sender { member, socket, room, counts, limits, refusal: None };
        match socket.kind() {
            Kind::Stream => sender.send_bytes(&mut chain, taken),
            Kind::Datagram | Kind::Seqpacket => sender.send_messages(&mut chain, taken),
        }
        self.after_sending(locked, handle, socket);
    }

    /// What has not gone is seen to; what was to happen when all has gone happens.
    pub(super) fn after_sending(&self, locked: &mut Locked, handle: i64, socket: &Socket) {
        let Locked { members, counts, .. } = locked;
        let Some(member) = members.get_mut(handle) else {
            return;
        };
        if member.unsent.as_ref().is_some_and(|unsent| unsent.is_empty()) {
            member.unsent = None;
        }
        let bytes = member.unsent.as_ref().map_or(0, |unsent| unsent.bytes());
        if bytes != member.counted {
            counts.kept.change(member.counted, bytes);
            socket.counters().set_kept(bytes);
            member.counted = bytes;
        }
        let is_watched = self.follow(member, socket.fd()).is_ok();
        match &mut member.unsent {
            Some(unsent) => {
                let needs_attempts = unsent.waits_for_attempts() || !is_watched;
                if needs_attempts && !std::mem::replace(&mut unsent.is_pausing, true) {
                    let time = unsent.next_pause();
                    self.pause(locked, handle, time);
                }
            }
            None => match std::mem::replace(&mut member.then, Then::Stay) {
                Then::Stay => {}
                Then::Shutdown => {
                    member.is_shut = true;
                    let _ = socket.shutdown(Side::Write);
                }
                Then::Close if locked.closing.try_reserve(1).is_ok() => {
                    self.leave(locked, handle, socket);
                    locked.closing.push(handle);
                }
                Then::Close => {
                    member.then = Then::Close;
                    member.at_rest = true;
                    let _ = self.follow(member, socket.fd());
                    self.pause(locked, handle, STARVED_PAUSE);
                }
            },
        }
    }

    /// Sends what was kept, and tells when the program can go on.
    pub(super) fn flush(
        &self,
        locked: &mut Locked,
        socket: &Socket,
        handle: i64,
        round: &mut Round<'_, impl Report>,
    ) {
        self.flush_quietly(locked, socket, handle);
        // Of who is lost a failure tells; but while it is paused nothing else would tell the
        // program that it waits for room in vain.
        let has_room = |member: &&mut Member| {
            member.unsent.is_none() && member.is_refusing && !member.is_due_to_fail()
        };
        if let Some(member) = locked.members.get_mut(handle).filter(has_room) {
            member.is_refusing = false;
            // If it were watched on, this would come once more, and say nothing.
            let _ = self.follow(member, socket.fd());
            round.report(Event::new(EventKind::Drained, handle, member.token));
        }
    }

    pub(super) fn flush_quietly(&self, locked: &mut Locked, socket: &Socket, handle: i64) {
        let Some(member) = locked.members.get_mut(handle) else {
            return;
        };
        let Some(unsent) = &mut member.unsent else {
            return;
        };
        let mut flushed = Flushed::default();
        let result = unsent.flush(socket.fd(), member.role == Role::Connection, &mut flushed);
        let Flushed { sent, dropped, error, .. } = flushed;
        locked.counts.sent.add(sent.messages as usize, sent.bytes as usize);
        socket.counters().sent.add(sent.messages as usize, sent.bytes as usize);
        if dropped > 0 {
            locked.counts.dropped += dropped;
            socket.counters().count_dropped(dropped);
            let event = LogEvent::DatagramDropped;
            locked.notes.push(Note { handle, count: dropped, error, ..Note::of(event) });
        }
        if let Err(error) = result {
            let count = unsent.bytes() as u64;
            let note = Note { handle, count, ..Note::failed(LogEvent::UnsentDropped, error) };
            locked.notes.push(note);
            member.unsent = None;
            // If the program wants to know: what came before is told first, and then this, even
            // if the end has been.
            member.is_lost = member.then != Then::Close;
            member.at_rest = false;
        }
        self.after_sending(locked, handle, socket);
    }
}
