//! The README's echo servers, as they stand there.

use std::fs;
use std::path::Path;

use crate::c_library;
use crate::languages::start;
use crate::node_binding;
use crate::peer::{GUARD_MS, Peer};
use crate::support::*;

/// The first program in this language, for this address.
fn program(language: &str, address: &str) -> String {
    let readme = fs::read_to_string(c_library::source("README.md")).unwrap();
    let fence = format!("```{language}\n");
    let (_, rest) = readme.split_once(&fence).unwrap_or_else(|| panic!("nothing in {language}"));
    let (code, _) = rest.split_once("```").expect("it ends");
    assert!(code.lines().count() < 20, "{language}: {} lines", code.lines().count());
    assert!(code.contains("\"/tmp/echo.sock\"") || code.contains("'/tmp/echo.sock'"));
    code.replace("/tmp/echo.sock", address)
}

fn written(dir: &Dir, name: &str, language: &str, address: &str) -> String {
    let path = dir.path(name);
    fs::write(&path, program(language, address)).unwrap();
    path
}

/// Two clients, one after the other.
fn echoes(_server: Peer, address: &str) {
    let options =
        udsock_connect_options { flags: UDSOCK_RETRY, timeout_ms: GUARD_MS, ..connect_options() };
    for word in ["one", "another"] {
        let client = try_open_client(UDSOCK_STREAM, address, Some(&options)).expect("it serves");
        assert_eq!(client.send(word.as_bytes(), GUARD_MS), word.len() as i64);
        assert_eq!(client.recv(GUARD_MS).as_deref(), Ok(word.as_bytes()));
    }
}

fn compiled(language: &str, extension: &str, standard: &str) {
    let dir = Dir::new();
    let address = dir.path("echo.sock");
    let source = written(&dir, &format!("echo.{extension}"), language, &address);
    let flags = [standard, "-Wall", "-Wextra", "-Werror", "-pedantic"];
    let built = c_library::build(&format!("readme-{extension}"), Path::new(&source), &flags);
    echoes(start(&[built.to_str().unwrap()], &[]), &address);
}

#[test]
fn the_echo_server_in_c() {
    if has("the_echo_server_in_c", "cc") {
        compiled("c", "c", "-std=c11");
    }
}

#[test]
fn the_echo_server_in_cpp() {
    if has("the_echo_server_in_cpp", "c++") {
        compiled("cpp", "cpp", "-std=c++17");
    }
}

#[test]
fn the_echo_server_in_python() {
    if has("the_echo_server_in_python", "python3") {
        let dir = Dir::new();
        let address = dir.path("echo.sock");
        let source = written(&dir, "echo.py", "python", &address);
        echoes(start(&["python3", &source], &[]), &address);
    }
}

#[test]
fn the_echo_server_in_node() {
    const TEST: &str = "the_echo_server_in_node";
    let dir = Dir::new();
    if has(TEST, "node") && node_binding::install_into(Path::new(&dir.path(".")), TEST) {
        let address = dir.path("echo.sock");
        let source = written(&dir, "echo.mjs", "js", &address);
        echoes(start(&["node", &source], &[]), &address);
    }
}
