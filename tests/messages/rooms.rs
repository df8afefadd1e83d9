//! The room for what comes beside a message: enough for all of it at once.

use std::os::fd::AsRawFd;

use crate::calls::*;
use crate::pipes::Pipe;
use crate::raw;
use support::*;

/// Every option that makes the kernel put something beside a message, as far as it has them.
const OPTIONS: [(&str, i32, i32); 8] = [
    ("SO_PASSCRED", libc::SO_PASSCRED, 1),
    ("SO_PASSPIDFD", 76, 1),
    ("SO_PASSSEC", libc::SO_PASSSEC, 1),
    ("SO_PASSRIGHTS", 83, 1),
    ("SO_INQ", 84, 1),
    ("SO_RXQ_OVFL", libc::SO_RXQ_OVFL, 1),
    ("SO_TIMESTAMPNS_NEW", 64, 1),
    // SOF_TIMESTAMPING_RX_SOFTWARE, SOFTWARE, RAW_HARDWARE, OPT_PKTINFO, OPT_CMSG.
    ("SO_TIMESTAMPING_NEW", 65, 1 << 3 | 1 << 4 | 1 << 6 | 1 << 13 | 1 << 10),
];

#[test]
fn as_many_descriptors_as_there_can_be_with_all_that_can_come_beside_them() {
    for kind in KINDS {
        for (name, receive) in RECEIVES {
            let (sender, receiver) = open_pair(kind);
            for (option, number, value) in OPTIONS {
                let result = raw::set_option(receiver.fd(), number, value);
                // Older kernels have fewer, and SO_INQ is for streams.
                let missing = [libc::ENOPROTOOPT, libc::EOPNOTSUPP, libc::EINVAL].map(no);
                assert!(result == 0 || missing.contains(&result), "{option}: {result}");
            }
            for count in [MOST, MOST - 1, MOST] {
                let mut pipe = Pipe::new();
                assert_eq!(send_message(&sender, b"x", &vec![pipe.fd(); count], 0), 1);
                pipe.let_go();
                let came = receive(&receiver, ENOUGH, 0).unwrap();
                assert_eq!((came.flags, came.descriptors.len()), (0, count), "{name}, kind {kind}");
                assert_eq!(came.sender, myself(), "{name}, kind {kind}");
                assert!(came.pidfd.is_ok() || !has_pidfds(), "{name}, kind {kind}");
                assert!(came.descriptors.iter().all(|fd| pipe.is_fed_by(fd)));
                drop(came);
                assert!(pipe.is_alone(), "{name}, kind {kind}: nothing is left");
            }
        }
    }
}

fn has_pidfds() -> bool {
    let socket = raw::socket(UDSOCK_STREAM);
    raw::set_option(socket.as_raw_fd(), 76, 1) == 0
}
