//! recvmsg(2) and sendmsg(2) by themselves, with what goes beside the data.

use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::raw::{answer, send_beside};

pub type Credentials = (i32, u32, u32);

/// What recvmsg gave.
#[derive(Debug, Default)]
pub struct Got {
    pub data: Vec<u8>,
    pub descriptors: Vec<OwnedFd>,
    pub credentials: Option<Credentials>,
    pub is_control_cut: bool,
}

/// Room for descriptors as CMSG_SPACE makes it.
pub fn space_for(descriptors: usize) -> usize {
    // SAFETY: it only computes.
    unsafe { libc::CMSG_SPACE((descriptors * size_of::<RawFd>()) as u32) as usize }
}

/// Room for everything that can come.
pub const ROOM: usize = 1_152;

/// Without waiting.
pub fn recvmsg(fd: RawFd, size: usize, control_size: usize, flags: i32) -> Result<Got, i64> {
    let mut data = vec![0; size];
    let mut control = [0_u64; ROOM / 8];
    assert!(control_size <= size_of_val(&control));
    let mut part = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: size };
    // SAFETY: all zero is an empty header.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = control_size as _;
    // SAFETY: the header points to room of the sizes that it says.
    let result = answer(unsafe { libc::recvmsg(fd, &mut header, flags | libc::MSG_DONTWAIT) });
    data.truncate(usize::try_from(result).map_err(|_| result)?);
    let is_control_cut = header.msg_flags & libc::MSG_CTRUNC != 0;
    let mut got = Got { data, is_control_cut, ..Got::default() };
    // SAFETY: the kernel has filled in whole entries up to msg_controllen, and has made the
    // descriptors for this process.
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(&header);
        while let Some(entry) = next.as_ref() {
            let data = libc::CMSG_DATA(next);
            if entry.cmsg_type == libc::SCM_RIGHTS {
                let end = next.byte_add(entry.cmsg_len as _).cast::<RawFd>();
                let mut place = data.cast::<RawFd>();
                while place < end {
                    got.descriptors.push(OwnedFd::from_raw_fd(place.read_unaligned()));
                    place = place.add(1);
                }
            } else if entry.cmsg_type == libc::SCM_CREDENTIALS {
                let sender = data.cast::<libc::ucred>().read_unaligned();
                got.credentials = Some((sender.pid, sender.uid, sender.gid));
            }
            next = libc::CMSG_NXTHDR(&header, next);
        }
    }
    Ok(got)
}

/// Data with a claim who sends it.
pub fn send_as(fd: RawFd, data: &[u8], (pid, uid, gid): Credentials) -> i64 {
    send_beside(fd, data, libc::SCM_CREDENTIALS, &[libc::ucred { pid, uid, gid }])
}

/// As [`recvmsg`], from a socket that is owned here.
pub fn receive(fd: &OwnedFd, control_size: usize, flags: i32) -> Result<Got, i64> {
    recvmsg(fd.as_raw_fd(), 1 << 16, control_size, flags)
}
