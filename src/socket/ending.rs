//! How a socket ends: it is shut down, closed, taken away or given away.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;

use super::Socket;
use crate::directory::{Lock, Removal};
use crate::error::Result;
use crate::sys;

/// What can be shut down, as shutdown(2) numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Read = libc::SHUT_RD as isize,
    Write = libc::SHUT_WR as isize,
    Both = libc::SHUT_RDWR as isize,
}

impl Socket {
    pub(crate) fn shutdown(&self, side: Side) -> Result<()> {
        sys::shutdown(self.fd(), side as i32)?;
        if side != Side::Write {
            self.read_is_shut.store(true, Ordering::Release);
        }
        // The kernel wakes readers, but not a sender that waits for a full receiver.
        self.interrupt.wake();
        Ok(())
    }

    /// Removes the file and ends every wait. The descriptor itself is closed when
    /// the socket is dropped, by its last user.
    pub(crate) fn close(&self) -> Result<()> {
        let removed = self.file().map_or(Ok(Removal::Stays), |file| file.remove(Lock::PATIENCE));
        if removed.is_err() {
            // Otherwise it would be tried again, with another wait, when this is dropped.
            self.file().inspect(|file| file.give_up());
        }
        self.end_waits();
        if let Some(file) = self.file() {
            file.tell_removal(self.handle, removed);
        }
        removed.map(drop)
    }

    pub(crate) fn end_waits(&self) {
        self.interrupt.close();
    }

    /// Takes the socket away from the threads that still hold this. Until they have left, its
    /// descriptor's number stays taken, by something that is of no use to any call.
    pub(crate) fn take_away(&self) -> Result<()> {
        let nothing = sys::open_path(c"/", 0)?;
        sys::replace(self.fd(), nothing.as_fd())
    }

    /// The same socket under another descriptor, for when other threads still hold this one.
    pub(crate) fn take_copy(&self) -> Result<OwnedFd> {
        self.give_up();
        let copy = sys::duplicate(self.fd())?;
        self.take_away()?;
        Ok(copy)
    }

    /// Gives up everything but the descriptor, and returns that as it was made.
    pub(crate) fn into_fd(self) -> OwnedFd {
        self.give_up();
        let Self { fd, .. } = self;
        fd
    }

    /// Its file stays, and its settings are restored.
    fn give_up(&self) {
        self.disown();
        // The settings are those of all processes that share the socket; a forked child must
        // not make its parent block.
        if self.is_of_this_process() {
            self.settings.restore(self.fd());
        }
    }
}
