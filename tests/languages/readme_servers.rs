//! The README's echo servers, as they stand there.

use std::fs;
use std::path::Path;

use crate::c_library;
use crate::languages::start;
use crate::node_binding;
use crate::readme::{echoes, server};
use support::*;

fn written(dir: &Dir, name: &str, language: &str, address: &str) -> String {
    let path = dir.path(name);
    fs::write(&path, server(language, address)).unwrap();
    path
}

fn compiled(language: &str, extension: &str, standard: &str) {
    let dir = Dir::new();
    let address = dir.path("echo.sock");
    let source = written(&dir, &format!("echo.{extension}"), language, &address);
    let flags = [standard, "-Wall", "-Wextra", "-Werror", "-pedantic"];
    let built = c_library::build(&format!("readme-{extension}"), Path::new(&source), &flags);
    let _running = start(&[built.to_str().unwrap()], &[]);
    echoes(&address);
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
        let _running = start(&["python3", &source], &[]);
        echoes(&address);
    }
}

#[test]
fn the_echo_server_in_node() {
    const TEST: &str = "the_echo_server_in_node";
    let dir = Dir::new();
    if has(TEST, "node") && node_binding::install_into(Path::new(&dir.path(".")), TEST) {
        let address = dir.path("echo.sock");
        let source = written(&dir, "echo.mjs", "js", &address);
        let _running = start(&["node", &source], &[]);
        echoes(&address);
    }
}
