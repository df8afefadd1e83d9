//! What the C library says of an errno.

use std::ffi::{CStr, c_char, c_int};

unsafe extern "C" {
    // glibc 2.32; not in the libc crate.
    safe fn strerrorname_np(errno: c_int) -> *const c_char;
    safe fn strerrordesc_np(errno: c_int) -> *const c_char;
}

fn static_text(text: *const c_char, otherwise: &'static CStr) -> &'static CStr {
    if text.is_null() {
        return otherwise;
    }
    // SAFETY: glibc promises strings that are never changed or freed.
    unsafe { CStr::from_ptr(text) }
}

pub(crate) fn errno_name(errno: i32) -> &'static CStr {
    static_text(strerrorname_np(errno), c"UNKNOWN")
}

pub(crate) fn errno_text(errno: i32) -> &'static CStr {
    static_text(strerrordesc_np(errno), c"Unknown error")
}
