//! Version

use std::ffi::c_char;

use super::guard::guard;

/// The version of the library that is loaded: major * 10000 + minor * 100 + patch.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_version() -> u32 {
    guard(|| {
        let mut parts = [0; 3];
        for (part, text) in parts.iter_mut().zip(env!("CARGO_PKG_VERSION").split('.')) {
            *part = text.parse().unwrap_or(0);
        }
        let [major, minor, patch] = parts;
        Ok(major * 10_000 + minor * 100 + patch)
    })
}

/// The same as text: "0.1.0". A static string.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_version_string() -> *const c_char {
    guard(|| Ok(concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()))
}
