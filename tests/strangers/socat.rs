//! `socat`: streams, datagrams and seqpacket, at paths and at abstract names.

use std::process::Command;

use crate::conversation::*;
use crate::peer::{GUARD_MS, Peer};
use support::*;

/// `-t`: how long after the end of one direction it waits for the other.
fn socat(from: &str, to: &str) -> Peer {
    Peer::start(Command::new("socat").args(["-t20", from, to]))
}

/// What stands behind the keyword: for an abstract name without its `@`.
fn keyword(path: &str, name: &str, address: &str) -> String {
    match address.strip_prefix('@') {
        Some(abstract_name) => format!("{name}:{abstract_name}"),
        None => format!("{path}:{address}"),
    }
}

/// A path and an abstract name.
fn addresses(dir: &Dir) -> [String; 2] {
    [dir.path("socat.sock"), abstract_name(dir)]
}

#[test]
fn a_stream_to_socat_that_listens() {
    if has("a_stream_to_socat_that_listens", "socat") {
        for address in addresses(&Dir::new()) {
            for data in [b"hello".to_vec(), blob()] {
                let listen = keyword("UNIX-LISTEN", "ABSTRACT-LISTEN", &address);
                let server = socat(&listen, "PIPE");
                let client = connect(UDSOCK_STREAM, &address);
                assert!(exchange(&client, &data) == data);
                server.finish();
            }
        }
    }
}

#[test]
fn a_stream_from_socat() {
    if has("a_stream_from_socat", "socat") {
        let client = |arguments: &[&str]| {
            socat("-", &keyword("UNIX-CONNECT", "ABSTRACT-CONNECT", arguments[1]))
        };
        for address in addresses(&Dir::new()) {
            stream_from_their_client(client, &address);
        }
    }
}

#[test]
fn datagrams_to_socat_which_answers() {
    if has("datagrams_to_socat_which_answers", "socat") {
        for local in ["local.sock", "@"] {
            let dir = Dir::new();
            let local = if local == "@" { local.into() } else { dir.path(local) };
            for address in addresses(&dir) {
                let receive = keyword("UNIX-RECVFROM", "ABSTRACT-RECVFROM", &address);
                let _server = socat(&receive, "PIPE");
                let client = connect_from(UDSOCK_DGRAM, &address, Some(&local));
                send(&client, b"a datagram\0");
                let answer = client.recv_from(GUARD_MS).map_err(name_of);
                assert_eq!(answer, Ok((b"a datagram\0".to_vec(), address)));
            }
        }
    }
}

#[test]
fn datagrams_from_socat_and_an_answer() {
    if has("datagrams_from_socat_and_an_answer", "socat") {
        for address in addresses(&Dir::new()) {
            let server = open_datagram(Some(&address));
            let to = keyword("UNIX-SENDTO", "ABSTRACT-SENDTO", &address);
            let local = format!("{address}-local");
            // Its own name is of the same sort as the server's.
            let mut client = socat("-", &format!("{to},bind={}", local.trim_start_matches('@')));
            client.feed(b"a datagram\0");
            let (data, from) = server.recv_from(GUARD_MS).map_err(name_of).unwrap();
            assert_eq!((&data[..], &from), (&b"a datagram\0"[..], &local));
            let answer = b"an answer\n";
            assert_eq!(server.send_to(answer, &from, GUARD_MS), answer.len() as i64);
            assert_eq!(client.line(), "an answer");
        }
    }
}

#[test]
fn seqpacket_messages_to_socat_that_listens() {
    if has("seqpacket_messages_to_socat_that_listens", "socat") {
        for address in addresses(&Dir::new()) {
            let listen = keyword("UNIX-LISTEN", "ABSTRACT-LISTEN", &address);
            let server = socat(&(listen + ",type=5"), "PIPE");
            let client = connect(UDSOCK_SEQPACKET, &address);
            // One at a time: a pipe has no bounds. No empty one: for socat that is the end.
            for message in [&b"one"[..], b"\0another\xff"] {
                send(&client, message);
                assert_eq!(recv(&client), Ok(message.to_vec()));
            }
            assert_eq!(client.shutdown(UDSOCK_WRITE), 0);
            assert_eq!(recv(&client), Err("UDSOCK_EOF".into()));
            server.finish();
        }
    }
}

#[test]
fn seqpacket_messages_from_socat() {
    if has("seqpacket_messages_from_socat", "socat") {
        for address in addresses(&Dir::new()) {
            let server = open_server(UDSOCK_SEQPACKET, &address);
            let to = keyword("UNIX-CONNECT", "ABSTRACT-CONNECT", &address);
            let mut client = socat("-", &(to + ",type=5"));
            client.feed(b"a message\0");
            let peer = server.accept(GUARD_MS).map_err(name_of).unwrap();
            assert_eq!(recv(&peer), Ok(b"a message\0".to_vec()));
            assert_eq!(recv(&peer), Err("UDSOCK_EOF".into()));
            for message in ["one ", "another"] {
                send(&peer, message.as_bytes());
            }
            assert_eq!(peer.close(), 0);
            assert_eq!(client.finish(), b"one another");
        }
    }
}
