//! The options of binding and connecting, converted from C's structs to what the core uses.

use std::ffi::{CStr, c_char};

use super::argument::{self, Sized32, known_flags, options, required_text};
use super::basics::{
    UDSOCK_DONT_WAIT, UDSOCK_KEEP_FILE, UDSOCK_MAKE_PARENTS, UDSOCK_NO_RECLAIM, UDSOCK_REPLACE,
    UDSOCK_RESTORE_FILE, UDSOCK_RETRY, udsock_bind_options, udsock_connect_options,
};
use super::error::udsock_error;
use crate::client::ConnectOptions;
use crate::error::Result;
use crate::failure::Failure;
use crate::owner;
use crate::socket_file::FileOptions;
use crate::wait::Timeout;

// SAFETY: numbers and pointers: any bytes are a value.
unsafe impl Sized32 for udsock_bind_options {}

// SAFETY: numbers and pointers: any bytes are a value.
unsafe impl Sized32 for udsock_connect_options {}

pub(super) unsafe fn required_address<'a>(address: *const c_char) -> Result<&'a CStr, Failure> {
    // SAFETY: the caller passes a C string or NULL.
    unsafe { required_text(address) }.map_err(|_| Failure::Invalid("the address is NULL"))
}

/// The options, and the backlog, which is listen's.
pub(super) unsafe fn bind_options(
    pointer: *const udsock_bind_options,
) -> Result<(FileOptions, i32), Failure> {
    // SAFETY: the caller passes a struct with its size, or NULL.
    let Some(given) = unsafe { options(pointer) }.map_err(Failure::at(OPTIONS))? else {
        return Ok((FileOptions::default(), 0));
    };
    let flags = known_flags(
        given.flags,
        UDSOCK_REPLACE
            | UDSOCK_NO_RECLAIM
            | UDSOCK_KEEP_FILE
            | UDSOCK_MAKE_PARENTS
            | UDSOCK_RESTORE_FILE,
    )
    .map_err(|_| Failure::Invalid("the options have a flag that this version does not know"))?;
    if given.mode > 0o7777 {
        return Err(Failure::Invalid("mode has bits that are no permissions"));
    }
    // SAFETY: the caller passes C strings or NULL.
    let [user, group] = [given.user, given.group].map(|name| unsafe { argument::text(name) });
    let options = FileOptions {
        mode: Some(given.mode).filter(|&mode| mode != 0),
        user: user.map(owner::user).transpose()?,
        group: group.map(owner::group).transpose()?,
        replace: flags & UDSOCK_REPLACE != 0,
        no_reclaim: flags & UDSOCK_NO_RECLAIM != 0,
        keep: flags & UDSOCK_KEEP_FILE != 0,
        make_parents: flags & UDSOCK_MAKE_PARENTS != 0,
        restore: flags & UDSOCK_RESTORE_FILE != 0,
    };
    Ok((options, given.backlog))
}

pub(super) unsafe fn connect_options<'a>(
    pointer: *const udsock_connect_options,
    err: *const udsock_error,
) -> Result<ConnectOptions<'a>, Failure> {
    let explains = !err.is_null();
    // SAFETY: the caller passes a struct with its size, or NULL.
    let Some(given) = unsafe { options(pointer) }.map_err(Failure::at(OPTIONS))? else {
        return Ok(ConnectOptions {
            retry: false,
            timeout: Timeout::Forever,
            local_address: None,
            explains,
        });
    };
    let flags = known_flags(given.flags, UDSOCK_RETRY | UDSOCK_DONT_WAIT)
        .map_err(|_| Failure::Invalid("the options have a flag that this version does not know"))?;
    if given.reserved != 0 {
        return Err(Failure::Invalid("the options' reserved field is not 0"));
    }
    let timeout = argument::timeout(given.timeout_ms)
        .map_err(|_| Failure::Invalid("timeout_ms is below UDSOCK_FOREVER"))?;
    let timeout = match timeout {
        _ if flags & UDSOCK_DONT_WAIT != 0 => Timeout::NONE,
        Timeout::NONE => Timeout::Forever,
        timeout => timeout,
    };
    // SAFETY: the caller passes a C string or NULL.
    let local_address = unsafe { argument::text(given.local_address) };
    Ok(ConnectOptions { retry: flags & UDSOCK_RETRY != 0, timeout, local_address, explains })
}

const OPTIONS: &str = "the options' size, or what lies behind the fields of this version";
