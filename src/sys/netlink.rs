//! The kernel's list of its Unix sockets: sock_diag(7).

use std::mem::size_of;
use std::os::fd::AsRawFd;

use super::memory::Pages;
use super::{check_size, own};
use crate::error::{Error, Result};

/// A request for all Unix sockets: struct nlmsghdr, struct unix_diag_req.
#[repr(C)]
struct Request {
    header: libc::nlmsghdr,
    family: u8,
    protocol: u8,
    padding: u16,
    states: u32,
    inode: u32,
    show: u32,
    cookie: [u32; 2],
}

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SHOW_NAME: u32 = 1;
const SHOW_VFS: u32 = 2;
const SHOW_QUEUE: u32 = 0x10;
const SHOW_UID: u32 = 0x40;
const ALL_STATES: u32 = u32::MAX;

/// Visits the kernel's answer, a part at a time. The visitor says whether there is more to come.
pub(crate) fn unix_diag(mut visit: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
    // SAFETY: no pointers.
    let socket = own(unsafe {
        libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_SOCK_DIAG)
    })?;
    let request = Request {
        header: libc::nlmsghdr {
            nlmsg_len: size_of::<Request>() as u32,
            nlmsg_type: SOCK_DIAG_BY_FAMILY,
            nlmsg_flags: (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16,
            nlmsg_seq: 1,
            nlmsg_pid: 0,
        },
        family: libc::AF_UNIX as u8,
        protocol: 0,
        padding: 0,
        states: ALL_STATES,
        inode: 0,
        show: SHOW_NAME | SHOW_VFS | SHOW_QUEUE | SHOW_UID,
        cookie: [u32::MAX; 2],
    };
    let size = size_of::<Request>();
    // SAFETY: the request lives through the call.
    check_size(unsafe {
        libc::send(socket.as_raw_fd(), (&raw const request).cast(), size, libc::MSG_NOSIGNAL)
    })?;
    // The kernel makes parts of this size for readers without room for larger ones (netlink(7)).
    // (Not on the stack: not all threads have so much. Nor from the heap: this is also called in
    // critical sections.)
    let mut pages = Pages::new(8192)?;
    let buffer = pages.as_mut_slice();
    loop {
        // SAFETY: the buffer is of this size.
        let received = check_size(unsafe {
            libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0)
        });
        let size = match received {
            Err(Error::EINTR) => continue,
            result => result?,
        };
        if !visit(&buffer[..size])? {
            return Ok(());
        }
    }
}
