//! Servers that other languages' libraries made: as safe from us as our own.

use std::process::Command;
use std::sync::OnceLock;

use crate::calls::*;
use crate::peer::{Peer, build_go};
use support::*;

fn source(file: &str) -> String {
    format!("{}/tests/socket_files/peers/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn python(kind: u32, path: &str) -> Peer {
    Peer::start(Command::new("python3").args([&source("server.py"), kind_name(kind), path]))
}

fn go(kind: u32, path: &str) -> Peer {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    Peer::start(
        Command::new(PROGRAM.get_or_init(|| build_go("server-in-go", &source("server.go"))))
            .args([kind_name(kind), path]),
    )
}

/// It stays, is named, and sees nothing; once it was killed its file blocks nobody.
fn stays(start: fn(u32, &str) -> Peer) {
    for kind in KINDS {
        let dir = Dir::new();
        let path = dir.path("s");
        let mut server = start(kind, &path);
        let pid = server.line();
        let before = look(&path);
        let who =
            format!("a live {} server is there (pid {pid}, uid {})", kind_name(kind), my_uid());
        for start in starts(&path) {
            let refusal = start.expect_err("it is alive");
            assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
            assert!(refusal.message.contains(&who), "{who}: {refusal:?}");
        }
        let found = inspect(&path);
        assert_eq!((found.state, found.kind), (UDSOCK_LIVE, kind));
        assert_eq!((found.pid.to_string(), found.process_uid), (pid, my_uid()));
        assert_eq!(look(&path), before);
        server.feed(b"");
        assert_eq!(server.finish(), b"nobody came\n");

        let path = dir.path("killed");
        let mut server = start(kind, &path);
        server.line();
        drop(server);
        let own = open_server(kind, &path);
        serves(&own, kind, &path);
    }
}

#[test]
fn a_server_in_python_stays() {
    if has("a_server_in_python_stays", "python3") {
        stays(python);
    }
}

#[test]
fn a_server_in_go_stays() {
    if has("a_server_in_go_stays", "go") {
        stays(go);
    }
}
