//! C strings that are made here. Where std makes one, a lack of memory ends the process.

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
    CString::new(text).map_err(|_| Error::INVALID)
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
