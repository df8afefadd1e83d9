//! The process that sent each message, as a descriptor that stands for it.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};

use crate::calls::*;
use crate::process::{in_child, in_fork};
use support::*;

const NO_DATA: i32 = -libc::ENODATA;

/// The number of the process that a pidfd stands for; -1: it has gone.
fn process_of(pidfd: &OwnedFd) -> i32 {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("Pid:"));
    line.expect("a pidfd").trim().parse().unwrap()
}

/// Whether the kernel can tell (Linux 6.5).
fn can_tell(test: &str) -> bool {
    let (socket, _peer) = pair(UDSOCK_STREAM);
    let result = udsock_set_option(socket.0, UDSOCK_OPTION_RECEIVE_PIDFD, 1);
    if result == -libc::ENOPROTOOPT {
        lacks(test, "the kernel has no SO_PASSPIDFD");
        return false;
    }
    assert_eq!(result, 0);
    true
}

#[test]
fn each_message_tells_its_process() {
    if !can_tell("each_message_tells_its_process") {
        return;
    }
    for kind in KINDS {
        for (name, receive) in RECEIVES {
            let (sender, receiver) = pair(kind);
            assert_eq!(sender.send(b"before", 0), 6);
            set(&receiver, UDSOCK_OPTION_RECEIVE_PIDFD, 1);
            assert_eq!(receiver.option(UDSOCK_OPTION_RECEIVE_PIDFD), 1);
            assert_eq!(sender.send(b"after", 0), 5);
            let before = receive(&receiver, Room(16, 0), 0).unwrap();
            assert_eq!(&before.data[..], b"before", "{name}, kind {kind}");
            assert_eq!(before.pidfd.unwrap_err(), NO_DATA, "{name}, kind {kind}");
            let after = receive(&receiver, Room(16, 0), 0).unwrap();
            assert_eq!((&after.data[..], after.flags), (&b"after"[..], 0), "{name}, kind {kind}");
            assert_eq!(process_of(&after.pidfd.unwrap()), myself().0, "{name}, kind {kind}");
            assert_eq!(after.sender, UNKNOWN, "credentials were not asked for");
        }
    }
}

#[test]
fn accepted_connections_tell_it_as_their_server_does() {
    if !can_tell("accepted_connections_tell_it_as_their_server_does") {
        return;
    }
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let address = dir.path("server.sock");
        let server = open_server(kind, &address);
        set(&server, UDSOCK_OPTION_RECEIVE_PIDFD, 1);
        let client = open_client(kind, &address);
        assert_eq!(client.send(b"data", 0), 4);
        let peer = server.accept(5_000).unwrap();
        let came = recv_message(&peer, ENOUGH, 0).unwrap();
        assert_eq!(process_of(&came.pidfd.unwrap()), myself().0, "kind {kind}");
    }
}

/// Whoever has gone is never taken for who has the number now.
#[test]
fn a_process_that_has_gone_is_not_mistaken() {
    if !can_tell("a_process_that_has_gone_is_not_mistaken") {
        return;
    }
    in_child(|| {
        for kind in KINDS {
            let (sender, receiver) = pair(kind);
            set(&receiver, UDSOCK_OPTION_RECEIVE_PIDFD, 1);
            assert_eq!(in_fork(|| sender.send(b"last words", 0) == 10), 0);
            let came = recv_message(&receiver, ENOUGH, 0).unwrap();
            assert_eq!(&came.data[..], b"last words");
            match came.pidfd {
                Ok(pidfd) => assert_eq!(process_of(&pidfd), -1, "kind {kind}"),
                Err(code) => assert_eq!(code, -libc::ESRCH, "kind {kind}"),
            }
        }
    });
}

/// Nor does any call leak it.
#[test]
fn a_struct_without_the_field_leaves_no_descriptor_open() {
    if !can_tell("a_struct_without_the_field_leaves_no_descriptor_open") {
        return;
    }
    in_child(|| {
        for kind in KINDS {
            let (sender, receiver) = pair(kind);
            set(&receiver, UDSOCK_OPTION_RECEIVE_PIDFD, 1);
            let before = open_descriptors();
            let mut data = [0_u8; 16];
            for _ in 0..3 {
                assert_eq!(sender.send(b"data", 0), 4);
            }
            let mut short = message();
            short.size = std::mem::offset_of!(udsock_message, pidfd) as u32;
            short.data = data.as_mut_ptr().cast();
            short.data_capacity = 1;
            (short.pidfd, short.reserved) = (77, 77);
            let capacity = if kind == UDSOCK_STREAM { 4 } else { 1 };
            short.data_capacity = capacity;
            // SAFETY: the message has the room that it says.
            let result = unsafe { udsock_recv_message(receiver.0, &mut short, 0) };
            assert_eq!(result, capacity as i64, "kind {kind}");
            assert_eq!((short.pidfd, short.reserved), (77, 77), "nothing behind it is touched");
            // SAFETY: an array of one.
            assert_eq!(unsafe { udsock_recv_batch(receiver.0, &mut short, 1, 0) }, 1);
            assert_eq!(receiver.recv(0).map(|data| data.len()), Ok(4), "kind {kind}");
            assert_eq!(open_descriptors(), before, "kind {kind}");
        }
    });
}

#[test]
fn what_is_not_known_yet_is_refused() {
    let (sender, _receiver) = pair(UDSOCK_STREAM);
    let mut long = message();
    long.reserved = 1;
    // SAFETY: a message that is what it says.
    assert_eq!(unsafe { udsock_send_message(sender.0, &mut long, 0) }, i64::from(-libc::EINVAL));
    let mut short = message();
    short.size -= 9;
    // SAFETY: as above.
    assert_eq!(unsafe { udsock_send_message(sender.0, &mut short, 0) }, i64::from(-libc::EINVAL));
}
