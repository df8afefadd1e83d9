//! Codes of this library's own

use crate::error::Error;

/// The end: the peer sends no more. The peer may still receive.
pub const UDSOCK_EOF: i32 = -4097;

/// The handle was closed by another thread while this call was waiting on it.
pub const UDSOCK_CLOSED: i32 = -4098;

/// An error inside the library. The call reports it instead of ending the program. Please
/// report it to the project.
pub const UDSOCK_PANIC: i32 = -4099;

pub(super) fn code_of(error: Error) -> i32 {
    match error {
        Error::System(errno) => -errno,
        Error::End => UDSOCK_EOF,
        Error::Closed => UDSOCK_CLOSED,
        Error::Panic => UDSOCK_PANIC,
    }
}

/// A count as C gets it.
pub(super) fn count(count: usize) -> i64 {
    i64::try_from(count).expect("counts are at most SSIZE_MAX")
}
