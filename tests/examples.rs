//! The examples in C: each complete and short, without a warning in any language that
//! takes them, and `make run` succeeds, also under the sanitizers and valgrind.

use support::*;
use support::{c_library, running};

#[path = "examples/relay.rs"]
mod relay;
#[allow(dead_code, reason = "pages need more of it")]
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// The names of the programs, and their code.
fn examples() -> BTreeMap<String, String> {
    let files = fs::read_dir(c_library::source("examples-c")).expect("the examples are there");
    let examples: BTreeMap<_, _> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "c"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    assert!(examples.len() >= 9, "{:?}", examples.keys());
    examples
}

#[test]
fn compile_as_c_and_as_cpp_without_a_warning() {
    const TEST: &str = "compile_as_c_and_as_cpp_without_a_warning";
    for code in examples().values() {
        c_library::check(TEST, "c", &["-std=c11"], code);
        c_library::check(TEST, "c++", &["-std=c++17"], code);
    }
}

#[test]
fn are_complete() {
    for (name, code) in examples() {
        assert!(code.contains("\nint main("), "{name}");
        let own = code.lines().filter(|line| line.starts_with("#include \""));
        assert!(own.eq(["#include \"udsock.h\""]), "{name}: needs other files of ours");
        let fits = |line: &str| line.chars().count() <= 100;
        assert!(code.lines().all(fits), "{name}: a line of more than 100");
    }
}

#[test]
fn are_all_built_by_make() {
    let makefile = fs::read_to_string(c_library::source("examples-c/Makefile")).unwrap();
    let run = fs::read_to_string(c_library::source("examples-c/run.sh")).unwrap();
    for name in examples().keys() {
        assert!(makefile.contains(name), "{name} is not in the Makefile");
        assert!(run.contains(name), "{name} is not shown");
    }
}

/// `make run`, built in a directory of its own.
fn make_run(name: &str, variables: &[&str]) {
    let build = format!("{}/examples-{name}", env!("CARGO_TARGET_TMPDIR"));
    let target = c_library::directory().parent().expect("cargo's layout");
    let output = Command::new("make")
        .arg("-C")
        .arg(c_library::source("examples-c"))
        .arg("run")
        .arg(format!("BUILD={build}"))
        .arg(format!("CARGO_TARGET_DIR={}", target.display()))
        .args(variables)
        .output()
        .expect("make runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("Everything worked"), "{said}\n{complained}");
}

#[test]
fn make_run_succeeds() {
    if has("make_run_succeeds", "make") {
        make_run("plain", &[]);
    }
}

#[test]
fn make_run_succeeds_under_the_sanitizers() {
    const TEST: &str = "make_run_succeeds_under_the_sanitizers";
    const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    if !has(TEST, "make") {
        return;
    }
    if let Err(reason) = c_library::supports(&SANITIZERS) {
        return lacks(TEST, &reason);
    }
    let flags = format!("CFLAGS=-g -O1 -Wall -Wextra -Werror -pedantic {}", SANITIZERS.join(" "));
    make_run("sanitized", &[&flags]);
}

#[test]
fn make_run_succeeds_under_valgrind() {
    const TEST: &str = "make_run_succeeds_under_valgrind";
    if has(TEST, "make") && has(TEST, "valgrind") {
        // What threads that still serve at the end hold is possibly lost, but not lost.
        let runner = "RUNNER=valgrind -q --error-exitcode=99 --leak-check=full \
                      --errors-for-leak-kinds=definite --show-leak-kinds=definite \
                      --trace-children=yes --fair-sched=yes";
        make_run("valgrind", &[runner, "ROUNDS=100"]);
    }
}
