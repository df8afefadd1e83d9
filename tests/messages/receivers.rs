//! Every call that receives, as one that says how large the next message was.

use std::ptr;

pub use udsock::abi::poller::*;

use crate::calls::*;
use support::*;

/// The sizes of the messages that one call brings, or its error.
pub type Receiver = fn(&Sock) -> Result<Vec<usize>, i64>;

pub const RECEIVERS: [(&str, Receiver); 8] = [
    ("recv", |socket| socket.recv(LONG).map(|data| vec![data.len()])),
    ("recvv", |socket| {
        let mut room = [[0_u8; 8]; 2];
        let parts: Vec<_> = room
            .iter_mut()
            .map(|room| udsock_part { data: room.as_mut_ptr().cast(), size: room.len() })
            .collect();
        // SAFETY: two parts, each of which is what it says.
        one(unsafe { udsock_recvv(socket.0, parts.as_ptr(), parts.len(), LONG) })
    }),
    ("recv_from", |socket| socket.recv_from(LONG).map(|(data, _)| vec![data.len()])),
    ("recv_from with little room", |socket| {
        // So the sender is looked at first.
        let (mut room, mut address) = ([0_u8; 16], [0; 8]);
        // SAFETY: both are of the sizes given.
        one(unsafe {
            let address_room = (address.as_mut_ptr(), address.len());
            let (address, size) = address_room;
            udsock_recv_from(socket.0, room.as_mut_ptr().cast(), room.len(), address, size, LONG)
        })
    }),
    ("recv_message", |socket| recv_message(socket, ENOUGH, LONG).map(|came| vec![came.data_size])),
    ("recv_batch", |socket| sizes(socket, 40)),
    ("recv_batch of one", |socket| sizes(socket, 1)),
    ("poller", |socket| {
        let poller = Sock(
            // SAFETY: NULL is all defaults.
            unsafe { udsock_poller_create(ptr::null()) },
        );
        assert_eq!(udsock_poller_add(poller.0, socket.0, 7, 0), 0);
        let mut arena = [0_u8; 1 << 12];
        // SAFETY: numbers: all zero is an event.
        let mut event: udsock_event = unsafe { std::mem::zeroed() };
        let (room, size) = (arena.as_mut_ptr().cast(), arena.len());
        // SAFETY: room for one event, and for as many bytes.
        let count = unsafe { udsock_poller_wait(poller.0, &mut event, 1, room, size, LONG) };
        assert_eq!(count, 1, "{}", name_of(count));
        // Who has failed is no member any more.
        let left = if event.kind == UDSOCK_EVENT_FAILED { -libc::ENOENT } else { 0 };
        assert_eq!(udsock_poller_remove(poller.0, socket.0), left);
        match event.kind {
            UDSOCK_EVENT_RECEIVED => Ok(vec![event.length as usize]),
            UDSOCK_EVENT_ENDED => Err(EOF),
            _ => Err(event.code.into()),
        }
    }),
];

/// A timeout that is never reached: it only ends a test that would hang.
pub const LONG: i32 = 20_000;

fn one(result: i64) -> Result<Vec<usize>, i64> {
    usize::try_from(result).map(|size| vec![size]).map_err(|_| result)
}

fn sizes(socket: &Sock, most: usize) -> Result<Vec<usize>, i64> {
    let came = recv_batch(socket, &vec![Room(16, 0); most], LONG)?;
    Ok(came.iter().map(|message| message.data_size).collect())
}

/// All there is, by this call, and that the end is the end.
pub fn receive_all(socket: &Sock, receive: Receiver) -> Vec<usize> {
    let mut all = Vec::new();
    loop {
        match receive(socket) {
            Ok(more) => all.extend(more),
            // The one that a poller or the socket tells of a peer that left without reading.
            Err(code) => {
                assert_eq!(name_of(code), name_of(EOF));
                assert_eq!(receive(socket), Err(EOF), "the end lasts");
                return all;
            }
        }
    }
}
