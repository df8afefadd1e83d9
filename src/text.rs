//! C strings, made without std's functions, which end the process if memory is lacking.

use std::ffi::{CStr, CString};
use std::fmt::{self, Write};
use std::ops::Deref;

use crate::error::{Error, Result};

/// A copy. `INVALID`: there is a NUL in it.
pub(crate) fn c_string(bytes: &[u8]) -> Result<CString> {
    let mut text = Vec::new();
    // Room for the NUL, too, and for no more: nothing is left for std to do.
    text.try_reserve_exact(bytes.len() + 1)?;
    text.extend_from_slice(bytes);
    CString::new(text).map_err(|_| Error::EINVAL)
}

/// A short one, which needs no memory but its own.
pub(crate) struct ShortText {
    bytes: [u8; Self::SIZE],
    length: usize,
}

impl ShortText {
    const SIZE: usize = 64;

    pub(crate) fn new(text: fmt::Arguments<'_>) -> Self {
        let mut short = Self { bytes: [0; Self::SIZE], length: 0 };
        short.write_fmt(text).expect("it is short");
        short
    }
}

impl Write for ShortText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let place = self.bytes[..Self::SIZE - 1].get_mut(self.length..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

impl Deref for ShortText {
    type Target = CStr;

    fn deref(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.bytes[..=self.length]).expect("no NUL was written")
    }
}

/// Text in a fixed room, cut at a character's end: what is full is no error. It needs no memory,
/// so that something can be told when there is none.
pub(crate) struct CutText<const SIZE: usize> {
    bytes: [u8; SIZE],
    length: usize,
    room: usize,
}

impl<const SIZE: usize> CutText<SIZE> {
    /// For so many bytes at most, a NUL included.
    pub(crate) fn new(room: usize) -> Self {
        Self { bytes: [0; SIZE], length: 0, room: room.min(SIZE).saturating_sub(1) }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The text, and NULs behind it: one at least.
    pub(crate) fn with_nuls(&self) -> &[u8; SIZE] {
        &self.bytes
    }

    /// What stands before the first NUL.
    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

impl<const SIZE: usize> Write for CutText<SIZE> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = self.room - self.length;
        let fits = (0..=left.min(text.len())).rfind(|&end| text.is_char_boundary(end)).unwrap_or(0);
        self.bytes[self.length..self.length + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        if fits < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// An address in a message: its two ends if it is long, so that the reason fits too.
pub(crate) struct Shown<'a>(pub(crate) &'a CStr);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONG: usize = 110;
        const END: usize = 50;
        let bytes = self.0.to_bytes();
        let part = |out: &mut fmt::Formatter<'_>, bytes: &[u8]| {
            bytes.utf8_chunks().try_for_each(|chunk| {
                // A message is one line, whatever the address holds.
                chunk.valid().chars().try_for_each(|char| match char.is_control() {
                    true => write!(out, "\\x{:02x}", u32::from(char)),
                    false => out.write_char(char),
                })?;
                chunk.invalid().iter().try_for_each(|byte| write!(out, "\\x{byte:02x}"))
            })
        };
        if bytes.len() <= LONG {
            return part(out, bytes);
        }
        part(out, &bytes[..END])?;
        out.write_str("...")?;
        part(out, &bytes[bytes.len() - END..])
    }
}
