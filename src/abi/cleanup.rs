//! Clean-up

use super::guard::guard;
use crate::handles;

/// Removes the files of all sockets that this process has open and would remove when it
/// closed them; the sockets stay open. For a program that is about to end without
/// closing them. The result is how many files were removed; an error if one that is
/// still there could not be.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_cleanup() -> i64 {
    guard(handles::remove_files)
}
