//! Step by step: POSIX's verbs

use std::ffi::c_char;

use super::argument::{self, Output};
use super::basics::{udsock_bind_options, udsock_connect_options, udsock_credentials, udsock_t};
use super::error::{code, explain, udsock_error};
use super::guard::guard;
use super::open_options::{bind_options, connect_options, required_address};
use crate::cleanup;
use crate::error::Error;
use crate::handles;
use crate::kind::Kind;
use crate::socket::{Side, Socket};
use crate::wait::Wait;

/// For udsock_shutdown: nothing more will be received.
pub const UDSOCK_READ: u32 = 1;

/// For udsock_shutdown: nothing more will be sent. The peer sees the end.
pub const UDSOCK_WRITE: u32 = 2;

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

/// Gives the socket a name: creates the socket file, or takes the abstract name. The path is
/// bound as it is written. The library finds the file again, to remove it, also after chdir(2)
/// and after its directory was renamed. A path that does not fit into sun_path (108 bytes) is
/// bound through a descriptor of its directory. Clients connect to it like to any other, but
/// they are shown another name, and can't answer datagrams that come from it.
///
/// A dead server's file is removed first. A live server's file is removed only with
/// UDSOCK_REPLACE. A server is live also if it does not listen yet, if its queue is full, if it
/// is of another kind, or if only a forked child still has it. It does not notice the look. The
/// library removes, replaces and publishes files under flock(2) on the directory. (Where not
/// all who may write the directory may read it, the lock is on the next directory above that
/// everyone may read.)
///
/// A socket belongs to the file that it was bound to. Another layer of file systems may show a
/// second file for it: the upper directory of an overlay, what lies below a file system that is
/// a program (FUSE), a hard link there. The kernel leads nobody from that file to the socket.
/// So a live server's file looks like a dead one's there, to clients (ECONNREFUSED) and to this
/// call, which removes it. All programs should use a socket through the same layer.
///
/// Without /proc (in a chroot) this call works for paths of up to 107 bytes, with two
/// differences: no message names the process that is in the way, and a mode beyond the umask
/// takes Linux 6.6. An error that comes from the lack of /proc says so.
///
/// If the call fails it leaves no file. After an error that comes from the path (taken, not
/// there, no permission) the socket has no name, and can be bound elsewhere. After an error
/// that comes later (the mode, the owner or the path can't be given to the file) it keeps the
/// name that the kernel has, and every further bind is -EINVAL.
///
/// Returns 0.
///
/// -EADDRINUSE: a live server is at the path, or a socket of this kind has the name.
/// -EBUSY: another process has held that lock for more than a second; or a file system is
/// mounted on the path.
/// -EEXIST: something that is no socket is at the path; the library never touches it.
/// -EINVAL: the socket is bound already, or another thread is binding it, the path ends in a
/// slash, or an argument makes no sense.
/// -ENOENT, -ENOTDIR, -EACCES, -EROFS, -ENOSPC, -ELOOP: as of bind(2). Also -ENOENT: the path
/// is longer than 107 bytes, and /proc is not there.
/// -EPERM: a dead server's file in a sticky directory is another user's; the file system has no
/// sockets (sshfs, mqueue, cgroup2); or see udsock_bind_options and UDSOCK_MAKE_PARENTS.
/// -EIO: the file system has no sockets (exfat-fuse), or fails.
/// -EOVERFLOW: this user or group has no number on the mount, which is idmapped.
/// -ENAMETOOLONG: the path has 4096 bytes or more, a component of it more than 255, or an
/// abstract name more than 107.
/// -EOPNOTSUPP: UDSOCK_REPLACE for a datagram socket; or the file system does not keep the mode
/// or the owner that was asked for, and the message says what the file has instead.
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

/// Lets clients connect. `backlog`: how many may wait to be accepted (the kernel adds one); 0
/// and below: as many as the system allows. A second call changes it. After a bind with
/// UDSOCK_REPLACE this call takes the path over.
///
/// Returns 0.
///
/// -EINVAL: the socket has no name, or is connected.
/// -EOPNOTSUPP: a datagram socket.
/// -EEXIST, -EBUSY: after UDSOCK_REPLACE, as of udsock_bind.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_listen(s: udsock_t, backlog: i32) -> i32 {
    guard(|| handles::get(s)?.listen(backlog).map_err(code).map(|()| 0))
}

/// Waits for the next client. The client gets a handle of its own; close it with udsock_close.
/// Any number of threads may accept on one server. A client may have gone already: what it sent
/// can be received, and then the end.
///
/// A server with an allow list (udsock_allow_uid) or a limit (UDSOCK_OPTION_MAX_PER_UID) closes
/// the connections of those whom it does not let in, and goes on waiting. If `peer` is not NULL
/// it gets who the client is, as of udsock_peer_credentials. (A client of which that call would
/// say -ENODATA is refused too; Linux always knows a client.)
///
/// Returns the client's handle.
///
/// -EINVAL: the socket does not listen, or was shut down.
/// -EMFILE, -ENFILE: no descriptors are left. The client stays in the queue. The call says this
/// at once, also if nobody waits there.
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

/// Connects to a server. A datagram socket gets the address that it sends to; from then on it
/// receives messages from that address only. If the server's queue is full the call waits,
/// within the timeout of the options. After a failure the same socket can try again. A datagram
/// socket may connect again, and must after its server was restarted: the kernel drops what it
/// has not received by then.
///
/// Returns 0.
///
/// -ENOENT: nothing is at the path. Also: the path is longer than 107 bytes, and /proc is not
/// there.
/// -ECONNREFUSED: nobody is behind the address: the server is gone or does not listen, the file
/// is no socket, or nobody has the abstract name. (If a socket that can be connected to has one
/// that differs only in NULs at its end, or that goes on with a slash, the message says how to
/// write that.) Also: the file belongs to a live server, but through another layer (see udsock_bind).
/// -EACCES: no write permission on the file, or no search permission on a directory of the
/// path. With UDSOCK_RETRY this is told after a second.
/// -EPERM: a sandbox keeps this process from it (Landlock: abstract names beyond its scope), or
/// the datagram socket there is connected to another one. With UDSOCK_RETRY this, too, is told
/// after a second.
/// -EPROTOTYPE: a socket of another kind is there.
/// -EISCONN: the socket is connected already.
/// -EAGAIN: the server's queue is full, and UDSOCK_DONT_WAIT was given; with UDSOCK_RETRY as well,
/// also: there is no server, or it does not let anybody in yet.
/// -ETIMEDOUT: time ran out.
/// Others: for local_address as of udsock_bind.
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

/// Shuts one side of the connection, or both. The handle stays open. `how`: UDSOCK_READ,
/// UDSOCK_WRITE, or both added. It acts on the socket itself, and so on its copies in other
/// processes. A server that was shut down accepts no more, and nothing revives it. A socket
/// without a peer can be shut down, too: that side stays shut when it gets a peer.
///
/// Some peers do not answer a client that has shut its writing side. HTTP servers take it for a
/// client that has gone, and close without an answer if they are still making that (Node.js,
/// Bun, Deno, uvicorn, daphne, granian, nginx as a proxy); so does redis with a command that
/// blocks. A client of HTTP should say how long its request is, and shut nothing down before it
/// has the answer.
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
            _ => return Err(Error::EINVAL),
        };
        handles::get(s)?.shutdown(side).map(|()| 0)
    })
}

/// Closes a socket or a poller. The library removes a socket's file if this process made it,
/// and if the path still leads to the file that it made (the same inode). Calls of other
/// threads that wait on the handle return UDSOCK_CLOSED at once. This call waits until they
/// have left, a tenth of a second at most, so that nothing new gets the descriptor's number
/// before. It does not wait for a handle that came with a fork. From now on the handle is
/// -EBADF.
///
/// Returns 0.
///
/// -EBADF: the handle was not open.
/// -EBUSY: another process has held the lock of the file's directory for a second (see
/// udsock_bind).
/// Others: the file could not be removed, for the reason that the code says. After every error
/// but -EBADF the socket is closed.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_close(s: udsock_t) -> i32 {
    guard(|| handles::close(s).map(|()| 0))
}
