//! Messages, many in one call

use std::ffi::{c_char, c_void};
use std::mem::{offset_of, size_of};
use std::os::fd::IntoRawFd;
use std::ptr;

use super::argument::{self, Sized32, TextRoom};
use super::basics::{udsock_credentials, udsock_t};
use super::codes::{code_of, count};
use super::guard::guard;
use crate::address;
use crate::batch::{Delivery, Inbox, Outbox, Outgoing};
use crate::error::{Error, Result};
use crate::handles;
use crate::name_text::{self, NameText};
use crate::socket::Socket;
use crate::sys::{Ancillary, Buffer, Credentials, Sender, SocketName};
use crate::user_namespace::known_of_sender;
use crate::wait::Wait;

/// Message flag, set by receiving: the message was larger than data_capacity. data_size is its
/// true length; the bytes that did not fit are gone.
pub const UDSOCK_TRUNCATED: u32 = 1;

/// Message flag, set by receiving: descriptors came that could not be taken, and were closed.
/// UDSOCK_OPTION_RECEIVE_FDS was off, there was no room for them, or this process has too many
/// descriptors open.
pub const UDSOCK_FDS_LOST: u32 = 2;

/// The most descriptors that go with one message.
pub const UDSOCK_MAX_DESCRIPTORS: usize = 253;

const _: () = assert!(UDSOCK_MAX_DESCRIPTORS == crate::sys::MOST_DESCRIPTORS);

/// A message, and all that goes with it. A call that sends reads data_size, descriptors_count
/// and address. A call that receives reads the capacities and writes the sizes and counts, so
/// that a received message can be sent on as it is. Set size, and set the fields that are not
/// used to 0. Fields that only receiving writes have no meaning before that: a pid, uid or
/// pidfd of 0 there stands for nothing.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udsock_message {
    /// sizeof(udsock_message). In an array every element has the same size, and the elements
    /// are that many bytes apart.
    pub size: u32,
    /// Out: UDSOCK_TRUNCATED, UDSOCK_FDS_LOST. A message that was cut can't be sent on:
    /// -EINVAL.
    pub flags: u32,
    /// The bytes, or room for them.
    pub data: *mut c_void,
    /// Receiving: the room at data, in bytes, at least 1.
    pub data_capacity: usize,
    /// How many bytes to send; how many bytes the received message has.
    pub data_size: usize,
    /// Descriptors to pass, or room for them. Those that are passed stay open here. Those that
    /// are received are close-on-exec, and the caller has to close them. To pass the descriptor
    /// of a handle, use udsock_fd. To receive descriptors, set UDSOCK_OPTION_RECEIVE_FDS.
    pub descriptors: *mut i32,
    /// Receiving: for how many descriptors there is room. UDSOCK_MAX_DESCRIPTORS is always
    /// enough.
    pub descriptors_capacity: usize,
    /// How many descriptors to pass, at most UDSOCK_MAX_DESCRIPTORS; how many were received.
    pub descriptors_count: usize,
    /// The address to send to (datagrams; NULL or "": the one that the socket is connected to).
    /// Receiving: room for the address of the sender, or NULL.
    pub address: *mut c_char,
    /// Receiving: the room at address, in bytes, at least 1. UDSOCK_ADDRESS_SIZE is
    /// always enough.
    pub address_capacity: usize,
    /// Receiving: the length of the sender's address without its NUL. 0: the sender has no
    /// address, or there was no room for one.
    pub address_size: usize,
    /// Receiving, with UDSOCK_OPTION_RECEIVE_CREDENTIALS: who sent it. Unknown (see
    /// udsock_credentials) without that option, and if the message was sent before the option
    /// was on. If the sender is in a PID namespace that this process can't see, uid and gid are
    /// known, and the pid is 0. But if the kernel then shows uid and gid as 65534, all three
    /// are unknown: a message without a sender looks the same.
    pub credentials: udsock_credentials,
    /// What became of the message: how many bytes were sent or came, or an error code.
    pub result: i32,
    /// Receiving, with UDSOCK_OPTION_RECEIVE_PIDFD: a descriptor that stands for the process
    /// that sent it (pidfd_open(2)). It is close-on-exec, and the caller has to close it. A
    /// later process with the same number can't be mistaken for the sender. If there is no
    /// descriptor, this is the reason. -ENODATA: the option is off, or the message was sent
    /// before it was on. -ESRCH: the process has gone. -EMFILE: too many descriptors are open.
    pub pidfd: i32,
    /// 0.
    pub reserved: u32,
}

/// What the first version of the struct had.
const SMALLEST: usize = offset_of!(udsock_message, pidfd);

// SAFETY: numbers and pointers: any bytes are a value.
unsafe impl Sized32 for udsock_message {}

/// Sends one message, and descriptors with it. It is sent as by udsock_send, or, with an
/// address, as by udsock_send_to. Of a stream a part may be sent: the descriptors go with its
/// first byte, so send the rest without them.
///
/// Returns how many bytes were sent.
///
/// -EINVAL: there are more than UDSOCK_MAX_DESCRIPTORS, or descriptors without data on a
/// stream, where the kernel would lose them.
/// -EBADF: one of the descriptors is not open.
/// -EPERM: the receiver does not take descriptors.
/// -ETOOMANYREFS: too many descriptors are under way.
/// Others: as of udsock_send and udsock_send_to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_send_message(
    s: udsock_t,
    message: *mut udsock_message,
    timeout_ms: i32,
) -> i64 {
    guard(|| {
        let mut wait = Wait::new(argument::timeout(timeout_ms)?);
        // SAFETY: the caller passes a message with its size.
        let message = unsafe { Message::read(message) }?.outgoing()?;
        handles::get(s)?.send_message(&message, &mut wait).map(count)
    })
}

/// Receives one message, and all that comes with it. A message that is larger than its room is
/// cut: UDSOCK_TRUNCATED is set, and data_size says how large it was.
///
/// Returns how many bytes are at data.
///
/// -ERANGE: the sender's address does not fit; the message stays in the queue.
/// -EINVAL: there is no room: data_capacity is 0, or address_capacity is 0 and address is not
/// NULL.
/// Others: as of udsock_recv.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_recv_message(
    s: udsock_t,
    message: *mut udsock_message,
    timeout_ms: i32,
) -> i64 {
    guard(|| {
        let mut wait = Wait::new(argument::timeout(timeout_ms)?);
        // SAFETY: the caller passes a message with its size.
        let message = unsafe { Message::read(message) }?;
        let room = message.room()?;
        let socket = handles::get(s)?;
        message.check_address_room(&socket, &mut wait)?;
        let mut from = message.wants_address().then_some(SocketName::EMPTY);
        let mut ancillary = Ancillary::new();
        let size = socket.receive_message(room, from.as_mut(), &mut ancillary, &mut wait)?;
        let (from, ancillary) = (from.as_ref(), &mut ancillary);
        let with_descriptors = socket.receives_descriptors();
        message.deliver_alone(Delivery { size, from, ancillary, with_descriptors })
    })
}

/// Sends many messages. Up to 16 go in one system call. The `result` of each is its length or
/// its own error, and one that fails does not hold up the others. If the time runs out, a
/// signal handler ends the call or the handle is closed, the remaining messages have that error
/// as their result. On a stream the messages follow each other without bounds; if a message was
/// sent in part, its result says how much, and no later message was sent.
///
/// Returns how many were sent. If none was sent, it returns the error of the first one.
///
/// -EINVAL: there are no messages, or their sizes differ.
/// Others: as of udsock_send and udsock_send_to; also in each result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_send_batch(
    s: udsock_t,
    messages: *mut udsock_message,
    messages_count: usize,
    timeout_ms: i32,
) -> i64 {
    guard(|| {
        let mut wait = Wait::new(argument::timeout(timeout_ms)?);
        // SAFETY: the caller passes `messages_count` elements, each with its size.
        let mut messages = unsafe { Messages::new(messages, messages_count) }?;
        handles::get(s)?.send_batch(&mut messages, &mut wait).map(count)
    })
}

/// Receives many messages. The call waits for one message, and takes those that are there
/// already along with it, up to 64 in one call (16 datagrams). The `result` of each is the
/// number of bytes at data, or -ERANGE if the sender's address did not fit (address_size says
/// its length); data and descriptors have come all the same. UDSOCK_TRUNCATED marks those that
/// were larger than their room. The call does not touch the elements beyond those that came.
///
/// Returns how many came.
///
/// -EINVAL: an element has no room; nothing was received.
/// Others: as of udsock_recv.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_recv_batch(
    s: udsock_t,
    messages: *mut udsock_message,
    messages_count: usize,
    timeout_ms: i32,
) -> i64 {
    guard(|| {
        let mut wait = Wait::new(argument::timeout(timeout_ms)?);
        // SAFETY: the caller passes `messages_count` elements, each with its size.
        let mut messages = unsafe { Messages::new(messages, messages_count) }?;
        messages.check_room()?;
        handles::get(s)?.receive_batch(&mut messages, &mut wait).map(count)
    })
}

/// A message of the caller's, as it was when the call began, and where it is.
struct Message {
    place: *mut udsock_message,
    content: udsock_message,
}

impl Message {
    /// The caller promises NULL or a message of the size that it begins with, which stays in
    /// place during the call.
    unsafe fn read(place: *mut udsock_message) -> Result<Self> {
        // SAFETY: the caller passes NULL, or a message with its size.
        let content = unsafe { argument::options(place) }?.ok_or(Error::EINVAL)?;
        if (content.size as usize) < SMALLEST || content.reserved != 0 {
            return Err(Error::EINVAL);
        }
        argument::known_flags(content.flags, UDSOCK_TRUNCATED | UDSOCK_FDS_LOST)?;
        Ok(Self { place, content })
    }

    fn outgoing(&self) -> Result<Outgoing<'static>> {
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
    fn room(&self) -> Result<Buffer<'static>> {
        let message = &self.content;
        // SAFETY: nothing is read or written yet.
        unsafe { descriptors(message, message.descriptors_capacity) }?;
        TextRoom::optional(message.address, message.address_capacity)?;
        argument::incoming(message.data, message.data_capacity)
    }

    fn wants_address(&self) -> bool {
        !self.content.address.is_null()
    }

    /// Whether the sender's address will fit, before the message is taken.
    fn check_address_room(&self, socket: &Socket, wait: &mut Wait) -> Result<()> {
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
        let Sender { credentials, pidfd } = ancillary.take(|descriptor| {
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
    fn deliver_alone(mut self, delivery: Delivery<'_>) -> Result<i64> {
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
struct Messages {
    first: *mut u8,
    stride: usize,
    count: usize,
}

impl Messages {
    /// The caller promises an array of this many elements, each of the size that it
    /// begins with, which stays in place during the call.
    unsafe fn new(first: *mut udsock_message, count: usize) -> Result<Self> {
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

    fn check_room(&self) -> Result<()> {
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
