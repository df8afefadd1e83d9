//! Nothing that a program hands in breaks the library: garbage.c calls everything with
//! garbage, under the sanitizers and under valgrind.

use support::c_library;
use support::*;

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const FLAGS: [&str; 6] = ["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror"];

const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

fn sanitized(test: &str, program: &str) -> Option<Command> {
    if let Err(reason) = c_library::supports(&SANITIZERS) {
        lacks(test, &reason);
        return None;
    }
    let flags = [&FLAGS[..], &SANITIZERS[..]].concat();
    Some(Command::new(c_library::build(program, &c_library::source("tests/garbage.c"), &flags)))
}

/// A failure says which seed it was, to be repeated with this variable.
fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
    repeat("UDSOCK_GARBAGE_SEED", now as u64)
}

fn run(mut command: Command, calls: u64, threads: u32) {
    let dir = Dir::new();
    let output = command
        .args([calls.to_string(), threads.to_string(), seed().to_string()])
        .current_dir(dir.path("."))
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    print!("{}", String::from_utf8_lossy(&output.stdout));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
}

#[test]
fn garbage_from_many_threads_does_no_harm() {
    if let Some(program) = sanitized("garbage_from_many_threads_does_no_harm", "garbage-threads") {
        run(program, repeat("UDSOCK_GARBAGE_CALLS", 150_000), 8);
    }
}

/// What fails here fails again with the same seed.
#[test]
fn garbage_from_one_thread_does_no_harm() {
    if let Some(program) = sanitized("garbage_from_one_thread_does_no_harm", "garbage-alone") {
        run(program, repeat("UDSOCK_GARBAGE_CALLS", 300_000) / 10, 1);
    }
}

#[test]
fn valgrind_finds_nothing() {
    const TEST: &str = "valgrind_finds_nothing";
    if !has(TEST, "valgrind") {
        return;
    }
    let program =
        c_library::build("garbage-valgrind", &c_library::source("tests/garbage.c"), &FLAGS);
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--fair-sched=yes"])
        .arg(program);
    run(valgrind, 3_000, 2);
}

#[test]
fn every_call_is_among_the_garbage() {
    let mut calls = fs::read_to_string(c_library::source("tests/garbage.c")).unwrap();
    for part in fs::read_dir(c_library::source("tests/garbage")).unwrap() {
        calls += &fs::read_to_string(part.unwrap().path()).unwrap();
    }
    for function in c_library::declared_functions() {
        assert!(calls.contains(&function), "garbage.c calls {function} too");
    }
}
