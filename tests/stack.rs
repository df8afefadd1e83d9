//! How much of a thread's stack a call takes, in the release build: threads with small stacks make
//! calls, too. CONVENTIONS.md (Threads) promises it.

use std::process::Command;

use support::c_library;
use support::*;

const MOST: usize = 12 * 1024;

#[test]
fn no_call_takes_more_stack_than_is_promised() {
    let release = c_library::scratch().join("stack-release");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--lib", "--release", "--target-dir"])
        .arg(&release)
        .arg("--manifest-path")
        .arg(c_library::source("Cargo.toml"))
        .status();
    assert!(built.expect("cargo runs").success());
    let program = release.join("stack");
    let flags = [&["-std=c11", "-O1"], &c_library::WARNINGS[..]].concat();
    let inputs = [&*c_library::source("tests/stack.c"), &release.join("release/libudsock.a")];
    c_library::compile(&program, &flags, &inputs).unwrap_or_else(|message| panic!("{message}"));
    let dir = Dir::new();
    let output = Command::new(&program).arg(dir.path(".")).output().expect("it was just built");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("text");
    let taken = said.lines().map(|line| line.split_once(' ').expect("bytes, and a name"));
    let too_much: Vec<_> =
        taken.filter(|(bytes, _)| bytes.parse::<usize>().expect("a number") > MOST).collect();
    assert!(too_much.is_empty(), "{too_much:?} of\n{said}");
    assert!(said.lines().count() > 20, "{said}");
}
