//! Data

use std::ffi::{c_char, c_void};
use std::mem::{offset_of, size_of};

use super::address::UDSOCK_ADDRESS_SIZE;
use super::argument::{self, TextRoom, required_text, with_progress};
use super::basics::udsock_t;
use super::codes::count;
use super::error::code;
use super::guard::guard;
use crate::address::Address;
use crate::error::{Error, Result};
use crate::handles;
use crate::name_text;
use crate::sys::{Buffer, SocketName};
use crate::wait::Wait;

/// A part of what is sent or received: an iovec.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udsock_part {
    /// Where it is. May be NULL if size is 0.
    pub data: *mut c_void,
    /// Its length in bytes.
    pub size: usize,
}

// `buffers` passes an array of these on as it is.
const _: () = assert!(
    size_of::<udsock_part>() == size_of::<Buffer<'_>>()
        && size_of::<udsock_part>() == size_of::<libc::iovec>()
        && offset_of!(udsock_part, data) == offset_of!(libc::iovec, iov_base)
        && offset_of!(udsock_part, size) == offset_of!(libc::iovec, iov_len)
);

/// Sends some bytes of a stream, or a message. On a stream it sends at least one byte, and as
/// many as there is room for; udsock_send_all sends all. On the other kinds it sends the whole
/// message, or nothing. `size` 0 sends an empty message; on a stream it sends nothing.
///
/// Returns how many bytes were sent.
///
/// -EPIPE: the peer is gone or reads no more.
/// -ECONNRESET: the peer left without reading what was sent before.
/// -ENOTCONN, -EDESTADDRREQ: not connected.
/// -EMSGSIZE: the message is larger than the send buffer (UDSOCK_OPTION_SEND_BUFFER).
/// -ENOBUFS: the message is larger than any message can be.
/// -ECONNREFUSED: the datagram server is gone; connect again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_send(
    s: udsock_t,
    data: *const c_void,
    size: usize,
    timeout_ms: i32,
) -> i64 {
    guard(move || {
        let buffer = argument::outgoing(data, size)?;
        let mut wait = Wait::new(argument::timeout(timeout_ms)?);
        handles::get(s)?.send(&[buffer], None, &mut wait).map(count)
    })
}

/// Receives some bytes of a stream, or a message. On a stream it receives what is there, at
/// least one byte. A stream's urgent byte (MSG_OOB) ends a receive, and the next one passes
/// over it; every call that receives does so, and so does a poller. With SO_OOBINLINE set on
/// the descriptor it is received like the others.
///
/// Returns how many bytes came. 0 is an empty message, never the end.
///
/// UDSOCK_EOF: the peer sends no more.
/// -EMSGSIZE: the message was larger than `size`; the buffer holds its beginning, and the rest
/// is gone.
/// -ECONNRESET: the peer left without reading everything. One call returns this, after all that
/// the peer had sent; the next one returns the end.
/// -EINVAL, -ENOTCONN: a stream, a seqpacket socket without a peer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_recv(
    s: udsock_t,
    buffer: *mut c_void,
    size: usize,
    timeout_ms: i32,
) -> i64 {
    guard(move || {
        let buffer = argument::incoming(buffer, size)?;
        let mut wait = Wait::new(argument::timeout(timeout_ms)?);
        handles::get(s)?.receive(&[buffer], &mut wait).map(count)
    })
}

/// Sends everything, or one message on message sockets. The call writes to `sent` (may be NULL)
/// how many bytes were sent, even after an error: after -EINTR or -ETIMEDOUT go on from there.
///
/// Returns `size`.
///
/// Errors: as of udsock_send.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_send_all(
    s: udsock_t,
    data: *const c_void,
    size: usize,
    timeout_ms: i32,
    sent: *mut usize,
) -> i64 {
    // SAFETY: the caller passes room for a size_t, or NULL.
    guard(move || unsafe {
        with_progress(sent, |sent| {
            let buffer = argument::outgoing(data, size)?;
            let mut wait = Wait::new(argument::timeout(timeout_ms)?);
            handles::get(s)?.send_all(buffer, &mut wait, sent).map(|()| count(size))
        })
    })
}

/// Receives exactly `size` bytes of a stream. The call writes to `received` (may be NULL) how
/// many bytes have come, even after an error: after -EINTR or -ETIMEDOUT go on from there;
/// after UDSOCK_EOF no more will come.
///
/// Returns `size`.
///
/// -EOPNOTSUPP: not a stream.
/// Others: as of udsock_recv.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_recv_exact(
    s: udsock_t,
    buffer: *mut c_void,
    size: usize,
    timeout_ms: i32,
    received: *mut usize,
) -> i64 {
    // SAFETY: the caller passes room for a size_t, or NULL.
    guard(move || unsafe {
        with_progress(received, |received| {
            let buffer = argument::incoming(buffer, size)?;
            let mut wait = Wait::new(argument::timeout(timeout_ms)?);
            handles::get(s)?.receive_exact(buffer, &mut wait, received).map(|()| count(size))
        })
    })
}

/// Sends many parts as one message. Otherwise as udsock_send.
///
/// Returns how many bytes were sent.
///
/// -EMSGSIZE: more than 1024 parts, or as of udsock_send.
/// Others: as of udsock_send.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_sendv(
    s: udsock_t,
    parts: *const udsock_part,
    parts_count: usize,
    timeout_ms: i32,
) -> i64 {
    guard(move || {
        // SAFETY: the caller passes `parts_count` parts.
        let buffers = unsafe { buffers(parts, parts_count) }?;
        let mut wait = Wait::new(argument::timeout(timeout_ms)?);
        handles::get(s)?.send(buffers, None, &mut wait).map(count)
    })
}

/// Receives into many parts, and fills them in turn. Otherwise as udsock_recv.
///
/// Returns how many bytes came.
///
/// -EMSGSIZE: more than 1024 parts, or as of udsock_recv.
/// Others: as of udsock_recv.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_recvv(
    s: udsock_t,
    parts: *const udsock_part,
    parts_count: usize,
    timeout_ms: i32,
) -> i64 {
    guard(move || {
        // SAFETY: the caller passes `parts_count` parts.
        let buffers = unsafe { buffers(parts, parts_count) }?;
        if buffers.iter().all(|buffer| buffer.size() == 0) {
            return Err(Error::EINVAL);
        }
        let mut wait = Wait::new(argument::timeout(timeout_ms)?);
        handles::get(s)?.receive(buffers, &mut wait).map(count)
    })
}

/// Sends a datagram to an address. The socket need not be connected. If the receiver's queue is
/// full the call tries again after pauses that grow: the kernel does not report when there is
/// room again.
///
/// Returns how many bytes were sent.
///
/// -ENOENT, -ECONNREFUSED, -EACCES, -EPROTOTYPE: as of udsock_connect.
/// -EPERM: the receiver is connected to another socket, or a sandbox forbids it (Landlock:
/// abstract names beyond its scope).
/// -EOPNOTSUPP: not a datagram socket.
/// Others: as of udsock_send.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_send_to(
    s: udsock_t,
    data: *const c_void,
    size: usize,
    address: *const c_char,
    timeout_ms: i32,
) -> i64 {
    guard(move || {
        let buffer = argument::outgoing(data, size)?;
        let mut wait = Wait::new(argument::timeout(timeout_ms)?);
        // SAFETY: the caller passes a C string or NULL.
        let address = Address::parse(unsafe { required_text(address) }?).map_err(code)?;
        let socket = handles::get(s)?;
        let to = address.destination().map_err(code)?;
        socket.send(&[buffer], Some(&to.name), &mut wait).map(count)
    })
}

/// Receives some bytes or a message, and the address of the sender, as text. The address is
/// empty if the sender has no name (then it can't be answered), and on streams. `address` may
/// be NULL if it is not wanted; UDSOCK_ADDRESS_SIZE bytes are always enough. Otherwise as
/// udsock_recv.
///
/// Returns how many bytes came.
///
/// -ERANGE: `address_size` is too small; the message stays in the queue.
/// -EMSGSIZE: as of udsock_recv; the address is not written then (udsock_recv_message gives
/// both).
/// Others: as of udsock_recv.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_recv_from(
    s: udsock_t,
    buffer: *mut c_void,
    size: usize,
    address: *mut c_char,
    address_size: usize,
    timeout_ms: i32,
) -> i64 {
    guard(move || {
        let buffer = argument::incoming(buffer, size)?;
        let room = TextRoom::optional(address, address_size)?;
        let mut wait = Wait::new(argument::timeout(timeout_ms)?);
        let socket = handles::get(s)?;
        let Some(room) = room else {
            return socket.receive(&[buffer], &mut wait).map(count);
        };
        let mut from = SocketName::EMPTY;
        if room.size() <= name_text::NAME_TEXT_MAX {
            socket.next_sender(&mut from, &mut wait)?;
            if name_text::text_of(&from).count_bytes() >= room.size() {
                return Err(Error::ERANGE);
            }
        }
        let received = socket.receive_from(&[buffer], &mut from, &mut wait)?;
        // Another thread may have taken the message that was looked at: this one came
        // instead, and must not be lost.
        // SAFETY: the caller passes room for `address_size` bytes.
        unsafe { room.write_or_empty(&name_text::text_of(&from)) }?;
        Ok(count(received))
    })
}

const _: () = assert!(name_text::NAME_TEXT_MAX < UDSOCK_ADDRESS_SIZE);

/// As many parts as the kernel takes in one call (UIO_MAXIOV).
const MOST_PARTS: usize = 1024;

/// An array of parts whose sizes together are a length.
unsafe fn buffers<'a>(parts: *const udsock_part, count: usize) -> Result<&'a [Buffer<'a>]> {
    if count == 0 {
        return Ok(&[]);
    }
    if count > MOST_PARTS {
        return Err(Error::EMSGSIZE);
    }
    if parts.is_null() || !parts.is_aligned() {
        return Err(Error::EINVAL);
    }
    // SAFETY: the caller passes `count` parts, which are laid out as buffers are
    // (asserted beside it), and leaves them alone during the call.
    let buffers = unsafe { std::slice::from_raw_parts(parts.cast::<Buffer<'a>>(), count) };
    let mut total = 0_isize;
    for buffer in buffers {
        if buffer.is_null() && buffer.size() != 0 {
            return Err(Error::EINVAL);
        }
        let size = isize::try_from(buffer.size()).map_err(|_| Error::EINVAL)?;
        total = total.checked_add(size).ok_or(Error::EINVAL)?;
    }
    Ok(buffers)
}
