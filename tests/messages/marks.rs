//! An empty message and the end, of a seqpacket socket that others have too, and whose
//! settings they change: SO_TIMESTAMP above all, by which the library knows them apart where
//! nobody else has a say.

use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use crate::process::{in_child, in_fork};
use crate::raw;
use crate::receivers::*;
use crate::traced;
use support::*;

const KIND: u32 = UDSOCK_SEQPACKET;

// The forms of asm-generic/socket.h.
pub const SO_TIMESTAMP: i32 = 29;
pub const SO_TIMESTAMPNS: i32 = 35;
pub const SO_TIMESTAMP_NEW: i32 = 63;
pub const SO_TIMESTAMPNS_NEW: i32 = 64;
pub const FORMS: [i32; 4] = [SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMP_NEW, SO_TIMESTAMPNS_NEW];

/// Messages before the end, by their sizes.
const POSTS: [&[usize]; 9] = [
    &[],
    &[0],
    &[0, 0],
    &[1],
    &[0, 1],
    &[1, 0],
    &[0, 0, 0, 2, 0, 0],
    &[3, 0, 1, 0, 0, 0],
    &[0; 20],
];

/// A socket of the library's, its peer, and another descriptor of the first.
struct Shared {
    sender: Sock,
    receiver: Sock,
    stranger: OwnedFd,
}

/// The ways for others to have the same socket.
type Way = fn() -> Shared;
const WAYS: [(&str, Way); 4] = [
    ("lent", || {
        let (sender, receiver) = pair(KIND);
        let stranger = raw::copy(receiver.fd());
        Shared { sender, receiver, stranger }
    }),
    ("adopted", || {
        let [sender, receiver] = raw::pair(KIND);
        let stranger = raw::copy(receiver.as_raw_fd());
        let [sender, receiver] =
            [sender, receiver].map(|fd| adopt(fd.into_raw_fd()).expect("a socket"));
        Shared { sender, receiver, stranger }
    }),
    ("adopted, with a mark of its own", || {
        let [sender, receiver] = raw::pair(KIND);
        assert_eq!(raw::set_option(receiver.as_raw_fd(), SO_TIMESTAMPNS, 1), 0);
        let stranger = raw::copy(receiver.as_raw_fd());
        let [sender, receiver] =
            [sender, receiver].map(|fd| adopt(fd.into_raw_fd()).expect("a socket"));
        Shared { sender, receiver, stranger }
    }),
    ("adopted twice", || {
        let (sender, owner) = pair(KIND);
        let receiver = adopt(raw::copy(owner.fd()).into_raw_fd()).unwrap();
        // SAFETY: given out by the call, and ours.
        let stranger = unsafe { OwnedFd::from_raw_fd(owner.release()) };
        Shared { sender, receiver, stranger }
    }),
];

fn send(sender: &Sock, sizes: &[usize]) {
    for size in sizes {
        assert_eq!(sender.send(&vec![b'x'; *size], 0), *size as i64);
    }
}

fn turn_off(fd: RawFd, form: i32) {
    raw::set_option(fd, form, 0);
}

#[test]
fn whoever_turns_the_mark_off() {
    for (way, share) in WAYS {
        for (call, receive) in RECEIVERS {
            for form in FORMS {
                for sizes in POSTS {
                    for is_open in [false, true] {
                        let Shared { sender, receiver, stranger } = share();
                        turn_off(stranger.as_raw_fd(), form);
                        send(&sender, sizes);
                        if is_open {
                            // What is there comes while more may come, and what comes later, too.
                            let mut came = Vec::new();
                            while came.len() < sizes.len() {
                                came.extend(receive(&receiver).unwrap());
                                turn_off(stranger.as_raw_fd(), form);
                            }
                            assert_eq!(came, sizes, "{way}, {call}");
                            send(&sender, sizes);
                        }
                        assert_eq!(sender.shutdown(UDSOCK_WRITE), 0);
                        assert_eq!(receive_all(&receiver, receive), sizes, "{way}, {call}");
                    }
                }
            }
        }
    }
}

/// Turns the mark off in a process of which neither the library nor the C library knows.
fn turn_off_in_a_strange_process(receiver: &Sock) {
    // SAFETY: fork(2) by its own name on every machine; the child does nothing but this.
    unsafe {
        let child = libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as i32;
        if child == 0 {
            turn_off(receiver.fd(), SO_TIMESTAMP);
            libc::_exit(0);
        }
        let mut status = -1;
        assert_eq!((libc::waitpid(child, &mut status, 0), status), (child, 0));
    }
}

#[test]
fn a_stranger_that_nobody_knows_of() {
    for (call, receive) in RECEIVERS {
        for sizes in POSTS {
            for more_comes in [false, true] {
                let (sender, receiver) = pair(KIND);
                turn_off_in_a_strange_process(&receiver);
                send(&sender, sizes);
                if more_comes {
                    send(&sender, &[5]);
                    assert_eq!(sender.shutdown(UDSOCK_WRITE), 0);
                    let all = receive_all(&receiver, receive);
                    assert_eq!(all, [sizes, &[5]].concat(), "{call}");
                    continue;
                }
                let mut came = Vec::new();
                while came.len() < sizes.len() {
                    came.extend(receive(&receiver).expect("what was sent"));
                }
                assert_eq!(came, sizes, "{call}");
                assert_eq!(sender.shutdown(UDSOCK_WRITE), 0);
                assert_eq!(receive(&receiver), Err(EOF), "{call}");
            }
        }
    }
}

#[test]
fn whoever_releases_it() {
    for (call, receive) in RECEIVERS {
        for sizes in POSTS {
            // The one who came first, and the one who came second.
            for first in [true, false] {
                let (sender, one) = pair(KIND);
                let other = adopt(raw::copy(one.fd()).into_raw_fd()).unwrap();
                send(&sender, sizes);
                assert_eq!(sender.close(), 0);
                let (gone, receiver) = if first { (one, other) } else { (other, one) };
                // SAFETY: given out by the call, and ours.
                drop(unsafe { OwnedFd::from_raw_fd(gone.release()) });
                assert_eq!(receive_all(&receiver, receive), sizes, "{call}, the first: {first}");
            }
        }
    }
}

#[test]
fn a_parent_that_releases_it_and_a_child_that_meddles() {
    in_child(|| {
        for (call, receive) in RECEIVERS {
            for sizes in POSTS {
                let (sender, receiver) = pair(KIND);
                let [told, tell] = raw::pair(UDSOCK_STREAM);
                // SAFETY: no other thread of a child does anything now.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    assert_eq!(sender.close(), 0);
                    let mut byte = [0];
                    // SAFETY: room for a byte; and without unwinding into the runner.
                    unsafe {
                        libc::read(told.as_raw_fd(), byte.as_mut_ptr().cast(), 1);
                        let good = receive_all(&receiver, receive) == sizes;
                        libc::_exit(i32::from(!good));
                    }
                }
                // SAFETY: given out by the call, and ours.
                drop(unsafe { OwnedFd::from_raw_fd(receiver.release()) });
                send(&sender, sizes);
                assert_eq!(sender.close(), 0);
                assert_eq!(raw::send(&tell, b"x", 0), 1);
                let mut status = 0;
                // SAFETY: room for an int.
                assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                assert_eq!(status, 0, "{call}, {sizes:?}: the child received them");

                let (sender, receiver) = pair(KIND);
                send(&sender, sizes);
                let status = in_fork(|| {
                    turn_off(receiver.fd(), SO_TIMESTAMP);
                    true
                });
                assert_eq!((status, sender.close()), (0, 0));
                assert_eq!(receive_all(&receiver, receive), sizes, "{call}: the parent did");
            }
        }
    });
}

/// Ends a storm, however its test ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Others turn the time stamps on and off, in all forms, as fast as they can; the library's own
/// other handle puts them on again.
#[test]
fn a_storm_of_strangers() {
    let rounds = repeat("UDSOCK_MARK_COUNT", 3);
    for (way, share) in WAYS {
        for (call, receive) in RECEIVERS {
            let target = AtomicU32::new(0);
            let [is_over, is_off] = [(); 2].map(|()| AtomicBool::new(false));
            thread::scope(|scope| {
                let _over = Over(&is_over);
                scope.spawn(|| {
                    for turn in 0.. {
                        let fd = target.load(Ordering::Acquire) as RawFd;
                        if is_over.load(Ordering::Acquire) {
                            break;
                        }
                        if fd > 0 {
                            raw::set_option(fd, FORMS[turn % 4], 0);
                            is_off.store(true, Ordering::Release);
                            raw::set_option(fd, FORMS[turn / 2 % 4], i32::from(turn % 3 == 0));
                        }
                    }
                });
                for round in 0..rounds as usize * POSTS.len() {
                    let sizes = POSTS[round % POSTS.len()];
                    let Shared { sender, receiver, stranger } = share();
                    let storm = raw::copy(stranger.as_raw_fd());
                    is_off.store(false, Ordering::Release);
                    target.store(storm.as_raw_fd() as u32, Ordering::Release);
                    while !is_off.load(Ordering::Acquire) {
                        thread::yield_now();
                    }
                    send(&sender, sizes);
                    assert_eq!(sender.close(), 0);
                    assert_eq!(receive_all(&receiver, receive), sizes, "{way}, {call}");
                    target.store(0, Ordering::Release);
                    // (Its number may be another socket's soon, which does no harm.)
                }
            });
        }
    }
}

/// Threads that receive from the same socket take each message once, empty ones too.
#[test]
fn a_storm_of_readers() {
    const MESSAGES: usize = 400;
    for (way, share) in WAYS {
        let Shared { sender, receiver, stranger } = share();
        let (empty, other) = (AtomicU32::new(0), AtomicU32::new(0));
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let _over = Over(&is_over);
            let readers: Vec<_> = RECEIVERS[..7]
                .iter()
                .map(|(_, receive)| {
                    scope.spawn(|| {
                        for size in receive_all(&receiver, *receive) {
                            if size == 0 { &empty } else { &other }.fetch_add(1, Ordering::Relaxed);
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                while !is_over.load(Ordering::Acquire) {
                    raw::set_option(stranger.as_raw_fd(), SO_TIMESTAMP, 0);
                    raw::set_option(stranger.as_raw_fd(), SO_TIMESTAMP, 1);
                }
            });
            for number in 0..MESSAGES {
                let data = if number % 4 == 0 { &b"x"[..] } else { b"" };
                assert_eq!(sender.send(data, LONG), data.len() as i64);
            }
            assert_eq!(sender.close(), 0);
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
        let came = (empty.into_inner(), other.into_inner());
        assert_eq!(came, ((MESSAGES - MESSAGES / 4) as u32, MESSAGES as u32 / 4), "{way}");
    }
}

/// What a peer leaves unread is told after what it sent, with the mark and without.
#[test]
fn a_reset_comes_after_the_messages() {
    for (way, share) in WAYS {
        for (call, receive) in RECEIVERS {
            for sizes in POSTS {
                let Shared { sender, receiver, stranger } = share();
                assert_eq!(receiver.send(b"never read", 0), 10);
                send(&sender, sizes);
                turn_off(stranger.as_raw_fd(), SO_TIMESTAMP);
                assert_eq!(sender.close(), 0);
                let mut came = Vec::new();
                let end = loop {
                    match receive(&receiver) {
                        Ok(more) => came.extend(more),
                        Err(code) => break code,
                    }
                };
                assert_eq!(name_of(end), "ECONNRESET", "{way}, {call}");
                assert_eq!(came, sizes, "{way}, {call}");
                assert_eq!(receive(&receiver), Err(EOF), "{way}, {call}");
            }
        }
    }
}

/// Nobody else can have it: so a receive is one system call.
#[test]
fn a_socket_of_our_own_is_not_looked_at() {
    const COUNT: usize = 50;
    let log = traced::log_of("marks::a_socket_of_our_own_is_not_looked_at", || {
        let (sender, receiver) = pair(KIND);
        assert_eq!(sender.send(b"first", 0), 5);
        assert_eq!(receiver.recv(0).unwrap(), b"first");
        for number in 0..COUNT {
            assert_eq!(sender.send(&b"xx"[..number % 2], 0), (number % 2) as i64);
            assert_eq!(receiver.recv(0).unwrap().len(), number % 2);
        }
        assert_eq!(sender.send(b"last", 0), 4);
        assert_eq!(receiver.recv(0).unwrap(), b"last");
    });
    let Some(log) = log else { return };
    let lines: Vec<&str> = log.lines().collect();
    let at = |data| lines.iter().position(|line| line.contains(data)).expect("it was sent");
    let between = &lines[at("\"first\"")..at("\"last\"")];
    let count = |call: &str| between.iter().filter(|line| line.contains(call)).count();
    assert_eq!((count("recvmsg("), count("MSG_PEEK"), count("sockopt(")), (COUNT + 1, 0, 0));
}
