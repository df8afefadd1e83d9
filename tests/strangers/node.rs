//! Node's `net` and `http`. It has streams only.

use std::process::Command;

use crate::conversation::*;
use crate::peer::{Peer, source};
use support::*;

fn node(arguments: &[&str]) -> Peer {
    Peer::start(Command::new("node").arg(source("peer.js")).args(arguments))
}

/// As long as a name can be: some versions of Node fill shorter ones up with NULs.
fn longest_abstract_name(dir: &Dir) -> String {
    let name = abstract_name(dir);
    let fill = "x".repeat(1 + 107 - name.len());
    name + &fill
}

#[test]
fn streams_to_a_node_server() {
    if has("streams_to_a_node_server", "node") {
        let dir = Dir::new();
        stream_to_their_server(node, &dir.path("stream.sock"));
        stream_to_their_server(node, &longest_abstract_name(&dir));
    }
}

#[test]
fn streams_from_a_node_client() {
    if has("streams_from_a_node_client", "node") {
        let dir = Dir::new();
        stream_from_their_client(node, &dir.path("stream.sock"));
        stream_from_their_client(node, &longest_abstract_name(&dir));
    }
}

#[test]
fn http_to_a_node_server() {
    if has("http_to_a_node_server", "node") {
        http_to_their_server(node, &Dir::new().path("http.sock"));
    }
}

#[test]
fn http_from_a_node_client() {
    if has("http_from_a_node_client", "node") {
        http_from_their_client(node, &Dir::new().path("http.sock"));
    }
}
