//! Descriptors: copies, flags, and whose they are.

use std::ffi::c_int;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::{check, own};
use crate::error::Result;

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

/// Closes the descriptor of this number and puts the other one in its place, in one step.
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
