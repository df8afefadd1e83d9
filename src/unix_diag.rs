//! The kernel's list of the open Unix sockets of this network namespace (sock_diag(7)), and the
//! processes that have one open (/proc).

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::name_text::without_padding;
use crate::sys::{self, Missing, SocketName};
use crate::text::ShortText;

/// A socket that some process has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenSocket {
    kind: u8,
    state: u8,
    /// Its own inode, by which /proc/PID/fd shows it; not its file's.
    inode: u32,
    /// Its file, cut to 32 bits each: inode and device.
    file: Option<[u32; 2]>,
    /// The user that made it.
    pub(crate) uid: Option<u32>,
    /// How much waits in it, and how much may.
    queue: Option<[u32; 2]>,
}

/// A socket as the visitor sees it: with its name.
pub(crate) struct Entry<'a> {
    socket: OpenSocket,
    name: &'a [u8],
}

impl Entry<'_> {
    pub(crate) fn is_of(&self, inode: u64) -> bool {
        self.socket.is_this(inode)
    }

    /// An abstract name: a NUL, and the rest.
    pub(crate) fn has_name(&self, name: &[u8]) -> bool {
        self.name == name
    }

    /// Whether it is bound to the file with this inode, on this device, which is that of the
    /// whole file system.
    pub(crate) fn has_file(&self, inode: u64, device: u64) -> bool {
        // The kernel's own encoding: 12 bits of major, 20 of minor number.
        let device = libc::major(device) << 20 | libc::minor(device);
        self.socket.file == Some([inode as u32, device])
    }
}

impl OpenSocket {
    pub(crate) fn kind(&self) -> Option<Kind> {
        Kind::from_number(self.kind.into()).ok()
    }

    /// Whether it is the socket with this inode of its own (not its file's).
    pub(crate) fn is_this(&self, inode: u64) -> bool {
        u64::from(self.inode) == inode & u64::from(u32::MAX)
    }

    /// Whether it has a file, and surely not the one with this inode.
    pub(crate) fn has_other_file(&self, inode: u64) -> bool {
        self.file.is_some_and(|[own, _]| own != inode as u32)
    }

    /// For a socket that listens: how many connections wait, and how many may.
    pub(crate) fn backlog(&self) -> Option<[u32; 2]> {
        let [waiting, most] = self.queue.filter(|_| self.listens())?;
        // The kernel refuses a connection when more than that wait already.
        Some([waiting, most.saturating_add(1)])
    }

    fn listens(&self) -> bool {
        const LISTENING: u8 = 10;
        self.state == LISTENING
    }

    /// Whether one of its kind can connect to it.
    fn takes_peers(&self) -> bool {
        match self.kind() {
            Some(Kind::Datagram) => !self.is_connected(),
            _ => self.listens(),
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        const ESTABLISHED: u8 = 1;
        self.state == ESTABLISHED
    }
}

/// The socket that fits. If a server fits and its connections, which have its name, the server.
pub(crate) fn find(fits: impl Fn(&Entry<'_>) -> bool) -> Result<Option<OpenSocket>> {
    let mut found: Option<OpenSocket> = None;
    let told = sys::unix_diag(|part| {
        visit(part, |entry| {
            if found.is_none_or(|found| found.is_connected()) && fits(&entry) {
                found = Some(entry.socket);
            }
        })
    });
    if told.is_err_and(|error| !error.is_scarcity()) {
        sys::note_missing(Missing::SocketList);
    }
    told.map(|()| found)
}

/// An abstract name of this kind that is easily taken for this one: with more or fewer NULs at its
/// end or, if there is none, the shortest of those that go on with a slash.
/// (Connections have their server's name, and outlive it; who has the name itself does not listen.)
pub(crate) fn find_neighbour(kind: Kind, asked: &[u8]) -> Option<SocketName> {
    let name = without_padding(asked);
    // If the list's module is missing, the kernel looks for it each time.
    static IS_MISSING: AtomicBool = AtomicBool::new(false);
    // Nor for what every name begins with.
    if name.is_empty() || IS_MISSING.load(Ordering::Relaxed) {
        return None;
    }
    let rank = |other: &SocketName| {
        let rest = &other.bytes()[name.len()..];
        (rest.starts_with(b"/"), rest.len())
    };
    let mut found: Option<SocketName> = None;
    let listed = sys::unix_diag(|part| {
        visit(part, |Entry { socket, name: other }| {
            let is_it = other != asked && socket.kind() == Some(kind) && socket.takes_peers();
            let rest = other.strip_prefix(name).filter(|_| is_it);
            let is_like = |rest: &[u8]| without_padding(rest).is_empty() || rest.starts_with(b"/");
            if let Some(other) = rest.filter(|rest| is_like(rest)).and(SocketName::new(other)) {
                if found.as_ref().is_none_or(|found| rank(&other) < rank(found)) {
                    found = Some(other);
                }
            }
        })
    });
    IS_MISSING.store(listed == Err(Error::ENOENT), Ordering::Relaxed);
    listed.ok().and(found)
}

const ERROR: u16 = 2;
const DONE: u16 = 3;
const HEADER: usize = 16;
const MESSAGE: usize = 16;

/// Messages of the form: struct nlmsghdr, struct unix_diag_msg, attributes. Whether more
/// are to come.
fn visit(mut part: &[u8], mut with: impl FnMut(Entry<'_>)) -> Result<bool> {
    while part.len() >= HEADER {
        let size = u32_at(part, 0) as usize;
        let Some(message) = part.get(HEADER..size) else { return Err(Error::EBADMSG) };
        match u16_at(part, 4) {
            DONE => return Ok(false),
            ERROR => {
                let errno = message.get(..4).map_or(0, |bytes| u32_at(bytes, 0) as i32);
                return Err(Error::System(-errno));
            }
            _ if message.len() >= MESSAGE => with(entry(message)),
            _ => return Err(Error::EBADMSG),
        }
        part = part.get(size.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(true)
}

/// struct unix_diag_msg: family, type, state, padding, inode, a cookie; then attributes.
fn entry(message: &[u8]) -> Entry<'_> {
    const NAME: u16 = 0;
    const VFS: u16 = 1;
    const QUEUE: u16 = 4;
    const UID: u16 = 7;
    let mut socket = OpenSocket {
        kind: message[1],
        state: message[2],
        inode: u32_at(message, 4),
        file: None,
        uid: None,
        queue: None,
    };
    let mut name = &[][..];
    let mut rest = &message[MESSAGE..];
    while rest.len() >= 4 {
        let size = usize::from(u16_at(rest, 0));
        let Some(value) = rest.get(4..size) else { break };
        match u16_at(rest, 2) {
            NAME => name = value,
            VFS if value.len() >= 8 => socket.file = Some([u32_at(value, 0), u32_at(value, 4)]),
            QUEUE if value.len() >= 8 => {
                socket.queue = Some([u32_at(value, 0), u32_at(value, 4)]);
            }
            UID if value.len() >= 4 => socket.uid = Some(u32_at(value, 0)),
            _ => {}
        }
        rest = rest.get(size.next_multiple_of(4)..).unwrap_or_default();
    }
    Entry { socket, name }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// A process that has the socket open, the oldest by its number. `None`: none that this
/// process may look into.
pub(crate) fn holder(socket: &OpenSocket) -> Option<u32> {
    holders(socket).map(|(oldest, _)| oldest)
}

/// The same, and how many such processes there are.
// A loop, as adapters of the iterator would copy it, with its room, on the stack.
#[inline(never)]
pub(crate) fn holders(socket: &OpenSocket) -> Option<(u32, u32)> {
    let wanted = ShortText::new(format_args!("socket:[{}]", socket.inode));
    let mut found = None;
    for pid in sys::numbers_in(c"/proc").ok()? {
        if has_open(pid, &wanted) {
            let (oldest, count) = found.unwrap_or((pid, 0));
            found = Some((pid.min(oldest), count + 1));
        }
    }
    found
}

fn has_open(pid: u32, wanted: &CStr) -> bool {
    let first = ShortText::new(format_args!("/proc/{pid}/fd"));
    shows(&first, wanted).unwrap_or_else(|| {
        // The process's first thread has ended, and shows none any more.
        let tasks = ShortText::new(format_args!("/proc/{pid}/task"));
        let Ok(mut others) = sys::numbers_in(&tasks) else { return false };
        let shown = others.find_map(|task| {
            shows(&ShortText::new(format_args!("/proc/{pid}/task/{task}/fd")), wanted)
        });
        shown.unwrap_or(false)
    })
}

/// Whether the socket is among the descriptors of a thread that this process may look into. `None`:
/// the thread has none.
#[inline(never)]
fn shows(descriptors: &CStr, wanted: &CStr) -> Option<bool> {
    let Ok(descriptors_in) = sys::numbers_in(descriptors) else { return Some(false) };
    let directory = descriptors.to_str().unwrap_or_default();
    let mut shown = None;
    for descriptor in descriptors_in {
        let link = ShortText::new(format_args!("{directory}/{descriptor}"));
        let mut room = [0; 64];
        if sys::read_link(&link, &mut room).is_ok_and(|target| target == wanted.to_bytes()) {
            return Some(true);
        }
        shown = Some(false);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One message, as the kernel would send it.
    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = (HEADER as u32 + body.len() as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn whatever_is_cut_off_does_no_harm() {
        let mut body = vec![1, 5, 10, 0, 7, 0, 0, 0];
        body.resize(MESSAGE, 0);
        body.extend([7, 0, 0, 0, 0, b'n', b'a', 0]);
        body.extend([12, 0, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
        body.extend([12, 0, 4, 0, 4, 0, 0, 0, 5, 0, 0, 0]);
        body.extend([8, 0, 7, 0, 3, 0, 0, 0]);
        let whole = message(20, &body);
        let mut seen = None;
        let more = visit(&whole, |entry| {
            assert!(entry.has_name(b"\0na"));
            seen = Some(entry.socket);
        });
        assert_eq!(more, Ok(true));
        let seen = seen.unwrap();
        assert_eq!((seen.kind, seen.state, seen.inode), (5, 10, 7));
        assert_eq!((seen.file, seen.uid), (Some([1, 2]), Some(3)));
        assert_eq!((seen.queue, seen.backlog()), (Some([4, 5]), Some([4, 6])));
        for size in 0..whole.len() {
            let mut part = whole[..size].to_vec();
            let _ = visit(&part, |_| ());
            if size >= HEADER {
                part[..4].copy_from_slice(&(size as u32).to_ne_bytes());
                let _ = visit(&part, |_| ());
            }
        }
        let no_progress = message(20, &[]).into_iter().map(|_| 0).collect::<Vec<u8>>();
        assert_eq!(visit(&no_progress, |_| ()), Err(Error::EBADMSG));
    }

    #[test]
    fn the_end_and_errors_are_told() {
        assert_eq!(visit(&message(DONE, &[0; 4]), |_| ()), Ok(false));
        let refused = message(ERROR, &(-libc::ENOENT).to_ne_bytes());
        assert_eq!(visit(&refused, |_| ()), Err(Error::System(libc::ENOENT)));
    }
}
