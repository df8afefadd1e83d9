//! A socket in a poller, and what the poller knows of it.

use super::unsent::Unsent;
use crate::error::{Error, Result};
use crate::handle_table::slot_of;
use crate::kind::Kind;
use crate::socket::Socket;
use crate::sys;

/// What a poller does with a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Accepts from it.
    Server,
    /// Receives from it, but not while answers wait to be sent.
    Connection,
    /// Receives from it, also while answers wait: they need not be for the socket that sends.
    Datagram,
}

impl Role {
    pub(super) fn of(socket: &Socket) -> Result<Self> {
        Ok(match socket.kind() {
            Kind::Datagram => Self::Datagram,
            _ if socket.is_listening()? => Self::Server,
            _ => Self::Connection,
        })
    }
}

/// What is to happen once everything has been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Stay,
    Shutdown,
    Close,
}

/// How a program wants a member to be treated.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// The poller only reports that it is ready. The program does the rest.
    pub(crate) only_readiness: bool,
    /// The poller receives from it also while answers wait to be sent.
    pub(crate) is_duplex: bool,
    /// The poller receives nothing from it for now.
    pub(crate) is_paused: bool,
}

pub(super) struct Member {
    /// 0: this slot is vacant.
    pub(super) socket: i64,
    pub(super) token: u64,
    /// What the poller has taken for sending and could not send yet.
    pub(super) unsent: Option<Box<Unsent>>,
    /// How many bytes of that are in the poller's count.
    pub(super) counted: usize,
    /// The events that epoll was asked for ([`Self::interest`]).
    pub(super) watched: u16,
    /// While items are sent: the number of its turn, counted from 1; 0: it has none.
    pub(super) turn: u32,
    pub(super) role: Role,
    pub(super) then: Then,
    pub(super) manner: Manner,
    /// Nothing is received from it: its end has been reported, or it pauses.
    pub(super) at_rest: bool,
    /// Something that was taken for sending could not be sent, and never will be.
    pub(super) is_lost: bool,
    /// The sending side was shut down after an item.
    pub(super) is_shut: bool,
    /// An item was refused, and the program has not been told yet that it can go on; or (a server)
    /// a failure was reported, and no client was accepted since.
    pub(super) is_refusing: bool,
}

impl Member {
    const NOBODY: Self = Self {
        socket: 0,
        token: 0,
        unsent: None,
        counted: 0,
        watched: 0,
        turn: 0,
        role: Role::Connection,
        then: Then::Stay,
        manner: Manner { only_readiness: false, is_duplex: false, is_paused: false },
        at_rest: false,
        is_lost: false,
        is_shut: false,
        is_refusing: false,
    };

    pub(super) fn new(socket: i64, role: Role) -> Self {
        Self { socket, role, ..Self::NOBODY }
    }

    /// Whether the poller only reports that it is ready. Without an arena nothing is received.
    pub(super) fn tells_readiness(&self, has_arena: bool) -> bool {
        self.manner.only_readiness || (self.role != Role::Server && !has_arena)
    }

    /// Whether a failure is to be reported, after what the peer had sent: answers were lost.
    pub(super) fn is_due_to_fail(&self) -> bool {
        self.is_lost && !self.manner.is_paused
    }

    /// Refuses an item. The program is told when it can go on.
    pub(super) fn refuse(&mut self) -> Error {
        self.is_refusing = true;
        Error::EAGAIN
    }

    /// Whether something waits to be sent, here or in the program.
    pub(super) fn waits_to_send(&self) -> bool {
        self.unsent.is_some() || (self.role == Role::Connection && self.is_refusing)
    }

    /// The events that epoll is to report.
    pub(super) fn interest(&self) -> u16 {
        let unsent = self.unsent.as_deref();
        let waits_for_room = match unsent {
            Some(unsent) => unsent.waits_for_room(),
            None => self.waits_to_send(),
        };
        let send = if waits_for_room { sys::WRITABLE } else { 0 };
        let receive = match self.role {
            // Not even a hang-up, which epoll would report for ever.
            _ if self.at_rest || self.manner.is_paused => 0,
            Role::Server => sys::READABLE,
            Role::Connection if unsent.is_some() && !self.manner.is_duplex => 0,
            Role::Connection => sys::READABLE,
            Role::Datagram => sys::READABLE | sys::SHUT,
        };
        (send | receive) as u16
    }

    /// The same, as epoll_ctl(2) takes it. A server's events go to one of the pollers that wait for
    /// it.
    pub(super) fn events(&self, interest: u16) -> u32 {
        let exclusive = if self.role == Role::Server { sys::EXCLUSIVE } else { 0 };
        u32::from(interest) | exclusive
    }
}

/// The members of a poller, each at its handle's slot. They are in pieces: one array would move as
/// it grows, and half of it could be vacant.
#[derive(Default)]
pub(super) struct Members(Vec<Box<Piece>>);

type Piece = [Member; PIECE];
const PIECE: usize = 128;

impl Members {
    pub(super) fn get_mut(&mut self, socket: i64) -> Option<&mut Member> {
        let slot = slot_of(socket);
        let piece = self.0.get_mut(slot / PIECE)?;
        Some(&mut piece[slot % PIECE]).filter(|member| member.socket == socket)
    }

    /// Makes a place for this socket.
    pub(super) fn make_room(&mut self, socket: i64) -> Result<()> {
        while self.slots() <= slot_of(socket) {
            self.0.try_reserve(1)?;
            self.0.push(sys::boxed([const { Member::NOBODY }; PIECE])?);
        }
        Ok(())
    }

    /// Puts the member into its slot, in place of the one that was there.
    pub(super) fn insert(&mut self, member: Member) -> Result<&mut Member> {
        let slot = slot_of(member.socket);
        self.make_room(member.socket)?;
        let place = &mut self.0[slot / PIECE][slot % PIECE];
        *place = member;
        Ok(place)
    }

    pub(super) fn remove(&mut self, socket: i64) -> Option<Member> {
        self.get_mut(socket).map(|member| std::mem::replace(member, Member::NOBODY))
    }

    /// How many slots there are.
    pub(super) fn slots(&self) -> usize {
        self.0.len() * PIECE
    }

    /// The handle of the member in this slot; 0: the slot is vacant.
    pub(super) fn in_slot(&self, slot: usize) -> i64 {
        self.0[slot / PIECE][slot % PIECE].socket
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::size_of;

    #[test]
    fn a_member_is_small() {
        assert!(size_of::<Member>() <= 48, "{}", size_of::<Member>());
    }
}
