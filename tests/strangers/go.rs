//! Go's `net` and `net/http`.

use std::process::Command;
use std::sync::OnceLock;

use crate::conversation::*;
use crate::peer::{Peer, build_go, source};
use support::*;

fn go(arguments: &[&str]) -> Peer {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    Peer::start(
        Command::new(PROGRAM.get_or_init(|| build_go("peer-in-go", &source("peer.go"))))
            .args(arguments),
    )
}

#[test]
fn streams_to_a_go_server() {
    if has("streams_to_a_go_server", "go") {
        let dir = Dir::new();
        stream_to_their_server(go, &dir.path("stream.sock"));
        stream_to_their_server(go, &abstract_name(&dir));
    }
}

#[test]
fn streams_from_a_go_client() {
    if has("streams_from_a_go_client", "go") {
        let dir = Dir::new();
        stream_from_their_client(go, &dir.path("stream.sock"));
        stream_from_their_client(go, &abstract_name(&dir));
    }
}

#[test]
fn http_to_a_go_server() {
    if has("http_to_a_go_server", "go") {
        http_to_their_server(go, &Dir::new().path("http.sock"));
    }
}

#[test]
fn http_from_a_go_client_that_keeps_its_connection() {
    if has("http_from_a_go_client_that_keeps_its_connection", "go") {
        assert_eq!(http_from_their_client(go, &Dir::new().path("http.sock")), 1);
    }
}

#[test]
fn datagrams_to_a_go_server_which_answers_by_name() {
    if has("datagrams_to_a_go_server_which_answers_by_name", "go") {
        let dir = Dir::new();
        let locals = [&dir.path("client.sock"), &abstract_name(&dir), "@"];
        datagrams_to_their_server(go, &dir.path("server.sock"), &locals);
    }
}

#[test]
fn datagrams_from_a_go_client_answered_by_name() {
    if has("datagrams_from_a_go_client_answered_by_name", "go") {
        let dir = Dir::new();
        for local in [dir.path("client.sock"), format!(r"{}\0nul\0", abstract_name(&dir))] {
            let from = datagrams_from_their_client(go, &dir.path("server.sock"), &local);
            assert_eq!(from, local);
        }
    }
}

#[test]
fn seqpacket_messages_to_a_go_server_an_empty_one_too() {
    if has("seqpacket_messages_to_a_go_server_an_empty_one_too", "go") {
        let dir = Dir::new();
        seqpacket_to_their_server(go, &dir.path("packet.sock"));
        seqpacket_to_their_server(go, &abstract_name(&dir));
    }
}

#[test]
fn seqpacket_messages_from_a_go_client_an_empty_one_too() {
    if has("seqpacket_messages_from_a_go_client_an_empty_one_too", "go") {
        seqpacket_from_their_client(go, &Dir::new().path("packet.sock"));
    }
}
