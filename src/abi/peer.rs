//! Who is at the other end, and who may be

use std::ffi::{c_char, c_void};
use std::os::fd::IntoRawFd;

use super::argument::{self, Output, TextRoom, required_text};
use super::basics::{udsock_credentials, udsock_t};
use super::codes::count;
use super::error::code;
use super::guard::guard;
use crate::error::{Error, Result};
use crate::handles;
use crate::owner;
use crate::socket::Rule;

/// Who the peer is: process, user and group. The kernel vouches for them, as they were when the
/// client connected, when the server listened, or when the pair was made. They do not change
/// when the peer changes its user, or ends. After its end another process may have its pid; a
/// descriptor of udsock_peer_pidfd always stands for the peer itself.
///
/// If the peer is in a PID namespace that this process can't see (the host or another
/// container, seen from a container), the pid is 0, and uid and gid are true. If its user or
/// group has no number in this user namespace, uid or gid is UINT32_MAX. The library never
/// makes up a number.
///
/// Returns 0.
///
/// -ENOTCONN: the socket has no peer; a server that listens has none.
/// -ENODATA: the kernel does not know the peer: the socket is a datagram socket that was
/// connected.
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

/// The peer's supplementary groups, as they were at the moment of its credentials
/// (udsock_peer_credentials). UINT32_MAX stands for each group that has no number in this user
/// namespace. With `gids` NULL and `capacity` 0 the call only counts them.
///
/// Returns how many there are.
///
/// -ERANGE: there are more than `capacity`; nothing is written.
/// -ENOPROTOOPT: the kernel is older than Linux 4.13.
/// Others: as of udsock_peer_credentials.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_peer_groups(s: udsock_t, gids: *mut u32, capacity: usize) -> i64 {
    guard(|| {
        let bytes = capacity.checked_mul(size_of::<u32>()).ok_or(Error::EINVAL)?;
        argument::outgoing(gids.cast::<c_void>(), bytes)?;
        let groups = handles::get(s)?.peer_groups()?;
        if gids.is_null() {
            return Ok(count(groups.len()));
        }
        if groups.len() > capacity {
            return Err(Error::ERANGE);
        }
        for (index, group) in groups.iter().enumerate() {
            // SAFETY: the caller passes room for `capacity` of them, perhaps not aligned.
            unsafe { gids.wrapping_add(index).write_unaligned(*group) };
        }
        Ok(count(groups.len()))
    })
}

/// A descriptor for the peer's process (pidfd_open(2)). It is close-on-exec, and the caller has
/// to close it. A later process with the same number can't be mistaken for the peer. The peer
/// may be in a PID namespace that this process can't see: then poll(2) on the descriptor still
/// reports when the peer ends, but no signal can be sent to it.
///
/// Returns the descriptor.
///
/// -ENODATA: no process is known.
/// -ESRCH: the process has gone, and the kernel is older than Linux 6.16.
/// -ENOPROTOOPT: the kernel is older than Linux 6.5.
/// Others: as of udsock_peer_credentials.
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

/// Lets a user in. After the first call of this kind the server lets in only those whom a rule
/// names: udsock_accept closes the connections of all others, counts them
/// (UDSOCK_OPTION_REFUSED) and goes on waiting, within its timeout. A poller does the same,
/// without an event. The program never sees those clients, and they see the end. Connections
/// that were accepted before stay. If the rules are set before udsock_listen, at no moment is
/// anybody else let in.
///
/// Root, too, is refused if no rule names it. Rules compare users and groups, so the PID
/// namespace of a client does not matter. No rule matches a user who has no number in this user
/// namespace.
///
/// Returns 0.
///
/// -EINVAL: uid is UINT32_MAX.
/// -EOPNOTSUPP: the socket is a datagram socket, which accepts nobody.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_allow_uid(server: udsock_t, uid: u32) -> i32 {
    guard(|| allow(server, Rule::User(uid)))
}

/// Lets the members of a group in: clients that had it as their effective group or among their
/// supplementary groups when they connected. Otherwise as udsock_allow_uid.
///
/// Returns 0.
///
/// -EINVAL: gid is UINT32_MAX.
/// Others: as of udsock_allow_uid.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_allow_gid(server: udsock_t, gid: u32) -> i32 {
    guard(|| allow(server, Rule::Group(gid)))
}

/// Lets a user in, by name or by a decimal number. Otherwise as udsock_allow_uid.
///
/// Returns 0.
///
/// -EINVAL: there is no such user.
/// Others: as of udsock_allow_uid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_allow_user(server: udsock_t, name: *const c_char) -> i32 {
    guard(|| {
        // SAFETY: the caller passes a C string or NULL.
        let user = owner::user(unsafe { required_text(name) }?).map_err(code)?;
        allow(server, Rule::User(user))
    })
}

/// Lets the members of a group in, by its name or by a decimal number. Otherwise as
/// udsock_allow_gid.
///
/// Returns 0.
///
/// -EINVAL: there is no such group.
/// Others: as of udsock_allow_uid.
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
