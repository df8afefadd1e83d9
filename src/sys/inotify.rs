//! Watching what happens to a file: inotify(7).

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::{check, check_size, own};
use crate::error::{Error, Result};

/// A descriptor that is readable once something has happened to what it watches.
pub(crate) fn inotify() -> Result<OwnedFd> {
    // SAFETY: no pointers.
    own(unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) })
}

/// Begins to watch for names of this file that come, go or change. (A change of the mode or the
/// owner is reported, too.)
pub(crate) fn watch_names(inotify: BorrowedFd<'_>, path: &CStr) -> Result<()> {
    let events = libc::IN_ATTRIB | libc::IN_MOVE_SELF;
    // SAFETY: the path is a C string.
    check(unsafe { libc::inotify_add_watch(inotify.as_raw_fd(), path.as_ptr(), events) }).map(drop)
}

/// Whether anything has happened since the last call.
pub(crate) fn take_events(inotify: BorrowedFd<'_>) -> bool {
    // It only matters that there are events, not which. Each has 16 bytes, as events of files have
    // no name.
    let mut room = [0_u8; 1024];
    let mut any = false;
    loop {
        // SAFETY: the room is of this size.
        let size = check_size(unsafe {
            libc::read(inotify.as_raw_fd(), room.as_mut_ptr().cast(), room.len())
        });
        match size {
            Ok(1..) => any = true,
            Err(Error::EINTR) => {}
            _ => return any,
        }
    }
}
