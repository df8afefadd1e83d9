//! The Node.js binding's own tests, by Node's runner, Bun's and Deno's, and its types, by the
//! TypeScript compiler.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::{fs, io};
use support::{c_library, node_binding};

use node_binding::run;
use support::has;

const NAME: &str = "bindings_node";

/// For when something hangs. (The long proofs take that long.)
const GUARD_SECONDS: &str = "3600";

/// One runner after the other: what they wait for has its limits.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn the_binding_passes_its_own_tests() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if !["node", "npm", "python3", "timeout"].iter().all(|program| has(NAME, program)) {
        return;
    }
    let library = c_library::directory().join("libudsock.so");
    let Some(copy) = node_binding::installed(NAME) else {
        return;
    };
    let (are_right, said) = run(Command::new(copy.join("node_modules/.bin/tsc"))
        .args(["--project", "test/tsconfig.json"])
        .current_dir(&copy));
    assert!(are_right, "the types:\n{said}");
    // Its page has clients of it; they are skipped without.
    has(NAME, "redis-server");
    let libraries = node_binding::libraries(NAME).unwrap_or_default();
    let (passed, said) = run(Command::new("timeout")
        .args([GUARD_SECONDS, "node", "--test", "--test-reporter=tap"])
        .args(test_files(&copy))
        .env("UDSOCK_LIBRARY", library)
        .env("UDSOCK_CHECKOUT", env!("CARGO_MANIFEST_DIR"))
        .env("UDSOCK_LIBRARIES", libraries)
        .current_dir(&copy));
    assert!(passed, "{}", failures(&said));
    let count = |what: &str| {
        let line = said.lines().rev().find_map(|line| line.strip_prefix(what));
        line.expect("the runner says how many").trim().to_owned()
    };
    let (passed, skipped) = (count("# pass "), count("# skipped "));
    let summary = format!("{NAME}: {passed} tests passed, {skipped} skipped; types checked\n");
    // Past the runner's capture.
    io::stderr().write_all(summary.as_bytes()).expect("standard error can be written");
}

#[test]
fn and_on_bun() {
    passes_on("bun", |line| line.ends_with(" pass") || line.ends_with(" skip"));
}

#[test]
fn and_on_deno() {
    passes_on("deno", |line| line.contains(" passed | "));
}

/// Its own tests, by another runtime's runner, which counts them in these lines.
fn passes_on(runtime: &str, is_count: impl Fn(&str) -> bool) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if ![runtime, "node", "npm", "python3", "timeout"].iter().all(|program| has(NAME, program)) {
        return;
    }
    let library = c_library::directory().join("libudsock.so");
    let Some(copy) = node_binding::installed(NAME) else {
        return;
    };
    let (passed, said) = run(Command::new("timeout")
        .args([GUARD_SECONDS, "npm", "run", "--silent", &format!("test:{runtime}")])
        .env("UDSOCK_LIBRARY", library)
        .env("UDSOCK_CHECKOUT", env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .current_dir(&copy));
    assert!(passed, "{said}");
    let lines = said.lines().map(str::trim);
    let summary: String = lines
        .filter(|line| is_count(line) || line.starts_with("left out on "))
        .map(|line| format!("{NAME}: {runtime}: {line}\n"))
        .collect();
    assert!(!summary.is_empty(), "the runner counts them:\n{said}");
    io::stderr().write_all(summary.as_bytes()).expect("standard error can be written");
}

fn test_files(copy: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(copy.join("test")).expect("the tests are there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.to_string_lossy().ends_with(".test.mjs")).collect();
    files.sort();
    files
}

/// From each "not ok" to the next test.
fn failures(said: &str) -> String {
    let mut is_failure = false;
    let lines = said.lines().filter(|line| {
        let line = line.trim_start();
        if ["ok ", "not ok ", "# "].iter().any(|start| line.starts_with(start)) {
            is_failure = line.starts_with("not ok ");
        }
        is_failure
    });
    lines.collect::<Vec<_>>().join("\n")
}
