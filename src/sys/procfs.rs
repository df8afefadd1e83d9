//! Reads /proc: proc(5). It allocates no memory, since it is used when something is wrong already.

use std::array;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::{check_size, own};
use crate::error::Result;
use crate::text::ShortText;

fn open(path: &CStr) -> Result<OwnedFd> {
    // SAFETY: the path is a C string.
    own(unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) })
}

/// The text that a file begins with.
pub(crate) fn read_start<'a>(path: &CStr, room: &'a mut [u8]) -> Result<&'a str> {
    let file = open(path)?;
    // SAFETY: the room is of this size.
    let size =
        check_size(unsafe { libc::read(file.as_raw_fd(), room.as_mut_ptr().cast(), room.len()) })?;
    Ok(room[..size].utf8_chunks().next().map_or("", |text| text.valid()))
}

/// What `find` returns for the first line of a file in which it finds something. Of a long line (a
/// mount's has a path, and options of a page) it sees the beginning.
#[inline(never)]
pub(crate) fn find_in_lines<T>(path: &CStr, find: impl Fn(&str) -> Option<T>) -> Option<T> {
    let file = open(path).ok()?;
    // Little, as this is on the stack, and not all threads have much.
    let mut room = [0; 2048];
    let mut filled = 0;
    let mut is_rest = false;
    loop {
        let free = &mut room[filled..];
        // SAFETY: there is room for so many bytes.
        let size = check_size(unsafe {
            libc::read(file.as_raw_fd(), free.as_mut_ptr().cast(), free.len())
        });
        // At the end.
        filled += size.ok().filter(|size| *size > 0)?;
        let lines = room[..filled].split_inclusive(|&byte| byte == b'\n');
        let mut kept = 0;
        for line in lines {
            let is_whole = line.ends_with(b"\n");
            if !is_whole && line.len() < room.len() {
                kept = line.len();
                break;
            }
            let text = line.utf8_chunks().next().map_or("", |text| text.valid());
            let found = if is_rest { None } else { find(text.trim_end_matches('\n')) };
            if found.is_some() {
                return found;
            }
            is_rest = !is_whole;
        }
        room.copy_within(filled - kept..filled, 0);
        filled = kept;
    }
}

/// The device of the whole file system that a descriptor's file is on, which the kernel's lists of
/// sockets and of locks speak of. `None`: not known. (It is the thread's: a thread may have a mount
/// namespace of its own.)
pub(crate) fn mounted_device(file: BorrowedFd<'_>) -> Option<u64> {
    let info = ShortText::new(format_args!("/proc/thread-self/fdinfo/{}", file.as_raw_fd()));
    let number = |line: &str| line.strip_prefix("mnt_id:")?.trim().parse::<u32>().ok();
    let mount = find_in_lines(&info, number)?;
    find_in_lines(c"/proc/thread-self/mountinfo", |line| {
        // A line: `36 35 98:0 /root /mnt rw - ext4 /dev/sda rw`.
        let mut words = line.split(' ');
        let [id, _, device] = array::from_fn(|_| words.next().unwrap_or_default());
        let (major, minor) = device.split_once(':').filter(|_| id.parse() == Ok(mount))?;
        Some(libc::makedev(major.parse().ok()?, minor.parse().ok()?))
    })
}

/// Whether the process that forked this one has ended, as far as that can be told. A child that has
/// made no session of its own is in its parent's session; the process that adopts an orphan is in
/// another one.
pub(crate) fn is_orphan(pid: u32) -> bool {
    let number = |pid: u32, name: &str| {
        let status = ShortText::new(format_args!("/proc/{pid}/status"));
        find_in_lines(&status, |line| line.strip_prefix(name)?.split('\t').nth(1)?.parse().ok())
    };
    let session = |pid: u32| number(pid, "NSsid:");
    // 0: a process that this PID namespace does not see.
    let Some(parent) = number(pid, "PPid:").filter(|&parent| parent != 0) else { return false };
    match (session(pid), session(parent)) {
        (Some(own), Some(other)) => own != pid && own != other,
        _ => false,
    }
}

/// Where a symbolic link leads, as far as there is room.
pub(crate) fn read_link<'a>(path: &CStr, room: &'a mut [u8]) -> Result<&'a [u8]> {
    // SAFETY: the path is a C string, and the room of this size.
    let size =
        check_size(unsafe { libc::readlink(path.as_ptr(), room.as_mut_ptr().cast(), room.len()) })?;
    Ok(&room[..size])
}

/// The names in a directory that are numbers: processes, or descriptors.
pub(crate) fn numbers_in(path: &CStr) -> Result<Numbers> {
    Ok(Numbers { directory: open(path)?, entries: [0; Numbers::ROOM], next: 0, end: 0 })
}

pub(crate) struct Numbers {
    directory: OwnedFd,
    entries: [u8; Numbers::ROOM],
    next: usize,
    end: usize,
}

impl Numbers {
    const ROOM: usize = 1024;

    /// getdents64(2). `None`: there are no more.
    fn fill(&mut self) -> Option<()> {
        let (entries, size) = (self.entries.as_mut_ptr(), self.entries.len());
        let directory = self.directory.as_raw_fd();
        // SAFETY: there is room for so many bytes.
        let filled = unsafe { libc::syscall(libc::SYS_getdents64, directory, entries, size) };
        (self.next, self.end) = (0, usize::try_from(filled).ok()?);
        (self.end > 0).then_some(())
    }

    /// The next name, in a struct linux_dirent64: two numbers of 64 bits, the entry's size in
    /// 16, a byte, and the name.
    fn next_name(&mut self) -> Option<&CStr> {
        const SIZE: usize = 16;
        const NAME: usize = 19;
        if self.next == self.end {
            self.fill()?;
        }
        let rest = &self.entries[self.next..self.end];
        let size = usize::from(u16::from_ne_bytes([*rest.get(SIZE)?, *rest.get(SIZE + 1)?]));
        self.next += size;
        CStr::from_bytes_until_nul(rest.get(NAME..size)?).ok()
    }
}

impl Iterator for Numbers {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        loop {
            if let Some(number) = self.next_name()?.to_str().ok().and_then(|name| name.parse().ok())
            {
                return Some(number);
            }
        }
    }
}
