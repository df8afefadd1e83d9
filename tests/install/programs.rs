//! The README's echo servers over the installed library, and no other.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::peer::Peer;
use crate::prefix::{Prefix, installed, run};
use crate::readme;
use crate::{c_library, node_binding};
use support::*;

/// It serves, and all it has of ours in its memory is what is installed.
fn serves(prefix: &Prefix, command: &mut Command, address: &str) {
    let server = Peer::start(command);
    readme::echoes(address);
    let memory = fs::read_to_string(format!("/proc/{}/maps", server.id())).expect("it runs");
    let mut ours = memory.lines().filter(|line| line.contains("libudsock")).peekable();
    assert!(ours.peek().is_some(), "{memory}");
    let library = prefix.libdir.join("libudsock.so.").display().to_string();
    assert!(ours.all(|line| line.contains(&library)), "{memory}");
}

fn compiled(test: &str, language: &str, file: &str, compiler: &str) {
    if !has(test, "pkg-config") {
        return;
    }
    let Some(prefix) = installed(test) else { return };
    let dir = Dir::new();
    let address = dir.path("echo.sock");
    fs::write(dir.path(file), readme::server(language, &address)).unwrap();
    let command = readme::command("pkg-config --cflags");
    assert!(command.starts_with("cc server.c "), "{command}");
    let command = command.replace("cc server.c", &format!("{compiler} {file}"));
    let mut shell = prefix.command("sh");
    run(shell.args(["-c", &command]).current_dir(dir.path("")))
        .unwrap_or_else(|complaint| panic!("{complaint}"));
    serves(prefix, &mut prefix.command(dir.path("a.out")), &address);
}

#[test]
fn the_echo_server_in_c() {
    const TEST: &str = "the_echo_server_in_c";
    if has(TEST, "cc") {
        compiled(TEST, "c", "server.c", "cc");
    }
}

#[test]
fn the_echo_server_in_cpp() {
    const TEST: &str = "the_echo_server_in_cpp";
    if has(TEST, "c++") {
        compiled(TEST, "cpp", "server.cpp", "c++ -std=c++17");
    }
}

fn copy(from: &Path, to: &str) {
    run(Command::new("cp").arg("-R").arg(from).arg(to))
        .unwrap_or_else(|complaint| panic!("{complaint}"));
}

#[test]
fn the_echo_server_in_python() {
    const TEST: &str = "the_echo_server_in_python";
    if !has(TEST, "python3") {
        return;
    }
    let Some(prefix) = installed(TEST) else { return };
    let dir = Dir::new();
    let address = dir.path("echo.sock");
    copy(&c_library::source("bindings/python/src/udsock"), &dir.path("udsock"));
    let program = dir.path("server.py");
    fs::write(&program, readme::server("python", &address)).unwrap();
    serves(prefix, prefix.command("python3").arg(program), &address);
}

#[test]
fn the_echo_server_in_node() {
    const TEST: &str = "the_echo_server_in_node";
    if !has(TEST, "node") {
        return;
    }
    let Some(prefix) = installed(TEST) else { return };
    let Some(binding) = node_binding::installed(TEST) else { return };
    let dir = Dir::new();
    let address = dir.path("echo.sock");
    let modules = dir.path("node_modules");
    fs::create_dir_all(format!("{modules}/udsock")).unwrap();
    for part in ["lib", "package.json"] {
        copy(&binding.join(part), &format!("{modules}/udsock/{part}"));
    }
    // Of the platform's package the addon, and not the library, which is to be the installed one.
    copy(&binding.join("npm"), &format!("{modules}/@udsock"));
    for package in fs::read_dir(format!("{modules}/@udsock")).unwrap() {
        let _ = fs::remove_file(package.unwrap().path().join("libudsock.so"));
    }
    let program = dir.path("server.mjs");
    fs::write(&program, readme::server("js", &address)).unwrap();
    serves(prefix, prefix.command("node").arg(program), &address);
}
