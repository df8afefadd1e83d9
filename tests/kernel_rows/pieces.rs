//! Row 91: other ways into and out of a socket, and what goes beside twice.

use std::fs;
use std::io::Write;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::ptr;

use crate::beside::{ROOM, receive, send};
use crate::calls::RECEIVES;
use crate::process::{in_child, is_root};
use crate::raw;
use support::*;

fn splice(from: &impl AsRawFd, to: &impl AsRawFd, size: usize) -> i64 {
    let (none, flags) = (ptr::null_mut(), libc::SPLICE_F_NONBLOCK);
    // SAFETY: NULL is allowed twice.
    raw::answer(unsafe { libc::splice(from.as_raw_fd(), none, to.as_raw_fd(), none, size, flags) })
}

fn read(pipe: &OwnedFd) -> Vec<u8> {
    let mut room = [0_u8; 64];
    // SAFETY: room for as many bytes.
    let size = unsafe { libc::read(pipe.as_raw_fd(), room.as_mut_ptr().cast(), room.len()) };
    room[..size as usize].to_vec()
}

#[test]
fn row_91_splice_and_sendfile_work_on_all_kinds() {
    in_child(|| {
        for kind in KINDS {
            for (name, receive) in RECEIVES {
                let [stranger, theirs] = raw::pair(kind);
                let socket = adopt(theirs.into_raw_fd()).unwrap();
                let [out, into] = raw::pipe();
                let mut into = fs::File::from(into);
                into.write_all(b"spliced").unwrap();
                assert_eq!(splice(&out, &stranger, 7), 7, "kind {kind}");
                assert_eq!(receive(&socket, 0).unwrap(), b"spliced", "{name}, kind {kind}");
                let dir = Dir::new();
                fs::write(dir.path("file"), "of a file").unwrap();
                let file = fs::File::open(dir.path("file")).unwrap();
                let (to, from) = (stranger.as_raw_fd(), file.as_raw_fd());
                // SAFETY: NULL is allowed.
                assert_eq!(unsafe { libc::sendfile(to, from, ptr::null_mut(), 9) }, 9);
                assert_eq!(receive(&socket, 0).unwrap(), b"of a file", "{name}, kind {kind}");
            }
            // Out of a socket: descriptors beside the data are dropped.
            let [one, other] = raw::pair(kind);
            let [reading, writing] = raw::pipe();
            assert_eq!(raw::send_descriptors(&one, b"data", &[writing.as_raw_fd()]), 4);
            drop(writing);
            let [out, into] = raw::pipe();
            assert_eq!(splice(&other, &into, 64), 4, "kind {kind}");
            assert_eq!(read(&out), b"data");
            let is_alone = raw::poll(reading.as_raw_fd(), libc::POLLIN) & libc::POLLHUP != 0;
            assert!(is_alone, "the trap: without a word");
        }
    });
}

#[test]
fn row_91_there_is_no_mark_at_the_end_of_a_record() {
    for kind in KINDS {
        let [one, other] = raw::pair(kind);
        assert_eq!(raw::send(&one, b"record", libc::MSG_EOR), 6, "kind {kind}");
        let came = receive(&other, ROOM, 0).unwrap();
        assert_eq!((&came.data[..], came.flags & libc::MSG_EOR), (&b"record"[..], 0));
    }
}

#[test]
fn row_91_a_raw_socket_is_a_datagram_socket() {
    let dir = Dir::new();
    let raw_one = raw::socket(libc::SOCK_RAW as u32);
    assert_eq!(raw::option(raw_one.as_raw_fd(), libc::SO_TYPE), libc::SOCK_DGRAM);
    assert_eq!(raw::bind(&raw_one, dir.path("s")), 0);
    let socket = adopt(raw_one.into_raw_fd()).unwrap();
    assert_eq!(socket.option(UDSOCK_OPTION_KIND), UDSOCK_DGRAM.into());
    assert_eq!(open_datagram(None).send_to(b"x", &dir.path("s"), 0), 1);
    assert_eq!(socket.recv(0).unwrap(), b"x");
}

#[test]
fn row_91_descriptors_of_two_control_messages_arrive_as_of_one() {
    for kind in KINDS {
        let [one, other] = raw::pair(kind);
        let [_reading, writing] = raw::pipe();
        let number = writing.as_raw_fd().to_ne_bytes();
        let twice = [(libc::SCM_RIGHTS, &number[..]), (libc::SCM_RIGHTS, &number)];
        assert_eq!(send(&one, b"x", &twice), 1, "kind {kind}");
        let came = receive(&other, ROOM, 0).unwrap();
        assert_eq!(came.beside.len(), 1, "kind {kind}");
        assert_eq!(came.descriptors(libc::SCM_RIGHTS).len(), 2, "kind {kind}");

        let socket = adopt(other.into_raw_fd()).unwrap();
        assert_eq!(udsock_set_option(socket.0, UDSOCK_OPTION_RECEIVE_FDS, 1), 0);
        assert_eq!(send(&one, b"x", &twice), 1);
        let (mut byte, mut numbers) = (0_u8, [-1; 4]);
        let mut message = message();
        (message.data, message.data_capacity) = ((&raw mut byte).cast(), 1);
        (message.descriptors, message.descriptors_capacity) = (numbers.as_mut_ptr(), 4);
        // SAFETY: a message with room for a byte and four descriptors.
        assert_eq!(unsafe { udsock_recv_message(socket.0, &mut message, 0) }, 1);
        assert_eq!((message.descriptors_count, message.flags), (2, 0), "kind {kind}");
        numbers[..2].iter().for_each(|number| drop(raw::own(*number)));
    }
}

#[test]
fn row_91_of_two_claims_who_sends_the_last_one_counts() {
    const TEST: &str = "row_91_of_two_claims_who_sends_the_last_one_counts";
    if !is_root() {
        return skip(TEST, "only root may claim anything");
    }
    // SAFETY: no pointers.
    let me = unsafe { libc::getpid() };
    let claim = |uid: i32| [me, uid, 72_000].map(i32::to_ne_bytes).concat();
    for kind in KINDS {
        let [one, other] = raw::pair(kind);
        let (first, last) = (claim(71_000), claim(71_001));
        let claims = [(libc::SCM_CREDENTIALS, &first[..]), (libc::SCM_CREDENTIALS, &last)];
        assert_eq!(raw::set_option(other.as_raw_fd(), libc::SO_PASSCRED, 1), 0);
        assert_eq!(send(&one, b"x", &claims), 1);
        let came = receive(&other, ROOM, 0).unwrap();
        assert_eq!(came.numbers(libc::SCM_CREDENTIALS), Some(vec![me, 71_001, 72_000]));

        let socket = adopt(other.into_raw_fd()).unwrap();
        assert_eq!(send(&one, b"x", &claims), 1);
        let mut byte = 0_u8;
        let mut message = message();
        (message.data, message.data_capacity) = ((&raw mut byte).cast(), 1);
        // SAFETY: a message with room for a byte.
        assert_eq!(unsafe { udsock_recv_message(socket.0, &mut message, 0) }, 1);
        let sender = message.credentials;
        assert_eq!((sender.pid, sender.uid, sender.gid), (me, 71_001, 72_000), "kind {kind}");
    }
}
