//! Files and directories.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::{check, own};
use crate::error::Result;
use crate::text::ShortText;

/// What is at a path: stat(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStatus {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl FileStatus {
    pub(crate) fn is_socket(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFSOCK
    }

    pub(crate) fn permissions(&self) -> u32 {
        self.mode & 0o7777
    }

    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// A descriptor that pins a file or directory without opening it.
pub(crate) fn open_path(path: &CStr, flags: i32) -> Result<OwnedFd> {
    let flags = libc::O_PATH | libc::O_CLOEXEC | flags;
    // SAFETY: the path is a C string.
    own(unsafe { libc::open(path.as_ptr(), flags) })
}

/// The same, of a name in a directory.
pub(crate) fn open_path_at(directory: BorrowedFd<'_>, name: &CStr, flags: i32) -> Result<OwnedFd> {
    let flags = libc::O_PATH | libc::O_CLOEXEC | flags;
    // SAFETY: the name is a C string.
    own(unsafe { libc::openat(directory.as_raw_fd(), name.as_ptr(), flags) })
}

/// What a descriptor holds, as a path that every call takes.
pub(crate) fn descriptor_path(file: BorrowedFd<'_>) -> ShortText {
    ShortText::new(format_args!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// The directory itself, opened for reading.
pub(crate) fn open_directory(directory: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the name is a C string.
    own(unsafe { libc::openat(directory.as_raw_fd(), c".".as_ptr(), flags) })
}

/// Of what has this name in the directory, symbolic links not followed; with an
/// empty name, of what the descriptor itself stands for.
pub(crate) fn status_at(directory: BorrowedFd<'_>, name: &CStr) -> Result<FileStatus> {
    let mut status = MaybeUninit::<libc::stat64>::uninit();
    // SAFETY: the name is a C string, and there is room for the status.
    check(unsafe {
        libc::fstatat64(
            directory.as_raw_fd(),
            name.as_ptr(),
            status.as_mut_ptr(),
            libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH,
        )
    })?;
    // SAFETY: the call succeeded, so it has been written.
    let status = unsafe { status.assume_init() };
    Ok(FileStatus {
        device: status.st_dev,
        inode: status.st_ino,
        mode: status.st_mode,
        uid: status.st_uid,
        gid: status.st_gid,
    })
}

pub(crate) fn unlink_at(directory: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    // SAFETY: the name is a C string.
    check(unsafe { libc::unlinkat(directory.as_raw_fd(), name.as_ptr(), 0) }).map(drop)
}

/// Within one directory, and never over what is there already.
pub(crate) fn rename_new_at(directory: BorrowedFd<'_>, from: &CStr, to: &CStr) -> Result<()> {
    rename_with(directory, from, to, libc::RENAME_NOREPLACE)
}

/// Both names at once, so that neither is ever absent.
pub(crate) fn exchange_at(directory: BorrowedFd<'_>, one: &CStr, other: &CStr) -> Result<()> {
    rename_with(directory, one, other, libc::RENAME_EXCHANGE)
}

/// renameat2(2), for which not every C library has a function: glibc from 2.28 on.
fn rename_with(directory: BorrowedFd<'_>, from: &CStr, to: &CStr, flags: u32) -> Result<()> {
    let (call, fd) = (libc::SYS_renameat2, directory.as_raw_fd());
    // SAFETY: both names are C strings.
    let result = unsafe { libc::syscall(call, fd, from.as_ptr(), fd, to.as_ptr(), flags) };
    check(result as i32).map(drop)
}

/// Over whatever is there.
pub(crate) fn rename_at(directory: BorrowedFd<'_>, from: &CStr, to: &CStr) -> Result<()> {
    let fd = directory.as_raw_fd();
    // SAFETY: both names are C strings.
    check(unsafe { libc::renameat(fd, from.as_ptr(), fd, to.as_ptr()) }).map(drop)
}

/// With this mode less the umask.
pub(crate) fn make_directory(path: &CStr, mode: u32) -> Result<()> {
    // SAFETY: the path is a C string.
    check(unsafe { libc::mkdir(path.as_ptr(), mode) }).map(drop)
}

pub(crate) fn remove_directory(path: &CStr) -> Result<()> {
    // SAFETY: the path is a C string.
    check(unsafe { libc::rmdir(path.as_ptr()) }).map(drop)
}

/// flock(2), without waiting.
pub(crate) fn try_lock(file: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }).map(drop)
}

/// For every copy of the descriptor, also in forked children.
pub(crate) fn unlock(file: BorrowedFd<'_>) {
    // SAFETY: no pointers.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_UN) };
}

/// The mode that a socket's file will get, less the umask. Before bind only:
/// afterwards the call succeeds and changes nothing.
pub(crate) fn set_mode_before_bind(fd: BorrowedFd<'_>, mode: u32) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::fchmod(fd.as_raw_fd(), mode) }).map(drop)
}

/// Of a file by its path; symbolic links are followed.
pub(crate) fn set_mode(path: &CStr, mode: u32) -> Result<()> {
    // SAFETY: the path is a C string.
    check(unsafe { libc::chmod(path.as_ptr(), mode) }).map(drop)
}

/// Of the file that the descriptor pins. `None`: unchanged.
pub(crate) fn set_owner(file: BorrowedFd<'_>, user: Option<u32>, group: Option<u32>) -> Result<()> {
    let [user, group] = [user, group].map(|id| id.unwrap_or(u32::MAX));
    // SAFETY: the name is a C string.
    check(unsafe {
        libc::fchownat(file.as_raw_fd(), c"".as_ptr(), user, group, libc::AT_EMPTY_PATH)
    })
    .map(drop)
}
