//! The Node.js binding's own tests, by Node's runner, and its types, by the TypeScript compiler.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};
use support::{c_library, node_binding};

use node_binding::run;
use support::has;

const NAME: &str = "bindings_node";

/// For when something hangs. (The long proofs take that long.)
const GUARD_SECONDS: &str = "3600";

#[test]
fn the_binding_passes_its_own_tests() {
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
