//! Replacements under clients that notice nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::processes::*;
use crate::{owns_file, with};
use support::*;

const CLIENTS: usize = 4;
/// How many exchanges there are between two replacements, at least.
const BETWEEN: u64 = 10;
/// Against a hang only.
const LONG: i32 = 60_000;
const HANG: Duration = Duration::from_secs(600);
/// After so long without a client a server that was replaced has no more.
const GRACE: i32 = 100;

/// What the servers, the clients and the operator have in common.
#[derive(Default)]
struct Service {
    /// The newest server: its start has returned.
    newest: AtomicU64,
    clients_stop: AtomicBool,
    servers_stop: AtomicBool,
    exchanges: AtomicU64,
    /// Exchanges with a server that had been replaced.
    drained: AtomicU64,
    failed_connects: AtomicU64,
    resets: AtomicU64,
    wrong_answers: AtomicU64,
}

#[test]
fn clients_notice_no_replacement() {
    in_own_process("replacements::clients_notice_no_replacement", || {
        let count = repeat("UDSOCK_REPLACE_COUNT", 200);
        for kind in CONNECTED_KINDS {
            operate(kind, count / 2);
        }
    });
}

fn operate(kind: u32, replacements: u64) {
    let dir = Dir::new();
    let path = dir.path("path.sock");
    let service = Shared::new(Service::default());
    let mut servers = Vec::new();
    let start = |number: u64, servers: &mut Vec<Process>| {
        servers.push(fork(|| serve(&service, number, kind, &path)));
        wait_until(servers, |_| service.newest.load(Ordering::Acquire) == number);
    };
    start(1, &mut servers);
    let mut clients: Vec<Process> = (0..CLIENTS)
        .map(|number| fork(|| be_client(&service, number as u32, kind, &path)))
        .collect();
    for number in 2..=replacements + 1 {
        let enough = service.exchanges.load(Ordering::Relaxed) + BETWEEN;
        wait_until(&mut servers, |_| service.exchanges.load(Ordering::Relaxed) >= enough);
        start(number, &mut servers);
    }

    service.clients_stop.store(true, Ordering::Relaxed);
    assert!(clients.iter_mut().all(|client| client.wait().success()));
    // All but the last one have seen that they were replaced.
    wait_until(&mut servers, |running| running == 1);
    service.servers_stop.store(true, Ordering::Relaxed);
    assert!(servers.iter_mut().all(|server| server.wait().success()));
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (failed, resets) = (count(&service.failed_connects), count(&service.resets));
    let wrong = count(&service.wrong_answers);
    eprintln!(
        "replacements: {replacements} under {} exchanges (kind {kind}), {} of them with a server \
         that had been replaced: {failed} connects failed, {resets} were reset, {wrong} answers \
         were wrong",
        count(&service.exchanges),
        count(&service.drained),
    );
    assert_eq!((failed, resets, wrong), (0, 0, 0));
    assert_eq!(dir.list(), [""; 0]);
}

/// Waits for what the processes do, and reaps servers that have left, as they should. The
/// condition is given how many still run.
fn wait_until(servers: &mut Vec<Process>, condition: impl Fn(usize) -> bool) {
    let start = Instant::now();
    while !condition(servers.len()) {
        assert!(start.elapsed() < HANG, "{} servers still run", servers.len());
        servers.retain_mut(|server| match server.try_wait() {
            None => true,
            Some(status) => {
                assert!(status.success(), "a server: {status}");
                false
            }
        });
        thread::sleep(Duration::from_micros(200));
    }
}

/// A server as a program would have it: until it is replaced, and then as long as clients
/// come that had found it before.
fn serve(service: &Service, number: u64, kind: u32, path: &str) {
    let server = try_open_server(kind, path, Some(&with(UDSOCK_REPLACE)))
        .unwrap_or_else(|refusal| panic!("server {number}: {refusal:?}"));
    service.newest.store(number, Ordering::Release);
    while owns_file(&server) && !service.servers_stop.load(Ordering::Relaxed) {
        answer_next(&server, number, 10);
    }
    while answer_next(&server, number, GRACE) {
        service.drained.fetch_add(1, Ordering::Relaxed);
    }
    assert_eq!(server.close(), 0);
}

/// Whether a client came.
fn answer_next(server: &Sock, number: u64, timeout_ms: i32) -> bool {
    let connection = match server.accept(timeout_ms) {
        Ok(connection) => connection,
        Err(code) => {
            assert_eq!(code, no(libc::ETIMEDOUT), "{}", name_of(code));
            return false;
        }
    };
    let mut answer = connection.recv(LONG).unwrap_or_else(|code| panic!("{}", name_of(code)));
    answer.reverse();
    answer.extend(number.to_le_bytes());
    assert_eq!(connection.send(&answer, LONG), answer.len() as i64);
    true
}

fn be_client(service: &Service, client: u32, kind: u32, path: &str) {
    let mut exchanges = 0_u32;
    while !service.clients_stop.load(Ordering::Relaxed) {
        exchanges += 1;
        let newest = service.newest.load(Ordering::Acquire);
        let connection = match try_open_client(kind, path, None) {
            Ok(connection) => connection,
            Err(refusal) => {
                eprintln!("client {client}: {refusal:?}");
                service.failed_connects.fetch_add(1, Ordering::Relaxed);
                continue;
            }
        };
        let mut request = [client.to_le_bytes(), exchanges.to_le_bytes()].concat();
        let answer = match connection.send(&request, LONG) {
            8 => connection.recv(LONG),
            code => Err(code),
        };
        request.reverse();
        match answer {
            Err(code) => {
                eprintln!("client {client}: {}", name_of(code));
                service.resets.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer) if is_right(&answer, &request, newest) => {
                service.exchanges.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer) => {
                eprintln!("client {client}: {answer:?} to {request:?} after server {newest}");
                service.wrong_answers.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Whether this is the answer, and not of a server older than the one that was known.
fn is_right(answer: &[u8], expected: &[u8], newest: u64) -> bool {
    answer.split_at_checked(expected.len()).is_some_and(|(words, number)| {
        words == expected && number.try_into().is_ok_and(|it| u64::from_le_bytes(it) >= newest)
    })
}
