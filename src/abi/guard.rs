//! The only way out of an export: it converts the core's result into what C gets, and stops panics.

use std::ffi::c_char;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::codes::code_of;
use crate::error::{Error, Result};
use crate::log::{self, Event, Note};
use crate::sys;

/// What an export returns, and how it reports that something went wrong.
pub(super) trait Answer {
    fn failed(error: Error) -> Self;
}

impl Answer for i32 {
    fn failed(error: Error) -> Self {
        code_of(error)
    }
}

impl Answer for i64 {
    fn failed(error: Error) -> Self {
        code_of(error).into()
    }
}

impl Answer for u32 {
    fn failed(_: Error) -> Self {
        0
    }
}

impl Answer for *const c_char {
    fn failed(_: Error) -> Self {
        c"UDSOCK_PANIC".as_ptr()
    }
}

/// The body of every export. No thread is cancelled (pthread_cancel(3)) in it: frames of Rust must
/// not be unwound for that, and what they hold would be lost.
///
/// A thread that may be cancelled at any moment ends before it or after it. Nothing here has to be
/// dropped. What catches panics is in a function of its own: the unwind tables of such a function
/// allow nothing else to unwind it.
#[inline(always)]
pub(super) fn guard<T: Answer>(body: impl FnOnce() -> Result<T>) -> T {
    let mut body = ManuallyDrop::new(body);
    let before = sys::hold_off_cancel();
    // SAFETY: called once.
    let answer = unsafe { answer(&mut body) };
    sys::let_cancel(before);
    answer
}

#[inline(never)]
unsafe extern "C" fn answer<T: Answer, F: FnOnce() -> Result<T>>(body: &mut ManuallyDrop<F>) -> T {
    // SAFETY: it has not been called yet.
    caught(unsafe { ManuallyDrop::take(body) }).unwrap_or_else(T::failed)
}

/// A panic as an error.
pub(super) fn caught<T, E: From<Error>>(body: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        // Dropping it could panic again.
        std::mem::forget(payload);
        log::tell(&Note::of(Event::Panic), None);
        Err(Error::Panic.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::codes::{UDSOCK_EOF, UDSOCK_PANIC};

    #[test]
    fn a_panic_becomes_a_code() {
        assert_eq!(
            guard::<i32>(|| panic!("a test of the guard; this output is expected")),
            UDSOCK_PANIC
        );
        assert_eq!(guard::<i64>(|| Err(Error::End)), i64::from(UDSOCK_EOF));
        assert_eq!(guard::<i64>(|| Err(Error::EINVAL)), -i64::from(libc::EINVAL));
        assert_eq!(guard(|| Ok(7_i64)), 7);
    }
}
