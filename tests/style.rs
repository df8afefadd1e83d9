//! The house style, as far as tools can check it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn cargo(arguments: &[&str]) {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs the tests");
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "cargo {}:\n{said}", arguments.join(" "));
}

#[test]
fn the_code_is_formatted() {
    if support::has("the_code_is_formatted", "cargo-fmt") {
        cargo(&["fmt", "--check"]);
    }
}

#[test]
fn clippy_finds_nothing() {
    if support::has("clippy_finds_nothing", "cargo-clippy") {
        cargo(&["clippy", "--quiet", "--all-targets", "--", "--deny", "warnings"]);
    }
}

/// Their licences and where they come from: deny.toml. Known weaknesses are looked up where
/// there is a network.
#[test]
fn the_dependencies_are_allowed() {
    if Command::new("cargo-deny").arg("--version").output().is_err() {
        // No distribution has it, and to build it takes minutes.
        return support::skip("the_dependencies_are_allowed", "no cargo-deny on this machine");
    }
    cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"]);
}

/// The library's is Cargo.toml's.
#[test]
fn every_package_has_the_librarys_version() {
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let has = |file: &Path, line: &str| {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        assert!(text.contains(line), "{file:?}: {line}");
    };
    let python = top.join("bindings/python/src/udsock/__init__.py");
    has(&python, &format!("__version__ = \"{VERSION}\""));
    let node = top.join("bindings/node");
    let platforms = fs::read_dir(node.join("npm")).unwrap().map(|entry| entry.unwrap().path());
    for package in platforms.chain([node]) {
        has(&package.join("package.json"), &format!("\"version\": \"{VERSION}\""));
    }
    has(&top.join("CHANGELOG.md"), &format!("\n## {VERSION} ("));
}

/// The table that src/lib.rs opens with: a module may use what stands in its own row or below.
#[test]
fn the_layers_are_as_the_map_says() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let map = fs::read_to_string(source.join("lib.rs")).unwrap();
    let mut rows = BTreeMap::new();
    for (row, line) in map.lines().filter(|line| line.starts_with("//! | ")).skip(1).enumerate() {
        let modules = line.split('|').nth(1).expect("a table has columns");
        rows.extend(modules.split('`').skip(1).step_by(2).map(|module| (module.to_owned(), row)));
    }
    let mut modules = BTreeSet::new();
    for file in rust_files(&source) {
        let path = file.strip_prefix(&source).unwrap().with_extension("");
        let module = path.iter().next().unwrap().to_str().unwrap();
        if module == "lib" || module.ends_with("_tests") {
            continue;
        }
        modules.insert(module.to_owned());
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        for used in code.split("crate::").skip(1) {
            let used = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            assert!(rows[module] <= rows[used], "{path:?} uses {used}, which is above it");
        }
    }
    assert_eq!(modules, rows.into_keys().collect());
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let below = directories.iter().flat_map(|directory| rust_files(directory));
    below.chain(files.into_iter().filter(|file| file.extension() == Some("rs".as_ref()))).collect()
}
