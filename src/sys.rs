//! Every system call, and nothing else: the arguments are safe types, the result
//! is a value or the errno. What Linux does behind them is in unix(7) and in the
//! tests named after the rows of what was found by experiment.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

use crate::error::{Error, Result};

mod accounts;
mod ancillary;
mod epoll;
mod files;
mod identity;
mod memory;
mod netlink;
mod process;

pub(crate) use accounts::{group_id, user_id};
pub(crate) use ancillary::{Ancillary, MOST_DESCRIPTORS, Sender};
pub(crate) use epoll::*;
pub(crate) use files::*;
pub(crate) use identity::*;
pub use memory::Buffer;
pub(crate) use memory::{LARGEST_MESSAGE, Spill};
pub(crate) use netlink::unix_diag;
pub(crate) use process::*;

fn last_error() -> Error {
    Error::System(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
}

fn check(result: c_int) -> Result<c_int> {
    if result < 0 { Err(last_error()) } else { Ok(result) }
}

fn check_size(result: isize) -> Result<usize> {
    usize::try_from(result).map_err(|_| last_error())
}

fn own(result: c_int) -> Result<OwnedFd> {
    // SAFETY: the kernel has just made this descriptor for us.
    check(result).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

// ---- words

unsafe extern "C" {
    // glibc 2.32; not in the libc crate.
    safe fn strerrorname_np(errno: c_int) -> *const c_char;
    safe fn strerrordesc_np(errno: c_int) -> *const c_char;
}

fn static_text(text: *const c_char, otherwise: &'static CStr) -> &'static CStr {
    if text.is_null() {
        return otherwise;
    }
    // SAFETY: glibc promises strings that are never changed or freed.
    unsafe { CStr::from_ptr(text) }
}

pub(crate) fn errno_name(errno: i32) -> &'static CStr {
    static_text(strerrorname_np(errno), c"UNKNOWN")
}

pub(crate) fn errno_text(errno: i32) -> &'static CStr {
    static_text(strerrordesc_np(errno), c"Unknown error")
}

// ---- names

/// A socket's name as the kernel knows it: a sockaddr_un and its length.
#[derive(Clone, Copy)]
pub struct SocketName {
    address: libc::sockaddr_un,
    length: libc::socklen_t,
}

const PATH_OFFSET: usize = std::mem::offset_of!(libc::sockaddr_un, sun_path);

impl SocketName {
    /// What fits into sun_path.
    pub(crate) const MAX: usize = size_of::<libc::sockaddr_un>() - PATH_OFFSET;

    /// A name of these bytes: a path, or a NUL and an abstract name. None is the
    /// request for a name that the kernel picks.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let mut name = Self::EMPTY;
        let room = name.address.sun_path.get_mut(..bytes.len())?;
        // SAFETY: a slice of as many bytes as are copied, whatever the sign of their type.
        unsafe { room.as_mut_ptr().cast::<u8>().copy_from(bytes.as_ptr(), bytes.len()) };
        // A path is passed with its NUL where there is room, as everyone does.
        let is_path = bytes.first().is_some_and(|&first| first != 0);
        let end = if is_path { Self::MAX.min(bytes.len() + 1) } else { bytes.len() };
        name.length = (PATH_OFFSET + end) as libc::socklen_t;
        Some(name)
    }

    /// Nobody's, for the kernel to fill in.
    pub(crate) const EMPTY: Self = Self {
        address: libc::sockaddr_un {
            sun_family: libc::AF_UNIX as libc::sa_family_t,
            sun_path: [0; Self::MAX],
        },
        length: 0,
    };

    /// A path without its NUL, or an abstract name with its leading NUL.
    pub(crate) fn bytes(&self) -> &[u8] {
        // The kernel may answer with more than it was given (a path of 108 bytes
        // without NUL is said to have 109): never believe it beyond the struct.
        let length = (self.length as usize).saturating_sub(PATH_OFFSET).min(Self::MAX);
        // SAFETY: as many bytes, whatever the sign of their type.
        let bytes: &[u8] =
            unsafe { std::slice::from_raw_parts(self.address.sun_path.as_ptr().cast(), length) };
        match bytes {
            // A path ends at its NUL.
            [first, ..] if *first != 0 => bytes.split(|&byte| byte == 0).next().unwrap_or(bytes),
            _ => bytes,
        }
    }

    fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.address).cast()
    }
}

impl PartialEq for SocketName {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

fn name_from(
    call: impl FnOnce(*mut libc::sockaddr, *mut libc::socklen_t) -> c_int,
) -> Result<SocketName> {
    let mut name = SocketName::EMPTY;
    name.length = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    check(call((&raw mut name.address).cast(), &raw mut name.length))?;
    Ok(name)
}

// ---- sockets

const OUR_FLAGS: c_int = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;

pub(crate) fn socket(kind: i32) -> Result<OwnedFd> {
    // SAFETY: no pointers.
    own(unsafe { libc::socket(libc::AF_UNIX, kind | OUR_FLAGS, 0) })
}

pub(crate) fn socketpair(kind: i32) -> Result<[OwnedFd; 2]> {
    let mut pair = [-1; 2];
    // SAFETY: the array has room for the two that are written.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind | OUR_FLAGS, 0, pair.as_mut_ptr()) })?;
    // SAFETY: the kernel has just made these for us.
    Ok(pair.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }))
}

pub(crate) fn bind(fd: BorrowedFd<'_>, name: &SocketName) -> Result<()> {
    // SAFETY: the name lives through the call and its length is within it.
    check(unsafe { libc::bind(fd.as_raw_fd(), name.as_ptr(), name.length) }).map(drop)
}

pub(crate) fn listen(fd: BorrowedFd<'_>, backlog: i32) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::listen(fd.as_raw_fd(), backlog) }).map(drop)
}

pub(crate) fn accept(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    // SAFETY: NULL twice says that the name is not wanted.
    own(unsafe { libc::accept4(fd.as_raw_fd(), ptr::null_mut(), ptr::null_mut(), OUR_FLAGS) })
}

pub(crate) fn connect(fd: BorrowedFd<'_>, name: &SocketName) -> Result<()> {
    // SAFETY: the name lives through the call and its length is within it.
    check(unsafe { libc::connect(fd.as_raw_fd(), name.as_ptr(), name.length) }).map(drop)
}

pub(crate) fn shutdown(fd: BorrowedFd<'_>, how: i32) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::shutdown(fd.as_raw_fd(), how) }).map(drop)
}

pub(crate) fn local_name(fd: BorrowedFd<'_>) -> Result<SocketName> {
    // SAFETY: name_from passes room for a sockaddr_un, and its length.
    name_from(|name, length| unsafe { libc::getsockname(fd.as_raw_fd(), name, length) })
}

pub(crate) fn remote_name(fd: BorrowedFd<'_>) -> Result<SocketName> {
    // SAFETY: name_from passes room for a sockaddr_un, and its length.
    name_from(|name, length| unsafe { libc::getpeername(fd.as_raw_fd(), name, length) })
}

/// SO_ options of type int.
pub(crate) fn option(fd: BorrowedFd<'_>, option: i32) -> Result<i32> {
    let mut value: c_int = 0;
    let mut size = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: value and size live through the call, and size is value's.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw mut value).cast(),
            &raw mut size,
        )
    })?;
    Ok(value)
}

pub(crate) fn set_option(fd: BorrowedFd<'_>, option: i32, value: i32) -> Result<()> {
    let size = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: value lives through the call, and size is its size.
    check(unsafe {
        libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const value).cast(), size)
    })
    .map(drop)
}

/// Whether peers may send descriptors here. Kernels before 6.16 always let them.
pub(crate) fn pass_descriptors(fd: BorrowedFd<'_>, on: bool) -> Result<()> {
    const SO_PASSRIGHTS: i32 = 83;
    match set_option(fd, SO_PASSRIGHTS, on.into()) {
        Err(Error::NO_SUCH_OPTION) => Ok(()),
        result => result,
    }
}

/// Tells, with each message, the process that sent it. Linux 6.5.
pub(crate) const SO_PASSPIDFD: i32 = 76;

/// Bytes, or the size of the first message, that a receive would find.
pub(crate) fn readable_bytes(fd: BorrowedFd<'_>) -> Result<i32> {
    let mut count: c_int = 0;
    // SAFETY: FIONREAD writes one int.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &raw mut count) })?;
    Ok(count)
}

// ---- data: never waiting, never raising SIGPIPE

const SEND_FLAGS: c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

const RECEIVE_FLAGS: c_int = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;

/// For receives: say a message's true size, even if it is larger than the buffer.
pub(crate) const TRUE_SIZE: i32 = libc::MSG_TRUNC;
/// For receives: leave the message where it is.
pub(crate) const PEEK: i32 = libc::MSG_PEEK;

/// What a receive found.
#[derive(Clone, Copy, Default)]
pub(crate) struct Received {
    pub(crate) size: usize,
    /// The message came with something beside its bytes.
    pub(crate) has_ancillary: bool,
}

impl Received {
    pub(crate) const NOTHING: Self = Self { size: 0, has_ancillary: false };

    /// Where no room was given for ancillary data the kernel says that there was some.
    fn of(size: usize, header: &libc::msghdr) -> Self {
        let is_cut = header.msg_flags & libc::MSG_CTRUNC != 0;
        let came = !header.msg_control.is_null() && header.msg_controllen > 0;
        Self { size, has_ancillary: is_cut || came }
    }
}

/// To a name, or where the socket is connected to.
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
    let header = header_of(buffers, to);
    // SAFETY: header points to names and buffers that live through the call.
    check_size(unsafe { libc::sendmsg(fd, &raw const header, SEND_FLAGS) })
}

/// A message to send.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) buffer: Buffer<'a>,
    /// `None`: where the socket is connected to.
    pub(crate) to: Option<&'a SocketName>,
    pub(crate) descriptors: &'a [RawFd],
}

/// With descriptors beside it.
pub(crate) fn send_message(fd: BorrowedFd<'_>, message: &Outgoing<'_>) -> Result<usize> {
    let mut ancillary = Ancillary::new();
    let mut header = header_of(std::slice::from_ref(&message.buffer), message.to);
    ancillary.send(&mut header, message.descriptors);
    // SAFETY: header points to a name, a buffer and ancillary data that live through the
    // call.
    check_size(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const header, SEND_FLAGS) })
}

/// With all that comes beside it, and the name of who sent it, if that is wanted. Never
/// with PEEK: it would make descriptors each time.
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
    ancillary.own(&header);
    Ok(received)
}

/// Without a name, and without knowing of ancillary data: the quickest.
#[inline(always)]
pub(crate) fn receive(fd: BorrowedFd<'_>, buffers: &[Buffer<'_>], flags: i32) -> Result<usize> {
    if let [buffer] = buffers {
        let memory = buffer.as_iovec();
        let flags = RECEIVE_FLAGS | flags;
        // SAFETY: the caller lent this memory for writing; the kernel checks it.
        return check_size(unsafe {
            libc::recv(fd.as_raw_fd(), memory.iov_base, memory.iov_len, flags)
        });
    }
    receive_from(fd, buffers, None, flags).map(|got| got.size)
}

/// With the name of who sent it, if that is wanted.
pub(crate) fn receive_from(
    fd: BorrowedFd<'_>,
    buffers: &[Buffer<'_>],
    from: Option<&mut SocketName>,
    flags: i32,
) -> Result<Received> {
    receive_header(fd, &mut header_of(buffers, None), from, flags)
}

#[inline(always)]
fn receive_header(
    fd: BorrowedFd<'_>,
    header: &mut libc::msghdr,
    from: Option<&mut SocketName>,
    flags: i32,
) -> Result<Received> {
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

/// How many messages go through one system call. More would save little, and where a queue
/// holds no more (ten datagrams, as Linux comes) be prepared in vain.
pub(crate) const BATCH: usize = 16;

/// Sends messages in one call. How many went; `sent` says how much of each. An error only
/// if the first did not go.
pub(crate) fn send_batch(
    fd: BorrowedFd<'_>,
    messages: &[Outgoing<'_>],
    sent: &mut [usize; BATCH],
) -> Result<usize> {
    let mut headers = empty_headers();
    let has_descriptors = messages.iter().any(|message| !message.descriptors.is_empty());
    let mut beside = ancillaries(if has_descriptors { messages.len() } else { 0 });
    for (index, (header, message)) in headers.iter_mut().zip(messages).enumerate() {
        header.msg_hdr = header_of(std::slice::from_ref(&message.buffer), message.to);
        if let Some(ancillary) = beside.get_mut(index) {
            ancillary.send(&mut header.msg_hdr, message.descriptors);
        }
    }
    let count = messages.len().min(BATCH) as u32;
    // SAFETY: `count` headers are filled in; they point into `messages` and `beside`.
    let done = check(unsafe {
        libc::sendmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), count, SEND_FLAGS as _)
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
        ancillary.own(&header.msg_hdr);
    }
    Ok(done)
}

/// What goes beside that many messages.
pub(crate) fn ancillaries(count: usize) -> Vec<Ancillary> {
    (0..count.min(BATCH)).map(|_| Ancillary::new()).collect()
}

fn empty_headers() -> [libc::mmsghdr; BATCH] {
    // SAFETY: an mmsghdr is numbers and pointers; all zero is an empty one.
    unsafe { zeroed() }
}

// ---- descriptors

pub(crate) fn set_close_on_exec(fd: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) }).map(drop)
}

pub(crate) fn is_open(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: no pointers.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFD) >= 0 }
}

/// Another number for the same open file description.
pub(crate) fn duplicate(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    // SAFETY: no pointers.
    own(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 0) })
}

/// Closes what has this number and puts the other in its place, in one step.
pub(crate) fn replace(fd: BorrowedFd<'_>, by: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: no pointers; both are open, and the number keeps its owner.
    check(unsafe { libc::dup3(by.as_raw_fd(), fd.as_raw_fd(), libc::O_CLOEXEC) }).map(drop)
}

/// Whether the open file description, which forks and copies share, never blocks.
pub(crate) fn is_nonblocking(fd: BorrowedFd<'_>) -> Result<bool> {
    // SAFETY: no pointers.
    let flags = check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })?;
    Ok(flags & libc::O_NONBLOCK != 0)
}

pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, on: bool) -> Result<()> {
    let mut on = c_int::from(on);
    // SAFETY: FIONBIO reads one int.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONBIO, &raw mut on) }).map(drop)
}

/// A descriptor by its number, for the length of a check. `None`: there can be
/// none of this number.
pub(crate) fn borrow(fd: RawFd) -> Option<BorrowedFd<'static>> {
    // SAFETY: the number is not -1. If nothing is open under it, system calls on
    // it fail with EBADF, which is all that the borrower does.
    (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
}

/// Takes over a descriptor that the caller hands in.
pub(crate) fn take_over(fd: BorrowedFd<'_>) -> OwnedFd {
    // SAFETY: udsock_adopt's caller gives this descriptor away, and adopting
    // one twice is refused before this.
    unsafe { OwnedFd::from_raw_fd(fd.as_raw_fd()) }
}

// ---- waiting

pub(crate) fn eventfd() -> Result<OwnedFd> {
    // SAFETY: no pointers.
    own(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })
}

/// Makes an eventfd readable. It can't fail but by overflow, when it is readable.
pub(crate) fn raise(eventfd: BorrowedFd<'_>) {
    let one: u64 = 1;
    // SAFETY: eight bytes are read.
    unsafe { libc::write(eventfd.as_raw_fd(), (&raw const one).cast(), 8) };
}

/// Makes an eventfd, or a timer that has run out, unreadable. Whether it was readable.
pub(crate) fn lower(fd: BorrowedFd<'_>) -> bool {
    let mut count: u64 = 0;
    // SAFETY: there is room for eight bytes.
    unsafe { libc::read(fd.as_raw_fd(), (&raw mut count).cast(), 8) == 8 }
}

/// ppoll(2): what happened to each (descriptor, events), 0 if the time ran out.
pub(crate) fn poll<const N: usize>(
    wanted: [(Option<BorrowedFd<'_>>, i16); N],
    timeout: Option<Duration>,
) -> Result<[i16; N]> {
    let mut entries = wanted.map(|(fd, events)| libc::pollfd {
        fd: fd.map_or(-1, |fd| fd.as_raw_fd()),
        events,
        revents: 0,
    });
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs() as libc::time_t,
        tv_nsec: timeout.subsec_nanos() as _,
    });
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the array and the timeout live through the call. A null mask leaves
    // the thread's signals as they are.
    check(unsafe { libc::ppoll(entries.as_mut_ptr(), N as libc::nfds_t, timeout, ptr::null()) })?;
    Ok(entries.map(|entry| entry.revents))
}
