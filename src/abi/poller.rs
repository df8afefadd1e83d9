//! Many sockets, few calls
//!
//! A poller waits for many sockets at once. One call returns what happened to many of them,
//! with their data; one call sends answers to many of them. A server that fails for want of
//! descriptors stays a member, and goes on by itself. If a client has gone before its answer,
//! an event reports that. An echo server:
//!
//!     udsock_t poller = udsock_poller_create(NULL);
//!     udsock_poller_add(poller, server, 0, 0);
//!     for (;;) {
//!         int64_t n = udsock_poller_wait(poller, events, 256, arena, sizeof arena,
//!                                        UDSOCK_FOREVER);
//!         size_t answers = 0;
//!         for (int64_t i = 0; i < n; i++) {
//!             if (events[i].kind == UDSOCK_EVENT_RECEIVED)
//!                 items[answers++] = (udsock_outgoing){.socket = events[i].socket,
//!                     .offset = events[i].offset, .length = events[i].length};
//!             else if ((events[i].kind == UDSOCK_EVENT_ENDED ||
//!                       events[i].kind == UDSOCK_EVENT_FAILED) && events[i].socket != server)
//!                 udsock_close(events[i].socket);
//!         }
//!         udsock_poller_send(poller, items, answers, arena, sizeof arena);
//!     }

use std::ffi::c_void;
use std::mem::size_of;

use super::argument::{self, Sized32};
use super::basics::udsock_t;
use super::codes::count;
use super::guard::guard;
use crate::error::{Error, Result};
use crate::handles;
use crate::poller::{Limits, Manner, Poller, Round};
use crate::wait::Wait;

mod arrays;

use arrays::{Events, OutgoingItems};

/// Poller flag, for udsock_poller_add: the poller does not receive or accept; it only reports
/// UDSOCK_EVENT_READY, and the program makes the call (udsock_recv_message for descriptors,
/// say).
pub const UDSOCK_POLLER_READINESS: u32 = 1;

/// Poller flag: the poller receives from a connection even while it keeps something for it.
/// Without the flag a client that does not read its answers can't cause more of them, but two
/// ends that both send much before they receive wait for each other. A server's connections
/// have the server's flag. UDSOCK_EVENT_ENDED may come before everything that is kept has been
/// sent.
pub const UDSOCK_POLLER_DUPLEX: u32 = 2;

/// Poller flag: the poller receives (or accepts) nothing for now, and goes on sending what is
/// kept. udsock_poller_add without the flag ends the pause.
pub const UDSOCK_POLLER_PAUSED: u32 = 4;

/// Event: a server has accepted a connection. `socket` is the connection's handle, which is a
/// member of the poller now. `token` is the server's; the connection has it, too, until
/// udsock_poller_add gives it another. The poller closes the connections of those whom the
/// server does not let in (udsock_allow_uid), without an event.
pub const UDSOCK_EVENT_ACCEPTED: u32 = 1;

/// Event: `length` bytes of a stream, or a message, are at `offset` in the arena. If a
/// datagram's sender has a name, it is at `address_offset`, followed by a NUL. `code` is 0, or
/// -EMSGSIZE if the message was larger than the whole arena (the rest is gone), or -ERANGE if
/// the address did not fit beside it.
pub const UDSOCK_EVENT_RECEIVED: u32 = 2;

/// Event: the poller had refused an item for this socket (-EAGAIN), or had sent only a part of
/// an item with UDSOCK_DONT_KEEP, and now there is room: go on. A paused member gets this
/// event, too, if what was kept for it is lost; then the next item is -EPIPE.
pub const UDSOCK_EVENT_DRAINED: u32 = 3;

/// Event: the peer sends no more. The program may still answer. The program has to close the
/// socket.
pub const UDSOCK_EVENT_ENDED: u32 = 4;

/// Event: the socket failed, as `code` says. The socket is not a member any more, and the
/// program has to close it. One exception is a server that had no descriptor or no memory for a
/// connection (-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM or -ENOSPC). It is still a member: the
/// poller reports this once and tries again after pauses, and the program need do nothing. So
/// close a server only if the code is another one.
pub const UDSOCK_EVENT_FAILED: u32 = 5;

/// Event: there is something to receive or to accept, or the end, or an urgent byte that the
/// next receive passes over (udsock_recv). Every wait reports it again, for as long as that is
/// so.
pub const UDSOCK_EVENT_READY: u32 = 6;

/// Flag of an item: when it and everything before it has been sent, the sending side is shut
/// down.
pub const UDSOCK_THEN_SHUTDOWN: u32 = 1;

/// Flag of an item: when it and everything before it has been sent, the socket is closed. After
/// an item with UDSOCK_THEN_SHUTDOWN only an item with this flag and without data may follow.
pub const UDSOCK_THEN_CLOSE: u32 = 2;

/// Flag of an item for a connection: the poller does not keep what finds no room. Then `result`
/// is how many bytes were sent, which may be less than the length, or -EAGAIN;
/// UDSOCK_EVENT_DRAINED reports when there is room. Another flag of the item takes effect only
/// if all was sent. On a stream, an item with this flag and without data asks whether
/// everything before it has been sent: 0, or -EAGAIN if something is kept.
pub const UDSOCK_DONT_KEEP: u32 = 16;

/// The limits of a poller.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udsock_poller_options {
    /// sizeof(udsock_poller_options).
    pub size: u32,
    /// 0.
    pub flags: u32,
    /// How many bytes the poller keeps at most for one socket that does not take them. 0: 1
    /// MiB.
    pub send_limit: u64,
    /// How many bytes of a stream one event brings at most. 0: 64 KiB.
    pub receive_size: u64,
}

// SAFETY: numbers: any bytes are a value.
unsafe impl Sized32 for udsock_poller_options {}

/// What happened to a socket.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udsock_event {
    /// Its handle.
    pub socket: udsock_t,
    /// The token that the program gave to udsock_poller_add for this socket. A connection that
    /// the poller accepted has its server's token, until the program gives it another.
    pub token: u64,
    /// UDSOCK_EVENT_...
    pub kind: u32,
    /// 0, or an error code.
    pub code: i32,
    /// Where its data is in the arena.
    pub offset: u32,
    /// How many bytes that is.
    pub length: u32,
    /// Where the sender's address is in the arena.
    pub address_offset: u32,
    /// Its length without the NUL; 0: none.
    pub address_length: u32,
}

/// Something to send.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udsock_outgoing {
    /// The member that it is sent through.
    pub socket: udsock_t,
    /// Where the data is, in bytes from base.
    pub offset: u32,
    /// How many bytes that is.
    pub length: u32,
    /// Where the address to send to is, in bytes from base.
    pub address_offset: u32,
    /// Its length without a NUL. 0: the address that the socket is connected to.
    pub address_length: u32,
    /// UDSOCK_THEN_SHUTDOWN or UDSOCK_THEN_CLOSE, and UDSOCK_DONT_KEEP, or 0.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// Out: the item's length if the poller took it, or an error code. See UDSOCK_DONT_KEEP.
    pub result: i64,
}

const _: () = assert!(size_of::<udsock_event>() == 40 && size_of::<udsock_outgoing>() == 40);

const DEFAULT_LIMITS: Limits = Limits { send: 1 << 20, receive: 1 << 16 };

/// A poller without members. It takes three descriptors. udsock_close closes it, and leaves its
/// members open. After a fork only the parent can use it: in the child every call but
/// udsock_close is -EBADF.
///
/// Returns its handle.
///
/// -EMFILE, -ENFILE: no descriptors are left.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_poller_create(options: *const udsock_poller_options) -> udsock_t {
    guard(|| {
        // SAFETY: the caller passes a struct with its size, or NULL.
        let limits = match unsafe { argument::options(options) }? {
            None => DEFAULT_LIMITS,
            Some(options) => {
                argument::known_flags(options.flags, 0)?;
                Limits {
                    send: limit(options.send_limit, DEFAULT_LIMITS.send)?,
                    receive: limit(options.receive_size, DEFAULT_LIMITS.receive)?,
                }
            }
        };
        handles::open_watcher(|handle| Poller::create(handle, limits))
    })
}

/// Adds a socket, or gives a member this token and these flags. `flags`:
/// UDSOCK_POLLER_READINESS, UDSOCK_POLLER_DUPLEX, UDSOCK_POLLER_PAUSED, or 0. `token` is the
/// program's own: it comes back in the socket's events. The poller accepts from a server, and
/// adds its connections with its token; it receives from other sockets. A server may be in many
/// pollers, one in each thread: each connection wakes one of the pollers that wait.
///
/// Returns 0.
///
/// -EBUSY: the socket is in another poller, and is not a server.
/// -ENOTSOCK: `s` is a poller.
/// -ENOSPC, -ENOMEM: the kernel can't watch more sockets.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_poller_add(poller: udsock_t, s: udsock_t, token: u64, flags: u32) -> i32 {
    guard(|| {
        let known = UDSOCK_POLLER_READINESS | UDSOCK_POLLER_DUPLEX | UDSOCK_POLLER_PAUSED;
        let flags = argument::known_flags(flags, known)?;
        let manner = Manner {
            only_readiness: flags & UDSOCK_POLLER_READINESS != 0,
            is_duplex: flags & UDSOCK_POLLER_DUPLEX != 0,
            is_paused: flags & UDSOCK_POLLER_PAUSED != 0,
        };
        with(poller, |poller| poller.add(s, token, manner).map(|()| 0))
    })
}

/// Takes a socket out. The poller drops what it kept for the socket. Data that the peer has
/// sent and that no event has brought stays in the socket, for the next call that receives.
/// udsock_close takes a socket out by itself.
///
/// Returns 0.
///
/// -ENOENT: the socket is not a member.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_poller_remove(poller: udsock_t, s: udsock_t) -> i32 {
    guard(|| with(poller, |poller| poller.remove(s).map(|()| 0)))
}

/// Waits until something happens to a member. Data is put into the arena, in the order of the
/// events; it stays until the next wait with this arena. A message that does not fit into what
/// is left of the arena is not received: it comes first in the next call, which has the whole
/// arena for it. If another thread or process receives from the same socket during the call, a
/// message may be cut to what is left of the arena (-EMSGSIZE).
///
/// One call never returns both data of a socket and its end: answer first, and close when the
/// end comes. Without an arena (`arena_size` 0) the poller receives nothing, and
/// UDSOCK_EVENT_READY reports that something is there. The poller uses at most the first 4 GiB
/// of an arena. If several threads wait on one poller, each event goes to one of them.
///
/// Returns how many events were written. 0: nothing had happened and `timeout_ms` is 0, or
/// udsock_poller_wake ended the wait.
///
/// -EINTR: a signal handler ran while the call slept. Also: the process was stopped and
/// continued, if it handles any signal and one of the poller's servers is in several pollers or
/// was opened before a fork.
/// -EINVAL: `events_capacity` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_poller_wait(
    poller: udsock_t,
    events: *mut udsock_event,
    events_capacity: usize,
    arena: *mut c_void,
    arena_size: usize,
    timeout_ms: i32,
) -> i64 {
    guard(|| {
        let mut wait = Wait::new(argument::timeout(timeout_ms)?);
        // The caller passes room for `arena_size` bytes.
        let arena = argument::outgoing(arena, arena_size)?;
        let events = Events::new(events, events_capacity)?;
        with(poller, |poller| poller.wait(&mut Round::new(events, arena), &mut wait).map(count))
    })
}

/// Sends items, each through its socket, without waiting. The offsets of the items count from
/// `base` (the arena, say), which may be used again when the call returns. The poller takes an
/// item whole, to send or to keep it, or not at all. If it does not take an item, the item's
/// `result` is an error, and items for other sockets are still sent. Items for one socket keep
/// their order; items for one stream are sent together.
///
/// While the poller keeps something for a connection it receives nothing from it, unless the
/// connection has UDSOCK_POLLER_DUPLEX. If what is kept for a connection can't be sent later,
/// UDSOCK_EVENT_FAILED reports it (-EPIPE). If a kept datagram can't be sent later, it is
/// dropped without an event; udsock_get_counters counts it.
///
/// Returns how many items were taken. The errors are those of each `result`.
///
/// -EAGAIN: with this item more than send_limit would be kept. All later items for this
/// connection in the call get the same. UDSOCK_EVENT_DRAINED says when to go on.
/// -ENOENT: the socket is not a member.
/// -EPIPE: the peer is gone, or an earlier item had UDSOCK_THEN_SHUTDOWN or UDSOCK_THEN_CLOSE.
/// -EINVAL: the item lies beyond base_size.
/// -EOPNOTSUPP: the item has an address, and the socket is not a datagram socket; or it has
/// UDSOCK_DONT_KEEP, and the socket is one.
/// Others: as of udsock_send and udsock_send_to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_poller_send(
    poller: udsock_t,
    items: *mut udsock_outgoing,
    items_count: usize,
    base: *const c_void,
    base_size: usize,
) -> i64 {
    guard(|| {
        let base = argument::outgoing(base, base_size)?;
        let mut items = OutgoingItems::new(items, items_count, base)?;
        with(poller, |poller| poller.send(&mut items).map(count))
    })
}

/// Ends a wait on the poller. The wait returns 0 if nothing else has happened. If nobody waits,
/// the next wait ends. Many calls before one wait count once.
///
/// Returns 0.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_poller_wake(poller: udsock_t) -> i32 {
    guard(|| with(poller, |poller| poller.wake().map(|()| 0)))
}

/// A descriptor for another event loop. It is readable when udsock_poller_wait would return
/// events: then call that with `timeout_ms` 0. It is borrowed: do not close it.
///
/// Returns the descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_poller_fd(poller: udsock_t) -> i32 {
    guard(|| with(poller, |poller| poller.raw_fd()))
}

fn with<T>(poller: udsock_t, body: impl FnOnce(&Poller) -> Result<T>) -> Result<T> {
    body(handles::get_watcher(poller)?.downcast().ok_or(Error::EINVAL)?)
}

fn limit(bytes: u64, default: usize) -> Result<usize> {
    match isize::try_from(bytes) {
        Ok(0) => Ok(default),
        Ok(bytes) => Ok(bytes as usize),
        Err(_) => Err(Error::EINVAL),
    }
}
