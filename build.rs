//! Generates `include/udsock.h` from `src/abi`, and the manual pages from the same text.
//! The header is committed; a test compares the two.

#[path = "build/declaration.rs"]
mod declaration;
#[path = "build/header.rs"]
mod header;
#[path = "build/manual.rs"]
mod manual;
#[path = "build/roff.rs"]
mod roff;

use std::path::Path;
use std::{env, fs};

fn main() {
    for input in ["src/abi", "include", "build", "CONVENTIONS.md"] {
        println!("cargo:rerun-if-changed={input}");
    }
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    // What the library has asked the process to call at its end, and on signals, is there
    // until then, even if a program has called dlclose.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");

    let header = header::Header::of(Path::new("src/abi"));
    let text = header.text();
    let out = env::var_os("OUT_DIR").expect("set by cargo");
    let out = Path::new(&out);
    fs::write(out.join("udsock.h"), &text).expect("OUT_DIR can be written");
    let committed = "include/udsock.h";
    if fs::read_to_string(committed).ok().as_deref() != Some(&text) {
        fs::write(committed, &text).expect("include/ can be written");
    }
    manual::write(&header, &out.join("man"));
}
