//! What goes beside a message: descriptors and credentials (cmsg(3)).

use std::mem::{MaybeUninit, size_of, size_of_val, zeroed};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr;

use super::{Credentials, gone};
use crate::error::{Error, Result};

/// The most descriptors that the kernel passes with one message (SCM_MAX_FD).
pub(crate) const MOST_DESCRIPTORS: usize = 253;

/// What goes beside one message. Descriptors that came and were not handed out are closed when
/// this is dropped.
#[repr(C)]
pub(crate) struct Ancillary {
    /// How much of the room the kernel has filled.
    filled: usize,
    /// Something came that there was no room, or no right, for.
    is_cut: bool,
    room: Room,
}

/// Who sent a message.
pub(crate) struct Sender {
    pub(crate) credentials: Option<Credentials>,
    pub(crate) pidfd: Result<OwnedFd>,
}

/// Room for all that can come beside one message, at once. With less, the kernel would drop what
/// comes last: the descriptors.
#[repr(C, align(8))]
struct Room(MaybeUninit<[u8; Room::SIZE]>);

impl Room {
    /// The longest label that a process can give itself (/proc/self/attr/current): a page.
    const LARGEST_LABEL: usize = 4096;
    /// struct scm_timestamping64: three times of two numbers each.
    const THREE_TIMES: usize = 48;
    const TIME: usize = 16;

    /// The data of each kind, in bytes. A socket that was adopted may have any of them on.
    const LARGEST: [usize; 9] = [
        MOST_DESCRIPTORS * size_of::<RawFd>(), // SCM_RIGHTS
        size_of::<libc::ucred>(),              // SCM_CREDENTIALS
        size_of::<RawFd>(),                    // SCM_PIDFD
        Self::LARGEST_LABEL,                   // SCM_SECURITY
        Self::TIME,                            // SCM_TIMESTAMP or SCM_TIMESTAMPNS, of either form
        Self::THREE_TIMES,                     // SCM_TIMESTAMPING
        Self::TIME,                            // SCM_TIMESTAMPING_PKTINFO
        size_of::<i32>(),                      // SCM_INQ
        size_of::<u32>(),                      // SO_RXQ_OVFL
    ];

    const SIZE: usize = {
        let mut size = 0;
        let mut next = 0;
        while next < Self::LARGEST.len() {
            // SAFETY: no pointers.
            size += unsafe { libc::CMSG_SPACE(Self::LARGEST[next] as u32) } as usize;
            next += 1;
        }
        size
    };
}

/// Not in the libc crate.
const SCM_PIDFD: i32 = 4;

impl Ancillary {
    /// No constant: to copy one would write over all the room.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { room: Room(MaybeUninit::uninit()), filled: 0, is_cut: false }
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Descriptors to send, at most [`MOST_DESCRIPTORS`]. With none the header stays as it is.
    pub(super) fn send(&mut self, header: &mut libc::msghdr, descriptors: &[RawFd]) {
        assert!(descriptors.len() <= MOST_DESCRIPTORS);
        if descriptors.is_empty() {
            return;
        }
        let size = size_of_val(descriptors) as u32;
        header.msg_control = self.room.0.as_mut_ptr().cast();
        // SAFETY: the room is for as many descriptors, and aligned; the first header lies
        // within it, with its data behind it.
        unsafe {
            let space = libc::CMSG_SPACE(size) as usize;
            self.room.0.as_mut_ptr().cast::<u8>().write_bytes(0, space);
            header.msg_controllen = space as _;
            let first = libc::CMSG_FIRSTHDR(header);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(size) as _;
            let data = libc::CMSG_DATA(first);
            ptr::copy_nonoverlapping(descriptors.as_ptr().cast(), data, size as usize);
        }
    }

    /// Lends the kernel the room. Descriptors that came before and were not handed out are closed.
    pub(super) fn lend(&mut self, header: &mut libc::msghdr) {
        self.close_rest();
        header.msg_control = self.room.0.as_mut_ptr().cast();
        header.msg_controllen = Room::SIZE as _;
    }

    /// What has come is owned from now on.
    pub(super) fn note_received(&mut self, header: &libc::msghdr) {
        self.filled = header.msg_controllen as _;
        self.is_cut = header.msg_flags & libc::MSG_CTRUNC != 0;
    }

    #[inline(always)]
    fn close_rest(&mut self) {
        if self.filled > 0 {
            self.hand_out(drop);
        }
    }

    /// Hands out every descriptor that came. Returns who sent the message, if that came.
    pub(crate) fn hand_out(&mut self, mut descriptor: impl FnMut(OwnedFd)) -> Sender {
        let mut sender = Sender { credentials: None, pidfd: Err(Error::ENODATA) };
        // SAFETY: a msghdr is numbers and pointers; all zero is an empty one.
        let mut header: libc::msghdr = unsafe { zeroed() };
        header.msg_control = self.room.0.as_mut_ptr().cast();
        header.msg_controllen = std::mem::take(&mut self.filled) as _;
        // SAFETY: the kernel has filled in as much as msg_controllen says, in whole headers.
        let mut next = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
        while !next.is_null() {
            // SAFETY: not NULL, so it lies within what was filled in.
            let (entry, data) = unsafe { (*next, libc::CMSG_DATA(next)) };
            let length: usize = entry.cmsg_len as _;
            // SAFETY: no pointers.
            let size = length - unsafe { libc::CMSG_LEN(0) } as usize;
            match (entry.cmsg_level, entry.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                    for index in 0..size / size_of::<RawFd>() {
                        // SAFETY: the data has so many descriptors, which were made for us,
                        // and `filled` is 0 now: they are not looked at again.
                        descriptor(unsafe {
                            OwnedFd::from_raw_fd(data.cast::<RawFd>().add(index).read_unaligned())
                        });
                    }
                }
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if size >= size_of::<libc::ucred>() => {
                    // SAFETY: the data is a ucred.
                    let who = unsafe { data.cast::<libc::ucred>().read_unaligned() };
                    sender.credentials =
                        Some(Credentials { pid: who.pid, uid: who.uid, gid: who.gid });
                }
                (libc::SOL_SOCKET, SCM_PIDFD) if size >= size_of::<RawFd>() => {
                    // SAFETY: the data is a number.
                    sender.pidfd = match unsafe { data.cast::<RawFd>().read_unaligned() } {
                        // SAFETY: it was made for us, as the others.
                        fd @ 0.. => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
                        errno => Err(gone(Error::System(-errno))),
                    };
                }
                _ => {}
            }
            // SAFETY: within the same header's control buffer.
            next = unsafe { libc::CMSG_NXTHDR(&raw const header, next) };
        }
        sender
    }
}

impl Drop for Ancillary {
    fn drop(&mut self) {
        self.close_rest();
    }
}
