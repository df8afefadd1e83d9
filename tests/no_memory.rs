//! Memory that is not there: each allocation that the library makes fails, in each scenario of
//! no_memory.c, alone and with all others of its call. The call says so or does without, and
//! changes nothing; made again, it does as if nothing had happened. Nothing is lost, and nothing
//! is left.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use support::c_library;

use support::*;

const TEST: &str = "no_call_ends_the_process_for_want_of_memory";

#[test]
fn no_call_ends_the_process_for_want_of_memory() {
    if !has(TEST, "cc") {
        return;
    }
    let flags = [&["-std=c11", "-g"][..], &c_library::WARNINGS].concat();
    let source = c_library::source("tests/no_memory.c");
    let program = c_library::build_shared("no_memory", &source, &flags);
    let dir = Dir::new();
    let output = Command::new(program).arg(dir.path(".")).output().expect("it was just built");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}:\n{said}", output.status);

    let lines = |end: &'static str| printed.lines().filter(move |line| line.ends_with(end));
    let failures: Vec<&str> = lines("; failed").collect();
    assert!(failures.is_empty(), "{}:\n{}\n{said}", failures.len(), failures.join("\n"));

    let called: BTreeSet<&str> =
        printed.lines().filter_map(|line| line.strip_prefix("called ")).collect();
    let symbols = fs::read_to_string(c_library::source("abi/symbols.txt")).expect("it is there");
    let exported: BTreeSet<&str> = symbols.lines().collect();
    assert_eq!(called, exported, "every call has to be in a scenario");

    let [told, harmless, mistaken] =
        [": told", ": harmless", ": mistaken"].map(|end| lines(end).count());
    println!(
        "{TEST}: {} cells: {told} were told -ENOMEM, {harmless} did no harm, and {mistaken} were \
         told that there is no such user, as the C library says then",
        told + harmless + mistaken,
    );
    assert!(told > 500 && told > 10 * (harmless + mistaken), "the faults hit too little");
}
