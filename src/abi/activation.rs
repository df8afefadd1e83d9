//! Activation: sockets that a service manager passed

use std::ffi::c_char;

use super::argument::{self, TextRoom};
use super::basics::udsock_t;
use super::codes::count;
use super::error::{explain, udsock_error};
use super::guard::guard;
use crate::activation::activated;
use crate::error::Error;
use crate::failure::Failure;
use crate::handles;

/// Handles for the Unix sockets that a service manager passed to this process: systemd, or a
/// program that follows its protocol (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS, from descriptor
/// 3 on). They are adopted (udsock_adopt), and their files stay. Passed descriptors that are
/// not Unix sockets get no handle. All become close-on-exec.
///
/// The variables are removed from the environment, so that a second call finds none. They are
/// removed even if they were meant for another process, and after every error but -ERANGE and
/// -ENOMEM. Call it early: no other thread may change the environment meanwhile.
///
/// Returns how many handles were written to `out`; 0 if nothing was passed to this process.
///
/// -ERANGE: there are more than `capacity`; nothing has changed, call again with more room.
/// -EINVAL: a variable has no valid value, or there are not as many names as descriptors.
/// -EBADF: fewer descriptors are open than the variables say.
/// Others: as of udsock_adopt.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_activated(
    out: *mut udsock_t,
    capacity: usize,
    err: *mut udsock_error,
) -> i64 {
    // SAFETY: the caller passes a udsock_error, or NULL; NULL is no address.
    guard(|| unsafe {
        explain(err, "activated", std::ptr::null(), || {
            let bytes = capacity.checked_mul(size_of::<udsock_t>()).ok_or(Error::EINVAL)?;
            argument::outgoing(out.cast(), bytes)
                .map_err(|_| Failure::Invalid("out is NULL, or capacity out of range"))?;
            let sockets = activated(capacity)?;
            for (index, socket) in sockets.iter().enumerate() {
                out.wrapping_add(index).write_unaligned(*socket);
            }
            Ok(count(sockets.len()))
        })
    })
}

/// The name that the service manager has for this socket (LISTEN_FDNAMES). "unknown" if it has
/// none.
///
/// Returns the length of the name without its NUL.
///
/// -ENODATA: no service manager passed the socket.
/// -ERANGE: `size` is too small.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_activated_name(
    s: udsock_t,
    buffer: *mut c_char,
    size: usize,
) -> i64 {
    guard(|| {
        let room = TextRoom::new(buffer, size)?;
        let socket = handles::get(s)?;
        let name = socket.activation_name().ok_or(Error::ENODATA)?;
        // SAFETY: the caller passes room for `size` bytes.
        unsafe { room.write(name) }
    })
}
