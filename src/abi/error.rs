//! Errors in words

use std::ffi::{CStr, c_char};
use std::mem::{offset_of, size_of};

use super::argument;
use super::codes::code_of;
use super::guard::{caught, guard};
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::log;
use crate::text::CutText;
use crate::words;

/// The size of the text in a udsock_error, its NUL included.
pub const UDSOCK_MESSAGE_SIZE: usize = 256;

/// What went wrong, in words. The calls that open, bind, connect, adopt and inspect take one as
/// their last argument, or NULL. The struct is the caller's: initialise it with
/// UDSOCK_ERROR_INIT. A call writes it only if it fails.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udsock_error {
    /// sizeof(udsock_error). 0 counts as 264, the size of the first version.
    pub size: u32,
    /// The code that the call returned.
    pub code: i32,
    /// What was tried, on which address, what stood in the way, and what to do: "open server
    /// /run/app.sock: a regular file is there, which is not a socket; it was left alone. Remove
    /// it or choose another path". The text always ends with a NUL.
    pub message: [c_char; UDSOCK_MESSAGE_SIZE],
}

/// What a forgotten size stands for, for ever: no version is smaller.
const FIRST_SIZE: usize = 264;

/// The name of a code, such as "EADDRINUSE" or "UDSOCK_EOF".
///
/// Returns a static string for every number: "OK" for 0 and above, "UNKNOWN" for a number that
/// is no code.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_error_name(code: i64) -> *const c_char {
    guard(|| {
        Ok(words(code, c"OK", |error| match error {
            Error::System(errno) => words::errno_name(errno),
            Error::End => c"UDSOCK_EOF",
            Error::Closed => c"UDSOCK_CLOSED",
            Error::Panic => c"UDSOCK_PANIC",
        }))
    })
}

/// A code in words, in English: "Address already in use".
///
/// Returns a static string for every number.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_error_text(code: i64) -> *const c_char {
    guard(|| {
        Ok(words(code, c"Success", |error| match error {
            Error::System(errno) => words::errno_text(errno),
            Error::End => c"End of stream: the peer sends no more",
            Error::Closed => c"Closed by another thread while the call was waiting",
            Error::Panic => c"Error inside libudsock",
        }))
    })
}

fn words(
    code: i64,
    success: &'static CStr,
    describe: impl Fn(Error) -> &'static CStr,
) -> *const c_char {
    if code >= 0 {
        return success.as_ptr();
    }
    let own = [Error::End, Error::Closed, Error::Panic];
    let error = own.into_iter().find(|&error| i64::from(code_of(error)) == code);
    // What no errno can be is described like an errno that does not exist.
    let errno = code.checked_neg().and_then(|errno| i32::try_from(errno).ok());
    describe(error.unwrap_or(Error::System(errno.unwrap_or(i32::MAX)))).as_ptr()
}

/// Calls, and on failure, also by a panic, writes the whole story to `place`, if there is one.
pub(super) unsafe fn explain<T>(
    place: *mut udsock_error,
    call: &str,
    address: *const c_char,
    body: impl FnOnce() -> Result<T, Failure>,
) -> Result<T> {
    let result = caught(body).map_err(|failure| {
        // SAFETY: the caller passed a C string or NULL.
        let address = unsafe { argument::text(address) };
        if !place.is_null() {
            // SAFETY: the caller passed a udsock_error, or NULL.
            unsafe { write_error(place, call, address, &failure) };
        }
        log::tell_failure(call, address, &failure);
        failure.error()
    });
    log::tell_missing();
    result
}

unsafe fn write_error(
    place: *mut udsock_error,
    call: &str,
    address: Option<&CStr>,
    failure: &Failure,
) {
    // SAFETY: the caller's struct begins with its size.
    let room = match unsafe { (&raw const (*place).size).read_unaligned() } as usize {
        0 => FIRST_SIZE,
        size => size.min(size_of::<udsock_error>()),
    };
    let code_at = offset_of!(udsock_error, code);
    let message_at = offset_of!(udsock_error, message);
    let mut message = CutText::<UDSOCK_MESSAGE_SIZE>::new(room.saturating_sub(message_at));
    // A message that is full is not an error.
    let _ = log::write_failure(&mut message, call, address, failure);
    let code = code_of(failure.error()).to_ne_bytes();
    for (offset, bytes) in [(code_at, &code[..]), (message_at, &message.with_nuls()[..])] {
        let count = bytes.len().min(room.saturating_sub(offset));
        // SAFETY: offset + count is within the caller's struct.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), place.cast::<u8>().add(offset), count);
        }
    }
}

/// For calls that have no room for the whole story.
pub(super) fn code(failure: Failure) -> Error {
    failure.error()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::codes::UDSOCK_PANIC;

    #[test]
    fn a_panic_is_told_too() {
        let mut told = udsock_error {
            size: size_of::<udsock_error>() as u32,
            code: 0,
            message: [0; UDSOCK_MESSAGE_SIZE],
        };
        // SAFETY: a whole struct, and a C string.
        let code: i64 = guard(|| unsafe {
            explain(&raw mut told, "open server", c"/run/app.sock".as_ptr(), || {
                panic!("a test of explain; this output is expected")
            })
        });
        assert_eq!((code, told.code), (UDSOCK_PANIC.into(), UDSOCK_PANIC));
        // SAFETY: it ends with a NUL.
        let message = unsafe { CStr::from_ptr(told.message.as_ptr()) };
        assert_eq!(message, c"open server /run/app.sock: an error inside libudsock");
    }
}
