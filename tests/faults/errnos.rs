//! What each system call can fail with where nothing is wrong with its arguments: as its
//! manual page says, EINTR where it can be interrupted, EACCES or EPERM from a security
//! module or a seccomp filter, ENOSYS where sandboxes and old kernels lack it.

use crate::strace::SystemCall;

/// Calls by their name and a part of what strace shows of them; the first row that fits
/// counts. ENOENT and ECONNREFUSED are not among a probe's: they would say what is not true.
const ERRNOS: &[(&str, &str, &[&str])] = &[
    ("accept4", "", &["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EINTR", "EPERM", "EACCES"]),
    ("access", "", &["EACCES", "ENOMEM"]),
    ("bind", "", &["ENOSPC", "EACCES", "ENOMEM", "EROFS", "EDQUOT", "EPERM"]),
    ("chmod", "", &["EPERM", "EROFS", "EIO"]),
    ("close", "", &["EINTR", "EIO"]),
    ("connect", "", &["EAGAIN", "ENOMEM", "EACCES", "EINTR"]),
    ("dup3", "", &["EMFILE", "EBUSY", "EINTR"]),
    ("epoll_create1", "", &["EMFILE", "ENFILE", "ENOMEM"]),
    ("epoll_ctl", "", &["ENOMEM", "ENOSPC"]),
    ("epoll_pwait", "", &["EINTR"]),
    ("epoll_wait", "", &["EINTR"]),
    ("eventfd2", "", &["EMFILE", "ENFILE", "ENODEV", "ENOMEM", "ENOSYS"]),
    ("fchmod", "", &["EPERM", "EROFS", "EACCES"]),
    ("fchmodat", "", &["EPERM", "EROFS", "EIO"]),
    ("fchmodat2", "", &["ENOSYS", "EPERM", "EROFS"]),
    ("fchownat", "", &["EPERM", "EROFS", "EDQUOT", "EIO"]),
    ("fcntl", "F_GETFL", &["EPERM"]),
    ("fcntl", "F_SETFD", &["EPERM"]),
    ("fcntl", "", &["EMFILE", "ENOMEM"]),
    ("flock", "LOCK_UN", &["EINTR"]),
    ("flock", "", &["EINTR", "ENOLCK", "EAGAIN"]),
    ("fstat", "", &["ENOMEM", "EACCES"]),
    ("getdents64", "", &["EIO", "ENOMEM"]),
    ("getpeername", "", &["ENOBUFS", "EACCES"]),
    ("getsockname", "", &["ENOBUFS", "EACCES"]),
    ("getsockopt", "", &["ENOMEM", "ENOPROTOOPT", "EACCES"]),
    ("inotify_add_watch", "", &["EACCES", "ENOMEM", "ENOSPC"]),
    ("inotify_init1", "", &["EMFILE", "ENFILE", "ENOMEM"]),
    ("ioctl", "", &["EPERM", "EACCES"]),
    ("linkat", "", &["EACCES", "EPERM", "EMLINK", "ENOSPC", "EROFS", "EIO"]),
    ("listen", "", &["EADDRINUSE", "ENOMEM", "EACCES"]),
    ("lseek", "", &["EIO"]),
    ("lstat", "", &["ENOMEM", "EACCES"]),
    ("madvise", "", &["EINVAL", "ENOMEM"]),
    ("mkdirat", "", &["ENOSPC", "EACCES", "EROFS", "EDQUOT"]),
    ("mkdir", "", &["ENOSPC", "EACCES", "EROFS", "EDQUOT"]),
    ("mknodat", "", &["EPERM", "EACCES", "ENOSPC", "EROFS"]),
    ("mmap", "", &["ENOMEM", "EPERM"]),
    ("munmap", "", &["ENOMEM"]),
    ("newfstatat", "", &["ENOMEM", "EACCES"]),
    ("openat", "", &["EMFILE", "ENFILE", "EACCES", "ENOMEM", "EINTR"]),
    ("poll", "", &["EINTR", "ENOMEM"]),
    ("ppoll", "", &["EINTR", "ENOMEM"]),
    ("pread64", "", &["EIO"]),
    // Of an eventfd or a timer, that another thread has read first.
    ("read", ", 8) ", &["EAGAIN"]),
    ("read", ", 1024) ", &["EAGAIN", "EINTR"]),
    ("read", "", &["EIO", "EINTR"]),
    ("readlink", "", &["EACCES", "ENOMEM"]),
    ("readlinkat", "", &["EACCES", "ENOMEM"]),
    ("recvfrom", "", &["ENOBUFS", "ENOMEM", "EINTR", "EACCES"]),
    ("recvmmsg", "", &["ENOBUFS", "ENOMEM", "EINTR", "EACCES", "ENOSYS"]),
    ("recvmsg", "", &["ENOBUFS", "ENOMEM", "EINTR", "EACCES"]),
    ("renameat", "", &["ENOSPC", "EACCES", "EROFS"]),
    ("renameat2", "", &["ENOSPC", "EACCES", "EINVAL", "ENOSYS", "EPERM", "EROFS"]),
    ("rmdir", "", &["EACCES", "EBUSY", "ENOTEMPTY"]),
    ("rt_sigaction", "", &["EINVAL"]),
    ("sendmmsg", "", &["ENOBUFS", "ENOMEM", "EINTR", "EACCES", "ENOSYS"]),
    ("sendmsg", "SCM_RIGHTS", &["ENOBUFS", "ENOMEM", "EINTR", "EACCES", "ETOOMANYREFS"]),
    ("sendmsg", "", &["ENOBUFS", "ENOMEM", "EINTR", "EACCES"]),
    ("sendto", "", &["ENOBUFS", "ENOMEM", "EINTR", "EACCES"]),
    ("setsockopt", "", &["ENOMEM", "EACCES"]),
    ("shutdown", "", &["EACCES", "ENOBUFS"]),
    ("socket", "", &["EMFILE", "ENFILE", "ENOMEM", "EACCES"]),
    ("socketpair", "", &["EMFILE", "ENFILE", "ENOMEM", "EACCES"]),
    ("stat", "", &["ENOMEM", "EACCES"]),
    ("statx", "", &["ENOMEM", "EACCES", "ENOSYS"]),
    ("timerfd_create", "", &["EMFILE", "ENFILE", "ENODEV", "ENOMEM", "ENOSYS"]),
    ("unlinkat", "", &["EACCES", "EBUSY", "EROFS", "EIO"]),
    ("utimensat", "", &["EACCES", "EPERM", "EROFS", "ENOSYS"]),
    ("write", "udsock[", &["EAGAIN", "EINTR", "EIO", "ENOSPC", "EPIPE"]),
];

/// What never fails, and why not. Memory: only the page that is the library's own fails here;
/// what the allocator lacks is not a system call's error.
const NEVER_FAILS: &[(&str, &str, &str)] = &[
    ("write", "", "an eventfd takes a 1 whatever happens, until 2^64 - 2 have been written"),
    ("timerfd_settime", "", "its arguments are a timer and a time"),
    ("fcntl", "F_GETFD", "the descriptor is open; one that is not is in tests/activation"),
    ("epoll_ctl", "EPOLL_CTL_MOD", "what is watched can be watched in another way"),
    ("epoll_ctl", "EPOLL_CTL_DEL", "what is watched can be watched no more"),
    ("mmap", "", "the allocator's"),
    ("munmap", "", "the allocator's"),
    ("madvise", "", "the allocator's"),
    ("mprotect", "", "the allocator's"),
    ("mremap", "", "the allocator's"),
    ("brk", "", "the allocator's"),
    ("rt_sigaction", "", "a thread's or the C library's own"),
    ("rt_sigpending", "", "its arguments are good"),
    ("rt_sigprocmask", "", "its arguments are good"),
    ("sigaltstack", "", "its arguments are good"),
    ("futex", "", "within the process"),
    ("syscall_0x1c4", "", "fchmodat2(2), which this strace does not know"),
    ("clock_gettime", "", "a number of this process or machine"),
    ("getegid", "", "a number of this process or machine"),
    ("geteuid", "", "a number of this process or machine"),
    ("getgid", "", "a number of this process or machine"),
    ("getpid", "", "a number of this process or machine"),
    ("gettid", "", "a number of this process or machine"),
    ("getuid", "", "a number of this process or machine"),
    ("getrandom", "", "its arguments are good"),
    ("restart_syscall", "", "the kernel's own"),
    ("umask", "", "a number of this process or machine"),
];

/// But these do: the page in which a process notes its number, a signal's disposition, and what is
/// written to standard error.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("write", "udsock["),
    ("mmap", "(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS"),
    ("madvise", "MADV_WIPEONFORK"),
    ("munmap", ", 4096)"),
    ("rt_sigaction", "(SIGTERM"),
];

pub fn can_fail(call: &SystemCall) -> bool {
    EXCEPTIONS.iter().any(|(name, part)| call.fits(name, part)) || why_not(call).is_none()
}

/// Why it never fails.
pub fn why_not(call: &SystemCall) -> Option<&'static str> {
    let row = NEVER_FAILS.iter().find(|(name, part, _)| call.fits(name, part))?;
    Some(row.2)
}

pub fn of(call: &SystemCall) -> &'static [&'static str] {
    let row = ERRNOS.iter().find(|(name, part, _)| call.fits(name, part));
    row.unwrap_or_else(|| panic!("no errnos for {}: {}", call.name, call.line)).2
}
