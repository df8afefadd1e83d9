//! What goes beside a message: descriptors and credentials (cmsg(3)).

use std::mem::{MaybeUninit, size_of, size_of_val};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr;

use super::Credentials;

/// As many descriptors as the kernel passes with one message (SCM_MAX_FD).
pub(crate) const MOST_DESCRIPTORS: usize = 253;

/// Room for all that can come beside one message: 253 descriptors, credentials, a time
/// stamp. With less, the kernel would drop something.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub(crate) struct Control(MaybeUninit<[u8; Control::SIZE]>);

/// What came beside a message.
pub(crate) struct Ancillary {
    pub(crate) descriptors: Vec<OwnedFd>,
    pub(crate) credentials: Option<Credentials>,
    /// Something came that there was no room, or no right, for.
    pub(crate) is_cut: bool,
}

/// Not in the libc crate.
const SCM_PIDFD: i32 = 4;

impl Ancillary {
    pub(crate) const NONE: Self =
        Self { descriptors: Vec::new(), credentials: None, is_cut: false };
}

impl Control {
    const SIZE: usize = 1152;

    pub(crate) const EMPTY: Self = Self(MaybeUninit::uninit());

    /// Descriptors to send, at most [`MOST_DESCRIPTORS`]. With none the header stays as it is.
    pub(super) fn send(&mut self, header: &mut libc::msghdr, descriptors: &[RawFd]) {
        assert!(descriptors.len() <= MOST_DESCRIPTORS);
        if descriptors.is_empty() {
            return;
        }
        let size = size_of_val(descriptors) as u32;
        header.msg_control = self.0.as_mut_ptr().cast();
        // SAFETY: the room is for as many descriptors, and aligned; the first header lies
        // within it, with its data behind it.
        unsafe {
            let space = libc::CMSG_SPACE(size) as usize;
            self.0.as_mut_ptr().cast::<u8>().write_bytes(0, space);
            header.msg_controllen = space as _;
            let first = libc::CMSG_FIRSTHDR(header);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(size) as _;
            let data = libc::CMSG_DATA(first);
            ptr::copy_nonoverlapping(descriptors.as_ptr().cast(), data, size as usize);
        }
    }

    /// Room for what comes.
    pub(super) fn receive(&mut self, header: &mut libc::msghdr) {
        header.msg_control = self.0.as_mut_ptr().cast();
        header.msg_controllen = Self::SIZE as _;
    }

    /// What has come. Each descriptor that the kernel has put here is owned from now on.
    /// Only once for each message.
    pub(super) fn take(header: &libc::msghdr) -> Ancillary {
        let mut found =
            Ancillary { is_cut: header.msg_flags & libc::MSG_CTRUNC != 0, ..Ancillary::NONE };
        // SAFETY: the kernel has filled in as much as msg_controllen says, in whole headers.
        let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
        while !next.is_null() {
            // SAFETY: not NULL, so it lies within what was filled in.
            let (entry, data) = unsafe { (*next, libc::CMSG_DATA(next)) };
            // SAFETY: no pointers.
            let size = entry.cmsg_len - unsafe { libc::CMSG_LEN(0) } as usize;
            match (entry.cmsg_level, entry.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                    for index in 0..size / size_of::<RawFd>() {
                        // SAFETY: the data has so many descriptors, which were made for us.
                        let fd = unsafe {
                            OwnedFd::from_raw_fd(data.cast::<RawFd>().add(index).read_unaligned())
                        };
                        found.descriptors.push(fd);
                    }
                }
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if size >= size_of::<libc::ucred>() => {
                    // SAFETY: the data is a ucred.
                    let sender = unsafe { data.cast::<libc::ucred>().read_unaligned() };
                    found.credentials =
                        Some(Credentials { pid: sender.pid, uid: sender.uid, gid: sender.gid });
                }
                // Whoever set the socket up may have asked for it; here it is nobody's.
                (libc::SOL_SOCKET, SCM_PIDFD) if size >= size_of::<RawFd>() => {
                    // SAFETY: the data is a descriptor, which was made for us.
                    drop(unsafe { OwnedFd::from_raw_fd(data.cast::<RawFd>().read_unaligned()) });
                }
                _ => {}
            }
            // SAFETY: within the same header's control buffer.
            next = unsafe { libc::CMSG_NXTHDR(header, next) };
        }
        found
    }
}
