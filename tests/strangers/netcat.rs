//! OpenBSD's `nc`.

use std::process::Command;

use crate::conversation::*;
use crate::peer::Peer;
use support::*;

/// `-N`: at the end of its input it says so. `-U`: Unix sockets.
fn nc(options: &str, address: &str) -> Peer {
    Peer::start(Command::new("nc").args([options, address]))
}

/// Other programs of the same name know no Unix sockets.
fn has_nc(test: &str) -> bool {
    if !has(test, "nc") {
        return false;
    }
    let help = Command::new("nc").arg("-h").output().expect("nc is here").stderr;
    let knows = String::from_utf8_lossy(&help).contains("UNIX domain socket");
    if !knows {
        lacks(test, "this nc has no option -U");
    }
    knows
}

#[test]
fn a_stream_to_nc_that_listens() {
    if has_nc("a_stream_to_nc_that_listens") {
        let dir = Dir::new();
        let address = dir.path("nc.sock");
        let theirs: Vec<u8> = blob().into_iter().rev().collect();
        let mut server = nc("-lNU", &address);
        server.feed(&theirs);
        let client = connect(UDSOCK_STREAM, &address);
        // In this order: at the end of ours nc leaves, with some of its own unsent.
        assert!(read_to_end(&client) == theirs);
        send(&client, &blob());
        assert_eq!(client.shutdown(UDSOCK_WRITE), 0);
        assert!(server.finish() == blob());
    }
}

#[test]
fn a_stream_from_nc() {
    if has_nc("a_stream_from_nc") {
        let client = |arguments: &[&str]| nc("-NU", arguments[1]);
        stream_from_their_client(client, &Dir::new().path("nc.sock"));
    }
}
