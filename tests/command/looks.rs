//! inspect and list.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};

use crate::built::{command, run, udsock};
use crate::process::in_fork_without_first_thread;
use support::*;

fn me() -> u32 {
    std::process::id()
}

#[test]
fn inspect_says_who_is_there() {
    let dir = Dir::new();
    let path = dir.path("live");
    let options = udsock_bind_options { mode: 0o640, backlog: 2, ..bind_options() };
    let _server = try_open_server(UDSOCK_SEQPACKET, &path, Some(&options)).unwrap();
    let _client = open_client(UDSOCK_SEQPACKET, &path);
    let said = run(&["inspect", &path]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let lines: Vec<_> = said.out.lines().collect();
    assert_eq!(lines[0], format!("{path}: live, seqpacket"));
    assert!(lines[1].starts_with("  file: mode 0640, uid "), "{said:?}");
    assert!(lines[2].starts_with(&format!("  process: {} (", me())), "{said:?}");
    assert!(lines[3].starts_with("  made by: uid "), "{said:?}");
    assert_eq!(lines[4], "  queue: 1 of 3");
    assert_eq!(lines.len(), 5, "{said:?}");
}

#[test]
fn inspect_says_what_is_there_instead() {
    let dir = Dir::new();
    let [dead, none, file] = ["dead", "none", "file"].map(|name| dir.path(name));
    drop(UnixListener::bind(&dead).unwrap());
    std::fs::write(&file, "").unwrap();
    let said = run(&["inspect", &dead, &none, &file]);
    assert_eq!(said.code, Some(1), "nobody is there");
    let firsts: Vec<_> = said.out.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        firsts,
        [
            format!("{dead}: dead: the file of a server that has gone"),
            format!("{none}: nothing"),
            format!("{file}: a file that is not a socket"),
        ]
    );
    // After "--" an address may look like an option.
    let said = run(&["inspect", "--", "--help"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), "--help: nothing\n"), "{}", said.err);
    assert_eq!(run(&["inspect", "--"]).code, Some(2));
    let said = run(&["inspect", "@"]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""));
    assert!(said.err.starts_with("udsock: inspect @: "), "{said:?}");
}

#[test]
fn inspect_reaches_abstract_names() {
    let name = format!("@udsock-command-{}-\\0\\xff", me());
    let _server = open_server(UDSOCK_STREAM, &name);
    let said = run(&["inspect", &name]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.starts_with(&format!("{name}: live, stream\n")), "{said:?}");
}

/// The line with an address; it ends with that.
fn line<'a>(out: &'a str, address: &str) -> Vec<&'a str> {
    let lines = out.lines().filter(|line| line.split_whitespace().last() == Some(address));
    let lines: Vec<_> = lines.collect();
    assert!(!lines.is_empty(), "{address}: {out}");
    lines
}

#[test]
fn list_shows_every_socket_with_its_process_and_its_peer() {
    let dir = Dir::new();
    let path = dir.path("listed");
    let name = format!("@udsock-list-{}-\\0\\\\\\x0a", me());
    let server = open_server(UDSOCK_STREAM, &path);
    let _abstract = open_server(UDSOCK_SEQPACKET, &name);
    let _datagram = open_datagram(Some(&dir.path("dgram")));
    let _waiting = open_client(UDSOCK_STREAM, &path);
    let _other = UnixStream::connect(&path).unwrap();
    let _peer = server.accept(FOREVER).unwrap();

    let said = run(&["list"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let who = format!("{} (", me());
    let lines = line(&said.out, &path);
    let words = |line: &str| line.split_whitespace().take(3).map(str::to_owned).collect::<Vec<_>>();
    assert!(lines.iter().any(|line| words(line) == ["stream", "listens", "1/4097"]), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("->") && line.matches(&who).count() == 2));
    assert!(lines.iter().all(|line| line.contains(&who)), "{lines:?}");
    assert_eq!(words(line(&said.out, &name)[0])[..2], ["seqpacket", "listens"]);
    assert_eq!(words(line(&said.out, &dir.path("dgram"))[0])[..2], ["dgram", "bound"]);

    let said = run(&["list", "--listening"]);
    assert_eq!(line(&said.out, &path).len(), 1);
    assert!(!said.out.contains(" connected "), "{}", said.out);
}

#[test]
fn the_address_that_list_shows_reaches_the_socket() {
    for end in [r"\xff\x20", r"\0", r"\z"] {
        let name = format!(r"@udsock-reach-{}-\0\\{end}", me());
        let _server = open_server(UDSOCK_STREAM, &name);
        let said = run(&["list", "-l"]);
        let shown = line(&said.out, &name)[0].split_whitespace().last().unwrap();
        let _client = open_client(UDSOCK_STREAM, shown);
    }
}

/// Relative to a process that is somewhere else, or through a descriptor of its own.
#[test]
fn a_path_that_is_one_to_its_process_only_is_shown_as_one_from_here() {
    let dir = Dir::new();
    let long = format!("{}/{}", dir.path(&"d".repeat(120)), "long");
    fs::create_dir(dir.path(&"d".repeat(120))).unwrap();
    let _long = open_server(UDSOCK_STREAM, &long);
    let mut serve = command(&["serve", "relative"]);
    serve.current_dir(dir.path("")).stdin(Stdio::null()).stderr(Stdio::null());
    let mut server = serve.spawn().unwrap();
    let retry =
        udsock_connect_options { flags: UDSOCK_RETRY, timeout_ms: 60_000, ..connect_options() };
    let relative = dir.path("relative");
    drop(try_open_client(UDSOCK_STREAM, &relative, Some(&retry)).expect("it serves"));
    let said = run(&["list", "--listening"]);
    // Where it is not any more it can't be reached either.
    fs::rename(&relative, dir.path("elsewhere")).unwrap();
    let moved = run(&["list", "--listening"]);
    // SAFETY: no pointers; it is our child, which passes it on.
    unsafe { libc::kill(server.id() as i32, libc::SIGTERM) };
    server.wait().unwrap();
    for path in [&relative, &long] {
        let found: Vec<_> = said.out.lines().filter(|line| line.ends_with(path.as_str())).collect();
        assert_eq!(found.len(), 1, "{path}: {}", said.out);
    }
    assert!(moved.out.lines().any(|line| line.ends_with(" relative")), "{}", moved.out);
}

#[test]
fn a_name_of_a_stranger_s_does_nothing_to_a_terminal() {
    let name = format!("@udsock-rude-{}-\x1b[31m\x07", me());
    let _server = open_server(UDSOCK_STREAM, &name);
    let dir = Dir::new();
    let path = dir.path("rude\x1b[31m");
    let _other = open_server(UDSOCK_STREAM, &path);
    // What xterm obeys as it does ESC [, and no text at all.
    let c1 = dir.path("c1-\u{9b}31m-\u{e9}");
    let _c1 = open_server(UDSOCK_STREAM, &c1);
    let latin = OsString::from_vec([dir.path("latin-").as_bytes(), b"\xe9\x9b"].concat());
    let _latin = UnixListener::bind(latin).expect("a file of any name");
    for said in [run(&["list"]), run(&["inspect", &path, &name])] {
        assert!(!said.out.contains('\x1b') && !said.out.contains('\x07'), "{:?}", said.out);
        assert!(said.out.contains("\\x1b[31m"), "{:?}", said.out);
    }
    let listed = run(&["list"]).out;
    assert!(!listed.contains('\u{9b}') && listed.contains("c1-\\xc2\\x9b31m-\u{e9}"), "{listed:?}");
    assert!(listed.contains("latin-\\xe9\\x9b"), "{listed:?}");
    let shown = listed.lines().filter(|line| line.contains("rude"));
    let shown = shown.filter_map(|line| line.split_once("$'")).next().expect("it is quoted").1;
    let found = Command::new("bash").args(["-c", &format!("stat -c %F $'{shown}")]).output();
    assert_eq!(found.expect("a shell").stdout, b"socket\n", "{shown}");
}

/// As a program is whose main thread has ended by pthread_exit(3).
#[test]
fn a_process_whose_first_thread_has_ended_is_found() {
    let dir = Dir::new();
    let path = dir.path("s");
    udsock();
    let status = in_fork_without_first_thread(move || {
        let _server = open_server(UDSOCK_STREAM, &path);
        let pid = std::process::id().to_string();
        let said = run(&["inspect", &path]);
        assert!(said.out.contains(&format!("process: {pid} (")), "{said:?}");
        let listed = run(&["list", "--listening"]).out;
        let line = listed.lines().find(|line| line.ends_with(&path)).expect("it is there");
        assert!(line.split_whitespace().any(|word| word == pid), "{line}");
    });
    assert_eq!(status, 0);
}
