//! Handles, kinds, how to bind and how to connect

use std::ffi::c_char;

use crate::sys::Credentials;

/// A handle: a socket or a poller of this process, a number from 2^32 to 2^53 - 1. A result of
/// this type that is below 0 is an error code.
pub type udsock_t = i64;

/// A kind of socket: bytes in order, without bounds, over a connection (SOCK_STREAM).
pub const UDSOCK_STREAM: u32 = 1;

/// A kind of socket: messages, each on its own, without a connection (SOCK_DGRAM). The kernel
/// of a Unix socket loses, doubles and reorders none of those that it has taken: a full queue
/// makes the sender wait. A message can be lost only with its receiver: in the queue of a
/// socket that is closed or connects anew, or in what a poller keeps for it
/// (udsock_poller_send).
pub const UDSOCK_DGRAM: u32 = 2;

/// A kind of socket: messages in order, over a connection (SOCK_SEQPACKET).
pub const UDSOCK_SEQPACKET: u32 = 5;

/// For timeout_ms: wait as long as it takes.
pub const UDSOCK_FOREVER: i32 = -1;

/// Bind flag: take the path over, from a live server too. The new server gets the path when it
/// listens, with its mode and owner, in one step: clients that connect in a loop see no error.
/// The old server keeps its connections and its queue; its UDSOCK_OPTION_OWNS_FILE turns 0. It
/// should go on accepting until nothing has come for a while (100 ms, say: a client may have
/// looked the path up just before), and then close. Peers are shown a private name in the same
/// directory (".udsock-..."): the socket was bound there first.
///
/// Some file systems know no flags of renames (most that are programs, FUSE; NFS), and a filter
/// of system calls may refuse renameat2(2). Then a takeover is two steps under the lock. At a
/// free path a file without a server stands for an instant first, and refuses clients
/// (ECONNREFUSED). At a taken path, a file that is no socket is lost if it comes there between
/// the look and the rename.
///
/// Not for datagrams: -EOPNOTSUPP.
pub const UDSOCK_REPLACE: u32 = 1;

/// Bind flag: leave a dead server's file where it is. The bind is -EADDRINUSE then.
pub const UDSOCK_NO_RECLAIM: u32 = 2;

/// Bind flag: leave the file when the socket is closed.
pub const UDSOCK_KEEP_FILE: u32 = 4;

/// Bind flag: make the directories that are missing, with mode 0755 less the umask. -EPERM if
/// everyone may write the socket's directory, or the one in which the first directory was made,
/// and it has no sticky bit.
pub const UDSOCK_MAKE_PARENTS: u32 = 8;

/// Bind flag: the server gets its path back when it has lost it. A server loses its path when
/// somebody removes the file (a program that was replaced and removes its path when it ends; a
/// clean-up of /tmp), or when another program takes the path, as many servers do. It stays the
/// same socket, with its queue and its connections. It gets the path back at once while
/// udsock_accept or a poller waits for it (but not a forked child's poller), and else when the
/// program reads UDSOCK_OPTION_OWNS_FILE. UDSOCK_OPTION_RESTORED counts how often.
///
/// A server with UDSOCK_REPLACE takes the path all the same, and keeps it: two servers of this
/// library never take it from each other in turn. Another program, whose file this server
/// replaces, runs on without a path. A server that loses its path more than 8 times in a minute
/// gives it up for good. What stands in the way (no rights, no descriptors, something there that
/// is no socket, another process that holds the lock of the directory) may go: the server tries
/// again within a second while udsock_accept or a poller waits for it, with the next call of
/// udsock_accept, and when the program reads UDSOCK_OPTION_OWNS_FILE, which is 0 until it has the
/// path back.
///
/// For this the file has a second name beside the path, ".udsock-...-spare", as long as the
/// server lives, and the process has three descriptors more. If somebody removes the
/// second name the server makes it anew; if somebody removes both at once, or their directory,
/// the path is lost. -EOPNOTSUPP: the file system has no links, or a datagram socket. -EACCES:
/// the mode does not let the file's owner read it, and that is not root. -EADDRINUSE: another
/// server has this flag for this path, or a forked child has the socket of one that was killed.
/// -EEXIST: something that is no socket has the second name. -EPERM: a dead server of another user
/// has left it, in a sticky directory. -EMFILE: no descriptors are left, or
/// the user has as many such servers, and other programs that watch files (inotify(7)), as
/// fs.inotify.max_user_instances allows (often 128); the message says which.
/// -ENOSPC: as many files are watched as fs.inotify.max_user_watches allows. -ENOENT: /proc is
/// not there.
pub const UDSOCK_RESTORE_FILE: u32 = 16;

/// Connect flag: while there is no server (no file: ENOENT; nobody behind it: ECONNREFUSED) try
/// again until the timeout, with pauses that grow from 50 microseconds to 20 ms. Many servers
/// make their file first and open it to others afterwards: so the call also tries again, for a
/// second, after EACCES and EPERM.
pub const UDSOCK_RETRY: u32 = 1;

/// Connect flag: return -EAGAIN if the server's queue is full, instead of waiting.
pub const UDSOCK_DONT_WAIT: u32 = 2;

/// How to bind. An abstract name has no file: it takes backlog, UDSOCK_NO_RECLAIM and
/// UDSOCK_KEEP_FILE, and everything else is -EINVAL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udsock_bind_options {
    /// sizeof(udsock_bind_options).
    pub size: u32,
    /// UDSOCK_REPLACE, UDSOCK_NO_RECLAIM, UDSOCK_KEEP_FILE, UDSOCK_MAKE_PARENTS,
    /// UDSOCK_RESTORE_FILE, or 0.
    pub flags: u32,
    /// The permission bits of the socket file, exactly these, whatever the umask is. A client
    /// needs the write bit to connect. They hold from the first moment: where the umask has to
    /// be overruled, the file has fewer bits for an instant, never more. The call reads them
    /// back: if the file system does not keep them, it is -EOPNOTSUPP, and no file is left. 0:
    /// 0777 less the umask, or what the file system makes of that.
    pub mode: u32,
    /// How many connections may wait to be accepted. Only udsock_open_server uses it; after
    /// udsock_bind, the argument of udsock_listen says how many. 0 and below: as many as the
    /// system allows (net.core.somaxconn).
    pub backlog: i32,
    /// The file's owner: a user's name or number. Nobody can connect before the owner is set.
    /// NULL: the user who makes it. -EINVAL: there is no such user. -EPERM: to give a file away
    /// takes privilege. -EOPNOTSUPP: the file system keeps no owners.
    pub user: *const c_char,
    /// The file's group: a group's name or number. NULL: as the system sets it. The errors are
    /// those of user.
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
    /// How long to wait for room in the server's queue, and with UDSOCK_RETRY for the server,
    /// in milliseconds. 0 and UDSOCK_FOREVER: as long as it takes.
    pub timeout_ms: i32,
    /// 0.
    pub reserved: u32,
    /// An address to bind the client to first, so that the server sees who calls and can answer
    /// datagrams: a path, "@name", or "@" for a name that the kernel picks. NULL: none.
    pub local_address: *const c_char,
}

/// A process, and the user and group that it acts for. Each of the three is known or unknown by
/// itself.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udsock_credentials {
    /// The process. 0: unknown. A process of a PID namespace that this process does not see has
    /// no number here; its user and group are known all the same.
    pub pid: i32,
    /// Its effective user. UINT32_MAX: unknown, or a user who has no number in this user
    /// namespace.
    pub uid: u32,
    /// Its effective group. UINT32_MAX: unknown, or a group that has no number in this user
    /// namespace.
    pub gid: u32,
}

impl From<Credentials> for udsock_credentials {
    fn from(Credentials { pid, uid, gid }: Credentials) -> Self {
        Self { pid, uid, gid }
    }
}
