//! What connections cost, and that messages cost nothing that is not given back.

use std::os::unix::net::UnixStream;
use std::time::Duration;
use std::{mem, thread};

use crate::calls::*;
use crate::measure::{allocated, raise_limit, resident};
use crate::processes::fork;
use support::*;

/// Far more than a connection takes, to be told from a buffer for each.
const MOST_PER_CONNECTION: usize = 1_024;

/// As many clients that do nothing, in a process of their own, until it is killed.
fn idle_clients(address: &str, count: usize) {
    let connect = || {
        loop {
            // The server may not be there yet.
            match UnixStream::connect(address) {
                Ok(client) => return client,
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
    };
    let clients: Vec<_> = (0..count).map(|_| connect()).collect();
    thread::sleep(Duration::from_secs(900));
    drop(clients);
}

/// Whole with UDSOCK_IDLE_COUNT=10000.
#[test]
fn an_idle_connection_costs_little() {
    in_own_process("memory::an_idle_connection_costs_little", || {
        let wanted = repeat("UDSOCK_IDLE_COUNT", 10_000) as usize;
        let count = wanted.min(raise_limit(wanted + 100) - 100);
        let dir = Dir::new();
        let address = dir.path("server");
        let clients = fork(|| idle_clients(&address, count));
        let server = open_server(UDSOCK_STREAM, &address);
        let poller = open_poller(Limits::default());
        let mut room = Room::new(256, 1 << 16);
        let mut handles = Vec::with_capacity(count);
        let before = (allocated(), resident());
        add(&poller, &server, 0);
        while handles.len() < count {
            assert!(room.round(&poller, 20_000) > 0);
            for event in room.events() {
                assert_eq!(event.kind, UDSOCK_EVENT_ACCEPTED, "{}", name_of(event.code.into()));
                handles.push(event.socket);
            }
        }
        let heap = allocated().saturating_sub(before.0) / count;
        let pages = resident().saturating_sub(before.1) / count;
        eprintln!(
            "{count} idle connections: {heap} bytes of the heap each; {pages} bytes are resident"
        );
        assert!(heap <= MOST_PER_CONNECTION, "{heap} bytes for a connection");
        assert!(pages <= 2 * MOST_PER_CONNECTION, "{pages} resident bytes for a connection");
        drop(clients);
        for handle in handles {
            assert_eq!(udsock_close(handle), 0);
        }
    });
}

/// Rounds of an echo, in bursts, over all kinds: each message comes back as it was.
struct Echo {
    poller: Sock,
    room: Room,
    items: Vec<udsock_outgoing>,
    pairs: Vec<(u32, Sock, Sock)>,
    random: Random,
    buffer: Vec<u8>,
    messages: u64,
    /// Waits in a row that brought nothing.
    idle: u32,
}

impl Echo {
    fn new() -> Self {
        let poller = open_poller(Limits::default());
        let pairs: Vec<_> = (0..12)
            .map(|number| {
                let kind = KINDS[number % KINDS.len()];
                let (member, client) = pair(kind);
                add(&poller, &member, number as u64);
                if kind == UDSOCK_STREAM {
                    // So small that some of the echo has to be kept.
                    assert_eq!(udsock_set_option(member.0, UDSOCK_OPTION_SEND_BUFFER, 4_096), 0);
                }
                (kind, member, client)
            })
            .collect();
        Self {
            poller,
            room: Room::new(64, 1 << 16),
            items: Vec::with_capacity(64),
            pairs,
            random: Random::new(3),
            buffer: vec![0; 1 << 14],
            messages: 0,
            idle: 0,
        }
    }

    fn burst(&mut self) {
        let mut sizes = [[0_usize; 8]; 12];
        for ((_, _, client), sizes) in self.pairs.iter().zip(&mut sizes) {
            let count = 1 + self.random.below(sizes.len());
            for size in &mut sizes[..count] {
                let most = if self.random.chance(64) { self.buffer.len() } else { 64 };
                *size = 1 + self.random.below(most);
                self.buffer[..*size].fill(*size as u8);
                match client.send(&self.buffer[..*size], 0) {
                    sent if sent > 0 => *size = sent as usize,
                    code => {
                        assert_eq!(name_of(code), "EAGAIN");
                        *size = 0;
                        break;
                    }
                }
                self.messages += 1;
            }
        }
        for (number, sizes) in sizes.iter().enumerate() {
            match self.pairs[number].0 {
                UDSOCK_STREAM => self.hear(number, sizes.iter().sum()),
                _ => sizes.iter().filter(|&&size| size > 0).for_each(|&size| {
                    self.hear(number, size);
                    assert!(self.buffer[..size].iter().all(|&byte| byte == size as u8));
                }),
            }
        }
    }

    /// Serves until as many bytes have come.
    fn hear(&mut self, number: usize, size: usize) {
        let mut missing = size;
        while missing > 0 {
            let most = missing.min(self.buffer.len());
            match self.pairs[number].2.recv_into(&mut self.buffer[..most], 0) {
                came if came > 0 => missing -= came as usize,
                code => {
                    assert_eq!(name_of(code), "EAGAIN");
                    self.serve();
                }
            }
        }
    }

    fn serve(&mut self) {
        // Where it only sends what was kept there is no event.
        match self.room.wait(self.poller.0, 1) {
            count if count > 0 => self.idle = 0,
            code => assert_eq!(name_of(code), "ETIMEDOUT"),
        }
        self.idle += 1;
        assert!(self.idle < 10_000, "a message is lost");
        self.items.clear();
        for event in self.room.events() {
            assert_eq!((event.kind, event.code), (UDSOCK_EVENT_RECEIVED, 0));
            let (offset, length) = (event.offset as usize, event.length as usize);
            self.items.push(item(event.socket, offset, length, 0));
        }
        let count = self.items.len();
        assert_eq!(send(self.poller.0, &mut self.items, &self.room.arena), count as i64);
    }

    fn until(&mut self, messages: u64) {
        while self.messages < messages {
            self.burst();
        }
    }
}

/// Whole with UDSOCK_POLLER_MESSAGE_COUNT=10000000.
#[test]
fn messages_leave_nothing_behind() {
    in_own_process("memory::messages_leave_nothing_behind", || {
        let count = repeat("UDSOCK_POLLER_MESSAGE_COUNT", 200_000);
        let mut echo = Echo::new();
        echo.until(count / 10);
        let before = (allocated(), resident(), open_descriptors());
        echo.until(count);
        let after = (allocated(), resident(), open_descriptors());
        let messages = mem::take(&mut echo.messages);
        eprintln!("{messages} messages: heap, resident, descriptors {before:?}, then {after:?}");
        // (malloc keeps some of what was given back.)
        assert!(after.0 <= before.0 + 65_536, "the heap grows: {before:?}, then {after:?}");
        assert!(after.1 <= before.1 + (1 << 20), "the process grows: {before:?}, then {after:?}");
        assert_eq!(after.2, before.2);
    });
}
