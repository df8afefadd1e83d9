//! What a fork leaves in the child: no call in it waits for a thread that only its parent has, all
//! answers are right, and the child never takes what is its parent's. forks.c forks, out of a
//! storm of threads, while another thread makes the first calls of a process, and processes that
//! have the same number.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use support::c_library;

use support::*;

fn forks(way: &str, dir: &Dir, count: u64) -> String {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let flags = [&["-std=c11", "-g", "-O1"][..], &c_library::WARNINGS].concat();
        c_library::build_shared("forks", &c_library::source("tests/forks.c"), &flags)
    });
    let mut command = Command::new(program);
    command.args([way, &dir.path("."), &count.to_string()]);
    let output = command.output().expect("it was just built");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{way}: {}\n{said}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_child_makes_every_call() {
    let printed = forks("list", &Dir::new(), 0);
    let called: BTreeSet<&str> =
        printed.lines().filter_map(|line| line.strip_prefix("called ")).collect();
    let symbols = fs::read_to_string(c_library::source("abi/symbols.txt")).expect("it is there");
    assert_eq!(called, symbols.lines().collect(), "every call has to be in a theme");
}

#[test]
fn every_call_works_in_a_child_of_a_program_with_threads_in_every_call() {
    let dir = Dir::new();
    forks("storm", &dir, repeat("UDSOCK_FORK_COUNT", 200));
    // Files that other threads were about to make, or to remove, stay in the child's part.
    assert!(!dir.list().iter().any(|name| name == "parent"), "{:?}", dir.list());
}

#[test]
fn first_calls_work_in_a_child_that_is_forked_in_the_midst_of_them() {
    forks("first", &Dir::new(), repeat("UDSOCK_FORK_COUNT", 400));
}

#[test]
fn a_process_with_the_number_of_its_parent_is_another_one() {
    const TEST: &str = "a_process_with_the_number_of_its_parent_is_another_one";
    // SAFETY: no pointers.
    if unsafe { libc::geteuid() } != 0 {
        return lacks(TEST, "only root can make a PID namespace");
    }
    forks("nested", &Dir::new(), 0);
}

/// What a thread of the parent would have to end, and what waits for it. The poller's state is
/// never touched in a child.
#[test]
fn nothing_in_the_library_can_wait_for_a_thread_of_the_parent() {
    const WAITING: [&str; 9] = [
        "Barrier",
        "Condvar",
        "LazyLock",
        "Mutex",
        "Once::",
        "OnceLock",
        "RwLock",
        "mpsc",
        "thread_local!",
    ];
    let mut found = BTreeSet::new();
    let mut look = |path: &Path| {
        let code = fs::read_to_string(path).expect("a source file");
        let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for word in WAITING.into_iter().filter(|word| line.contains(word)) {
                let file = path.strip_prefix(c_library::source("src")).expect("in it");
                found.insert(format!("{}: {word}", file.display()));
            }
        }
    };
    let mut directories = vec![c_library::source("src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => directories.push(path),
                false => look(&path),
            }
        }
    }
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        ["poller.rs: Mutex", "poller/locked.rs: Mutex"]
    );
}
