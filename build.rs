//! The manual pages, which are made from `include/udsock.h`; the shared library's name; and what
//! `cargo cinstall` installs with a version in it.
//!
//! With the feature `header` it first makes `include/udsock.h` itself, from `src/abi`. The header is
//! committed, so that nobody else needs cbindgen; a test compares the two.

#[path = "build/declaration.rs"]
mod declaration;
#[cfg(feature = "header")]
#[path = "build/generator.rs"]
mod generator;
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

    let header = "include/udsock.h";
    #[cfg(feature = "header")]
    {
        let text = generator::generate(Path::new("src/abi"));
        if fs::read_to_string(header).ok().as_deref() != Some(&text) {
            write(Path::new(header), &text);
        }
    }
    manual::write(&header::Header::parse(&read(header)), &out.join("man"));

    let version = with_version(&read("cmake/udsockConfigVersion.cmake.in"));
    write(&out.join("cmake/udsockConfigVersion.cmake"), &version);
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

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn write(path: &Path, text: &str) {
    let written = fs::create_dir_all(path.parent().expect("a file has a directory"))
        .and_then(|()| fs::write(path, text));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
