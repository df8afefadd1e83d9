//! The poller's calls, as these tests make them.

use std::ffi::c_void;
use std::ops::Deref;
use std::ptr;
use std::time::{Duration, Instant};

pub use udsock::abi::poller::*;

use crate::*;

/// A timeout that is never reached: it only ends a test that would hang.
pub const LONG: i32 = 20_000;
const HANG: Duration = Duration::from_millis(LONG as u64);

/// The room for a wait: events, and bytes.
#[derive(Clone, Copy, Debug)]
pub struct Room(pub usize, pub usize);

/// For whatever the tests send.
pub const ENOUGH: Room = Room(512, 1 << 20);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub socket: udsock_t,
    pub token: u64,
    pub kind: u32,
    pub code: i64,
    pub data: Vec<u8>,
    pub address: String,
}

impl Event {
    /// The kind and the token.
    pub fn what(&self) -> (u32, u64) {
        (self.kind, self.token)
    }
}

/// What a wait brought, as it brought it.
pub struct Brought {
    pub events: Vec<udsock_event>,
    pub arena: Vec<u8>,
}

/// Nothing in it is what a call writes.
fn untouched() -> udsock_event {
    udsock_event {
        socket: -77,
        token: 77,
        kind: 77,
        code: 77,
        offset: 77,
        length: 77,
        address_offset: 77,
        address_length: 77,
    }
}

/// Something to send.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    pub socket: udsock_t,
    pub data: &'a [u8],
    pub to: &'a str,
    pub flags: u32,
}

pub fn item<'a>(socket: &Sock, data: &'a [u8]) -> Item<'a> {
    Item { socket: socket.0, data, to: "", flags: 0 }
}

/// The same, and then this.
pub fn item_then<'a>(socket: &Sock, data: &'a [u8], flags: u32) -> Item<'a> {
    Item { flags, ..item(socket, data) }
}

pub fn item_to<'a>(socket: &Sock, data: &'a [u8], to: &'a str) -> Item<'a> {
    Item { to, ..item(socket, data) }
}

/// An item as C has it, empty, and with a result that no call gives.
pub fn outgoing(socket: udsock_t) -> udsock_outgoing {
    udsock_outgoing {
        socket,
        offset: 0,
        length: 0,
        address_offset: 0,
        address_length: 0,
        flags: 0,
        reserved: 0,
        result: 77,
    }
}

pub fn poller_options() -> udsock_poller_options {
    let size = size_of::<udsock_poller_options>() as u32;
    udsock_poller_options { size, flags: 0, send_limit: 0, receive_size: 0 }
}

/// A poller, closed with its owner unless the test closed it.
pub struct Poller(pub Sock);

impl Deref for Poller {
    type Target = Sock;

    fn deref(&self) -> &Sock {
        &self.0
    }
}

impl Poller {
    pub fn new() -> Self {
        Self::with(&poller_options())
    }

    pub fn with(options: &udsock_poller_options) -> Self {
        // SAFETY: a struct that is what it says.
        let handle = unsafe { udsock_poller_create(options) };
        assert!(handle > 0, "{}", name_of(handle));
        Self(Sock(handle))
    }

    pub fn with_send_limit(send_limit: u64) -> Self {
        Self::with(&udsock_poller_options { send_limit, ..poller_options() })
    }

    pub fn add(&self, socket: &Sock, token: u64) -> i64 {
        udsock_poller_add(self.0.0, socket.0, token, 0).into()
    }

    pub fn add_for_readiness(&self, socket: &Sock, token: u64) -> i64 {
        udsock_poller_add(self.0.0, socket.0, token, UDSOCK_POLLER_READINESS).into()
    }

    pub fn remove(&self, socket: &Sock) -> i64 {
        udsock_poller_remove(self.0.0, socket.0).into()
    }

    pub fn wake(&self) -> i64 {
        udsock_poller_wake(self.0.0).into()
    }

    pub fn descriptor(&self) -> i32 {
        udsock_poller_fd(self.0.0)
    }

    /// The events with the arena, which begins as so many question marks.
    pub fn wait_raw(&self, room: Room, timeout_ms: i32) -> Result<Brought, i64> {
        let mut events = vec![untouched(); room.0];
        let mut arena = vec![b'?'; room.1];
        let place: *mut c_void = match room.1 {
            0 => ptr::null_mut(),
            _ => arena.as_mut_ptr().cast(),
        };
        let (first, capacity) = (events.as_mut_ptr(), events.len());
        // SAFETY: room for as many events and bytes.
        let result = unsafe {
            udsock_poller_wait(self.0.0, first, capacity, place, arena.len(), timeout_ms)
        };
        let count = usize::try_from(result).unwrap_or(0);
        assert!(count <= room.0);
        assert!(events[count..].iter().all(|event| event.socket == -77), "written beyond");
        events.truncate(count);
        if result < 0 { Err(result) } else { Ok(Brought { events, arena }) }
    }

    /// The same, taken apart, and with all that holds for every wait.
    pub fn wait_in(&self, room: Room, timeout_ms: i32) -> Result<Vec<Event>, i64> {
        let Brought { events, arena } = self.wait_raw(room, timeout_ms)?;
        let mut end = 0;
        let mut take = |offset: u32, length: u32| {
            let (offset, length) = (offset as usize, length as usize);
            if length > 0 {
                assert!(offset >= end, "the data is not in the order of the events");
                end = offset + length;
            }
            arena[offset..offset + length].to_vec()
        };
        let mut all = Vec::new();
        for event in &events {
            let data = take(event.offset, event.length);
            let address = take(event.address_offset, event.address_length);
            if !address.is_empty() {
                let end = event.address_offset + event.address_length;
                assert_eq!(arena[end as usize], 0, "an address ends with a NUL");
            }
            if event.kind != UDSOCK_EVENT_RECEIVED {
                assert!(data.is_empty() && address.is_empty());
            }
            all.push(Event {
                socket: event.socket,
                token: event.token,
                kind: event.kind,
                code: event.code.into(),
                data,
                address: String::from_utf8(address).expect("UTF-8"),
            });
        }
        Ok(all)
    }

    pub fn wait(&self, timeout_ms: i32) -> Result<Vec<Event>, i64> {
        self.wait_in(ENOUGH, timeout_ms)
    }

    /// One event, and no more.
    pub fn next(&self) -> Event {
        let events = self.wait(LONG).expect("something happens");
        assert_eq!(events.len(), 1, "{events:?}");
        events.into_iter().next().unwrap()
    }

    /// So many events, from as many waits as it takes.
    pub fn gather(&self, count: usize) -> Vec<Event> {
        self.gather_in(ENOUGH, count)
    }

    pub fn gather_in(&self, room: Room, count: usize) -> Vec<Event> {
        let mut all = Vec::new();
        while all.len() < count {
            let more = self.wait_in(room, LONG);
            all.extend(more.unwrap_or_else(|code| panic!("{} after {all:?}", name_of(code))));
        }
        assert_eq!(all.len(), count, "{all:?}");
        all
    }

    /// Does this until it says that it is done, with waits between.
    pub fn serve_until(&self, mut done: impl FnMut() -> bool) -> Vec<Event> {
        let mut all = Vec::new();
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < HANG, "never done: {all:?}");
            match self.wait(1) {
                Ok(events) => all.extend(events),
                Err(code) => assert_eq!(code, no(libc::ETIMEDOUT), "{}", name_of(code)),
            }
        }
        all
    }

    /// Nothing has happened.
    pub fn is_quiet(&self) {
        // What was kept may just have found room, which is nobody's event.
        for timeout_ms in [0, 20] {
            match self.wait(timeout_ms) {
                Ok(events) => assert_eq!((&events[..], timeout_ms), (&[][..], 0)),
                Err(code) => assert_eq!(code, no(libc::ETIMEDOUT), "{}", name_of(code)),
            }
        }
    }

    /// The result, and each item's.
    pub fn send(&self, items: &[Item]) -> (i64, Vec<i64>) {
        // The base begins with something that is nobody's.
        let mut base = b"-----".to_vec();
        let mut place = |bytes: &[u8]| {
            let offset = base.len() as u32;
            base.extend_from_slice(bytes);
            (offset, bytes.len() as u32)
        };
        let mut all = Vec::new();
        for item in items {
            let (offset, length) = place(item.data);
            let (address_offset, address_length) = place(item.to.as_bytes());
            let flags = item.flags;
            all.push(udsock_outgoing {
                offset,
                length,
                address_offset,
                address_length,
                flags,
                ..outgoing(item.socket)
            });
        }
        let result = self.send_raw(&mut all, &base);
        // It may be used again.
        base.fill(b'!');
        let each: Vec<_> = all.iter().map(|item| item.result).collect();
        match result {
            // Of the call as a whole.
            ..0 => assert!(each.iter().all(|result| *result == 77), "nothing was written"),
            _ => assert_eq!(result, each.iter().filter(|result| **result >= 0).count() as i64),
        }
        (result, each)
    }

    pub fn send_raw(&self, items: &mut [udsock_outgoing], base: &[u8]) -> i64 {
        let (first, count) = (items.as_mut_ptr(), items.len());
        // SAFETY: as many items and bytes.
        unsafe { udsock_poller_send(self.0.0, first, count, base.as_ptr().cast(), base.len()) }
    }

    /// Why this one was not taken.
    pub fn refusal(&self, item: Item) -> i64 {
        let (result, each) = self.send(&[item]);
        assert_eq!(result, 0, "{each:?}");
        each[0]
    }

    /// One item, which is taken.
    pub fn send_one(&self, socket: &Sock, data: &[u8]) {
        assert_eq!(self.send(&[item(socket, data)]), (1, vec![data.len() as i64]));
    }
}

/// Two sockets that are connected, the first of them in a new poller.
pub fn member(kind: u32, token: u64) -> (Poller, Sock, Sock) {
    let poller = Poller::new();
    let (socket, peer) = pair(kind);
    assert_eq!(poller.add(&socket, token), 0);
    (poller, socket, peer)
}

/// A server in the poller, at this path.
pub fn serving(poller: &Poller, kind: u32, path: &str, token: u64) -> Sock {
    let server = open_server(kind, path);
    assert_eq!(poller.add(&server, token), 0);
    server
}

/// An error by its name, to compare in words.
pub fn is(result: i64, errno: i32) {
    assert_eq!(name_of(result), name_of(no(errno)));
}

/// Everything that is there: of a stream its bytes, else message after message.
pub fn drain(socket: &Sock) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| socket.recv(0).ok()).collect()
}
