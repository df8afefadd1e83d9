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
