//! A directory that is held by its descriptor, so that it is found again after chdir and after it
//! was renamed; and the lock under which names in it are taken away.
//!
//! The lock is flock(2) on the directory itself: it leaves no file behind, needs no permission that
//! a bind does not need, and ends with its holder. Making a name needs no lock: of many binds (or
//! renames that replace nothing) to one name the kernel lets one succeed. Taking a name away needs
//! the lock, because the kernel can't take away "this name if it still is that file": without the
//! lock two servers that start at once each remove the other's new file.

use std::array;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::sys::{self, FileStatus, Missing, SocketName};
use crate::text::{ShortText, c_string};

pub(crate) struct Directory {
    fd: OwnedFd,
    /// Its path as it was written: what stands before a name in it.
    path: CString,
}

impl Directory {
    /// The path: as [`split`](crate::address::split) makes it.
    pub(crate) fn open(path: CString) -> Result<Self> {
        Ok(Self { fd: sys::open_path(&path, libc::O_DIRECTORY)?, path })
    }

    /// What its path leads to now.
    pub(crate) fn opened_anew(&self) -> Result<Self> {
        Self::open(c_string(self.path.to_bytes())?)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Of the directory itself.
    pub(crate) fn own_status(&self) -> Result<FileStatus> {
        sys::status_at(self.fd(), c"")
    }

    /// Symbolic links are not followed.
    pub(crate) fn status(&self, name: &CStr) -> Result<FileStatus> {
        sys::status_at(self.fd(), name)
    }

    /// A descriptor that holds the file, whatever becomes of its name. Symbolic links are not
    /// followed.
    pub(crate) fn pin(&self, name: &CStr) -> Result<OwnedFd> {
        sys::open_path_at(self.fd(), name, libc::O_NOFOLLOW)
    }

    pub(crate) fn unlink(&self, name: &CStr) -> Result<()> {
        sys::unlink_at(self.fd(), name)
    }

    /// Renames a file, but never over what is there.
    pub(crate) fn rename_new(&self, from: &CStr, to: &CStr, _: &Lock) -> Result<()> {
        match sys::rename_new_at(self.fd(), from, to) {
            // Most file systems that are programs (FUSE), and filters of system calls. A file
            // that looks like a dead server's takes the name if nobody has it; the lock keeps
            // all others from reclaiming it.
            Err(error) if is_unknown_here(error) => {
                sys::note_missing(Missing::RenameFlags);
                sys::make_socket_file_at(self.fd(), to)?;
                sys::rename_at(self.fd(), from, to).inspect_err(|_| {
                    let _ = self.unlink(to);
                })
            }
            result => result,
        }
    }

    /// Gives this file another name, but never over what is there. If another file has taken its
    /// name meanwhile, that one does not keep the other name.
    pub(crate) fn link(&self, file: &FileStatus, name: &CStr, other: &CStr) -> Result<()> {
        sys::link_at(self.fd(), name, other)?;
        match self.has(file, other) {
            Ok(true) => Ok(()),
            // (On a file system that makes another file of a link, too.)
            result => {
                let _ = self.unlink(other);
                result.and(Err(Error::EOPNOTSUPP))
            }
        }
    }

    /// Tells a file that will be renamed from a new one: [`FileStatus::is_as_made`]. Where its times
    /// can't be set it is told by chance.
    pub(crate) fn mark_changed(&self, name: &CStr) {
        let _ = sys::mark_changed_at(self.fd(), name);
    }

    pub(crate) fn rename_over(&self, from: &CStr, to: &CStr) -> Result<()> {
        sys::rename_at(self.fd(), from, to)
    }

    /// Exchanges two names in one step. `Ok(false)`: this can't be done here.
    pub(crate) fn exchange(&self, one: &CStr, other: &CStr) -> Result<bool> {
        match sys::exchange_at(self.fd(), one, other) {
            Err(error) if is_unknown_here(error) => {
                sys::note_missing(Missing::RenameFlags);
                Ok(false)
            }
            result => result.map(|()| true),
        }
    }

    /// A name in it as a path to bind or connect to. If it fits, it is the path as it was written:
    /// what is bound here is what getpeername, ss and lsof show to everyone. Otherwise the path
    /// leads through the descriptor, as long as this is held. `None`: neither fits.
    pub(crate) fn socket_name(&self, name: &CStr) -> Option<SocketName> {
        self.written_name(name).or_else(|| {
            let directory = sys::shown_directory_path(self.fd());
            SocketName::of_parts(&[directory.to_bytes(), b"/", name.to_bytes()])
        })
    }

    /// The same, but only as it was written. `None`: it does not fit.
    pub(crate) fn written_name(&self, name: &CStr) -> Option<SocketName> {
        let before_name = if &*self.path == c"." { b"" } else { self.path.to_bytes() };
        SocketName::of_parts(&[before_name, name.to_bytes()])
    }

    /// The umask of this process, as far as it can be found out.
    pub(crate) fn umask(&self) -> Option<u32> {
        sys::umask(self.fd())
    }

    /// Removes this file, if it has the name. (The name may change until the lock is held.) Only
    /// while its inode's number can't be used again. Async-signal-safe.
    pub(crate) fn remove<'a>(
        &self,
        file: &FileStatus,
        name: impl Fn() -> &'a CStr,
        patience: Duration,
    ) -> Result<Removal> {
        let _lock = match self.lock_within(patience) {
            Err(Error::EBUSY) => return Err(Error::EBUSY),
            // Out of descriptors, say. Only a takeover in this very moment could go wrong.
            lock => lock.ok(),
        };
        // It may have been published, or replaced, meanwhile.
        let name = name();
        if let Some(why) = self.has_lost(file, name)? {
            return Ok(why);
        }
        match self.unlink(name) {
            // Somebody else was faster.
            Err(Error::ENOENT) => Ok(Removal::WasGone),
            result => result.map(|()| Removal::Done),
        }
    }

    /// Whether this file has the name.
    pub(crate) fn has(&self, file: &FileStatus, name: &CStr) -> Result<bool> {
        self.has_lost(file, name).map(|lost| lost.is_none())
    }

    /// Why this file does not have the name; `None`: it has it.
    pub(crate) fn has_lost(&self, file: &FileStatus, name: &CStr) -> Result<Option<Removal>> {
        match self.status(name) {
            Err(Error::ENOENT) => Ok(Some(Removal::WasGone)),
            status => Ok((!file.is_same_file(&status?)).then_some(Removal::IsAnothers)),
        }
    }

    /// A name in it as a path, to be read. Empty: it is longer than any path.
    pub(crate) fn path_of<'a>(&self, name: &CStr, room: &'a mut PathRoom) -> &'a CStr {
        let before = if &*self.path == c"." { b"" } else { self.path.to_bytes() };
        let (name, end) = (name.to_bytes(), before.len() + name.count_bytes());
        if end >= room.len() {
            return c"";
        }
        room[..before.len()].copy_from_slice(before);
        room[before.len()..end].copy_from_slice(name);
        room[end] = 0;
        CStr::from_bytes_until_nul(room).unwrap_or_default()
    }

    /// Takes the lock. If that can't be done in a second, the failure names the holder.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        self.lock_within(Lock::PATIENCE).map_err(|error| match error {
            Error::EBUSY => Failure::Locked { pid: self.lock_holder() },
            error => Failure::Step { step: "lock its directory", error },
        })
    }

    /// Takes the lock, or returns [`Error::EBUSY`]. Async-signal-safe.
    pub(crate) fn lock_within(&self, patience: Duration) -> Result<Lock> {
        const LONGEST_PAUSE: Duration = Duration::from_millis(5);
        let file = self.open_lock()?;
        let mut pause = Duration::from_micros(50);
        let mut waited = Duration::ZERO;
        loop {
            match sys::try_lock(file.as_fd()) {
                Err(Error::EAGAIN) if waited >= patience => return Err(Error::EBUSY),
                Err(Error::EAGAIN) => {}
                result => return result.map(|()| Lock(file)),
            }
            sys::sleep(pause);
            waited += pause;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// What is locked: this directory, which has to be opened for reading. If not all who may write
    /// it may read it, the nearest directory above it that all may read: every process comes to the
    /// same one, whatever rights it has.
    fn open_lock(&self) -> Result<OwnedFd> {
        let status = self.own_status()?;
        let writers = status.permissions() & 0o222;
        if (writers << 1) & !status.permissions() == 0 {
            return sys::open_directory(self.fd());
        }
        let mut below = status;
        let mut directory = sys::open_path_at(self.fd(), c"..", libc::O_DIRECTORY)?;
        loop {
            let status = sys::status_at(directory.as_fd(), c"")?;
            // The root is its own parent.
            if status.permissions() & 0o444 == 0o444 || status.is_same_file(&below) {
                return sys::open_directory(directory.as_fd());
            }
            below = status;
            directory = sys::open_path_at(directory.as_fd(), c"..", libc::O_DIRECTORY)?;
        }
    }

    /// Who holds the lock, as /proc/locks knows it. `None`: not known.
    fn lock_holder(&self) -> Option<u32> {
        let lock = self.open_lock().ok()?;
        let status = sys::status_at(lock.as_fd(), c"").ok()?;
        let device = sys::mounted_device(lock.as_fd()).unwrap_or(status.device);
        let (major, minor) = (libc::major(device), libc::minor(device));
        let file = ShortText::new(format_args!("{major:02x}:{minor:02x}:{}", status.inode));
        let file = file.to_str().ok()?;
        // A lock that ends while the list is read may hide the next one.
        (0..5).find_map(|_| sys::find_in_lines(c"/proc/locks", |line| flock_holder(line, file)))
    }
}

/// For a whole path, its NUL included.
pub(crate) type PathRoom = [u8; libc::PATH_MAX as usize];

/// What became of a file that was to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    Done,
    /// It is not to be removed, at least not by this process.
    Stays,
    /// Somebody else had removed it.
    WasGone,
    /// Another file has its name.
    IsAnothers,
}

/// Whether a rename failed because its flags are not known here, or not let through. (A rename that
/// is refused for another reason is refused without flags, too.)
fn is_unknown_here(error: Error) -> bool {
    matches!(
        error,
        Error::EINVAL | Error::ENOSYS | Error::EPERM | Error::EACCES | Error::EOPNOTSUPP
    )
}

/// A line: `1: FLOCK  ADVISORY  WRITE 4242 fe:00:12345 0 EOF`.
fn flock_holder(line: &str, file: &str) -> Option<u32> {
    let mut words = line.split_whitespace();
    let [_, kind, _, _, pid, place] = array::from_fn(|_| words.next().unwrap_or_default());
    (kind == "FLOCK" && place == file).then(|| pid.parse().ok())?
}

/// Held until it is dropped.
pub(crate) struct Lock(OwnedFd);

impl Lock {
    /// How long others wait for the lock before they give up.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would not end the lock if a child that was forked meanwhile has a copy.
        sys::unlock(self.0.as_fd());
    }
}
