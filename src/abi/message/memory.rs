//! Messages in the caller's memory: one, or an array of them.

use std::mem::{offset_of, size_of};
use std::os::fd::IntoRawFd;
use std::ptr;

use super::{UDSOCK_FDS_LOST, UDSOCK_MAX_DESCRIPTORS, UDSOCK_TRUNCATED, udsock_message};
use crate::abi::argument::{self, TextRoom};
use crate::abi::basics::udsock_credentials;
use crate::abi::codes::{code_of, count};
use crate::address;
use crate::batch::{Delivery, Inbox, Outbox, Outgoing};
use crate::error::{Error, Result};
use crate::name_text::{self, NameText};
use crate::socket::Socket;
use crate::sys::{Buffer, Credentials, Sender, SocketName};
use crate::user_namespace::known_of_sender;
use crate::wait::Wait;

/// What the first version of the struct had.
const SMALLEST: usize = offset_of!(udsock_message, pidfd);

/// A message of the caller's, as it was when the call began, and where it is.
pub(super) struct Message {
    place: *mut udsock_message,
    content: udsock_message,
}

impl Message {
    /// The caller promises NULL or a message of the size that it begins with, which stays in
    /// place during the call.
    pub(super) unsafe fn read(place: *mut udsock_message) -> Result<Self> {
        // SAFETY: the caller passes NULL, or a message with its size.
        let content = unsafe { argument::options(place) }?.ok_or(Error::EINVAL)?;
        if (content.size as usize) < SMALLEST || content.reserved != 0 {
            return Err(Error::EINVAL);
        }
        argument::known_flags(content.flags, UDSOCK_TRUNCATED | UDSOCK_FDS_LOST)?;
        Ok(Self { place, content })
    }

    pub(super) fn outgoing(&self) -> Result<Outgoing<'static>> {
        let message = &self.content;
        if message.flags & UDSOCK_TRUNCATED != 0 {
            // Its length is that of what was received, and not of what is here.
            return Err(Error::EINVAL);
        }
        let buffer = argument::outgoing(message.data, message.data_size)?;
        // SAFETY: the caller passes a C string or NULL.
        let to = match unsafe { argument::text(message.address) } {
            None => None,
            Some(text) if text.is_empty() => None,
            Some(text) => Some(address::destination_of(text)?),
        };
        // SAFETY: the caller passes as many descriptors.
        let descriptors = unsafe { descriptors(message, message.descriptors_count) }?;
        if descriptors.len() > UDSOCK_MAX_DESCRIPTORS {
            return Err(Error::EINVAL);
        }
        Ok(Outgoing { buffer, to, descriptors })
    }

    /// Where the bytes go, after a look at all the room that there is.
    pub(super) fn room(&self) -> Result<Buffer<'static>> {
        let message = &self.content;
        // SAFETY: nothing is read or written yet.
        unsafe { descriptors(message, message.descriptors_capacity) }?;
        TextRoom::optional(message.address, message.address_capacity)?;
        argument::incoming(message.data, message.data_capacity)
    }

    pub(super) fn wants_address(&self) -> bool {
        !self.content.address.is_null()
    }

    /// Whether the sender's address will fit, before the message is taken.
    pub(super) fn check_address_room(&self, socket: &Socket, wait: &mut Wait) -> Result<()> {
        let capacity = self.content.address_capacity;
        if !self.wants_address() || capacity > name_text::NAME_TEXT_MAX {
            return Ok(());
        }
        let mut from = SocketName::EMPTY;
        socket.next_sender(&mut from, wait)?;
        let fits = name_text::text_of(&from).count_bytes() < capacity;
        if fits { Ok(()) } else { Err(Error::ERANGE) }
    }

    /// Fails if the sender's address does not fit; all the rest has been delivered then.
    fn deliver(&mut self, delivery: Delivery<'_>) -> Result<usize> {
        let Delivery { size, from, ancillary, with_descriptors } = delivery;
        let message = &mut self.content;
        let from = from.map_or(NameText::Unnamed, name_text::text_of);
        let room = if with_descriptors { message.descriptors_capacity } else { 0 };
        let mut lost_descriptors = ancillary.is_cut();
        message.descriptors_count = 0;
        let Sender { credentials, pidfd } = ancillary.hand_out(|descriptor| {
            if message.descriptors_count == room {
                // Dropping it closes it.
                lost_descriptors = true;
                return;
            }
            let place = message.descriptors.wrapping_add(message.descriptors_count);
            // SAFETY: the caller passes room for `descriptors_capacity` of them.
            unsafe { place.write_unaligned(descriptor.into_raw_fd()) };
            message.descriptors_count += 1;
        });
        let fits = size.min(message.data_capacity);
        message.data_size = size;
        message.flags = if fits < size { UDSOCK_TRUNCATED } else { 0 };
        message.flags |= if lost_descriptors { UDSOCK_FDS_LOST } else { 0 };
        message.credentials = sender(credentials);
        // Dropping one that there is no field for closes it.
        message.pidfd = match pidfd {
            Ok(pidfd) if message.size as usize >= SMALLEST + size_of::<i32>() => {
                pidfd.into_raw_fd()
            }
            Ok(_) => code_of(Error::ENODATA),
            Err(error) => code_of(error),
        };
        message.address_size = from.count_bytes();
        let written = match TextRoom::optional(message.address, message.address_capacity) {
            // SAFETY: the caller passes room for `address_capacity` bytes.
            Ok(Some(room)) => unsafe { room.write(&from) }.map(drop),
            none => none.map(drop),
        };
        written.map(|()| fits)
    }

    /// For a message that came alone. Its address fits; but another thread may have taken
    /// the message that was looked at, and this one came instead: it must not be lost.
    pub(super) fn deliver_alone(mut self, delivery: Delivery<'_>) -> Result<i64> {
        let size = self.deliver(delivery).unwrap_or_else(|_| {
            let message = &mut self.content;
            message.address_size = 0;
            if let Ok(Some(room)) = TextRoom::optional(message.address, message.address_capacity) {
                // SAFETY: the caller passes room for `address_capacity` bytes.
                let _ = unsafe { room.write(c"") };
            }
            message.data_size.min(message.data_capacity)
        });
        self.settle(Ok(size));
        Ok(count(size))
    }

    fn settle(mut self, result: Result<usize>) {
        self.content.result = in_result(result);
        let size = size_of::<udsock_message>().min(self.content.size as usize);
        // SAFETY: the caller's message has as many bytes, and that many were read from there.
        unsafe {
            let content = (&raw const self.content).cast::<u8>();
            ptr::copy_nonoverlapping(content, self.place.cast(), size);
        }
    }
}

/// The caller's array.
pub(super) struct Messages {
    first: *mut u8,
    stride: usize,
    count: usize,
}

impl Messages {
    /// The caller promises an array of this many elements, each of the size that it
    /// begins with, which stays in place during the call.
    pub(super) unsafe fn new(first: *mut udsock_message, count: usize) -> Result<Self> {
        if count == 0 {
            return Err(Error::EINVAL);
        }
        // SAFETY: there is a first element, and it begins with its size.
        let stride = unsafe { Message::read(first) }?.content.size as usize;
        if stride % align_of::<udsock_message>() != 0 {
            return Err(Error::EINVAL);
        }
        let whole = stride.checked_mul(count).ok_or(Error::EINVAL)?;
        isize::try_from(whole).map_err(|_| Error::EINVAL)?;
        Ok(Self { first: first.cast(), stride, count })
    }

    fn read(&self, index: usize) -> Result<Message> {
        debug_assert!(index < self.count);
        let element = self.first.wrapping_add(index * self.stride);
        // SAFETY: the element is in the caller's array and begins with its size, which is
        // compared before as many bytes are looked at: they might be more than there are.
        unsafe {
            if element.cast::<u32>().read_unaligned() as usize != self.stride {
                return Err(Error::EINVAL);
            }
            Message::read(element.cast())
        }
    }

    pub(super) fn check_room(&self) -> Result<()> {
        (0..self.count.min(crate::batch::MOST))
            .try_for_each(|index| self.read(index)?.room().map(drop))
    }
}

impl Outbox<'static> for Messages {
    fn count(&self) -> usize {
        self.count
    }

    fn message(&self, index: usize) -> Result<Outgoing<'static>> {
        self.read(index)?.outgoing()
    }

    fn settle(&mut self, index: usize, result: Result<usize>) {
        let element = self.first.wrapping_add(index * self.stride);
        let place = element.wrapping_add(offset_of!(udsock_message, result)).cast::<i32>();
        // SAFETY: the element is in the caller's array, and every version has this field.
        unsafe { place.write_unaligned(in_result(result)) };
    }
}

impl Inbox<'static> for Messages {
    fn count(&self) -> usize {
        self.count
    }

    fn room(&self, index: usize) -> Buffer<'static> {
        self.read(index).and_then(|message| message.room()).unwrap_or(Buffer::EMPTY)
    }

    fn deliver(&mut self, index: usize, delivery: Delivery<'_>) {
        if let Ok(mut message) = self.read(index) {
            let result = message.deliver(delivery);
            message.settle(result);
        }
    }
}

/// The descriptors of a message, or the room for them.
unsafe fn descriptors<'a>(message: &udsock_message, count: usize) -> Result<&'a [i32]> {
    if count == 0 {
        return Ok(&[]);
    }
    let size = count.checked_mul(size_of::<i32>()).and_then(|size| isize::try_from(size).ok());
    if message.descriptors.is_null() || !message.descriptors.is_aligned() || size.is_none() {
        return Err(Error::EINVAL);
    }
    // SAFETY: the caller passes `count` of them, and leaves them alone during the call.
    Ok(unsafe { std::slice::from_raw_parts(message.descriptors, count) })
}

/// What the kernel does not vouch for is unknown.
fn sender(credentials: Option<Credentials>) -> udsock_credentials {
    credentials.map_or(Credentials::UNKNOWN, known_of_sender).into()
}

/// A length (which the kernel keeps below 2^31) or a code.
fn in_result(result: Result<usize>) -> i32 {
    result.map_or_else(code_of, |size| i32::try_from(size).unwrap_or(i32::MAX))
}
