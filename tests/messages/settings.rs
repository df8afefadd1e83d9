//! The settings of a socket that was made elsewhere: what the options say of them, and that
//! they are given back as they were, unless another holder wants them otherwise by then.

use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use crate::calls::*;
use crate::marks::{FORMS, SO_TIMESTAMP, SO_TIMESTAMPNS};
use crate::pipes::Pipe;
use crate::process::{in_child, in_fork};
use crate::raw;
use crate::raw_messages::receive;
use support::*;

use libc::SO_PASSPIDFD;
const SO_PASSRIGHTS: i32 = 83;

/// Each option, and what it is of the descriptor's.
const OPTIONS: [(u32, i32); 3] = [
    (UDSOCK_OPTION_RECEIVE_FDS, SO_PASSRIGHTS),
    (UDSOCK_OPTION_RECEIVE_CREDENTIALS, libc::SO_PASSCRED),
    (UDSOCK_OPTION_RECEIVE_PIDFD, SO_PASSPIDFD),
];

/// Those of them that this kernel has.
fn known_options() -> impl Iterator<Item = (u32, i32)> {
    let socket = raw::socket(UDSOCK_STREAM);
    OPTIONS.into_iter().filter(move |(_, option)| {
        let value = i32::from(*option == SO_PASSRIGHTS);
        raw::set_option(socket.as_raw_fd(), *option, value) == 0
    })
}

/// Everything that the library may change.
fn settings(fd: RawFd) -> (bool, Vec<i32>) {
    let known = known_options().map(|(_, option)| option);
    let values = FORMS.into_iter().chain(known).map(|option| raw::option(fd, option)).collect();
    (raw::is_nonblocking(fd), values)
}

fn set_nonblocking(fd: RawFd, on: bool) {
    let mut on = i32::from(on);
    // SAFETY: FIONBIO reads one int.
    assert_eq!(unsafe { libc::ioctl(fd, libc::FIONBIO, &mut on) }, 0);
}

fn released(socket: Sock) -> OwnedFd {
    // SAFETY: given out by the call, and ours.
    unsafe { OwnedFd::from_raw_fd(socket.release()) }
}

#[test]
fn it_is_given_back_as_it_was() {
    for kind in KINDS {
        for nonblocking in [false, true] {
            for form in [None].into_iter().chain(FORMS.map(Some)) {
                for options in 0..8 {
                    let [one, _other] = raw::pair(kind);
                    let fd = one.into_raw_fd();
                    set_nonblocking(fd, nonblocking);
                    if let Some(form) = form {
                        assert_eq!(raw::set_option(fd, form, 1), 0);
                    }
                    for (index, (_, option)) in known_options().enumerate() {
                        assert_eq!(raw::set_option(fd, option, options >> index & 1), 0);
                    }
                    let before = settings(fd);
                    let socket = adopt(fd).unwrap();
                    for (option, _) in known_options() {
                        for value in [1, 0, 1] {
                            set(&socket, option, value);
                        }
                    }
                    assert_eq!(settings(released(socket).as_raw_fd()), before, "kind {kind}");
                }
            }
        }
    }
}

#[test]
fn one_of_our_own_is_as_socket_makes_it() {
    for kind in KINDS {
        let fresh = settings(raw::socket(kind).as_raw_fd());
        assert_eq!(settings(released(create(kind)).as_raw_fd()), fresh, "kind {kind}");
        let (one, other) = pair(kind);
        for (option, _) in known_options() {
            set(&other, option, 1);
        }
        assert_eq!(settings(released(one).as_raw_fd()), fresh, "kind {kind}");
        assert_eq!(settings(released(other).as_raw_fd()), fresh, "kind {kind}");
    }
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, client, peer) = connection(kind, &dir);
        let fresh = settings(raw::socket(kind).as_raw_fd());
        for socket in [server, client, peer] {
            assert_eq!(settings(released(socket).as_raw_fd()), fresh, "kind {kind}");
        }
    }
}

#[test]
fn what_another_holder_has_changed_since_stays() {
    for kind in KINDS {
        let [one, _other] = raw::pair(kind);
        let stranger = raw::copy(one.as_raw_fd());
        let fd = stranger.as_raw_fd();
        let socket = adopt(one.into_raw_fd()).unwrap();
        // Ours, and then another's.
        for (option, raw_option) in known_options() {
            set(&socket, option, 1);
            assert_eq!(raw::set_option(fd, raw_option, 0), 0);
            assert_eq!(socket.option(option), 0, "the option says what holds");
        }
        assert_eq!(raw::set_option(fd, SO_TIMESTAMPNS, 1), 0);
        set_nonblocking(fd, true);
        let theirs = settings(fd);
        drop(released(socket));
        assert_eq!(settings(fd), theirs, "kind {kind}");
    }
    // Turned off by others it is not turned on again at the end.
    let [one, _other] = raw::pair(UDSOCK_SEQPACKET);
    let stranger = raw::copy(one.as_raw_fd());
    assert_eq!(raw::set_option(one.as_raw_fd(), SO_TIMESTAMPNS, 1), 0);
    let socket = adopt(one.into_raw_fd()).unwrap();
    assert_eq!(raw::set_option(stranger.as_raw_fd(), SO_TIMESTAMPNS, 0), 0);
    drop(released(socket));
    assert!(FORMS.iter().all(|form| raw::option(stranger.as_raw_fd(), *form) == 0));
}

#[test]
fn of_two_that_adopt_it_each_leaves_it_as_it_was() {
    for first_first in [true, false] {
        let [one, other] = raw::pair(UDSOCK_SEQPACKET);
        let owner = raw::copy(one.as_raw_fd());
        let before = settings(owner.as_raw_fd());
        let second = raw::copy(one.as_raw_fd());
        let [first, second] = [one, second].map(|fd| adopt(fd.into_raw_fd()).unwrap());
        let (leaves, stays) = if first_first { (first, second) } else { (second, first) };
        drop(released(leaves));
        assert_eq!(raw::send(&other, b"", 0), 0);
        drop(other);
        assert_eq!(stays.recv(0), Ok(Vec::new()));
        assert_eq!(stays.recv(0), Err(EOF));
        drop(released(stays));
        assert_eq!(settings(owner.as_raw_fd()), before);
    }
}

#[test]
fn a_child_that_releases_its_copy_changes_nothing_for_its_parent() {
    in_child(|| {
        for kind in KINDS {
            let (_one, other) = pair(kind);
            set(&other, UDSOCK_OPTION_RECEIVE_CREDENTIALS, 1);
            let before = settings(other.fd());
            let status = in_fork(|| {
                let handle = other.0;
                drop(released(Sock(handle)));
                true
            });
            assert_eq!((status, settings(other.fd())), (0, before), "kind {kind}");
        }
    });
}

/// The options of a socket that was adopted, and what follows from them.
#[test]
fn the_options_say_what_holds() {
    for kind in KINDS {
        for (option, raw_option) in known_options() {
            for value in [0, 1] {
                let [stranger, ours] = raw::pair(kind);
                assert_eq!(raw::set_option(ours.as_raw_fd(), raw_option, value), 0);
                let socket = adopt(ours.into_raw_fd()).unwrap();
                assert_eq!(socket.option(option), value.into(), "kind {kind}, {raw_option}");
                let pipe = Pipe::new();
                let sent = raw::send_descriptors(&stranger, b"x", &[pipe.fd()]);
                if socket.option(UDSOCK_OPTION_RECEIVE_FDS) == 0 {
                    is(sent, libc::EPERM);
                    assert_eq!(raw::send(&stranger, b"x", 0), 1);
                }
                let came = recv_message(&socket, ENOUGH, 0).unwrap();
                assert_eq!(came.flags, 0, "kind {kind}, {raw_option} {value}");
                for (option, holds) in [
                    (UDSOCK_OPTION_RECEIVE_FDS, came.descriptors.len() == 1),
                    (UDSOCK_OPTION_RECEIVE_CREDENTIALS, came.sender == myself()),
                    (UDSOCK_OPTION_RECEIVE_PIDFD, came.pidfd.is_ok()),
                ] {
                    assert_eq!(socket.option(option) == 1, holds, "kind {kind}, {raw_option}");
                }
            }
        }
    }
}

/// A server that was adopted; its connections have what it has, also those that were in its
/// queue when it was changed, which the kernel leaves as they were.
#[test]
fn connections_have_what_their_server_has() {
    for kind in CONNECTED_KINDS {
        for (option, raw_option) in known_options() {
            for adopted in [false, true] {
                for value in [0, 1] {
                    let dir = Dir::new();
                    let address = dir.path("s");
                    let server = if adopted {
                        let listener = raw::socket(kind);
                        assert_eq!(raw::bind(&listener, &address), 0);
                        assert_eq!(raw::set_option(listener.as_raw_fd(), raw_option, value), 0);
                        assert_eq!(raw::listen(&listener, 9), 0);
                        adopt(listener.into_raw_fd()).unwrap()
                    } else {
                        let server = open_server(kind, &address);
                        set(&server, option, value.into());
                        server
                    };
                    let early = open_client(kind, &address);
                    let peer = server.accept(0).unwrap();
                    assert_eq!(peer.option(option), value.into(), "kind {kind}, {raw_option}");
                    assert_eq!(raw::option(peer.fd(), raw_option), value);
                    let queued = open_client(kind, &address);
                    set(&server, option, i64::from(1 - value));
                    let late = open_client(kind, &address);
                    for _ in 0..2 {
                        let peer = server.accept(0).unwrap();
                        assert_eq!(peer.option(option), i64::from(1 - value), "kind {kind}");
                        assert_eq!(raw::option(peer.fd(), raw_option), 1 - value);
                    }
                    drop((early, queued, late));
                    let given_back = released(server);
                    if adopted {
                        assert_eq!(raw::option(given_back.as_raw_fd(), raw_option), value);
                    }
                }
            }
        }
    }
}

/// What others turn on while the socket is here does not show as lost descriptors, or as a
/// message.
#[test]
fn what_else_may_come_beside_data_is_no_loss() {
    const SO_INQ: i32 = 84;
    let extras = [SO_TIMESTAMP, libc::SO_PASSSEC, libc::SO_PASSCRED, SO_PASSPIDFD, SO_INQ];
    for kind in KINDS {
        for (name, receive_one) in RECEIVES {
            let (stranger, socket) = stranger(kind);
            for extra in extras {
                // (Streams have no time stamps, only streams have SO_INQ, and older kernels less.)
                raw::set_option(socket.fd(), extra, 1);
            }
            assert_eq!(raw::send(&stranger, b"data", 0), 4);
            assert_eq!(socket.recv(0).unwrap(), b"data", "{name}, kind {kind}");
            assert_eq!(raw::send(&stranger, b"data", 0), 4);
            assert!(receive(&raw::copy(socket.fd()), 0, libc::MSG_PEEK).unwrap().is_control_cut);
            let came = receive_one(&socket, Room(16, 0), 0).unwrap();
            assert_eq!((&came.data[..], came.flags), (&b"data"[..], 0), "{name}, kind {kind}");
            drop(stranger);
            if kind != UDSOCK_DGRAM {
                assert_eq!(receive_one(&socket, Room(16, 0), 0).unwrap_err(), EOF, "{name}");
            }
        }
    }
}
