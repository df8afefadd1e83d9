//! A poller in another loop, through its descriptor.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::Command;

use crate::c_library;
use crate::calls::*;
use crate::peer::Peer;
use crate::raw;
use crate::waiting::fill;
use support::*;

/// Waits in poll(2) for something to happen, and then without.
pub fn poll_in(descriptor: i32, timeout_ms: i32) -> bool {
    let mut entry = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry.
    unsafe { libc::poll(&mut entry, 1, timeout_ms) > 0 && entry.revents & libc::POLLIN != 0 }
}

fn is_readable(poller: &Poller) -> bool {
    poll_in(poller.descriptor(), 0)
}

/// Whether another epoll says so.
fn is_readable_in(epoll: &OwnedFd) -> bool {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: room for one.
    unsafe { libc::epoll_wait(epoll.as_raw_fd(), &mut event, 1, 0) == 1 }
}

fn epoll_of(descriptor: i32) -> OwnedFd {
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 1 };
    // SAFETY: a new descriptor, and an event that lives through the call.
    unsafe {
        let epoll = libc::epoll_create1(libc::EPOLL_CLOEXEC);
        assert_eq!(libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, descriptor, &mut event), 0);
        OwnedFd::from_raw_fd(epoll)
    }
}

#[test]
fn it_is_readable_if_and_only_if_a_wait_would_find_something() {
    for kind in KINDS {
        let (poller, _socket, peer) = member(kind, 1);
        let outer = epoll_of(poller.descriptor());
        assert!(raw::is_close_on_exec(poller.descriptor()));
        for _ in 0..3 {
            assert!(!is_readable(&poller) && !is_readable_in(&outer));
            assert_eq!(peer.send(b"data", 0), 4);
            assert!(is_readable(&poller) && is_readable_in(&outer));
            assert_eq!(poller.wait(0).unwrap()[0].data, b"data");
        }
        assert_eq!(poller.wake(), 0);
        assert!(is_readable(&poller) && is_readable_in(&outer));
        assert_eq!(poller.wait(0), Ok(vec![]));
        assert!(!is_readable(&poller) && !is_readable_in(&outer));
    }
}

#[test]
fn a_client_and_an_end_are_something() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let _server = serving(&poller, kind, &path, 1);
        assert!(!is_readable(&poller));
        let client = open_client(kind, &path);
        assert!(is_readable(&poller));
        let connection = Sock(poller.wait(0).unwrap()[0].socket);
        assert!(!is_readable(&poller));
        drop(client);
        assert!(is_readable(&poller));
        assert_eq!(poller.wait(0).unwrap()[0].kind, UDSOCK_EVENT_ENDED);
        assert!(!is_readable(&poller), "an end that was told is nothing any more");
        drop(connection);
        assert!(!is_readable(&poller));
    }
}

#[test]
fn a_message_that_did_not_fit_is_something() {
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let poller = Poller::new();
        let outer = epoll_of(poller.descriptor());
        let pairs = [pair(kind), pair(kind)];
        for (socket, peer) in &pairs {
            assert_eq!((poller.add(socket, 1), peer.send(b"message", 0)), (0, 7));
        }
        assert_eq!(poller.wait_in(Room(8, 10), 0).unwrap().len(), 1);
        assert!(is_readable(&poller) && is_readable_in(&outer), "kind {kind}");
        assert_eq!(poller.wait(0).unwrap()[0].data, b"message");
        assert!(!is_readable(&poller) && !is_readable_in(&outer), "kind {kind}: told is told");
    }
}

#[test]
fn those_for_whom_there_was_no_room_are_something() {
    for kind in KINDS {
        let poller = Poller::new();
        let pairs: Vec<_> = (0..5).map(|_| pair(kind)).collect();
        for (socket, peer) in &pairs {
            assert_eq!((poller.add(socket, 1), peer.send(b"four", 0)), (0, 4));
        }
        let mut came = 0;
        for room in [Room(1, 64), Room(8, 4), Room(8, 5), Room(8, 64), Room(8, 64)] {
            assert!(is_readable(&poller) || came == 20, "kind {kind}");
            let events = poller.wait_in(room, 0).unwrap();
            came += events.iter().map(|event| event.data.len()).sum::<usize>();
        }
        assert_eq!(came, 20);
        assert!(!is_readable(&poller), "kind {kind}");
    }
}

#[test]
fn a_loop_that_watches_only_the_descriptor_sends_what_is_kept_and_learns_when_to_go_on() {
    for kind in KINDS {
        let poller = Poller::with_send_limit(1000);
        let (socket, peer) = pair(kind);
        assert_eq!(poller.add(&socket, 1), 0);
        fill(&socket);
        poller.send_one(&socket, &[b'a'; 600]);
        is(poller.refusal(item(&socket, &[b'b'; 600])), libc::EAGAIN);
        let (mut came, mut events) = (Vec::new(), Vec::new());
        while events.is_empty() {
            came.extend(drain(&peer).concat());
            assert!(poll_in(poller.descriptor(), LONG), "kind {kind}");
            events.extend(poller.wait(0).unwrap());
        }
        came.extend(drain(&peer).concat());
        assert!(came.ends_with(&[b'a'; 600]));
        assert_eq!((events.len(), events[0].kind), (1, UDSOCK_EVENT_DRAINED));
    }
}

#[test]
fn a_loop_sends_datagrams_that_wait_for_their_receiver() {
    let dir = Dir::new();
    let address = dir.path("receiver");
    let (receiver, filler) = (open_datagram(Some(&address)), open_datagram(None));
    let (poller, socket) = (Poller::new(), open_datagram(None));
    assert_eq!(poller.add(&socket, 1), 0);
    while filler.send_to(b"x", &address, 0) > 0 {}
    assert_eq!(poller.send(&[item_to(&socket, b"last", &address)]), (1, vec![4]));
    let mut came = drain(&receiver);
    while !came.concat().ends_with(b"last") {
        assert!(poll_in(poller.descriptor(), LONG), "its clock tells");
        assert_eq!(poller.wait(0), Ok(vec![]));
        came.extend(drain(&receiver));
    }
}

#[test]
fn pollers_nest_in_python_s_loops() {
    const TEST: &str = "pollers_nest_in_python_s_loops";
    if !has(TEST, "python3") {
        return;
    }
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/poller/nested.py");
    let library = c_library::directory().join("libudsock.so");
    let load = "import ctypes, sys; ctypes.CDLL(sys.argv[1])";
    let loaded = Command::new("python3").args(["-c", load]).arg(&library).output().unwrap();
    if cfg!(target_env = "musl") && !loaded.status.success() {
        return skip(TEST, "this Python is of another C library");
    }
    for way in ["selectors", "asyncio"] {
        for kind in KINDS {
            let dir = Dir::new();
            let mut python = Command::new("python3");
            python.args([program, way, &kind.to_string()]).arg(&library).arg(dir.path("s"));
            Peer::start(&mut python).finish();
        }
    }
}
