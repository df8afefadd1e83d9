//! Where the kernel has made a socket's file.
//!
//! A path is bound as it is written, because that is what others see. So the kernel follows it once
//! more, after its directory was opened. If a directory on it was renamed or replaced in between (or
//! the working directory was changed), the file is in another directory: what has its name in the one
//! that was opened is somebody else's. So it is if somebody has taken the path over right after the
//! bind. A file that takes a path over is marked as changed before, so that it does not look new.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use super::bound_path::{Binder, Refusal};
use crate::directory::{Directory, Lock};
use crate::error::{Error, Result};
use crate::inspection::PinnedFile;
use crate::sys::{self, FileStatus};
use crate::unix_diag;

impl Binder<'_> {
    /// The file with this name in the directory, to which the socket has just been bound. `None`: it
    /// is in another directory.
    pub(super) fn made_file(&self, bound: &CStr) -> Result<Option<FileStatus>, Refusal> {
        // Without this the file could not be removed safely, so it is asked for twice.
        let here = self.directory.status(bound).or_else(|_| self.directory.status(bound));
        let Some(written) = self.directory.written_name(bound) else { return Ok(Some(here?)) };
        match (here, sys::status_of(written.bytes())) {
            (Ok(here), Ok(there)) if here.is_same_file(&there) => match here.is_as_made {
                true => Ok(Some(here)),
                false => self.unless_replaced(here, bound).map(Some),
            },
            // Somebody has removed it.
            (Err(Error::ENOENT), Err(Error::ENOENT)) => Err(Error::ENOENT.into()),
            _ => Ok(find(self.socket, self.directory, bound)),
        }
    }

    /// The file, unless the kernel's list says that the socket has another one.
    fn unless_replaced(&self, here: FileStatus, bound: &CStr) -> Result<FileStatus, Refusal> {
        let own = sys::status_at(self.socket, c"")?;
        match unix_diag::find(|entry| entry.is_of(own.inode)) {
            Ok(Some(socket)) if socket.has_other_file(here.inode) => {
                Err(Refusal::Live(PinnedFile::pin(self.directory, bound)?))
            }
            _ => Ok(here),
        }
    }
}

/// Removes the file that was made elsewhere, if the path still leads to it.
pub(super) fn remove_elsewhere(socket: BorrowedFd<'_>, directory: &Directory, bound: &CStr) {
    let found = directory.opened_anew().ok().and_then(|there| {
        let file = find(socket, &there, bound)?;
        Some((there, file))
    });
    if let Some((there, file)) = found {
        // If that fails it is a dead server's file, which the next start removes.
        let _ = there.remove(&file, || bound, Lock::PATIENCE);
    }
}

/// The file with this name, if it is the socket's. Only the kernel's list tells.
fn find(socket: BorrowedFd<'_>, directory: &Directory, name: &CStr) -> Option<FileStatus> {
    let own = sys::status_at(socket, c"").ok()?;
    let file = PinnedFile::pin(directory, name).ok()?;
    file.socket().filter(|found| found.is_this(own.inode)).map(|_| file.status())
}
