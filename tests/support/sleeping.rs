//! Whether a process or a thread sleeps in a system call that waits.

use std::fs;

/// poll, ppoll, epoll_wait, epoll_pwait, epoll_pwait2, recvfrom and accept4.
const WAITS: &[i64] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    libc::SYS_ppoll,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_recvfrom,
    libc::SYS_accept4,
];

/// The same, as x86-64 numbers them.
const WAITS_OF_X86_64: [i64; 7] = [7, 271, 232, 281, 441, 45, 288];

/// Whether it sleeps in one of them: a process, or a thread of whatever process.
pub fn is_asleep(id: i32) -> bool {
    let Some(number) = system_call_of(&id.to_string()) else { return false };
    // qemu-user runs this program on x86-64, whose kernel has numbers of its own.
    let is_emulated = system_call_of("thread-self").is_some_and(|call| call != libc::SYS_read);
    if is_emulated { WAITS_OF_X86_64.contains(&number) } else { WAITS.contains(&number) }
}

/// The call that it is in, by the number that the kernel has for it.
fn system_call_of(name: &str) -> Option<i64> {
    let now = fs::read_to_string(format!("/proc/{name}/syscall")).ok()?;
    now.split(' ').next()?.parse().ok()
}
