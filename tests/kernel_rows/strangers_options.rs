//! Rows 66 to 71 and 73: what the former owner of a socket has set on it.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::thread;

use crate::beside::{ROOM, SCM_PIDFD, SO_INQ, SO_PASSPIDFD, receive};
use crate::calls::RECEIVES;
use crate::process::{LONG, asleep, in_child};
use crate::raw;
use support::*;

const SO_PASSRIGHTS: i32 = 83;
const SO_TIMESTAMP_NEW: i32 = 63;
const SO_TIMESTAMPNS_NEW: i32 = 64;
const SO_TIMESTAMPING_NEW: i32 = 65;
const SOF_TIMESTAMPING_SOFTWARE: i32 = 1 << 4;
const SOF_TIMESTAMPING_RX_SOFTWARE: i32 = 1 << 3;

/// Sets it; says if the kernel does not know it.
fn set(test: &str, fd: &impl AsRawFd, option: i32, value: i32) -> bool {
    let result = raw::set_option(fd.as_raw_fd(), option, value);
    if result == no(libc::ENOPROTOOPT) {
        skip(test, &format!("this kernel has no socket option {option}"));
    } else {
        assert_eq!(result, 0, "option {option}");
    }
    result == 0
}

#[test]
fn row_66_what_accepted_sockets_inherit() {
    const TEST: &str = "row_66_what_accepted_sockets_inherit";
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let server = raw::server(kind, &dir.path("s"));
        let options = [
            (libc::SO_PASSSEC, 1, true),
            (SO_PASSPIDFD, 1, true),
            (libc::SO_OOBINLINE, 1, false),
            (libc::SO_RCVLOWAT, 77, false),
            (libc::SO_PEEK_OFF, 5, false),
            (libc::SO_TIMESTAMP, 1, false),
            (libc::SO_SNDBUF, 10_000, false),
        ];
        let fresh = raw::socket(kind);
        for (option, value, _) in options {
            if !set(TEST, &server, option, value) {
                return;
            }
        }
        let client = raw::socket(kind);
        assert_eq!(raw::connect(&client, dir.path("s")), 0);
        let accepted = raw::accepted(&server);
        for (option, value, is_inherited) in options {
            let expected =
                if is_inherited { value } else { raw::option(fresh.as_raw_fd(), option) };
            assert_eq!(raw::option(accepted.as_raw_fd(), option), expected, "option {option}");
        }
    }
}

#[test]
fn row_66_a_listener_of_others_leaves_no_pidfds_behind() {
    const TEST: &str = "row_66_a_listener_of_others_leaves_no_pidfds_behind";
    in_child(|| {
        for kind in CONNECTED_KINDS {
            for (name, receive) in RECEIVES {
                let dir = Dir::new();
                let theirs = raw::server(kind, &dir.path("s"));
                if !set(TEST, &theirs, SO_PASSPIDFD, 1) || !set(TEST, &theirs, libc::SO_PASSSEC, 1)
                {
                    return;
                }
                let server = adopt(theirs.into_raw_fd()).unwrap();
                let client = open_client(kind, &dir.path("s"));
                let accepted = server.accept(LONG).unwrap();
                assert_eq!(accepted.option(UDSOCK_OPTION_RECEIVE_PIDFD), 1, "and says so");
                for data in [&b"one"[..], b"", b"two"] {
                    client.send(data, 0);
                }
                let before = open_descriptors();
                let mut came = Vec::new();
                while came.len() < 6 {
                    came.extend(receive(&accepted, 0).unwrap());
                }
                assert_eq!(came, b"onetwo", "{name}, kind {kind}");
                assert_eq!(open_descriptors(), before, "{name}, kind {kind}: a pidfd is left");
                drop(client);
                assert_eq!(receive(&accepted, LONG), Err(EOF), "{name}, kind {kind}");
            }
        }
    });
}

#[test]
fn row_67_the_count_of_what_is_left_takes_room_of_its_own() {
    const TEST: &str = "row_67_the_count_of_what_is_left_takes_room_of_its_own";
    in_child(|| {
        let [one, other] = raw::pair(UDSOCK_STREAM);
        if !set(TEST, &other, SO_INQ, 1) {
            return;
        }
        let [mut room, mut size] = [0, size_of::<i32>() as u32];
        // SAFETY: room for an int.
        let read = unsafe {
            let place = (&raw mut room).cast();
            raw::answer(libc::getsockopt(
                other.as_raw_fd(),
                libc::SOL_SOCKET,
                SO_INQ,
                place,
                &mut size,
            ) as isize)
        };
        assert_eq!(read, no(libc::ENOPROTOOPT), "it can't be read back");
        for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
            assert!(raw::set_option(raw::socket(kind).as_raw_fd(), SO_INQ, 1) < 0, "kind {kind}");
        }
        assert_eq!(raw::send(&one, b"data", 0), 4);
        let came = crate::beside::receive_into(other.as_raw_fd(), 1, ROOM, 0).unwrap();
        assert_eq!(came.numbers(SO_INQ), Some(vec![3]));
        let came = crate::beside::receive_into(other.as_raw_fd(), 1, 0, 0).unwrap();
        assert!(came.is_cut(), "the trap: as if descriptors had been lost");
        drop(one);
        receive(&other, ROOM, 0).unwrap();
        let end = receive(&other, ROOM, 0).unwrap();
        assert!(end.data.is_empty() && end.has(SO_INQ), "it comes with the end, too");

        for (name, receive) in RECEIVES {
            for takes_descriptors in [0, 1] {
                let [stranger, theirs] = raw::pair(UDSOCK_STREAM);
                assert!(set(TEST, &theirs, SO_INQ, 1));
                let socket = adopt(theirs.into_raw_fd()).unwrap();
                let option = UDSOCK_OPTION_RECEIVE_FDS;
                assert_eq!(udsock_set_option(socket.0, option, takes_descriptors), 0);
                assert_eq!(raw::send(&stranger, b"data", 0), 4);
                assert_eq!(receive(&socket, 0).unwrap(), b"data", "{name}");
                assert_eq!(raw::send(&stranger, b"data", 0), 4);
                assert_eq!(recv_message_flags(&socket), (4, 0), "nothing was lost");
                drop(stranger);
                assert_eq!(receive(&socket, LONG), Err(EOF), "{name}");
            }
        }
    });
}

/// The result, and the flags of the message: no room for descriptors.
fn recv_message_flags(socket: &Sock) -> (i64, u32) {
    let mut room = [0_u8; 64];
    let mut message = message();
    (message.data, message.data_capacity) = (room.as_mut_ptr().cast(), room.len());
    // SAFETY: a message with the room that it says.
    let result = unsafe { udsock_recv_message(socket.0, &mut message, 0) };
    (result, message.flags)
}

#[test]
fn row_68_a_control_message_can_come_with_a_stream_s_end() {
    in_child(|| {
        let [one, other] = raw::pair(UDSOCK_STREAM);
        assert_eq!(raw::set_option(other.as_raw_fd(), libc::SO_PASSCRED, 1), 0);
        drop(one);
        let end = receive(&other, ROOM, 0).unwrap();
        assert!(end.data.is_empty() && end.has(libc::SCM_CREDENTIALS), "the trap");
        let [one, other] = raw::pair(UDSOCK_SEQPACKET);
        assert_eq!(raw::set_option(other.as_raw_fd(), libc::SO_PASSCRED, 1), 0);
        drop(one);
        assert!(receive(&other, ROOM, 0).unwrap().beside.is_empty(), "not with a seqpacket's");

        for kind in CONNECTED_KINDS {
            for option in [libc::SO_PASSCRED, SO_PASSPIDFD] {
                for (name, receive) in RECEIVES {
                    let [stranger, theirs] = raw::pair(kind);
                    // An older kernel has no pidfds to pass.
                    raw::set_option(theirs.as_raw_fd(), option, 1);
                    let socket = adopt(theirs.into_raw_fd()).unwrap();
                    assert_eq!(raw::send(&stranger, b"x", 0), 1);
                    drop(stranger);
                    assert_eq!(receive(&socket, LONG).unwrap(), b"x", "{name}, kind {kind}");
                    assert_eq!(receive(&socket, LONG), Err(EOF), "{name}, kind {kind}");
                }
            }
        }
    });
}

/// The forms of the time stamps of which only one can be on.
const STAMPS: [i32; 4] =
    [libc::SO_TIMESTAMP, libc::SO_TIMESTAMPNS, SO_TIMESTAMP_NEW, SO_TIMESTAMPNS_NEW];

fn stamps(fd: &impl AsRawFd) -> [i32; 4] {
    STAMPS.map(|option| raw::option(fd.as_raw_fd(), option))
}

#[test]
fn row_69_time_stamps_switch_each_other_off() {
    for kind in KINDS {
        for (index, last) in STAMPS.into_iter().enumerate() {
            let [one, other] = raw::pair(kind);
            let copy = raw::copy(other.as_raw_fd());
            for option in STAMPS.into_iter().filter(|option| *option != last).chain([last]) {
                assert_eq!(raw::set_option(copy.as_raw_fd(), option, 1), 0);
            }
            let mut only = [0; 4];
            only[index] = 1;
            // Who asks for the last one's coarser twin is told yes, too.
            only[2] |= only[3];
            assert_eq!(stamps(&other), only, "for every holder");
            assert_eq!(raw::send(&one, b"x", 0), 1);
            let came = receive(&other, ROOM, 0).unwrap();
            assert_eq!(came.beside.len(), usize::from(kind != UDSOCK_STREAM), "kind {kind}");
        }
        let [one, other] = raw::pair(kind);
        let kinds = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE;
        assert_eq!(raw::set_option(other.as_raw_fd(), SO_TIMESTAMPING_NEW, kinds), 0);
        assert_eq!(raw::send(&one, b"x", 0), 1);
        assert!(receive(&other, ROOM, 0).unwrap().beside.is_empty(), "that alone gives none");
    }
}

#[test]
fn row_69_a_socket_goes_back_with_the_stamps_that_it_came_with() {
    for kind in KINDS {
        for option in STAMPS.map(Some).into_iter().chain([None]) {
            let [_stranger, theirs] = raw::pair(kind);
            let copy = raw::copy(theirs.as_raw_fd());
            if let Some(option) = option {
                assert_eq!(raw::set_option(theirs.as_raw_fd(), option, 1), 0);
            }
            let before = stamps(&theirs);
            let socket = adopt(theirs.into_raw_fd()).unwrap();
            let _released = raw::own(socket.release());
            assert_eq!(stamps(&copy), before, "kind {kind}, option {option:?}");
        }
    }
}

#[test]
fn row_69_another_holder_may_switch_them_off_meanwhile() {
    in_child(|| {
        for (name, receive) in RECEIVES {
            // Off, or another form in its place.
            for (option, value) in
                [(libc::SO_TIMESTAMP, 0), (SO_TIMESTAMP_NEW, 0), (libc::SO_TIMESTAMPNS, 1)]
            {
                let [stranger, theirs] = raw::pair(UDSOCK_SEQPACKET);
                let holder = raw::copy(theirs.as_raw_fd());
                let socket = adopt(theirs.into_raw_fd()).unwrap();
                assert_eq!(raw::set_option(holder.as_raw_fd(), option, value), 0);
                for data in [&b""[..], b"x", b""] {
                    assert_eq!(raw::send(&stranger, data, 0), data.len() as i64);
                    assert_eq!(
                        receive(&socket, LONG).as_deref(),
                        Ok(data),
                        "{name}, option {option}"
                    );
                }
                drop(stranger);
                assert_eq!(receive(&socket, LONG), Err(EOF), "{name}, option {option}");
            }
        }
    });
}

#[test]
fn row_70_looks_count_from_where_the_former_owner_was() {
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let [one, other] = raw::pair(kind);
        assert_eq!(raw::set_option(other.as_raw_fd(), libc::SO_PEEK_OFF, 3), 0);
        assert_eq!(raw::send(&one, b"ab", 0), 2);
        assert_eq!(raw::recv(&other, libc::MSG_PEEK), Err(no(libc::EAGAIN)), "the trap");
        assert_ne!(raw::poll(other.as_raw_fd(), libc::POLLIN), 0, "and poll says readable");
        assert_eq!(raw::send(&one, b"cdef", 0), 4);
        assert_eq!(raw::recv(&other, libc::MSG_PEEK).unwrap(), b"def", "across messages");
        assert_eq!(raw::recv(&other, 0).unwrap(), b"ab", "while a receive is as ever");
    }
}

#[test]
fn row_70_our_looks_begin_at_the_beginning() {
    for kind in KINDS {
        for offset in [0, 3, 1_000] {
            for (name, receive) in RECEIVES {
                let [stranger, theirs] = raw::pair(kind);
                assert_eq!(raw::set_option(theirs.as_raw_fd(), libc::SO_PEEK_OFF, offset), 0);
                let socket = adopt(theirs.into_raw_fd()).unwrap();
                for data in [&b"one"[..], b"another", b"third"] {
                    assert_eq!(raw::send(&stranger, data, 0), data.len() as i64);
                    // One with little room for the sender's address looks first, too.
                    let mut room = [0; 8];
                    let mut bytes = [0_u8; 16];
                    let size = match data {
                        b"another" => {
                            let (place, capacity) = (bytes.as_mut_ptr().cast(), bytes.len());
                            // SAFETY: room for as many bytes, and for an address of 7.
                            unsafe {
                                udsock_recv_from(
                                    socket.0,
                                    place,
                                    capacity,
                                    room.as_mut_ptr(),
                                    8,
                                    LONG,
                                )
                            }
                        }
                        _ => {
                            let came = receive(&socket, LONG).expect(name);
                            bytes[..came.len()].copy_from_slice(&came);
                            came.len() as i64
                        }
                    };
                    assert_eq!(size, data.len() as i64, "{name}, kind {kind}, offset {offset}");
                    assert_eq!(&bytes[..data.len()], data);
                }
                let released = raw::own(socket.release());
                // As its owner had set it, or as the kernel moves it back by what is received.
                let left = raw::option(released.as_raw_fd(), libc::SO_PEEK_OFF);
                assert!(
                    [offset, (offset - 15).max(0)].contains(&left),
                    "{name}, kind {kind}: {left}"
                );
            }
        }
    }
}

#[test]
fn row_71_only_a_blocking_stream_receive_waits_for_the_low_mark() {
    const MARK: i32 = 1_000;
    for kind in KINDS {
        let [one, other] = raw::pair(kind);
        assert_eq!(raw::set_option(other.as_raw_fd(), libc::SO_RCVLOWAT, MARK), 0);
        assert_eq!(raw::send(&one, b"x", 0), 1);
        assert_ne!(raw::poll(other.as_raw_fd(), libc::POLLIN), 0, "poll ignores it");
        assert_eq!(raw::recv(&other, 0).unwrap(), b"x", "not to wait ignores it");
        assert_eq!(raw::send(&one, b"x", 0), 1);
        // A blocking one of a stream is ended by its timeout, with what there is.
        let timeout = libc::timeval { tv_sec: 0, tv_usec: 10_000 };
        assert_eq!(raw::set_timeout(other.as_raw_fd(), timeout), 0);
        assert_eq!(raw::recv_waiting(&other), Ok(b"x".to_vec()), "kind {kind}");

        let [stranger, theirs] = raw::pair(kind);
        assert_eq!(raw::set_option(theirs.as_raw_fd(), libc::SO_RCVLOWAT, MARK), 0);
        let socket = adopt(theirs.into_raw_fd()).unwrap();
        for (name, receive) in RECEIVES {
            thread::scope(|scope| {
                let waiting = asleep(scope, || receive(&socket, LONG));
                assert_eq!(raw::send(&stranger, b"x", 0), 1);
                assert_eq!(waiting.join().unwrap(), b"x", "{name}, kind {kind}");
            });
        }
    }
}

#[test]
fn row_73_who_refuses_descriptors_gets_what_is_queued_and_all_else() {
    const TEST: &str = "row_73_who_refuses_descriptors_gets_what_is_queued_and_all_else";
    for kind in KINDS {
        let [one, other] = raw::pair(kind);
        let [_reading, writing] = raw::pipe();
        let passed = [writing.as_raw_fd()];
        assert_eq!(raw::send_descriptors(&one, b"early", &passed), 5);
        if !set(TEST, &other, SO_PASSRIGHTS, 0) {
            return;
        }
        assert_eq!(raw::send_descriptors(&one, b"late", &passed), no(libc::EPERM));
        assert_eq!(receive(&other, ROOM, 0).unwrap().descriptors(libc::SCM_RIGHTS).len(), 1);
        assert_eq!(raw::set_option(other.as_raw_fd(), SO_PASSPIDFD, 1), 0);
        assert_eq!(raw::set_option(other.as_raw_fd(), libc::SO_PASSCRED, 1), 0);
        assert_eq!(raw::send(&one, b"x", 0), 1);
        let came = receive(&other, ROOM, 0).unwrap();
        assert_eq!(came.descriptors(SCM_PIDFD).len(), 1, "a pidfd is none of those");
        assert!(came.has(libc::SCM_CREDENTIALS));
    }
}

#[test]
fn row_73_a_queued_connection_keeps_what_held_at_its_connect() {
    const TEST: &str = "row_73_a_queued_connection_keeps_what_held_at_its_connect";
    in_child(|| {
        let is_alone =
            |reading: &OwnedFd| raw::poll(reading.as_raw_fd(), libc::POLLIN) & libc::POLLHUP != 0;
        for kind in CONNECTED_KINDS {
            for before in [0, 1] {
                let dir = Dir::new();
                let server = raw::server(kind, &dir.path("s"));
                if !set(TEST, &server, SO_PASSRIGHTS, before) {
                    return;
                }
                let client = raw::socket(kind);
                assert_eq!(raw::connect(&client, dir.path("s")), 0);
                assert!(set(TEST, &server, SO_PASSRIGHTS, 1 - before));
                assert_eq!(raw::option(raw::accepted(&server).as_raw_fd(), SO_PASSRIGHTS), before);

                // Whatever the queue kept: who says that it takes descriptors gets them.
                let own = open_server(kind, &dir.path("own"));
                let option = UDSOCK_OPTION_RECEIVE_FDS;
                assert_eq!(udsock_set_option(own.0, option, before.into()), 0);
                let client = raw::socket(kind);
                assert_eq!(raw::connect(&client, dir.path("own")), 0);
                assert_eq!(udsock_set_option(own.0, option, (1 - before).into()), 0);
                let accepted = own.accept(LONG).unwrap();
                let [reading, writing] = raw::pipe();
                let sent = raw::send_descriptors(&client, b"x", &[writing.as_raw_fd()]);
                drop(writing);
                assert_eq!(accepted.option(option), i64::from(1 - before), "kind {kind}");
                assert!(sent == 1 || before == 1, "kind {kind}: {sent}");
                assert_eq!(is_alone(&reading), sent != 1);
                if before == 1 {
                    // Those of a queue that still lets them through are closed.
                    accepted.recv(0).ok();
                    assert!(is_alone(&reading), "kind {kind}");
                }
            }
        }
    });
}
