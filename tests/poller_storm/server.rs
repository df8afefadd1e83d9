//! An echo server on a poller, one of several perhaps: it answers in random parts, ends as
//! the client asks or as chance has it, and keeps what the poller refuses.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::calls::*;
use crate::client::HEADER;
use crate::measure::place_of;
use support::*;

/// Of a connection: enough for the longest message.
const SEND_BUFFER: i64 = 12_000;

/// What all servers have in common.
#[derive(Default)]
pub struct Tally {
    pub over: AtomicBool,
    pub accepted: AtomicUsize,
    pub refused: AtomicUsize,
    pub drained: AtomicUsize,
    pub broken: AtomicUsize,
    /// The highest place that a handle has had.
    pub highest: AtomicUsize,
}

impl Tally {
    pub fn saw(&self, handle: udsock_t) {
        self.highest.fetch_max(place_of(handle), Ordering::Relaxed);
    }

    fn count(counter: &AtomicUsize) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What is to be answered, and the flag that goes with it.
type Answer = (Vec<u8>, u32);

#[derive(Default)]
struct Connection {
    header: Vec<u8>,
    received: usize,
    answers: VecDeque<Answer>,
    /// An item was refused: nothing goes before the poller says so.
    is_refused: bool,
    has_shut_down: bool,
    has_ended: bool,
}

impl Connection {
    fn total(&self) -> Option<usize> {
        let total = self.header.get(..4)?.try_into().expect("four bytes");
        Some(u32::from_le_bytes(total) as usize)
    }

    fn receive(&mut self, data: &[u8], is_stream: bool, random: &mut Random) {
        assert!(!self.has_ended, "data came behind the end");
        let missing = HEADER - self.header.len();
        self.header.extend(&data[..missing.min(data.len())]);
        self.received += data.len();
        let mut rest = data;
        while is_stream && rest.len() > 1 && random.chance(2) {
            let (part, behind) = rest.split_at(random.below(rest.len()));
            self.answers.push_back((part.into(), 0));
            rest = behind;
        }
        let is_all = self.header.len() == HEADER && self.total() == Some(self.received);
        let flags = match self.header.get(4) {
            Some(1) if is_all && random.chance(2) => UDSOCK_THEN_CLOSE,
            Some(1) if is_all => UDSOCK_THEN_SHUTDOWN,
            // The client does not mind.
            _ if is_all && random.chance(3) => UDSOCK_THEN_SHUTDOWN,
            _ => 0,
        };
        self.answers.push_back((rest.into(), flags));
    }
}

pub struct Server<'a> {
    pub poller: Sock,
    room: Room,
    is_stream: bool,
    connections: HashMap<udsock_t, Connection>,
    /// Those that have something to be answered, or to be ended.
    due: Vec<udsock_t>,
    random: Random,
    tally: &'a Tally,
}

impl<'a> Server<'a> {
    pub fn new(kind: u32, listener: &Sock, seed: u64, tally: &'a Tally) -> Self {
        let poller = open_poller(Limits { send: 8_192, receive: 10_000 });
        add(&poller, listener, seed);
        tally.saw(poller.0);
        Self {
            poller,
            room: Room::new(100, 1 << 17),
            is_stream: kind == UDSOCK_STREAM,
            connections: HashMap::new(),
            due: Vec::new(),
            random: Random::new(seed),
            tally,
        }
    }

    /// Until it is over and all connections have gone.
    pub fn run(&mut self) {
        while !self.tally.over.load(Ordering::Acquire) || !self.connections.is_empty() {
            let timeout_ms = if self.due.is_empty() { 20_000 } else { 1 };
            let result = self.room.wait(self.poller.0, timeout_ms);
            let is_late = result == no(libc::ETIMEDOUT) && timeout_ms == 1;
            let left = self.connections.len();
            assert!(result >= 0 || is_late, "{}: {left} are left", name_of(result));
            for index in 0..self.room.events().len() {
                let event = self.room.events()[index];
                if self.note(&event) {
                    self.due.push(event.socket);
                }
            }
            // Some answers are late, so that there are more for one connection.
            if !self.random.chance(3) {
                let mut due = mem::take(&mut self.due);
                due.sort_unstable();
                due.dedup();
                self.answer(&due);
            }
        }
    }

    /// Whether there may be something to send now.
    fn note(&mut self, event: &udsock_event) -> bool {
        if event.kind == UDSOCK_EVENT_ACCEPTED {
            Tally::count(&self.tally.accepted);
            self.tally.saw(event.socket);
            let former = self.connections.insert(event.socket, Connection::default());
            assert!(former.is_none(), "accepted twice");
            // So small that not every answer finds room.
            let socket = event.socket;
            assert_eq!(udsock_set_option(socket, UDSOCK_OPTION_SEND_BUFFER, SEND_BUFFER), 0);
            return false;
        }
        // What the poller was to close, and said that it would, is told of no more.
        let Some(connection) = self.connections.get_mut(&event.socket) else {
            let code = name_of(event.code.into());
            panic!("event {}, {code}, of a connection that was given up", event.kind);
        };
        match event.kind {
            UDSOCK_EVENT_RECEIVED => {
                assert_eq!(event.code, 0);
                connection.receive(self.room.data(event), self.is_stream, &mut self.random);
            }
            UDSOCK_EVENT_DRAINED => {
                assert!(connection.is_refused, "nothing was refused");
                connection.is_refused = false;
                Tally::count(&self.tally.drained);
            }
            UDSOCK_EVENT_ENDED => {
                assert!(!connection.has_ended, "an end is told once");
                connection.has_ended = true;
                if let Some((_, flags)) = connection.answers.back_mut() {
                    *flags = UDSOCK_THEN_CLOSE;
                }
            }
            UDSOCK_EVENT_FAILED => {
                let codes = [libc::ECONNRESET, libc::EPIPE].map(no);
                assert!(codes.contains(&event.code.into()), "{}", name_of(event.code.into()));
                self.close(event.socket);
                return false;
            }
            kind => panic!("event {kind}"),
        }
        true
    }

    fn close(&mut self, handle: udsock_t) {
        Tally::count(&self.tally.broken);
        self.connections.remove(&handle);
        assert_eq!(udsock_close(handle), 0);
    }

    /// Sends all answers of these, as far as the poller takes them.
    fn answer(&mut self, due: &[udsock_t]) {
        let (mut base, mut items) = (Vec::new(), Vec::new());
        for &handle in due {
            let Some(connection) = self.connections.get(&handle) else {
                continue;
            };
            if connection.is_refused {
                continue;
            }
            for (data, flags) in &connection.answers {
                items.push(item(handle, base.len(), data.len(), *flags));
                base.extend(data);
            }
        }
        if self.random.chance(2) {
            // Turn by turn: only the order of one connection's own items counts.
            mix(&mut items, &mut self.random);
        }
        send(self.poller.0, &mut items, &base);
        for item in &items {
            self.settle(item);
        }
        for &handle in due {
            self.end(handle);
        }
    }

    fn settle(&mut self, item: &udsock_outgoing) {
        let Some(connection) = self.connections.get_mut(&item.socket) else {
            return;
        };
        match item.result {
            result if result >= 0 => {
                assert!(!connection.is_refused, "an item was overtaken");
                let (data, flags) = connection.answers.pop_front().expect("it was sent");
                assert_eq!((data.len(), flags), (item.length as usize, item.flags));
                connection.has_shut_down |= flags == UDSOCK_THEN_SHUTDOWN;
                if flags == UDSOCK_THEN_CLOSE {
                    self.connections.remove(&item.socket);
                }
            }
            result if result == no(libc::EAGAIN) => {
                connection.is_refused = true;
                Tally::count(&self.tally.refused);
            }
            // The client has gone.
            result => {
                let codes = [libc::EPIPE, libc::ECONNRESET].map(no);
                assert!(codes.contains(&result), "{}", name_of(result));
                self.close(item.socket);
            }
        }
    }

    /// After the client's end the connection is closed. If there was nothing to answer then,
    /// everything is out: else the end would not have come yet.
    fn end(&mut self, handle: udsock_t) {
        let Some(connection) = self.connections.get(&handle) else {
            return;
        };
        if !connection.has_ended || !connection.answers.is_empty() {
            return;
        }
        if self.is_stream && !connection.has_shut_down && self.random.chance(2) {
            let mut last = [item(handle, 0, 0, UDSOCK_THEN_CLOSE)];
            assert_eq!(send(self.poller.0, &mut last, &[]), 1, "{}", name_of(last[0].result));
        } else {
            assert_eq!(udsock_close(handle), 0);
        }
        self.connections.remove(&handle);
    }
}

/// Another order, in which the items of each connection keep theirs.
fn mix(items: &mut [udsock_outgoing], random: &mut Random) {
    for _ in 0..items.len() {
        let at = random.below(items.len().max(2) - 1);
        match &items[at..(at + 2).min(items.len())] {
            [first, second] if first.socket != second.socket => items.swap(at, at + 1),
            _ => {}
        }
    }
}

/// Lets all servers end, once their connections have gone.
pub fn end(pollers: &[udsock_t], tally: &Tally) {
    tally.over.store(true, Ordering::Release);
    for &poller in pollers {
        // It may have ended by itself meanwhile.
        let result = udsock_poller_wake(poller);
        assert!(result == 0 || result == -libc::EBADF, "{}", name_of(result.into()));
    }
}
