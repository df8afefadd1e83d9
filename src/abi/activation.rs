//! Activation: sockets that a service manager passed

use std::ffi::c_char;

use super::argument::{self, TextRoom};
use super::error::{explain, udsock_error};
use super::guard::{count, guard};
use super::socket::udsock_t;
use crate::activation::activated;
use crate::error::{Error, Failure};
use crate::handles;

/// Handles for the Unix sockets that a service manager passed to this process. That is
/// systemd, or who does as it does (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS, from
/// descriptor 3 on). They are adopted (udsock_adopt): their files stay. Other descriptors
/// are left alone. All become close-on-exec, and the variables are removed from the
/// environment, so a second call finds none. They are removed also if they were meant for
/// another process, and after every error but -ERANGE and -ENOMEM. Call it early: no other
/// thread may change the environment meanwhile.
///
/// Returns how many were written to `out`; 0 if nothing was passed to this process.
///
/// -ERANGE: there are more than `capacity`; nothing has happened, call again.
/// -EINVAL: the variables make no sense.
/// -EBADF: fewer descriptors are open than they say.
/// Others: as udsock_adopt.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_activated(
    out: *mut udsock_t,
    capacity: usize,
    err: *mut udsock_error,
) -> i64 {
    // SAFETY: the caller passes a udsock_error, or NULL; NULL is no address.
    guard(|| unsafe {
        explain(err, "activated", std::ptr::null(), || {
            let bytes = capacity.checked_mul(size_of::<udsock_t>()).ok_or(Error::INVALID)?;
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

/// What the service manager calls this socket (LISTEN_FDNAMES). "unknown" if it has no
/// name.
///
/// Returns the length of the name without its NUL.
///
/// -ENODATA: the socket was not passed by one.
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
        let name = socket.activation_name().ok_or(Error::NO_DATA)?;
        // SAFETY: the caller passes room for `size` bytes.
        unsafe { room.write(name) }
    })
}
