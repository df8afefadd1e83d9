//! Every system call, and nothing else: the arguments are safe types, the result is a value or the
//! errno. unix(7) says what Linux does, and so do the tests of `tests/kernel_rows`, each named
//! after a row that was found by experiment.

#![allow(unsafe_code)]

use std::ffi::c_int;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use crate::error::{Error, Result};

mod accounts;
mod ancillary;
mod data;
mod descriptors;
mod epoll;
mod files;
mod forks;
mod identity;
mod inotify;
mod memory;
mod missing;
mod name;
mod netlink;
mod once;
mod process;
mod procfs;
mod replaced;
mod signals;
mod standard_error;
mod thread;

pub(crate) use accounts::{group_id, user_id};
pub(crate) use ancillary::{Ancillary, MOST_DESCRIPTORS, Sender};
pub(crate) use data::*;
pub(crate) use descriptors::*;
pub(crate) use epoll::*;
pub(crate) use files::*;
pub(crate) use forks::*;
pub(crate) use identity::*;
pub(crate) use inotify::*;
pub use memory::Buffer;
pub(crate) use memory::{LARGEST_MESSAGE, Room, Shared, boxed, room_for};
pub(crate) use missing::*;
pub use name::SocketName;
use name::name_from;
pub(crate) use netlink::unix_diag;
pub(crate) use once::{OncePointer, OnceUsed, Pointer, Spare};
pub(crate) use process::*;
pub(crate) use procfs::*;
pub(crate) use replaced::{Replaced, Replacement};
pub(crate) use signals::*;
pub(crate) use standard_error::write_line;
pub(crate) use thread::*;

#[cold]
fn last_error() -> Error {
    Error::System(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
}

#[inline(always)]
fn check(result: c_int) -> Result<c_int> {
    if result < 0 { Err(last_error()) } else { Ok(result) }
}

#[inline(always)]
fn check_size(result: isize) -> Result<usize> {
    usize::try_from(result).map_err(|_| last_error())
}

fn own(result: c_int) -> Result<OwnedFd> {
    // SAFETY: the kernel has just made this descriptor for us.
    check(result).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
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

/// Sets a SO_ option of type int.
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

/// Whether peers may send descriptors here. Linux 6.16.
const SO_PASSRIGHTS: i32 = 83;

/// Sets that. Where it can't be set, peers always may.
pub(crate) fn pass_descriptors(fd: BorrowedFd<'_>, on: bool) -> Result<()> {
    match set_option(fd, SO_PASSRIGHTS, on.into()) {
        Err(error) if is_unknown_option(error) => {
            note_missing(Missing::DescriptorRefusal);
            // Whoever had the socket before may have been able to turn it off.
            if !on || passes_descriptors(fd)? { Ok(()) } else { Err(error) }
        }
        result => result,
    }
}

/// Reads that.
pub(crate) fn passes_descriptors(fd: BorrowedFd<'_>) -> Result<bool> {
    match option(fd, SO_PASSRIGHTS) {
        Err(error) if is_unknown_option(error) => Ok(true),
        value => value.map(|value| value != 0),
    }
}

/// Whether the kernel does not know an option, or a filter of system calls that is older than the
/// option does not let it through.
fn is_unknown_option(error: Error) -> bool {
    use Error as E;
    matches!(error, E::ENOPROTOOPT | E::EPERM | E::EACCES | E::ENOSYS | E::EINVAL)
}

/// SO_TIMESTAMP, SO_TIMESTAMPNS and their later forms (SO_TIMESTAMP_NEW, SO_TIMESTAMPNS_NEW; see
/// asm-generic/socket.h). Turning one on turns the others off, and turning one off all of them.
const TIME_STAMPS: [i32; 4] = [29, 35, 63, 64];

/// Whether a time stamp comes with each message, in whichever form.
pub(crate) fn has_time_stamps(fd: BorrowedFd<'_>) -> Result<bool> {
    for form in TIME_STAMPS {
        match option(fd, form) {
            // The later forms, before Linux 5.1.
            Ok(0) | Err(Error::ENOPROTOOPT) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// FIONREAD: the size of the first datagram; of what is queued on the other kinds the sum, and
/// urgent bytes that were passed over.
pub(crate) fn readable_bytes(fd: BorrowedFd<'_>) -> Result<i32> {
    let mut count: c_int = 0;
    // SAFETY: FIONREAD writes one int.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &raw mut count) })?;
    Ok(count)
}

// ---- waiting

pub(crate) fn eventfd() -> Result<OwnedFd> {
    // SAFETY: no pointers.
    own(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })
}

/// Makes an eventfd readable. It fails only if the count is full, and then the eventfd is readable.
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

/// poll(2): what happened to each (descriptor, events), 0 if the time ran out. Only a signal
/// handler that ran interrupts it, and never a look that takes no time.
///
/// ppoll(2) is exact. But a thread that is stopped in it (SIGSTOP, a debugger) waits for the rest
/// of its time after it goes on. poll(2) keeps its deadline, so it is used for every long wait.
/// (Where the kernel has no poll, as on arm64, the C library uses ppoll.)
pub(crate) fn poll<const N: usize>(
    wanted: [(Option<BorrowedFd<'_>>, i16); N],
    timeout: Option<Duration>,
) -> Result<[i16; N]> {
    let mut entries = wanted.map(|(fd, events)| libc::pollfd {
        fd: fd.map_or(-1, |fd| fd.as_raw_fd()),
        events,
        revents: 0,
    });
    const LONG: Duration = Duration::from_millis(100);
    let (first, count) = (entries.as_mut_ptr(), N as libc::nfds_t);
    let result = match timeout {
        Some(time) if time >= LONG => {
            // SAFETY: the array lives through the call.
            check(unsafe { libc::poll(first, count, milliseconds(time)) })
        }
        time => {
            let time = time.map(|time| libc::timespec {
                tv_sec: time.as_secs() as _,
                tv_nsec: time.subsec_nanos() as _,
            });
            let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
            // SAFETY: the array and the time live through the call. A null mask leaves the
            // thread's signals as they are.
            check(unsafe { libc::ppoll(first, count, time, ptr::null()) })
        }
    };
    match result {
        Err(Error::EINTR) if timeout == Some(Duration::ZERO) => Ok([0; N]),
        result => result.map(|_| entries.map(|entry| entry.revents)),
    }
}

/// Rounded up: never early.
fn milliseconds(time: Duration) -> c_int {
    c_int::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
}
