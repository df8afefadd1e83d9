//! How to start a peer in each language.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::bindings::over_checkout;
use crate::c_library;
use crate::node_binding;
use crate::peer::{Peer, build_go, source};
use support::*;

pub struct Language {
    pub name: &'static str,
    /// What it has: stream, seqpacket, datagram.
    pub kinds: &'static [&'static str],
    command: Vec<String>,
}

const ALL: &[&str] = &["stream", "seqpacket", "datagram"];

impl Language {
    pub fn start(&self, arguments: &[&str]) -> Peer {
        let command: Vec<&str> = self.command.iter().map(String::as_str).collect();
        start(&command, arguments)
    }
}

/// A program that finds the library, and its binding.
pub fn start(command: &[&str], arguments: &[&str]) -> Peer {
    let (program, first) = command.split_first().expect("a command");
    Peer::start(over_checkout(Command::new(program).args(first).args(arguments)))
}

fn own(file: &str) -> String {
    text(&c_library::source("tests/languages/peers").join(file))
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

fn language(name: &'static str, kinds: &'static [&'static str], command: &[&str]) -> Language {
    Language { name, kinds, command: command.iter().map(|&word| word.into()).collect() }
}

/// Those that speak through us.
pub fn ours(test: &str) -> Vec<Language> {
    let mut languages = Vec::new();
    if has(test, "cc") {
        static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
        let program = PROGRAM
            .get_or_init(|| c_library::build("peer-c", Path::new(&own("peer.c")), &["-std=c11"]));
        languages.push(language("C", ALL, &[&text(program)]));
    }
    if has(test, "c++") {
        static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
        let program = PROGRAM.get_or_init(|| {
            c_library::build("peer-cpp", Path::new(&own("peer.cpp")), &["-std=c++17"])
        });
        languages.push(language("C++", ALL, &[&text(program)]));
    }
    if has(test, "python3") {
        let command = ["python3", &own("peer.py"), &source("peer.py")];
        languages.push(language("Python", ALL, &command));
    }
    let node = has(test, "node").then(|| node_binding::installed(test)).flatten();
    if let Some(binding) = node {
        let module = text(&binding.join("lib/index.mjs"));
        languages.push(language("Node.js", ALL, &["node", &own("peer.mjs"), &module]));
    }
    languages
}

/// Those that don't.
pub fn strangers(test: &str) -> Vec<Language> {
    let mut languages = Vec::new();
    if has(test, "python3") {
        languages.push(language("plain Python", ALL, &["python3", &source("peer.py")]));
    }
    if has(test, "node") {
        languages.push(language("plain Node.js", &["stream"], &["node", &source("peer.js")]));
    }
    if has(test, "go") {
        static PROGRAM: OnceLock<String> = OnceLock::new();
        let program = PROGRAM.get_or_init(|| build_go("languages-peer-go", &source("peer.go")));
        languages.push(language("Go", ALL, &[program]));
    }
    languages
}
