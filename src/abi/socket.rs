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
/// bound as it is written. The library finds the file again, to remove it, even after chdir(2)
/// and after its directory was renamed. A path that does not fit into sun_path (108 bytes) is
/// bound through a descriptor of its directory. Clients connect to the path as to any other,
/// but they see another name as the socket's address, and can't answer datagrams that come from
/// it.
///
/// A dead server's file is removed first. A live server's file is removed only with
/// UDSOCK_REPLACE. A server is live even if it does not listen yet, if its queue is full, if it
/// is of another kind, or if only a forked child still has it. A live server does not notice
/// this check. The library removes, replaces and publishes files under flock(2) on the
/// directory. (If some users may write to the directory but not read it, the lock is on the
/// next directory above that everyone may read.)
///
/// A socket belongs to the file that it was bound to. Another layer of file systems may show a
/// second file for it: the upper directory of an overlay, what lies below a FUSE file system, a
/// hard link there. The kernel does not lead from that second file to the socket. So through
/// that file a live server looks dead, both to clients (ECONNREFUSED) and to this call, which
/// removes the file. All programs should use a socket through the same layer.
///
/// Without /proc (in a chroot) this call works for paths of up to 107 bytes, with two
/// differences: no message names the process that is in the way, and a mode with bits that the
/// umask excludes takes Linux 6.6. If the lack of /proc is the cause of an error, the message
/// says so.
///
/// If the call fails it leaves no file. After an error that comes from the path (taken, not
/// there, no permission) the socket has no name, and can be bound elsewhere. After a later
/// error (the file can't get its mode, its owner or its path) the socket keeps the name that
/// the kernel has given it, and every further bind is -EINVAL.
///
/// Returns 0.
///
/// -EADDRINUSE: a live server is at the path, or a socket of this kind has the name.
/// -EBUSY: another process has held the lock of the directory for more than a second; or a file
/// system is mounted on the path.
/// -EEXIST: something that is not a socket is at the path; the library never touches it.
/// -EINVAL: the socket is bound already, another thread is binding it, the path ends in a
/// slash, or an argument has no meaning.
/// -ENOENT, -ENOTDIR, -EACCES, -EROFS, -ENOSPC, -ELOOP: as of bind(2). Also -ENOENT: the path
/// is longer than 107 bytes, and /proc is not there; or a directory of the path was renamed or
/// replaced, or the working directory changed, during the call.
/// -EPERM: a dead server's file in a sticky directory is another user's; the file system has no
/// sockets (sshfs, mqueue, cgroup2); or see udsock_bind_options and UDSOCK_MAKE_PARENTS.
/// -EIO: the file system has no sockets (exfat-fuse), or it fails.
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

/// Lets clients connect. `backlog`: how many clients may wait to be accepted (the kernel adds
/// one); 0 and below: as many as the system allows. A second call changes the backlog. After a
/// bind with UDSOCK_REPLACE this call takes the path over.
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
/// Any number of threads may accept on one server. A client may have gone already: the program
/// can still receive what it sent, and then the end.
///
/// A server with an allow list (udsock_allow_uid) or a limit (UDSOCK_OPTION_MAX_PER_UID) closes
/// the connections of those whom it does not let in, and goes on waiting. If `peer` is not
/// NULL, the call writes there who the client is, as udsock_peer_credentials does. (If that
/// call would say -ENODATA, the client is refused, too; Linux always knows a client.)
///
/// Returns the client's handle.
///
/// -EINVAL: the socket does not listen, or was shut down.
/// -EOPNOTSUPP: a datagram socket.
/// -EMFILE, -ENFILE: no descriptors are left. The client stays in the queue. The call returns
/// this at once, even if no client waits.
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
/// socket may connect again, and must do so after its server was restarted. When it connects
/// again, the kernel drops the messages that it has not received yet.
///
/// Returns 0.
///
/// -ENOENT: nothing is at the path. Also: the path is longer than 107 bytes, and /proc is not
/// there.
/// -ECONNREFUSED: no server has the address: it is gone or does not listen, the file is not a
/// socket (the message says what it is), or nobody has the abstract name. (If a socket that can
/// be connected to has a name that differs only in NULs at its end, or that goes on with a
/// slash, the message says how to write that name.) Also: the file belongs to a live server, but
/// through another layer (see udsock_bind).
/// -EACCES: no write permission on the file, or no search permission on a directory of the
/// path. With UDSOCK_RETRY the call returns this after a second.
/// -EPERM: a sandbox forbids it (Landlock: abstract names beyond its scope), or the datagram
/// socket there is connected to another one. With UDSOCK_RETRY the call returns this, too,
/// after a second.
/// -EPROTOTYPE: a socket of another kind is there.
/// -EISCONN: the socket is connected already.
/// -EAGAIN: the server's queue is full, and UDSOCK_DONT_WAIT was given; with UDSOCK_RETRY as well,
/// also: there is no server, or it does not let anybody in yet.
/// -ETIMEDOUT: the time ran out.
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
/// UDSOCK_WRITE, or both added. It acts on the socket itself, and so also on copies of its
/// descriptor in other processes. A server that was shut down accepts nothing more, for good. A
/// socket without a peer can be shut down, too: that side stays shut when the socket gets a
/// peer.
///
/// Some peers do not answer a client that has shut its writing side. Some HTTP servers
/// (Node.js, Bun, Deno, uvicorn, daphne, granian, nginx as a proxy) take such a client for one
/// that has gone, and close without an answer if the answer is not ready yet; so does redis
/// with a command that blocks. A client of HTTP should give the length of its request, and shut
/// nothing down before it has the answer.
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
/// before that. It does not wait if the handle was inherited by fork. From now on the handle is
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
