//! The README's programs and commands, as they stand there.

use std::fs;

use crate::c_library;
use crate::peer::GUARD_MS;
use crate::*;

fn readme() -> String {
    fs::read_to_string(c_library::source("README.md")).expect("the README is there")
}

/// The echo server in this language, for this address.
pub fn server(language: &str, address: &str) -> String {
    let readme = readme();
    let fence = format!("```{language}\n");
    let (_, rest) = readme.split_once(&fence).unwrap_or_else(|| panic!("nothing in {language}"));
    let (code, _) = rest.split_once("```").expect("it ends");
    assert!(code.lines().count() < 20, "{language}: {} lines", code.lines().count());
    assert!(code.contains("\"/tmp/echo.sock\"") || code.contains("'/tmp/echo.sock'"));
    code.replace("/tmp/echo.sock", address)
}

/// The first command with these words in it.
pub fn command(words: &str) -> String {
    let readme = readme();
    let mut commands = readme.lines().filter_map(|line| line.strip_prefix("    "));
    let command = commands.find(|command| command.contains(words));
    command.unwrap_or_else(|| panic!("{words:?}: no such command")).to_owned()
}

/// Two clients, one after the other.
pub fn echoes(address: &str) {
    let options =
        udsock_connect_options { flags: UDSOCK_RETRY, timeout_ms: GUARD_MS, ..connect_options() };
    for word in ["one", "another"] {
        let client = try_open_client(UDSOCK_STREAM, address, Some(&options)).expect("it serves");
        assert_eq!(client.send(word.as_bytes(), GUARD_MS), word.len() as i64);
        assert_eq!(client.recv(GUARD_MS).as_deref(), Ok(word.as_bytes()));
    }
}
