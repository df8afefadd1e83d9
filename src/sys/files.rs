//! Files and directories.

use std::ffi::{CStr, c_int};
use std::mem::{MaybeUninit, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::SystemTime;

use super::{SocketName, check, own};
use crate::error::{Error, Result};
use crate::text::ShortText;

/// What is at a path: stat(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStatus {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Whether it was last changed when it was last modified, as a new file is: renaming it, for
    /// one, changes it.
    pub(crate) is_as_made: bool,
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

/// What a descriptor holds, as a path that every call of this thread takes. (Not "self": that is the
/// process's first thread, and this one may have descriptors of its own, by unshare(2). There the
/// number may be another file's, or nobody's.)
pub(crate) fn descriptor_path(file: BorrowedFd<'_>) -> ShortText {
    ShortText::new(format_args!("/proc/thread-self/fd/{}", file.as_raw_fd()))
}

/// The same of a directory, in the form that others know if a socket is bound through it, unless
/// this thread has descriptors of its own.
pub(crate) fn shown_directory_path(directory: BorrowedFd<'_>) -> ShortText {
    let number = directory.as_raw_fd();
    // (The slash has it followed.)
    let here = ShortText::new(format_args!("/proc/self/fd/{number}/"));
    match (status_of(here.to_bytes()), status_at(directory, c"")) {
        (Ok(one), Ok(other)) if one.is_same_file(&other) => {
            ShortText::new(format_args!("/proc/self/fd/{number}"))
        }
        _ => descriptor_path(directory),
    }
}

/// Whether such a path is meant.
pub(crate) fn is_descriptor_path(path: &[u8]) -> bool {
    path.starts_with(b"/proc/self/fd/") || path.starts_with(b"/proc/thread-self/fd/")
}

/// The directory itself, opened for reading.
pub(crate) fn open_directory(directory: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the name is a C string.
    own(unsafe { libc::openat(directory.as_raw_fd(), c".".as_ptr(), flags) })
}

/// The status of what has this name in the directory; symbolic links are not followed. With an
/// empty name it is that of the descriptor itself.
pub(crate) fn status_at(directory: BorrowedFd<'_>, name: &CStr) -> Result<FileStatus> {
    status_in(directory.as_raw_fd(), name)
}

fn status_in(directory: c_int, name: &CStr) -> Result<FileStatus> {
    let mut status = MaybeUninit::<libc::stat64>::uninit();
    // SAFETY: the name is a C string, and there is room for the status.
    check(unsafe {
        libc::fstatat64(
            directory,
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
        is_as_made: (status.st_mtime, status.st_mtime_nsec)
            == (status.st_ctime, status.st_ctime_nsec),
    })
}

/// The status of what a path without NUL leads to, or of a symbolic link at its end.
pub(crate) fn status_of(path: &[u8]) -> Result<FileStatus> {
    let mut room = [0; SocketName::MAX + 1];
    room.get_mut(..path.len()).ok_or(Error::ENAMETOOLONG)?.copy_from_slice(path);
    let path = CStr::from_bytes_until_nul(&room).map_err(|_| Error::ENAMETOOLONG)?;
    status_in(libc::AT_FDCWD, path)
}

/// From now on this file is not [as it was made](FileStatus::is_as_made): it counts as modified a
/// second ago.
pub(crate) fn mark_changed_at(directory: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // SAFETY: a struct of numbers, all of which may be 0.
    let mut times: [libc::timespec; 2] = unsafe { zeroed() };
    times[0].tv_nsec = libc::UTIME_OMIT;
    times[1].tv_sec = now.as_secs().saturating_sub(1) as libc::time_t;
    let flags = libc::AT_SYMLINK_NOFOLLOW;
    // SAFETY: the name is a C string, and there are two times.
    check(unsafe { libc::utimensat(directory.as_raw_fd(), name.as_ptr(), times.as_ptr(), flags) })
        .map(drop)
}

pub(crate) fn unlink_at(directory: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    // SAFETY: the name is a C string.
    check(unsafe { libc::unlinkat(directory.as_raw_fd(), name.as_ptr(), 0) }).map(drop)
}

/// Renames within one directory, never over what is there already. The call is made by its number:
/// older C libraries have no name for it, and newer ones return EINVAL for ENOSYS.
pub(crate) fn rename_new_at(directory: BorrowedFd<'_>, from: &CStr, to: &CStr) -> Result<()> {
    let (fd, flags) = (directory.as_raw_fd(), libc::RENAME_NOREPLACE);
    // SAFETY: both names are C strings.
    check(unsafe {
        libc::syscall(libc::SYS_renameat2, fd, from.as_ptr(), fd, to.as_ptr(), flags) as c_int
    })
    .map(drop)
}

/// Exchanges two names in one step, so that neither is ever absent.
pub(crate) fn exchange_at(directory: BorrowedFd<'_>, one: &CStr, other: &CStr) -> Result<()> {
    let (fd, flags) = (directory.as_raw_fd(), libc::RENAME_EXCHANGE);
    // SAFETY: both names are C strings.
    check(unsafe {
        libc::syscall(libc::SYS_renameat2, fd, one.as_ptr(), fd, other.as_ptr(), flags) as c_int
    })
    .map(drop)
}

/// Makes a socket's file without a socket, as a dead server leaves one, with mode 0777 less the
/// umask. Never over what is there.
pub(crate) fn make_socket_file_at(directory: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    // SAFETY: the name is a C string.
    check(unsafe { libc::mknodat(directory.as_raw_fd(), name.as_ptr(), libc::S_IFSOCK | 0o777, 0) })
        .map(drop)
}

/// Makes a file on that directory's file system that never gets a name, with this mode less the
/// umask.
pub(crate) fn make_nameless(directory: BorrowedFd<'_>, mode: u32) -> Result<OwnedFd> {
    let flags = libc::O_TMPFILE | libc::O_RDWR | libc::O_CLOEXEC;
    // SAFETY: the name is a C string.
    own(unsafe { libc::openat(directory.as_raw_fd(), c".".as_ptr(), flags, mode) })
}

/// Renames over whatever is there.
pub(crate) fn rename_at(directory: BorrowedFd<'_>, from: &CStr, to: &CStr) -> Result<()> {
    let fd = directory.as_raw_fd();
    // SAFETY: both names are C strings.
    check(unsafe { libc::renameat(fd, from.as_ptr(), fd, to.as_ptr()) }).map(drop)
}

/// Gives a file another name, never over what is there. A symbolic link is not followed.
pub(crate) fn link_at(directory: BorrowedFd<'_>, from: &CStr, to: &CStr) -> Result<()> {
    let fd = directory.as_raw_fd();
    // SAFETY: both names are C strings.
    check(unsafe { libc::linkat(fd, from.as_ptr(), fd, to.as_ptr(), 0) }).map(drop)
}

/// Makes a directory with this mode less the umask.
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

/// Unlocks for every copy of the descriptor, also in forked children.
pub(crate) fn unlock(file: BorrowedFd<'_>) {
    // SAFETY: no pointers.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_UN) };
}

/// Sets the mode that a socket's file will get, less the umask. Only before bind: afterwards the
/// call succeeds and changes nothing.
pub(crate) fn set_mode_before_bind(fd: BorrowedFd<'_>, mode: u32) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::fchmod(fd.as_raw_fd(), mode) }).map(drop)
}

/// Sets the mode of the file that the descriptor pins: through /proc, or else by fchmodat2(2) of
/// Linux 6.6. [`Error::ENOENT`]: there is neither.
pub(crate) fn set_mode(file: BorrowedFd<'_>, mode: u32) -> Result<()> {
    /// Its number everywhere but on Alpha.
    const SYS_FCHMODAT2: libc::c_long = 452;
    // SAFETY: the path is a C string.
    let set = check(unsafe { libc::chmod(descriptor_path(file).as_ptr(), mode) });
    if set != Err(Error::ENOENT) {
        return set.map(drop);
    }
    let (fd, name, flags) = (file.as_raw_fd(), c"".as_ptr(), libc::AT_EMPTY_PATH);
    // SAFETY: the name is a C string.
    let set = check(unsafe { libc::syscall(SYS_FCHMODAT2, fd, name, mode, flags) as c_int });
    match set {
        Err(Error::ENOSYS) => Err(Error::ENOENT),
        result => result.map(drop),
    }
}

/// Whether /proc is there, through which a descriptor is a path.
pub(crate) fn has_descriptor_paths() -> bool {
    // SAFETY: the path is a C string.
    check(unsafe { libc::access(c"/proc/thread-self/fd".as_ptr(), libc::F_OK) })
        != Err(Error::ENOENT)
}

/// Sets the owner of the file that the descriptor pins. `None`: unchanged.
pub(crate) fn set_owner(file: BorrowedFd<'_>, user: Option<u32>, group: Option<u32>) -> Result<()> {
    let [user, group] = [user, group].map(|id| id.unwrap_or(u32::MAX));
    // SAFETY: the name is a C string.
    check(unsafe {
        libc::fchownat(file.as_raw_fd(), c"".as_ptr(), user, group, libc::AT_EMPTY_PATH)
    })
    .map(drop)
}
