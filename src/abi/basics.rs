//! Handles, kinds, how to bind and how to connect

use std::ffi::c_char;

use crate::sys::Credentials;

/// A handle: a socket or a poller of this process, a number from 2^32 to 2^53 - 1. A result of
/// this type that is below 0 is an error code.
pub type udsock_t = i64;

/// A kind of socket: bytes in order, without bounds, over a connection (SOCK_STREAM).
pub const UDSOCK_STREAM: u32 = 1;

/// A kind of socket: messages, each on its own, without a connection (SOCK_DGRAM). On Unix
/// sockets the kernel does not lose, duplicate or reorder a message that it has taken: a full
/// queue makes the sender wait. A message can be lost only with its receiver: in the queue of a
/// socket that is closed or connects again, or in what a poller keeps for that receiver
/// (udsock_poller_send).
pub const UDSOCK_DGRAM: u32 = 2;

/// A kind of socket: messages in order, over a connection (SOCK_SEQPACKET).
pub const UDSOCK_SEQPACKET: u32 = 5;

/// For timeout_ms: wait as long as it takes.
pub const UDSOCK_FOREVER: i32 = -1;

/// Bind flag: take the path over, even from a live server. The new server gets the path when it
/// listens, with its mode and owner, in one step: clients that connect in a loop see no error.
/// The old server keeps its connections and its queue; its UDSOCK_OPTION_OWNS_FILE turns 0. It
/// should go on accepting until nothing has come for a while (100 ms, say: a client may have
/// looked the path up just before), and then close. Peers see a private name in the same
/// directory (".udsock-...") as the server's address, since the socket was bound to that first.
///
/// Some file systems support no flags of renameat2(2) (most FUSE file systems, NFS), and a
/// filter of system calls may refuse it. Then a takeover takes two steps under the lock of the
/// directory (udsock_bind). At a free path a file without a server stands for an instant first,
/// and refuses clients (ECONNREFUSED). At a taken path, a file that is not a socket is lost if
/// it appears between the last look and the rename.
///
/// Not for datagrams: -EOPNOTSUPP.
pub const UDSOCK_REPLACE: u32 = 1;

/// Bind flag: leave a dead server's file where it is. Then the bind is -EADDRINUSE.
pub const UDSOCK_NO_RECLAIM: u32 = 2;

/// Bind flag: leave the file when the socket is closed.
pub const UDSOCK_KEEP_FILE: u32 = 4;

/// Bind flag: make the directories that are missing, with mode 0755 less the umask. The bind is
/// -EPERM if everyone may write to the socket's directory, or to the one in which the first
/// missing directory was made, and that directory has no sticky bit.
pub const UDSOCK_MAKE_PARENTS: u32 = 8;

/// Bind flag: the server gets its path back when it has lost it. A server loses its path when
/// somebody removes the file (a program that was replaced and removes its path when it ends; a
/// clean-up of /tmp), or when another program takes the path, as many servers do. It stays the
/// same socket, with its queue and its connections. It gets the path back at once while
/// udsock_accept or a poller waits for it (but not a forked child's poller), and otherwise when
/// the program reads UDSOCK_OPTION_OWNS_FILE. UDSOCK_OPTION_RESTORED says how often.
///
/// A server with UDSOCK_REPLACE takes the path all the same, and keeps it: two servers of this
/// library never take it from each other in turn. Another program, whose file this server
/// replaces, runs on without a path. A server that loses its path more than 8 times in a minute
/// gives it up for good. If something stands in the way (no rights, no descriptors, something
/// at the path that is not a socket, another process that holds the lock of the directory), the
/// server tries again: within a second while udsock_accept or a poller waits for it, with the
/// next call of udsock_accept, and when the program reads UDSOCK_OPTION_OWNS_FILE, which is 0
/// until the server has the path back.
///
/// For this the file has a second name beside the path, ".udsock-...-spare", as long as the
/// server lives, and the process has three descriptors more. If somebody removes the
/// second name the server makes it anew; if somebody removes both at once, or their directory,
/// the path is lost. The bind may fail with these codes. -EOPNOTSUPP: the file system has no
/// links, or the socket is a datagram socket. -EACCES: the mode does not let the file's owner
/// read it, and this process is not root. -EADDRINUSE: another server has this flag for this
/// path, or such a server was killed and a forked child still has its socket. -EEXIST:
/// something that is not a socket has the second name. -EPERM: a dead server of another user
/// has left the second name, in a sticky directory. -EMFILE: no descriptors are left, or the
/// user has as many inotify(7) instances (each such server is one, and other programs have
/// some) as fs.inotify.max_user_instances allows (often 128); the message says which. -ENOSPC:
/// as many files are watched as fs.inotify.max_user_watches allows. -ENOENT: /proc is not
/// there.
pub const UDSOCK_RESTORE_FILE: u32 = 16;

/// Connect flag: while there is no server (no file: ENOENT; nobody behind it: ECONNREFUSED) try
/// again until the timeout, with pauses that grow from 50 microseconds to 20 ms. The call also
/// tries again, for a second, after EACCES and EPERM, since many servers make their file first
/// and open it to others afterwards. With UDSOCK_DONT_WAIT udsock_connect makes one attempt, for
/// a program that has an event loop. If another attempt makes sense the result is -EAGAIN, and
/// the program calls again with the same socket, after a pause of its own. (The second counts
/// from the first attempt that was refused.)
pub const UDSOCK_RETRY: u32 = 1;

/// Connect flag: return -EAGAIN if the server's queue is full, instead of waiting.
pub const UDSOCK_DONT_WAIT: u32 = 2;

/// How to bind. An abstract name has no file: with it only backlog, UDSOCK_NO_RECLAIM and
/// UDSOCK_KEEP_FILE may be set, and everything else is -EINVAL.
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
    /// be overruled, the file has fewer bits for an instant, never more. The library reads them
    /// back: if the file system does not keep them, the call is -EOPNOTSUPP, and no file is
    /// left. 0: 0777 less the umask, or what the file system makes of that.
    pub mode: u32,
    /// How many connections may wait to be accepted. Only udsock_open_server uses it; after
    /// udsock_bind, the argument of udsock_listen says how many. 0 and below: as many as the
    /// system allows (net.core.somaxconn).
    pub backlog: i32,
    /// The file's owner: a user's name or number. Nobody can connect before the owner is set.
    /// NULL: the user who makes it. -EINVAL: there is no such user. -EPERM: this process may
    /// not give files to that user. -EOPNOTSUPP: the file system keeps no owners.
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
    /// UDSOCK_RETRY, UDSOCK_DONT_WAIT, both (udsock_connect), or 0.
    pub flags: u32,
    /// How long to wait, in milliseconds, for room in the server's queue, and with UDSOCK_RETRY
    /// for the server. 0 and UDSOCK_FOREVER: as long as it takes.
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
    /// The process. 0: unknown. A process of a PID namespace that this process can't see is 0,
    /// too; its user and group are known all the same.
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
