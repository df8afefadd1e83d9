//! Programs with a callback of their own, or with none: when it is called, what it may do, and what
//! the environment can ask for.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{env, fs};

use crate::c_library;
use support::*;

fn program() -> &'static Path {
    static PROGRAM: OnceLock<std::path::PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let flags = [&["-std=c11", "-g"][..], &c_library::WARNINGS].concat();
        c_library::build("told", &c_library::source("tests/log/told.c"), &flags)
    })
}

fn output_of(program: &Path, name: &str, path: &str, level: Option<&str>) -> Output {
    let mut command = Command::new(program);
    command.args([name, path]).env_remove("UDSOCK_LOG");
    level.map(|level| command.env("UDSOCK_LOG", level));
    command.output().expect("it runs")
}

/// What one of them prints, of this path.
fn run(name: &str) -> Vec<String> {
    let dir = Dir::new();
    let path = dir.path("p");
    let output = output_of(program(), name, &path, None);
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{name}: {} {errors}", output.status);
    said.lines().map(|line| line.replace(&path, "PATH")).collect()
}

const RECLAIMED: &str = "1 OK: PATH: removed the file of a server that has gone";

#[test]
fn only_what_matters_enough_is_told_and_to_the_last_one_only() {
    let said = run("levels");
    let (reclaimed, failed) = said.split_first().expect("something");
    assert_eq!(*reclaimed, format!("b {RECLAIMED}"));
    let failed: Vec<_> = failed.iter().filter(|line| !line.starts_with("a 12 ")).collect();
    assert_eq!(failed.len(), 1, "{said:?}");
    assert!(failed[0].starts_with("a 13 ENOENT: open client PATH: "), "{said:?}");
}

#[test]
fn a_lack_of_descriptors_for_alarms_is_told_once() {
    let said = run("no_alarm");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("told 8 OK: no descriptor or no memory"), "{said:?}");
}

#[test]
fn a_socket_that_was_taken_from_a_thread_that_was_held_up() {
    let said = run("held_up");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("told 9 OK: PATH: closed while a thread"), "{said:?}");
}

#[test]
fn a_child_has_its_parent_s_until_it_sets_its_own() {
    let said = run("in_a_child");
    let of = |who| format!("{who} {RECLAIMED}");
    assert_eq!(said, [of("inherited"), of("own"), of("inherited")]);
}

#[test]
fn a_callback_may_make_every_call_and_is_not_told_of_its_own() {
    let said = run("within");
    assert_eq!(said, [format!("told {RECLAIMED}"), format!("again {RECLAIMED}")]);
}

#[test]
fn when_it_has_been_taken_off_nobody_is_in_it() {
    let said = run("taken_off");
    assert_eq!(said, [format!("new {}", RECLAIMED.replace("PATH", "PATH-other"))]);
}

#[test]
fn a_child_waits_for_no_thread_of_its_parent_s() {
    let said = run("taken_off_in_a_child");
    assert_eq!(said, [format!("child {}", RECLAIMED.replace("PATH", "PATH-other"))]);
}

#[test]
fn it_may_be_set_while_it_is_called() {
    let said = run("storm");
    assert_eq!(said.last().map(String::as_str), Some(&*format!("last {RECLAIMED}")));
}

#[test]
fn it_is_called_at_normal_exit() {
    let said = run("at_exit");
    assert_eq!(said, ["told 5 OK: PATH: somebody else had removed the socket's file"]);
}

#[test]
fn what_this_system_lacks_and_what_takes_its_place() {
    const TEST: &str = "what_this_system_lacks_and_what_takes_its_place";
    if !has(TEST, "strace") {
        return;
    }
    let dir = Dir::new();
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "inject=renameat2:error=ENOSYS"])
        .arg(program())
        .args(["replace", &dir.path("p")])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<_> = said.lines().filter(|line| line.contains("renameat2")).collect();
    assert_eq!(lines.len(), 1, "once: {said}");
    assert!(lines[0].starts_with("told 12 OK: renames have no flags here"), "{said}");
}

/// What is written to standard error, of this path and without the number of the process.
fn written(name: &str, level: Option<&str>) -> Vec<String> {
    let dir = Dir::new();
    let path = dir.path("p");
    let output = output_of(program(), name, &path, level);
    assert!(output.status.success(), "{name} {level:?}: {}", output.status);
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    let line = |line: &str| {
        let (start, rest) = line.split_once("]").unwrap_or(("", line));
        assert!(start.is_empty() || start.starts_with("udsock["), "{line}");
        rest.trim().replace(&path, "PATH")
    };
    said.lines().map(line).collect()
}

#[test]
fn what_has_the_number_of_standard_error_is_not_written_to() {
    let dir = Dir::new();
    let output = output_of(program(), "no_standard_error", &dir.path("p"), Some("debug"));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "EAGAIN\n", "the peer has the log");
}

#[test]
fn the_environment_asks_without_any_code() {
    let info = "info: PATH: removed the file of a server that has gone";
    assert_eq!(written("quiet", None), [""; 0]);
    assert_eq!(written("quiet", Some("")), [""; 0]);
    assert_eq!(written("quiet", Some("warning")), [""; 0]);
    assert_eq!(written("quiet", Some("INFO")), [info]);
    let debug = written("quiet", Some("debug"));
    assert!(debug.iter().any(|line| line == info), "{debug:?}");
    assert!(debug.iter().any(|line| line.starts_with("debug: open client PATH: ")), "{debug:?}");
    let wrong = written("quiet", Some("all"));
    assert_eq!(wrong, ["udsock: UDSOCK_LOG may be error, warning, info or debug; it is ignored"]);
}

#[test]
fn both_are_told_if_both_ask() {
    assert_eq!(written("at_exit", Some("debug")).len(), 1);
    let of_levels = written("levels", Some("info"));
    assert_eq!(of_levels.len(), 4, "what the callback does not want, too: {of_levels:?}");
}

#[test]
fn nobody_who_reads_standard_error_any_more_is_no_reason_to_die() {
    let dir = Dir::new();
    let output = output_of(program(), "nobody_reads", &dir.path("p"), Some("debug"));
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(output.stdout, b"alive\n");
}

/// The user who starts it is not to learn what it may see.
#[test]
fn a_set_user_id_program_does_not_look_at_the_environment() {
    const TEST: &str = "a_set_user_id_program_does_not_look_at_the_environment";
    // SAFETY: no pointers.
    if unsafe { libc::geteuid() } != 0 {
        return skip(TEST, "only root can make such a program for another user");
    }
    let dir = Dir::new();
    fs::set_permissions(dir.path("."), fs::Permissions::from_mode(0o777)).unwrap();
    let copy = env::temp_dir().join(format!("udsock-told-{}", std::process::id()));
    fs::copy(program(), &copy).unwrap();
    chown(&copy, Some(65_534), None).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o4755)).unwrap();
    let output = output_of(&copy, "quiet", &dir.path("p"), Some("debug"));
    let _ = fs::remove_file(&copy);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {said}", output.status);
    assert_eq!(said, "");
}
