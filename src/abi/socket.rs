//! Sockets: POSIX's verbs, one step each

use std::ffi::{CStr, c_char};

use super::argument::{self, Output, Sized32, known_flags, options, required_text};
use super::error::{explain, udsock_error};
use super::guard::guard;
use crate::cleanup;
use crate::client::ConnectOptions;
use crate::error::{Error, Failure, Result};
use crate::handles;
use crate::kind::Kind;
use crate::owner;
use crate::socket::{Side, Socket};
use crate::socket_file::FileOptions;
use crate::sys::Credentials;
use crate::wait::{Timeout, Wait};

/// A handle: a socket or a poller of this process, from 2^32 to 2^53 - 1. A result of this
/// type below 0 is an error code.
pub type udsock_t = i64;

/// A kind of socket: bytes in order, without bounds, over a connection (SOCK_STREAM).
pub const UDSOCK_STREAM: u32 = 1;

/// A kind of socket: messages, each on its own, without a connection (SOCK_DGRAM). On
/// Unix sockets none is lost, doubled or overtaken.
pub const UDSOCK_DGRAM: u32 = 2;

/// A kind of socket: messages in order, over a connection (SOCK_SEQPACKET).
pub const UDSOCK_SEQPACKET: u32 = 5;

/// For timeout_ms: wait as long as it takes.
pub const UDSOCK_FOREVER: i32 = -1;

/// For udsock_shutdown: nothing more will be received.
pub const UDSOCK_READ: u32 = 1;

/// For udsock_shutdown: nothing more will be sent. The peer sees the end.
pub const UDSOCK_WRITE: u32 = 2;

/// Bind flag: take the path over, from a live server too. The new server gets the path
/// when it listens, with its mode and owner, in one step: clients that connect in a loop
/// see no error. The old server keeps the connections that it has and those in its queue;
/// its UDSOCK_OPTION_OWNS_FILE turns 0. It should accept until nothing has come for a
/// while (100 ms, say: a client may have looked the path up just before), then close. Peers
/// are shown a private name of the same directory (".udsock-..."), under which the socket
/// was bound. Where renames know no flags (most file systems that are programs, FUSE, and NFS;
/// or a filter refuses renameat2(2)) there are two steps under the lock: at a free path a file
/// without a server stands for an instant first, which refuses clients (ECONNREFUSED); at a
/// taken one, what is no socket and comes there between the look and the rename is lost. Not
/// for datagrams: -EOPNOTSUPP.
pub const UDSOCK_REPLACE: u32 = 1;

/// Bind flag: a dead server's file is left where it is: -EADDRINUSE.
pub const UDSOCK_NO_RECLAIM: u32 = 2;

/// Bind flag: the file stays when the socket is closed.
pub const UDSOCK_KEEP_FILE: u32 = 4;

/// Bind flag: make the directories that are missing, with mode 0755 less the umask. If the
/// socket's directory, or the one in which the first was made, may be written by everyone
/// and has no sticky bit: -EPERM.
pub const UDSOCK_MAKE_PARENTS: u32 = 8;

/// Bind flag: the server gets its path back when it has lost it: when somebody removed the file
/// (a program that removes its path when it ends, and was replaced; a clean-up of /tmp), or
/// another program took the path, as many servers do. It is the same socket, with its queue and
/// its connections. That happens at once while the server is waited for, by udsock_accept or in a
/// poller (but not by the pollers of a forked child), and else when UDSOCK_OPTION_OWNS_FILE is
/// asked for. UDSOCK_OPTION_RESTORED counts how often.
///
/// Whoever passes UDSOCK_REPLACE takes the path all the same, and keeps it: two servers of this
/// library never take it from each other in turn. Another program, whose file this one replaces,
/// runs on without a path. From who takes it more than 8 times in a minute it is not had back, nor
/// as long as it can't be (no rights, no descriptors, something there that is no socket): then
/// UDSOCK_OPTION_OWNS_FILE is 0.
///
/// For this the file has a second name beside the path, ".udsock-...-spare", as long as the
/// server lives, and the process two descriptors more (inotify). A file system without links is
/// -EOPNOTSUPP; a mode by which its owner, if that is not root, may not read the file is -EACCES.
/// -EADDRINUSE: another server has this flag for this path. Not for datagrams: -EOPNOTSUPP.
pub const UDSOCK_RESTORE_FILE: u32 = 16;

/// Connect flag: while there is no server (no file: ENOENT; nobody behind it:
/// ECONNREFUSED) try again, with pauses that grow from 50 microseconds to 20 ms, until
/// the timeout. Many servers make their file first and open it to others afterwards: so who
/// is refused (EACCES, EPERM) is tried again, too, for a second, and then told so.
pub const UDSOCK_RETRY: u32 = 1;

/// Connect flag: if the server's queue is full return -EAGAIN instead of waiting.
pub const UDSOCK_DONT_WAIT: u32 = 2;

/// A process, and the user and group it acts for. Each of them is known or unknown by itself.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udsock_credentials {
    /// The process. 0: unknown. A process of a PID namespace that this one does not see has no
    /// number here; its user and group are known all the same.
    pub pid: i32,
    /// Its effective user. UINT32_MAX: unknown, or a user whom this user namespace has no
    /// number for.
    pub uid: u32,
    /// Its effective group. UINT32_MAX: likewise.
    pub gid: u32,
}

/// How to bind. An abstract name has no file: for one, everything but backlog,
/// UDSOCK_NO_RECLAIM and UDSOCK_KEEP_FILE is -EINVAL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udsock_bind_options {
    /// sizeof(udsock_bind_options).
    pub size: u32,
    /// UDSOCK_REPLACE, UDSOCK_NO_RECLAIM, UDSOCK_KEEP_FILE, UDSOCK_MAKE_PARENTS,
    /// UDSOCK_RESTORE_FILE, or 0.
    pub flags: u32,
    /// The permission bits of the socket file, exactly these, whatever the umask; to
    /// connect takes the write bit. They hold from the first moment; where the umask
    /// has to be overruled the file is narrower for an instant, never wider. They are looked
    /// at again: a file system that does not keep them is -EOPNOTSUPP, and no file is left.
    /// 0: 0777 less the umask, or what the file system makes of that.
    pub mode: u32,
    /// For udsock_open_server: how many connections may wait to be accepted. 0 and below:
    /// as many as the system allows (net.core.somaxconn). After udsock_bind it is
    /// udsock_listen that says so.
    pub backlog: i32,
    /// The file's owner: a user's name or number. Until it is set nobody can connect.
    /// NULL: who makes it. Nobody of this name: -EINVAL. To give a file away takes
    /// privilege: -EPERM. A file system that keeps no owners: -EOPNOTSUPP.
    pub user: *const c_char,
    /// The file's group, likewise. NULL: as the system sets it.
    pub group: *const c_char,
}

/// How to connect.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udsock_connect_options {
    /// sizeof(udsock_connect_options).
    pub size: u32,
    /// UDSOCK_RETRY or UDSOCK_DONT_WAIT, not both, or 0.
    pub flags: u32,
    /// How long to wait for room in the server's queue, and for the server with
    /// UDSOCK_RETRY, in milliseconds. 0 and UDSOCK_FOREVER: as long as it takes.
    pub timeout_ms: i32,
    /// 0.
    pub reserved: u32,
    /// An address to bind the client to first, so that the server sees who calls and
    /// can answer datagrams: a path, "@name", or "@" for a name that the kernel picks.
    /// NULL: none.
    pub local_address: *const c_char,
}

impl From<Credentials> for udsock_credentials {
    fn from(Credentials { pid, uid, gid }: Credentials) -> Self {
        Self { pid, uid, gid }
    }
}

// SAFETY: numbers and pointers: any bytes are a value.
unsafe impl Sized32 for udsock_bind_options {}
// SAFETY: numbers and pointers: any bytes are a value.
unsafe impl Sized32 for udsock_connect_options {}

/// A new socket, without a name or a peer. `kind`: UDSOCK_STREAM, UDSOCK_DGRAM or
/// UDSOCK_SEQPACKET.
///
/// Returns its handle.
///
/// -EINVAL: there is no such kind.
/// -EMFILE, -ENFILE: no descriptors are left.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn udsock_create(kind: u32) -> udsock_t {
    guard(|| {
        let kind = Kind::from_number(kind)?;
        handles::open(|| Socket::create(kind))
    })
}

/// Gives the socket a name. It creates the socket file, or takes the abstract name. The
/// path is bound as it is written; the file is found again for its removal also after
/// chdir(2), or after its directory was renamed. A path that does not fit into sun_path
/// (108 bytes) is bound through a descriptor of its directory: it can be connected to like
/// any other, but peers are shown another name, and can't answer datagrams from it.
///
/// The file of a server that has gone is removed first. A live server's never is, unless
/// UDSOCK_REPLACE is given: be it that it does not listen yet, that its queue is full, that
/// it is of another kind or that only a forked child still has it. It does not notice that
/// it was looked at. What is removed, replaced or published is so under flock(2) on the
/// directory (or, if not all who may write that may read it, on the next above it that
/// everyone may read).
///
/// A socket belongs to the file that it was bound to. Through another layer (the upper
/// directory of an overlay; what lies below a file system that is a program, FUSE; there, a
/// hard link) the kernel leads nobody to it, so a live server's file looks like a dead one's,
/// to clients (ECONNREFUSED) as to this call, and is removed. All should come the same way.
///
/// Without /proc (in a chroot) all this works for paths of up to 107 bytes, but that no message
/// says which process is in the way, and that modes beyond the umask take Linux 6.6. What does
/// need /proc says so.
///
/// If it fails no file is left. What is in the way of a bind leaves the socket without a name: it
/// can be bound elsewhere. But a name can't be taken back from a socket: if the file can't be
/// given its mode, its owner or its path later on, every further bind is -EINVAL.
///
/// Returns 0.
///
/// -EADDRINUSE: a live server is at the path, or a socket of this kind has the name.
/// -EBUSY: somebody holds that lock, for more than a second; or something is mounted on the
/// path, which can't be taken then.
/// -EEXIST: something else is at the path; nothing but sockets is ever touched.
/// -EINVAL: the socket is bound already, or another thread is binding it, the path ends in a
/// slash, or an argument makes no sense.
/// -ENOENT, -ENOTDIR, -EACCES, -EROFS, -ENOSPC, -ELOOP: as bind(2) has them. ENOENT also where
/// a longer path takes /proc, which is not there.
/// -EPERM: a dead server's file in a sticky directory is another user's; the file system has
/// no sockets (sshfs, mqueue, cgroup2); or see udsock_bind_options and UDSOCK_MAKE_PARENTS.
/// -EIO: the file system has no sockets (exfat-fuse), or fails.
/// -EOVERFLOW: on an idmapped mount: this user or group has no number there.
/// -ENAMETOOLONG: a path of 4096 bytes or more, a component of more than 255, or an
/// abstract name of more than 107.
/// -EOPNOTSUPP: UDSOCK_REPLACE, and a datagram socket; or the file system does not keep the
/// mode or the owner that was asked for: the message says what it made of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_bind(
    s: udsock_t,
    address: *const c_char,
    options: *const udsock_bind_options,
    err: *mut udsock_error,
) -> i32 {
    // SAFETY: the caller passes C strings, structs with their sizes, or NULL.
    guard(|| unsafe {
        explain(err, "bind", address, || {
            let socket = handles::get(s)?;
            let (options, _) = bind_options(options)?;
            let address = required_address(address)?;
            cleanup::remove_at_exit()?;
            socket.bind(address, &options)?;
            Ok(0)
        })
    })
}

/// Lets clients connect. `backlog`: how many may wait to be accepted (the kernel adds one);
/// 0 and below: as many as the system allows. May be called again to change it. After a
/// bind with UDSOCK_REPLACE this is the takeover.
///
/// Returns 0.
///
/// -EINVAL: the socket has no name, or is connected.
/// -EOPNOTSUPP: a datagram socket.
/// -EEXIST, -EBUSY: after UDSOCK_REPLACE, as udsock_bind.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_listen(s: udsock_t, backlog: i32) -> i32 {
    guard(|| handles::get(s)?.listen(backlog).map_err(code).map(|()| 0))
}

/// Waits for the next client. It gets a handle of its own, to be closed with udsock_close.
/// Any number of threads may accept on one server. A client may be gone again already: what
/// it sent can be received, then the end.
///
/// A server with an allow list (udsock_allow_uid) or a limit (UDSOCK_OPTION_MAX_PER_UID)
/// closes those whom it does not let in, and goes on waiting. `peer`, if it is not NULL,
/// says who the client is, as udsock_peer_credentials does. (A client of which that would say
/// -ENODATA is refused likewise; Linux knows who a client is.)
///
/// Returns the client's handle.
///
/// -EINVAL: not listening, or shut down.
/// -EMFILE, -ENFILE: no descriptors are left; the client stays in the queue, and this is
/// said at once, even if nobody waits there.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_accept(
    s: udsock_t,
    timeout_ms: i32,
    peer: *mut udsock_credentials,
) -> udsock_t {
    guard(|| {
        let mut wait = Wait::new(argument::timeout(timeout_ms)?);
        let Ok(place) = Output::required(peer) else {
            return handles::accept(s, &mut wait);
        };
        let (client, who) = handles::accept_with_peer(s, &mut wait)?;
        // SAFETY: the caller passes room for a udsock_credentials, or NULL.
        unsafe { place.write(who.into()) };
        Ok(client)
    })
}

/// Connects to a server, or sets where a datagram socket sends to. From there alone that
/// receives, too. If the server's queue is full this waits, within the timeout of the
/// options. After a failure the same socket can try again. A datagram socket may connect
/// anew, and must when its server was restarted; what it has not received by then the
/// kernel drops.
///
/// Returns 0.
///
/// -ENOENT: nothing is at the path; or it has more than 107 bytes, which takes /proc, and that
/// is not there.
/// -ECONNREFUSED: nobody is behind it: its server is gone or does not listen, it is no
/// socket, or the abstract name is not there (if one is that differs only in NULs at its end,
/// or that goes on with a slash, the message says how to write it); or it is a live server's
/// file, seen through another layer (see udsock_bind).
/// -EACCES: no write permission on the file, or no search permission on the way; with
/// UDSOCK_RETRY after a second.
/// -EPERM: a sandbox keeps this process from it (Landlock: abstract names beyond its scope), or
/// a datagram socket is there that is connected to another.
/// -EPROTOTYPE: a socket of another kind is there.
/// -EISCONN: connected already.
/// -EAGAIN: its queue is full, and UDSOCK_DONT_WAIT was given.
/// -ETIMEDOUT: time ran out.
/// Others: for local_address as udsock_bind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_connect(
    s: udsock_t,
    address: *const c_char,
    options: *const udsock_connect_options,
    err: *mut udsock_error,
) -> i32 {
    // SAFETY: the caller passes C strings, structs with their sizes, or NULL.
    guard(|| unsafe {
        explain(err, "connect", address, || {
            let socket = handles::get(s)?;
            let options = connect_options(options, err)?;
            cleanup::remove_at_exit()?;
            socket.connect(required_address(address)?, options)?;
            Ok(0)
        })
    })
}

/// Shuts one side of the connection or both. The handle stays open. `how`: UDSOCK_READ,
/// UDSOCK_WRITE or both. It acts on the socket itself, so also on copies of it in other
/// processes. A server that was shut down accepts no more, and can't be revived. A socket
/// without a peer can be shut down, too: that side stays shut when it gets one.
///
/// Not every peer answers who has shut his writing side: HTTP servers take it for a client that
/// has gone, while the answer is being made, and close without one (Node.js, Bun, Deno, uvicorn,
/// daphne, granian, nginx as a proxy); so does redis with a command that blocks. A client of HTTP
/// says how long its request is, and shuts nothing down before it has the answer.
///
/// Returns 0.
///
/// -EINVAL: `how` is something else.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_shutdown(s: udsock_t, how: u32) -> i32 {
    const BOTH: u32 = UDSOCK_READ | UDSOCK_WRITE;
    guard(|| {
        let side = match how {
            UDSOCK_READ => Side::Read,
            UDSOCK_WRITE => Side::Write,
            BOTH => Side::Both,
            _ => return Err(Error::INVALID),
        };
        handles::get(s)?.shutdown(side).map(|()| 0)
    })
}

/// Closes a socket or a poller. A socket's file is removed if it is still the file that it
/// made (the same inode), and if this is the process that made it. Calls of other threads
/// that wait on the handle return UDSOCK_CLOSED at once, and only when they have left is
/// the number of the descriptor used again. This waits for them, a tenth of a second at
/// most, and not at all if the handle came with a fork. From now on it gets -EBADF.
///
/// Returns 0.
///
/// -EBADF: the handle was not open.
/// -EBUSY: somebody has held the lock of the file's directory for a second (see
/// udsock_bind). Like every error but -EBADF it says that the file could not be removed;
/// the socket is closed all the same.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_close(s: udsock_t) -> i32 {
    guard(|| handles::close(s).map(|()| 0))
}

pub(super) unsafe fn required_address<'a>(address: *const c_char) -> Result<&'a CStr, Failure> {
    // SAFETY: the caller passes a C string or NULL.
    unsafe { required_text(address) }.map_err(|_| Failure::Invalid("the address is NULL"))
}

/// The options, and the backlog, which is listen's.
pub(super) unsafe fn bind_options(
    pointer: *const udsock_bind_options,
) -> Result<(FileOptions, i32), Failure> {
    // SAFETY: the caller passes a struct with its size, or NULL.
    let Some(given) = unsafe { options(pointer) }.map_err(Failure::at(OPTIONS))? else {
        return Ok((FileOptions::default(), 0));
    };
    let flags = known_flags(
        given.flags,
        UDSOCK_REPLACE
            | UDSOCK_NO_RECLAIM
            | UDSOCK_KEEP_FILE
            | UDSOCK_MAKE_PARENTS
            | UDSOCK_RESTORE_FILE,
    )
    .map_err(|_| Failure::Invalid("the options have a flag that this version does not know"))?;
    if given.mode > 0o7777 {
        return Err(Failure::Invalid("mode has bits that are no permissions"));
    }
    // SAFETY: the caller passes C strings or NULL.
    let [user, group] = [given.user, given.group].map(|name| unsafe { argument::text(name) });
    let options = FileOptions {
        mode: Some(given.mode).filter(|&mode| mode != 0),
        user: user.map(owner::user).transpose()?,
        group: group.map(owner::group).transpose()?,
        replace: flags & UDSOCK_REPLACE != 0,
        no_reclaim: flags & UDSOCK_NO_RECLAIM != 0,
        keep: flags & UDSOCK_KEEP_FILE != 0,
        make_parents: flags & UDSOCK_MAKE_PARENTS != 0,
        restore: flags & UDSOCK_RESTORE_FILE != 0,
    };
    Ok((options, given.backlog))
}

pub(super) unsafe fn connect_options<'a>(
    pointer: *const udsock_connect_options,
    err: *const udsock_error,
) -> Result<ConnectOptions<'a>, Failure> {
    let explains = !err.is_null();
    // SAFETY: the caller passes a struct with its size, or NULL.
    let Some(given) = unsafe { options(pointer) }.map_err(Failure::at(OPTIONS))? else {
        return Ok(ConnectOptions {
            retry: false,
            timeout: Timeout::Forever,
            local_address: None,
            explains,
        });
    };
    let flags = known_flags(given.flags, UDSOCK_RETRY | UDSOCK_DONT_WAIT)
        .map_err(|_| Failure::Invalid("the options have a flag that this version does not know"))?;
    if given.reserved != 0 {
        return Err(Failure::Invalid("the options' reserved field is not 0"));
    }
    let timeout = match (flags, given.timeout_ms) {
        (UDSOCK_RETRY | 0, 0) => Timeout::Forever,
        (UDSOCK_RETRY | 0, timeout_ms) => argument::timeout(timeout_ms)
            .map_err(|_| Failure::Invalid("timeout_ms is below UDSOCK_FOREVER"))?,
        (UDSOCK_DONT_WAIT, UDSOCK_FOREVER..) => Timeout::Milliseconds(0),
        (UDSOCK_DONT_WAIT, _) => {
            return Err(Failure::Invalid("timeout_ms is below UDSOCK_FOREVER"));
        }
        _ => {
            return Err(Failure::Invalid("UDSOCK_RETRY and UDSOCK_DONT_WAIT contradict"));
        }
    };
    // SAFETY: the caller passes a C string or NULL.
    let local_address = unsafe { argument::text(given.local_address) };
    Ok(ConnectOptions { retry: flags & UDSOCK_RETRY != 0, timeout, local_address, explains })
}

/// For calls that have no room for the whole story.
pub(super) fn code(failure: Failure) -> Error {
    failure.error()
}

const OPTIONS: &str = "the options' size, or what lies behind the fields of this version";
