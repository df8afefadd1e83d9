//! The life of a bound path: from the first look at its directory to the removal
//! of the file, and of no other file.
//!
//! A socket file is nothing but a name: it outlives its server, and another may
//! take its place. So a bound path is remembered as the directory, held open (it
//! is found again after chdir, and after the directory was renamed), the name in
//! it, and the inode that was made. The inode's number is not used again while its
//! socket is open, so what has this number is this file.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::error::{Error, Failure, Result};
use crate::sys::{self, FileStatus, SocketName};

/// The file that a socket of this process made.
pub(crate) struct SocketFile {
    directory: OwnedFd,
    name: CString,
    device: u64,
    inode: u64,
    /// A forked child has a copy of this, but not the file.
    process: u32,
    /// To be removed with the socket. Turned off once, by whoever removes it.
    removable: AtomicBool,
}

impl SocketFile {
    /// Binds the socket to the path. The file has this mode, whatever the umask, or
    /// a narrower one for a moment; `None`: 0777 less the umask. If anything fails
    /// nothing is left.
    pub(crate) fn bind(
        socket: BorrowedFd<'_>,
        path: &CStr,
        mode: Option<u32>,
        keep: bool,
    ) -> Result<Self, Failure> {
        let (parent, name) = split(path)?;
        let flags = libc::O_DIRECTORY;
        let directory = sys::open_path(&parent, flags).map_err(Failure::at("its directory"))?;
        if let Some(mode) = mode {
            // What the kernel makes of it is this mode less the umask: never wider.
            sys::set_mode_before_bind(socket, mode)?;
        }
        make_file(socket, path, directory.as_fd(), &name).inspect_err(|_| {
            if mode.is_some() {
                // The next attempt may ask for no mode: as a new socket has it.
                let _ = sys::set_mode_before_bind(socket, 0o777);
            }
        })?;
        // The file is there: from here on a failure has to remove it.
        Self::adopt_file(directory, name, mode, keep)
    }

    /// Takes charge of the file that bind has just made.
    fn adopt_file(
        directory: OwnedFd,
        name: CString,
        mode: Option<u32>,
        keep: bool,
    ) -> Result<Self, Failure> {
        let status = sys::status_at(directory.as_fd(), &name)?;
        let file = Self {
            directory,
            name,
            device: status.device,
            inode: status.inode,
            process: sys::process_id(),
            removable: AtomicBool::new(true),
        };
        if let Some(mode) = mode {
            file.set_mode(mode).map_err(Failure::at("set the file's mode"))?;
        }
        file.removable.store(!keep, Ordering::Relaxed);
        Ok(file)
    }

    /// Exactly this mode. Through a descriptor of the inode, so that nothing which
    /// may have taken the name meanwhile is changed.
    fn set_mode(&self, mode: u32) -> Result<()> {
        let path = proc_path(self.directory.as_fd(), &self.name);
        let file = sys::open_path(&path, libc::O_NOFOLLOW)?;
        let status = sys::status_at(file.as_fd(), c"")?;
        if !self.is_file(&status) {
            return Err(Error::NOT_FOUND);
        }
        if status.mode & 0o7777 == mode {
            return Ok(());
        }
        sys::set_mode(&descriptor_path(file.as_fd()), mode)
    }

    /// Whether the path still leads to this file.
    pub(crate) fn is_ours(&self) -> bool {
        sys::status_at(self.directory.as_fd(), &self.name).is_ok_and(|status| self.is_file(&status))
    }

    /// Removes the file if it is still there, ours, and to be removed at all.
    /// Whether it was. Only call this while the socket is open.
    pub(crate) fn remove(&self) -> Result<bool> {
        if self.process != sys::process_id() || !self.removable.swap(false, Ordering::AcqRel) {
            return Ok(false);
        }
        if !self.is_ours() {
            return Ok(false);
        }
        match sys::unlink_at(self.directory.as_fd(), &self.name) {
            // Somebody else was faster.
            Err(Error::NOT_FOUND) => Ok(false),
            result => result.map(|()| true),
        }
    }

    /// Leaves the file to somebody else.
    pub(crate) fn disown(&self) {
        self.removable.store(false, Ordering::Release);
    }

    fn is_file(&self, status: &FileStatus) -> bool {
        (status.device, status.inode) == (self.device, self.inode)
    }
}

/// A socket that is dropped without being closed leaves no file behind either.
impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

/// Binds, by whichever name gets the socket to its path.
fn make_file(
    socket: BorrowedFd<'_>,
    path: &CStr,
    directory: BorrowedFd<'_>,
    name: &CStr,
) -> Result<(), Failure> {
    let through_directory = proc_path(directory, name);
    // The path itself if it fits: whatever is bound here is what everyone's
    // getpeername, ss and lsof will show.
    let direct = SocketName::new(path.to_bytes());
    match direct.or_else(|| SocketName::new(through_directory.to_bytes())) {
        Some(fits) => sys::bind(socket, &fits),
        None => bind_and_rename(socket, directory, name),
    }
    .map_err(|error| explain(error, directory, name))
}

/// For a name that is too long by itself: bind a short one beside it.
fn bind_and_rename(socket: BorrowedFd<'_>, directory: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    let staged = bind_staged(socket, directory)?;
    sys::rename_new_at(directory, &staged, name).inspect_err(|_| {
        let _ = sys::unlink_at(directory, &staged);
    })
}

/// Binds a name that nobody has. One may be left over from a process that was killed
/// between the two steps, and had this process's number.
fn bind_staged(socket: BorrowedFd<'_>, directory: BorrowedFd<'_>) -> Result<CString> {
    static STAGED: AtomicU32 = AtomicU32::new(0);
    const ATTEMPTS: u32 = 1000;
    for _ in 0..ATTEMPTS {
        let number = STAGED.fetch_add(1, Ordering::Relaxed);
        let staged = CString::new(format!(".udsock.{}.{number}", sys::process_id()))
            .expect("numbers contain no NUL");
        let short = proc_path(directory, &staged);
        let short = SocketName::new(short.to_bytes()).ok_or(Error::NAME_TOO_LONG)?;
        match sys::bind(socket, &short) {
            Err(Error::IN_USE) => {}
            result => return result.map(|()| staged),
        }
    }
    Err(Error::IN_USE)
}

/// What stands in the way.
fn explain(error: Error, directory: BorrowedFd<'_>, name: &CStr) -> Failure {
    if error != Error::IN_USE && error != Error::EXISTS {
        return Failure::Plain(error);
    }
    let Ok(status) = sys::status_at(directory, name) else {
        return Failure::Plain(error);
    };
    match status.mode & libc::S_IFMT {
        libc::S_IFSOCK => Failure::SocketExists { mode: status.mode & 0o7777, uid: status.uid },
        libc::S_IFDIR => Failure::NotASocket("a directory"),
        libc::S_IFREG => Failure::NotASocket("a regular file"),
        libc::S_IFLNK => Failure::NotASocket("a symbolic link"),
        libc::S_IFIFO => Failure::NotASocket("a fifo"),
        _ => Failure::NotASocket("a device"),
    }
}

/// The directory and the name in it.
fn split(path: &CStr) -> Result<(CString, CString), Failure> {
    let bytes = path.to_bytes();
    let cut = bytes.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let (parent, name) = bytes.split_at(cut);
    if name.is_empty() || name == b"." || name == b".." {
        return Err(Failure::Invalid("the path names a directory; name a file in it"));
    }
    let parent = if parent.is_empty() { &b"."[..] } else { parent };
    let c_string = |bytes: &[u8]| CString::new(bytes).expect("a part of a C string");
    Ok((c_string(parent), c_string(name)))
}

/// A file in a directory that is held open, as a path that every call takes.
fn proc_path(directory: BorrowedFd<'_>, name: &CStr) -> CString {
    let path = Path::new("/proc/self/fd")
        .join(directory.as_raw_fd().to_string())
        .join(OsStr::from_bytes(name.to_bytes()));
    CString::new(path.into_os_string().into_encoded_bytes()).expect("no part contains a NUL")
}

fn descriptor_path(file: BorrowedFd<'_>) -> CString {
    CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).expect("no NUL")
}
