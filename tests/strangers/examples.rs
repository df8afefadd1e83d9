//! The examples in C that speak HTTP.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::c_library;
use crate::peer::Peer;
use support::*;

pub fn has_compiler(test: &str) -> bool {
    has(test, &c_library::compiler())
}

/// It answers GET / with [`HELLO`], and POST /echo with what it got.
pub fn http_server(address: &str) -> Peer {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| build("http_server"));
    let mut server = Peer::start(Command::new(program).arg(address));
    let line = server.line();
    assert!(line.ends_with(address), "it says that it is ready: {line}");
    server
}

pub const HELLO: &[u8] = b"Hello from a socket file.\n";

/// It GETs the path; its output is the body.
pub fn http_client(address: &str, path: &str) -> Peer {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| build("http_client"));
    // The status line goes there; its exit status says the same.
    Peer::start(Command::new(program).args([address, path]).stderr(Stdio::null()))
}

fn build(name: &str) -> PathBuf {
    let from = c_library::source("examples-c").join(name).with_extension("c");
    c_library::build(&format!("strangers-{name}"), &from, &["-pthread"])
}
