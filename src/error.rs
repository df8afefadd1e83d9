//! What can go wrong: a code for every call.

use std::collections::TryReserveError;

use crate::words;

/// An error as every call reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The system refused; errno says why.
    #[error("{}", words::errno_text(*.0).to_string_lossy())]
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
    BAD_MESSAGE = EBADMSG;
    BROKEN_PIPE = EPIPE;
    BUSY = EBUSY;
    CONNECTION_REFUSED = ECONNREFUSED;
    CONNECTION_RESET = ECONNRESET;
    EXISTS = EEXIST;
    INTERRUPTED = EINTR;
    INVALID = EINVAL;
    IO = EIO;
    MESSAGE_SIZE = EMSGSIZE;
    NAME_TOO_LONG = ENAMETOOLONG;
    NOT_A_SOCKET = ENOTSOCK;
    NOT_CONNECTED = ENOTCONN;
    NOT_FOUND = ENOENT;
    NO_BUFFERS = ENOBUFS;
    NO_DATA = ENODATA;
    NO_MEMORY = ENOMEM;
    NOT_PERMITTED = EPERM;
    NOT_SUPPORTED = EOPNOTSUPP;
    NO_ACCESS = EACCES;
    NO_SPACE = ENOSPC;
    NO_SUCH_CALL = ENOSYS;
    NO_SUCH_OPTION = ENOPROTOOPT;
    NO_SUCH_PROCESS = ESRCH;
    OUT_OF_RANGE = ERANGE;
    OVERFLOW = EOVERFLOW;
    IN_USE = EADDRINUSE;
    TIMED_OUT = ETIMEDOUT;
    TOO_BIG = E2BIG;
    TOO_MANY_FILES = ENFILE;
    TOO_MANY_HANDLES = EMFILE;
    TOO_MANY_USERS = EUSERS;
    WOULD_BLOCK = EAGAIN;
    WRONG_FAMILY = EAFNOSUPPORT;
    WRONG_TYPE = EPROTOTYPE;
}

impl Error {
    /// There is not enough of something at present.
    pub(crate) fn is_scarcity(self) -> bool {
        matches!(
            self,
            Self::TOO_MANY_HANDLES
                | Self::TOO_MANY_FILES
                | Self::NO_MEMORY
                | Self::NO_BUFFERS
                | Self::NO_SPACE
        )
    }
}

impl From<TryReserveError> for Error {
    fn from(_: TryReserveError) -> Self {
        Self::NO_MEMORY
    }
}
