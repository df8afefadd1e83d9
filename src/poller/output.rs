//! What goes out: answers for many sockets, in as few system calls as they need.

use super::kept::Kept;
use super::member::{Member, Role, Then};
use super::{Event, EventKind, Limits, Poller, Report, Round, State};
use crate::address::Destination;
use crate::error::{Error, Result};
use crate::handles;
use crate::socket::{Kind, Side, Socket};
use crate::sys::{self, Buffer};

/// What is to be sent through one socket.
pub(crate) struct Item<'a> {
    pub(crate) data: Buffer<'a>,
    /// `None`: where the socket is connected to.
    pub(crate) to: Option<Destination>,
    pub(crate) then: Then,
}

/// The caller's items.
pub(crate) trait Items<'a> {
    fn count(&self) -> usize;
    fn socket(&self, index: usize) -> i64;
    fn item(&self, index: usize) -> Result<Item<'a>>;
    fn settle(&mut self, index: usize, result: Result<usize>);
}

/// Whose turn it is to send, one after the other, each with all of its items.
#[derive(Default)]
pub(super) struct Turns {
    turns: Vec<Turn>,
    /// Behind each item, the next one of the same socket.
    next: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Turn {
    socket: i64,
    first: u32,
    last: u32,
}

/// Behind the last item.
const NONE: u32 = u32::MAX;

/// How many items go in one call at most.
const PARTS: usize = 64;

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
        let Some(member) = state.members.get_mut(handle) else {
            return;
        };
        let mut sender = Sender { member, socket, limits: self.limits, is_full: false };
        match socket.kind() {
            Kind::Stream => sender.send_bytes(&mut chain, taken),
            Kind::Datagram | Kind::Seqpacket => sender.send_messages(&mut chain, taken),
        }
        self.after_sending(state, handle, socket);
    }

    /// What has not gone is seen to; what was to happen when all has gone happens.
    fn after_sending(&self, state: &mut State, handle: i64, socket: &Socket) {
        let Some(member) = state.members.get_mut(handle) else {
            return;
        };
        if member.kept.as_ref().is_some_and(|kept| kept.is_empty()) {
            member.kept = None;
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
                Then::Shutdown => drop(socket.shutdown(Side::Write)),
                Then::Close => {
                    self.leave(state, handle, socket);
                    state.closing.push(handle);
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
        if let Some(member) = state.members.get_mut(handle)
            && member.kept.is_none()
            && member.is_refusing
        {
            member.is_refusing = false;
            if !member.is_lost {
                round.report(Event::new(EventKind::Drained, handle, member.token));
            }
        }
    }

    pub(super) fn flush_quietly(&self, state: &mut State, socket: &Socket, handle: i64) {
        let Some(member) = state.members.get_mut(handle) else {
            return;
        };
        let Some(kept) = &mut member.kept else {
            return;
        };
        if kept.flush(socket.fd(), member.role == Role::Connection).is_err() {
            member.kept = None;
            // If the program wants to know: what came before is told first, and then this, even
            // if the end has been.
            member.is_lost = member.then != Then::Close;
            member.at_rest = false;
        }
        self.after_sending(state, handle, socket);
    }
}

impl Turns {
    /// Puts items for the same socket together, in their order. Those for nobody here are
    /// settled.
    fn arrange<'a>(
        &mut self,
        state: &mut State,
        taken: &mut Taken<'_, impl Items<'a>>,
    ) -> Result<()> {
        let count = taken.items.count();
        self.turns.clear();
        self.next.clear();
        self.turns.try_reserve(count).map_err(|_| Error::NO_MEMORY)?;
        self.next.try_reserve(count).map_err(|_| Error::NO_MEMORY)?;
        self.next.resize(count, NONE);
        for index in 0..count {
            let socket = taken.items.socket(index);
            let Some(member) = state.members.get_mut(socket) else {
                let error = handles::get(socket).err().unwrap_or(Error::NOT_FOUND);
                taken.settle(index, Err(error));
                continue;
            };
            let place = index as u32;
            match (member.turn as usize).checked_sub(1) {
                Some(turn) => {
                    let last = std::mem::replace(&mut self.turns[turn].last, place);
                    self.next[last as usize] = place;
                }
                None => {
                    self.turns.push(Turn { socket, first: place, last: place });
                    member.turn = self.turns.len() as u32;
                }
            }
        }
        Ok(())
    }
}

/// The items of one socket.
struct Chain<'a> {
    next: &'a [u32],
    at: u32,
}

impl Chain<'_> {
    fn peek(&self) -> Option<usize> {
        (self.at != NONE).then_some(self.at as usize)
    }
}

impl Iterator for Chain<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let index = self.peek()?;
        self.at = self.next[index];
        Some(index)
    }
}

/// The fates of all items.
struct Taken<'b, I> {
    items: &'b mut I,
    count: usize,
}

impl<'a, I: Items<'a>> Taken<'_, I> {
    fn settle(&mut self, index: usize, result: Result<usize>) {
        self.count += usize::from(result.is_ok());
        self.items.settle(index, result);
    }
}

/// One socket's turn.
struct Sender<'b> {
    member: &'b mut Member,
    socket: &'b Socket,
    limits: Limits,
    /// An item was refused; nothing may overtake it.
    is_full: bool,
}

impl Sender<'_> {
    /// Of a stream as many items as possible go in one call.
    fn send_bytes<'a>(&mut self, chain: &mut Chain<'_>, taken: &mut Taken<'_, impl Items<'a>>) {
        while let Some(index) = chain.next() {
            let item = self.check().and_then(|()| taken.items.item(index));
            match item.and_then(without_address) {
                Err(error) => taken.settle(index, Err(error)),
                Ok(item) if self.member.kept.is_some() => {
                    let result = self.keep(item);
                    taken.settle(index, result);
                }
                // As most are.
                Ok(item) if chain.peek().is_none() || item.then != Then::Stay => {
                    self.send_parts(&[item.data], &[(index, item.then)], taken);
                }
                Ok(item) => self.send_with_next(index, &item, chain, taken),
            }
        }
    }

    /// This item, and those behind it that can go in the same call.
    fn send_with_next<'a>(
        &mut self,
        index: usize,
        item: &Item<'a>,
        chain: &mut Chain<'_>,
        taken: &mut Taken<'_, impl Items<'a>>,
    ) {
        let mut parts = [Buffer::EMPTY; PARTS];
        let mut fates = [(0, Then::Stay); PARTS];
        (parts[0], fates[0]) = (item.data, (index, item.then));
        let mut count = 1;
        while count < PARTS
            && fates[count - 1].1 == Then::Stay
            && let Some(index) = chain.next()
        {
            match taken.items.item(index).and_then(without_address) {
                Err(error) => taken.settle(index, Err(error)),
                Ok(item) => {
                    (parts[count], fates[count]) = (item.data, (index, item.then));
                    count += 1;
                }
            }
        }
        self.send_parts(&parts[..count], &fates[..count], taken);
    }

    /// Sends items in one call, each with its number and what is to happen then.
    fn send_parts<'a>(
        &mut self,
        parts: &[Buffer<'_>],
        fates: &[(usize, Then)],
        taken: &mut Taken<'_, impl Items<'a>>,
    ) {
        let sent = match parts.iter().all(|part| part.size() == 0) {
            true => Ok(0),
            false => sys::send(self.socket.fd(), parts, None),
        };
        let mut sent = match sent {
            Err(Error::WOULD_BLOCK) => Ok(0),
            sent => sent,
        };
        for (part, &(index, then)) in parts.iter().zip(fates) {
            let result = match &mut sent {
                Err(error) => Err(*error),
                Ok(sent) => {
                    let gone = part.size().min(*sent);
                    *sent -= gone;
                    self.sent_part(*part, gone, then)
                }
            };
            taken.settle(index, result);
        }
    }

    /// The rest of an item of which so much has gone is kept.
    fn sent_part(&mut self, data: Buffer<'_>, gone: usize, then: Then) -> Result<usize> {
        if gone == data.size() && self.member.kept.is_none() {
            self.member.then = then;
            return Ok(gone);
        }
        let result = self.keep(Item { data: data.skip(gone), to: None, then });
        if result.is_err() && gone > 0 {
            // Half an item is on its way: nothing can follow it.
            self.member.is_lost = true;
            let _ = self.socket.shutdown(Side::Both);
        }
        result.map(|_| data.size())
    }

    /// Whether anything can follow what was sent before.
    fn check(&self) -> Result<()> {
        if self.member.then != Then::Stay {
            return Err(Error::BROKEN_PIPE);
        }
        if self.is_full { Err(Error::WOULD_BLOCK) } else { Ok(()) }
    }

    /// For later, if there is room.
    fn keep(&mut self, item: Item<'_>) -> Result<usize> {
        self.check()?;
        let size = item.data.size();
        let is_stream = self.socket.kind() == Kind::Stream;
        let kept = self.member.kept.get_or_insert_with(|| {
            Box::new(if is_stream { Kept::bytes() } else { Kept::messages() })
        });
        if !kept.has_room(size, self.limits.send) {
            self.is_full = self.member.role == Role::Connection;
            self.member.is_refusing = true;
            return Err(Error::WOULD_BLOCK);
        }
        if !is_stream && size > self.socket.largest_message()? {
            // Later nobody could be told.
            return Err(Error::MESSAGE_SIZE);
        }
        kept.push(item.data, item.to)?;
        self.member.then = item.then;
        Ok(size)
    }

    /// Each item is a message; many go in one call.
    fn send_messages<'a>(&mut self, chain: &mut Chain<'_>, taken: &mut Taken<'_, impl Items<'a>>) {
        while let Some(index) = chain.next() {
            let item = self.check().and_then(|()| self.message(index, taken));
            match item {
                Err(error) => taken.settle(index, Err(error)),
                Ok(item) if self.must_wait(&item) => {
                    let result = self.keep(item);
                    taken.settle(index, result);
                }
                // As most are.
                Ok(item) if chain.peek().is_none() || item.then != Then::Stay => {
                    let result = self.send_message(item);
                    taken.settle(index, result);
                }
                Ok(item) => self.send_with_next_messages(index, item, chain, taken),
            }
        }
    }

    fn message<'a>(&self, index: usize, taken: &Taken<'_, impl Items<'a>>) -> Result<Item<'a>> {
        let item = taken.items.item(index)?;
        self.socket.readiness_to_send(item.to.is_some())?;
        Ok(item)
    }

    /// One alone.
    fn send_message(&mut self, item: Item<'_>) -> Result<usize> {
        let to = item.to.as_ref().map(AsRef::as_ref);
        match sys::send(self.socket.fd(), &[item.data], to) {
            Ok(size) => {
                self.member.then = item.then;
                Ok(size)
            }
            Err(Error::WOULD_BLOCK) => self.keep(item),
            Err(error) => Err(error),
        }
    }

    /// This one, and those behind it that can go in the same call.
    fn send_with_next_messages<'a>(
        &mut self,
        index: usize,
        item: Item<'a>,
        chain: &mut Chain<'_>,
        taken: &mut Taken<'_, impl Items<'a>>,
    ) {
        let mut batch: [Option<(usize, Item<'a>)>; sys::BATCH] = [const { None }; _];
        let (mut count, mut then) = (1, item.then);
        batch[0] = Some((index, item));
        while count < sys::BATCH
            && then == Then::Stay
            && self.member.then == Then::Stay
            && let Some(index) = chain.next()
        {
            match self.message(index, taken) {
                Err(error) => taken.settle(index, Err(error)),
                Ok(item) if self.must_wait(&item) => {
                    let result = self.keep(item);
                    taken.settle(index, result);
                }
                Ok(item) => {
                    then = item.then;
                    batch[count] = Some((index, item));
                    count += 1;
                }
            }
        }
        self.send_batch(&mut batch[..count], taken);
    }

    /// So as not to overtake.
    fn must_wait(&self, item: &Item<'_>) -> bool {
        let to = item.to.as_ref().map(AsRef::as_ref);
        self.is_full || self.member.kept.as_ref().is_some_and(|kept| kept.is_before(to))
    }

    fn send_batch<'a>(
        &mut self,
        batch: &mut [Option<(usize, Item<'a>)>],
        taken: &mut Taken<'_, impl Items<'a>>,
    ) {
        let mut done = 0;
        while done < batch.len() {
            let mut sizes = [0; sys::BATCH];
            match self.send_some(&batch[done..], &mut sizes) {
                Ok(count) => {
                    for (place, size) in batch[done..][..count].iter().zip(&sizes) {
                        if let Some((index, item)) = place {
                            self.member.then = item.then;
                            taken.settle(*index, Ok(*size));
                        }
                    }
                    done += count;
                }
                Err(error) => {
                    if let Some((index, item)) = batch[done].take() {
                        let result = match error {
                            Error::WOULD_BLOCK => self.keep(item),
                            error => Err(error),
                        };
                        taken.settle(index, result);
                    }
                    done += 1;
                    // What is behind one that is kept may have to wait, too.
                    while done < batch.len()
                        && batch[done].as_ref().is_some_and(|(_, item)| self.must_wait(item))
                        && let Some((index, item)) = batch[done].take()
                    {
                        let result = self.keep(item);
                        taken.settle(index, result);
                        done += 1;
                    }
                }
            }
        }
    }

    /// How many went in one call; an error is the first one's.
    fn send_some(
        &self,
        batch: &[Option<(usize, Item<'_>)>],
        sizes: &mut [usize; sys::BATCH],
    ) -> Result<usize> {
        let fd = self.socket.fd();
        const NOTHING: sys::Outgoing<'_> =
            sys::Outgoing { buffer: Buffer::EMPTY, to: None, descriptors: &[] };
        let mut calls = [NOTHING; sys::BATCH];
        let filled = calls.iter_mut().zip(batch.iter().flatten()).map(|(call, (_, item))| {
            call.buffer = item.data;
            call.to = item.to.as_ref().map(AsRef::as_ref);
        });
        let count = filled.count();
        sys::send_batch(fd, &calls[..count], sizes)
    }
}

/// The kernel would ignore it.
fn without_address(item: Item<'_>) -> Result<Item<'_>> {
    if item.to.is_some() { Err(Error::NOT_SUPPORTED) } else { Ok(item) }
}
