//! Every call that can wait, in a state in which it does.

use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::*;

pub type Call = Arc<dyn Fn(udsock_t, i32) -> i64 + Send + Sync>;

/// A call that waits on a socket, and what would let it succeed.
pub struct Situation {
    pub name: String,
    pub socket: Sock,
    /// The call, with the handle and a timeout.
    pub call: Call,
    /// What the call says if it is not to wait.
    pub at_once: i64,
    /// Lets a waiting call succeed.
    pub unblock: Box<dyn Fn()>,
}

impl Situation {
    fn new(
        name: &str,
        kind: u32,
        socket: Sock,
        call: impl Fn(udsock_t, i32) -> i64 + Send + Sync + 'static,
        unblock: impl Fn() + 'static,
    ) -> Self {
        let name = format!("{name}, kind {kind}");
        let (call, unblock) = (Arc::new(call), Box::new(unblock));
        Self { name, socket, call, at_once: no(libc::EAGAIN), unblock }
    }
}

/// Every call that can wait, on every kind of socket that it can wait on.
pub fn situations(dir: &Dir) -> Vec<Situation> {
    let mut all = Vec::new();
    for kind in CONNECTED_KINDS {
        all.push(accept_from_nobody(kind, dir));
        all.push(connect_to_full_backlog(kind, dir));
        all.push(connect_to_nobody(kind, dir));
    }
    all.push(connect_to_nobody(UDSOCK_DGRAM, dir));
    for kind in KINDS {
        for (name, call) in receiving_calls(kind) {
            let (socket, peer) = pair(kind);
            let unblock = move || assert_eq!(peer.send(b"x", 0), 1);
            all.push(Situation::new(name, kind, socket, call, unblock));
        }
        for (name, call) in sending_calls() {
            let (socket, peer) = pair(kind);
            fill(&socket);
            let drain = move || while peer.recv(0).is_ok() {};
            all.push(Situation::new(name, kind, socket, call, drain));
        }
    }
    let (name, call) = receiving_calls(UDSOCK_DGRAM).remove(0);
    let address = next_path(dir);
    let socket = open_datagram(Some(&address));
    let unblock = move || assert_eq!(open_datagram(None).send_to(b"x", &address, 0), 1);
    all.push(Situation::new(&format!("{name} on a name"), UDSOCK_DGRAM, socket, call, unblock));
    for (name, call) in sending_calls() {
        let (socket, receiver, _) = full_receiver(dir);
        let drain = move || while receiver.recv(0).is_ok() {};
        let name = format!("{name} to a full receiver");
        all.push(Situation::new(&name, UDSOCK_DGRAM, socket, call, drain));
    }
    all.push(send_to_full_receiver(dir));
    all.push(send_batch_to_full_receiver(dir));
    all
}

fn next_path(dir: &Dir) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    dir.path(&COUNT.fetch_add(1, Ordering::Relaxed).to_string())
}

fn accept_from_nobody(kind: u32, dir: &Dir) -> Situation {
    let address = next_path(dir);
    let server = open_server(kind, &address);
    let client = Mutex::new(None);
    let unblock = move || *client.lock().unwrap() = Some(open_client(kind, &address));
    Situation::new("accept", kind, server, accept_one, unblock)
}

pub fn accept_one(server: udsock_t, timeout_ms: i32) -> i64 {
    // SAFETY: NULL is allowed.
    let connection = unsafe { udsock_accept(server, timeout_ms, ptr::null_mut()) };
    udsock_close(connection);
    connection
}

fn connect_to_full_backlog(kind: u32, dir: &Dir) -> Situation {
    let address = next_path(dir);
    let options = udsock_bind_options { backlog: 1, ..bind_options() };
    let server = try_open_server(kind, &address, Some(&options)).unwrap();
    let no_wait = udsock_connect_options { flags: UDSOCK_DONT_WAIT, ..connect_options() };
    let queued: Vec<Sock> = std::iter::from_fn(|| {
        try_open_client(kind, &address, Some(&no_wait))
            .inspect_err(|refusal| assert_eq!(refusal.code, no(libc::EAGAIN)))
            .ok()
    })
    .collect();
    let unblock = move || assert!(queued.iter().all(|_| server.accept(0).is_ok()));
    Situation::new("connect to a full backlog", kind, create(kind), connect_to(address, 0), unblock)
}

fn connect_to_nobody(kind: u32, dir: &Dir) -> Situation {
    let address = next_path(dir);
    let call = connect_to(address.clone(), UDSOCK_RETRY);
    let server = Mutex::new(None);
    let unblock = move || *server.lock().unwrap() = Some(open_server(kind, &address));
    let situation = Situation::new("connect with retry", kind, create(kind), call, unblock);
    Situation { at_once: no(libc::ENOENT), ..situation }
}

fn connect_to(address: String, flags: u32) -> impl Fn(udsock_t, i32) -> i64 {
    move |handle, timeout_ms| {
        let address = c(&address);
        // In these options 0 is forever.
        let flags = if timeout_ms == 0 { UDSOCK_DONT_WAIT } else { flags };
        let options = udsock_connect_options { flags, timeout_ms, ..connect_options() };
        // SAFETY: valid arguments.
        unsafe { udsock_connect(handle, address.as_ptr(), &options, ptr::null_mut()) }.into()
    }
}

pub type NamedCall = (&'static str, fn(udsock_t, i32) -> i64);

pub fn receiving_calls(kind: u32) -> Vec<NamedCall> {
    let mut calls: Vec<NamedCall> = vec![
        ("recv", |handle, timeout_ms| {
            let mut byte = 0_u8;
            // SAFETY: room for a byte.
            unsafe { udsock_recv(handle, (&raw mut byte).cast(), 1, timeout_ms) }
        }),
        ("recvv", |handle, timeout_ms| {
            let mut byte = 0_u8;
            let part = udsock_part { data: (&raw mut byte).cast(), size: 1 };
            // SAFETY: one part, with room for a byte.
            unsafe { udsock_recvv(handle, &part, 1, timeout_ms) }
        }),
        ("recv_from", |handle, timeout_ms| {
            let (mut byte, mut address) = (0_u8, [0; UDSOCK_ADDRESS_SIZE]);
            let (room, size) = (address.as_mut_ptr(), address.len());
            // SAFETY: room for a byte and an address.
            unsafe { udsock_recv_from(handle, (&raw mut byte).cast(), 1, room, size, timeout_ms) }
        }),
        ("recv_from, which looks at the sender first", |handle, timeout_ms| {
            let (mut byte, mut address) = (0_u8, [0; 8]);
            let (room, size) = (address.as_mut_ptr(), address.len());
            // SAFETY: room for a byte, and for an address of 7.
            unsafe { udsock_recv_from(handle, (&raw mut byte).cast(), 1, room, size, timeout_ms) }
        }),
        ("recv_batch", |handle, timeout_ms| {
            let mut byte = 0_u8;
            let mut message = message();
            (message.data, message.data_capacity) = ((&raw mut byte).cast(), 1);
            // SAFETY: one message, with room for a byte.
            unsafe { udsock_recv_batch(handle, &mut message, 1, timeout_ms) }
        }),
    ];
    if kind == UDSOCK_STREAM {
        calls.push(("recv_exact", |handle, timeout_ms| {
            let (mut byte, mut received) = (0_u8, usize::MAX);
            // SAFETY: room for a byte and a count.
            let result = unsafe {
                udsock_recv_exact(handle, (&raw mut byte).cast(), 1, timeout_ms, &mut received)
            };
            assert_eq!(received, usize::from(result == 1));
            result
        }));
    }
    calls
}

pub fn sending_calls() -> Vec<NamedCall> {
    vec![
        ("send", |handle, timeout_ms| {
            // SAFETY: a byte.
            unsafe { udsock_send(handle, b"x".as_ptr().cast(), 1, timeout_ms) }
        }),
        ("send_all", |handle, timeout_ms| {
            let mut sent = usize::MAX;
            // SAFETY: a byte, and room for a count.
            let result =
                unsafe { udsock_send_all(handle, b"x".as_ptr().cast(), 1, timeout_ms, &mut sent) };
            assert_eq!(sent, usize::from(result == 1));
            result
        }),
        ("sendv", |handle, timeout_ms| {
            let mut byte = b'x';
            let part = udsock_part { data: (&raw mut byte).cast(), size: 1 };
            // SAFETY: one part of a byte.
            unsafe { udsock_sendv(handle, &part, 1, timeout_ms) }
        }),
        ("send_batch", |handle, timeout_ms| batch_to(handle, None, timeout_ms)),
    ]
}

/// Two messages, each a byte.
fn batch_to(handle: udsock_t, address: Option<&str>, timeout_ms: i32) -> i64 {
    let address = address.map(c);
    let mut byte = b'x';
    let mut messages = [message(), message()];
    for message in &mut messages {
        (message.data, message.data_size) = ((&raw mut byte).cast(), 1);
        message.address = address.as_ref().map_or(ptr::null(), |text| text.as_ptr()).cast_mut();
    }
    // SAFETY: two messages.
    let result = unsafe { udsock_send_batch(handle, messages.as_mut_ptr(), 2, timeout_ms) };
    if result == CLOSED {
        assert!(messages.iter().all(|message| message.result == UDSOCK_CLOSED));
    }
    result
}

/// Sends until there is room for nothing more.
pub fn fill(socket: &Sock) {
    for size in [4096, 1] {
        while socket.send(&vec![b'x'; size], 0) > 0 {}
        assert_eq!(socket.send(b"x", 0), no(libc::EAGAIN));
    }
}

/// A sender that is connected to a receiver whose queue is full.
fn full_receiver(dir: &Dir) -> (Sock, Sock, String) {
    let address = next_path(dir);
    let receiver = open_datagram(Some(&address));
    let sender = open_client(UDSOCK_DGRAM, &address);
    fill(&sender);
    (sender, receiver, address)
}

fn send_to_full_receiver(dir: &Dir) -> Situation {
    let (_, receiver, address) = full_receiver(dir);
    let call = move |handle, timeout_ms| {
        let address = c(&address);
        // SAFETY: a byte and an address.
        unsafe { udsock_send_to(handle, b"x".as_ptr().cast(), 1, address.as_ptr(), timeout_ms) }
    };
    let drain = move || while receiver.recv(0).is_ok() {};
    Situation::new("send_to", UDSOCK_DGRAM, open_datagram(None), call, drain)
}

fn send_batch_to_full_receiver(dir: &Dir) -> Situation {
    let (_, receiver, address) = full_receiver(dir);
    let call = move |handle, timeout_ms| batch_to(handle, Some(&address), timeout_ms);
    let drain = move || while receiver.recv(0).is_ok() {};
    Situation::new("send_batch to an address", UDSOCK_DGRAM, open_datagram(None), call, drain)
}
