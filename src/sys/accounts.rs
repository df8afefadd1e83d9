//! Users and groups by name.

use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;

use crate::error::{Error, Result};

/// `None`: there is no such user.
pub(crate) fn user_id(name: &CStr) -> Result<Option<u32>> {
    let found = look_up(|entry: *mut libc::passwd, buffer, size, result| {
        // SAFETY: room for an entry, its strings and the result.
        unsafe { libc::getpwnam_r(name.as_ptr(), entry, buffer, size, result) }
    })?;
    Ok(found.map(|entry| entry.pw_uid))
}

/// `None`: there is no such group.
pub(crate) fn group_id(name: &CStr) -> Result<Option<u32>> {
    let found = look_up(|entry: *mut libc::group, buffer, size, result| {
        // SAFETY: room for an entry, its strings and the result.
        unsafe { libc::getgrnam_r(name.as_ptr(), entry, buffer, size, result) }
    })?;
    Ok(found.map(|entry| entry.gr_gid))
}

/// Calls with more and more room for the entry's strings. Only the entry's numbers may be used: the
/// strings are gone.
fn look_up<T: Copy>(
    call: impl Fn(*mut T, *mut c_char, usize, *mut *mut T) -> c_int,
) -> Result<Option<T>> {
    const MOST: usize = 1 << 20;
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(1 << 10)?;
    loop {
        let mut entry = MaybeUninit::uninit();
        let mut result = ptr::null_mut();
        match call(entry.as_mut_ptr(), buffer.as_mut_ptr(), buffer.capacity(), &mut result) {
            0 if result.is_null() => return Ok(None),
            // SAFETY: it was found, so the entry has been written.
            0 => return Ok(Some(unsafe { entry.assume_init() })),
            libc::ERANGE if buffer.capacity() < MOST => {
                buffer.try_reserve_exact(buffer.capacity() * 4)?;
            }
            libc::EINTR => {}
            // What C libraries return when nobody has this name (see getpwnam(3)).
            libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM => return Ok(None),
            errno => return Err(Error::System(errno)),
        }
    }
}
