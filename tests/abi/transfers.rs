//! Messages in batches and with addresses; deadlines and progress.

use super::*;

#[test]
fn recv_from_keeps_a_message_whose_address_does_not_fit() {
    let dir = Dir::new();
    let (here, there) = (open_datagram(Some(&dir.path("here"))), dir.path("there"));
    let sender = open_datagram(Some(&there));
    assert_eq!(sender.send_to(b"hello", &dir.path("here"), 0), 5);
    let mut buffer = [0_u8; 16];
    let mut address = [0; 300];
    let mut receive = |size: usize| {
        // SAFETY: both are at least of the sizes given.
        unsafe {
            udsock_recv_from(
                here.0,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                address.as_mut_ptr(),
                size,
                0,
            )
        }
    };
    for size in [1, 5, there.len()] {
        assert_eq!(receive(size), no(libc::ERANGE), "{size}");
    }
    assert_eq!(receive(there.len() + 1), 5);
    assert_eq!(receive(300), no(libc::EAGAIN));
    // SAFETY: written by the call that succeeded.
    assert_eq!(unsafe { CStr::from_ptr(address.as_ptr()) }.to_str().unwrap(), there);
}

#[test]
fn batches_tell_the_fate_of_each_message() {
    let dir = Dir::new();
    let receiver = open_datagram(Some(&dir.path("receiver")));
    let sender = open_datagram(Some(&dir.path("sender")));
    let (good, bad) = (c(&dir.path("receiver")), c(&dir.path("nobody")));
    let mut texts = [*b"zero", *b"one.", *b"two.", *b"thre"];
    let mut messages: Vec<_> = texts
        .iter_mut()
        .map(|text| {
            let mut message = message();
            (message.data, message.data_size) = (text.as_mut_ptr().cast(), 4);
            message.address = good.as_ptr().cast_mut();
            message
        })
        .collect();
    messages[0].address = bad.as_ptr().cast_mut();
    messages[2].data = ptr::null_mut();
    // SAFETY: four messages.
    assert_eq!(unsafe { udsock_send_batch(sender.0, messages.as_mut_ptr(), 4, 0) }, 2);
    let results: Vec<_> = messages.iter().map(|message| message.result).collect();
    assert_eq!(results, [-libc::ENOENT, 4, -libc::EINVAL, 4]);

    let mut room = [[0_u8; 3], [0; 3], [0; 3]];
    let mut addresses = [[0; 256], [0; 256], [0; 256]];
    let mut incoming: Vec<_> = room
        .iter_mut()
        .zip(&mut addresses)
        .map(|(room, address)| {
            let mut message = message();
            (message.data, message.data_capacity) = (room.as_mut_ptr().cast(), 3);
            (message.address, message.address_capacity) = (address.as_mut_ptr(), 256);
            message.result = 99;
            message
        })
        .collect();
    incoming[1].address_capacity = 4;
    // SAFETY: three messages with room.
    assert_eq!(unsafe { udsock_recv_batch(receiver.0, incoming.as_mut_ptr(), 3, 0) }, 2);
    let seen: Vec<_> =
        incoming.iter().map(|m| (m.result, m.data_size, m.flags, m.address_size)).collect();
    let length = dir.path("sender").len();
    assert_eq!(
        seen,
        [
            (3, 4, UDSOCK_TRUNCATED, length),
            (-libc::ERANGE, 4, UDSOCK_TRUNCATED, length),
            (99, 0, 0, 0)
        ]
    );
    assert_eq!((incoming[0].credentials.pid, incoming[0].credentials.uid), (0, u32::MAX));
    assert_eq!(&room[..2], [*b"one", *b"thr"]);
    // SAFETY: three messages with room.
    let again = unsafe { udsock_recv_batch(receiver.0, incoming.as_mut_ptr(), 3, 0) };
    assert_eq!(again, no(libc::EAGAIN));
}

#[test]
fn batches_keep_the_bytes_of_a_stream_in_order() {
    let (sender, receiver) = pair(UDSOCK_STREAM);
    let mut data: Vec<Vec<u8>> = (0..100_u8).map(|n| vec![n; 10_000]).collect();
    let mut messages: Vec<_> = data
        .iter_mut()
        .map(|data| {
            let mut message = message();
            (message.data, message.data_size) = (data.as_mut_ptr().cast(), data.len());
            message
        })
        .collect();
    // More than the buffer holds, so that some message is cut.
    // SAFETY: a hundred messages.
    let went = unsafe { udsock_send_batch(sender.0, messages.as_mut_ptr(), 100, 50) };
    assert!(0 < went && went < 100, "{went}");
    let went = went as usize;
    let sent: usize = messages[..went].iter().map(|message| message.result as usize).sum();
    assert!(messages[..went - 1].iter().all(|message| message.result == 10_000));
    assert!(messages[went..].iter().all(|message| message.result == -libc::ETIMEDOUT));
    sender.close();
    let mut all = Vec::new();
    while let Ok(bytes) = receiver.recv(0) {
        all.extend(bytes);
    }
    assert_eq!(all, data.concat()[..sent]);
}

#[test]
fn deadlines_hold_and_zero_does_not_wait() {
    for kind in KINDS {
        let (socket, _peer) = pair(kind);
        assert_eq!(socket.recv(0), Err(no(libc::EAGAIN)));
        let start = Instant::now();
        assert_eq!(socket.recv(25), Err(no(libc::ETIMEDOUT)));
        assert!(start.elapsed() >= Duration::from_millis(25));
        assert_eq!(socket.recv(-2), Err(no(libc::EINVAL)));
    }
}

#[test]
fn progress_is_told_also_after_a_failure() {
    let (socket, peer) = pair(UDSOCK_STREAM);
    let (result, sent) = socket.send_all(&vec![7; 10 << 20], 20);
    assert_eq!(result, no(libc::ETIMEDOUT));
    assert!(sent > 0);
    let (result, bytes) = peer.recv_exact(sent, FOREVER);
    assert_eq!((result, bytes.len()), (sent as i64, sent));
    assert_eq!(socket.send(b"abc", 0), 3);
    drop(socket);
    let (result, bytes) = peer.recv_exact(10, FOREVER);
    assert_eq!((result, bytes), (EOF, b"abc".to_vec()));
    let (packets, _other) = pair(UDSOCK_SEQPACKET);
    assert_eq!(packets.recv_exact(1, 0).0, no(libc::EOPNOTSUPP));
    assert_eq!(packets.send_all(b"", 0), (0, 0), "an empty message");
}

#[test]
fn the_sender_s_address_need_not_be_asked_for() {
    let (here, there) = pair(UDSOCK_DGRAM);
    assert_eq!(there.send(b"unsigned", 0), 8);
    let mut buffer = [0; 16];
    // SAFETY: room of this size, and no room for an address.
    let got = unsafe {
        udsock_recv_from(here.0, buffer.as_mut_ptr().cast(), buffer.len(), ptr::null_mut(), 0, 0)
    };
    assert_eq!((got, &buffer[..8]), (8, &b"unsigned"[..]));
}
