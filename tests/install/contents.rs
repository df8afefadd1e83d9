//! What is installed, and that nothing of it stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::c_library;
use crate::prefix::{files, installed, installed_below, run, uninstall_below};
use support::*;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn soname() -> String {
    format!("libudsock.so.{}", env!("CARGO_PKG_VERSION_MAJOR"))
}

/// The names in the dynamic section behind this word: SONAME, NEEDED.
pub fn dynamic(file: &Path, word: &str) -> Vec<String> {
    let said = run(Command::new("readelf").arg("-d").arg(file)).expect("readelf reads it");
    let lines = said.lines().filter(|line| line.contains(&format!("({word})")));
    lines.map(|line| line.split(['[', ']']).nth(1).expect("a name").to_owned()).collect()
}

#[test]
fn the_library_has_its_names() {
    const TEST: &str = "the_library_has_its_names";
    if !has(TEST, "readelf") {
        return;
    }
    let built = c_library::directory().join("libudsock.so");
    assert_eq!(dynamic(&built, "SONAME"), [soname()]);
    let Some(prefix) = installed(TEST) else { return };
    let file = prefix.libdir.join(format!("libudsock.so.{VERSION}"));
    assert_eq!(dynamic(&file, "SONAME"), [soname()]);
    for link in ["libudsock.so", &soname()] {
        let leads_to = fs::read_link(prefix.libdir.join(link)).expect("a link");
        assert_eq!(Path::new(&leads_to), Path::new(file.file_name().unwrap()), "{link}");
    }
}

#[test]
fn the_library_exports_what_is_promised() {
    const TEST: &str = "the_library_exports_what_is_promised";
    if !has(TEST, "nm") {
        return;
    }
    let Some(prefix) = installed(TEST) else { return };
    let mut nm = Command::new("nm");
    nm.args(["-D", "--defined-only", "--format=just-symbols"]);
    let symbols = run(nm.arg(prefix.libdir.join("libudsock.so"))).expect("nm reads it");
    let promised = fs::read_to_string(c_library::source("abi/symbols.txt")).unwrap();
    assert_eq!(symbols, promised);
}

#[test]
fn the_headers_are_those_of_the_checkout() {
    let Some(prefix) = installed("the_headers_are_those_of_the_checkout") else { return };
    let (from, to) = (c_library::source("include"), prefix.path.join("include"));
    assert_eq!(files(&to), files(&from));
    for file in files(&from) {
        assert_eq!(fs::read(to.join(&file)).unwrap(), fs::read(from.join(&file)).unwrap());
    }
}

#[test]
fn every_call_has_its_page_and_the_library_two() {
    let Some(prefix) = installed("every_call_has_its_page_and_the_library_two") else { return };
    let calls = c_library::declared_functions().into_iter();
    let mut pages: Vec<PathBuf> = calls.map(|call| format!("man3/{call}.3").into()).collect();
    pages.extend(["man7/udsock.7".into(), "man7/udsock_conventions.7".into()]);
    assert_eq!(files(&prefix.path.join("share/man")), pages);
}

#[test]
fn pkg_config_tells_the_version() {
    const TEST: &str = "pkg_config_tells_the_version";
    if !has(TEST, "pkg-config") {
        return;
    }
    let Some(prefix) = installed(TEST) else { return };
    let asked = |option| run(prefix.command("pkg-config").args([option, "udsock"])).unwrap();
    assert_eq!(asked("--modversion").trim(), VERSION);
    assert_eq!(asked("--libs").trim(), format!("-L{} -ludsock", prefix.libdir.display()));
}

#[test]
fn nothing_stays_when_it_is_removed() {
    if installed("nothing_stays_when_it_is_removed").is_none() {
        return;
    }
    let root = Dir::new();
    let prefix = installed_below(&root.path(""));
    let others = ["include/other.h", "lib/pkgconfig/other.pc", "share/cmake/other/Config.cmake"];
    for other in others {
        let other = prefix.path.join(other);
        fs::create_dir_all(other.parent().unwrap()).unwrap();
        fs::write(other, "").unwrap();
    }
    uninstall_below(&root.path(""));
    assert_eq!(files(&prefix.path), others.map(Path::new));
    for own in ["include/udsock", "share/cmake/udsock"] {
        assert!(!prefix.path.join(own).exists(), "{own}");
    }
}
