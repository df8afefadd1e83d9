//! Generates `include/udsock.h` from `src/abi`: a section a module, in this order,
//! headed by the module's title. The header is committed; a test compares the two.
//!
//! Besides, the shared library's name, and what `cargo cinstall` installs with a version in it.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Mutex;
use std::{env, fs};

/// The header's sections, in the order in which a reader wants them.
const SECTIONS: [&str; 14] = [
    "error",
    "socket",
    "open",
    "descriptor",
    "activation",
    "transfer",
    "message",
    "peer",
    "option",
    "address",
    "inspection",
    "cleanup",
    "poller",
    "version",
];

const TOP: &str = r"
#ifndef UDSOCK_H
#define UDSOCK_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define UDSOCK_MUST_USE __attribute__((warn_unused_result))
#else
#define UDSOCK_MUST_USE
#endif

/* The version of this header, as a number and in parts: see udsock_version. */
#define UDSOCK_VERSION_MAJOR @MAJOR@
#define UDSOCK_VERSION_MINOR @MINOR@
#define UDSOCK_VERSION_PATCH @PATCH@
#define UDSOCK_VERSION \
    (UDSOCK_VERSION_MAJOR * 10000 + UDSOCK_VERSION_MINOR * 100 + UDSOCK_VERSION_PATCH)

/* An empty udsock_error, ready for use. */
#define UDSOCK_ERROR_INIT { (uint32_t)sizeof(udsock_error), 0, { 0 } }

#ifdef __cplusplus
extern \x22C\x22 {
#endif
";

const BOTTOM: &str = "
#ifdef __cplusplus
}
#endif

#endif /* UDSOCK_H */
";

fn main() {
    println!("cargo:rerun-if-changed=src/abi");
    println!("cargo:rerun-if-changed=include");
    println!("cargo:rerun-if-changed=cmake");
    // What the library has asked the process to call at its end, and on signals, is there
    // until then, even if a program has called dlclose.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // As cargo-c has it: docs/versioning.md.
    let soname = with_version("libudsock.so.@MAJOR@");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{soname}");
    link_beside_library(&soname);
    log::set_logger(&WARNINGS).expect("the only logger");
    log::set_max_level(log::LevelFilter::Warn);

    let abi = Path::new("src/abi");
    let mut header = comment(&title(&abi.join("mod.rs")));
    header.push_str(&with_version(TOP).replace(r"\x22", "\""));
    for section in SECTIONS {
        let file = abi.join(section).with_extension("rs");
        let text = declarations(&file);
        let rule = "-".repeat(72);
        let title = comment(title(&file).trim());
        write!(header, "\n/* {rule}\n{}\n{text}", title.trim_start_matches("/*\n")).unwrap();
        WARNINGS.check(&header);
    }
    header.push_str(BOTTOM);

    generate("udsock.h", &header);
    let committed = "include/udsock.h";
    if fs::read_to_string(committed).ok().as_deref() != Some(&header) {
        fs::write(committed, &header).expect("include/ can be written");
    }

    let template = "cmake/udsockConfigVersion.cmake.in";
    let text = fs::read_to_string(template).unwrap_or_else(|error| panic!("{template}: {error}"));
    generate("cmake/udsockConfigVersion.cmake", &with_version(&text));
}

/// Programs that are linked with target/release/libudsock.so look for its soname there.
fn link_beside_library(soname: &str) {
    let out = env::var_os("OUT_DIR").expect("set by cargo");
    let build = Path::new(&out).ancestors().find(|path| path.ends_with("build"));
    let profile = build.and_then(Path::parent).expect("cargo's layout");
    match symlink("libudsock.so", profile.join(soname)) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => panic!("{soname}: {error}"),
        _ => {}
    }
}

/// A file in `OUT_DIR`, where `cargo cinstall` finds it.
fn generate(name: &str, text: &str) {
    let path = Path::new(&env::var_os("OUT_DIR").expect("set by cargo")).join(name);
    fs::create_dir_all(path.parent().expect("OUT_DIR")).expect("OUT_DIR can be written");
    fs::write(path, text).expect("OUT_DIR can be written");
}

/// Cargo.toml has the only version.
fn with_version(text: &str) -> String {
    text.replace("@VERSION@", env!("CARGO_PKG_VERSION"))
        .replace("@MAJOR@", env!("CARGO_PKG_VERSION_MAJOR"))
        .replace("@MINOR@", env!("CARGO_PKG_VERSION_MINOR"))
        .replace("@PATCH@", env!("CARGO_PKG_VERSION_PATCH"))
}

/// What cbindgen makes of one module.
fn declarations(file: &Path) -> String {
    let config = cbindgen::Config {
        language: cbindgen::Language::C,
        style: cbindgen::Style::Both,
        documentation_style: cbindgen::DocumentationStyle::Doxy,
        no_includes: true,
        usize_is_size_t: true,
        line_length: 96,
        tab_width: 4,
        function: cbindgen::FunctionConfig {
            must_use: Some("UDSOCK_MUST_USE".into()),
            args: cbindgen::Layout::Auto,
            ..Default::default()
        },
        ..Default::default()
    };
    let mut text = Vec::new();
    structs(file)
        .into_iter()
        .fold(cbindgen::Builder::new().with_config(config), cbindgen::Builder::include_item)
        .with_src(file)
        .generate()
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        .write(&mut text);
    tidy(&String::from_utf8(text).expect("cbindgen writes UTF-8"))
}

/// One line for a comment of one line, and types by their plain names.
fn tidy(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut rest = lines.clone();
        let one = rest.next().and_then(|one| one.trim_start().strip_prefix("* "));
        let end = rest.next().map(str::trim);
        match (line.strip_suffix("/**"), one, end) {
            (Some(indent), Some(one), Some("*/")) => {
                writeln!(out, "{indent}/** {one} */").unwrap();
                lines = rest;
            }
            _ if line.starts_with("typedef") => writeln!(out, "{line}").unwrap(),
            _ => writeln!(out, "{}", line.replace("struct udsock_", "udsock_")).unwrap(),
        }
    }
    out
}

/// The public structs of a module, which cbindgen would leave out where no function of
/// the same module takes them.
fn structs(file: &Path) -> Vec<String> {
    let source = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    source
        .lines()
        .filter_map(|line| line.strip_prefix("pub struct ")?.strip_suffix(" {").map(Into::into))
        .collect()
}

/// The text of a module: its `//!` lines.
fn title(file: &Path) -> String {
    let source = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .fold(String::new(), |text, line| text + line.strip_prefix(' ').unwrap_or(line) + "\n")
}

fn comment(text: &str) -> String {
    let lines = text
        .lines()
        .fold(String::from("/*\n"), |out, line| out + format!(" * {line}").trim_end() + "\n");
    lines + " */\n"
}

/// A warning of cbindgen's means that something public is missing in the header.
struct Warnings(Mutex<Vec<String>>);

static WARNINGS: Warnings = Warnings(Mutex::new(Vec::new()));

impl Warnings {
    /// A section sees its own types only; those of an earlier one are declared there.
    /// Private constants, which are without our prefix, are to be skipped.
    fn check(&self, header: &str) {
        for warning in self.0.lock().unwrap().drain(..) {
            if warning.contains("(not `pub`)") && !warning.to_lowercase().contains("::udsock_") {
                continue;
            }
            let name = warning
                .strip_prefix("Can't find ")
                .and_then(|rest| rest.split_once(". "))
                .map(|(name, _)| name);
            let declared = name.is_some_and(|name| {
                header.contains(&format!("}} {name};\n")) || header.contains(&format!(" {name};\n"))
            });
            assert!(declared, "cbindgen: {warning}");
        }
    }
}

impl log::Log for Warnings {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}
