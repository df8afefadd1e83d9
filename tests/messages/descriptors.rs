//! Descriptors that arrive, and those that are refused before anything is sent.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsRawFd, RawFd};

use crate::calls::*;
use crate::pipes::Pipe;
use crate::process::{LONG, asleep, in_child};
use crate::raw_messages::{recvmsg, space_for};
use support::*;

#[test]
fn as_many_as_the_kernel_passes_arrive_and_work() {
    for kind in KINDS {
        for (send_name, send) in SENDS {
            for (receive_name, receive) in RECEIVES {
                let what = format!("{send_name}, {receive_name}, kind {kind}");
                let (sender, receiver) = open_pair(kind);
                for count in [1, 2, 3, MOST - 1, MOST] {
                    let mut pipe = Pipe::new();
                    let passed = vec![pipe.fd(); count];
                    assert_eq!(send(&sender, b"data", &passed, 0), 4, "{what}");
                    pipe.let_go();
                    assert!(pipe.is_held(), "{what}: on their way");
                    let came = receive(&receiver, ENOUGH, 0).unwrap();
                    assert_eq!((&came.data[..], came.data_size), (&b"data"[..], 4), "{what}");
                    assert_eq!((came.descriptors.len(), came.flags), (count, 0), "{what}");
                    assert!(came.descriptors.iter().all(|fd| pipe.is_fed_by(fd)), "{what}");
                    drop(came);
                    assert!(pipe.is_alone(), "{what}: those were all");
                }
            }
        }
    }
}

#[test]
fn a_file_is_read_on_where_the_sender_was() {
    let dir = Dir::new();
    fs::write(dir.path("file"), "the beginning and the rest").unwrap();
    let mut file = File::open(dir.path("file")).unwrap();
    let mut beginning = [0; 13];
    file.read_exact(&mut beginning).unwrap();
    fs::remove_file(dir.path("file")).unwrap();
    let (sender, receiver) = open_pair(UDSOCK_SEQPACKET);
    assert_eq!(send_message(&sender, b"read on", &[file.as_raw_fd()], 0), 7);
    drop(file);
    let mut came = recv_message(&receiver, ENOUGH, 0).unwrap();
    let mut rest = String::new();
    File::from(came.descriptors.remove(0)).read_to_string(&mut rest).unwrap();
    assert_eq!(rest, " and the rest");
}

#[test]
fn they_arrive_in_the_order_in_which_they_were_sent() {
    for kind in KINDS {
        let (sender, receiver) = open_pair(kind);
        let pipes: Vec<_> = (0..20).map(|_| Pipe::new()).collect();
        let passed: Vec<_> = pipes.iter().map(Pipe::fd).collect();
        assert_eq!(send_message(&sender, b"x", &passed, 0), 1);
        let came = recv_message(&receiver, ENOUGH, 0).unwrap();
        assert_eq!(came.descriptors.len(), pipes.len());
        for (pipe, fd) in pipes.iter().zip(&came.descriptors) {
            assert!(pipe.is_fed_by(fd), "kind {kind}");
        }
    }
}

#[test]
fn datagrams_take_them_to_an_address() {
    let dir = Dir::new();
    for address in [dir.path("receiver.sock"), format!("@{}", dir.path("receiver"))] {
        let receiver = open_server(UDSOCK_DGRAM, &address);
        take_descriptors(&receiver);
        let local = dir.path("sender.sock");
        let sender = open_datagram(Some(&local));
        for count in [1, MOST] {
            let mut pipe = Pipe::new();
            let passed = vec![pipe.fd(); count];
            assert_eq!(send_message_to(&sender, (b"data", &passed), &address, 0), 4);
            pipe.let_go();
            let mut from = [0; UDSOCK_ADDRESS_SIZE];
            let (result, size, came) = recv_with_address(&receiver, ENOUGH, &mut from, 0);
            let came = came.unwrap();
            assert_eq!((result, size, came.flags), (4, local.len(), 0));
            assert_eq!(came.descriptors.len(), count);
            assert!(came.descriptors.iter().all(|fd| pipe.is_fed_by(fd)));
        }
    }
}

#[test]
fn a_handle_is_passed_by_its_descriptor() {
    let (sender, receiver) = open_pair(UDSOCK_STREAM);
    let (one, other) = pair(UDSOCK_SEQPACKET);
    assert_eq!(send_message(&sender, b"x", &[other.fd()], 0), 1);
    assert_eq!(other.close(), 0);
    let mut came = recv_message(&receiver, ENOUGH, 0).unwrap();
    let received = adopt(std::os::fd::IntoRawFd::into_raw_fd(came.descriptors.remove(0))).unwrap();
    assert_eq!(one.send(b"to whoever has it", 0), 17);
    assert_eq!(received.recv(0).unwrap(), b"to whoever has it");
}

#[test]
fn one_more_is_refused_and_nothing_is_sent() {
    for kind in KINDS {
        for (name, send) in SENDS {
            let (sender, receiver) = open_pair(kind);
            let pipe = Pipe::new();
            for count in [MOST + 1, MOST + 2, 1_000] {
                is(send(&sender, b"data", &vec![pipe.fd(); count], 0), libc::EINVAL);
            }
            let result = recv_message(&receiver, ENOUGH, 0).unwrap_err();
            assert_eq!(result, no(libc::EAGAIN), "{name}, kind {kind}");
        }
    }
}

#[test]
fn with_one_that_is_not_open_none_is_sent() {
    in_child(|| {
        let pipe = Pipe::new();
        let closed = next_descriptor() as RawFd + 500;
        let before = open_descriptors();
        for kind in KINDS {
            for (name, send) in SENDS {
                let (sender, receiver) = open_pair(kind);
                for bad in [closed, -1, RawFd::MAX, RawFd::MIN] {
                    for place in [0, 1, 2] {
                        let mut passed = [pipe.fd(); 3];
                        passed[place] = bad;
                        is(send(&sender, b"data", &passed, 0), libc::EBADF);
                    }
                }
                let result = recv_message(&receiver, ENOUGH, 0).unwrap_err();
                assert_eq!(result, no(libc::EAGAIN), "{name}, kind {kind}");
            }
        }
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn descriptors_without_data_are_refused_where_they_would_be_lost() {
    for (send_name, send) in SENDS {
        for (receive_name, receive) in RECEIVES {
            let what = format!("{send_name}, {receive_name}");
            let mut pipe = Pipe::new();
            let (sender, receiver) = open_pair(UDSOCK_STREAM);
            is(send(&sender, b"", &[pipe.fd()], 0), libc::EINVAL);
            assert_eq!(receive(&receiver, ENOUGH, 0).unwrap_err(), no(libc::EAGAIN), "{what}");
            let others = [UDSOCK_DGRAM, UDSOCK_SEQPACKET].map(|kind| {
                let (sender, receiver) = open_pair(kind);
                assert_eq!(send(&sender, b"", &[pipe.fd()], 0), 0, "{what}, kind {kind}");
                (sender, receiver)
            });
            pipe.let_go();
            for (_, receiver) in &others {
                let came = receive(receiver, ENOUGH, 0).unwrap();
                assert_eq!((came.data_size, came.flags, came.descriptors.len()), (0, 0, 1));
                assert!(pipe.is_fed_by(&came.descriptors[0]), "{what}");
            }
            assert!(pipe.is_alone(), "{what}");
        }
    }
}

#[test]
fn of_a_stream_each_descriptor_comes_with_its_first_byte_and_once() {
    for (name, receive) in RECEIVES {
        let (sender, receiver) = open_pair(UDSOCK_STREAM);
        let mut pipe = Pipe::new();
        assert_eq!(send_message(&sender, b"first", &[pipe.fd(); 2], 0), 5);
        assert_eq!(send_message(&sender, b"second", &[pipe.fd(); 3], 0), 6);
        pipe.let_go();
        let mut counts = Vec::new();
        let mut data = Vec::new();
        while let Ok(came) = receive(&receiver, Room(2, MOST), 0) {
            assert_eq!(came.flags, 0, "{name}: a stream has no ends to cut at");
            let start = data.len();
            data.extend(came.data);
            counts.push((start..data.len(), came.descriptors.len()));
        }
        assert_eq!(data, b"firstsecond", "{name}");
        counts.retain(|(_, count)| *count > 0);
        // The kernel may hand out the end of the one together with the start of the other.
        let [(one, 2), (other, 3)] = &counts[..] else { panic!("{name}: {counts:?}") };
        assert!(one.contains(&0) && other.contains(&5), "{name}: {counts:?}");
        assert!(pipe.is_alone(), "{name}");
    }
}

#[test]
fn a_partial_send_delivers_them_once_with_its_first_byte() {
    let (sender, receiver) = open_pair(UDSOCK_STREAM);
    set_small(&sender);
    let mut pipe = Pipe::new();
    let data: Vec<u8> = (0..1_000_000_u32).map(|byte| byte as u8).collect();
    let part = send_message(&sender, &data, &[pipe.fd(); 5], 0);
    assert!(part > 0 && part < data.len() as i64, "{part}");
    let mut sent = part as usize;
    pipe.let_go();
    let (mut received, mut counts) = (Vec::new(), Vec::new());
    while received.len() < data.len() {
        let came = recv_message(&receiver, ENOUGH, 0).unwrap();
        assert!(!came.has_lost());
        counts.push(came.descriptors.len());
        received.extend(came.data);
        if sent < data.len() {
            sent += usize::try_from(sender.send(&data[sent..], 0).max(0)).unwrap();
        }
    }
    assert!(received == data, "every byte, once");
    assert_eq!(counts[0], 5);
    assert!(counts[1..].iter().all(|count| *count == 0), "{counts:?}");
    assert!(pipe.is_alone());
}

/// As little room on the way as the kernel allows.
fn set_small(sender: &Sock) {
    assert_eq!(udsock_set_option(sender.0, UDSOCK_OPTION_SEND_BUFFER, 4_608), 0);
}

#[test]
fn who_waits_for_a_message_gets_its_descriptors() {
    for kind in KINDS {
        for (name, receive) in RECEIVES {
            let (sender, receiver) = open_pair(kind);
            let pipe = Pipe::new();
            is(receive(&receiver, ENOUGH, 20).unwrap_err(), libc::ETIMEDOUT);
            let came = std::thread::scope(|scope| {
                let waiting = asleep(scope, || receive(&receiver, ENOUGH, LONG));
                assert_eq!(send_message(&sender, b"data", &[pipe.fd()], 0), 4);
                waiting.join().unwrap()
            });
            assert!(pipe.is_fed_by(&came.descriptors[0]), "{name}, kind {kind}");
        }
    }
}

#[test]
fn who_waits_for_room_sends_them_once() {
    for kind in KINDS {
        let (sender, receiver) = open_pair(kind);
        let mut pipe = Pipe::new();
        while sender.send(&[b'x'; 1_000], 0) > 0 {}
        is(send_message(&sender, b"data", &[pipe.fd()], 20), libc::ETIMEDOUT);
        let mut count = 0;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| send_message(&sender, b"data", &[pipe.fd()], LONG));
            while count == 0 {
                let came = recv_message(&receiver, ENOUGH, LONG).unwrap();
                assert!(!came.has_lost());
                count += came.descriptors.len();
            }
            assert_eq!(waiting.join().unwrap(), 4);
        });
        pipe.let_go();
        is(recv_message(&receiver, ENOUGH, 0).unwrap_err(), libc::EAGAIN);
        assert!(count == 1 && pipe.is_alone(), "kind {kind}");
    }
}

/// As the header says of udsock_fd.
#[test]
fn who_receives_through_the_lent_descriptor_needs_room_for_a_time_stamp() {
    // SAFETY: it only computes.
    let stamp = unsafe { libc::CMSG_SPACE(size_of::<libc::timeval>() as u32) } as usize;
    for kind in KINDS {
        let stamp = if kind == UDSOCK_SEQPACKET { stamp } else { 0 };
        let (sender, receiver) = open_pair(kind);
        for (room, came) in [(space_for(1) + stamp, 1), (stamp, 0)] {
            let pipe = Pipe::new();
            assert_eq!(send_message(&sender, b"data", &[pipe.fd()], 0), 4);
            let got = recvmsg(receiver.fd(), 16, room, 0).unwrap();
            assert_eq!((&got.data[..], got.descriptors.len()), (&b"data"[..], came), "kind {kind}");
            assert_eq!(got.is_control_cut, came == 0, "kind {kind}");
        }
        assert_eq!(sender.send(b"data", 0), 4);
        let got = recvmsg(receiver.fd(), 16, 0, 0).unwrap();
        assert_eq!(got.is_control_cut, stamp > 0, "kind {kind}");
    }
}
