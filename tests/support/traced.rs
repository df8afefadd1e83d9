//! A test that looks at itself: it runs again under strace, and reads what the kernel was
//! asked.

use std::process::{Command, Stdio};
use std::{env, fs};

use crate::{Dir, has, skip};

const TRACED: &str = "UDSOCK_TEST_IS_TRACED";

/// Runs the calling test again under strace, where it does this: the log. `None`: strace is
/// not here or may not trace, or this is that other process.
pub fn log_of(test: &str, body: impl FnOnce()) -> Option<String> {
    log_with(test, &[], body)
}

/// The same, with further options of strace.
pub fn log_with(test: &str, options: &[&str], body: impl FnOnce()) -> Option<String> {
    if env::var_os(TRACED).is_some() {
        body();
        return None;
    }
    if !has(test, "strace") {
        return None;
    }
    let dir = Dir::new();
    let log = dir.path("log");
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", &log])
        .args(options)
        .arg(env::current_exe().expect("this program"))
        .args([test, "--exact", "--test-threads=1"])
        .env(TRACED, "1")
        .stdout(Stdio::null())
        .output()
        .expect("strace is here");
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("ptrace") {
        skip(test, &format!("strace can't trace: {}", said.trim()));
        return None;
    }
    assert!(output.status.success(), "{test}: {}\n{said}", output.status);
    Some(fs::read_to_string(log).expect("strace writes a log"))
}
