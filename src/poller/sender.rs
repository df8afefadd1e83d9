//! One socket's turn to send.

use super::Limits;
use super::items::{Item, Items, Taken};
use super::member::{Member, Role, Then};
use super::turns::Chain;
use super::unsent::{Unsent, UnsentRoom};
use crate::counters::Counts;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::socket::{Side, Socket};
use crate::sys::{self, Buffer};

/// The most items that go in one call.
const PARTS: usize = 64;

/// The turn to send of one socket.
pub(super) struct Sender<'b> {
    pub(super) member: &'b mut Member,
    pub(super) socket: &'b Socket,
    pub(super) room: &'b mut UnsentRoom,
    pub(super) counts: &'b mut Counts,
    pub(super) limits: Limits,
    /// Why an item was refused, if one was: nothing may overtake it.
    pub(super) refusal: Option<Error>,
}

/// What is to happen to an item.
#[derive(Clone, Copy)]
struct Fate {
    index: usize,
    then: Then,
    keeps: bool,
}

impl Fate {
    fn of(index: usize, item: &Item<'_>) -> Self {
        Self { index, then: item.then, keeps: item.keeps }
    }
}

impl Sender<'_> {
    /// Sends the items of a stream, as many as possible in one call.
    pub(super) fn send_bytes<'a>(
        &mut self,
        chain: &mut Chain<'_>,
        taken: &mut Taken<'_, impl Items<'a>>,
    ) {
        while let Some(index) = chain.next() {
            if self.closes_behind_shutdown(index, taken) {
                continue;
            }
            let item = self.check().and_then(|()| taken.items.item(index));
            match item.and_then(without_address) {
                Err(error) => taken.settle(index, Err(error)),
                Ok(item) if self.member.unsent.is_some() => {
                    let result = self.keep(item);
                    taken.settle(index, result);
                }
                // Most items are like this.
                Ok(item) if chain.peek().is_none() || item.then != Then::Stay => {
                    self.send_parts(&[item.data], &[Fate::of(index, &item)], taken);
                }
                Ok(item) => self.send_with_next(index, &item, chain, taken),
            }
        }
    }

    /// Sends this item, and the ones after it that can go in the same call.
    fn send_with_next<'a>(
        &mut self,
        index: usize,
        item: &Item<'a>,
        chain: &mut Chain<'_>,
        taken: &mut Taken<'_, impl Items<'a>>,
    ) {
        let mut parts = [Buffer::EMPTY; PARTS];
        let mut fates = [Fate::of(index, item); PARTS];
        parts[0] = item.data;
        let mut count = 1;
        while count < PARTS && fates[count - 1].then == Then::Stay {
            let Some(index) = chain.next() else {
                break;
            };
            match taken.items.item(index).and_then(without_address) {
                Err(error) => taken.settle(index, Err(error)),
                Ok(item) => {
                    (parts[count], fates[count]) = (item.data, Fate::of(index, &item));
                    count += 1;
                }
            }
        }
        self.send_parts(&parts[..count], &fates[..count], taken);
    }

    /// Sends items in one call.
    fn send_parts<'a>(
        &mut self,
        parts: &[Buffer<'_>],
        fates: &[Fate],
        taken: &mut Taken<'_, impl Items<'a>>,
    ) {
        let to_keep = parts.iter().zip(fates).filter(|(_, fate)| fate.keeps);
        let to_keep = to_keep.map(|(part, _)| part.size()).fold(0, usize::saturating_add);
        let sent = match parts.iter().all(|part| part.size() == 0) {
            true => Ok(0),
            // What was sent can't be taken back, so there must be memory for the rest.
            false => match self.room.ensure(to_keep) {
                Ok(()) => sys::send(self.socket.fd(), parts, None)
                    .inspect(|&size| self.count_sent(1, size)),
                Err(error) => {
                    self.refuse(error);
                    Err(error)
                }
            },
        };
        let mut sent = match sent {
            Err(Error::EAGAIN) => Ok(0),
            sent => sent,
        };
        for (part, fate) in parts.iter().zip(fates) {
            let result = match &mut sent {
                Err(error) => Err(*error),
                Ok(sent) => {
                    let gone = part.size().min(*sent);
                    *sent -= gone;
                    self.sent_part(*part, gone, fate)
                }
            };
            taken.settle(fate.index, result);
        }
    }

    /// Settles an item of which `gone` bytes were sent.
    fn sent_part(&mut self, data: Buffer<'_>, gone: usize, fate: &Fate) -> Result<usize> {
        let &Fate { then, keeps, .. } = fate;
        if gone == data.size() && self.member.unsent.is_none() && self.refusal.is_none() {
            self.member.then = then;
            return Ok(gone);
        }
        if !keeps && gone > 0 {
            let error = self.member.refuse();
            self.refuse(error);
            return Ok(gone);
        }
        let result = self.keep(Item { data: data.skip(gone), to: None, then, keeps });
        if result.is_err() && gone > 0 {
            // A part of the item was sent: nothing can follow it.
            self.member.is_lost = true;
            let _ = self.socket.shutdown(Side::Both);
        }
        result.map(|_| data.size())
    }

    /// After a shutdown only one thing can follow: an item that closes the socket once everything
    /// is sent. Whether this item is that one.
    #[inline(always)]
    fn closes_behind_shutdown<'a>(
        &mut self,
        index: usize,
        taken: &mut Taken<'_, impl Items<'a>>,
    ) -> bool {
        if !self.member.is_shut && self.member.then != Then::Shutdown {
            return false;
        }
        let closes = taken.items.item(index).is_ok_and(|item| {
            item.then == Then::Close && item.data.size() == 0 && item.to.is_none()
        });
        // A second such item is refused.
        let closes = closes && self.member.then != Then::Close;
        if closes {
            self.member.then = Then::Close;
            taken.settle(index, Ok(0));
        }
        closes
    }

    #[inline(always)]
    fn count_sent(&mut self, messages: usize, bytes: usize) {
        self.counts.sent.add(messages, bytes);
        self.socket.count_sent(messages, bytes);
    }

    /// Whether anything can follow what was sent before.
    fn check(&self) -> Result<()> {
        if self.member.then != Then::Stay {
            return Err(Error::EPIPE);
        }
        self.refusal.map_or(Ok(()), Err)
    }

    /// Keeps an item for later, if there is room.
    fn keep(&mut self, item: Item<'_>) -> Result<usize> {
        self.check()?;
        self.try_keep(item).inspect_err(|error| self.refuse(*error))
    }

    fn refuse(&mut self, error: Error) {
        let is_passing = matches!(error, Error::EAGAIN | Error::ENOMEM);
        if is_passing && self.member.role == Role::Connection {
            self.refusal = Some(error);
        }
    }

    fn try_keep(&mut self, item: Item<'_>) -> Result<usize> {
        if !item.keeps {
            return Err(self.member.refuse());
        }
        let size = item.data.size();
        let is_stream = self.socket.kind() == Kind::Stream;
        let unsent = match &mut self.member.unsent {
            Some(unsent) => unsent,
            none if is_stream => none.insert(self.room.make_bytes()?),
            none => none.insert(sys::boxed(Unsent::messages())?),
        };
        if !unsent.has_room(size, self.limits.send) {
            return Err(self.member.refuse());
        }
        if !is_stream && size > self.socket.largest_message()? {
            // Later no call could return the error.
            return Err(Error::EMSGSIZE);
        }
        unsent.push(item.data, item.to)?;
        self.member.then = item.then;
        Ok(size)
    }

    /// Sends each item as a message, many in one call.
    pub(super) fn send_messages<'a>(
        &mut self,
        chain: &mut Chain<'_>,
        taken: &mut Taken<'_, impl Items<'a>>,
    ) {
        while let Some(index) = chain.next() {
            if self.closes_behind_shutdown(index, taken) {
                continue;
            }
            let item = self.check().and_then(|()| self.message(index, taken));
            match item {
                Err(error) => taken.settle(index, Err(error)),
                Ok(item) if self.must_wait(&item) => {
                    let result = self.keep(item);
                    taken.settle(index, result);
                }
                // Most items are like this.
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
        if !item.keeps && self.member.role == Role::Datagram {
            // The kernel does not tell when a receiver has room.
            return Err(Error::EOPNOTSUPP);
        }
        self.socket.readiness_to_send(item.to.is_some())?;
        Ok(item)
    }

    /// Sends one message alone.
    fn send_message(&mut self, item: Item<'_>) -> Result<usize> {
        let to = item.to.as_ref().map(AsRef::as_ref);
        match self.socket.sent(sys::send(self.socket.fd(), &[item.data], to)) {
            Ok(size) => {
                self.count_sent(1, size);
                self.member.then = item.then;
                Ok(size)
            }
            Err(Error::EAGAIN) => self.keep(item),
            Err(error) => Err(error),
        }
    }

    /// Sends this message, and the ones after it that can go in the same call.
    fn send_with_next_messages<'a>(
        &mut self,
        index: usize,
        item: Item<'a>,
        chain: &mut Chain<'_>,
        taken: &mut Taken<'_, impl Items<'a>>,
    ) {
        let mut batch: [Option<(usize, Item<'a>)>; sys::BATCH] = [const { None }; sys::BATCH];
        let (mut count, mut then) = (1, item.then);
        batch[0] = Some((index, item));
        while count < sys::BATCH && then == Then::Stay && self.member.then == Then::Stay {
            let Some(index) = chain.next() else {
                break;
            };
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

    /// Whether an item has to be kept, so as not to overtake another.
    fn must_wait(&self, item: &Item<'_>) -> bool {
        let unsent = self.member.unsent.as_ref();
        self.refusal.is_some() || unsent.is_some_and(|unsent| unsent.is_before(item.to.as_ref()))
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
                    self.count_sent(count, sizes[..count].iter().sum());
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
                            Error::EAGAIN => self.keep(item),
                            error => Err(error),
                        };
                        taken.settle(index, result);
                    }
                    done += 1;
                    // The items after one that is kept may have to wait, too.
                    while let Some(next) = batch.get_mut(done) {
                        let Some((index, item)) = next.take_if(|(_, item)| self.must_wait(item))
                        else {
                            break;
                        };
                        let result = self.keep(item);
                        taken.settle(index, result);
                        done += 1;
                    }
                }
            }
        }
    }

    /// Sends messages in one call. Returns how many were sent; an error is that of the first one.
    fn send_some(
        &self,
        batch: &[Option<(usize, Item<'_>)>],
        sizes: &mut [usize; sys::BATCH],
    ) -> Result<usize> {
        const NOTHING: sys::Outgoing<'_> =
            sys::Outgoing { buffer: Buffer::EMPTY, to: None, descriptors: &[] };
        let mut calls = [NOTHING; sys::BATCH];
        let filled = calls.iter_mut().zip(batch.iter().flatten()).map(|(call, (_, item))| {
            call.buffer = item.data;
            call.to = item.to.as_ref().map(AsRef::as_ref);
        });
        let count = filled.count();
        self.socket.sent(sys::send_batch(self.socket.fd(), &calls[..count], sizes))
    }
}

/// Refuses an item with an address: a stream sends to its peer only.
fn without_address(item: Item<'_>) -> Result<Item<'_>> {
    if item.to.is_some() { Err(Error::EOPNOTSUPP) } else { Ok(item) }
}
