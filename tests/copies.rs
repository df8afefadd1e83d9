//! Several copies of the library in one process, as plugins bring them along: copies.c loads two
//! that are shared libraries, one of them also apart (dlmopen(3)), or one and a plugin that has the
//! static library in it.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::c_library;

use support::*;

/// Shared libraries with the library in them.
fn copies() -> [PathBuf; 4] {
    let in_tmp = |name: &str| Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let shared = c_library::directory().join("libudsock.so");
    let [other, plugin, other_plugin] = ["copy.so", "plugin.so", "other-plugin.so"].map(in_tmp);
    fs::copy(&shared, &other).expect("it can be copied");
    let output = Command::new(c_library::compiler())
        .args(["-shared", "-fPIC", "-o"])
        .arg(&plugin)
        .arg("-Wl,--whole-archive")
        .arg(c_library::directory().join("libudsock.a"))
        .args(["-Wl,--no-whole-archive", "-lpthread", "-ldl", "-lm", "-lgcc_s"])
        .output()
        .expect("the compiler runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::copy(&plugin, &other_plugin).expect("it can be copied");
    [shared, other, plugin, other_plugin]
}

#[test]
fn copies_know_nothing_of_each_other_s_handles_and_end_together() {
    let flags = [&["-std=c11", "-g", "-O1"][..], &c_library::WARNINGS].concat();
    let source = c_library::source("tests/copies.c");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("copies");
    // (It is not linked to the library: it loads it.)
    let output = Command::new(c_library::compiler())
        .args(flags)
        .arg("-I")
        .arg(c_library::source("include"))
        .arg(source)
        .arg("-o")
        .arg(&program)
        .args(["-lpthread", "-ldl"])
        .output()
        .expect("the compiler runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let [shared, other, plugin, other_plugin] = copies();
    for [one, two] in [[&shared, &other], [&shared, &plugin], [&plugin, &other_plugin]] {
        for way in ["handles", "reloaded", "signal", "unloaded"] {
            for apart in ["", " apart"] {
                let dir = Dir::new();
                let way = format!("{way}{apart}");
                let mut command = Command::new(&program);
                command.arg(&way).arg(dir.path(".")).args([one, two]);
                let output = command.output().expect("it was just built");
                let said = String::from_utf8_lossy(&output.stderr);
                let is_to_end = way.starts_with("signal") || way.starts_with("unloaded");
                let wanted = is_to_end.then_some(libc::SIGTERM);
                let status = output.status;
                assert_eq!(status.signal(), wanted, "{way}, {one:?}, {two:?}: {status}\n{said}");
                assert!(wanted.is_some() || status.success(), "{way}: {status}\n{said}");
                assert_eq!(dir.list(), [""; 0], "{way}, {one:?}, {two:?}");
            }
        }
    }
}
