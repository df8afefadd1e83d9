//! What a process has: memory, descriptors, the places of its handles.

use std::fs;
use std::path::PathBuf;

use crate::*;

/// What is resident of this process, in bytes.
pub fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("proc is mounted");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it is resident");
    let kibibytes: usize = line.split_whitespace().nth(1).unwrap().parse().expect("a number");
    kibibytes << 10
}

/// What is allocated on the heap, in bytes.
#[cfg(target_env = "gnu")]
pub fn allocated() -> usize {
    // SAFETY: no arguments.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

/// Other C libraries do not tell: what is resident stands for it.
#[cfg(not(target_env = "gnu"))]
pub fn allocated() -> usize {
    resident()
}

/// How many descriptors may be open from now on: as many as are wanted, or as the system
/// lets this user have.
pub fn raise_limit(wanted: usize) -> usize {
    // SAFETY: room for a limit, which is numbers.
    let mut limit: libc::rlimit = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
    let more =
        libc::rlimit { rlim_cur: wanted as _, rlim_max: limit.rlim_max.max(wanted as _) };
    // SAFETY: a limit.
    if limit.rlim_cur < more.rlim_cur && unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &more) } != 0
    {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: a limit.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    }
    // SAFETY: room for a limit.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
    limit.rlim_cur as usize
}

/// What is open. But not the eventfds: a thread that has waited leaves one for the next.
pub fn descriptors() -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc/self/fd").expect("proc is mounted");
    let targets = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.as_os_str() != "anon_inode:[eventfd]").collect()
}

/// The place of a handle in its table: places of handles that are closed are used again.
pub fn place_of(handle: udsock_t) -> usize {
    (handle & ((1 << 21) - 1)) as usize
}
