//! What a poller has taken for sending and could not send yet.

use std::collections::VecDeque;
use std::mem;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::address::Destination;
use crate::counters::Traffic;
use crate::error::{Error, Result};
use crate::sys::{self, Buffer, SocketName};

const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Unsent {
    queue: Queue,
    /// How much memory it takes.
    size: usize,
    /// How many bytes wait to be sent.
    bytes: usize,
    /// The kernel had no memory for it, and does not report when it has.
    is_starved: bool,
    /// The next pause before an attempt, where the kernel does not report when there is room.
    pause: Duration,
    /// Such a pause is under way.
    pub(super) is_pausing: bool,
}

enum Queue {
    Bytes(VecDeque<u8>),
    Messages(VecDeque<Message>),
}

struct Message {
    bytes: Vec<u8>,
    /// `None`: the peer that the socket is connected to.
    to: Option<Destination>,
}

/// What a flush has done.
#[derive(Default)]
pub(super) struct Flushed {
    pub(super) sent: Traffic,
    /// How many messages could not be delivered, and were dropped.
    pub(super) dropped: u64,
    dropped_bytes: usize,
    /// Why the last of them was dropped.
    pub(super) error: Option<Error>,
}

impl Message {
    fn name(&self) -> Option<&SocketName> {
        self.to.as_ref().map(AsRef::as_ref)
    }

    fn is_to(&self, receiver: Option<&Destination>) -> bool {
        match (&self.to, receiver) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is_same(other),
            _ => false,
        }
    }

    fn size(&self) -> usize {
        self.bytes.len() + size_of::<Self>()
    }
}

impl Unsent {
    pub(super) fn messages() -> Self {
        Self::new(Queue::Messages(VecDeque::new()))
    }

    fn new(queue: Queue) -> Self {
        Self { queue, size: 0, bytes: 0, is_starved: false, pause: FIRST_PAUSE, is_pausing: false }
    }

    /// How many bytes wait to be sent.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        match &self.queue {
            Queue::Bytes(bytes) => bytes.is_empty(),
            Queue::Messages(messages) => messages.is_empty(),
        }
    }

    /// Whether there is room for an item of that size. For the first one there always is.
    pub(super) fn has_room(&self, size: usize, limit: usize) -> bool {
        self.is_empty() || self.size.saturating_add(size) <= limit
    }

    /// Whether poll reports when more can be sent.
    pub(super) fn waits_for_room(&self) -> bool {
        match &self.queue {
            _ if self.is_starved => false,
            Queue::Bytes(_) => true,
            Queue::Messages(messages) => messages.iter().any(|message| message.to.is_none()),
        }
    }

    /// Whether only another attempt shows when more can be sent.
    pub(super) fn waits_for_attempts(&self) -> bool {
        match &self.queue {
            _ if self.is_starved => true,
            Queue::Bytes(_) => false,
            Queue::Messages(messages) => messages.iter().any(|message| message.to.is_some()),
        }
    }

    /// The pause before the next attempt; the one after it is longer.
    pub(super) fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = LONGEST_PAUSE.min(pause * 2);
        pause
    }

    /// Whether a message to this receiver would overtake one that is kept.
    pub(super) fn is_before(&self, to: Option<&Destination>) -> bool {
        match &self.queue {
            Queue::Bytes(_) => true,
            Queue::Messages(messages) => messages.iter().any(|message| message.is_to(to)),
        }
    }

    pub(super) fn push(&mut self, data: Buffer<'_>, to: Option<Destination>) -> Result<()> {
        let added = data.size();
        match &mut self.queue {
            Queue::Bytes(bytes) => {
                bytes.try_reserve(data.size())?;
                data.copy_to(bytes);
                self.size += data.size();
            }
            Queue::Messages(messages) => {
                let mut bytes = Vec::new();
                bytes.try_reserve_exact(data.size())?;
                messages.try_reserve(1)?;
                data.copy_to(&mut bytes);
                let message = Message { bytes, to: shared(messages, to) };
                self.size += message.size();
                messages.push_back(message);
            }
        }
        self.bytes += added;
        Ok(())
    }

    /// Sends what can be sent. A failure of a connection is returned. Any other concerns one
    /// receiver: that message is dropped, as if it had arrived too late, and counted.
    pub(super) fn flush(
        &mut self,
        fd: BorrowedFd<'_>,
        is_connection: bool,
        flushed: &mut Flushed,
    ) -> Result<()> {
        let before = self.size;
        let result = match &mut self.queue {
            Queue::Bytes(bytes) => flush_bytes(bytes, fd, flushed),
            Queue::Messages(messages) => flush_messages(messages, fd, is_connection, flushed),
        };
        self.size = match &self.queue {
            Queue::Bytes(bytes) => bytes.len(),
            Queue::Messages(messages) => messages.iter().map(Message::size).sum(),
        };
        self.bytes -= flushed.sent.bytes as usize + flushed.dropped_bytes;
        if self.size < before {
            self.pause = FIRST_PAUSE;
        }
        self.is_starved = result.is_err_and(is_passing);
        if self.is_starved { Ok(()) } else { result }
    }
}

/// Memory for the rest of what is about to be sent, allocated beforehand.
#[derive(Default)]
pub(super) struct UnsentRoom {
    unsent: Option<sys::Room<Unsent>>,
    bytes: VecDeque<u8>,
}

impl UnsentRoom {
    #[inline(always)]
    pub(super) fn ensure(&mut self, size: usize) -> Result<()> {
        // This is so nearly always.
        let is_enough = self.unsent.is_some() && self.bytes.capacity() >= size;
        if is_enough { Ok(()) } else { self.grow(size) }
    }

    #[cold]
    fn grow(&mut self, size: usize) -> Result<()> {
        if self.unsent.is_none() {
            self.unsent = Some(sys::room_for()?);
        }
        // More is likely to follow.
        const LEAST: usize = 2048;
        Ok(self.bytes.try_reserve(size.max(LEAST))?)
    }

    /// Frees large memory: to allocate it again costs little beside sending as much.
    pub(super) fn drop_large(&mut self) {
        const LARGE: usize = 1 << 14;
        if self.bytes.capacity() > LARGE {
            self.bytes = VecDeque::new();
        }
    }

    /// The queue of a stream, still empty.
    pub(super) fn make_bytes(&mut self) -> Result<Box<Unsent>> {
        self.ensure(0)?;
        let room = self.unsent.take().ok_or(Error::ENOMEM)?;
        Ok(room.fill(Unsent::new(Queue::Bytes(mem::take(&mut self.bytes)))))
    }
}

/// The same receiver, by the name that the messages before it have: so all that is kept for one
/// receiver holds one descriptor, if it holds any.
fn shared(messages: &VecDeque<Message>, to: Option<Destination>) -> Option<Destination> {
    let before = match &to {
        Some(receiver) if receiver.holds_file() => {
            messages.iter().find(|before| before.is_to(Some(receiver)))
        }
        _ => None,
    };
    before.map_or(to, |before| before.to.clone())
}

/// Whether another attempt may well succeed.
fn is_passing(error: Error) -> bool {
    matches!(error, Error::ENOBUFS | Error::ENOMEM | Error::EINTR)
}

fn flush_bytes(bytes: &mut VecDeque<u8>, fd: BorrowedFd<'_>, flushed: &mut Flushed) -> Result<()> {
    while !bytes.is_empty() {
        let (front, back) = bytes.as_slices();
        match sys::send(fd, &[Buffer::of(front), Buffer::of(back)], None) {
            Ok(size) => {
                flushed.sent.add(1, size);
                drop(bytes.drain(..size));
            }
            Err(Error::EAGAIN) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn flush_messages(
    messages: &mut VecDeque<Message>,
    fd: BorrowedFd<'_>,
    is_connection: bool,
    flushed: &mut Flushed,
) -> Result<()> {
    let mut full: Vec<SocketName> = Vec::new();
    let mut result = Ok(());
    let mut stopped = false;
    messages.retain(|message| {
        let name = message.name();
        if stopped || name.is_some_and(|name| full.contains(name)) {
            return true;
        }
        match sys::send(fd, &[Buffer::of(&message.bytes)], name) {
            Err(Error::EAGAIN) => {
                match name {
                    Some(name) if full.try_reserve(1).is_ok() => full.push(*name),
                    Some(_) => (result, stopped) = (Err(Error::ENOMEM), true),
                    None => stopped = true,
                }
                true
            }
            Err(error) if is_connection || is_passing(error) => {
                (result, stopped) = (Err(error), true);
                true
            }
            Err(error) => {
                flushed.dropped += 1;
                flushed.dropped_bytes += message.bytes.len();
                flushed.error = Some(error);
                false
            }
            Ok(size) => {
                flushed.sent.add(1, size);
                false
            }
        }
    });
    result
}
