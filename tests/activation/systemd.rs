//! Started by systemd's own systemd-socket-activate, which needs no systemd that runs.

use crate::launch::activate_by_systemd;
use crate::peer::GUARD_MS;
use crate::{activated, name};
use support::*;

/// Connects once the socket is there.
fn call(kind: u32, address: &str) -> Sock {
    let local = c"@";
    let options = udsock_connect_options {
        flags: UDSOCK_RETRY,
        timeout_ms: GUARD_MS,
        local_address: local.as_ptr(),
        ..connect_options()
    };
    try_open_client(kind, address, Some(&options)).expect("systemd has opened it")
}

/// A client is answered; it is the one that the program was started for.
fn answers(test: &str, kind: u32, options: &[&str]) {
    let callers = |[address]: &[String; 1]| {
        let client = call(kind, address);
        assert_eq!(client.send(b"hello", GUARD_MS), 5);
        assert_eq!(client.recv(GUARD_MS), Ok(b"good day".to_vec()));
        assert_eq!(client.recv(GUARD_MS), Err(EOF));
    };
    activate_by_systemd(test, options, callers, || {
        let [server] = activated();
        assert_eq!(server.option(UDSOCK_OPTION_KIND), kind.into());
        assert_eq!(server.option(UDSOCK_OPTION_LISTENING), 1);
        assert_eq!(name(&server), Ok("unknown".into()));
        let client = server.accept(GUARD_MS).expect("it has come");
        assert_eq!(client.recv(GUARD_MS), Ok(b"hello".to_vec()));
        assert_eq!(client.send(b"good day", GUARD_MS), 8);
    });
}

#[test]
fn a_stream_server_by_systemd() {
    answers("systemd::a_stream_server_by_systemd", UDSOCK_STREAM, &[]);
}

#[test]
fn a_seqpacket_server_by_systemd() {
    answers("systemd::a_seqpacket_server_by_systemd", UDSOCK_SEQPACKET, &["--seqpacket"]);
}

#[test]
fn a_datagram_socket_by_systemd() {
    const TEST: &str = "systemd::a_datagram_socket_by_systemd";
    let callers = |[address]: &[String; 1]| {
        // What the program is started for waits in the socket for it.
        let client = call(UDSOCK_DGRAM, address);
        assert_eq!(client.send(b"hello", GUARD_MS), 5);
        assert_eq!(client.recv(GUARD_MS), Ok(b"good day".to_vec()));
    };
    activate_by_systemd(TEST, &["--datagram"], callers, || {
        let [socket] = activated();
        assert_eq!(socket.option(UDSOCK_OPTION_KIND), UDSOCK_DGRAM.into());
        let (message, from) = socket.recv_from(GUARD_MS).expect("it has come");
        assert_eq!(message, b"hello");
        assert_eq!(socket.send_to(b"good day", &from, GUARD_MS), 8);
    });
}

#[test]
fn names_by_systemd() {
    const TEST: &str = "systemd::names_by_systemd";
    let callers = |addresses: &[String; 2]| {
        let clients = addresses.each_ref().map(|address| call(UDSOCK_STREAM, address));
        for (client, name) in clients.iter().zip(["web", "admin"]) {
            assert_eq!(client.recv(GUARD_MS), Ok(name.into()));
        }
    };
    activate_by_systemd(TEST, &["--fdname=web:admin"], callers, || {
        let servers: [Sock; 2] = activated();
        for server in &servers {
            let name = name(server).expect("it has one");
            let client = server.accept(GUARD_MS).expect("it has come");
            assert_eq!(client.send(name.as_bytes(), GUARD_MS), name.len() as i64);
        }
    });
}
