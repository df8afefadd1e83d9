//! Names of the kernel as text that reads back as the same name (see `address`).

use std::ffi::CStr;
use std::ops::Deref;

use crate::sys::SocketName;

/// The longest text of a name that came from the kernel: every byte an escape.
pub(crate) const NAME_TEXT_MAX: usize = 1 + 4 * SocketName::MAX;

/// A name that came from the kernel, as text. It needs no memory but its own.
#[expect(clippy::large_enum_variant, reason = "it is never kept for long")]
pub(crate) enum NameText {
    Unnamed,
    Named(Text),
}

pub(crate) struct Text {
    bytes: [u8; NAME_TEXT_MAX + 1],
    length: usize,
}

impl Text {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }
}

impl NameText {
    /// How much room it takes with its NUL. No name takes none.
    pub(crate) fn room(&self) -> usize {
        match self {
            Self::Unnamed => 0,
            Self::Named(text) => text.length + 1,
        }
    }

    /// At most.
    pub(crate) const MOST_ROOM: usize = NAME_TEXT_MAX + 1;
}

impl Deref for NameText {
    type Target = CStr;

    fn deref(&self) -> &CStr {
        match self {
            Self::Unnamed => c"",
            Self::Named(text) => CStr::from_bytes_with_nul(&text.bytes[..=text.length])
                .expect("NULs are escaped in names and end paths"),
        }
    }
}

/// The text that reads back as the same name; empty if there is none.
pub(crate) fn text_of(name: &SocketName) -> NameText {
    let mut text = Text { bytes: [0; NAME_TEXT_MAX + 1], length: 0 };
    match name.bytes() {
        [] => return NameText::Unnamed,
        [0, name @ ..] => {
            text.push(b"@");
            let is_padded = name.len() == SocketName::MAX - 1 && name.ends_with(b"\0");
            let shown = if is_padded { without_padding(name) } else { name };
            for byte in shown {
                match byte {
                    0 => text.push(br"\0"),
                    b'\\' => text.push(br"\\"),
                    b' '..=b'~' => text.push(&[*byte]),
                    _ => text.push(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]),
                }
            }
            if is_padded {
                text.push(br"\z");
            }
        }
        path => {
            if path[0] == b'@' {
                // So that it reads back as a path.
                text.push(b"./");
            }
            text.push(path);
        }
    }
    NameText::Named(text)
}

/// What stands before the NULs at the end.
pub(crate) fn without_padding(name: &[u8]) -> &[u8] {
    &name[..name.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)]
}

fn digit(value: u8) -> u8 {
    b"0123456789abcdef"[usize::from(value)]
}
