//! Rows 42 to 49, 51 and 52 of what Linux does: the kernel's trap first, by raw system
//! calls, then what the library makes of it.

use std::os::fd::{AsRawFd, IntoRawFd};

use crate::calls::*;
use crate::pipes::Pipe;
use crate::process::{in_child, in_fork, is_root, without_rights};
use crate::raw;
use crate::raw_messages::*;
use crate::traced;
use support::*;

#[test]
fn row_42_253_pass_and_254_are_einval() {
    for kind in KINDS {
        let [one, other] = raw::pair(kind);
        let pipe = Pipe::new();
        is(raw::send_descriptors(&one, b"x", &vec![pipe.fd(); MOST + 1]), libc::EINVAL);
        assert_eq!(raw::send_descriptors(&one, b"x", &vec![pipe.fd(); MOST]), 1);
        assert_eq!(receive(&other, ROOM, 0).unwrap().descriptors.len(), MOST);

        let (sender, receiver) = open_pair(kind);
        is(send_message(&sender, b"x", &vec![pipe.fd(); MOST + 1], 0), libc::EINVAL);
        assert_eq!(send_message(&sender, b"x", &vec![pipe.fd(); MOST], 0), 1);
        assert_eq!(recv_message(&receiver, ENOUGH, 0).unwrap().descriptors.len(), MOST);
    }
}

#[test]
fn row_42_with_a_bad_one_none_is_sent() {
    for kind in KINDS {
        let [one, other] = raw::pair(kind);
        let pipe = Pipe::new();
        is(raw::send_descriptors(&one, b"x", &[pipe.fd(), -1]), libc::EBADF);
        is(receive(&other, ROOM, 0).unwrap_err(), libc::EAGAIN);

        let (sender, receiver) = open_pair(kind);
        is(send_message(&sender, b"x", &[pipe.fd(), -1], 0), libc::EBADF);
        is(recv_message(&receiver, ENOUGH, 0).unwrap_err(), libc::EAGAIN);
    }
}

#[test]
fn row_43_an_empty_stream_message_loses_its_descriptors() {
    let [one, other] = raw::pair(UDSOCK_STREAM);
    let mut pipe = Pipe::new();
    assert_eq!(raw::send_descriptors(&one, b"", &[pipe.fd()]), 0, "the trap: success");
    let (sender, receiver) = open_pair(UDSOCK_STREAM);
    is(send_message(&sender, b"", &[pipe.fd()], 0), libc::EINVAL);
    pipe.let_go();
    assert!(pipe.is_alone(), "and lost at once");
    is(receive(&other, ROOM, 0).unwrap_err(), libc::EAGAIN);
    is(recv_message(&receiver, ENOUGH, 0).unwrap_err(), libc::EAGAIN);
}

#[test]
fn row_44_room_for_one_holds_two() {
    for kind in KINDS {
        let [one, other] = raw::pair(kind);
        let pipe = Pipe::new();
        assert_eq!(raw::send_descriptors(&one, b"x", &[pipe.fd(); 2]), 1);
        let got = receive(&other, space_for(1), 0).unwrap();
        assert_eq!((got.descriptors.len(), got.is_control_cut), (2, false), "the trap");

        let (sender, receiver) = open_pair(kind);
        for (name, receive) in RECEIVES {
            let mut pipe = Pipe::new();
            assert_eq!(send_message(&sender, b"x", &[pipe.fd(); 2], 0), 1);
            pipe.let_go();
            let came = receive(&receiver, Room(16, 1), 0).unwrap();
            assert_eq!((came.descriptors.len(), came.has_lost()), (1, true), "{name}");
            drop(came);
            assert!(pipe.is_alone(), "{name}: the other one was closed");
        }
    }
}

#[test]
fn row_44_at_the_limit_some_arrive() {
    in_child(|| {
        for kind in KINDS {
            let [one, other] = raw::pair(kind);
            let (sender, receiver) = open_pair(kind);
            let pipe = Pipe::new();
            assert_eq!(raw::send_descriptors(&one, b"x", &[pipe.fd(); 5]), 1);
            assert_eq!(send_message(&sender, b"x", &[pipe.fd(); 5], 0), 1);
            leave_descriptors(2);
            let got = receive(&other, ROOM, 0);
            let got = got.map(|got| (got.descriptors.len(), got.is_control_cut));
            let came = recv_message(&receiver, ENOUGH, 0);
            let came = came.map(|came| (came.descriptors.len(), came.flags));
            limit_descriptors(256);
            assert_eq!(got, Ok((2, true)), "the trap: no error, and two to own");
            assert_eq!(came, Ok((2, UDSOCK_FDS_LOST)), "kind {kind}");
        }
    });
}

#[test]
fn row_45_looking_at_a_message_makes_copies_of_its_descriptors() {
    for kind in KINDS {
        let [one, other] = raw::pair(kind);
        let mut pipe = Pipe::new();
        assert_eq!(raw::send_descriptors(&one, b"x", &[pipe.fd()]), 1);
        let looked = [(); 3].map(|()| receive(&other, ROOM, libc::MSG_PEEK).unwrap());
        assert!(looked.iter().all(|got| got.descriptors.len() == 1), "the trap: each time");
        drop((looked, one, other));

        // Here a look is what the library needs to leave a message whose sender's address
        // has no room.
        let (sender, receiver) = open_pair(kind);
        assert_eq!(send_message(&sender, b"x", &[pipe.fd()], 0), 1);
        pipe.let_go();
        let mut room = [0; 2];
        let (result, _, came) = recv_with_address(&receiver, ENOUGH, &mut room, 0);
        let came = came.expect("who has no name needs no room");
        assert_eq!((result, came.descriptors.len()), (1, 1), "kind {kind}");
        drop(came);
        assert!(pipe.is_alone(), "kind {kind}");
    }
}

#[test]
fn row_46_a_read_joins_plain_bytes_but_never_two_messages_with_descriptors() {
    let [one, other] = raw::pair(UDSOCK_STREAM);
    let (sender, receiver) = open_pair(UDSOCK_STREAM);
    let pipe = Pipe::new();
    let passed = [pipe.fd()];
    let posts: [(&[u8], &[i32]); 4] =
        [(b"plain ", &[]), (b"first ", &passed), (b"second ", &passed), (b"rest", &[])];
    for (data, descriptors) in posts {
        let size = data.len() as i64;
        if descriptors.is_empty() {
            assert_eq!(raw::send(&one, data, 0), size);
        } else {
            assert_eq!(raw::send_descriptors(&one, data, descriptors), size);
        }
        assert_eq!(send_message(&sender, data, descriptors, 0), size);
    }
    let parts: [(&[u8], usize); 3] = [(b"plain first ", 1), (b"second ", 1), (b"rest", 0)];
    for (data, count) in parts {
        let got = receive(&other, ROOM, 0).unwrap();
        assert_eq!((&got.data[..], got.descriptors.len()), (data, count), "the kernel's bounds");
        let came = recv_message(&receiver, ENOUGH, 0).unwrap();
        assert_eq!((&came.data[..], came.descriptors.len()), (data, count));
        assert_eq!(came.flags, 0);
    }
}

#[test]
fn row_46_a_part_that_was_sent_has_delivered_them() {
    let [one, other] = raw::pair(UDSOCK_STREAM);
    let (sender, receiver) = open_pair(UDSOCK_STREAM);
    let pipe = Pipe::new();
    let data = vec![b'x'; 1 << 20];
    let part = raw::send_descriptors(&one, &data, &[pipe.fd()]);
    assert!(part > 0 && part < data.len() as i64, "a part of it: {part}");
    assert_eq!(receive(&other, ROOM, 0).unwrap().descriptors.len(), 1, "the trap: with all of it");

    let part = send_message(&sender, &data, &[pipe.fd()], 0);
    assert!(part > 0 && part < data.len() as i64, "a part of it: {part}");
    assert_eq!(recv_message(&receiver, Room(1, 1), 0).unwrap().descriptors.len(), 1);
    while let Ok(came) = recv_message(&receiver, ENOUGH, 0) {
        assert!(came.descriptors.is_empty());
    }
}

#[test]
fn row_47_without_the_flag_they_are_kept_over_exec() {
    let [one, other] = raw::pair(UDSOCK_STREAM);
    let pipe = Pipe::new();
    for (flags, expected) in [(0, false), (libc::MSG_CMSG_CLOEXEC, true)] {
        assert_eq!(raw::send_descriptors(&one, b"x", &[pipe.fd()]), 1);
        let got = receive(&other, ROOM, flags).unwrap();
        assert_eq!(raw::is_close_on_exec(got.descriptors[0].as_raw_fd()), expected);
    }
    for kind in KINDS {
        for (name, receive) in RECEIVES {
            let (sender, receiver) = open_pair(kind);
            assert_eq!(send_message(&sender, b"x", &[pipe.fd()], 0), 1);
            let came = receive(&receiver, ENOUGH, 0).unwrap();
            let fd = came.descriptors[0].as_raw_fd();
            assert!(raw::is_close_on_exec(fd), "{name}, kind {kind}");
        }
    }
}

#[test]
fn row_47_credentials_take_the_room_of_a_descriptor() {
    for kind in KINDS {
        let [one, other] = raw::pair(kind);
        assert_eq!(raw::set_option(other.as_raw_fd(), libc::SO_PASSCRED, 1), 0);
        let pipe = Pipe::new();
        assert_eq!(raw::send_descriptors(&one, b"x", &[pipe.fd()]), 1);
        let got = receive(&other, space_for(1), 0).unwrap();
        assert_eq!((got.descriptors.len(), got.is_control_cut), (0, true), "the trap: dropped");

        let (sender, receiver) = open_pair(kind);
        tell_senders(&receiver);
        assert_eq!(send_message(&sender, b"x", &[pipe.fd()], 0), 1);
        let came = recv_message(&receiver, Room(1, 1), 0).unwrap();
        let got = (came.descriptors.len(), came.flags, came.sender);
        assert_eq!(got, (1, 0, myself()), "kind {kind}");
    }
}

#[test]
fn row_48_an_ordinary_user_may_have_only_so_many_under_way() {
    in_child(|| {
        limit_descriptors(64);
        without_rights(|| {
            let [one, _other] = raw::pair(UDSOCK_STREAM);
            let pipe = Pipe::new();
            let passed = [pipe.fd(); 50];
            let results = [(); 3].map(|()| raw::send_descriptors(&one, b"x", &passed));
            assert!(results.contains(&no(libc::ETOOMANYREFS)), "{results:?}");
            drop((one, _other));
            // What the kernel collects later still counts.
            let (sender, receiver) = open_pair(UDSOCK_STREAM);
            let mut result = 1;
            for _ in 0..3 {
                result = result.min(send_message(&sender, b"x", &passed, 0));
            }
            is(result, libc::ETOOMANYREFS);
            let (result, each) = send_batch(&sender, &[(b"y", &passed), (b"z", &[])], 0);
            assert_eq!((result, each), (1, vec![no(libc::ETOOMANYREFS), 1]));
            while recv_message(&receiver, Room(1, 0), 0).is_ok() {}
            assert_eq!(send_message(&sender, b"x", &passed, 0), 1, "there is room again");
        });
    });
}

#[test]
fn row_49_who_does_not_want_descriptors_lets_the_sender_know() {
    const SO_PASSRIGHTS: i32 = 83;
    const NAME: &str = "row_49_who_does_not_want_descriptors_lets_the_sender_know";
    if !kernel_can_refuse() {
        return skip(NAME, "SO_PASSRIGHTS is from Linux 6.16 on");
    }
    for kind in KINDS {
        let [one, other] = raw::pair(kind);
        let pipe = Pipe::new();
        assert_eq!(raw::option(other.as_raw_fd(), SO_PASSRIGHTS), 1, "the trap: the default");
        assert_eq!(raw::send_descriptors(&one, b"x", &[pipe.fd()]), 1);
        assert_eq!(raw::set_option(other.as_raw_fd(), SO_PASSRIGHTS, 0), 0);
        is(raw::send_descriptors(&one, b"x", &[pipe.fd()]), libc::EPERM);

        for socket in [create(kind), pair(kind).0] {
            assert_eq!(raw::option(socket.fd(), SO_PASSRIGHTS), 0, "kind {kind}");
            take_descriptors(&socket);
            assert_eq!(raw::option(socket.fd(), SO_PASSRIGHTS), 1, "kind {kind}");
        }
        let adopted = adopt(raw::socket(kind).into_raw_fd()).unwrap();
        assert_eq!(raw::option(adopted.fd(), SO_PASSRIGHTS), 1, "as it came, kind {kind}");
    }
}

#[test]
fn row_49_accepted_sockets_inherit_it() {
    const SO_PASSRIGHTS: i32 = 83;
    if !kernel_can_refuse() {
        return skip("row_49_accepted_sockets_inherit_it", "SO_PASSRIGHTS is from Linux 6.16 on");
    }
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let server = open_server(kind, &dir.path("server.sock"));
        for on in [0, 1] {
            set(&server, UDSOCK_OPTION_RECEIVE_FDS, on);
            let client = raw::socket(kind);
            assert_eq!(raw::connect(&client, dir.path("server.sock")), 0);
            let pipe = Pipe::new();
            let early = raw::send_descriptors(&client, b"x", &[pipe.fd()]);
            assert_eq!(early, if on == 1 { 1 } else { no(libc::EPERM) }, "before accept too");
            let peer = server.accept(5_000).unwrap();
            assert_eq!(i64::from(raw::option(peer.fd(), SO_PASSRIGHTS)), on, "kind {kind}");
        }
    }
}

#[test]
fn row_51_what_was_sent_before_it_was_asked_for_looks_like_nobodys() {
    const NOBODY: u32 = 65_534;
    for kind in KINDS {
        let [one, other] = raw::pair(kind);
        assert_eq!(raw::send(&one, b"x", 0), 1);
        assert_eq!(raw::set_option(other.as_raw_fd(), libc::SO_PASSCRED, 1), 0);
        let got = receive(&other, ROOM, 0).unwrap();
        assert_eq!(got.credentials, Some((0, NOBODY, NOBODY)), "the trap: a user's number");

        for (name, receive) in RECEIVES {
            let (sender, receiver) = pair(kind);
            assert_eq!(sender.send(b"x", 0), 1);
            tell_senders(&receiver);
            assert_eq!(receive(&receiver, ENOUGH, 0).unwrap().sender, UNKNOWN, "{name}");
        }
    }
}

#[test]
fn row_52_root_may_claim_to_be_another() {
    if !is_root() {
        return skip("row_52_root_may_claim_to_be_another", "only root may");
    }
    for kind in KINDS {
        let (sender, receiver) = pair(kind);
        tell_senders(&receiver);
        let claim = (1, 71_001, 72_001);
        assert_eq!(send_as(sender.fd(), b"x", claim), 1, "the trap");
        assert_eq!(recv_message(&receiver, ENOUGH, 0).unwrap().sender, claim, "kind {kind}");
        // No process has this number.
        is(send_as(sender.fd(), b"x", (i32::MAX, 0, 0)), libc::ESRCH);
        assert_eq!(sender.send(b"x", 0), 1);
        assert_eq!(recv_message(&receiver, ENOUGH, 0).unwrap().sender, myself(), "kind {kind}");
    }
}

#[test]
fn row_52_others_may_not() {
    in_child(|| {
        let status = in_fork(|| {
            if is_root() {
                // SAFETY: no pointers.
                unsafe {
                    assert_eq!(libc::setresgid(72_001, 72_001, 72_001), 0);
                    assert_eq!(libc::setresuid(71_001, 71_001, 71_001), 0);
                }
            }
            let (pid, uid, gid) = myself();
            KINDS.iter().all(|kind| {
                let (sender, receiver) = pair(*kind);
                tell_senders(&receiver);
                for claim in [(1, uid, gid), (pid, 0, gid), (pid, uid, 0)] {
                    is(send_as(sender.fd(), b"x", claim), libc::EPERM);
                }
                is(recv_message(&receiver, ENOUGH, 0).unwrap_err(), libc::EAGAIN);
                assert_eq!(send_as(sender.fd(), b"x", (pid, uid, gid)), 1);
                recv_message(&receiver, ENOUGH, 0).unwrap().sender == (pid, uid, gid)
            })
        });
        assert_eq!(status, 0);
    });
}

#[test]
fn row_52_what_is_not_claimed_is_the_real_user() {
    const EFFECTIVE: u32 = 71_001;
    if !is_root() {
        return skip("row_52_what_is_not_claimed_is_the_real_user", "only root may change");
    }
    in_child(|| {
        let (sender, receiver) = pair(UDSOCK_SEQPACKET);
        tell_senders(&receiver);
        let status = in_fork(|| {
            // SAFETY: no pointers.
            unsafe {
                assert_eq!(libc::setegid(EFFECTIVE), 0);
                assert_eq!(libc::seteuid(EFFECTIVE), 0);
            }
            sender.send(b"x", 0) == 1
        });
        assert_eq!(status, 0);
        let (_, uid, gid) = recv_message(&receiver, ENOUGH, 0).unwrap().sender;
        assert_eq!((uid, gid), (0, 0), "the trap: not whom it acts for");
    });
}

/// A look at nothing but the size and the sender. qemu-user takes one without a part for an end.
#[test]
fn row_100_every_look_has_a_part() {
    const TEST: &str = "rows::row_100_every_look_has_a_part";
    let log = traced::log_of(TEST, || {
        let receiver = open_datagram(Some("@"));
        let sender = open_datagram(Some("@"));
        let address = receiver.local_address().unwrap();
        assert_eq!(sender.connect(&address, None).map_err(|refusal| refusal.code), Ok(()));
        assert_eq!(sender.send(b"hello", 0), 5);
        is(recv_with_address(&receiver, ENOUGH, &mut [0; 3], 0).0, libc::ERANGE);
        assert_eq!(receiver.recv(0).as_deref(), Ok(&b"hello"[..]));
    });
    if let Some(log) = log {
        let looks: Vec<_> = log.lines().filter(|line| line.contains("MSG_PEEK")).collect();
        assert!(!looks.is_empty(), "{log}");
        assert!(looks.iter().all(|look| look.contains("msg_iovlen=1")), "{looks:#?}");
    }
}
