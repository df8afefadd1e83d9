//! Makes the header: what cbindgen makes of each module of `src/abi`, under the module's title.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use crate::header::{BOTTOM, RULE};
use crate::version::with_version;

/// The sections, in the order in which a reader wants them.
const SECTIONS: [&str; 18] = [
    "codes",
    "error",
    "basics",
    "open",
    "socket",
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
    "counters",
    "log",
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

/// The whole text of the header.
pub fn generate(abi: &Path) -> String {
    log::set_logger(&WARNINGS).expect("the only logger");
    log::set_max_level(log::LevelFilter::Warn);
    let opening = module_text(&abi.join("mod.rs"));
    let mut header = comment(&opening) + &with_version(TOP).replace(r"\x22", "\"");
    for section in SECTIONS {
        let file = abi.join(section).with_extension("rs");
        let title = comment(module_text(&file).trim());
        let title = title.trim_start_matches("/*\n");
        write!(header, "\n{RULE}{title}\n{}", declarations(&file)).unwrap();
        WARNINGS.check(&header);
    }
    header + BOTTOM
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
    types(file)
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

/// The public types of a module, which cbindgen would leave out where no function of the same
/// module takes them.
fn types(file: &Path) -> Vec<String> {
    let source = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    source
        .lines()
        .filter_map(|line| {
            let structure =
                line.strip_prefix("pub struct ").and_then(|rest| rest.strip_suffix(" {"));
            let alias = || line.strip_prefix("pub type ")?.split(' ').next();
            structure.or_else(alias).map(Into::into)
        })
        .collect()
}

/// The text of a module: its `//!` lines.
fn module_text(file: &Path) -> String {
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
            // A section's parts are private, and declare nothing.
            if warning.contains("can't find mod ") {
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
