//! What programs that are compiled already rely on: abi/symbols.txt, abi/calls.txt and
//! abi/layouts.txt, which may only grow; and that a program with older, shorter structs is understood.
//! docs/versioning.md says what may change, and how.

use support::c_library;
use support::*;

#[path = "abi_promise/calls.rs"]
mod calls;
#[path = "abi_promise/layouts.rs"]
mod layouts;
#[path = "abi_promise/promise.rs"]
mod promise;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use promise::{breaches, difference};

/// What writes the additions down.
const WRITE: &str = "UDSOCK_ABI=write cargo test --test abi_promise";

const FLAGS: [&str; 3] = ["-std=c11", "-g", "-O1"];

const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// Compares with a file that is committed, which an addition is written to on request.
fn keep(file: &str, now: &str) {
    let path = c_library::source(file);
    let promised = fs::read_to_string(&path).unwrap_or_default();
    if promised == now {
        return;
    }
    let (difference, breaches) = (difference(&promised, now), breaches(&promised, now));
    assert!(
        breaches.is_empty(),
        "{file}:\n{difference}\nPrograms that are compiled already would break: {}.\n\
         Add something new instead, at the end: docs/versioning.md says how. Allowed is this \
         only for what no release has yet, and with another soname: then remove {file} and \
         run\n\n    {WRITE}\n",
        breaches.join(", ")
    );
    assert!(
        env::var_os("UDSOCK_ABI").is_some_and(|what| what == "write"),
        "{file}:\n{difference}\nOnly additions, or another order: that is allowed \
         (docs/versioning.md). If they are meant to last, run\n\n    {WRITE}\n\nand commit {file}.",
    );
    fs::create_dir_all(path.parent().unwrap()).expect("the directory can be made");
    fs::write(&path, now).unwrap_or_else(|error| panic!("{file}: {error}"));
}

#[test]
fn every_symbol_stays() {
    const TEST: &str = "every_symbol_stays";
    if !has(TEST, "nm") {
        return;
    }
    let output = Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(c_library::directory().join("libudsock.so"))
        .output()
        .expect("nm runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let mut symbols: Vec<_> = said.lines().filter_map(|line| line.rsplit(' ').next()).collect();
    symbols.sort_unstable();
    keep("abi/symbols.txt", &(symbols.join("\n") + "\n"));
}

#[test]
fn every_call_keeps_its_types() {
    keep("abi/calls.txt", &calls::of(&c_library::source("include/udsock.h")));
}

#[test]
fn every_layout_and_constant_stays() {
    if size_of::<usize>() != 8 {
        return skip("every_layout_and_constant_stays", "abi/layouts.txt is of 64-bit systems");
    }
    keep("abi/layouts.txt", &layouts::of(&c_library::source("include/udsock.h")));
}

/// Since then a message has got a field, and much else is new.
#[test]
fn the_first_header_still_tells_the_truth() {
    let old_header = c_library::source("tests/abi_promise/old_udsock.h");
    let header = c_library::source("include/udsock.h");
    assert_eq!(breaches(&calls::of(&old_header), &calls::of(&header)), [""; 0]);
    let (first, now) = (layouts::of(&old_header), layouts::of(&header));
    assert_eq!(breaches(&first, &now), [""; 0]);
    assert!(difference(&first, &now).contains("+udsock_message.pidfd "));
}

#[test]
fn what_is_no_addition_is_a_breach() {
    const PROMISED: &str = "A = 1\n\
        options          16  struct\n\
        options.size  0   4  uint32_t\n\
        options.name  8   8  const char *\n\
        part              8  struct\n\
        part.data     0   8  void *\n";
    let changed = |from: &str, to: &str| {
        assert!(PROMISED.contains(from));
        breaches(PROMISED, &PROMISED.replace(from, to))
    };
    assert_eq!(changed("A = 1", "A = 1\nB = 1\nnew 4 int32_t"), [""; 0]);
    let grown = "options 24 struct\noptions.more 16 8 size_t";
    assert_eq!(changed("options          16  struct", grown), [""; 0]);

    assert_eq!(
        breaches("call  int32_t (int32_t)", "call  int32_t (int64_t)"),
        ["call has changed"]
    );
    assert_eq!(changed("A = 1", "A = 2"), ["A has changed"]);
    assert_eq!(changed("A = 1\n", ""), ["A is gone"]);
    assert_eq!(changed("uint32_t", "int32_t"), ["options.size has changed"]);
    assert_eq!(changed("name  8", "name  4"), ["options.name has changed"]);
    assert_eq!(changed("16  struct", "12  struct"), ["options has changed"]);
    let in_the_gap = "16  struct\noptions.gap 4 4 uint32_t";
    let breach = "options.gap is not behind all that options had";
    assert_eq!(changed("16  struct", in_the_gap), [breach]);
    let without_size = "part 16 struct\npart.more 8 8 size_t";
    assert_eq!(changed("part              8  struct", without_size), ["part has changed"]);
}

/// Runs a program to its end, which has to be a good one.
fn run(program: &Path, environment: Option<(&str, &Path)>) {
    let dir = Dir::new();
    let output = Command::new(program)
        .envs(environment)
        .current_dir(dir.path("."))
        .output()
        .unwrap_or_else(|error| panic!("{program:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program:?}: {}\n{said}", output.status);
}

fn build(program: &str, from: &str, more: &[&str]) -> std::path::PathBuf {
    let flags = [&FLAGS[..], &c_library::WARNINGS, more].concat();
    c_library::build(program, &c_library::source(from), &flags)
}

/// With the sanitizers, where there are any.
fn check(test: &str, from: &str, more: &[&str]) {
    let sanitizers = match c_library::supports(&SANITIZERS) {
        Ok(()) => &SANITIZERS[..],
        Err(reason) => {
            lacks(test, &format!("only the sanitizers: {reason}"));
            &[]
        }
    };
    run(&build(test, from, &[sanitizers, more].concat()), None);
}

#[test]
fn bind_options_of_every_size() {
    check("bind_options_of_every_size", "tests/abi_promise/bind_options.c", &[]);
}

#[test]
fn connect_options_of_every_size() {
    check("connect_options_of_every_size", "tests/abi_promise/connect_options.c", &[]);
}

#[test]
fn poller_options_of_every_size() {
    check("poller_options_of_every_size", "tests/abi_promise/poller_options.c", &[]);
}

#[test]
fn messages_of_every_size() {
    check("messages_of_every_size", "tests/abi_promise/message.c", &[]);
}

#[test]
fn counters_of_every_size() {
    check("counters_of_every_size", "tests/abi_promise/counters.c", &[]);
}

#[test]
fn inspections_of_every_size() {
    check("inspections_of_every_size", "tests/abi_promise/inspection.c", &[]);
}

#[test]
fn errors_of_every_size() {
    check("errors_of_every_size", "tests/abi_promise/error.c", &[]);
}

const OLD_PROGRAM: &str = "tests/abi_promise/old_program.c";

/// With this library in place of the one that it was linked with: preloaded, which holds
/// for a soname, too.
#[test]
fn a_program_of_the_first_header_runs() {
    if cfg!(target_pointer_width = "32") {
        const TEST: &str = "a_program_of_the_first_header_runs";
        return skip(TEST, "it knows the sizes that structs have on 64 bits");
    }
    let library = c_library::directory().join("libudsock.so");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("old-program");
    let built = Command::new(c_library::compiler())
        .args(FLAGS)
        .args(c_library::WARNINGS)
        .arg("-pthread")
        .arg("-o")
        .arg(&program)
        .arg(c_library::source(OLD_PROGRAM))
        .arg(&library)
        .output()
        .expect("the compiler runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    // Spaces divide its list, and can't be in a path.
    let dir = Dir::new();
    let link = PathBuf::from(dir.path("libudsock.so"));
    symlink(&library, &link).unwrap();
    run(&program, Some(("LD_PRELOAD", &link)));
    check("a_program_of_the_first_header_runs", OLD_PROGRAM, &[]);
}

#[test]
fn its_source_compiles_with_this_header() {
    check("its_source_compiles_with_this_header", OLD_PROGRAM, &["-DCURRENT_HEADER"]);
}

/// All that the first header has is in that program, which links: so it is there.
#[test]
fn that_program_calls_all_that_there_was() {
    let header = fs::read_to_string(c_library::source("tests/abi_promise/old_udsock.h")).unwrap();
    let program = fs::read_to_string(c_library::source(OLD_PROGRAM)).unwrap();
    let declared = |call: &String| {
        [" ", "*"].iter().any(|before| header.contains(&format!("{before}{call}(")))
    };
    let calls: Vec<_> = c_library::declared_functions().into_iter().filter(declared).collect();
    assert_eq!(calls.len(), 48, "{calls:?}");
    for call in calls {
        assert!(program.contains(&format!("{call}(")), "old_program.c calls {call} too");
    }
}
