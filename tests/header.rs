//! The header: every compiler takes it, and it says what the library has. That programs which
//! were compiled with an older one still fit is in abi_promise.rs.

use support::c_library;
use support::*;

use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn compiles_alone_and_twice_without_a_warning() {
    const TEST: &str = "compiles_alone_and_twice_without_a_warning";
    const ALONE: &str = "#include \"udsock.h\"\n";
    let twice = format!("{ALONE}{ALONE}udsock_error err = UDSOCK_ERROR_INIT;\n");
    let version = udsock_version();
    let versions = format!("{ALONE}#if UDSOCK_VERSION != {version}\n#error\n#endif\n");
    const C: [&str; 2] = ["-std=c99", "-std=c11"];
    const CPP: [&str; 3] = ["-std=c++11", "-std=c++17", "-std=c++20"];
    for code in [ALONE, &twice, &versions] {
        c_library::check(TEST, "c", &C, code);
        c_library::check(TEST, "c++", &CPP, code);
    }
}

/// Makes it anew, as CONTRIBUTING.md says, which writes it if it has changed. `Err`: there is no
/// cbindgen to do so.
fn generate() -> Result<(), String> {
    let target = format!("{}/header", env!("CARGO_TARGET_TMPDIR"));
    let output = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--lib", "--features", "header", "--target-dir", &target])
        .current_dir(c_library::source("."))
        .output()
        .expect("cargo runs the tests");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || !said.contains("custom build command"), "{said}");
    if output.status.success() { Ok(()) } else { Err(said.into()) }
}

#[test]
fn is_what_the_sources_say() {
    const TEST: &str = "is_what_the_sources_say";
    let before = c_library::header();
    if let Err(reason) = generate() {
        return lacks(TEST, reason.trim());
    }
    for (number, (before, now)) in before.lines().zip(c_library::header().lines()).enumerate() {
        assert_eq!(
            before,
            now,
            "line {}: the comments in src/abi have changed. include/udsock.h has now been written, \
             as `cargo build --features header` does: look at it, and commit it",
            number + 1
        );
    }
    assert_eq!(before, c_library::header());
}

/// The tour that opens the header names its sections, and only these.
#[test]
fn the_tour_names_the_sections() {
    let header = c_library::header();
    let (_, tour) = header.split_once("The sections of this header, in their order:").expect("it");
    let (tour, _) = tour.split_once(" * Conventions").expect("they follow");
    let tour: Vec<&str> = tour.lines().filter_map(|line| line.strip_prefix(" *     ")).collect();
    let rule = format!("/* {}\n * ", "-".repeat(72));
    let titles: Vec<&str> =
        header.split(&rule).skip(1).map(|section| section.lines().next().unwrap()).collect();
    assert_eq!(tour.len(), titles.len(), "{titles:?}");
    for (named, title) in tour.iter().zip(titles) {
        assert!(named.starts_with(title), "{named:?} where the section is {title:?}");
    }
}

/// What a clean clone gets is what the tests were run with.
#[test]
fn is_committed() {
    const TEST: &str = "is_committed";
    if !has(TEST, "git") {
        return;
    }
    let committed = Command::new("git")
        .args(["show", ":./include/udsock.h"])
        .current_dir(c_library::source("."))
        .output()
        .expect("git runs");
    if !committed.status.success() {
        return skip(TEST, String::from_utf8_lossy(&committed.stderr).trim());
    }
    let committed = String::from_utf8(committed.stdout).expect("UTF-8");
    for (number, (committed, here)) in
        committed.lines().zip(c_library::header().lines()).enumerate()
    {
        assert_eq!(committed, here, "line {}: add include/udsock.h", number + 1);
    }
    assert_eq!(committed, c_library::header());
}

#[test]
fn declares_exactly_what_the_library_exports() {
    const TEST: &str = "declares_exactly_what_the_library_exports";
    if !has(TEST, "nm") {
        return;
    }
    let symbols = Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(c_library::directory().join("libudsock.so"))
        .output()
        .expect("nm runs");
    assert!(symbols.status.success(), "{}", String::from_utf8_lossy(&symbols.stderr));
    let exported: BTreeSet<String> = String::from_utf8(symbols.stdout)
        .expect("UTF-8")
        .lines()
        .map(|line| line.rsplit(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(exported, c_library::declared_functions());
}
