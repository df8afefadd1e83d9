//! After fork the poller is the parent's alone.

use std::thread;

use crate::calls::*;
use crate::process::{in_child, in_fork};
use crate::processes::{Process, fork};
use crate::threads::asleep;
use support::*;

/// A child that has copies of everything, until it is dropped. Only in a child.
pub fn in_fork_that_holds() -> Process {
    fork(|| {
        // SAFETY: until a signal ends it.
        unsafe { libc::pause() };
    })
}

/// Whether every call on the poller says that it is nobody's.
fn is_nobodys(poller: &Poller, socket: &Sock) -> bool {
    let bad = no(libc::EBADF);
    poller.add(socket, 1) == bad
        && poller.remove(socket) == bad
        && poller.wait(0) == Err(bad)
        && poller.wait(FOREVER) == Err(bad)
        && poller.wake() == bad
        && i64::from(poller.descriptor()) == bad
        && poller.send_raw(&mut [outgoing(socket.0)], b"") == bad
        && poller.send_raw(&mut [], b"") == bad
}

#[test]
fn in_the_child_every_call_but_close_gets_ebadf() {
    in_child(|| {
        for kind in KINDS {
            let (poller, socket, peer) = member(kind, 1);
            let status = in_fork(|| {
                let strange = is_nobodys(&poller, &socket);
                let closed = poller.close();
                strange && closed == 0 && is_nobodys(&poller, &socket)
            });
            assert_eq!(status, 0, "kind {kind}");
            assert_eq!(peer.send(b"data", 0), 4);
            assert_eq!(poller.next().data, b"data", "the parent's goes on");
            poller.send_one(&socket, b"answer");
            assert_eq!(peer.recv(0).unwrap(), b"answer");
        }
    });
}

#[test]
fn what_the_child_closes_disturbs_nobody() {
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let (dir, poller) = (Dir::new(), Poller::new());
            let path = dir.path("s");
            let server = serving(&poller, kind, &path, 1);
            let client = open_client(kind, &path);
            let connection = Sock(poller.next().socket);
            let status =
                in_fork(|| poller.close() == 0 && connection.close() == 0 && server.close() == 0);
            assert_eq!(status, 0, "kind {kind}");
            assert_eq!(client.send(b"data", 0), 4);
            assert_eq!(poller.next().data, b"data");
            let _second = open_client(kind, &path);
            let event = poller.next();
            assert_eq!(event.kind, UDSOCK_EVENT_ACCEPTED);
            drop(Sock(event.socket));
            assert_eq!(poller.remove(&connection), 0);
        }
    });
}

#[test]
fn the_child_may_close_what_a_thread_of_the_parent_waits_on() {
    in_child(|| {
        let (poller, _socket, peer) = member(UDSOCK_STREAM, 1);
        thread::scope(|scope| {
            let waiter = asleep(scope, || poller.wait(LONG));
            assert_eq!(in_fork(|| poller.close() == 0), 0);
            assert!(!waiter.is_finished());
            assert_eq!(peer.send(b"data", 0), 4);
            assert_eq!(waiter.join().unwrap()[0].data, b"data");
        });
    });
}

#[test]
fn a_wake_up_of_the_parent_s_is_the_parent_s() {
    in_child(|| {
        let (poller, socket, _peer) = member(UDSOCK_STREAM, 1);
        assert_eq!(poller.wake(), 0);
        assert_eq!(in_fork(|| is_nobodys(&poller, &socket) && poller.close() == 0), 0);
        assert_eq!(poller.wait(FOREVER), Ok(vec![]));
        is(poller.wait(20).unwrap_err(), libc::ETIMEDOUT);
    });
}

#[test]
fn the_child_may_have_pollers_of_its_own_for_the_same_sockets() {
    in_child(|| {
        for kind in KINDS {
            let (poller, socket, peer) = member(kind, 1);
            let status = in_fork(|| {
                poller.close();
                let own = Poller::new();
                let (mine, other) = pair(kind);
                own.add(&mine, 2) == 0
                    && other.send(b"child", 0) == 5
                    && own.next().data == b"child"
            });
            assert_eq!(status, 0, "kind {kind}");
            assert_eq!(peer.send(b"parent", 0), 6);
            assert_eq!(poller.next().data, b"parent");
            drop(socket);
        }
    });
}
