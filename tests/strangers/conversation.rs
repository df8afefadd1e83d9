//! Our side of the conversations that every language can have.

use std::thread;

use crate::http::{self, Wire};
use crate::peer::{GUARD_MS, Peer, Start};
use support::*;

/// More than any socket buffer holds, with every byte in it.
pub fn blob() -> Vec<u8> {
    (0..300 * 1024_u32).map(|i| (i ^ (i >> 8)) as u8).collect()
}

/// What the clients and servers of messages exchange: the peers have the same.
pub fn messages() -> [Vec<u8>; 3] {
    [b"hello".to_vec(), Vec::new(), (0..=255).cycle().take(256 * 150).collect()]
}

/// An abstract name that no other test has.
pub fn abstract_name(dir: &Dir) -> String {
    format!("@{}", dir.path("name"))
}

/// A connection to a server that may still be starting.
pub fn connect(kind: u32, address: &str) -> Sock {
    connect_from(kind, address, None)
}

pub fn connect_from(kind: u32, address: &str, local: Option<&str>) -> Sock {
    let local = local.map(c);
    let options = udsock_connect_options {
        flags: UDSOCK_RETRY,
        timeout_ms: GUARD_MS,
        local_address: local.as_ref().map_or(std::ptr::null(), |local| local.as_ptr()),
        ..connect_options()
    };
    try_open_client(kind, address, Some(&options)).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

pub fn send(socket: &Sock, data: &[u8]) {
    let (result, sent) = socket.send_all(data, GUARD_MS);
    assert_eq!((result, sent), (data.len() as i64, data.len()), "{}", name_of(result));
}

pub fn recv(socket: &Sock) -> Result<Vec<u8>, String> {
    socket.recv(GUARD_MS).map_err(name_of)
}

/// All that comes until the peer says that this is all.
pub fn read_to_end(socket: &Sock) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match socket.recv(GUARD_MS) {
            Ok(data) => all.extend(data),
            Err(EOF) => return all,
            Err(code) => panic!("{}", name_of(code)),
        }
    }
}

/// Sends everything and the end, and meanwhile receives everything up to the end.
pub fn exchange(socket: &Sock, data: &[u8]) -> Vec<u8> {
    thread::scope(|scope| {
        scope.spawn(|| {
            send(socket, data);
            assert_eq!(socket.shutdown(UDSOCK_WRITE), 0);
        });
        read_to_end(socket)
    })
}

/// Says everything back to the next client.
pub fn echo(server: &Sock) {
    let peer = server.accept(GUARD_MS).map_err(name_of).expect("a client");
    loop {
        match recv(&peer) {
            Ok(data) => send(&peer, &data),
            Err(name) => return assert_eq!(name, "UDSOCK_EOF"),
        }
    }
}

pub fn stream_to_their_server(start: Start, address: &str) {
    let _server = start(&["stream-server", address]);
    for data in [b"hello".to_vec(), blob()] {
        let client = connect(UDSOCK_STREAM, address);
        assert_eq!(client.remote_address().unwrap(), address);
        assert!(exchange(&client, &data) == data);
    }
    let client = connect(UDSOCK_STREAM, address);
    for word in ["one", "another"] {
        send(&client, word.as_bytes());
        assert_eq!(client.recv_exact(word.len(), GUARD_MS).1, word.as_bytes());
    }
}

pub fn stream_from_their_client(start: Start, address: &str) {
    let server = open_server(UDSOCK_STREAM, address);
    for data in [b"hello".to_vec(), blob()] {
        let mut client = start(&["stream-client", address]);
        client.feed(&data);
        echo(&server);
        assert!(client.finish() == data);
    }
}

pub fn http_to_their_server(start: Start, address: &str) {
    let _server = start(&["http-server", address]);
    let socket = connect(UDSOCK_STREAM, address);
    let mut connection = std::io::BufReader::new(Wire(&socket));
    assert_eq!(http::request(&mut connection, "GET", "/server", b""), b"hello from /server");
    assert!(http::request(&mut connection, "POST", "/", &blob()) == blob());
}

/// How many connections the client made for its two requests.
pub fn http_from_their_client(start: Start, address: &str) -> usize {
    let served = http::while_serving(address, || {
        let mut client = start(&["http-client", address]);
        client.feed(&blob());
        assert_eq!(client.line(), "hello from /client");
        assert!(client.finish() == blob());
    });
    assert_eq!(served.requests, 2);
    served.connections
}

/// From each local address, with and without a connection; the answer has to find it.
pub fn datagrams_to_their_server(start: Start, address: &str, locals: &[&str]) {
    let mut server = start(&["datagram-server", address]);
    assert_eq!(server.line(), "ready");
    for local in locals {
        let socket = open_datagram(Some(local));
        for message in messages() {
            let sent = socket.send_to(&message, address, GUARD_MS);
            assert_eq!(sent, message.len() as i64, "{}", name_of(sent));
            assert_eq!(socket.recv_from(GUARD_MS), Ok((message, address.to_owned())));
        }
        // Not another socket of the same name: while another test starts a program, a
        // copy of this one may keep an abstract name for a moment after its close.
        socket.connect(address, None).unwrap();
        for message in messages() {
            send(&socket, &message);
            assert_eq!(recv(&socket), Ok(message));
        }
    }
}

/// The peer's address, by which it was answered.
pub fn datagrams_from_their_client(start: Start, address: &str, local: &str) -> String {
    let server = open_datagram(Some(address));
    let client = start(&["datagram-client", address, local]);
    let mut name = None;
    for message in messages() {
        let (data, from) = server.recv_from(GUARD_MS).map_err(name_of).unwrap();
        assert_eq!(data, message);
        assert_eq!(*name.get_or_insert_with(|| from.clone()), from);
        assert_eq!(server.send_to(&data, &from, GUARD_MS), data.len() as i64);
    }
    client.finish();
    name.expect("there were messages")
}

pub fn seqpacket_to_their_server(start: Start, address: &str) {
    let _server = start(&["seqpacket-server", address]);
    let client = connect(UDSOCK_SEQPACKET, address);
    for message in messages() {
        send(&client, &message);
    }
    for message in messages() {
        assert_eq!(recv(&client), Ok(message));
    }
    assert_eq!(recv(&client), Err("UDSOCK_EOF".into()));
}

pub fn seqpacket_from_their_client(start: Start, address: &str) {
    let server = open_server(UDSOCK_SEQPACKET, address);
    let client: Peer = start(&["seqpacket-client", address]);
    let peer = server.accept(GUARD_MS).map_err(name_of).unwrap();
    for message in messages() {
        assert_eq!(recv(&peer), Ok(message.clone()));
        send(&peer, &message);
    }
    assert_eq!(recv(&peer), Err("UDSOCK_EOF".into()));
    client.finish();
}
