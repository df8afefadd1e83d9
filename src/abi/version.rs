//! Version

use std::ffi::c_char;

use super::guard::guard;

const VERSION: u32 = number(env!("CARGO_PKG_VERSION").as_bytes());

/// The version of the library that is loaded. UDSOCK_VERSION is that of the header.
///
/// Returns major * 10000 + minor * 100 + patch.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_version() -> u32 {
    guard(|| Ok(VERSION))
}

/// The version of the library that is loaded, as text: "0.2.0".
///
/// Returns a static string.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_version_string() -> *const c_char {
    guard(|| Ok(concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()))
}

/// Of three numbers with points between them.
const fn number(text: &[u8]) -> u32 {
    let (mut whole, mut part, mut index) = (0, 0, 0);
    while index < text.len() {
        match text[index] {
            b'.' => (whole, part) = ((whole + part) * 100, 0),
            digit => part = part * 10 + (digit - b'0') as u32,
        }
        index += 1;
    }
    whole + part
}
