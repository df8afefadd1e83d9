//! Older kernels, as a filter of system calls plays them (seccomp(2)): rows 95 and 96.

use std::ptr;

use udsock::abi::peer::udsock_peer_pidfd;

use crate::calls::*;
use crate::filter::fail;
use crate::process::{in_child, in_fork};
use crate::receivers::*;
use support::*;

const SEND_CALLS: [i64; 3] = [libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_sendmmsg];

#[test]
fn row_96_a_seqpacket_send_that_meets_the_close_is_epipe() {
    in_child(|| {
        for (kind, expected) in
            [(UDSOCK_SEQPACKET, libc::EPIPE), (UDSOCK_DGRAM, libc::ECONNREFUSED)]
        {
            let (sender, _receiver) = pair(kind);
            let status = in_fork(|| {
                fail(&SEND_CALLS, None, libc::ECONNREFUSED);
                is(sender.send(b"x", 0), expected);
                is(sender.send_all(b"x", 0).0, expected);
                let parts = [udsock_part { data: b"x".as_ptr().cast_mut().cast(), size: 1 }];
                // SAFETY: one part, which is what it says.
                is(unsafe { udsock_sendv(sender.0, parts.as_ptr(), 1, 0) }, expected);
                for (_, send) in SENDS {
                    is(send(&sender, b"x", &[], 0), expected);
                }
                true
            });
            assert_eq!(status, 0, "kind {kind}");
        }
    });
}

#[test]
fn row_96_a_pollers_item_too() {
    in_child(|| {
        let status = in_fork(|| {
            let (sender, _receiver) = pair(UDSOCK_SEQPACKET);
            let poller = poller();
            assert_eq!(udsock_poller_add(poller.0, sender.0, 0, 0), 0);
            fail(&SEND_CALLS, None, libc::ECONNREFUSED);
            for count in [1, 3] {
                // SAFETY: numbers and pointers: all zero is an item.
                let item: udsock_outgoing = unsafe { std::mem::zeroed() };
                let mut items =
                    vec![udsock_outgoing { socket: sender.0, length: 1, ..item }; count];
                let base = b"x".as_ptr().cast();
                // SAFETY: as many items, which lie within the one byte.
                unsafe { udsock_poller_send(poller.0, items.as_mut_ptr(), count, base, 1) };
                items.iter().for_each(|item| is(item.result, libc::EPIPE));
            }
            true
        });
        assert_eq!(status, 0);
    });
}

#[test]
fn row_95_a_pidfd_of_a_process_that_has_gone_is_esrch() {
    const SO_PEERPIDFD: u32 = libc::SO_PEERPIDFD as u32;
    in_child(|| {
        let (one, _other) = pair(UDSOCK_STREAM);
        let status = in_fork(|| {
            fail(&[libc::SYS_getsockopt], Some(SO_PEERPIDFD), libc::EINVAL);
            is(udsock_peer_pidfd(one.0).into(), libc::ESRCH);
            true
        });
        assert_eq!(status, 0);
    });
}

fn poller() -> Sock {
    // SAFETY: NULL is all defaults.
    Sock(unsafe { udsock_poller_create(ptr::null()) })
}
