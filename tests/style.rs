//! The house style, as far as tools can check it.

mod support;

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
