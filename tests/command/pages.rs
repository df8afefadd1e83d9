//! The manual page and the completion name what the command has.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::built::{run, udsock};
use crate::c_library::source;
use support::*;

const COMMANDS: [&str; 5] = ["inspect", "list", "connect", "serve", "selftest"];

/// The long options that a help names.
fn options(help: &str) -> BTreeSet<&str> {
    let words = help.split(|c: char| !c.is_ascii_lowercase() && c != '-');
    words.filter(|word| word.starts_with("--") && word.len() > 2 && *word != "--help").collect()
}

#[test]
fn the_manual_page_has_every_option_and_is_right() {
    let page = fs::read_to_string(source("command/udsock.1")).unwrap();
    for command in COMMANDS {
        assert!(page.contains(&format!(".SS udsock {command}\n")), "{command}");
        for option in options(&run(&[command, "--help"]).out) {
            let escaped = option.replace('-', "\\-");
            assert!(page.contains(&escaped), "udsock {command} {option}");
        }
    }
    if has("the_manual_page_has_every_option_and_is_right", "mandoc") {
        let mut lint = Command::new("mandoc");
        lint.args(["-T", "lint", "-W", "warning"]).arg(source("command/udsock.1"));
        let said = lint.output().unwrap();
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let said: Vec<_> = said.lines().filter(|line| !line.contains("missing date")).collect();
        assert!(said.is_empty(), "{said:?}");
    }
}

/// What bash offers behind these words.
fn completions(words: &[&str], directory: &str) -> Vec<String> {
    let script = "source \"$COMPLETION\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                  _udsock 2>/dev/null; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let path = format!(
        "{}:{}",
        udsock().parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let said = Command::new("bash")
        .args(["-c", script, "bash"])
        .args(words)
        .env("COMPLETION", source("command/completion.bash"))
        .env("PATH", path)
        .current_dir(directory)
        .output()
        .expect("bash runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said = String::from_utf8(said.stdout).unwrap();
    said.lines().filter(|line| !line.is_empty()).map(Into::into).collect()
}

#[test]
fn bash_completes_commands_options_kinds_and_addresses() {
    if !has("bash_completes_commands_options_kinds_and_addresses", "bash") {
        return;
    }
    let dir = Dir::new();
    let there = dir.path("");
    assert_eq!(completions(&["udsock", "se"], &there), ["serve", "selftest"]);
    for command in COMMANDS {
        let offered = completions(&["udsock", command, "--"], &there);
        let help = run(&[command, "--help"]).out;
        let mut known = options(&help);
        known.insert("--help");
        let offered: BTreeSet<_> = offered.iter().map(String::as_str).collect();
        assert_eq!(offered, known, "{command}");
    }
    assert_eq!(completions(&["udsock", "serve", "--kind", "s"], &there), ["stream", "seqpacket"]);
    let _server = open_server(UDSOCK_STREAM, &dir.path("here.sock"));
    assert_eq!(completions(&["udsock", "connect", "he"], &there), ["here.sock"]);
    let name = format!("@udsock-complete-{}-\\x01", std::process::id());
    let _abstract = open_server(UDSOCK_STREAM, &name);
    let begun = format!("@udsock-complete-{}", std::process::id());
    assert_eq!(completions(&["udsock", "inspect", &begun], &there), [name]);
}
