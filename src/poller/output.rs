//! What goes out: answers for many sockets, in as few system calls as they need.

use super::input::STARVED_PAUSE;
use super::items::{Items, Taken};
use super::locked::Locked;
use super::member::{Member, Role, Then};
use super::sender::Sender;
use super::turns::Chain;
use super::unsent::Flushed;
use super::visit::Visit;
use super::{Event, EventKind, Poller, Report, Round};
use crate::error::Result;
use crate::handles;
use crate::kind::Kind;
use crate::log::{Event as LogEvent, Note};
use crate::socket::Side;

impl Poller {
    /// Sends the items, or keeps them. Returns how many were taken.
    pub(crate) fn send<'a>(&self, items: &mut impl Items<'a>) -> Result<usize> {
        let mut locked = self.lock()?;
        let mut taken = Taken { items, count: 0 };
        let mut turns = std::mem::take(&mut locked.turns);
        let arranged = turns.arrange(&mut locked.members, &mut taken);
        for turn in &turns.turns {
            let Some(member) = locked.members.get_mut(turn.socket) else {
                continue;
            };
            member.turn = 0;
            let chain = Chain { next: &turns.next, at: turn.first };
            match handles::get(turn.socket) {
                Ok(socket) => {
                    let (locked, handle) = (&mut *locked, turn.socket);
                    let mut visit = Visit { poller: self, locked, handle, socket: &socket };
                    visit.send(chain, &mut taken);
                }
                Err(error) => chain.for_each(|index| taken.settle(index, Err(error))),
            }
        }
        locked.turns = turns;
        locked.unsent_room.drop_large();
        self.unlock(locked);
        arranged.map(|()| taken.count)
    }
}

impl Visit<'_> {
    /// Sends the items of one socket.
    fn send<'a>(&mut self, mut chain: Chain<'_>, taken: &mut Taken<'_, impl Items<'a>>) {
        let Locked { members, unsent_room: room, counts, .. } = &mut *self.locked;
        let Some(member) = members.get_mut(self.handle) else {
            return;
        };
        let (socket, limits) = (self.socket, self.poller.limits);
        let mut sender = Sender { member, socket, room, counts, limits, refusal: None };
        match socket.kind() {
            Kind::Stream => sender.send_bytes(&mut chain, taken),
            Kind::Datagram | Kind::Seqpacket => sender.send_messages(&mut chain, taken),
        }
        self.after_sending();
    }

    /// Sees to it that what is left is sent later. If nothing is left, does what was to happen
    /// then.
    pub(super) fn after_sending(&mut self) {
        let Self { poller, locked, socket, .. } = self;
        let Locked { members, counts, closing, .. } = &mut **locked;
        let Some(member) = members.get_mut(self.handle) else {
            return;
        };
        if member.unsent.as_ref().is_some_and(|unsent| unsent.is_empty()) {
            member.unsent = None;
        }
        let bytes = member.unsent.as_ref().map_or(0, |unsent| unsent.bytes());
        if bytes != member.counted {
            counts.kept.change(member.counted, bytes);
            socket.set_kept(bytes);
            member.counted = bytes;
        }
        let is_watched = poller.follow(member, socket.fd()).is_ok();
        match &mut member.unsent {
            Some(unsent) => {
                let needs_attempts = unsent.waits_for_attempts() || !is_watched;
                if needs_attempts && !std::mem::replace(&mut unsent.is_pausing, true) {
                    let time = unsent.next_pause();
                    self.pause(time);
                }
            }
            None => match std::mem::replace(&mut member.then, Then::Stay) {
                Then::Stay => {}
                Then::Shutdown => {
                    member.is_shut = true;
                    let _ = socket.shutdown(Side::Write);
                }
                Then::Close if closing.try_reserve(1).is_ok() => {
                    self.leave();
                    self.locked.closing.push(self.handle);
                }
                Then::Close => {
                    member.then = Then::Close;
                    member.at_rest = true;
                    let _ = self.follow();
                    self.pause(STARVED_PAUSE);
                }
            },
        }
    }

    /// Sends what was kept, and reports that the program can go on, if it can.
    pub(super) fn flush(&mut self, round: &mut Round<'_, impl Report>) {
        self.flush_quietly();
        // For a lost member a failure is reported instead. But while it is paused that is put off,
        // and nothing else would tell the program that it waits for room in vain.
        let has_room = |member: &&mut Member| {
            member.unsent.is_none() && member.is_refusing && !member.is_due_to_fail()
        };
        if let Some(member) = self.member().filter(has_room) {
            member.is_refusing = false;
            let drained = Event::new(EventKind::Drained, member.socket, member.token);
            // If epoll went on watching for room, it would needlessly report it once more.
            let _ = self.follow();
            round.report(drained);
        }
    }

    fn flush_quietly(&mut self) {
        let Self { locked, handle, socket, .. } = self;
        let Locked { members, counts, notes, .. } = &mut **locked;
        let handle = *handle;
        let Some(member) = members.get_mut(handle) else {
            return;
        };
        let Some(unsent) = &mut member.unsent else {
            return;
        };
        let mut flushed = Flushed::default();
        let result = unsent.flush(socket.fd(), member.role == Role::Connection, &mut flushed);
        let Flushed { sent, dropped, error, .. } = flushed;
        counts.sent.add(sent.messages as usize, sent.bytes as usize);
        socket.count_sent(sent.messages as usize, sent.bytes as usize);
        if dropped > 0 {
            counts.dropped += dropped;
            socket.count_rare(|rare| rare.count_dropped(dropped));
            let event = LogEvent::DatagramDropped;
            notes.push(Note { handle, count: dropped, error, ..Note::of(event) });
        }
        if let Err(error) = result {
            let count = unsent.bytes() as u64;
            notes.push(Note { handle, count, ..Note::failed(LogEvent::UnsentDropped, error) });
            member.unsent = None;
            // If the program wants to know, the failure is reported after what the peer had sent,
            // even if the end has been reported.
            member.is_lost = member.then != Then::Close;
            member.at_rest = false;
        }
        self.after_sending();
    }
}
