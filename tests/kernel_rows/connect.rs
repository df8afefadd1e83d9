//! Rows 15 and 17 to 19: connecting.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{LONG, asleep};
use crate::raw;
use support::*;

#[test]
fn row_15_nobody_behind_the_path() {
    for kind in KINDS {
        let dir = Dir::new();
        let at = |name: &str| dir.path(name);
        fs::write(at("file"), "").unwrap();
        fs::create_dir(at("directory")).unwrap();
        assert!(raw::make_fifo(&at("fifo")));
        drop(raw::server(kind, &at("stale")));
        symlink("nowhere", at("dangling")).unwrap();
        symlink("loop", at("loop")).unwrap();
        let mut cases = vec![
            ("file", libc::ECONNREFUSED),
            ("directory", libc::ECONNREFUSED),
            ("fifo", libc::ECONNREFUSED),
            ("stale", libc::ECONNREFUSED),
            ("missing", libc::ENOENT),
            ("dangling", libc::ENOENT),
            ("loop", libc::ELOOP),
            ("file/s", libc::ENOTDIR),
        ];
        let others = KINDS.into_iter().filter(|&other| other != kind);
        let of_another_kind: Vec<_> = others
            .map(|other| {
                let name = format!("kind {other}");
                (open_server(other, &at(&name)), name)
            })
            .collect();
        cases.extend(of_another_kind.iter().map(|(_, name)| (name.as_str(), libc::EPROTOTYPE)));
        let bound = create(kind);
        bound.bind(&at("bound")).unwrap();
        let shut_down = open_server(kind, &at("shut down"));
        if kind != UDSOCK_DGRAM {
            assert_eq!(shut_down.shutdown(UDSOCK_READ | UDSOCK_WRITE), 0);
            cases.extend([("bound", libc::ECONNREFUSED), ("shut down", libc::ECONNREFUSED)]);
        }
        for (name, errno) in cases {
            assert_eq!(raw::connect(&raw::socket(kind), at(name)), no(errno), "{name}");
            let refusal = try_open_client(kind, &at(name), None).unwrap_err();
            assert_eq!(refusal.code, no(errno), "{name}: {refusal:?}");
            assert!(refusal.message.starts_with("open client "), "{refusal:?}");
            assert!(refusal.message.contains(&at(name)), "{refusal:?}");
            if kind == UDSOCK_DGRAM {
                assert_eq!(open_datagram(None).send_to(b"x", &at(name), 0), no(errno), "{name}");
            }
        }
    }
}

#[test]
fn row_15_links_to_a_socket_lead_there() {
    for kind in KINDS {
        let dir = Dir::new();
        let _server = open_server(kind, &dir.path("s"));
        symlink("s", dir.path("soft")).unwrap();
        fs::hard_link(dir.path("s"), dir.path("hard")).unwrap();
        for name in ["soft", "hard"] {
            let client = open_client(kind, &dir.path(name));
            assert_eq!(client.send(b"x", 0), 1);
            assert_eq!(client.remote_address().unwrap(), dir.path(name));
        }
    }
}

fn with_backlog(backlog: i32) -> udsock_bind_options {
    udsock_bind_options { backlog, ..bind_options() }
}

fn without_waiting() -> udsock_connect_options {
    udsock_connect_options { flags: UDSOCK_DONT_WAIT, ..connect_options() }
}

fn within(timeout_ms: i32) -> udsock_connect_options {
    udsock_connect_options { timeout_ms, ..connect_options() }
}

#[test]
fn row_17_a_backlog_of_n_holds_n_and_one_more() {
    for kind in CONNECTED_KINDS {
        for backlog in [1, 2, 5] {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = try_open_server(kind, &path, Some(&with_backlog(backlog))).unwrap();
            let connect = || try_open_client(kind, &path, Some(&without_waiting()));
            let clients: Vec<_> = (0..=backlog).map(|_| connect().expect("room")).collect();
            let refusal = connect().unwrap_err();
            assert_eq!(refusal.code, no(libc::EAGAIN), "{refusal:?}");

            let waiting = create(kind);
            let trap = raw::poll(waiting.fd(), libc::POLLOUT);
            assert!(trap & libc::POLLHUP != 0, "poll does not wait for room: {trap:#x}");
            let start = Instant::now();
            let refusal = waiting.connect(&path, Some(&within(40))).unwrap_err();
            assert_eq!(refusal.code, no(libc::ETIMEDOUT), "{refusal:?}");
            assert!(start.elapsed() >= Duration::from_millis(40));

            thread::scope(|scope| {
                let connecting = asleep(scope, || waiting.connect(&path, Some(&within(LONG))));
                drop(server.accept(0).expect("the first client"));
                connecting.join().expect("there is room now");
            });
            // All of them, and the one that waited.
            for _ in 0..=backlog {
                assert!(server.accept(0).is_ok());
            }
            assert_eq!(server.accept(0).unwrap_err(), no(libc::EAGAIN));
            drop(clients);
        }
    }
}

#[test]
fn row_17_without_a_backlog_it_is_the_systems_maximum() {
    let most = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    // No more than descriptors are left for.
    let some = most.trim().parse::<usize>().unwrap().min(200);
    for backlog in [0, -1, i32::MIN, 100_000, i32::MAX] {
        let dir = Dir::new();
        let path = dir.path("s");
        let _server = try_open_server(UDSOCK_STREAM, &path, Some(&with_backlog(backlog))).unwrap();
        let clients: Vec<_> = (0..=some)
            .map(|_| try_open_client(UDSOCK_STREAM, &path, Some(&without_waiting())))
            .collect();
        assert!(clients.iter().all(Result::is_ok), "backlog {backlog}");
    }
}

#[test]
fn row_18_close_wakes_a_connect_that_waits_for_room() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let path = dir.path("s");
        let _server = try_open_server(kind, &path, Some(&with_backlog(1))).unwrap();
        let _queued = [open_client(kind, &path), open_client(kind, &path)];
        let waiting = create(kind);
        let refusal = thread::scope(|scope| {
            let connecting = asleep(scope, || waiting.connect(&path, Some(&within(LONG))));
            assert_eq!(waiting.close(), 0);
            connecting.join().unwrap_err()
        });
        assert_eq!(refusal.code, CLOSED, "{refusal:?}");
    }
}

#[test]
fn row_19_after_a_failed_connect_the_socket_can_try_again() {
    for kind in KINDS {
        let dir = Dir::new();
        let client = create(kind);
        let local = c(&dir.path("client"));
        let options = udsock_connect_options { local_address: local.as_ptr(), ..connect_options() };
        fs::write(dir.path("file"), "").unwrap();
        let other = KINDS.into_iter().find(|&other| other != kind).unwrap();
        let _other = open_server(other, &dir.path("other"));
        for (name, errno) in
            [("missing", libc::ENOENT), ("file", libc::ECONNREFUSED), ("other", libc::EPROTOTYPE)]
        {
            let refusal = client.connect(&dir.path(name), Some(&options)).unwrap_err();
            assert_eq!(refusal.code, no(errno), "{name}: {refusal:?}");
        }
        let server = open_server(kind, &dir.path("s"));
        client.connect(&dir.path("s"), Some(&options)).expect("the same socket");
        assert_eq!(client.send(b"x", 0), 1);
        let seen = match kind {
            UDSOCK_DGRAM => server.recv_from(0).unwrap().1,
            _ => server.accept(0).unwrap().remote_address().unwrap(),
        };
        assert_eq!(seen, dir.path("client"));
    }
}

#[test]
fn row_19_connected_is_connected() {
    let dir = Dir::new();
    for kind in CONNECTED_KINDS {
        let (one, two) = (dir.path(&format!("one {kind}")), dir.path(&format!("two {kind}")));
        let _servers = [open_server(kind, &one), open_server(kind, &two)];
        let client = open_client(kind, &one);
        for path in [&one, &two] {
            let refusal = client.connect(path, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::EISCONN), "{refusal:?}");
        }
        assert_eq!(client.remote_address().unwrap(), one);
    }
    let servers = ["one", "two"].map(|name| open_datagram(Some(&dir.path(name))));
    let client = create(UDSOCK_DGRAM);
    for (name, server) in ["one", "two"].into_iter().zip(&servers) {
        client.connect(&dir.path(name), None).expect("a datagram socket may connect anew");
        assert_eq!(client.send(b"x", 0), 1);
        assert_eq!(server.recv(0).unwrap(), b"x");
        assert_eq!(client.remote_address().unwrap(), dir.path(name));
    }
}
