//! Who is at the other end, and who may be

use std::ffi::{c_char, c_void};
use std::os::fd::IntoRawFd;

use super::argument::{self, Output, TextRoom, required_text};
use super::guard::{count, guard};
use super::socket::{code, udsock_credentials, udsock_t};
use crate::access::Rule;
use crate::error::{Error, Result};
use crate::handles;
use crate::owner;

/// Who the peer is: process, user and group. The kernel vouches for them, as they were when
/// the client connected, when the server listened, or when the pair was made. What the peer
/// became since, or that it has gone, changes nothing; its number may be another process's
/// by now (udsock_peer_pidfd).
///
/// Of a process of a PID namespace that this one does not see (of the host or of another
/// container, seen from a container) the pid is 0, and uid and gid are true. Of a user or
/// group whom this user namespace has no number for, uid or gid is UINT32_MAX. Never is one
/// made up.
///
/// Returns 0.
///
/// -ENOTCONN: no peer; a server that listens has none.
/// -ENODATA: the kernel does not know anything: a datagram socket that was connected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_peer_credentials(s: udsock_t, out: *mut udsock_credentials) -> i32 {
    guard(|| {
        let out = Output::required(out)?;
        let peer = handles::get(s)?.peer_credentials()?;
        // SAFETY: the caller passes room for a udsock_credentials, or NULL.
        unsafe { out.write(peer.into()) };
        Ok(0)
    })
}

/// The peer's supplementary groups. They are those of the same moment as its credentials
/// (udsock_peer_credentials). UINT32_MAX stands for each group that this user namespace has no
/// number for. `gids` NULL and `capacity` 0: only how many.
///
/// Returns how many there are.
///
/// -ERANGE: more than `capacity`; nothing is written.
/// -ENOPROTOOPT: the kernel is older than Linux 4.13.
/// Others: as udsock_peer_credentials.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_peer_groups(s: udsock_t, gids: *mut u32, capacity: usize) -> i64 {
    guard(|| {
        let bytes = capacity.checked_mul(size_of::<u32>()).ok_or(Error::INVALID)?;
        argument::outgoing(gids.cast::<c_void>(), bytes)?;
        let groups = handles::get(s)?.peer_groups()?;
        if gids.is_null() {
            return Ok(count(groups.len()));
        }
        if groups.len() > capacity {
            return Err(Error::OUT_OF_RANGE);
        }
        for (index, group) in groups.iter().enumerate() {
            // SAFETY: the caller passes room for `capacity` of them, perhaps not aligned.
            unsafe { gids.wrapping_add(index).write_unaligned(*group) };
        }
        Ok(count(groups.len()))
    })
}

/// A descriptor for the peer's process (pidfd_open(2)). It can't be mistaken for a later
/// one of the same number, is close-on-exec, and the caller's to close. It also stands for a
/// process of a PID namespace that this one does not see: it tells the end of it (poll(2)),
/// though it can't be sent a signal.
///
/// Returns the descriptor.
///
/// -ENODATA: none is known.
/// -ESRCH: the process has gone, and the kernel is older than Linux 6.16.
/// -ENOPROTOOPT: the kernel is older than Linux 6.5.
/// Others: as udsock_peer_credentials.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_peer_pidfd(s: udsock_t) -> i32 {
    guard(|| handles::get(s)?.peer_pidfd().map(IntoRawFd::into_raw_fd))
}

/// The peer's security label (SO_PEERSEC), as text.
///
/// Returns its length without the NUL.
///
/// -ENOPROTOOPT: no security module gives one.
/// -ERANGE: `size` is too small.
/// -ENOTCONN: no peer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_peer_label(s: udsock_t, buffer: *mut c_char, size: usize) -> i64 {
    guard(|| {
        let room = TextRoom::new(buffer, size)?;
        let label = handles::get(s)?.peer_label()?;
        // SAFETY: the caller passes room for `size` bytes.
        unsafe { room.write_bytes(&label) }
    })
}

/// Lets a user in. The first call of this kind closes the door to everyone else: from then
/// on udsock_accept closes the connections of those whom no rule names, counts them
/// (UDSOCK_OPTION_REFUSED) and goes on waiting, within its timeout; a poller does the same,
/// and tells no event. The program never sees them; they see the end. Connections that were
/// accepted before stay. Before udsock_listen nobody can slip in. Root has to be named as
/// everyone. The rules go by users and groups: of which PID namespace a client is does not
/// matter. A user whom this user namespace has no number for, no rule names.
///
/// Returns 0.
///
/// -EINVAL: nobody has this number.
/// -EOPNOTSUPP: a datagram socket accepts nobody.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_allow_uid(server: udsock_t, uid: u32) -> i32 {
    guard(|| allow(server, Rule::User(uid)))
}

/// Lets the members of a group in. They are those who had it as their group or among their
/// supplementary groups when they connected. Else as udsock_allow_uid.
///
/// Returns 0.
///
/// Errors: as udsock_allow_uid.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_allow_gid(server: udsock_t, gid: u32) -> i32 {
    guard(|| allow(server, Rule::Group(gid)))
}

/// Lets a user in, by name or by a decimal number. Else as udsock_allow_uid.
///
/// Returns 0.
///
/// -EINVAL: there is no such user.
/// Others: as udsock_allow_uid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_allow_user(server: udsock_t, name: *const c_char) -> i32 {
    guard(|| {
        // SAFETY: the caller passes a C string or NULL.
        let user = owner::user(unsafe { required_text(name) }?).map_err(code)?;
        allow(server, Rule::User(user))
    })
}

/// Lets the members of a group in, by its name or by a decimal number. Else as
/// udsock_allow_gid.
///
/// Returns 0.
///
/// -EINVAL: there is no such group.
/// Others: as udsock_allow_uid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_allow_group(server: udsock_t, name: *const c_char) -> i32 {
    guard(|| {
        // SAFETY: the caller passes a C string or NULL.
        let group = owner::group(unsafe { required_text(name) }?).map_err(code)?;
        allow(server, Rule::Group(group))
    })
}

fn allow(server: udsock_t, rule: Rule) -> Result<i32> {
    handles::get(server)?.make_access()?.allow(rule).map(|()| 0)
}
