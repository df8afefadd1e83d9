//! Generates `include/udsock.h` from `src/abi`, and the manual pages from the same text.
//! The header is committed; a test compares the two.
//!
//! Besides, the shared library's name, and what `cargo cinstall` installs with a version in it.

#[path = "build/declaration.rs"]
mod declaration;
#[path = "build/header.rs"]
mod header;
#[path = "build/manual.rs"]
mod manual;
#[path = "build/roff.rs"]
mod roff;
#[path = "build/version.rs"]
mod version;

use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::{env, fs};

use version::with_version;

fn main() {
    for input in ["src/abi", "include", "build", "cmake", "CONVENTIONS.md"] {
        println!("cargo:rerun-if-changed={input}");
    }
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    // What the library has asked the process to call at its end, and on signals, is there
    // until then, even if a program has called dlclose.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // As cargo-c has it: docs/versioning.md.
    let soname = with_version("libudsock.so.@MAJOR@");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{soname}");

    let out = env::var_os("OUT_DIR").expect("set by cargo");
    let out = Path::new(&out);
    link_beside_library(out, &soname);

    let header = header::Header::of(Path::new("src/abi"));
    let text = header.text();
    write(&out.join("udsock.h"), &text);
    let committed = Path::new("include/udsock.h");
    if fs::read_to_string(committed).ok().as_deref() != Some(&text) {
        write(committed, &text);
    }
    manual::write(&header, &out.join("man"));

    let template = "cmake/udsockConfigVersion.cmake.in";
    let text = fs::read_to_string(template).unwrap_or_else(|error| panic!("{template}: {error}"));
    write(&out.join("cmake/udsockConfigVersion.cmake"), &with_version(&text));
}

/// Programs that are linked with target/release/libudsock.so look for its soname there.
fn link_beside_library(out: &Path, soname: &str) {
    let build = out.ancestors().find(|path| path.ends_with("build"));
    let profile = build.and_then(Path::parent).expect("cargo's layout");
    match symlink("libudsock.so", profile.join(soname)) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => panic!("{soname}: {error}"),
        _ => {}
    }
}

fn write(path: &Path, text: &str) {
    let written = fs::create_dir_all(path.parent().expect("a file has a directory"))
        .and_then(|()| fs::write(path, text));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
