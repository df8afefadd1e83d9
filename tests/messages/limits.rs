//! The receiver at its limit of open descriptors.

use crate::calls::*;
use crate::pipes::Pipe;
use crate::process::in_child;
use support::*;

const LIMIT: u64 = 1_024;

#[test]
fn at_the_limit_some_arrive_and_the_loss_is_reported() {
    in_child(|| {
        limit_descriptors(LIMIT);
        for kind in KINDS {
            for (name, receive) in RECEIVES {
                let (sender, receiver) = open_pair(kind);
                let before = open_descriptors();
                for (count, free) in [(1, 0), (5, 0), (5, 1), (5, 4), (MOST, 100), (5, 5)] {
                    let what = format!("{name}, kind {kind}, {free} free for {count}");
                    let mut pipe = Pipe::new();
                    assert_eq!(send_message(&sender, b"data", &vec![pipe.fd(); count], 0), 4);
                    pipe.let_go();
                    leave_descriptors(free);
                    let came = receive(&receiver, ENOUGH, 0);
                    limit_descriptors(LIMIT);
                    let came = came.unwrap();
                    assert_eq!(came.data, b"data", "{what}");
                    let lost = if free < count { UDSOCK_FDS_LOST } else { 0 };
                    assert_eq!(came.flags, lost, "{what}");
                    assert_eq!(came.descriptors.len(), free.min(count), "{what}");
                    assert!(came.descriptors.iter().all(|fd| pipe.is_fed_by(fd)), "{what}");
                    drop(came);
                    assert!(pipe.is_alone(), "{what}");
                    drop(pipe);
                    assert_eq!(open_descriptors(), before, "{what}");
                }
            }
        }
    });
}

#[test]
fn at_the_limit_a_batch_tells_which_messages_lost_theirs() {
    in_child(|| {
        limit_descriptors(LIMIT);
        for kind in KINDS {
            let (sender, receiver) = open_pair(kind);
            let mut pipe = Pipe::new();
            for _ in 0..4 {
                assert_eq!(send_message(&sender, b"data", &[pipe.fd(); 3], 0), 4);
            }
            pipe.let_go();
            leave_descriptors(7);
            let came = recv_batch(&receiver, &[ENOUGH; 4], 0);
            limit_descriptors(LIMIT);
            let came = came.unwrap();
            let got: Vec<_> =
                came.iter().map(|came| (came.descriptors.len(), came.has_lost())).collect();
            assert_eq!(got, [(3, false), (3, false), (1, true), (0, true)], "kind {kind}");
            drop(came);
            assert!(pipe.is_alone(), "kind {kind}");
        }
    });
}
