//! What went wrong, in words, for the calls that open and close things: what stood in the way, and
//! what to do.

use std::fmt;

use crate::error::Error;
use crate::name_text::text_of;
use crate::sys::SocketName;
use crate::text::Shown;

/// Why something could not be opened or closed: a code, and what a person needs to know to put it
/// right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The code says it all.
    #[error("{0}")]
    Plain(#[from] Error),
    /// The step that failed is not the call itself.
    #[error("{step}: {error}")]
    Step {
        /// What was tried.
        step: &'static str,
        /// How it failed.
        error: Error,
    },
    /// Something is at the path that is not a socket.
    #[error(
        "{0} is there, which is not a socket; it was left alone. Remove it or choose another path"
    )]
    NotASocket(&'static str),
    /// A live server has the path.
    #[error("{0}")]
    Live(LiveServer),
    /// A dead server's file is at the path, and was not to be reclaimed.
    #[error(
        "the socket file of a server that has gone is there; remove it, or start without \
         UDSOCK_NO_RECLAIM"
    )]
    Stale,
    /// Somebody does not let go of the lock.
    #[error("{}", Locked(*.pid))]
    Locked {
        /// Who, if that is known.
        pid: Option<u32>,
    },
    /// The abstract name is taken.
    #[error("another socket of this kind has this name")]
    NameTaken,
    /// Nobody can listen at the path: what is there is not a socket.
    #[error("{}; {what} is there, which is not a socket", Refused(*.told))]
    NoSocketThere {
        /// What it is.
        what: &'static str,
        /// What the attempt said, or the last of several in the time that there was.
        told: Told,
    },
    /// Nobody has the abstract name, but somebody has one that is easily taken for it.
    #[error("{}", Neighbour { told: *told, name })]
    NotThatName {
        /// The name that somebody has.
        name: SocketName,
        /// What the attempt said, or the last of several in the time that there was.
        told: Told,
    },
    /// Only the kernel's list of sockets tells whether anybody has an abstract name, and it can't
    /// be read.
    #[error(
        "it is not known whether a socket has this name: the kernel's list of sockets can't be read \
         here (sock_diag: {0})"
    )]
    Untold(Error),
    /// The file system has not done what it said.
    #[error("{0}")]
    NotKept(NotKept),
    /// Time ran out while the same attempt was made again and again.
    #[error("timed out; the last attempt said: {last}")]
    TimedOut {
        /// How the attempts failed.
        last: Error,
    },
    /// An attempt that was not to wait failed in a way that may pass.
    #[error("not yet: {last}")]
    NotYet {
        /// How it failed.
        last: Error,
    },
    /// The argument makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// The address is longer than any can be.
    #[error("the {what} has {length} bytes; at most {most} are possible")]
    TooLong {
        /// Which part.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        most: usize,
    },
}

/// A server that has the path, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveServer {
    /// Stream, datagram or seqpacket.
    pub kind: Option<&'static str>,
    /// A process that has it open.
    pub pid: Option<u32>,
    /// The process that this one was forked from has ended.
    pub is_orphan: bool,
    /// The user that it belongs to.
    pub uid: Option<u32>,
    /// Whether the socket that was to be bound could replace it.
    pub replaceable: bool,
}

impl fmt::Display for LiveServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a live ")?;
        match self.kind {
            Some(kind) => write!(out, "{kind} server is there")?,
            None => out.write_str("server is there")?,
        }
        let orphan = match self.is_orphan {
            true => "; its parent is gone, so it may be a worker that was left behind",
            false => "",
        };
        match (self.pid, self.uid) {
            (Some(pid), Some(uid)) => write!(out, " (pid {pid}, uid {uid}{orphan})")?,
            (Some(pid), None) => write!(out, " (pid {pid}{orphan})")?,
            (None, Some(uid)) => write!(out, " (uid {uid})")?,
            (None, None) => {}
        }
        out.write_str(match self.replaceable {
            true => "; stop it or pass UDSOCK_REPLACE",
            false => "; stop it or choose another path",
        })
    }
}

/// What was asked of a file system, and what it made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// The permission bits.
    Mode {
        /// What they should be.
        asked: u32,
        /// What they are.
        has: u32,
    },
    /// User and group.
    Owner {
        /// Whose it should be, as far as that was asked.
        asked: [Option<u32>; 2],
        /// Whose it is.
        has: [u32; 2],
    },
}

impl fmt::Display for NotKept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the file system reports success, but ")?;
        match *self {
            Self::Mode { asked, has } => {
                write!(out, "the file has mode {has:04o} instead of {asked:04o}")?;
            }
            Self::Owner { asked: [user, group], has } => {
                write!(out, "the file belongs to user {} and group {}, not to", has[0], has[1])?;
                user.map_or(Ok(()), |user| write!(out, " user {user}"))?;
                group.map_or(Ok(()), |group| write!(out, " group {group}"))?;
            }
        }
        out.write_str("; choose another directory")
    }
}

/// How often an attempt was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Once.
    AtOnce,
    /// Again and again, until time ran out.
    AtTheEnd,
}

struct Refused(Told);

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = Error::ECONNREFUSED;
        match self.0 {
            Told::AtOnce => write!(out, "{last}"),
            Told::AtTheEnd => write!(out, "{}", Failure::TimedOut { last }),
        }
    }
}

struct Neighbour<'a> {
    told: Told,
    name: &'a SocketName,
}

impl fmt::Display for Neighbour<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", Refused(self.told))?;
        // Of a long one the end tells the difference.
        let name = text_of(self.name);
        let name = Shown::within(&name, 100);
        write!(out, "; nobody has this name, but a socket named {name} is there: write that")
    }
}

struct Locked(Option<u32>);

impl fmt::Display for Locked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(out, "pid {pid} holds the lock (flock) of its directory")?,
            None => out.write_str("somebody holds the lock (flock) of its directory")?,
        }
        out.write_str(" and does not let go; stop that process")
    }
}

impl Failure {
    /// The code that the call returns.
    pub fn error(&self) -> Error {
        match self {
            Self::Plain(error) | Self::Step { error, .. } => *error,
            Self::NotASocket(_) => Error::EEXIST,
            Self::Live(_) | Self::Stale | Self::NameTaken => Error::EADDRINUSE,
            Self::Locked { .. } => Error::EBUSY,
            Self::NoSocketThere { told, .. } | Self::NotThatName { told, .. } => match told {
                Told::AtOnce => Error::ECONNREFUSED,
                Told::AtTheEnd => Error::ETIMEDOUT,
            },
            Self::Untold(_) | Self::NotKept(_) => Error::EOPNOTSUPP,
            Self::TimedOut { .. } => Error::ETIMEDOUT,
            Self::NotYet { .. } => Error::EAGAIN,
            Self::Invalid(_) => Error::EINVAL,
            Self::TooLong { .. } => Error::ENAMETOOLONG,
        }
    }

    /// For `map_err`: names the step.
    pub(crate) fn at(step: &'static str) -> impl FnOnce(Error) -> Self {
        move |error| Self::Step { step, error }
    }
}
