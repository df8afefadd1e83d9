//! A library that is older than a binding needs: said at once, with both versions.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::c_library;
use crate::node_binding;
use support::*;

const CODE: &str = "unsigned udsock_version(void) { return 99; }\n";

fn refused(dir: &Dir, mut program: Command) {
    let (code, library) = (dir.path("older.c"), dir.path("older.so"));
    fs::write(&code, CODE).unwrap();
    let built = Command::new(c_library::compiler())
        .args(["-shared", "-fPIC", "-o", &library, &code])
        .status()
        .expect("the compiler runs");
    assert!(built.success());
    let output = program.env("UDSOCK_LIBRARY", &library).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    let why = format!("{library} can't be used: it is version 99, and 200 is needed");
    assert!(said.contains(&why), "{said}");
}

#[test]
fn python_refuses_an_older_library() {
    if has("python_refuses_an_older_library", "python3") {
        let mut python = Command::new("python3");
        python.args(["-c", "import udsock"]);
        python.env("PYTHONPATH", c_library::source("bindings/python/src"));
        refused(&Dir::new(), python);
    }
}

#[test]
fn node_refuses_an_older_library() {
    const TEST: &str = "node_refuses_an_older_library";
    let dir = Dir::new();
    if has(TEST, "node") && node_binding::install_into(Path::new(&dir.path(".")), TEST) {
        let mut node = Command::new("node");
        node.args(["--input-type=module", "--eval", "import 'udsock'"]).current_dir(dir.path("."));
        refused(&dir, node);
    }
}
