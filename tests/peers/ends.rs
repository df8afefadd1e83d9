//! The last that a seqpacket peer did, seen by who reads at that very moment. The kernel
//! may say "the end" first where it was asked not to wait: it looks into the queue, and at
//! the end later. A refused client is such a reader.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use support::*;

/// What is received first, and after it, while another thread does this.
fn received_during(one: &Sock, last: impl FnOnce() + Send) -> [Result<Vec<u8>, i64>; 2] {
    let ready = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            ready.store(true, Ordering::Release);
            last();
        });
        while !ready.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        let next = || loop {
            match one.recv(0) {
                Err(code) if code == no(libc::EAGAIN) => {}
                result => return result,
            }
        };
        [next(), next()]
    })
}

#[test]
fn whoever_reads_while_the_peer_leaves_is_told_everything_and_then_the_end() {
    for round in 0..repeat("UDSOCK_END_COUNT", 300) {
        let (one, other) = pair(UDSOCK_SEQPACKET);
        let came = received_during(&one, || {
            assert_eq!(other.send(b"last words", 0), 10);
            assert_eq!(other.close(), 0);
        });
        assert_eq!(came, [Ok(b"last words".to_vec()), Err(EOF)], "in round {round}");

        let (one, other) = pair(UDSOCK_SEQPACKET);
        assert_eq!(one.send(b"unread", 0), 6);
        let came = received_during(&one, || assert_eq!(other.close(), 0));
        assert_eq!(came, [Err(no(libc::ECONNRESET)), Err(EOF)], "in round {round}");
    }
}
