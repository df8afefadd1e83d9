//! The calls that send and receive messages whole.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::{fs, ptr};

use crate::raw;
use crate::*;

pub const MOST: usize = UDSOCK_MAX_DESCRIPTORS;

pub const UNKNOWN: (i32, u32, u32) = (0, u32::MAX, u32::MAX);

/// A message to send: the data and what goes beside it.
pub type Post<'a> = (&'a [u8], &'a [RawFd]);

/// The room for a message, in bytes and in descriptors.
#[derive(Clone, Copy, Debug)]
pub struct Room(pub usize, pub usize);

/// Room for whatever the tests send.
pub const ENOUGH: Room = Room(1 << 16, MOST);

/// A message that came.
#[derive(Debug)]
pub struct Came {
    pub data: Vec<u8>,
    /// All of it, whatever the room.
    pub data_size: usize,
    pub descriptors: Vec<OwnedFd>,
    pub flags: u32,
    pub sender: (i32, u32, u32),
    /// The process that sent it, or why it is not told.
    pub pidfd: Result<OwnedFd, i32>,
    pub result: i64,
}

impl Came {
    pub fn has_lost(&self) -> bool {
        self.flags & UDSOCK_FDS_LOST != 0
    }

    pub fn is_truncated(&self) -> bool {
        self.flags & UDSOCK_TRUNCATED != 0
    }
}

fn posted(data: &[u8], descriptors: &[RawFd]) -> udsock_message {
    udsock_message {
        data: data.as_ptr().cast_mut().cast(),
        data_size: data.len(),
        descriptors: descriptors.as_ptr().cast_mut(),
        descriptors_count: descriptors.len(),
        ..message()
    }
}

/// The room for one message, and the message that it is for.
struct Rooms(Vec<(Vec<u8>, Vec<RawFd>)>);

impl Rooms {
    fn new(rooms: &[Room]) -> Self {
        Self(rooms.iter().map(|room| (vec![0; room.0], vec![-7; room.1])).collect())
    }

    fn messages(&mut self) -> Vec<udsock_message> {
        self.0
            .iter_mut()
            .map(|(data, descriptors)| udsock_message {
                data: data.as_mut_ptr().cast(),
                data_capacity: data.len(),
                descriptors: descriptors.as_mut_ptr(),
                descriptors_capacity: descriptors.len(),
                ..message()
            })
            .collect()
    }

    fn came(self, messages: &[udsock_message]) -> Vec<Came> {
        self.0.into_iter().zip(messages).map(|(room, message)| came(room, message)).collect()
    }
}

fn came((mut data, descriptors): (Vec<u8>, Vec<RawFd>), message: &udsock_message) -> Came {
    let (taken, rest) = descriptors.split_at(message.descriptors_count);
    assert!(rest.iter().all(|fd| *fd == -7), "nothing is written beyond the count");
    data.truncate(usize::try_from(message.result).expect("no address was asked for"));
    let who = message.credentials;
    Came {
        data,
        data_size: message.data_size,
        descriptors: taken.iter().map(|fd| received(*fd)).collect(),
        flags: message.flags,
        sender: (who.pid, who.uid, who.gid),
        pidfd: match message.pidfd {
            fd @ 0.. => Ok(received(fd)),
            code => Err(code),
        },
        result: message.result.into(),
    }
}

fn received(fd: RawFd) -> OwnedFd {
    assert!(fd > 2 && raw::is_close_on_exec(fd), "{fd} is open, and close-on-exec");
    // SAFETY: it was received, and is ours to close.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

pub fn send_message(socket: &Sock, data: &[u8], descriptors: &[RawFd], timeout_ms: i32) -> i64 {
    let mut message = posted(data, descriptors);
    // SAFETY: a message that is what it says.
    unsafe { udsock_send_message(socket.0, &mut message, timeout_ms) }
}

pub fn send_message_to(socket: &Sock, post: Post, address: &str, timeout_ms: i32) -> i64 {
    let address = c(address);
    let mut message = posted(post.0, post.1);
    message.address = address.as_ptr().cast_mut();
    // SAFETY: a message that is what it says.
    unsafe { udsock_send_message(socket.0, &mut message, timeout_ms) }
}

pub fn recv_message(socket: &Sock, room: Room, timeout_ms: i32) -> Result<Came, i64> {
    let mut rooms = Rooms::new(&[room]);
    let mut messages = rooms.messages();
    // SAFETY: the message has the room that it says.
    let result = unsafe { udsock_recv_message(socket.0, messages.as_mut_ptr(), timeout_ms) };
    if result < 0 {
        assert_eq!(messages[0].descriptors_count, 0, "no descriptors come with an error");
        return Err(result);
    }
    let came = rooms.came(&messages).remove(0);
    assert_eq!(came.result, result);
    Ok(came)
}

/// The result, and each message's.
pub fn send_batch(socket: &Sock, posts: &[Post], timeout_ms: i32) -> (i64, Vec<i64>) {
    let mut messages: Vec<_> = posts.iter().map(|post| posted(post.0, post.1)).collect();
    // SAFETY: as many messages, each of which is what it says.
    let result =
        unsafe { udsock_send_batch(socket.0, messages.as_mut_ptr(), messages.len(), timeout_ms) };
    (result, messages.iter().map(|message| message.result.into()).collect())
}

pub fn recv_batch(socket: &Sock, each: &[Room], timeout_ms: i32) -> Result<Vec<Came>, i64> {
    let mut rooms = Rooms::new(each);
    let mut messages = rooms.messages();
    // SAFETY: as many messages, each with the room that it says.
    let result =
        unsafe { udsock_recv_batch(socket.0, messages.as_mut_ptr(), messages.len(), timeout_ms) };
    let count = usize::try_from(result).map_err(|_| result)?;
    Ok(rooms.came(&messages[..count]))
}

/// The two ways to receive a message whole.
pub type Receive = fn(&Sock, Room, i32) -> Result<Came, i64>;
pub const RECEIVES: [(&str, Receive); 2] = [
    ("recv_message", recv_message),
    ("recv_batch", |socket, room, timeout_ms| {
        recv_batch(socket, &[room], timeout_ms).map(|mut came| came.remove(0))
    }),
];

/// The two ways to send one.
pub type Send = fn(&Sock, &[u8], &[RawFd], i32) -> i64;
pub const SENDS: [(&str, Send); 2] = [
    ("send_message", send_message),
    ("send_batch", |socket, data, descriptors, timeout_ms| {
        let (result, each) = send_batch(socket, &[(data, descriptors)], timeout_ms);
        assert_eq!(result, if each[0] < 0 { each[0] } else { 1 });
        each[0]
    }),
];

pub fn set(socket: &Sock, option: u32, value: i64) {
    let result = udsock_set_option(socket.0, option, value);
    assert_eq!(result, 0, "{}", name_of(result.into()));
    assert_eq!(socket.option(option), value);
}

pub fn take_descriptors(socket: &Sock) {
    set(socket, UDSOCK_OPTION_RECEIVE_FDS, 1);
}

pub fn tell_senders(socket: &Sock) {
    set(socket, UDSOCK_OPTION_RECEIVE_CREDENTIALS, 1);
}

/// The second of which takes descriptors.
pub fn open_pair(kind: u32) -> (Sock, Sock) {
    let (sender, receiver) = pair(kind);
    take_descriptors(&receiver);
    (sender, receiver)
}

/// A raw socket, and one that was adopted and that asks for nothing.
pub fn stranger(kind: u32) -> (OwnedFd, Sock) {
    let [stranger, theirs] = raw::pair(kind);
    (stranger, adopt(std::os::fd::IntoRawFd::into_raw_fd(theirs)).unwrap())
}

/// Whether this kernel can keep descriptors from being sent (SO_PASSRIGHTS, Linux 6.16).
pub fn kernel_can_refuse() -> bool {
    const SO_PASSRIGHTS: i32 = 83;
    let socket = raw::socket(UDSOCK_STREAM);
    raw::set_option(socket.as_raw_fd(), SO_PASSRIGHTS, 1) == 0
}

/// This process as a sender.
pub fn myself() -> (i32, u32, u32) {
    // SAFETY: no arguments.
    unsafe { (libc::getpid(), libc::getuid(), libc::getgid()) }
}

/// The soft limit of open descriptors. Only in a child.
pub fn limit_descriptors(soft: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: room for a limit, then a valid one.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = soft as _;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0, "{soft}");
    }
}

/// The number that the next descriptor would get.
pub fn next_descriptor() -> u64 {
    let probe = fs::File::open("/dev/null").expect("a descriptor is left");
    probe.as_raw_fd() as u64
}

/// Sets the limit so that this many more can be opened. Only in a child.
pub fn leave_descriptors(count: usize) {
    // SAFETY: no pointers.
    let is_free = |fd: &RawFd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } < 0;
    let first_without = (0..).filter(is_free).nth(count).expect("numbers do not end");
    limit_descriptors(first_without as u64);
}

/// An error's name, to compare in words.
pub fn is(result: i64, errno: i32) {
    assert_eq!(name_of(result), name_of(no(errno)));
}

/// Room for an address as well: the result, the address's length, and the message.
pub fn recv_with_address(
    socket: &Sock,
    room: Room,
    address: &mut [std::ffi::c_char],
    timeout_ms: i32,
) -> (i64, usize, Option<Came>) {
    let mut rooms = Rooms::new(&[room]);
    let mut messages = rooms.messages();
    messages[0].address = if address.is_empty() { ptr::null_mut() } else { address.as_mut_ptr() };
    messages[0].address_capacity = address.len();
    // SAFETY: the message has the room that it says.
    let result = unsafe { udsock_recv_message(socket.0, messages.as_mut_ptr(), timeout_ms) };
    let size = messages[0].address_size;
    let whole = (result >= 0).then(|| rooms.came(&messages).remove(0));
    (result, size, whole)
}
