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
    ($($errno:ident;)*) => {
        /// The system errors that this library returns by itself.
        impl Error {
            $(pub(crate) const $errno: Self = Self::System(libc::$errno);)*
        }
    };
}

system_errors! {
    E2BIG;
    EACCES;
    EADDRINUSE;
    EAFNOSUPPORT;
    EAGAIN;
    EBADF;
    EBADMSG;
    EBUSY;
    ECONNREFUSED;
    ECONNRESET;
    EDQUOT;
    EEXIST;
    EINTR;
    EINVAL;
    EIO;
    EMFILE;
    EMLINK;
    EMSGSIZE;
    ENAMETOOLONG;
    ENFILE;
    ENOBUFS;
    ENODATA;
    ENOENT;
    ENOMEM;
    ENOPROTOOPT;
    ENOSPC;
    ENOSYS;
    ENOTCONN;
    ENOTSOCK;
    EOPNOTSUPP;
    EOVERFLOW;
    EPERM;
    EPIPE;
    EPROTOTYPE;
    ERANGE;
    ESRCH;
    ETIMEDOUT;
    EUSERS;
}

impl Error {
    /// There is not enough of something at present.
    pub(crate) fn is_scarcity(self) -> bool {
        matches!(self, Self::EMFILE | Self::ENFILE | Self::ENOMEM | Self::ENOBUFS | Self::ENOSPC)
    }
}

impl From<TryReserveError> for Error {
    fn from(_: TryReserveError) -> Self {
        Self::ENOMEM
    }
}
