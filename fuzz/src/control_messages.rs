//! Whatever a peer puts on the wire: data with any control messages, descriptors and
//! credentials among them, to every call that receives, with any room.

use std::io;
use std::mem::{self, size_of};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use arbitrary::Unstructured;

use super::place::Place;
use super::{bytes, codes, one_of, up_to};
use support::*;
use udsock::abi::poller::*;

const SCM_PIDFD: i32 = 4;

pub fn run(data: &[u8]) {
    let place = Place::enter();
    let mut input = Unstructured::new(data);
    let kind = one_of(&mut input, &KINDS);
    let (ours, peer) = ends(kind);
    let receives = one_of(&mut input, &[true, false]);
    set(&ours, UDSOCK_OPTION_RECEIVE_FDS, receives);
    set(&ours, UDSOCK_OPTION_RECEIVE_CREDENTIALS, up_to(&mut input, 1) == 1);
    set(&ours, UDSOCK_OPTION_RECEIVE_PIDFD, up_to(&mut input, 1) == 1);
    let mut receiver = Receiver { socket: ours, receives, sent: 0, taken: 0, is_exact: receives };
    for _ in 0..32 {
        if input.is_empty() {
            break;
        }
        match up_to(&mut input, 3) {
            0 | 1 => {
                let control = send(&mut input, &peer);
                receiver.sent += control.descriptors;
                receiver.is_exact &= !control.has_garbage;
            }
            2 => receiver.receive(&mut input),
            _ => peer_does(&mut input, &peer),
        }
    }
    drop(peer);
    while receiver.message(64, 253, 500) {}
    if receiver.is_exact {
        assert_eq!(receiver.taken, receiver.sent, "descriptors");
    }
    drop(receiver);
    place.leave();
}

/// A socket of the library's, and the other end as any program has it.
fn ends(kind: u32) -> (Sock, OwnedFd) {
    let (ours, theirs) = pair(kind);
    // SAFETY: released: it is nobody's but this one's.
    (ours, unsafe { OwnedFd::from_raw_fd(theirs.release()) })
}

fn set(socket: &Sock, option: u32, on: bool) {
    let result = udsock_set_option(socket.0, option, on.into());
    // Not every kernel has pidfds.
    assert!(result == 0 || result == -libc::ENOPROTOOPT, "{result}");
}

fn peer_does(input: &mut Unstructured<'_>, peer: &OwnedFd) {
    let fd = peer.as_raw_fd();
    let on = up_to(input, 1) as i32;
    // SAFETY: a descriptor of ours, and a number that lives through the call.
    unsafe {
        match up_to(input, 3) {
            0 => libc::shutdown(fd, libc::SHUT_WR),
            1 => libc::shutdown(fd, libc::SHUT_RD),
            2 => libc::send(fd, ptr::null(), 0, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as i32,
            _ => libc::setsockopt(
                fd,
                libc::SOL_SOCKET,
                libc::SO_PASSCRED,
                (&raw const on).cast(),
                size_of::<i32>() as u32,
            ),
        };
    }
}

/// Control messages as a peer may write them, whole or not.
#[derive(Default)]
struct Control {
    bytes: Vec<u8>,
    descriptors: usize,
    /// Which may be descriptors, too.
    has_garbage: bool,
}

impl Control {
    fn push(&mut self, level: i32, kind: i32, length: usize, data: &[u8]) {
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&level.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(size_of::<usize>()), 0);
    }

    fn push_whole(&mut self, kind: i32, data: &[u8]) {
        // SAFETY: it only computes.
        let length = unsafe { libc::CMSG_LEN(data.len() as u32) } as usize;
        self.push(libc::SOL_SOCKET, kind, length, data);
    }

    fn add(&mut self, input: &mut Unstructured<'_>, peer: &OwnedFd) {
        match up_to(input, 5) {
            0 | 1 => {
                let count = match up_to(input, 3) {
                    0 => 253,
                    _ => up_to(input, 6),
                };
                self.push_whole(libc::SCM_RIGHTS, &peer.as_raw_fd().to_ne_bytes().repeat(count));
                self.descriptors += count;
            }
            2 => {
                // SAFETY: no arguments, no errors.
                let (pid, uid, gid) = unsafe { (libc::getpid(), libc::getuid(), libc::getgid()) };
                let pid = pid + up_to(input, 1) as i32;
                let (uid, gid) = (uid + up_to(input, 1) as u32, gid + up_to(input, 1) as u32);
                let who = [pid.to_ne_bytes(), uid.to_ne_bytes(), gid.to_ne_bytes()].concat();
                self.push_whole(libc::SCM_CREDENTIALS, &who);
            }
            3 => {
                // What only the kernel writes.
                let size = up_to(input, 16);
                let kind = one_of(input, &[SCM_PIDFD, libc::SCM_TIMESTAMP, 3]);
                self.push_whole(kind, &bytes(input, size));
            }
            4 => {
                self.has_garbage = true;
                let size = up_to(input, 40);
                let level = input.arbitrary().unwrap_or(0);
                let kind = input.arbitrary().unwrap_or(0);
                let length = input.arbitrary().unwrap_or(0);
                self.push(level, kind, length, &bytes(input, size));
            }
            _ => {
                self.has_garbage = true;
                let size = up_to(input, 64);
                self.bytes.extend_from_slice(&bytes(input, size));
            }
        }
    }
}

/// What has gone beside some data.
fn send(input: &mut Unstructured<'_>, peer: &OwnedFd) -> Control {
    let mut control = Control::default();
    for _ in 0..up_to(input, 3) {
        control.add(input, peer);
    }
    let size = match up_to(input, 7) {
        0 => 1 << 15,
        some => some * 8 - 8,
    };
    let data = bytes(input, size);
    let mut part = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    // SAFETY: all zero is an empty header.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes.as_mut_ptr().cast();
    header.msg_controllen = control.bytes.len() as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the header points to bytes of the sizes that it says.
    let sent = unsafe { libc::sendmsg(peer.as_raw_fd(), &header, flags) };
    if sent < 0 {
        let error = io::Error::last_os_error().raw_os_error();
        assert_ne!(error, Some(libc::EFAULT));
        return Control::default();
    }
    // Of a stream the kernel takes them only with a byte.
    control.has_garbage |= sent == 0;
    control
}

struct Receiver {
    socket: Sock,
    receives: bool,
    sent: usize,
    taken: usize,
    /// None was lost with notice, and none came from garbage.
    is_exact: bool,
}

impl Receiver {
    fn receive(&mut self, input: &mut Unstructured<'_>) {
        let size = 1 + up_to(input, 80);
        let capacity = one_of(input, &[253, 0, 1, 4]);
        let address = one_of(input, &[0, 500, 1]);
        match up_to(input, 6) {
            0 | 1 => {
                self.message(size, capacity, address);
            }
            2 | 3 => {
                let count = 1 + up_to(input, 20);
                self.batch(count, size, capacity, address);
            }
            4 => self.poller(size),
            5 => self.plain(|socket| socket.recv_into(&mut vec![0; size], 0)),
            _ => self.plain(|socket| socket.recv_exact(size, 0).0),
        }
    }

    /// These calls have no place for descriptors.
    fn plain(&mut self, call: impl Fn(&Sock) -> i64) {
        self.is_exact = false;
        let result = call(&self.socket);
        if result != no(libc::EOPNOTSUPP) {
            codes::check("recv", result);
        }
    }

    /// Whether one came.
    fn message(&mut self, size: usize, capacity: usize, address: usize) -> bool {
        let mut room = Room::new(size, capacity, address);
        let mut message = room.message();
        // SAFETY: a message that points to room of its sizes.
        let result = unsafe { udsock_recv_message(self.socket.0, &mut message, 0) };
        codes::check("recv_message", result);
        if result >= 0 {
            self.take(&room, &message);
        }
        result >= 0
    }

    fn batch(&mut self, count: usize, size: usize, capacity: usize, address: usize) {
        let mut rooms: Vec<Room> = (0..count).map(|_| Room::new(size, capacity, address)).collect();
        let mut messages: Box<[udsock_message]> = rooms.iter_mut().map(Room::message).collect();
        // SAFETY: messages that point to room of their sizes.
        let result = unsafe { udsock_recv_batch(self.socket.0, messages.as_mut_ptr(), count, 0) };
        codes::check("recv_batch", result);
        for (room, message) in rooms.iter().zip(&messages[..result.max(0) as usize]) {
            self.take(room, message);
        }
    }

    fn take(&mut self, room: &Room, message: &udsock_message) {
        assert!(message.descriptors_count <= room.descriptors.len());
        assert_eq!(message.flags & !(UDSOCK_TRUNCATED | UDSOCK_FDS_LOST), 0);
        let is_cut = message.data_size > room.data.len();
        assert_eq!(message.flags & UDSOCK_TRUNCATED != 0, is_cut);
        assert!(self.receives || message.descriptors_count == 0);
        for fd in &room.descriptors[..message.descriptors_count] {
            // SAFETY: they are this program's now.
            let owned = unsafe { OwnedFd::from_raw_fd(*fd) };
            // SAFETY: it is open.
            let flags = unsafe { libc::fcntl(owned.as_raw_fd(), libc::F_GETFD) };
            assert_eq!(flags, libc::FD_CLOEXEC, "descriptor {fd}");
        }
        if message.pidfd >= 0 {
            // SAFETY: as above.
            drop(unsafe { OwnedFd::from_raw_fd(message.pidfd) });
        }
        self.taken += message.descriptors_count;
        self.is_exact &= message.flags & UDSOCK_FDS_LOST == 0;
    }

    fn poller(&mut self, size: usize) {
        self.is_exact = false;
        // SAFETY: NULL is all defaults.
        let poller = Sock(unsafe { udsock_poller_create(ptr::null()) });
        codes::check("poller_add", udsock_poller_add(poller.0, self.socket.0, 7, 0).into());
        let mut arena = vec![0; size].into_boxed_slice();
        // SAFETY: all zero is an event.
        let mut events: [udsock_event; 4] = unsafe { mem::zeroed() };
        // SAFETY: room of the sizes given.
        let count = unsafe {
            let arena_size = arena.len();
            let place = arena.as_mut_ptr().cast();
            udsock_poller_wait(poller.0, events.as_mut_ptr(), events.len(), place, arena_size, 0)
        };
        codes::check("poller_wait", count);
        for event in &events[..count as usize] {
            assert_eq!((event.socket, event.token), (self.socket.0, 7));
            assert!(event.offset as usize + event.length as usize <= arena.len());
            match event.kind {
                UDSOCK_EVENT_RECEIVED => codes::check("received", event.code.into()),
                UDSOCK_EVENT_FAILED => codes::check("failed", event.code.into()),
                kind => i64::from(kind),
            };
        }
    }
}

/// Room of exact sizes for one message.
struct Room {
    data: Box<[u8]>,
    descriptors: Box<[RawFd]>,
    address: Box<[std::ffi::c_char]>,
}

impl Room {
    fn new(size: usize, capacity: usize, address: usize) -> Self {
        Self {
            data: vec![0; size].into(),
            descriptors: vec![-1; capacity].into(),
            address: vec![0; address].into(),
        }
    }

    fn message(&mut self) -> udsock_message {
        udsock_message {
            data: self.data.as_mut_ptr().cast(),
            data_capacity: self.data.len(),
            descriptors: self.descriptors.as_mut_ptr(),
            descriptors_capacity: self.descriptors.len(),
            address: match self.address.is_empty() {
                true => ptr::null_mut(),
                false => self.address.as_mut_ptr(),
            },
            address_capacity: self.address.len(),
            ..message()
        }
    }
}
