//! The command, built with the library that was just built.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use crate::c_library;
use support::*;

/// The C compilers' warnings are errors.
pub fn udsock() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("udsock");
        let sources = fs::read_dir(c_library::source("command")).expect("it is there");
        let sources = sources.map(|entry| entry.unwrap().path());
        let sources: Vec<_> =
            sources.filter(|path| path.extension() == Some(OsStr::new("c"))).collect();
        let library = c_library::directory().join("libudsock.a");
        let flags = [&["-std=c11", "-g"], &c_library::WARNINGS[..]].concat();
        let inputs: Vec<_> = sources.iter().chain([&library]).map(PathBuf::as_path).collect();
        c_library::compile(&program, &flags, &inputs).unwrap_or_else(|message| panic!("{message}"));
        program
    })
}

/// How it ended, and what it said.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let [out, err] = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8(bytes).expect("what is shown is text"));
        Self { code: output.status.code(), out, err }
    }
}

pub fn run(arguments: &[&str]) -> Said {
    run_with(arguments, "")
}

/// With this on its standard input.
pub fn run_with(arguments: &[&str], input: &str) -> Said {
    use std::io::Write;
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    // (One that does not read it may have ended.)
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().expect("it ends").into()
}

/// It is ended, if it does not end by itself.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.arg("60").arg(udsock()).args(arguments).env_remove("UDSOCK_LOG");
    command
}

#[test]
fn help_says_all_and_goes_to_standard_output() {
    let all = run(&["--help"]);
    assert_eq!((all.code, all.err.as_str()), (Some(0), ""));
    for name in ["inspect", "list", "connect", "serve", "selftest"] {
        assert!(all.out.contains(&format!("  udsock {name}")), "{}", all.out);
        let one = run(&[name, "--help"]);
        assert_eq!((one.code, one.err.as_str()), (Some(0), ""), "{name}");
        assert!(one.out.starts_with(&format!("usage: udsock {name}")), "{}", one.out);
        assert!(one.out.contains("Exit status: 0"), "{}", one.out);
        assert!(one.out.lines().all(|line| line.len() <= 100), "{}", one.out);
    }
    let version = run(&["--version"]);
    assert_eq!(version.out, format!("udsock {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_arguments_are_told_and_end_it_with_2() {
    for arguments in [
        &[][..],
        &["look"],
        &["inspect"],
        &["list", "all"],
        &["connect"],
        &["connect", "one", "two"],
        &["connect", "--echo", "x"],
        &["connect", "--kind", "udp", "x"],
        &["connect", "--timeout", "soon", "x"],
        &["connect", "--timeout"],
        &["serve", "--mode", "888", "x"],
        &["serve", "--mode", "1000", "x"],
        &["serve", "--retry", "x"],
        &["selftest", "one", "two"],
    ] {
        let said = run(arguments);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(said.err.starts_with("udsock") && said.err.contains("--help"), "{said:?}");
        assert_eq!(said.err.lines().count(), 1, "{said:?}");
    }
}

#[test]
fn what_can_t_be_written_is_an_error() {
    let mut full = command(&["--help"]);
    let Ok(device) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        return skip("what_can_t_be_written_is_an_error", "no /dev/full");
    };
    let said: Said = full.stdout(device).output().unwrap().into();
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.contains("No space left on device"), "{said:?}");
}
