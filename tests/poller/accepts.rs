//! Servers in a poller: who comes in, and under which token.

use std::os::fd::AsRawFd;

use crate::calls::*;
use crate::process::processor_time;
use crate::raw;
use support::*;

/// Has the poller accept one.
fn accepted(poller: &Poller, token: u64) -> Sock {
    let event = poller.next();
    assert_eq!(event.what(), (UDSOCK_EVENT_ACCEPTED, token), "{event:?}");
    assert_eq!((event.code, event.address.as_str()), (0, ""));
    Sock(event.socket)
}

fn refused(server: &Sock) -> i64 {
    server.option(UDSOCK_OPTION_REFUSED)
}

#[test]
fn a_member_that_listens_now_is_a_server_when_it_is_added_again() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let socket = create(kind);
        socket.bind(&path).unwrap();
        assert_eq!(poller.add(&socket, 1), 0);
        assert_eq!(socket.listen(0), 0);
        assert_eq!(poller.add(&socket, 2), 0);
        let client = open_client(kind, &path);
        let connection = accepted(&poller, 2);
        assert_eq!(client.send(b"one", 0), 3);
        assert_eq!(poller.next().what(), (UDSOCK_EVENT_RECEIVED, 2));
        drop(connection);
    }
}

#[test]
fn a_connection_has_the_server_s_token_until_it_gets_another() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let server = serving(&poller, kind, &path, u64::MAX);
        let client = open_client(kind, &path);
        let connection = accepted(&poller, u64::MAX);
        assert_ne!(connection.0, server.0);
        assert_eq!(connection.local_address(), Ok(path.clone()));

        assert_eq!(client.send(b"one", 0), 3);
        let event = poller.next();
        assert_eq!((event.socket, event.token), (connection.0, u64::MAX));
        assert_eq!((event.kind, &event.data[..]), (UDSOCK_EVENT_RECEIVED, &b"one"[..]));

        assert_eq!(poller.add(&connection, 0), 0, "it is a member already");
        assert_eq!(client.send(b"two", 0), 3);
        assert_eq!(poller.next().what(), (UDSOCK_EVENT_RECEIVED, 0));

        assert_eq!(poller.add(&server, 5), 0);
        let _second = open_client(kind, &path);
        let _connection = accepted(&poller, 5);
        assert_eq!(client.send(b"three", 0), 5);
        assert_eq!(poller.next().what(), (UDSOCK_EVENT_RECEIVED, 0), "that keeps its own");
        poller.is_quiet();
    }
}

#[test]
fn all_who_wait_at_the_door_come_in_once() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let server = serving(&poller, kind, &path, 1);
        let clients: Vec<_> = (0..100).map(|_| open_client(kind, &path)).collect();
        let events = poller.gather(100);
        assert!(events.iter().all(|event| event.what() == (UDSOCK_EVENT_ACCEPTED, 1)));
        let mut connections: Vec<_> = events.iter().map(|event| event.socket).collect();
        connections.sort_unstable();
        connections.dedup();
        assert_eq!(connections.len(), 100);
        let connections: Vec<_> = connections.into_iter().map(Sock).collect();
        for (number, client) in clients.iter().enumerate() {
            assert_eq!(client.send(&number.to_le_bytes(), 0), 8);
        }
        let mut numbers: Vec<_> = poller.gather(100).into_iter().map(|event| event.data).collect();
        numbers.sort_by_key(|bytes| usize::from_le_bytes(bytes[..].try_into().unwrap()));
        let all: Vec<_> = (0..100_usize).map(|number| number.to_le_bytes().to_vec()).collect();
        assert_eq!(numbers, all);
        drop(connections);
        assert_eq!(poller.remove(&server), 0, "their end is not its");
    }
}

#[test]
fn of_a_client_that_has_gone_again_comes_what_it_sent_and_then_the_end() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let _server = serving(&poller, kind, &path, 1);
        assert_eq!(open_client(kind, &path).send(b"bye", 0), 3);
        let connection = accepted(&poller, 1);
        let events = poller.gather(2);
        assert!(events.iter().all(|event| event.socket == connection.0));
        assert_eq!((events[0].kind, &events[0].data[..]), (UDSOCK_EVENT_RECEIVED, &b"bye"[..]));
        assert_eq!(events[1].kind, UDSOCK_EVENT_ENDED);
        poller.is_quiet();
    }
}

#[test]
fn who_is_not_on_the_list_does_not_come_in() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let server = serving(&poller, kind, &path, 1);
        // SAFETY: no pointers.
        let me = unsafe { libc::geteuid() };
        assert_eq!(udsock_allow_uid(server.0, me + 1), 0);
        let clients: Vec<_> = (0..40).map(|_| open_client(kind, &path)).collect();
        // (A slow machine does not come through in one.)
        while refused(&server) < 40 {
            is(poller.wait(50).unwrap_err(), libc::ETIMEDOUT);
        }
        for client in clients {
            assert_eq!(client.recv(LONG), Err(EOF));
        }
        assert_eq!(udsock_allow_uid(server.0, me), 0);
        let _client = open_client(kind, &path);
        drop(accepted(&poller, 1));
        assert_eq!(refused(&server), 40);
    }
}

#[test]
fn one_user_has_no_more_connections_than_the_cap_lets_it() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let server = serving(&poller, kind, &path, 1);
        assert_eq!(udsock_set_option(server.0, UDSOCK_OPTION_MAX_PER_UID, 2), 0);
        let _clients: Vec<_> = (0..5).map(|_| open_client(kind, &path)).collect();
        let connections = poller.gather(2);
        poller.is_quiet();
        assert_eq!(refused(&server), 3);
        assert_eq!(udsock_close(connections[0].socket), 0);
        let _client = open_client(kind, &path);
        drop(accepted(&poller, 1));
        drop(Sock(connections[1].socket));
    }
}

#[test]
fn a_server_that_was_shut_down_fails_and_leaves() {
    let by_another = |server: &Sock| {
        let copy = raw::copy(server.fd());
        // SAFETY: no pointers.
        unsafe { libc::shutdown(copy.as_raw_fd(), libc::SHUT_RDWR) }.into()
    };
    let by_us = |server: &Sock| server.shutdown(UDSOCK_READ);
    let ways: [fn(&Sock) -> i64; 2] = [by_another, by_us];
    for (kind, shut) in CONNECTED_KINDS.into_iter().flat_map(|kind| ways.map(|way| (kind, way))) {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let server = serving(&poller, kind, &path, 3);
        let _client = open_client(kind, &path);
        let _connection = accepted(&poller, 3);
        assert_eq!(shut(&server), 0);
        let event = poller.next();
        assert_eq!((event.socket, event.what()), (server.0, (UDSOCK_EVENT_FAILED, 3)));
        is(event.code, libc::EINVAL);
        let before = processor_time();
        is(poller.wait(300).unwrap_err(), libc::ETIMEDOUT);
        assert!((processor_time() - before).as_millis() < 150, "it spins");
        is(poller.remove(&server), libc::ENOENT);
        assert_eq!(server.close(), 0, "closing it is up to the program");
    }
}
