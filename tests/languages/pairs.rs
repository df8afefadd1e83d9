//! Every language as a server, with every language as its client.

use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::languages::{Language, ours, strangers};
use crate::peer::{GUARD_MS, Peer};
use support::*;

/// More than any socket buffer holds, with every byte in it.
fn blob() -> Vec<u8> {
    (0..300 * 1024_u32).map(|i| (i ^ (i >> 8)) as u8).collect()
}

/// A server that is ready: one of datagrams says so, of the others the kernel does. (To try
/// it would be noticed there.)
fn serve(language: &Language, kind: &str, address: &str) -> Peer {
    let mut server = language.start(&[&format!("{kind}-server"), address]);
    if kind == "datagram" {
        assert_eq!(server.line(), "ready", "{}", language.name);
        return server;
    }
    let deadline = Instant::now() + Duration::from_millis(GUARD_MS as u64);
    while !listens(address) {
        assert!(Instant::now() < deadline, "{} does not listen", language.name);
        thread::sleep(Duration::from_millis(2));
    }
    server
}

/// As proc_net_unix(5) has it: num, refcount, protocol, flags, type, state, inode, path.
fn listens(address: &str) -> bool {
    const LISTENS: &str = "00010000";
    // Whatever bytes the names of others have.
    let sockets = fs::read("/proc/net/unix").expect("Linux has it");
    String::from_utf8_lossy(&sockets).lines().any(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields.get(3) == Some(&LISTENS) && fields.last() == Some(&address)
    })
}

fn talk(language: &Language, kind: &str, address: &str, local: &str) {
    let role = format!("{kind}-client");
    if kind == "stream" {
        let mut client = language.start(&[&role, address]);
        client.feed(&blob());
        assert!(client.finish() == blob(), "{}", language.name);
    } else {
        let local = if kind == "datagram" { &[local][..] } else { &[] };
        language.start(&[&[&role, address], local].concat()).finish();
    }
}

fn all_pairs(servers: &[Language], clients: &[Language]) {
    for server in servers {
        for kind in server.kinds {
            let dir = Dir::new();
            let address = dir.path("server.sock");
            let _running = serve(server, kind, &address);
            for (index, client) in clients.iter().enumerate() {
                if client.kinds.contains(kind) {
                    eprintln!("{kind}: {} serves, {} asks", server.name, client.name);
                    talk(client, kind, &address, &dir.path(&format!("client{index}.sock")));
                }
            }
        }
    }
}

#[test]
fn every_language_talks_to_every_other() {
    let languages = ours("every_language_talks_to_every_other");
    all_pairs(&languages, &languages);
}

#[test]
fn every_language_serves_those_who_have_never_heard_of_us() {
    const TEST: &str = "every_language_serves_those_who_have_never_heard_of_us";
    all_pairs(&ours(TEST), &strangers(TEST));
}

#[test]
fn every_language_talks_to_servers_that_have_never_heard_of_us() {
    const TEST: &str = "every_language_talks_to_servers_that_have_never_heard_of_us";
    all_pairs(&strangers(TEST), &ours(TEST));
}
