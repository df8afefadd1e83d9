//! pthread_cancel(3): no call of the library is a cancellation point. cancel.c cancels threads in
//! every call that can wait, those that act on it at cancellation points and those that act on
//! it at any moment; and the former in the midst of calls. (The latter must not be in the midst of
//! almost any function: see CONVENTIONS.md, Threads.)

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use support::c_library;

use support::*;

fn cancel(way: &str, count: u64, signal: Option<i32>) {
    let flags = [&["-std=c11", "-g", "-O1"][..], &c_library::WARNINGS].concat();
    let name = format!("cancel-{way}");
    let program = c_library::build(&name, &c_library::source("tests/cancel.c"), &flags);
    let dir = Dir::new();
    let mut command = Command::new(program);
    command.args([way, &dir.path("."), &count.to_string()]);
    let output = command.output().expect("it was just built");
    let told =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    let as_wanted = output.status.success() || signal.is_some();
    assert!(as_wanted, "{way}: {}\n{}", output.status, told.concat());
    assert_eq!(output.status.signal(), signal, "{way}\n{}", told.concat());
    assert_eq!(dir.list(), [""; 0], "{way}");
}

#[test]
fn a_cancelled_thread_waits_until_its_call_ends_and_then_acts_on_it() {
    cancel("waits", 0, None);
}

#[test]
fn threads_are_cancelled_in_the_midst_of_calls() {
    cancel("storm", repeat("UDSOCK_CANCEL_COUNT", 400), None);
}

#[test]
fn a_thread_that_is_to_be_cancelled_ends_the_process_as_any_other() {
    cancel("exit", 0, None);
    cancel("signal", 0, Some(libc::SIGTERM));
}
