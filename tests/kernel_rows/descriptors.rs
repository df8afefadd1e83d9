//! Rows 42 to 44: descriptors that strangers send to who does not want them.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

use crate::calls::{RECEIVES, recv_batch};
use crate::process::in_child;
use crate::raw;
use support::*;

/// Whether nobody holds the other end of the pipe.
fn is_alone(reading: &OwnedFd) -> bool {
    raw::poll(reading.as_raw_fd(), libc::POLLIN) & libc::POLLHUP != 0
}

#[test]
fn row_42_descriptors_that_come_with_data_are_not_kept() {
    in_child(|| {
        for kind in KINDS {
            for (name, receive) in RECEIVES {
                for count in [1, 2, 253] {
                    let [stranger, theirs] = raw::pair(kind);
                    let socket = adopt(theirs.into_raw_fd()).unwrap();
                    let before = open_descriptors();
                    let [reading, writing] = raw::pipe();
                    let sent = vec![writing.as_raw_fd(); count];
                    assert_eq!(raw::send_descriptors(&stranger, b"data", &sent), 4);
                    assert_eq!(raw::send_descriptors(&stranger, b"more", &sent), 4);
                    drop(writing);
                    assert!(!is_alone(&reading), "they are on their way");
                    assert_eq!(receive(&socket, 0).unwrap(), b"data", "{name}, kind {kind}");
                    assert_eq!(receive(&socket, 0).unwrap(), b"more", "{name}, kind {kind}");
                    assert!(is_alone(&reading), "{name}, kind {kind}: kept");
                    drop(reading);
                    assert_eq!(open_descriptors(), before, "{name}, kind {kind}: leaked");
                }
            }
        }
    });
}

#[test]
fn row_42_nor_those_that_come_in_a_batch() {
    in_child(|| {
        for kind in KINDS {
            let [stranger, theirs] = raw::pair(kind);
            let socket = adopt(theirs.into_raw_fd()).unwrap();
            let before = open_descriptors();
            let [reading, writing] = raw::pipe();
            for _ in 0..5 {
                let sent = [writing.as_raw_fd(); 3];
                assert_eq!(raw::send_descriptors(&stranger, b"data", &sent), 4);
            }
            drop(writing);
            let came = recv_batch(&socket, 64, 10, 0).unwrap();
            assert!(came.iter().all(|came| came.data == b"data"), "kind {kind}");
            assert_eq!(came.len(), 5, "kind {kind}");
            assert!(is_alone(&reading), "kind {kind}: kept");
            drop(reading);
            assert_eq!(open_descriptors(), before, "kind {kind}: leaked");
        }
    });
}

#[test]
fn row_42_nor_those_that_lie_in_the_queue_at_close() {
    for kind in KINDS {
        let [stranger, theirs] = raw::pair(kind);
        let socket = adopt(theirs.into_raw_fd()).unwrap();
        let [reading, writing] = raw::pipe();
        assert_eq!(raw::send_descriptors(&stranger, b"data", &[writing.as_raw_fd()]), 4);
        drop(writing);
        assert_eq!(socket.close(), 0);
        assert!(is_alone(&reading), "kind {kind}");
    }
}

#[test]
fn row_43_descriptors_without_data() {
    in_child(|| {
        for (name, receive) in RECEIVES {
            for kind in KINDS {
                let [stranger, theirs] = raw::pair(kind);
                let socket = adopt(theirs.into_raw_fd()).unwrap();
                let before = open_descriptors();
                let [reading, writing] = raw::pipe();
                let sent = [writing.as_raw_fd()];
                assert_eq!(raw::send_descriptors(&stranger, b"", &sent), 0);
                drop(writing);
                if kind == UDSOCK_STREAM {
                    assert!(is_alone(&reading), "the trap: lost at once");
                    assert_eq!(receive(&socket, 0), Err(no(libc::EAGAIN)), "{name}");
                } else {
                    assert_eq!(receive(&socket, 0).unwrap(), b"", "{name}: an empty message");
                    assert!(is_alone(&reading), "{name}: kept");
                }
                drop((reading, stranger));
                if kind != UDSOCK_DGRAM {
                    assert_eq!(receive(&socket, 0), Err(EOF), "{name}");
                }
                assert_eq!(open_descriptors(), before - 1, "{name}: leaked");
            }
        }
    });
}

#[test]
fn row_44_at_the_descriptor_limit_the_data_arrives_all_the_same() {
    in_child(|| {
        for kind in KINDS {
            for (name, receive) in RECEIVES {
                let [stranger, theirs] = raw::pair(kind);
                let socket = adopt(theirs.into_raw_fd()).unwrap();
                let [reading, writing] = raw::pipe();
                assert_eq!(raw::send_descriptors(&stranger, b"data", &[writing.as_raw_fd()]), 4);
                drop(writing);
                let now = open_descriptors() as u64;
                let limit = |soft| {
                    let limit = libc::rlimit { rlim_cur: soft, rlim_max: 1024 };
                    // SAFETY: a valid limit.
                    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
                };
                limit(now - 1);
                let came = receive(&socket, 0);
                limit(1024);
                assert_eq!(came.unwrap(), b"data", "{name}, kind {kind}");
                assert!(is_alone(&reading), "{name}, kind {kind}: kept");
            }
        }
    });
}
