//! Addresses

use std::ffi::c_char;

use super::argument::TextRoom;
use super::basics::udsock_t;
use super::guard::guard;
use crate::handles;

/// Room for any address as text, its NUL included (PATH_MAX).
pub const UDSOCK_ADDRESS_SIZE: usize = 4096;

/// The address that the socket is bound to, as text. It is the text that the program gave. On
/// an accepted connection it is the server's address. If the kernel picked the name, or the
/// socket was adopted, it is the kernel's name as text.
///
/// Returns its length without the NUL; 0: the socket has no name.
///
/// -ERANGE: `size` is too small; UDSOCK_ADDRESS_SIZE is always enough.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_local_address(
    s: udsock_t,
    buffer: *mut c_char,
    size: usize,
) -> i64 {
    guard(|| {
        let room = TextRoom::new(buffer, size)?;
        // SAFETY: the caller passes room for `size` bytes.
        handles::get(s)?.local_address(|text| unsafe { room.write(text) })
    })
}

/// The address that the socket is connected to, as text. It is the text that the program gave
/// to connect; on an accepted connection, the name that the peer bound.
///
/// Returns its length without the NUL; 0: the peer has no name, as most clients.
///
/// -ENOTCONN: the socket has no peer.
/// -ERANGE: `size` is too small; UDSOCK_ADDRESS_SIZE is always enough.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_remote_address(
    s: udsock_t,
    buffer: *mut c_char,
    size: usize,
) -> i64 {
    guard(|| {
        let room = TextRoom::new(buffer, size)?;
        // SAFETY: the caller passes room for `size` bytes.
        handles::get(s)?.remote_address(|text| unsafe { room.write(text) })
    })
}
