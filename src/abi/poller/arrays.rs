//! The arrays that a program gives a poller: room for events, and items to send.

use std::ffi::CString;

use super::{
    UDSOCK_DONT_KEEP, UDSOCK_EVENT_ACCEPTED, UDSOCK_EVENT_DRAINED, UDSOCK_EVENT_ENDED,
    UDSOCK_EVENT_FAILED, UDSOCK_EVENT_READY, UDSOCK_EVENT_RECEIVED, UDSOCK_THEN_CLOSE,
    UDSOCK_THEN_SHUTDOWN, udsock_event, udsock_outgoing,
};
use crate::abi::codes::{code_of, count};
use crate::address;
use crate::error::{Error, Result};
use crate::poller::{Event, EventKind, Item, Items, Report, Then};
use crate::sys::Buffer;

/// The caller's room for events.
pub(super) struct Events {
    first: *mut udsock_event,
    capacity: usize,
}

impl Events {
    pub(super) fn new(first: *mut udsock_event, capacity: usize) -> Result<Self> {
        check_array(first, capacity)?;
        if capacity == 0 { Err(Error::EINVAL) } else { Ok(Self { first, capacity }) }
    }
}

impl Report for Events {
    fn capacity(&self) -> usize {
        self.capacity
    }

    fn write(&mut self, index: usize, event: Event) {
        debug_assert!(index < self.capacity);
        let event = udsock_event {
            socket: event.socket,
            token: event.token,
            kind: number_of(event.kind),
            code: event.error.map_or(0, code_of),
            offset: event.data.offset,
            length: event.data.length,
            address_offset: event.address.offset,
            address_length: event.address.length,
        };
        // SAFETY: the caller passes room for `capacity` events.
        unsafe { self.first.wrapping_add(index).write_unaligned(event) };
    }
}

fn number_of(kind: EventKind) -> u32 {
    match kind {
        EventKind::Accepted => UDSOCK_EVENT_ACCEPTED,
        EventKind::Received => UDSOCK_EVENT_RECEIVED,
        EventKind::Drained => UDSOCK_EVENT_DRAINED,
        EventKind::Ended => UDSOCK_EVENT_ENDED,
        EventKind::Failed => UDSOCK_EVENT_FAILED,
        EventKind::Ready => UDSOCK_EVENT_READY,
    }
}

/// The caller's items, and what they point into.
pub(super) struct OutgoingItems {
    first: *mut udsock_outgoing,
    count: usize,
    base: Buffer<'static>,
}

impl OutgoingItems {
    pub(super) fn new(
        first: *mut udsock_outgoing,
        count: usize,
        base: Buffer<'static>,
    ) -> Result<Self> {
        check_array(first, count)?;
        // Items are counted in 32 bits.
        if u32::try_from(count).is_err() {
            Err(Error::EINVAL)
        } else {
            Ok(Self { first, count, base })
        }
    }

    fn read(&self, index: usize) -> udsock_outgoing {
        debug_assert!(index < self.count);
        // SAFETY: the caller passes `count` items.
        unsafe { self.first.wrapping_add(index).read_unaligned() }
    }

    fn part(&self, offset: u32, length: u32) -> Result<Buffer<'static>> {
        self.base.part(offset as usize, length as usize).ok_or(Error::EINVAL)
    }
}

impl Items<'static> for OutgoingItems {
    fn count(&self) -> usize {
        self.count
    }

    fn socket(&self, index: usize) -> i64 {
        self.read(index).socket
    }

    fn item(&self, index: usize) -> Result<Item<'static>> {
        let item = self.read(index);
        let then = match item.flags & !UDSOCK_DONT_KEEP {
            0 => Then::Stay,
            UDSOCK_THEN_SHUTDOWN => Then::Shutdown,
            UDSOCK_THEN_CLOSE => Then::Close,
            _ => return Err(Error::EINVAL),
        };
        if item.reserved != 0 {
            return Err(Error::EINVAL);
        }
        let data = match item.length {
            0 => Buffer::EMPTY,
            length => self.part(item.offset, length)?,
        };
        let to = match item.address_length {
            0 => None,
            length => {
                let part = self.part(item.address_offset, length)?;
                let mut text = Vec::new();
                // Room for the NUL, too.
                text.try_reserve_exact(part.size() + 1)?;
                part.copy_to(&mut text);
                let text = CString::new(text).map_err(|_| Error::EINVAL)?;
                Some(address::destination_of(&text)?)
            }
        };
        Ok(Item { data, to, then, keeps: item.flags & UDSOCK_DONT_KEEP == 0 })
    }

    fn settle(&mut self, index: usize, result: Result<usize>) {
        let mut item = self.read(index);
        item.result = result.map_or_else(|error| code_of(error).into(), count);
        // SAFETY: the caller passes `count` items.
        unsafe { self.first.wrapping_add(index).write_unaligned(item) };
    }
}

/// Not NULL, unless it is empty, and no larger than memory is.
fn check_array<T>(first: *mut T, count: usize) -> Result<()> {
    let size = count.checked_mul(size_of::<T>()).and_then(|size| isize::try_from(size).ok());
    if size.is_none() || (first.is_null() && count > 0) { Err(Error::EINVAL) } else { Ok(()) }
}
