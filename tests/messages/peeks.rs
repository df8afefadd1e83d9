//! SO_PEEK_OFF, which whoever had a socket before may have left on: the looks that the library
//! takes are at what is next all the same, and leave it as it was.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

use crate::calls::*;
use crate::raw;
use crate::receivers::*;
use support::*;

const PEEK_OFFSETS: [i32; 5] = [-1, 0, 1, 3, 10_000];

/// With a name each: what the library makes of it is in the sender's address.
fn named_sender(receiver: &Sock) -> (Sock, String) {
    let sender = open_datagram(Some("@"));
    let address = receiver.local_address().unwrap();
    assert_eq!(sender.connect(&address, None).map_err(|refusal| refusal.code), Ok(()));
    let name = sender.local_address().unwrap();
    (sender, name)
}

fn adopted_receiver(offset: i32) -> (Sock, OwnedFd) {
    let socket = raw::socket(UDSOCK_DGRAM);
    assert_eq!(raw::bind(&socket, b""), 0, "a name that the kernel picks");
    assert_eq!(raw::set_option(socket.as_raw_fd(), libc::SO_PEEK_OFF, offset), 0);
    let stranger = raw::copy(socket.as_raw_fd());
    (adopt(socket.into_raw_fd()).unwrap(), stranger)
}

#[test]
fn a_datagram_comes_with_its_own_sender() {
    for offset in PEEK_OFFSETS {
        for size in [0, 1, 3, 20] {
            let (receiver, stranger) = adopted_receiver(offset);
            let (first, first_name) = named_sender(&receiver);
            let (second, second_name) = named_sender(&receiver);
            for _ in 0..2 {
                // Behind one that is skipped is another's.
                assert_eq!(first.send(&vec![1; size], 0), size as i64);
                assert_eq!(second.send(&[2; 30], 0), 30);
                for (size, name) in [(size, &first_name), (30, &second_name)] {
                    // Room for the address, but not for every address: it is looked at first.
                    let mut address = [0; 100];
                    let (came, length, message) =
                        recv_with_address(&receiver, ENOUGH, &mut address, LONG);
                    assert_eq!(came, size as i64, "offset {offset}");
                    // SAFETY: written by the call, which succeeded.
                    let text = unsafe { std::ffi::CStr::from_ptr(address.as_ptr()) };
                    assert_eq!((text.to_str().unwrap(), length), (name.as_str(), name.len()));
                    assert_eq!(message.unwrap().data_size, size);
                    let left = raw::option(stranger.as_raw_fd(), libc::SO_PEEK_OFF);
                    assert!(left <= offset && (left >= 0) == (offset >= 0), "{left} of {offset}");
                }
            }
        }
    }
}

#[test]
fn an_address_without_room_leaves_the_message_and_the_offset() {
    for offset in PEEK_OFFSETS {
        let (receiver, stranger) = adopted_receiver(offset);
        let (sender, name) = named_sender(&receiver);
        assert_eq!(sender.send(b"hello", 0), 5);
        for _ in 0..3 {
            let (result, ..) = recv_with_address(&receiver, ENOUGH, &mut [0; 3], LONG);
            is(result, libc::ERANGE);
            assert_eq!(raw::option(stranger.as_raw_fd(), libc::SO_PEEK_OFF), offset);
        }
        assert_eq!(receiver.recv_from(0).unwrap(), (b"hello".to_vec(), name));
    }
}

#[test]
fn every_call_on_every_kind_receives_what_is_next() {
    for offset in PEEK_OFFSETS {
        for (call, receive) in RECEIVERS {
            let [sender, ours] = raw::pair(UDSOCK_SEQPACKET);
            assert_eq!(raw::set_option(ours.as_raw_fd(), libc::SO_PEEK_OFF, offset), 0);
            let receiver = adopt(ours.into_raw_fd()).unwrap();
            let sizes = [0, 5, 0, 0, 2, 12, 0];
            for size in sizes {
                assert_eq!(raw::send(&sender, &vec![b'x'; size], 0), size as i64);
            }
            let mut first = Vec::new();
            while first.len() < 3 {
                first.extend(receive(&receiver).unwrap());
            }
            drop(sender);
            first.extend(receive_all(&receiver, receive));
            assert_eq!(first, sizes, "{call}, offset {offset}");
            let left = raw::option(receiver.fd(), libc::SO_PEEK_OFF);
            assert!(left <= offset && (left >= 0) == (offset >= 0), "{call}: {left} of {offset}");
        }
    }
    for kind in [UDSOCK_STREAM, UDSOCK_DGRAM] {
        for offset in PEEK_OFFSETS {
            for (call, receive) in RECEIVERS {
                let [sender, ours] = raw::pair(kind);
                assert_eq!(raw::set_option(ours.as_raw_fd(), libc::SO_PEEK_OFF, offset), 0);
                let receiver = adopt(ours.into_raw_fd()).unwrap();
                for size in [5, 7] {
                    assert_eq!(raw::send(&sender, &vec![b'x'; size], 0), size as i64);
                }
                let mut came = 0;
                while came < 12 {
                    came += receive(&receiver).unwrap().iter().sum::<usize>();
                }
                assert_eq!(came, 12, "{call}, kind {kind}, offset {offset}");
            }
        }
    }
}
