//! C strings, made without std's functions, which end the process if memory is lacking.

use std::ffi::{CStr, CString};
use std::fmt::{self, Write};
use std::ops::Deref;

use crate::error::{Error, Result};

/// Copies bytes into a C string. [`Error::EINVAL`]: there is a NUL among them.
pub(crate) fn c_string(bytes: &[u8]) -> Result<CString> {
    let mut text = Vec::new();
    // Room for the NUL, too, and for no more: nothing is left for std to do.
    text.try_reserve_exact(bytes.len() + 1)?;
    text.extend_from_slice(bytes);
    CString::new(text).map_err(|_| Error::EINVAL)
}

/// A short C string, which needs no further memory.
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

/// Text in a fixed room. If it does not fit, it is cut at the end of a character. It needs no
/// further memory, so that something can be reported when there is none.
pub(crate) struct CutText<const SIZE: usize> {
    bytes: [u8; SIZE],
    length: usize,
    room: usize,
}

impl<const SIZE: usize> CutText<SIZE> {
    /// Room for at most so many bytes, a NUL included.
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

/// An address in a message, on one line whatever it holds: its two ends if it is long, so that the
/// reason fits too.
pub(crate) struct Shown<'a> {
    address: &'a CStr,
    most: usize,
}

impl<'a> Shown<'a> {
    /// How many bytes an address may have that is shown whole.
    pub(crate) const MOST: usize = 110;
    const LEAST: usize = 23;
    const LONGEST_END: usize = 50;

    pub(crate) fn new(address: &'a CStr) -> Self {
        Self::within(address, Self::MOST)
    }

    /// Shows it in at most so many bytes. (In fewer than 23 nobody would recognise it.)
    pub(crate) fn within(address: &'a CStr, room: usize) -> Self {
        Self { address, most: room.clamp(Self::LEAST, Self::MOST) }
    }

    fn pieces(&self) -> impl Iterator<Item = Piece<'a>> {
        self.address.to_bytes().utf8_chunks().flat_map(|chunk| {
            let mut rest = chunk.valid();
            let valid = std::iter::from_fn(move || {
                let (piece, after) = Piece::first_of(rest)?;
                rest = after;
                Some(piece)
            });
            valid.chain(chunk.invalid().iter().map(|&byte| Piece::Unprintable(byte.into())))
        })
    }
}

/// What is not cut.
enum Piece<'a> {
    Text(&'a str),
    Unprintable(u32),
}

impl<'a> Piece<'a> {
    /// The first character, or the first escape, which counts as one; and what comes after it.
    fn first_of(text: &'a str) -> Option<(Self, &'a str)> {
        let char = text.chars().next()?;
        let length = match text.as_bytes() {
            [b'\\', b'x', _, _, ..] => 4,
            [b'\\', _, ..] => 2,
            _ => char.len_utf8(),
        };
        let (piece, rest) = text.split_at_checked(length).unwrap_or(text.split_at(char.len_utf8()));
        let piece =
            if char.is_control() { Self::Unprintable(char.into()) } else { Self::Text(piece) };
        Some((piece, rest))
    }

    fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Unprintable(_) => r"\xNN".len(),
        }
    }
}

impl fmt::Display for Piece<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => out.write_str(text),
            Self::Unprintable(code) => write!(out, "\\x{code:02x}"),
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length: usize = self.pieces().map(|piece| piece.length()).sum();
        if length <= self.most {
            return self.pieces().try_for_each(|piece| piece.fmt(out));
        }
        let end = Self::LONGEST_END.min((self.most - "...".len()) / 2);
        let mut at = 0;
        let mut is_cut = false;
        self.pieces().try_for_each(|piece| {
            let begin = at;
            at += piece.length();
            if at <= end && !is_cut || length - begin <= end {
                return piece.fmt(out);
            }
            if !std::mem::replace(&mut is_cut, true) { out.write_str("...") } else { Ok(()) }
        })
    }
}

/// How long a text is.
pub(crate) fn length(text: impl fmt::Display) -> usize {
    struct Count(usize);
    impl Write for Count {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    let mut count = Count(0);
    let _ = write!(count, "{text}");
    count.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(address: &CStr, room: usize) -> String {
        Shown::within(address, room).to_string()
    }

    #[test]
    fn an_address_is_one_line_and_not_longer_than_there_is_room() {
        assert_eq!(shown(c"/run/app.sock", 110), "/run/app.sock");
        assert_eq!(shown(c"/a\nb\x07\xffc", 110), r"/a\x0ab\x07\xffc");
        let control = CString::new([7; 100]).unwrap();
        let end = r"\x07".repeat(12);
        assert_eq!(shown(&control, 110), format!("{end}...{end}"));
        assert_eq!(shown(&control, 1), format!("{0}...{0}", r"\x07".repeat(2)));
    }

    #[test]
    fn an_escape_stays_whole() {
        let name = CString::new(format!("@{}\\z", r"\xe9".repeat(107))).unwrap();
        for room in 23..=110 {
            let text = shown(&name, room);
            let (start, end) = text.split_once("...").unwrap();
            let escapes = |text: &str| text.replace(r"\xe9", "");
            assert_eq!((escapes(start), escapes(end)), ("@".into(), r"\z".into()), "{text}");
            assert!(text.len() <= room && room - text.len() < 12, "{room}: {text}");
        }
    }
}
