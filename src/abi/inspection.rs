//! What is at an address

use super::argument::{self, Sized32, SizedOutput};
use super::error::{explain, udsock_error};
use super::guard::guard;
use super::open_options::required_address;
use crate::address::{Reach, reach};
use crate::failure::Failure;
use crate::inspection::{Inspection, State, inspect};
use crate::kind::Kind;
use crate::user_namespace::{known_group, known_user};
use std::ffi::c_char;

/// State: nothing has the address.
pub const UDSOCK_ABSENT: u32 = 0;

/// State: a socket has the address, and some process has that socket open.
pub const UDSOCK_LIVE: u32 = 1;

/// State: the file of a socket that no process has open any more. A bind removes it.
pub const UDSOCK_STALE: u32 = 2;

/// State: something else is at the path. A symbolic link is something else, wherever it leads.
pub const UDSOCK_NOT_A_SOCKET: u32 = 3;

/// Reach: every program that supports Unix sockets (but Sanic can serve only at paths of up to
/// 63 bytes). The address is an abstract name, or a path of up to 97 bytes as it was given.
pub const UDSOCK_REACH_ALL: u32 = 0;

/// Reach: most programs. The path has 98 to 107 bytes; some programs append to it or have less
/// room (HAProxy, dbus-daemon, supervisord, uWSGI, Java, mpv).
pub const UDSOCK_REACH_MOST: u32 = 1;

/// Reach: few programs. The path has more than 107 bytes: most programs refuse it, and some
/// (memcached, PHP, unbound) use only its beginning.
pub const UDSOCK_REACH_FEW: u32 = 2;

/// What udsock_inspect finds.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udsock_inspection {
    /// sizeof(udsock_inspection).
    pub size: u32,
    /// UDSOCK_ABSENT, UDSOCK_LIVE, UDSOCK_STALE or UDSOCK_NOT_A_SOCKET.
    pub state: u32,
    /// The live socket's kind. 0: not known.
    pub kind: u32,
    /// The file's permission bits; 0 for an abstract name.
    pub mode: u32,
    /// The file's owner. UINT32_MAX: there is no file, or its owner has no number in this user
    /// namespace.
    pub uid: u32,
    /// The file's group. UINT32_MAX: there is no file, or its group has no number in this user
    /// namespace.
    pub gid: u32,
    /// A process that has the socket open. If there are several, it is the one with the lowest
    /// number, which may be a child that inherited the socket. 0: this process may not look
    /// into any of them.
    pub pid: i32,
    /// The user who made the socket; UINT32_MAX: not known.
    pub process_uid: u32,
    /// The device that the file is on. 0: there is no file.
    pub device: u64,
    /// The file's inode. 0: there is no file.
    pub inode: u64,
    /// How many connections wait to be accepted. This and what follows is written only if size
    /// has room for it.
    pub queue: u32,
    /// How many may wait at most; beyond that a client that connects waits, or gets EAGAIN. 0:
    /// not known, or the socket does not listen.
    pub queue_limit: u32,
    /// How many processes have the socket open, of those that this process may look into.
    pub processes: u32,
    /// UDSOCK_REACH_ALL, UDSOCK_REACH_MOST or UDSOCK_REACH_FEW: which programs can connect to
    /// the address, or serve at it, judged by its length alone.
    pub reach: u32,
}

/// The first version's, in bytes.
const FIRST_SIZE: usize = 48;

// SAFETY: numbers: any bytes are a value.
unsafe impl Sized32 for udsock_inspection {}

impl SizedOutput for udsock_inspection {
    fn size(&self) -> u32 {
        self.size
    }
}

/// Says what is at an address, and which process has it. A server there does not notice the
/// call. The state may have changed by the time the call returns. Kind and process come from
/// /proc and from the kernel's list of the sockets in this network namespace; they are 0 if
/// those do not say. A server's file that is seen through another layer (see udsock_bind) is
/// UDSOCK_STALE, since nobody can reach the server through it. If this process has no
/// permission to connect, and nothing else says more, the file counts as UDSOCK_LIVE.
///
/// `out`: the caller sets its size; the call writes the rest. Set the whole struct to 0 first:
/// what lies beyond the fields of this version has to be 0, as in every struct.
///
/// Returns 0.
///
/// -EACCES, -ENOTDIR, -ELOOP: the path can't be followed: this process may not search a
/// directory, a part of the path is not a directory, or there are too many symbolic links.
/// -ENOENT: the path is longer than 107 bytes, and /proc is not there.
/// -EOPNOTSUPP: the kernel's list of sockets can't be read (a filter of system calls; no module
/// unix_diag), so it is not known whether anybody has this abstract name.
/// -EINVAL: no address, or "@" alone; `out` is NULL, or its size is less than 48, that of the
/// first version.
/// -E2BIG: its size is above 4096, or what this version does not know is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_inspect(
    address: *const c_char,
    out: *mut udsock_inspection,
    err: *mut udsock_error,
) -> i32 {
    // SAFETY: the caller passes C strings, structs with their sizes, or NULL.
    guard(|| unsafe {
        explain(err, "inspect", address, || {
            let given = argument::options(out)
                .map_err(Failure::Plain)?
                .filter(|given| given.size as usize >= FIRST_SIZE)
                .ok_or(Failure::Invalid("out is NULL, or its size is not set"))?;
            let text = required_address(address)?;
            let found = inspect(text)?;
            let reach = match reach(text) {
                Reach::All => UDSOCK_REACH_ALL,
                Reach::Most => UDSOCK_REACH_MOST,
                Reach::Few => UDSOCK_REACH_FEW,
            };
            let told = udsock_inspection { size: given.size, reach, ..told(&found) };
            argument::write_sized(out, &told);
            Ok(0)
        })
    })
}

fn told(found: &Inspection) -> udsock_inspection {
    const UNKNOWN: u32 = u32::MAX;
    let state = match found.state {
        State::Absent => UDSOCK_ABSENT,
        State::Live => UDSOCK_LIVE,
        State::Stale => UDSOCK_STALE,
        State::NotASocket => UDSOCK_NOT_A_SOCKET,
    };
    let (pid, processes) = found.processes().unwrap_or_default();
    let [queue, queue_limit] = found.socket.and_then(|it| it.backlog()).unwrap_or_default();
    let kind = found.socket.and_then(|socket| socket.kind()).map_or(0, Kind::number);
    udsock_inspection {
        size: 0,
        state,
        kind,
        mode: found.file.map_or(0, |file| file.permissions()),
        uid: found.file.and_then(|file| known_user(file.uid)).unwrap_or(UNKNOWN),
        gid: found.file.and_then(|file| known_group(file.gid)).unwrap_or(UNKNOWN),
        pid: pid as i32,
        process_uid: found.user().unwrap_or(UNKNOWN),
        device: found.file.map_or(0, |file| file.device),
        inode: found.file.map_or(0, |file| file.inode),
        queue,
        queue_limit,
        processes,
        reach: 0,
    }
}
