//! Programs that take a live server's path, or remove it: UDSOCK_RESTORE_FILE gets it back, but
//! from no one who took it over on purpose.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::forked::Forked;
use crate::poller::Poller;
use crate::process::{
    Mounted, as_own_user, asleep, in_child, in_fork, is_root, sleeps, without_rights,
};
use crate::raw;
use support::*;

mod ends;
mod obstacles;
mod spare_names;

/// Against a hang only.
const LONG: i32 = 60_000;

fn with(flags: u32) -> udsock_bind_options {
    udsock_bind_options { flags, ..bind_options() }
}

fn restoring(path: &str) -> Sock {
    restoring_with(path, 0)
}

fn restoring_with(path: &str, flags: u32) -> Sock {
    try_open_server(UDSOCK_STREAM, path, Some(&with(UDSOCK_RESTORE_FILE | flags)))
        .unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

fn owns(server: &Sock) -> i64 {
    server.option(UDSOCK_OPTION_OWNS_FILE)
}

fn restored(server: &Sock) -> i64 {
    server.option(UDSOCK_OPTION_RESTORED)
}

/// redis, gunicorn, mosquitto and many others: unlink, bind, listen.
fn take_by_unlinking(path: &str) -> OwnedFd {
    loop {
        let _ = fs::remove_file(path);
        let server = raw::socket(UDSOCK_STREAM);
        // The path may be had back already.
        if raw::bind(&server, path) == 0 {
            assert_eq!(raw::listen(&server, 10), 0);
            return server;
        }
    }
}

/// HAProxy, lldpd: bound elsewhere, renamed over it.
fn take_by_renaming(path: &str) -> OwnedFd {
    let beside = format!("{path}.tmp");
    let server = raw::server(UDSOCK_STREAM, &beside);
    fs::rename(beside, path).unwrap();
    server
}

/// varnishd: a file that nobody is behind.
fn leave_a_dead_file(path: &str) {
    drop(take_by_unlinking(path));
}

fn remove(path: &str) {
    fs::remove_file(path).unwrap();
}

/// Who has taken the path, if anybody is there now.
type Loss = fn(&str) -> Option<OwnedFd>;

/// Every way to lose a path.
fn losses() -> [(&'static str, Loss); 5] {
    [
        ("removed", |path| {
            remove(path);
            None
        }),
        ("taken by unlink and bind", |path| Some(take_by_unlinking(path))),
        ("taken by rename", |path| Some(take_by_renaming(path))),
        ("a dead file", |path| {
            leave_a_dead_file(path);
            None
        }),
        ("renamed away", |path| {
            fs::rename(path, format!("{path}.away")).unwrap();
            fs::remove_file(format!("{path}.away")).unwrap();
            None
        }),
    ]
}

/// The client asks who is there.
fn who_answers(path: &str) -> Vec<u8> {
    let retry =
        udsock_connect_options { flags: UDSOCK_RETRY, timeout_ms: LONG, ..connect_options() };
    let client = try_open_client(UDSOCK_STREAM, path, Some(&retry)).expect("a server");
    client.recv(LONG).unwrap_or_default()
}

/// Whether it is the file of the server that claims it, without asking: that would bring it back.
fn leads_to_it(path: &str) -> bool {
    let spare = fs::read_dir(Path::new(path).parent().unwrap()).unwrap().find_map(|entry| {
        let entry = entry.unwrap();
        entry.file_name().to_string_lossy().ends_with("-spare").then(|| entry.metadata().unwrap())
    });
    let inode = |file: fs::Metadata| file.ino();
    fs::symlink_metadata(path).ok().map(inode) == spare.map(inode)
}

/// For a lock that nobody lets go 50 microseconds are slept, twice as many, and so on; then 5 ms each
/// time, until it is a second.
const SLEEPS_FOR_A_LOCK: libc::c_long = 206;

/// Another process that sits on the lock of the directory.
fn holder_of(dir: &Dir) -> Forked {
    let path = dir.path("");
    Forked::holding(|| {
        let directory = fs::File::open(path).unwrap();
        flock(&directory, libc::LOCK_EX);
        directory
    })
}

/// Until it is so, or too long.
fn comes_true(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_server_that_waits_for_clients_gets_its_path_back_at_once() {
    let dir = Dir::new();
    for (way, lose) in losses() {
        let path = dir.path("s");
        let server = restoring(&path);
        // In the queue from before.
        let early = open_client(UDSOCK_STREAM, &path);
        let connected = open_client(UDSOCK_STREAM, &path);
        let peers = [0, 1].map(|_| server.accept(LONG).unwrap());
        let queued = open_client(UDSOCK_STREAM, &path);
        thread::scope(|scope| {
            scope.spawn(|| {
                while let Ok(peer) = server.accept(LONG) {
                    peer.send(b"ours", LONG);
                }
            });
            let _taker = lose(&path);
            comes_true(way, || leads_to_it(&path) && restored(&server) > 0);
            assert_eq!(who_answers(&path), b"ours", "{way}");
            assert_eq!(queued.recv(LONG), Ok(b"ours".to_vec()), "{way}: its queue");
            assert_eq!(server.close(), 0);
        });
        // Its connections.
        for (client, peer) in [early, connected].iter().zip(&peers) {
            assert_eq!(peer.send(b"still", LONG), 5, "{way}");
            assert_eq!(client.recv(LONG), Ok(b"still".to_vec()), "{way}");
        }
        assert_eq!(dir.list(), [""; 0], "{way}: nothing is left");
    }
}

#[test]
fn so_does_one_in_a_poller() {
    let dir = Dir::new();
    for (way, lose) in losses() {
        let path = dir.path("s");
        let server = restoring(&path);
        let poller = Poller::new();
        assert_eq!(poller.add(&server, 1), 0);
        let before = poller.wait(0).unwrap();
        assert_eq!(before.len(), 0, "nothing has happened");
        let _taker = lose(&path);
        let client = thread::scope(|scope| {
            let client = scope.spawn(|| {
                comes_true(way, || leads_to_it(&path) && restored(&server) > 0);
                open_client(UDSOCK_STREAM, &path)
            });
            assert_eq!(poller.next().token, 1, "{way}: the client, and nothing else");
            client.join().unwrap()
        });
        assert_eq!(poller.remove(&server), 0);
        // Nobody looks now, until somebody asks.
        remove(&path);
        assert_eq!(poller.wait(0).unwrap().len(), 0);
        assert!(fs::metadata(&path).is_err());
        assert_eq!(owns(&server), 1, "{way}");
        drop((client, server));
        assert_eq!(dir.list(), [""; 0], "{way}");
    }
}

/// Programs with a loop of their own, which watch the descriptor.
#[test]
fn who_asks_whether_it_owns_its_file_has_it_back() {
    let dir = Dir::new();
    for (way, lose) in losses() {
        let path = dir.path("s");
        let server = restoring(&path);
        assert_eq!((owns(&server), restored(&server)), (1, 0));
        let _taker = lose(&path);
        assert_eq!((owns(&server), restored(&server)), (1, 1), "{way}");
        let _client = open_client(UDSOCK_STREAM, &path);
        assert!(server.accept(LONG).is_ok(), "{way}");
        drop(server);
        assert_eq!(dir.list(), [""; 0], "{way}");
    }
}

/// Without the flag nothing is had back, and nothing of others is touched.
#[test]
fn who_did_not_ask_for_it_does_not() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = open_server(UDSOCK_STREAM, &path);
    let taker = take_by_unlinking(&path);
    assert_eq!(server.accept(50).err(), Some(no(libc::ETIMEDOUT)));
    assert_eq!((owns(&server), restored(&server)), (0, 0));
    drop(server);
    assert_eq!(dir.list(), ["s"]);
    drop(taker);
}

/// Four in ten programs remove the path when they are stopped, whoever has it by then.
#[test]
fn a_replaced_program_that_removes_the_path_at_its_end() {
    let dir = Dir::new();
    let path = dir.path("s");
    let foreign = raw::server(UDSOCK_STREAM, &path);
    let server = restoring_with(&path, UDSOCK_REPLACE);
    assert_eq!(dir.list().len(), 2, "the path, and the spare name: {:?}", dir.list());
    thread::scope(|scope| {
        scope.spawn(|| {
            while let Ok(peer) = server.accept(LONG) {
                peer.send(b"ours", LONG);
            }
        });
        drop(foreign);
        remove(&path);
        assert_eq!(who_answers(&path), b"ours");
        assert_eq!(server.close(), 0);
    });
    assert_eq!(dir.list(), [""; 0]);
}

#[test]
fn who_replaces_on_purpose_keeps_the_path() {
    for successors in [UDSOCK_REPLACE, UDSOCK_REPLACE | UDSOCK_RESTORE_FILE] {
        let dir = Dir::new();
        let path = dir.path("s");
        let old = restoring(&path);
        let looks = AtomicU32::new(0);
        thread::scope(|scope| {
            // It looks up all the time, and is told of each change.
            let drained = scope.spawn(|| {
                while owns(&old) == 1 {
                    let _ = old.accept(1);
                    looks.fetch_add(1, Ordering::Relaxed);
                }
                for _ in 0..100 {
                    let _ = old.accept(1);
                    assert_eq!(owns(&old), 0, "a successor's path");
                }
            });
            comes_true("it looks", || looks.load(Ordering::Relaxed) > 2);
            let new = try_open_server(UDSOCK_STREAM, &path, Some(&with(successors))).unwrap();
            drained.join().unwrap();
            assert_eq!((owns(&new), restored(&new), restored(&old)), (1, 0, 0));
            // Removed once more: it is the successor's to get back, if it asked for that.
            remove(&path);
            assert_eq!(owns(&old), 0);
            let expected = i64::from(successors & UDSOCK_RESTORE_FILE != 0);
            assert_eq!((owns(&new), restored(&new)), (expected, expected));
            assert_eq!(old.close(), 0);
            assert_eq!(fs::metadata(&path).is_ok(), expected == 1);
            assert_eq!(new.close(), 0);
        });
        assert_eq!(dir.list(), [""; 0]);
    }
}

/// Servers that all want the path, and all claim it: the last one has it, and no one before it
/// ever again.
#[test]
fn servers_that_replace_each_other_do_not_fight() {
    in_child(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        let servers: Vec<Sock> = thread::scope(|scope| {
            let starters: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let server = restoring_with(&path, UDSOCK_REPLACE);
                        for _ in 0..50 {
                            let _ = server.accept(1);
                        }
                        server
                    })
                })
                .collect();
            starters.into_iter().map(|starter| starter.join().unwrap()).collect()
        });
        let owners = || servers.iter().filter(|server| owns(server) == 1).count();
        assert_eq!(owners(), 1);
        assert_eq!(servers.iter().map(restored).sum::<i64>(), 0, "nobody took it back");
        remove(&path);
        assert_eq!(owners(), 1);
        assert_eq!(servers.iter().map(restored).sum::<i64>(), 1, "its owner did");
        drop(servers);
        assert_eq!(dir.list(), [""; 0]);
    });
}

#[test]
fn of_two_that_claim_a_path_the_second_is_refused() {
    let dir = Dir::new();
    let path = dir.path("s");
    let first = restoring(&path);
    remove(&path);
    // It has not noticed yet.
    let claim = with(UDSOCK_RESTORE_FILE);
    let refusal = try_open_server(UDSOCK_STREAM, &path, Some(&claim)).expect_err("it is claimed");
    assert_eq!(refusal.code, no(libc::EADDRINUSE));
    assert!(refusal.message.contains("a live stream server is there (pid"), "{refusal:?}");
    assert_eq!((owns(&first), restored(&first)), (1, 1));
    drop(first);
    assert_eq!(dir.list(), [""; 0]);
}

#[test]
fn from_who_takes_it_again_and_again_it_is_not_had_back() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = restoring(&path);
    let mut takers = Vec::new();
    for time in 1..=8 {
        takers.push(take_by_unlinking(&path));
        assert_eq!((owns(&server), restored(&server)), (1, time));
    }
    takers.push(take_by_unlinking(&path));
    for _ in 0..3 {
        assert_eq!((owns(&server), restored(&server)), (0, 8));
        let _ = server.accept(1);
    }
    assert_eq!(dir.list(), ["s"], "no spare name is left");
    drop(server);
    assert_eq!(dir.list(), ["s"], "the taker's");
}
