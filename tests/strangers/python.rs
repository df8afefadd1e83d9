//! Python's `socket`: all three kinds, and names with any byte in them.

use std::process::Command;

use crate::conversation::*;
use crate::peer::{GUARD_MS, Peer, source};
use support::*;

fn python(arguments: &[&str]) -> Peer {
    Peer::start(Command::new("python3").arg(source("peer.py")).args(arguments))
}

/// A name with NULs, a backslash, and bytes that are no text, in it and at its end.
fn odd_name(dir: &Dir) -> String {
    format!(r"{}\0nul\\\xff\x01\0", abstract_name(dir))
}

#[test]
fn streams_to_a_python_server() {
    if has("streams_to_a_python_server", "python3") {
        let dir = Dir::new();
        stream_to_their_server(python, &dir.path("stream.sock"));
        stream_to_their_server(python, &odd_name(&dir));
    }
}

#[test]
fn streams_from_a_python_client() {
    if has("streams_from_a_python_client", "python3") {
        let dir = Dir::new();
        stream_from_their_client(python, &dir.path("stream.sock"));
        stream_from_their_client(python, &odd_name(&dir));
    }
}

#[test]
fn datagrams_to_a_python_server_which_answers_by_name() {
    if has("datagrams_to_a_python_server_which_answers_by_name", "python3") {
        let dir = Dir::new();
        let locals = [&dir.path("client.sock"), &abstract_name(&dir), "@"];
        datagrams_to_their_server(python, &dir.path("server.sock"), &locals);
        datagrams_to_their_server(python, &odd_name(&dir), &locals);
    }
}

#[test]
fn datagrams_from_a_python_client_answered_by_name() {
    if has("datagrams_from_a_python_client_answered_by_name", "python3") {
        let dir = Dir::new();
        for local in [dir.path("client.sock"), odd_name(&dir)] {
            let from = datagrams_from_their_client(python, &dir.path("server.sock"), &local);
            assert_eq!(from, local);
        }
    }
}

#[test]
fn datagrams_from_a_python_client_whose_name_the_kernel_picked() {
    if has("datagrams_from_a_python_client_whose_name_the_kernel_picked", "python3") {
        let from = datagrams_from_their_client(python, &Dir::new().path("server.sock"), "");
        let digits = from.strip_prefix('@').expect("an abstract name");
        assert!(digits.len() == 5 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{from}");
    }
}

#[test]
fn seqpacket_messages_to_a_python_server_an_empty_one_too() {
    if has("seqpacket_messages_to_a_python_server_an_empty_one_too", "python3") {
        let dir = Dir::new();
        seqpacket_to_their_server(python, &dir.path("packet.sock"));
        seqpacket_to_their_server(python, &odd_name(&dir));
    }
}

#[test]
fn seqpacket_messages_from_a_python_client_an_empty_one_too() {
    if has("seqpacket_messages_from_a_python_client_an_empty_one_too", "python3") {
        let dir = Dir::new();
        seqpacket_from_their_client(python, &dir.path("packet.sock"));
        seqpacket_from_their_client(python, &odd_name(&dir));
    }
}

#[test]
fn python_with_credentials_tells_our_empty_message_from_our_end() {
    if !has("python_with_credentials_tells_our_empty_message_from_our_end", "python3") {
        return;
    }
    let dir = Dir::new();
    let address = dir.path("packet.sock");
    let server = open_server(UDSOCK_SEQPACKET, &address);
    let mut reader = python(&["seqpacket-reader", &address]);
    let peer = server.accept(GUARD_MS).map_err(name_of).unwrap();
    assert_eq!(reader.line(), "ready");
    let me = std::process::id();
    for message in [&b""[..], b"hello", b"", b""] {
        send(&peer, message);
    }
    assert_eq!(peer.close(), 0);
    let expected = format!("0 {me}\n5 {me}\n0 {me}\n0 {me}\nend\n");
    assert_eq!(String::from_utf8(reader.finish()).unwrap(), expected);
}
