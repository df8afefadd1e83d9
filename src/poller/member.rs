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
    /// Receives from it, but not while answers wait for their way out.
    Connection,
    /// Receives from it. Whom its answers wait for is not who sends.
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

/// What is to happen once everything that was sent is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Stay,
    Shutdown,
    Close,
}

/// How a program wants a member to be treated.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// The program is told that it is ready, and does the rest.
    pub(crate) only_readiness: bool,
    /// It is received from also while something is kept for it.
    pub(crate) is_duplex: bool,
    /// Nothing is received from it for now.
    pub(crate) is_paused: bool,
}

pub(super) struct Member {
    /// 0: nobody is here.
    pub(super) socket: i64,
    pub(super) token: u64,
    /// What has been taken for sending and is not out yet.
    pub(super) unsent: Option<Box<Unsent>>,
    /// How many bytes of that the poller's count has.
    pub(super) counted: usize,
    /// What the kernel has been asked to tell ([`Self::interest`]).
    pub(super) watched: u16,
    /// While items are sent: its turn's number, counted from 1.
    pub(super) turn: u32,
    pub(super) role: Role,
    pub(super) then: Then,
    pub(super) manner: Manner,
    /// Nothing more is to be received from it: its end has been told, or (a server) there is
    /// a pause.
    pub(super) at_rest: bool,
    /// What was sent did not get out, and never will.
    pub(super) is_lost: bool,
    /// The sending side was shut down behind an item.
    pub(super) is_shut: bool,
    /// An item was refused, and nobody told when to go on; or (a server) a failure was told,
    /// and since then nothing better.
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

    /// Whether the program is told, and does the rest. Without an arena nothing is received.
    pub(super) fn tells_readiness(&self, has_arena: bool) -> bool {
        self.manner.only_readiness || (self.role != Role::Server && !has_arena)
    }

    /// Whether it is to be told that what was sent is lost, behind what the peer had sent.
    pub(super) fn is_due_to_fail(&self) -> bool {
        self.is_lost && !self.manner.is_paused
    }

    /// The program is told when it can go on.
    pub(super) fn refuse(&mut self) -> Error {
        self.is_refusing = true;
        Error::EAGAIN
    }

    /// Whether something, here or in the program, waits for its way out.
    pub(super) fn waits_to_send(&self) -> bool {
        self.unsent.is_some() || (self.role == Role::Connection && self.is_refusing)
    }

    /// What the kernel is to tell of it (of a server: to one of many who wait for it).
    pub(super) fn interest(&self) -> u16 {
        let unsent = self.unsent.as_deref();
        let waits_for_room = match unsent {
            Some(unsent) => unsent.waits_for_room(),
            None => self.waits_to_send(),
        };
        let send = if waits_for_room { sys::WRITABLE } else { 0 };
        let receive = match self.role {
            // Not even a hang-up, which would be told for ever.
            _ if self.at_rest || self.manner.is_paused => 0,
            Role::Server => sys::READABLE,
            Role::Connection if unsent.is_some() && !self.manner.is_duplex => 0,
            Role::Connection => sys::READABLE,
            Role::Datagram => sys::READABLE | sys::SHUT,
        };
        (send | receive) as u16
    }

    /// The same, as epoll_ctl(2) takes it.
    pub(super) fn events(&self, interest: u16) -> u32 {
        let exclusive = if self.role == Role::Server { sys::EXCLUSIVE } else { 0 };
        u32::from(interest) | exclusive
    }
}

/// The members of a poller, each at its handle's slot. In pieces: the array of all would move
/// and half of it be vacant, as it grows.
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

    /// There is a place for this socket.
    pub(super) fn make_room(&mut self, socket: i64) -> Result<()> {
        while self.slots() <= slot_of(socket) {
            self.0.try_reserve(1)?;
            self.0.push(sys::boxed([const { Member::NOBODY }; PIECE])?);
        }
        Ok(())
    }

    /// Instead of whoever had the slot before.
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

    /// The handle of who is there; 0: nobody.
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
