//! Messages, many in one call

use std::ffi::{c_char, c_void};

use super::argument::{self, Sized32};
use super::basics::{udsock_credentials, udsock_t};
use super::codes::count;
use super::guard::guard;
use crate::batch::Delivery;
use crate::handles;
use crate::sys::{Ancillary, SocketName};
use crate::wait::Wait;

mod memory;

use memory::{Message, Messages};

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
