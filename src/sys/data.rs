//! Sending and receiving: never waiting, never raising SIGPIPE.

use std::ffi::c_int;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;

use super::{Ancillary, Buffer, SocketName, check, check_size, option, set_option};
use crate::error::{Error, Result};

const SEND_FLAGS: c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

const RECEIVE_FLAGS: c_int = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;

/// A flag for receives: they return a message's true size, even if it is larger than the buffer.
pub(crate) const TRUE_SIZE: i32 = libc::MSG_TRUNC;

/// What a receive found.
#[derive(Clone, Copy, Default)]
pub(crate) struct Received {
    pub(crate) size: usize,
    /// The message came with something beside its bytes.
    pub(crate) has_ancillary: bool,
}

impl Received {
    pub(crate) const NOTHING: Self = Self { size: 0, has_ancillary: false };

    /// If no room was given for ancillary data, the kernel still says that there was some.
    fn of(size: usize, header: &libc::msghdr) -> Self {
        let is_cut = header.msg_flags & libc::MSG_CTRUNC != 0;
        let came = !header.msg_control.is_null() && header.msg_controllen > 0;
        Self { size, has_ancillary: is_cut || came }
    }
}

/// Sends to a name, or to the peer that the socket is connected to.
#[inline(always)]
pub(crate) fn send(
    fd: BorrowedFd<'_>,
    buffers: &[Buffer<'_>],
    to: Option<&SocketName>,
) -> Result<usize> {
    let fd = fd.as_raw_fd();
    if let ([buffer], None) = (buffers, to) {
        // SAFETY: the kernel checks the caller's memory itself (EFAULT).
        return check_size(unsafe {
            libc::send(fd, buffer.as_iovec().iov_base, buffer.as_iovec().iov_len, SEND_FLAGS)
        });
    }
    send_header(fd, &header_of(buffers, to))
}

#[inline(never)]
fn send_header(fd: RawFd, header: &libc::msghdr) -> Result<usize> {
    // SAFETY: header points to names, buffers and ancillary data that live through the call.
    check_size(unsafe {
        if cfg!(target_env = "musl") {
            // Its own (up to 1.2.3) is ENOMEM for 253 descriptors: it copies what goes beside a
            // message, to clear what is beside its lengths, which are longer in the kernel. Ours is
            // clear.
            libc::syscall(libc::SYS_sendmsg, fd, header, SEND_FLAGS) as isize
        } else {
            libc::sendmsg(fd, header, SEND_FLAGS)
        }
    })
}

/// A message to send.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) buffer: Buffer<'a>,
    /// `None`: the peer that the socket is connected to.
    pub(crate) to: Option<&'a SocketName>,
    pub(crate) descriptors: &'a [RawFd],
}

/// Sends a message with its descriptors.
pub(crate) fn send_message(fd: BorrowedFd<'_>, message: &Outgoing<'_>) -> Result<usize> {
    let mut ancillary = Ancillary::new();
    let mut header = header_of(std::slice::from_ref(&message.buffer), message.to);
    ancillary.send(&mut header, message.descriptors);
    send_header(fd.as_raw_fd(), &header)
}

/// Receives a message with all that comes beside it, and its sender's name, if that is wanted.
/// Never with MSG_PEEK, which would make new descriptors each time.
pub(crate) fn receive_message(
    fd: BorrowedFd<'_>,
    buffer: Buffer<'_>,
    from: Option<&mut SocketName>,
    ancillary: &mut Ancillary,
    flags: i32,
) -> Result<Received> {
    let mut header = header_of(std::slice::from_ref(&buffer), None);
    ancillary.lend(&mut header);
    let received = receive_header(fd, &mut header, from, flags)?;
    ancillary.note_received(&header);
    Ok(received)
}

/// Receives without a name, and without noticing ancillary data: the quickest way.
#[inline(always)]
pub(crate) fn receive(fd: BorrowedFd<'_>, buffers: &[Buffer<'_>], flags: i32) -> Result<usize> {
    if let [buffer] = buffers {
        let memory = buffer.as_iovec();
        // There is no room for descriptors, so none comes. (gVisor's recvfrom refuses
        // MSG_CMSG_CLOEXEC.)
        let flags = libc::MSG_DONTWAIT | flags;
        // SAFETY: the caller lent this memory for writing; the kernel checks it.
        return check_size(unsafe {
            libc::recv(fd.as_raw_fd(), memory.iov_base, memory.iov_len, flags)
        });
    }
    receive_from(fd, buffers, None, flags).map(|got| got.size)
}

/// Receives with the sender's name, if that is wanted.
pub(crate) fn receive_from(
    fd: BorrowedFd<'_>,
    buffers: &[Buffer<'_>],
    from: Option<&mut SocketName>,
    flags: i32,
) -> Result<Received> {
    receive_header(fd, &mut header_of(buffers, None), from, flags)
}

/// Looks at the next message, which stays in the queue: its true size (on a stream, how much the
/// buffers show), and its sender's name, if that is wanted.
///
/// Another holder of the socket may have set SO_PEEK_OFF. Then MSG_PEEK begins there, counted over
/// several messages, and moves on. So that is turned off meanwhile.
pub(crate) fn peek(
    fd: BorrowedFd<'_>,
    buffers: &[Buffer<'_>],
    from: Option<&mut SocketName>,
) -> Result<Received> {
    const OFF: i32 = -1;
    // (A kernel that does not know it has none.)
    let offset = option(fd, libc::SO_PEEK_OFF).unwrap_or(OFF);
    if offset >= 0 {
        set_peek_offset(fd, OFF)?;
    }
    let result = receive_from(fd, buffers, from, libc::MSG_PEEK | TRUE_SIZE);
    // Unless another holder has set it meanwhile.
    if offset >= 0 && option(fd, libc::SO_PEEK_OFF) == Ok(OFF) {
        let _ = set_peek_offset(fd, offset);
    }
    result
}

/// Older kernels take a lock for this, and a signal may come while they wait for it.
fn set_peek_offset(fd: BorrowedFd<'_>, offset: i32) -> Result<()> {
    loop {
        match set_option(fd, libc::SO_PEEK_OFF, offset) {
            Err(Error::EINTR) => {}
            result => return result,
        }
    }
}

/// How many bytes of a stream one receive of at most so many would get. Only a look that copies
/// them tells: the bytes go to one place, over and over.
pub(crate) fn count_bytes(fd: BorrowedFd<'_>, most: usize) -> Result<usize> {
    const PLACE: usize = 1 << 14;
    const LOOKS: usize = 256;
    // Not on the stack: not all threads have so much.
    let mut place = Vec::<u8>::new();
    place.try_reserve_exact(PLACE.min(most.max(1)))?;
    let place = Buffer::from_raw(place.as_mut_ptr().cast(), place.capacity());
    let mut looks = Vec::new();
    let count = most.div_ceil(place.size()).clamp(1, LOOKS);
    looks.try_reserve_exact(count)?;
    looks.resize(count, place);
    peek(fd, &looks, None).map(|got| got.size.min(most))
}

#[inline(always)]
fn receive_header(
    fd: BorrowedFd<'_>,
    header: &mut libc::msghdr,
    from: Option<&mut SocketName>,
    flags: i32,
) -> Result<Received> {
    // qemu-user makes no call that has no part, and says 0.
    let mut nothing = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
    if header.msg_iovlen == 0 {
        header.msg_iov = &raw mut nothing;
        header.msg_iovlen = 1;
    }
    let mut length = None;
    if let Some(from) = from {
        header.msg_name = (&raw mut from.address).cast();
        header.msg_namelen = size_of::<libc::sockaddr_un>() as libc::socklen_t;
        length = Some(&mut from.length);
    }
    // SAFETY: header points to what its owners keep through the call: a name, buffers, room
    // for ancillary data.
    let size = check_size(unsafe {
        libc::recvmsg(fd.as_raw_fd(), ptr::from_mut(header), RECEIVE_FLAGS | flags)
    })?;
    if let Some(length) = length {
        *length = header.msg_namelen;
    }
    Ok(Received::of(size, header))
}

fn header_of(buffers: &[Buffer<'_>], to: Option<&SocketName>) -> libc::msghdr {
    // SAFETY: a msghdr is numbers and pointers; all zero is an empty one.
    let mut header: libc::msghdr = unsafe { zeroed() };
    if let Some(name) = to {
        header.msg_name = name.as_ptr().cast_mut().cast();
        header.msg_namelen = name.length;
    }
    header.msg_iov = buffers.as_ptr().cast_mut().cast();
    header.msg_iovlen = buffers.len() as _;
    header
}

/// How many messages go through one system call. More would save little, and would be prepared in
/// vain where a queue has no room for them (it has for ten datagrams, by default).
pub(crate) const BATCH: usize = 16;

/// Sends messages in one call. Returns how many were sent; `sent` is how much of each. An error is
/// returned only if the first was not sent.
pub(crate) fn send_batch(
    fd: BorrowedFd<'_>,
    messages: &[Outgoing<'_>],
    sent: &mut [usize; BATCH],
) -> Result<usize> {
    let mut headers = empty_headers();
    let has_descriptors = messages.iter().any(|message| !message.descriptors.is_empty());
    let mut beside = ancillaries(if has_descriptors { messages.len() } else { 0 })?;
    for (index, (header, message)) in headers.iter_mut().zip(messages).enumerate() {
        header.msg_hdr = header_of(std::slice::from_ref(&message.buffer), message.to);
        if let Some(ancillary) = beside.get_mut(index) {
            ancillary.send(&mut header.msg_hdr, message.descriptors);
        }
    }
    let count = messages.len().min(BATCH) as u32;
    // SAFETY: `count` headers are filled in; they point into `messages` and `beside`.
    let done = check(unsafe {
        let (fd, headers) = (fd.as_raw_fd(), headers.as_mut_ptr());
        if cfg!(target_env = "musl") {
            // Its own makes a call for each message, to clear the same. Ours is clear.
            libc::syscall(libc::SYS_sendmmsg, fd, headers, count, SEND_FLAGS) as c_int
        } else {
            libc::sendmmsg(fd, headers, count, SEND_FLAGS as _)
        }
    })? as usize;
    for (size, header) in sent.iter_mut().zip(&headers[..done]) {
        *size = header.msg_len as usize;
    }
    Ok(done)
}

/// A message that was received in a batch.
pub(crate) struct Incoming<'a> {
    pub(crate) buffer: Buffer<'a>,
    pub(crate) from: SocketName,
    pub(crate) received: Received,
}

/// Receives messages, each with the name it came from and what comes beside it, in one
/// call.
pub(crate) fn receive_batch(
    fd: BorrowedFd<'_>,
    messages: &mut [Incoming<'_>],
    beside: &mut [Ancillary],
    flags: i32,
) -> Result<usize> {
    let mut headers = empty_headers();
    for ((header, message), ancillary) in
        headers.iter_mut().zip(messages.iter_mut()).zip(beside.iter_mut())
    {
        header.msg_hdr = header_of(std::slice::from_ref(&message.buffer), None);
        header.msg_hdr.msg_name = (&raw mut message.from.address).cast();
        header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_un>() as libc::socklen_t;
        ancillary.lend(&mut header.msg_hdr);
    }
    let count = messages.len().min(beside.len()).min(BATCH) as u32;
    // SAFETY: `count` headers are filled in; they point into `messages` and `beside`.
    // NULL: no timeout, which would only be looked at between messages.
    let done = check(unsafe {
        libc::recvmmsg(
            fd.as_raw_fd(),
            headers.as_mut_ptr(),
            count,
            (RECEIVE_FLAGS | flags) as _,
            ptr::null_mut(),
        )
    })? as usize;
    for ((message, ancillary), header) in messages.iter_mut().zip(beside).zip(&headers[..done]) {
        message.from.length = header.msg_hdr.msg_namelen;
        message.received = Received::of(header.msg_len as usize, &header.msg_hdr);
        ancillary.note_received(&header.msg_hdr);
    }
    Ok(done)
}

/// What goes beside that many messages.
pub(crate) fn ancillaries(count: usize) -> Result<Vec<Ancillary>> {
    let count = count.min(BATCH);
    let mut ancillaries = Vec::new();
    ancillaries.try_reserve_exact(count)?;
    ancillaries.extend((0..count).map(|_| Ancillary::new()));
    Ok(ancillaries)
}

fn empty_headers() -> [libc::mmsghdr; BATCH] {
    // SAFETY: an mmsghdr is numbers and pointers; all zero is an empty one.
    unsafe { zeroed() }
}
