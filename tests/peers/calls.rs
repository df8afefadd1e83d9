//! The calls that only these tests make.

use std::ffi::{c_char, c_int};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr;

pub use udsock::abi::peer::*;

use crate::raw;
use support::*;

// Not in the libc crate.
pub const SO_PEERSEC: c_int = 31;
pub use libc::SO_PEERGROUPS;
pub use libc::SO_PEERPIDFD;

/// A timeout that is never reached: it only ends a test that would hang.
pub const LONG: i32 = 20_000;

/// A process, and whom it acts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    pub pid: i32,
    pub uid: u32,
    pub gid: u32,
}

impl Who {
    pub fn me() -> Self {
        // SAFETY: no pointers.
        unsafe { Self { pid: libc::getpid(), uid: libc::geteuid(), gid: libc::getegid() } }
    }

    fn of(raw: udsock_credentials) -> Self {
        Self { pid: raw.pid, uid: raw.uid, gid: raw.gid }
    }
}

/// Nothing in it is what a call writes.
fn untouched() -> udsock_credentials {
    udsock_credentials { pid: -77, uid: 77, gid: 77 }
}

pub fn credentials(socket: &Sock) -> Result<Who, i64> {
    let mut out = untouched();
    // SAFETY: room for the credentials.
    match unsafe { udsock_peer_credentials(socket.0, &mut out) } {
        0 => Ok(Who::of(out)),
        code => {
            assert_eq!(Who::of(out), Who::of(untouched()), "written on success only");
            Err(code.into())
        }
    }
}

/// With room for so many.
pub fn groups_within(socket: &Sock, capacity: usize) -> Result<Vec<u32>, i64> {
    const UNTOUCHED: u32 = 77_777;
    let mut gids = vec![UNTOUCHED; capacity];
    // SAFETY: room for as many.
    let result = unsafe { udsock_peer_groups(socket.0, gids.as_mut_ptr(), capacity) };
    let count = usize::try_from(result).unwrap_or(0);
    assert!(gids[count..].iter().all(|gid| *gid == UNTOUCHED), "written on success only");
    gids.truncate(count);
    if result < 0 { Err(result) } else { Ok(gids) }
}

/// Only how many.
pub fn groups_count(socket: &Sock) -> i64 {
    // SAFETY: NULL is allowed for none.
    unsafe { udsock_peer_groups(socket.0, ptr::null_mut(), 0) }
}

/// All of them, in order.
pub fn groups(socket: &Sock) -> Result<Vec<u32>, i64> {
    let count = usize::try_from(groups_count(socket)).map_err(|_| groups_count(socket))?;
    // One more, since room for none is another question.
    let mut gids = groups_within(socket, count + 1)?;
    assert_eq!(gids.len(), count);
    gids.sort_unstable();
    Ok(gids)
}

pub fn pidfd(socket: &Sock) -> Result<OwnedFd, i64> {
    match udsock_peer_pidfd(socket.0) {
        // SAFETY: the call has just made it for us.
        fd @ 0.. => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        code => Err(code.into()),
    }
}

/// The label, in a buffer of this size, and that it ends with a NUL.
pub fn label(socket: &Sock, size: usize) -> Result<Vec<u8>, i64> {
    let mut buffer = vec![b'?'; size];
    let room: *mut c_char = buffer.as_mut_ptr().cast();
    // SAFETY: room for as many bytes.
    let result = unsafe { udsock_peer_label(socket.0, room, size) };
    let length = usize::try_from(result).map_err(|_| result)?;
    assert_eq!(buffer[length], 0, "a C string");
    buffer.truncate(length);
    Ok(buffer)
}

/// The next client, and who it is.
pub fn accept_from(server: &Sock, timeout_ms: i32) -> Result<(Sock, Who), i64> {
    let mut out = untouched();
    // SAFETY: room for the credentials.
    match unsafe { udsock_accept(server.0, timeout_ms, &mut out) } {
        handle @ 1.. => Ok((Sock(handle), Who::of(out))),
        code => {
            assert_eq!(Who::of(out), Who::of(untouched()), "written on success only");
            Err(code)
        }
    }
}

pub fn allow_uid(server: &Sock, uid: u32) -> i64 {
    udsock_allow_uid(server.0, uid).into()
}

pub fn allow_gid(server: &Sock, gid: u32) -> i64 {
    udsock_allow_gid(server.0, gid).into()
}

pub fn allow_user(server: &Sock, name: &str) -> i64 {
    // SAFETY: a C string.
    unsafe { udsock_allow_user(server.0, c(name).as_ptr()) }.into()
}

pub fn allow_group(server: &Sock, name: &str) -> i64 {
    // SAFETY: a C string.
    unsafe { udsock_allow_group(server.0, c(name).as_ptr()) }.into()
}

pub fn refused(server: &Sock) -> i64 {
    server.option(UDSOCK_OPTION_REFUSED)
}

pub fn set_cap(server: &Sock, cap: i64) -> i64 {
    udsock_set_option(server.0, UDSOCK_OPTION_MAX_PER_UID, cap).into()
}

/// What a client sees whom the server has refused.
pub fn sees_the_end(client: &Sock) {
    let end = client.recv(LONG);
    assert!(end == Err(EOF) || end == Err(no(libc::ECONNRESET)), "{end:?}");
    assert_eq!(client.recv(LONG), Err(EOF), "the end is the end");
}

/// An option of any type, by the system call itself: how many bytes it has.
pub fn raw_option(fd: RawFd, option: c_int, room: &mut [u32]) -> i64 {
    let mut size = size_of_val(room) as u32;
    // SAFETY: room for `size` bytes.
    let result = unsafe {
        libc::getsockopt(fd, libc::SOL_SOCKET, option, room.as_mut_ptr().cast(), &mut size)
    };
    if result < 0 { raw::answer(result as isize) } else { size.into() }
}

/// SO_PEERCRED by itself.
pub fn raw_credentials(fd: RawFd) -> Result<Who, i64> {
    let mut room = [77; 3];
    match raw_option(fd, libc::SO_PEERCRED, &mut room) {
        12 => Ok(Who { pid: room[0] as i32, uid: room[1], gid: room[2] }),
        code => Err(code),
    }
}

/// SO_PEERPIDFD by itself.
pub fn raw_pidfd(fd: RawFd) -> Result<OwnedFd, i64> {
    let mut room = [77];
    match raw_option(fd, SO_PEERPIDFD, &mut room) {
        // SAFETY: the kernel has just made it for us.
        4 => Ok(unsafe { OwnedFd::from_raw_fd(room[0] as i32) }),
        code => Err(code),
    }
}

/// The pidfd of a peer; `None` where the kernel has none of any peer, which the call says, too.
pub fn pidfd_if_supported(socket: &Sock) -> Option<OwnedFd> {
    let unsupported = Err(no(libc::ENOPROTOOPT));
    if raw_pidfd(socket.fd()).map(drop) == unsupported {
        assert_eq!(pidfd(socket).map(drop), unsupported);
        return None;
    }
    Some(pidfd(socket).map_err(name_of).unwrap())
}

/// The pidfd of a peer that was reaped; `None` where the kernel has none of such a peer, as
/// before Linux 6.16, which the call says, too.
pub fn pidfd_of_reaped(socket: &Sock) -> Option<OwnedFd> {
    match raw_pidfd(socket.fd()) {
        Ok(_) => Some(pidfd(socket).map_err(name_of).unwrap()),
        Err(why) => {
            assert!([no(libc::EINVAL), no(libc::ESRCH)].contains(&why), "{}", name_of(why));
            assert_eq!(pidfd(socket).map(drop), Err(no(libc::ESRCH)));
            None
        }
    }
}

/// This process's own supplementary groups, in order.
pub fn my_groups() -> Vec<u32> {
    let mut gids = vec![0; 1 << 16];
    // SAFETY: room for the largest number of groups there can be.
    let count = unsafe { libc::getgroups(gids.len() as c_int, gids.as_mut_ptr()) };
    gids.truncate(usize::try_from(count).unwrap_or_else(|_| panic!("{}", last_error())));
    gids.sort_unstable();
    gids
}

fn last_error() -> io::Error {
    io::Error::last_os_error()
}
