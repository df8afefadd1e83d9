//! A project each for pkg-config, CMake and Meson: programs in C and C++, with the shared
//! and with the static library.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::c_library::source;
use crate::contents::dynamic;
use crate::prefix::{Prefix, installed, installed_below, run};
use support::*;

fn has_all(test: &str, programs: &[&str]) -> bool {
    programs.iter().all(|program| has(test, program))
}

/// What has been installed, if these are here, too.
fn installed_with(test: &str, programs: &[&str]) -> Option<&'static Prefix> {
    has_all(test, programs).then(|| installed(test)).flatten()
}

fn succeeds(command: &mut Command) {
    run(command).unwrap_or_else(|complaint| panic!("{complaint}"));
}

/// The four programs, which need the library at run time only if it is the shared one.
fn work(directory: &str, prefix: &Prefix) {
    for language in ["c", "cpp"] {
        for (kind, is_needed) in [("shared", true), ("static", false)] {
            let program = Path::new(directory).join(format!("{language}-{kind}"));
            let needed = dynamic(&program, "NEEDED");
            assert_eq!(needed.iter().any(|name| name == "libudsock.so.0"), is_needed, "{needed:?}");
            assert!(!needed.iter().any(|name| name == "libudsock.so"), "{needed:?}");
            let mut command = prefix.command(&program);
            if !is_needed {
                command.env_remove("LD_LIBRARY_PATH");
            }
            let said = run(&mut command).unwrap_or_else(|complaint| panic!("{complaint}"));
            assert_eq!(said.trim(), env!("CARGO_PKG_VERSION"));
        }
    }
}

#[test]
fn with_pkg_config() {
    const TEST: &str = "with_pkg_config";
    if let Some(prefix) = installed_with(TEST, &["cc", "c++", "make", "pkg-config", "readelf"]) {
        let dir = Dir::new();
        let mut make = prefix.command("make");
        make.arg("-C").arg(source("tests/install/pkg-config"));
        succeeds(make.arg(format!("BUILD={}", dir.path(""))));
        work(&dir.path(""), prefix);
    }
}

/// Also if what was installed has been moved.
#[test]
fn with_cmake() {
    const TEST: &str = "with_cmake";
    if has_all(TEST, &["cc", "c++", "make", "cmake", "readelf"]) && installed(TEST).is_some() {
        let (root, dir) = (Dir::new(), Dir::new());
        let prefix = installed_below(&root.path(""));
        let mut cmake = prefix.command("cmake");
        cmake.arg("-S").arg(source("tests/install/cmake")).arg("-B").arg(dir.path(""));
        succeeds(cmake.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.path.display())));
        succeeds(prefix.command("cmake").arg("--build").arg(dir.path("")));
        work(&dir.path(""), &prefix);
    }
}

/// Those that the promise of docs/versioning.md is for.
#[test]
fn cmake_finds_the_versions_that_do() {
    const TEST: &str = "cmake_finds_the_versions_that_do";
    if !has_all(TEST, &["cc", "make", "cmake"]) {
        return;
    }
    let Some(prefix) = installed(TEST) else { return };
    let version = env!("CARGO_PKG_VERSION");
    let part = |text: &str| text.parse::<u32>().expect("a number");
    let (major, minor) =
        (part(env!("CARGO_PKG_VERSION_MAJOR")), part(env!("CARGO_PKG_VERSION_MINOR")));
    let asked = [
        (String::new(), true),
        (format!("{major}.{minor}"), true),
        (format!("{version} EXACT"), true),
        (format!("{major}.{}", minor + 1), false),
        (format!("{}", major + 1), false),
    ];
    let dir = Dir::new();
    let mut project = String::from("cmake_minimum_required(VERSION 3.13)\nproject(versions C)\n");
    for (asked, _) in &asked {
        project += &format!("find_package(udsock {asked} QUIET)\n");
        project += &format!("message(\"({asked}) ${{udsock_FOUND}} ${{udsock_VERSION}}\")\n");
    }
    fs::write(dir.path("CMakeLists.txt"), project).unwrap();
    let mut cmake = prefix.command("cmake");
    cmake.args(["-S", &dir.path(""), "-B", &dir.path("build")]);
    let output = cmake
        .arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.path.display()))
        .output()
        .expect("cmake runs");
    let said = String::from_utf8_lossy(&output.stderr);
    for (asked, is_found) in asked {
        let found = said.contains(&format!("({asked}) 1 {version}\n"));
        assert_eq!(found, is_found, "{asked}:\n{said}");
    }
}

#[test]
fn with_meson() {
    const TEST: &str = "with_meson";
    if let Some(prefix) =
        installed_with(TEST, &["cc", "c++", "meson", "ninja", "pkg-config", "readelf"])
    {
        let dir = Dir::new();
        let mut setup = prefix.command("meson");
        succeeds(setup.args(["setup", &dir.path("")]).arg(source("tests/install/meson")));
        succeeds(prefix.command("ninja").args(["-C", &dir.path("")]));
        work(&dir.path(""), prefix);
    }
}

#[test]
fn the_examples() {
    const TEST: &str = "the_examples";
    if let Some(prefix) = installed_with(TEST, &["cc", "make", "pkg-config"]) {
        let dir = Dir::new();
        let mut make = prefix.command("make");
        // systemd-socket-activate passes no LD_LIBRARY_PATH on.
        make.arg("-C").arg(source("examples-c")).args(["run", "INSTALLED=1", "ROUNDS=1000"]);
        make.arg(format!("LDFLAGS=-Wl,-rpath,{}", prefix.libdir.display()));
        let said = run(make.arg(format!("BUILD={}", dir.path("build"))));
        let said = said.unwrap_or_else(|complaint| panic!("{complaint}"));
        assert!(said.contains("Everything worked"), "{said}");
        assert!(!said.contains("cargo"), "{said}");
    }
}
