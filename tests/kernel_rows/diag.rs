//! sock_diag(7): what the kernel says of the file of a Unix socket.

use std::os::fd::AsRawFd;

use crate::raw;

const NETLINK_SOCK_DIAG: i32 = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SHOW_FILE: u32 = 1 << 1;
const FILE: u16 = 1;

/// A request for all Unix sockets, after its header.
#[repr(C)]
struct Request {
    length: u32,
    kind: u16,
    flags: u16,
    number: u32,
    port: u32,
    family: u8,
    protocol: u8,
    padding: u16,
    states: u32,
    inode: u32,
    show: u32,
    cookie: [u32; 2],
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes(bytes[at..at + 2].try_into().unwrap())
}

/// The inode and the device of the file that this socket is bound to. `None`: this kernel
/// does not say.
pub fn file_of(socket: &impl AsRawFd) -> Option<(u32, u32)> {
    // SAFETY: room for a stat, which all zero is.
    let own = unsafe {
        let mut status: libc::stat = std::mem::zeroed();
        assert_eq!(libc::fstat(socket.as_raw_fd(), &mut status), 0);
        status.st_ino as u32
    };
    // SAFETY: no pointers.
    let netlink = unsafe {
        libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
    };
    if netlink < 0 {
        return None;
    }
    let netlink = raw::own(netlink);
    let request = Request {
        length: size_of::<Request>() as u32,
        kind: SOCK_DIAG_BY_FAMILY,
        flags: (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16,
        number: 1,
        port: 0,
        family: libc::AF_UNIX as u8,
        protocol: 0,
        padding: 0,
        states: u32::MAX,
        inode: 0,
        show: SHOW_FILE,
        cookie: [u32::MAX; 2],
    };
    // SAFETY: a struct of this size.
    let sent = unsafe {
        let size = size_of::<Request>();
        libc::send(netlink.as_raw_fd(), (&raw const request).cast(), size, 0)
    };
    assert!(sent > 0);
    let mut found = None;
    loop {
        let answers = raw::recv_waiting(&netlink).ok()?;
        let mut rest = &answers[..];
        while rest.len() >= 16 {
            let (size, kind) = (word(rest, 0) as usize, half(rest, 4));
            match i32::from(kind) {
                libc::NLMSG_DONE => return found,
                libc::NLMSG_ERROR => return None,
                _ => {}
            }
            let answer = &rest[16..size];
            if word(answer, 4) == own {
                found = found.or_else(|| file_in(&answer[16..]));
            }
            rest = &rest[size.next_multiple_of(4).min(rest.len())..];
        }
    }
}

/// Among the attributes of a socket.
fn file_in(mut attributes: &[u8]) -> Option<(u32, u32)> {
    while attributes.len() >= 4 {
        let size = usize::from(half(attributes, 0));
        if half(attributes, 2) == FILE {
            return Some((word(attributes, 4), word(attributes, 8)));
        }
        attributes = &attributes[size.next_multiple_of(4).min(attributes.len())..];
    }
    None
}

/// A device as stat(2) has it, of the kernel's own number.
pub fn encoded(device: u32) -> u64 {
    libc::makedev(device >> 20, device & 0xf_ffff)
}
