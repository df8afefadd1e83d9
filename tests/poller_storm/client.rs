//! A client that sends what it knows again when it comes back, and ends as chance has it.

use std::collections::VecDeque;

use crate::calls::Random;
use support::*;

/// How a client begins: how many bytes it sends in all, these among them, and who ends.
pub const HEADER: usize = 8;

/// What comes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Moved,
    Stuck,
    /// Everything it has sent came back.
    Finished,
    /// It went in the middle.
    Aborted,
}

pub struct Client {
    socket: Sock,
    is_stream: bool,
    seed: u64,
    total: usize,
    sent: usize,
    received: usize,
    /// The sizes of the messages that are on their way.
    messages: VecDeque<usize>,
    /// It shuts down its sending side when it has sent everything.
    shuts_down: bool,
    /// The server ends first, once it has sent everything.
    server_ends: bool,
    is_shut: bool,
    /// It goes once it has sent and received as much.
    aborts_at: Option<usize>,
    /// It reads seldom.
    is_slow: bool,
}

impl Client {
    pub fn open(kind: u32, address: &str, random: &mut Random) -> Self {
        let total = HEADER
            + match random.below(20) {
                0 => random.below(400_000),
                1..5 => random.below(40_000),
                _ => random.below(2_000),
            };
        Self {
            socket: open_client(kind, address),
            is_stream: kind == UDSOCK_STREAM,
            seed: random.below(1 << 30) as u64,
            total,
            sent: 0,
            received: 0,
            messages: VecDeque::new(),
            shuts_down: random.chance(2),
            server_ends: random.chance(2),
            is_shut: false,
            aborts_at: random.chance(5).then(|| random.below(2 * total)),
            is_slow: random.chance(10),
        }
    }

    pub fn handle(&self) -> udsock_t {
        self.socket.0
    }

    fn byte(&self, at: usize) -> u8 {
        match at {
            0..4 => (self.total as u32).to_le_bytes()[at],
            4 => self.server_ends.into(),
            5..HEADER => 0,
            _ => ((at as u64).wrapping_mul(0x9E37_79B9).wrapping_add(self.seed) >> 7) as u8,
        }
    }

    pub fn step(&mut self, random: &mut Random) -> Step {
        if self.aborts_at.is_some_and(|at| self.sent + self.received >= at) {
            if random.chance(2) {
                // Then what comes is refused, and not dropped.
                self.socket.shutdown(UDSOCK_READ);
            }
            assert_eq!(self.socket.close(), 0);
            return Step::Aborted;
        }
        let has_sent = self.send(random);
        match self.is_slow && !random.chance(20) {
            true if has_sent => Step::Moved,
            true => Step::Stuck,
            false => self.receive(random, has_sent),
        }
    }

    fn send(&mut self, random: &mut Random) -> bool {
        let left = self.total - self.sent;
        if left == 0 {
            let is_due = self.shuts_down && !self.is_shut;
            if is_due {
                assert_eq!(self.socket.shutdown(UDSOCK_WRITE), 0);
                self.is_shut = true;
            }
            return is_due;
        }
        let size = match (self.is_stream, self.sent) {
            // The header is a message of its own.
            (false, 0) => HEADER,
            (false, _) if random.chance(20) => 0,
            _ => left.min(1 + random.below(6_000)),
        };
        let data: Vec<_> = (self.sent..self.sent + size).map(|at| self.byte(at)).collect();
        match self.socket.send(&data, 0) {
            code if code < 0 => {
                assert_eq!(name_of(code), "EAGAIN", "after {} of {}", self.sent, self.total);
                false
            }
            sent => {
                self.sent += sent as usize;
                if !self.is_stream {
                    assert_eq!(sent, size as i64);
                    self.messages.push_back(size);
                }
                true
            }
        }
    }

    fn receive(&mut self, random: &mut Random, has_sent: bool) -> Step {
        let mut buffer = [0; 8_192];
        let size = if self.is_stream { 1 + random.below(buffer.len()) } else { buffer.len() };
        match self.socket.recv_into(&mut buffer[..size], 0) {
            EOF => {
                assert_eq!(self.received, self.total, "the end came before everything");
                assert!(self.shuts_down || self.server_ends, "nobody asked for an end");
                assert!(self.messages.is_empty());
                return Step::Finished;
            }
            code if code < 0 => {
                let at = (self.received, self.sent, self.total);
                assert_eq!(name_of(code), "EAGAIN", "received, sent, total: {at:?}");
                return if has_sent { Step::Moved } else { Step::Stuck };
            }
            came => self.check(&buffer[..came as usize]),
        }
        let is_done = self.received == self.total && !self.shuts_down && !self.server_ends;
        if is_done { Step::Finished } else { Step::Moved }
    }

    fn check(&mut self, data: &[u8]) {
        if !self.is_stream {
            assert_eq!(Some(data.len()), self.messages.pop_front(), "messages keep their bounds");
        }
        let end = self.received + data.len();
        assert!(end <= self.sent, "{end} bytes came of {}", self.sent);
        let expected = (self.received..end).map(|at| self.byte(at));
        assert!(data.iter().copied().eq(expected), "bytes {} to {end} came wrong", self.received);
        self.received = end;
    }
}
