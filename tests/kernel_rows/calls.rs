//! The calls for which the support has no wrapper, and the calls of one purpose as a
//! list, for what has to hold in all of them.

use std::ptr;

use support::*;

pub fn sendv(socket: &Sock, parts: &[&[u8]], timeout_ms: i32) -> i64 {
    let parts: Vec<_> = parts
        .iter()
        .map(|part| udsock_part { data: part.as_ptr().cast_mut().cast(), size: part.len() })
        .collect();
    // SAFETY: the parts are what they say.
    unsafe { udsock_sendv(socket.0, parts.as_ptr(), parts.len(), timeout_ms) }
}

/// Into two parts, the first of 3 bytes, together 64 KiB.
pub fn recvv(socket: &Sock, timeout_ms: i32) -> Result<Vec<u8>, i64> {
    let mut buffer = vec![0_u8; 1 << 16];
    let (short, long) = buffer.split_at_mut(3);
    let parts =
        [short, long].map(|part| udsock_part { data: part.as_mut_ptr().cast(), size: part.len() });
    // SAFETY: the parts are what they say.
    let result = unsafe { udsock_recvv(socket.0, parts.as_ptr(), parts.len(), timeout_ms) };
    buffer.truncate(usize::try_from(result).map_err(|_| result)?);
    Ok(buffer)
}

/// To where the socket is connected to, or each to its address: the result, and each
/// message's.
pub fn send_batch(
    socket: &Sock,
    messages: &[(&[u8], Option<&str>)],
    timeout_ms: i32,
) -> (i64, Vec<i64>) {
    let addresses: Vec<_> = messages.iter().map(|(_, address)| address.map(c)).collect();
    let mut batch: Vec<_> = messages
        .iter()
        .zip(&addresses)
        .map(|((data, _), address)| udsock_message {
            data: data.as_ptr().cast_mut().cast(),
            data_size: data.len(),
            address: address.as_ref().map_or(ptr::null_mut(), |text| text.as_ptr().cast_mut()),
            ..message()
        })
        .collect();
    // SAFETY: as many messages as that, and none of what they point to is written.
    let result =
        unsafe { udsock_send_batch(socket.0, batch.as_mut_ptr(), batch.len(), timeout_ms) };
    (result, batch.iter().map(|message| message.result.into()).collect())
}

/// A message that came in a batch.
#[derive(Debug, PartialEq)]
pub struct Came {
    pub data: Vec<u8>,
    pub data_size: usize,
    pub flags: u32,
}

/// Up to `count` messages, with room for `capacity` bytes each.
pub fn recv_batch(
    socket: &Sock,
    count: usize,
    capacity: usize,
    timeout_ms: i32,
) -> Result<Vec<Came>, i64> {
    let mut rooms = vec![vec![0_u8; capacity]; count];
    let mut batch: Vec<_> = rooms
        .iter_mut()
        .map(|room| udsock_message {
            data: room.as_mut_ptr().cast(),
            data_capacity: room.len(),
            ..message()
        })
        .collect();
    // SAFETY: as many messages as that, each with the room it says.
    let result = unsafe { udsock_recv_batch(socket.0, batch.as_mut_ptr(), count, timeout_ms) };
    let came = usize::try_from(result).map_err(|_| result)?;
    for message in batch[..came].iter().filter(|message| message.pidfd > 0) {
        // Only where the socket's former owner has asked for them.
        drop(crate::raw::own(message.pidfd));
    }
    Ok(rooms
        .into_iter()
        .zip(&batch[..came])
        .map(|(mut data, message)| {
            data.truncate(usize::try_from(message.result).expect("it fitted"));
            Came { data, data_size: message.data_size, flags: message.flags }
        })
        .collect())
}

pub type Send = fn(&Sock, &[u8], i32) -> i64;
pub type Receive = fn(&Sock, i32) -> Result<Vec<u8>, i64>;

/// Every call that sends to where the socket is connected to.
pub const SENDS: [(&str, Send); 4] = [
    ("send", Sock::send),
    ("send_all", |socket, data, timeout_ms| socket.send_all(data, timeout_ms).0),
    ("sendv", |socket, data, timeout_ms| sendv(socket, &[data], timeout_ms)),
    ("send_batch", |socket, data, timeout_ms| {
        let (result, each) = send_batch(socket, &[(data, None)], timeout_ms);
        assert_eq!(result, if each[0] < 0 { each[0] } else { 1 });
        each[0]
    }),
];

/// Every call that receives a message, or some bytes.
pub const RECEIVES: [(&str, Receive); 4] = [
    ("recv", Sock::recv),
    ("recvv", recvv),
    ("recv_from", |socket, timeout_ms| socket.recv_from(timeout_ms).map(|(data, _)| data)),
    ("recv_batch", |socket, timeout_ms| {
        recv_batch(socket, 1, 1 << 16, timeout_ms).map(|mut came| came.remove(0).data)
    }),
];
