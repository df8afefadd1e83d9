//! Python's `socket` and this library say the same of each other.

use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::calls::*;
use crate::peer::{GUARD_MS, Peer};
use crate::process::is_root;
use crate::users::*;
use support::*;

fn python(role: &str, kind: u32, path: &str, user: Option<User>) -> Peer {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/credentials.py");
    let kind = if kind == UDSOCK_STREAM { "stream" } else { "seqpacket" };
    let mut command = Command::new("python3");
    command.args([source, role, kind, path]);
    if let Some(user) = user {
        let ids = [user.uid, user.gid];
        command.args(ids.iter().chain(user.groups).map(u32::to_string));
    }
    Peer::start(&mut command)
}

/// As the peer writes it.
fn text(who: Who, groups: Vec<u32>) -> String {
    let groups: Vec<_> = groups.iter().map(u32::to_string).collect();
    format!("{} {} {} {}", who.pid, who.uid, who.gid, groups.join(","))
}

/// Both directions, over one connection.
fn agree(ours: &Sock, python: &mut Peer, user: Option<User>) {
    let (who, theirs) = (credentials(ours).unwrap(), groups(ours).unwrap());
    if let Some(user) = user {
        assert_eq!((who.uid, who.gid, &theirs[..]), (user.uid, user.gid, user.groups));
    }
    assert_eq!(python.line(), text(who, theirs), "who it is");
    assert_eq!(python.line(), text(Who::me(), my_groups()), "who we are");
}

/// Python as this user, and if that can be, as others.
fn users(test: &str) -> Vec<Option<User>> {
    if !is_root() {
        skip(test, "only root can act for other users; as this one it runs");
        return vec![None];
    }
    vec![None, Some(ALICE), Some(user(71_090, 72_090, &[72_091, CLUB]))]
}

#[test]
fn python_clients_agree_about_both_ends() {
    const TEST: &str = "python_clients_agree_about_both_ends";
    if !has(TEST, "python3") {
        return;
    }
    for user in users(TEST) {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            let mut client = python("client", kind, &path, user);
            let (accepted, who) = accept_from(&server, GUARD_MS).unwrap();
            assert_eq!(credentials(&accepted), Ok(who));
            agree(&accepted, &mut client, user);
            client.feed(b"");
            client.finish();
        }
    }
}

#[test]
fn python_servers_agree_about_both_ends() {
    const TEST: &str = "python_servers_agree_about_both_ends";
    if !has(TEST, "python3") {
        return;
    }
    for user in users(TEST) {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            fs::set_permissions(dir.path("."), Permissions::from_mode(0o777)).unwrap();
            let path = dir.path("s");
            let mut server = python("server", kind, &path, user);
            assert_eq!(server.line(), "ready");
            let client = open_client(kind, &path);
            agree(&client, &mut server, user);
            server.feed(b"");
            server.finish();
        }
    }
}

#[test]
fn a_python_client_that_is_not_allowed_sees_the_end() {
    const TEST: &str = "a_python_client_that_is_not_allowed_sees_the_end";
    if !has(TEST, "python3") {
        return;
    }
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, path) = open_to_all(kind, &dir, "s");
        assert_eq!(allow_uid(&server, Who::me().uid + 1), 0);
        let number = kind.to_string();
        let program = "import socket, sys\n\
            s = socket.socket(socket.AF_UNIX, int(sys.argv[1]))\n\
            s.connect(sys.argv[2])\n\
            print(s.recv(1))";
        let mut command = Command::new("python3");
        let client = Peer::start(command.args(["-c", program, &number, &path]));
        std::thread::scope(|scope| {
            let acceptor = scope.spawn(|| server.accept(GUARD_MS).map(drop));
            let said = client.finish();
            assert_eq!(server.close(), 0);
            assert_eq!(acceptor.join().unwrap(), Err(CLOSED));
            assert_eq!(said, b"b''\n");
        });
    }
}
