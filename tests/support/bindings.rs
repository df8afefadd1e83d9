//! Programs over the bindings: they find the library that was just built, and what of a
//! binding needs no installation.

use std::process::Command;

use crate::c_library;

pub fn over_checkout(command: &mut Command) -> &mut Command {
    command
        .env("UDSOCK_LIBRARY", c_library::directory().join("libudsock.so"))
        .env("PYTHONPATH", c_library::source("bindings/python/src"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
}
