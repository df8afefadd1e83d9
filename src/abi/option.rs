//! Properties of a socket

use super::basics::udsock_t;
use super::guard::guard;
use crate::error::{Error, Result};
use crate::handles;
use crate::option::SocketOption;

/// Option, to read: UDSOCK_STREAM, UDSOCK_DGRAM or UDSOCK_SEQPACKET.
pub const UDSOCK_OPTION_KIND: u32 = 1;

/// Option: the send buffer in bytes (SO_SNDBUF). The kernel doubles the value that is set, for
/// its own needs, and limits it to net.core.wmem_max; reading gives the kernel's value. A
/// message may have 32 bytes less than that.
pub const UDSOCK_OPTION_SEND_BUFFER: u32 = 2;

/// Option: the receive buffer in bytes (SO_RCVBUF). It changes little: what was sent through a
/// Unix socket lies in the sender's buffer until it is received.
pub const UDSOCK_OPTION_RECEIVE_BUFFER: u32 = 3;

/// Option: for how long at most, in microseconds (0 to 1000000), a wait to receive or to accept
/// tries again before it sleeps. Waking a thread that sleeps takes longer than most answers
/// take. The default is 50, or 0 if only one processor is online. A wait tries again only if it
/// waits for an answer (something was sent before), or if the program has set this option. A
/// wait for an answer first lets other threads have its processor once (sched_yield). It does
/// either only if the last wait was short and if that has paid lately, so it costs little more
/// than sleeping. Setting 0 turns both off. Accepted connections have the value of their
/// server.
pub const UDSOCK_OPTION_SPIN_US: u32 = 4;

/// Option: 1 if udsock_recv_message and udsock_recv_batch shall receive descriptors that come
/// with messages. 0, the default: a peer that sends some gets EPERM (Linux 6.16); with an older
/// kernel, or a filter of system calls that does not let SO_PASSRIGHTS through, they are closed,
/// and UDSOCK_FDS_LOST is set. Accepted connections have the value of their server. A socket
/// that was adopted has the value of its descriptor (SO_PASSRIGHTS): 1, unless somebody turned
/// it off. All other calls that receive lose the descriptors that come.
pub const UDSOCK_OPTION_RECEIVE_FDS: u32 = 5;

/// Option: 1 if udsock_recv_message and udsock_recv_batch shall say who sent each message
/// (SO_PASSCRED). Accepted connections have the value of their server. A socket that was
/// adopted has the value of its descriptor. While it is on, the kernel gives a socket without a
/// name one of its own (as "@") when it connects or sends.
pub const UDSOCK_OPTION_RECEIVE_CREDENTIALS: u32 = 6;

/// Option, to read: how many clients this server has refused, because no rule let them in
/// (udsock_allow_uid) or because of UDSOCK_OPTION_MAX_PER_UID.
pub const UDSOCK_OPTION_REFUSED: u32 = 7;

/// Option: how many connections of one user may be open at once, counting those that this
/// server accepted since the option was set. The server refuses more until one is closed. 0: no
/// limit. All users who have no number in this user namespace count as one user. Not for
/// datagram sockets: -EOPNOTSUPP.
pub const UDSOCK_OPTION_MAX_PER_UID: u32 = 8;

/// Option, to read: 1 if the socket is a server that listens.
pub const UDSOCK_OPTION_LISTENING: u32 = 9;

/// Option, to read. On a stream: how many bytes the next receive would return if it had room
/// for them (at most 4 MiB are counted). On the other kinds: the length of the next message.
/// Unlike FIONREAD it does not count urgent bytes, so it is never more than a receive returns.
pub const UDSOCK_OPTION_READABLE_BYTES: u32 = 10;

/// Option, to read: 1 if the name that this socket was bound to, in the directory that it was
/// bound in, still leads to its own file. (If that directory was renamed, the path does not lead
/// there any more, and this is 1 all the same.) A server with UDSOCK_RESTORE_FILE that has lost
/// its path gets it back before this returns; 0 means that it could not, or that it was
/// replaced. The call waits for the lock of the directory, for a second at most.
pub const UDSOCK_OPTION_OWNS_FILE: u32 = 11;

/// Option: 1 if udsock_recv_message and udsock_recv_batch shall receive, in the field pidfd, a
/// descriptor for the process that sent each message (SO_PASSPIDFD). Accepted connections have
/// the value of their server. A socket that was adopted has the value of its descriptor. The
/// kernel gives a socket without a name one of its own, as with
/// UDSOCK_OPTION_RECEIVE_CREDENTIALS. -ENOPROTOOPT: the kernel is older than Linux 6.5.
pub const UDSOCK_OPTION_RECEIVE_PIDFD: u32 = 12;

/// Option, to read: how often a server with UDSOCK_RESTORE_FILE got its path back.
pub const UDSOCK_OPTION_RESTORED: u32 = 13;

/// Reads an option (UDSOCK_OPTION_...).
///
/// Returns its value, 0 or above.
///
/// -ENOPROTOOPT: there is no such option.
/// -EINVAL: UDSOCK_OPTION_READABLE_BYTES of a server that listens.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_get_option(s: udsock_t, option: u32) -> i64 {
    guard(|| {
        let option = known(option)?;
        handles::get(s)?.option(option)
    })
}

/// Sets an option (UDSOCK_OPTION_...).
///
/// Returns 0.
///
/// -ENOPROTOOPT: there is no such option, or it can only be read.
/// -EINVAL: the value is out of range. The ranges: 1 to 2^31 - 1 for buffers, 0 to 2^32 - 1 for
/// UDSOCK_OPTION_MAX_PER_UID, 0 to 1000000 for UDSOCK_OPTION_SPIN_US, 0 or 1 for all others.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_set_option(s: udsock_t, option: u32, value: i64) -> i32 {
    guard(|| {
        let option = known(option)?;
        handles::get(s)?.set_option(option, value).map(|()| 0)
    })
}

fn known(option: u32) -> Result<SocketOption> {
    match option {
        UDSOCK_OPTION_KIND => Ok(SocketOption::Kind),
        UDSOCK_OPTION_SEND_BUFFER => Ok(SocketOption::SendBuffer),
        UDSOCK_OPTION_RECEIVE_BUFFER => Ok(SocketOption::ReceiveBuffer),
        UDSOCK_OPTION_RECEIVE_FDS => Ok(SocketOption::ReceiveDescriptors),
        UDSOCK_OPTION_RECEIVE_CREDENTIALS => Ok(SocketOption::ReceiveCredentials),
        UDSOCK_OPTION_RECEIVE_PIDFD => Ok(SocketOption::ReceivePidfd),
        UDSOCK_OPTION_REFUSED => Ok(SocketOption::Refused),
        UDSOCK_OPTION_MAX_PER_UID => Ok(SocketOption::MaxPerUid),
        UDSOCK_OPTION_LISTENING => Ok(SocketOption::Listening),
        UDSOCK_OPTION_READABLE_BYTES => Ok(SocketOption::ReadableBytes),
        UDSOCK_OPTION_SPIN_US => Ok(SocketOption::SpinMicroseconds),
        UDSOCK_OPTION_OWNS_FILE => Ok(SocketOption::OwnsFile),
        UDSOCK_OPTION_RESTORED => Ok(SocketOption::Restored),
        _ => Err(Error::ENOPROTOOPT),
    }
}
