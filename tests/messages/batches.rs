//! Batches in which some messages have descriptors.

use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::calls::*;
use crate::pipes::Pipe;
use support::traced;
use support::*;

#[test]
fn each_message_of_a_batch_has_its_own() {
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let (sender, receiver) = open_pair(kind);
        let pipes: Vec<_> = (0..8).map(|_| Pipe::new()).collect();
        let passed: Vec<_> = (0..8).map(|index| vec![pipes[index].fd(); index % 3]).collect();
        let names: Vec<_> = (0..8).map(|index| format!("message {index}")).collect();
        let posts: Vec<Post> =
            names.iter().zip(&passed).map(|(name, fds)| (name.as_bytes(), &fds[..])).collect();
        assert_eq!(send_batch(&sender, &posts, 0), (8, vec![9; 8]));
        let came = recv_batch(&receiver, &[ENOUGH; 10], 0).unwrap();
        assert_eq!(came.len(), 8, "kind {kind}");
        for (index, message) in came.iter().enumerate() {
            assert_eq!(message.data, names[index].as_bytes());
            assert_eq!((message.flags, message.descriptors.len()), (0, index % 3));
            assert!(message.descriptors.iter().all(|fd| pipes[index].is_fed_by(fd)));
        }
    }
}

#[test]
fn a_message_that_is_refused_does_not_hold_up_the_others() {
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let (sender, receiver) = open_pair(kind);
        let pipe = Pipe::new();
        let (one, too_many, bad) = ([pipe.fd()], [pipe.fd(); MOST + 1], [pipe.fd(), -1]);
        let posts: [Post; 5] =
            [(b"1", &one), (b"2", &too_many), (b"3", &one), (b"4", &bad), (b"5", &one)];
        let (went, each) = send_batch(&sender, &posts, 0);
        assert_eq!((went, each), (3, vec![1, no(libc::EINVAL), 1, no(libc::EBADF), 1]));
        let came = recv_batch(&receiver, &[ENOUGH; 10], 0).unwrap();
        let data: Vec<_> = came.iter().map(|came| came.data[0]).collect();
        assert_eq!(data, b"135", "kind {kind}");
        assert!(came.iter().all(|came| came.descriptors.len() == 1 && came.flags == 0));
    }
}

/// More cannot help who is too large.
#[test]
fn a_batch_that_was_cut_for_one_that_is_too_large_does_not_wait_for_room() {
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let (sender, receiver) = open_pair(kind);
        let (small, too_large) = ([1; 100], vec![1; 1 << 20]);
        let room = std::iter::repeat_with(|| sender.send(&small, 0)).take_while(|n| *n > 0).count();
        while receiver.recv(0).is_ok() {}
        let mut posts: Vec<Post> = vec![(&small, &[]); room];
        posts.push((&too_large, &[]));
        let (went, each) = send_batch(&sender, &posts, 2_000);
        assert_eq!((went, each.last()), (room as i64, Some(&no(libc::EMSGSIZE))), "kind {kind}");
    }
}

/// An attempt that finds no room is a system call for nothing.
#[test]
fn a_batch_that_was_cut_begins_its_wait_without_another_attempt() {
    const TEST: &str = "batches::a_batch_that_was_cut_begins_its_wait_without_another_attempt";
    let log = traced::log_of(TEST, || {
        let (sender, _receiver) = open_pair(UDSOCK_DGRAM);
        let large = vec![1; 100_000];
        let (went, each) = send_batch(&sender, &vec![(&large[..], &[][..]); 8], 20);
        assert!((1..8).contains(&went), "{went}");
        assert_eq!(each[7], no(libc::ETIMEDOUT));
    });
    if let Some(log) = log {
        // The second one is behind the wait.
        assert_eq!(log.lines().filter(|line| line.contains("sendmmsg(")).count(), 2);
    }
}

#[test]
fn of_a_stream_what_an_empty_message_would_lose_is_refused_in_a_batch() {
    let (sender, receiver) = open_pair(UDSOCK_STREAM);
    let pipe = Pipe::new();
    let one = [pipe.fd()];
    let posts: [Post; 4] = [(b"ab", &one), (b"", &one), (b"cd", &[]), (b"ef", &one)];
    assert_eq!(send_batch(&sender, &posts, 0), (3, vec![2, no(libc::EINVAL), 2, 2]));
    let (mut data, mut count) = (Vec::new(), 0);
    while let Ok(came) = recv_message(&receiver, ENOUGH, 0) {
        data.extend(came.data);
        count += came.descriptors.len();
    }
    assert_eq!((&data[..], count), (&b"abcdef"[..], 2));
}

#[test]
fn rooms_of_different_sizes_in_one_batch() {
    for kind in [UDSOCK_DGRAM, UDSOCK_SEQPACKET] {
        let (sender, receiver) = open_pair(kind);
        let mut pipe = Pipe::new();
        for _ in 0..4 {
            assert_eq!(send_message(&sender, b"data", &[pipe.fd(); 3], 0), 4);
        }
        pipe.let_go();
        let rooms = [Room(4, 3), Room(4, 0), Room(2, 2), Room(9, MOST)];
        let came = recv_batch(&receiver, &rooms, 0).unwrap();
        let got: Vec<_> = came.iter().map(|came| (came.descriptors.len(), came.flags)).collect();
        let both = UDSOCK_TRUNCATED | UDSOCK_FDS_LOST;
        assert_eq!(got, [(3, 0), (0, UDSOCK_FDS_LOST), (2, both), (3, 0)], "kind {kind}");
        drop(came);
        assert!(pipe.is_alone(), "kind {kind}");
    }
}

#[test]
fn a_batch_on_a_stream_delivers_each_messages_descriptors_once_whatever_part_went() {
    let (sender, receiver) = open_pair(UDSOCK_STREAM);
    assert_eq!(udsock_set_option(sender.0, UDSOCK_OPTION_SEND_BUFFER, 4_608), 0);
    let mut pipe = Pipe::new();
    let two = [pipe.fd(); 2];
    let data = vec![b'x'; 30_000];
    let posts: [Post; 3] = [(&data, &two), (&data, &two), (&data, &two)];
    let reader = std::thread::spawn(move || {
        let (mut size, mut counts) = (0, Vec::new());
        while let Ok(came) = recv_message(&receiver, ENOUGH, FOREVER) {
            assert!(!came.has_lost());
            let start = size;
            size += came.data.len();
            if !came.descriptors.is_empty() {
                counts.push((start..size, came.descriptors.len()));
            }
        }
        (size, counts)
    });
    assert_eq!(send_batch(&sender, &posts, FOREVER), (3, vec![30_000; 3]));
    pipe.let_go();
    assert_eq!(sender.close(), 0);
    let (size, counts) = reader.join().unwrap();
    assert_eq!(size, 90_000);
    let first_bytes = [0, 30_000, 60_000];
    assert_eq!(counts.len(), 3, "{counts:?}");
    for ((bytes, count), first) in counts.iter().zip(first_bytes) {
        assert!(bytes.contains(&first) && *count == 2, "{counts:?}");
    }
    assert!(pipe.is_alone());
}

#[test]
fn what_came_with_a_message_whose_sender_has_no_room_is_handed_over_or_reported() {
    let dir = Dir::new();
    let address = dir.path("receiver.sock");
    let receiver = open_server(UDSOCK_DGRAM, &address);
    take_descriptors(&receiver);
    let sender = open_datagram(Some(&dir.path("sender.sock")));
    let mut pipe = Pipe::new();
    assert_eq!(send_message_to(&sender, (b"data", &[pipe.fd(); 2]), &address, 0), 4);
    pipe.let_go();
    let (mut data, mut descriptors, mut short) = ([0_u8; 16], [-1; 4], [0; 2]);
    let mut batch = [udsock_message {
        data: data.as_mut_ptr().cast(),
        data_capacity: data.len(),
        descriptors: descriptors.as_mut_ptr(),
        descriptors_capacity: descriptors.len(),
        address: short.as_mut_ptr(),
        address_capacity: short.len(),
        ..message()
    }];
    // SAFETY: one message with the room that it says.
    assert_eq!(unsafe { udsock_recv_batch(receiver.0, batch.as_mut_ptr(), 1, 0) }, 1);
    is(batch[0].result.into(), libc::ERANGE);
    let count = batch[0].descriptors_count;
    let lost = batch[0].flags & UDSOCK_FDS_LOST != 0;
    assert!((count, lost) == (2, false) || (count, lost) == (0, true), "{count}, {lost}");
    for fd in &descriptors[..count] {
        // SAFETY: it was received, and is ours to close.
        drop(unsafe { OwnedFd::from_raw_fd(*fd) });
    }
    assert!(pipe.is_alone());
}

/// However many system calls a batch takes: what they find behind the last message is told
/// by the next call.
#[test]
fn what_lies_behind_the_messages_of_a_batch_is_told_later() {
    for count in [15, 16, 17, 48, 63, 64, 65] {
        let (ours, peer) = open_pair(UDSOCK_SEQPACKET);
        assert_eq!(ours.send(b"never read", 0), 10);
        for index in 0..count {
            assert_eq!(peer.send(&[index], 0), 1);
        }
        drop(peer);
        let mut came = Vec::new();
        let last = loop {
            match recv_batch(&ours, &[Room(8, 0); 100], 0) {
                Ok(batch) => came.extend(batch.iter().map(|message| message.data[0])),
                Err(error) => break error,
            }
        };
        assert!(came.iter().copied().eq(0..count), "{count}: {came:?}");
        assert_eq!(last, no(libc::ECONNRESET), "{count}");
        let end = recv_batch(&ours, &[Room(8, 0); 100], 0).unwrap_err();
        assert_eq!(end, i64::from(UDSOCK_EOF), "{count}");
    }
}

/// The size of an element says nothing about what lies behind the array: that is not read.
#[test]
fn an_element_of_another_size_is_refused_unread() {
    let (sender, _receiver) = open_pair(UDSOCK_SEQPACKET);
    let mut whole = [message(); 3];
    whole[1].size *= 2;
    whole[2].flags = UDSOCK_TRUNCATED;
    // SAFETY: two messages without data; the third is beyond the array.
    let went = unsafe { udsock_send_batch(sender.0, whole.as_mut_ptr(), 2, 0) };
    assert_eq!((went, whole[0].result), (1, 0));
    assert_eq!(i64::from(whole[1].result), no(libc::EINVAL));
}

/// The kernel looks for a message first and for the end later: what comes in between is behind
/// an end that a batch then holds in its midst.
#[test]
fn what_comes_in_the_moment_of_the_end_is_in_the_batch() {
    const PAIRS: usize = 200;
    let end = Instant::now() + Duration::from_secs(5);
    for _ in 0..150 {
        let pairs: Vec<_> = (0..PAIRS).map(|_| pair(UDSOCK_SEQPACKET)).collect();
        let turn = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for (place, (sender, _)) in pairs.iter().enumerate() {
                    while turn.load(Ordering::Acquire) <= place {
                        std::hint::spin_loop();
                    }
                    assert_eq!((sender.send(b"x", 0), sender.shutdown(UDSOCK_WRITE)), (1, 0));
                }
            });
            for (_, receiver) in &pairs {
                let mut room = [[0_u8; 4]; 4];
                let mut messages = room.each_mut().map(|room| udsock_message {
                    data: room.as_mut_ptr().cast(),
                    data_capacity: room.len(),
                    ..message()
                });
                turn.fetch_add(1, Ordering::Release);
                let mut came = Vec::new();
                loop {
                    // SAFETY: four messages, each with the room that it says.
                    let count =
                        unsafe { udsock_recv_batch(receiver.0, messages.as_mut_ptr(), 4, 0) };
                    match usize::try_from(count) {
                        Ok(count) => came.extend(messages[..count].iter().map(|m| m.data_size)),
                        Err(_) if count == EOF => break,
                        Err(_) => assert_eq!(count, -i64::from(libc::EAGAIN)),
                    }
                }
                assert_eq!((came, room[0][0]), (vec![1], b'x'));
            }
        });
        if Instant::now() > end {
            break; // A busy machine: the other rounds would look for the same.
        }
    }
}
