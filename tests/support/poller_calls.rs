//! The poller's calls, room for what they report, and chance.

use std::panic;

pub use udsock::abi::poller::*;

use crate::processes;
use crate::*;

/// How much a poller keeps and receives. 0: as much as the library likes.
#[derive(Clone, Copy, Default)]
pub struct Limits {
    pub send: u64,
    pub receive: u64,
}

pub fn try_open_poller(limits: Limits) -> Result<Sock, i64> {
    let options = udsock_poller_options {
        size: size_of::<udsock_poller_options>() as u32,
        flags: 0,
        send_limit: limits.send,
        receive_size: limits.receive,
    };
    // SAFETY: valid options.
    let handle = unsafe { udsock_poller_create(&options) };
    if handle > 0 { Ok(Sock(handle)) } else { Err(handle) }
}

pub fn open_poller(limits: Limits) -> Sock {
    try_open_poller(limits).unwrap_or_else(|code| panic!("{}", name_of(code)))
}

pub fn add(poller: &Sock, socket: &Sock, token: u64) {
    let result = udsock_poller_add(poller.0, socket.0, token, 0);
    assert_eq!(result, 0, "{}", name_of(result.into()));
}

/// For a wait: its events, and their data.
pub struct Room {
    events: Vec<udsock_event>,
    pub arena: Vec<u8>,
    count: usize,
}

impl Room {
    pub fn new(events: usize, arena: usize) -> Self {
        let none = udsock_event {
            socket: 0,
            token: 0,
            kind: 0,
            code: 0,
            offset: 0,
            length: 0,
            address_offset: 0,
            address_length: 0,
        };
        Self { events: vec![none; events], arena: vec![0; arena], count: 0 }
    }

    /// How many events there are, or the error.
    pub fn wait(&mut self, poller: udsock_t, timeout_ms: i32) -> i64 {
        // SAFETY: room for as many events and bytes.
        let result = unsafe {
            udsock_poller_wait(
                poller,
                self.events.as_mut_ptr(),
                self.events.len(),
                self.arena.as_mut_ptr().cast(),
                self.arena.len(),
                timeout_ms,
            )
        };
        self.count = usize::try_from(result).unwrap_or(0);
        assert!(self.count <= self.events.len(), "{result} events");
        result
    }

    /// The same where it must not fail.
    pub fn round(&mut self, poller: &Sock, timeout_ms: i32) -> usize {
        let result = self.wait(poller.0, timeout_ms);
        assert!(result >= 0, "{}", name_of(result));
        self.count
    }

    /// What the last wait has brought.
    pub fn events(&self) -> &[udsock_event] {
        &self.events[..self.count]
    }

    pub fn data(&self, event: &udsock_event) -> &[u8] {
        &self.arena[event.offset as usize..][..event.length as usize]
    }

    pub fn address(&self, event: &udsock_event) -> &str {
        let text = &self.arena[event.address_offset as usize..][..event.address_length as usize];
        std::str::from_utf8(text).expect("a path of this test")
    }
}

pub fn item(socket: udsock_t, offset: usize, length: usize, flags: u32) -> udsock_outgoing {
    udsock_outgoing {
        socket,
        offset: offset as u32,
        length: length as u32,
        address_offset: 0,
        address_length: 0,
        flags,
        reserved: 0,
        result: i64::MIN,
    }
}

/// Sends, and checks what the results must add up to.
pub fn send(poller: udsock_t, items: &mut [udsock_outgoing], base: &[u8]) -> i64 {
    // SAFETY: the slices are what they say.
    let result = unsafe {
        udsock_poller_send(
            poller,
            items.as_mut_ptr(),
            items.len(),
            base.as_ptr().cast(),
            base.len(),
        )
    };
    let taken = items.iter().filter(|item| item.result >= 0).count() as i64;
    let is_gone = [no(libc::EBADF), CLOSED].contains(&result);
    assert!(result == taken || is_gone, "{}, and {taken} were taken", name_of(result));
    for item in items.iter().filter(|item| item.result >= 0) {
        assert_eq!(item.result, i64::from(item.length), "an item is taken whole");
    }
    result
}

/// xorshift64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(0x9e37_79b9_7f4a_7c15 ^ (seed << 1))
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % end as u64) as usize
    }

    pub fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

/// Runs a test's body in a process of its own, which ends as soon as one thread fails:
/// the others might wait for it for ever.
pub fn in_own_process(test: &str, body: impl FnOnce()) {
    processes::in_own_process(test, || {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            print(info);
            std::process::abort();
        }));
        body();
    });
}
