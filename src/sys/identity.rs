//! Who is at the other end, as the kernel knows it.

use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::{check, own};
use crate::error::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) pid: i32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Credentials {
    pub(crate) const UNKNOWN: Self = Self { pid: 0, uid: u32::MAX, gid: u32::MAX };
}

/// The peer's credentials when the connection was made. The kernel has an answer for every socket,
/// even without a peer.
pub(crate) fn peer_credentials(fd: BorrowedFd<'_>) -> Result<Credentials> {
    let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut size = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: found and size live through the call, and size is found's.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut found).cast(),
            &raw mut size,
        )
    })?;
    Ok(Credentials { pid: found.pid, uid: found.uid, gid: found.gid })
}

/// The most groups that a process can have (NGROUPS_MAX).
pub(crate) const MOST_GROUPS: usize = 65_536;

/// Puts the peer's supplementary groups into the list, in place of what is there. It grows if need
/// be.
pub(crate) fn peer_groups(fd: BorrowedFd<'_>, groups: &mut Vec<u32>) -> Result<()> {
    variable(fd, libc::SO_PEERGROUPS, groups)
}

/// The label of a Linux security module, as bytes, perhaps with a NUL.
pub(crate) fn peer_label(fd: BorrowedFd<'_>) -> Result<Vec<u8>> {
    let mut label = Vec::new();
    variable(fd, libc::SO_PEERSEC, &mut label)?;
    Ok(label)
}

/// Numbers: any bytes are one.
trait Number {}
impl Number for u8 {}
impl Number for u32 {}

/// Reads an option whose size is known only afterwards.
fn variable<T: Number>(fd: BorrowedFd<'_>, option: i32, room: &mut Vec<T>) -> Result<()> {
    room.clear();
    loop {
        let given = room.capacity() * size_of::<T>();
        let mut size = given as libc::socklen_t;
        // SAFETY: the room is as large as size says.
        let result = check(unsafe {
            libc::getsockopt(
                fd.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                room.as_mut_ptr().cast(),
                &raw mut size,
            )
        });
        let size = size as usize;
        match result {
            Err(Error::ERANGE) if size > given => {
                room.try_reserve_exact(size.div_ceil(size_of::<T>()))?;
            }
            Err(error) => return Err(error),
            Ok(_) => {
                // SAFETY: the kernel has written as much.
                unsafe { room.set_len(size / size_of::<T>()) };
                return Ok(());
            }
        }
    }
}

/// Before Linux 6.16 a pidfd of a process that has gone is EINVAL, in some versions.
pub(super) fn gone(error: Error) -> Error {
    if error == Error::EINVAL { Error::ESRCH } else { error }
}

pub(crate) fn peer_pidfd(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    let mut pidfd: i32 = -1;
    let mut size = size_of::<i32>() as libc::socklen_t;
    // SAFETY: pidfd and size live through the call, and size is pidfd's.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERPIDFD,
            (&raw mut pidfd).cast(),
            &raw mut size,
        )
    })
    .map_err(gone)?;
    own(pidfd)
}
