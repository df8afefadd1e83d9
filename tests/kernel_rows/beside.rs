//! recvmsg(2) by itself, with whatever came beside the data.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::{mem, ptr};

use crate::raw::answer;

pub const SO_INQ: i32 = 84;
pub use libc::SO_PASSPIDFD;
pub const SCM_PIDFD: i32 = 4;

/// Room for everything that can come.
pub const ROOM: usize = 1_536;

/// A message, as the kernel handed it out.
#[derive(Debug)]
pub struct Message {
    pub data: Vec<u8>,
    pub flags: i32,
    /// The types of the control messages, and their bytes.
    pub beside: Vec<(i32, Vec<u8>)>,
}

impl Message {
    pub fn has(&self, kind: i32) -> bool {
        self.beside.iter().any(|(found, _)| *found == kind)
    }

    pub fn is_cut(&self) -> bool {
        self.flags & libc::MSG_CTRUNC != 0
    }

    /// The numbers in the control message of this type.
    pub fn numbers(&self, kind: i32) -> Option<Vec<i32>> {
        let (_, bytes) = self.beside.iter().find(|(found, _)| *found == kind)?;
        Some(
            bytes
                .chunks_exact(4)
                .map(|four| i32::from_ne_bytes(four.try_into().unwrap()))
                .collect(),
        )
    }

    /// The descriptors in it, which are now the caller's. Before Linux 6.18 there may be an error
    /// number in the place of one: row 95.
    pub fn descriptors(&self, kind: i32) -> Vec<OwnedFd> {
        let numbers = self.numbers(kind).unwrap_or_default();
        let descriptors = numbers.into_iter().filter(|fd| *fd >= 0);
        // SAFETY: the kernel has made them for this message.
        descriptors.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect()
    }
}

/// Up to 64 KiB and what is beside it, without waiting.
pub fn receive(fd: &impl AsRawFd, control_size: usize, flags: i32) -> Result<Message, i64> {
    receive_into(fd.as_raw_fd(), 1 << 16, control_size, flags)
}

pub fn receive_into(
    fd: RawFd,
    size: usize,
    control_size: usize,
    flags: i32,
) -> Result<Message, i64> {
    let mut data = vec![0; size];
    let mut control = [0_u64; ROOM / 8];
    assert!(control_size <= size_of_val(&control));
    let mut part = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: size };
    // SAFETY: all zero is an empty header.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &mut part;
    header.msg_iovlen = 1;
    header.msg_control =
        if control_size == 0 { ptr::null_mut() } else { control.as_mut_ptr().cast() };
    header.msg_controllen = control_size as _;
    // SAFETY: the header points to room of the sizes that it says.
    let result = answer(unsafe { libc::recvmsg(fd, &mut header, flags | libc::MSG_DONTWAIT) });
    data.truncate(usize::try_from(result).map_err(|_| result)?);
    let mut beside = Vec::new();
    // SAFETY: the kernel has filled in whole entries up to msg_controllen.
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(&header);
        while let Some(entry) = next.as_ref() {
            let length: usize = entry.cmsg_len as _;
            let size = length - libc::CMSG_LEN(0) as usize;
            let bytes = std::slice::from_raw_parts(libc::CMSG_DATA(next), size).to_vec();
            beside.push((entry.cmsg_type, bytes));
            next = libc::CMSG_NXTHDR(&header, next);
        }
    }
    Ok(Message { data, flags: header.msg_flags, beside })
}

/// Data with these control messages beside it, without waiting.
pub fn send(fd: &impl AsRawFd, data: &[u8], beside: &[(i32, &[u8])]) -> i64 {
    let mut control = [0_u64; ROOM / 8];
    let mut part = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    // SAFETY: all zero is an empty header; the control buffer has room for what goes beside.
    answer(unsafe {
        let mut header: libc::msghdr = mem::zeroed();
        header.msg_iov = &mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        let room = |bytes: &[u8]| libc::CMSG_SPACE(bytes.len() as u32) as usize;
        let size = beside.iter().map(|(_, bytes)| room(bytes)).sum::<usize>();
        assert!(size <= ROOM);
        header.msg_controllen = size as _;
        let mut next = libc::CMSG_FIRSTHDR(&header);
        for (kind, bytes) in beside {
            (*next).cmsg_level = libc::SOL_SOCKET;
            (*next).cmsg_type = *kind;
            (*next).cmsg_len = libc::CMSG_LEN(bytes.len() as u32) as _;
            ptr::copy_nonoverlapping(bytes.as_ptr(), libc::CMSG_DATA(next), bytes.len());
            next = libc::CMSG_NXTHDR(&header, next);
        }
        libc::sendmsg(fd.as_raw_fd(), &header, libc::MSG_DONTWAIT)
    })
}
