//! What can go wrong: a code for every call, and for the calls that open and
//! close things the circumstances too.

use crate::sys;

/// An error as every call reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The system refused; errno says why.
    #[error("{}", sys::errno_text(*.0).to_string_lossy())]
    System(i32),
    /// The peer sends no more.
    #[error("the end: the peer sends no more")]
    End,
    /// The handle was closed while the call was waiting.
    #[error("closed by another thread while the call was waiting")]
    Closed,
    /// A bug in this library.
    #[error("an error inside libudsock")]
    Panic,
}

/// The result of most calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! system_errors {
    ($($name:ident = $errno:ident;)*) => {
        /// The system errors that this library returns by itself.
        impl Error {
            $(pub(crate) const $name: Self = Self::System(libc::$errno);)*
        }
    };
}

system_errors! {
    BAD_HANDLE = EBADF;
    CONNECTION_REFUSED = ECONNREFUSED;
    CONNECTION_RESET = ECONNRESET;
    EXISTS = EEXIST;
    INTERRUPTED = EINTR;
    INVALID = EINVAL;
    MESSAGE_SIZE = EMSGSIZE;
    NAME_TOO_LONG = ENAMETOOLONG;
    NOT_FOUND = ENOENT;
    NOT_IMPLEMENTED = ENOSYS;
    NOT_SUPPORTED = EOPNOTSUPP;
    NO_SUCH_OPTION = ENOPROTOOPT;
    OUT_OF_RANGE = ERANGE;
    IN_USE = EADDRINUSE;
    TIMED_OUT = ETIMEDOUT;
    TOO_BIG = E2BIG;
    TOO_MANY_HANDLES = EMFILE;
    WOULD_BLOCK = EAGAIN;
    WRONG_FAMILY = EAFNOSUPPORT;
}

/// Why something could not be opened or closed: a code, and what a person needs
/// to know to mend it.
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
    /// A socket is at the path.
    #[error(
        "a socket file is there already, mode {mode:04o}, uid {uid}; it was left alone. \
         Stop its server, or remove the file if that has gone"
    )]
    SocketExists {
        /// The file's permission bits.
        mode: u32,
        /// Its owner.
        uid: u32,
    },
    /// The abstract name is taken.
    #[error("another socket of this kind has this name")]
    NameTaken,
    /// Time ran out while the same attempt was made again and again.
    #[error("timed out; the last attempt said: {last}")]
    TimedOut {
        /// How the attempts failed.
        last: Error,
    },
    /// The argument makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// The option is not there yet.
    #[error("{0}")]
    NotImplemented(&'static str),
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

impl Failure {
    /// The code that the call returns.
    pub fn error(&self) -> Error {
        match self {
            Self::Plain(error) | Self::Step { error, .. } => *error,
            Self::NotASocket(_) => Error::EXISTS,
            Self::SocketExists { .. } | Self::NameTaken => Error::IN_USE,
            Self::TimedOut { .. } => Error::TIMED_OUT,
            Self::Invalid(_) => Error::INVALID,
            Self::NotImplemented(_) => Error::NOT_IMPLEMENTED,
            Self::TooLong { .. } => Error::NAME_TOO_LONG,
        }
    }

    /// For `map_err`: names the step.
    pub(crate) fn at(step: &'static str) -> impl FnOnce(Error) -> Self {
        move |error| Self::Step { step, error }
    }
}
