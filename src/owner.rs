//! Users and groups as programs write them: a name, or a decimal number.

use std::ffi::CStr;

use crate::error::Result;
use crate::failure::Failure;
use crate::sys;

pub(crate) fn user(text: &CStr) -> Result<u32, Failure> {
    match number(text) {
        Some(id) => Ok(id),
        None => sys::user_id(text)?.ok_or(Failure::Invalid("there is no such user")),
    }
}

pub(crate) fn group(text: &CStr) -> Result<u32, Failure> {
    match number(text) {
        Some(id) => Ok(id),
        None => sys::group_id(text)?.ok_or(Failure::Invalid("there is no such group")),
    }
}

/// The largest number stands for "unchanged" in every system call, and so for nobody.
fn number(text: &CStr) -> Option<u32> {
    let digits = text.to_str().ok()?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|&id| is_number && id != u32::MAX)
}
