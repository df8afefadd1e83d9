//! selftest: what it says where all is well, and where something is missing.

use std::fs;
use std::process::Command;

use crate::built::{Said, run, udsock};
use support::*;

#[test]
fn all_that_is_promised_holds_here() {
    let dir = Dir::new();
    let said = run(&["selftest", &dir.path("")]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{}", said.out);
    let lines: Vec<_> = said.out.lines().collect();
    assert_eq!(lines[0], format!("library     udsock {}", env!("CARGO_PKG_VERSION")));
    assert!(lines[1].starts_with("kernel      Linux "), "{}", said.out);
    let hold = lines.iter().filter(|line| line.starts_with("ok      ")).count();
    assert!(hold > 15, "{}", said.out);
    assert!(lines.last().unwrap().starts_with(&format!("{hold} hold, ")), "{}", said.out);
    assert!(lines.last().unwrap().ends_with(", 0 are broken"), "{}", said.out);
    assert_eq!(dir.list(), [""; 0], "nothing is left");
}

fn traced(inject: &str, directory: &str) -> Said {
    let said = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", inject])
        .arg(udsock())
        .args(["selftest", directory])
        .output();
    said.expect("it runs").into()
}

#[test]
fn what_is_missing_is_named_with_what_takes_its_place() {
    const TEST: &str = "what_is_missing_is_named_with_what_takes_its_place";
    if !has(TEST, "strace") {
        return;
    }
    let dir = Dir::new();
    let said = traced("inject=renameat2:error=ENOSYS", &dir.path(""));
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(said.out.contains("\nok      a path is taken over\n"), "{}", said.out);
    assert!(said.out.contains("\nlacks   renames have no flags here"), "{}", said.out);
}

#[test]
fn what_is_broken_is_told_and_ends_it_with_1() {
    const TEST: &str = "what_is_broken_is_told_and_ends_it_with_1";
    if !has(TEST, "strace") {
        return;
    }
    let dir = Dir::new();
    let said = traced("inject=listen:error=EPERM", &dir.path(""));
    assert_eq!(said.code, Some(1), "{}", said.out);
    let broken = "\nBROKEN  stream sockets at a path: open server ";
    assert!(said.out.contains(broken), "{}", said.out);
    assert!(said.out.contains("\nok      datagrams, and answers to them\n"), "{}", said.out);
    assert_eq!(dir.list(), [""; 0], "nothing is left");
}

#[test]
fn in_gvisor_streams_and_live_servers_are_as_promised() {
    const TEST: &str = "in_gvisor_streams_and_live_servers_are_as_promised";
    if !has(TEST, "runsc") {
        return;
    }
    if !crate::process::is_root() {
        return skip(TEST, "only root makes a sandbox so");
    }
    let dir = Dir::new();
    let sandboxed = |program: &[&str]| -> Said {
        let said = Command::new("timeout")
            .args(["60", "runsc", "--root", &dir.path("root"), "--network=none"])
            .args(["--platform=ptrace", "do"])
            .args(program)
            .output();
        said.expect("it runs").into()
    };
    let tried = sandboxed(&["true"]);
    if tried.code != Some(0) {
        return skip(TEST, &format!("runsc can't run here: {}", tried.err.trim()));
    }
    let said = sandboxed(&[udsock().to_str().unwrap(), "selftest"]);
    for promise in [
        "stream sockets at a path",
        "seqpacket sockets at a path",
        "a path of more than 107 bytes",
        "a dead server's file is reclaimed",
        "a live server stays",
        "closing wakes who waits",
        "waits end in time",
        "descriptors go with messages",
    ] {
        assert!(said.out.contains(&format!("\nok      {promise}\n")), "{}", said.out);
    }
    assert!(!said.out.contains("BROKEN  what is at an address"), "{}", said.out);

    // A server in a poller, and a client that asks what is there.
    let script = r#"cd /tmp; for address in /tmp/echo @echo; do
        $0 serve --echo $address >/dev/null & echo hello | timeout 9 $0 connect -y -t 9000 $address
        kill $!; done"#;
    let said = sandboxed(&["sh", "-c", script, udsock().to_str().unwrap()]);
    assert_eq!(said.out, "hello\nhello\n", "{said:?}");
}

#[test]
fn a_directory_that_can_t_be_used_is_3() {
    let dir = Dir::new();
    fs::write(dir.path("file"), "").unwrap();
    let said = run(&["selftest", &dir.path("file")]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""));
    assert!(said.err.contains("Not a directory"), "{said:?}");
}
