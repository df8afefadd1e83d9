//! Many messages with random descriptors, rooms and options: no descriptor is leaked, and
//! none is lost in silence.

use std::os::fd::RawFd;

use crate::calls::*;
use crate::processes::in_own_process;
use crate::raw;
use support::*;

/// Enough for a full batch of the most descriptors, and for these in the queue.
const LIMIT: u64 = 4_096;

/// The most messages that are in the queue at once: what a datagram's is sure to hold.
const QUEUE: u64 = 10;

/// xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    /// Often none, one or the most.
    fn descriptors(&mut self) -> usize {
        match self.below(6) {
            0 => 0,
            1 => 1,
            2 => MOST,
            _ => self.below(MOST as u64 + 1) as usize,
        }
    }
}

#[derive(Default, Debug)]
struct Count {
    sent: usize,
    received: usize,
    lost: usize,
    messages_with_loss: usize,
    truncated: usize,
    at_the_limit: usize,
}

/// One message as it was sent.
struct Expected {
    size: usize,
    byte: u8,
    descriptors: usize,
    told: bool,
}

#[test]
fn no_descriptor_is_leaked_or_lost_in_silence() {
    in_own_process("storm::no_descriptor_is_leaked_or_lost_in_silence", || {
        let total = repeat("UDSOCK_MESSAGE_COUNT", 3_000);
        limit_descriptors(LIMIT);
        let before = open_descriptors();
        for kind in KINDS {
            let random = &mut Random(0x9e37_79b9_7f4a_7c15 ^ u64::from(kind));
            let mut count = Count::default();
            let mut messages = 0;
            while messages < total / 3 + 1 {
                messages += one_socket(kind, random, &mut count);
                assert_eq!(open_descriptors(), before, "kind {kind}, after {messages}: {count:?}");
            }
            assert_eq!(count.sent, count.received + count.lost, "kind {kind}");
            assert!(count.received > 0 && count.at_the_limit > 0, "kind {kind}: {count:?}");
            assert!(count.messages_with_loss > 0, "kind {kind}: {count:?}");
            assert_eq!(count.truncated > 0, kind != UDSOCK_STREAM, "kind {kind}: {count:?}");
            eprintln!("kind {kind}, {messages} messages: {count:?}");
        }
    });
}

/// A pair of sockets and some hundred messages: how many.
fn one_socket(kind: u32, random: &mut Random, count: &mut Count) -> u64 {
    let (sender, receiver) = open_pair(kind);
    let told = |socket: &Sock| socket.option(UDSOCK_OPTION_RECEIVE_CREDENTIALS) == 1;
    let mut messages = 0;
    for _ in 0..20 {
        if random.chance(3) {
            set(&receiver, UDSOCK_OPTION_RECEIVE_CREDENTIALS, random.below(2) as i64);
        }
        let told = told(&receiver);
        let queued = 1 + random.below(QUEUE);
        let expected: Vec<_> = (0..queued).map(|_| post(random, kind, told)).collect();
        send(&sender, &expected, random);
        count.sent += expected.iter().map(|message| message.descriptors).sum::<usize>();
        receive(&receiver, kind, &expected, random, count);
        messages += queued;
    }
    messages
}

fn post(random: &mut Random, kind: u32, told: bool) -> Expected {
    let smallest = u64::from(kind == UDSOCK_STREAM);
    let most = if random.chance(4) { 2_000 } else { 20 };
    let size = smallest + random.below(most);
    let byte = random.below(256) as u8;
    Expected { size: size as usize, byte, descriptors: random.descriptors(), told }
}

/// One by one or as a batch.
fn send(sender: &Sock, messages: &[Expected], random: &mut Random) {
    let [_reading, writing] = raw::pipe();
    let passed = [std::os::fd::AsRawFd::as_raw_fd(&writing); MOST];
    let data: Vec<_> = messages.iter().map(|message| vec![message.byte; message.size]).collect();
    let posts: Vec<(&[u8], &[RawFd])> = messages
        .iter()
        .zip(&data)
        .map(|(message, data)| (&data[..], &passed[..message.descriptors]))
        .collect();
    if random.chance(2) {
        let sizes: Vec<_> = messages.iter().map(|message| message.size as i64).collect();
        assert_eq!(send_batch(sender, &posts, 0), (messages.len() as i64, sizes));
    } else {
        for (data, descriptors) in posts {
            assert_eq!(send_message(sender, data, descriptors, 0), data.len() as i64);
        }
    }
}

/// All that was sent, one by one or in batches, sometimes with few descriptors left.
fn receive(
    receiver: &Sock,
    kind: u32,
    expected: &[Expected],
    random: &mut Random,
    count: &mut Count,
) {
    let mut next = 0;
    let mut stream = Stream::default();
    loop {
        let rooms: Vec<_> = (0..1 + random.below(6)).map(|_| room(random)).collect();
        let few = random.chance(4);
        if few {
            leave_descriptors(random.below(300) as usize);
        }
        let came = if random.chance(2) {
            recv_batch(receiver, &rooms, 0)
        } else {
            recv_message(receiver, rooms[0], 0).map(|came| vec![came])
        };
        if few {
            limit_descriptors(LIMIT);
            count.at_the_limit += 1;
        }
        let came = match came {
            Ok(came) => came,
            Err(code) => break assert_eq!(name_of(code), "EAGAIN"),
        };
        for (came, room) in came.iter().zip(&rooms) {
            if kind == UDSOCK_STREAM {
                stream.check(came, expected, count);
            } else {
                check(came, room, &expected[next], few, count);
                next += 1;
            }
            count.truncated += usize::from(came.is_truncated());
            count.messages_with_loss += usize::from(came.has_lost());
            count.received += came.descriptors.len();
        }
    }
    if kind == UDSOCK_STREAM {
        stream.check_end(expected)
    } else {
        assert_eq!(next, expected.len())
    }
}

fn room(random: &mut Random) -> Room {
    let size = if random.chance(3) { 1 + random.below(30) } else { 4_000 };
    let descriptors = if random.chance(2) { MOST } else { random.descriptors() };
    Room(size as usize, descriptors)
}

fn check(came: &Came, room: &Room, sent: &Expected, few: bool, count: &mut Count) {
    assert_eq!(came.data_size, sent.size, "the true size");
    assert_eq!(came.is_truncated(), sent.size > room.0);
    assert_eq!(came.data, vec![sent.byte; sent.size.min(room.0)]);
    check_sender(came, sent);
    let most = sent.descriptors.min(room.1);
    let got = came.descriptors.len();
    assert!(if few { got <= most } else { got == most }, "{got} of {most}");
    assert_eq!(came.has_lost(), got < sent.descriptors, "{got} of {}", sent.descriptors);
    count.lost += sent.descriptors - got;
}

fn check_sender(came: &Came, sent: &Expected) {
    assert_eq!(came.sender, if sent.told { myself() } else { UNKNOWN });
}

/// What of a stream has come.
#[derive(Default)]
struct Stream {
    data: Vec<u8>,
}

impl Stream {
    /// A part of the stream has the descriptors of the one message with some that begins
    /// in it; the kernel never joins two such messages.
    fn check(&mut self, came: &Came, expected: &[Expected], count: &mut Count) {
        let start = self.data.len();
        self.data.extend(&came.data);
        let part = start..self.data.len();
        let mut first_byte = 0;
        let mut sent = 0;
        for message in expected {
            if part.contains(&first_byte) && message.descriptors > 0 {
                assert_eq!(sent, 0, "two messages with descriptors in one part");
                sent = message.descriptors;
            }
            first_byte += message.size;
        }
        let got = came.descriptors.len();
        assert!(got <= sent);
        assert_eq!(came.has_lost(), got < sent, "{got} of {sent}");
        check_sender(came, &expected[0]);
        count.lost += sent - got;
    }

    fn check_end(self, expected: &[Expected]) {
        let whole: Vec<_> =
            expected.iter().flat_map(|message| vec![message.byte; message.size]).collect();
        assert!(self.data == whole, "the stream is whole");
    }
}
