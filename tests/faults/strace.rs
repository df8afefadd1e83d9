//! strace: which system calls a program makes, and one of them made to fail.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;

use crate::support::{has, skip};

/// What each system call can fail with where nothing is wrong with its arguments. ENOENT
/// and ECONNREFUSED are not among a probe's: they would say what is not true.
const ERRNOS: &[(&str, &[&str])] = &[
    ("accept4", &["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EINTR"]),
    ("access", &["EACCES", "ENOMEM"]),
    ("bind", &["ENOSPC", "EACCES", "ENOMEM", "EROFS"]),
    ("chmod", &["EPERM", "EROFS", "EIO"]),
    ("clock_nanosleep", &["EINTR"]),
    ("close", &["EINTR", "EIO"]),
    ("connect", &["EAGAIN", "ENOMEM", "EACCES"]),
    ("epoll_create1", &["EMFILE", "ENFILE", "ENOMEM"]),
    ("epoll_ctl", &["ENOMEM", "ENOSPC"]),
    ("epoll_pwait", &["EINTR"]),
    ("epoll_wait", &["EINTR"]),
    ("eventfd2", &["EMFILE", "ENFILE", "ENODEV", "ENOMEM"]),
    ("fchmod", &["EPERM", "EROFS"]),
    ("fchmodat", &["EPERM", "EROFS", "EIO"]),
    ("fchmodat2", &["ENOSYS", "EPERM", "EROFS"]),
    ("fchownat", &["EPERM", "EROFS", "EDQUOT"]),
    ("fcntl", &["EMFILE", "ENOMEM"]),
    ("flock", &["EINTR", "ENOLCK", "EAGAIN"]),
    ("fstat", &["ENOMEM", "EACCES"]),
    ("getdents64", &["EIO", "ENOMEM"]),
    ("getsockname", &["ENOBUFS"]),
    ("getsockopt", &["ENOMEM", "ENOPROTOOPT"]),
    ("listen", &["EADDRINUSE", "ENOMEM"]),
    ("lseek", &["EIO"]),
    ("lstat", &["ENOMEM", "EACCES"]),
    ("mkdirat", &["ENOSPC", "EACCES", "EROFS"]),
    ("mkdir", &["ENOSPC", "EACCES", "EROFS"]),
    ("newfstatat", &["ENOMEM", "EACCES"]),
    ("openat", &["EMFILE", "ENFILE", "EACCES", "ENOMEM"]),
    ("ppoll", &["EINTR", "ENOMEM"]),
    ("pread64", &["EIO"]),
    ("read", &["EIO", "EINTR"]),
    ("readlink", &["EACCES", "ENOMEM"]),
    ("readlinkat", &["EACCES", "ENOMEM"]),
    ("recvfrom", &["ENOBUFS", "ENOMEM", "EINTR"]),
    ("recvmmsg", &["ENOBUFS", "ENOMEM", "EINTR"]),
    ("recvmsg", &["ENOBUFS", "ENOMEM", "EINTR"]),
    ("renameat2", &["ENOSPC", "EACCES", "EINVAL", "EROFS"]),
    ("sendmmsg", &["ENOBUFS", "ENOMEM", "EINTR"]),
    ("sendmsg", &["ENOBUFS", "ENOMEM", "EINTR"]),
    ("sendto", &["ENOBUFS", "ENOMEM", "EINTR"]),
    ("setsockopt", &["ENOMEM"]),
    ("socket", &["EMFILE", "ENFILE", "ENOMEM", "EACCES"]),
    ("stat", &["ENOMEM", "EACCES"]),
    ("statx", &["ENOMEM", "EACCES"]),
    ("timerfd_create", &["EMFILE", "ENFILE", "ENODEV", "ENOMEM"]),
    ("unlinkat", &["EACCES", "EBUSY", "EROFS"]),
];

/// What never fails, or fails only where the process can't go on: memory, locks within the
/// process, signal masks, its own ids, the time.
const NEVER_FAIL: &[&str] = &[
    "brk",
    "clock_gettime",
    "futex",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getrandom",
    "timerfd_settime",
    "gettid",
    "getuid",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "rt_sigaction",
    "rt_sigprocmask",
    "sigaltstack",
    "umask",
    // To eventfds.
    "write",
];

pub struct SystemCall {
    pub name: String,
    /// Which one of its name it is in this process, from 1.
    number: u32,
    line: String,
}

impl SystemCall {
    /// F_GETFD is a check of the standard library's own, in debug builds. What is watched
    /// already can always be watched in another way, or no more.
    pub fn can_fail(&self) -> bool {
        let spared = ["F_GETFD", "EPOLL_CTL_MOD", "EPOLL_CTL_DEL"];
        !NEVER_FAIL.contains(&self.name.as_str())
            && !spared.iter().any(|operation| self.line.contains(operation))
    }

    pub fn errnos(&self) -> &'static [&'static str] {
        let row = ERRNOS.iter().find(|(name, _)| *name == self.name);
        row.unwrap_or_else(|| panic!("no errnos for {}: {}", self.name, self.line)).1
    }

    /// What a close(2) closes.
    pub fn closed_descriptor(&self) -> Option<&str> {
        let arguments = self.line.strip_prefix("close(")?;
        arguments.split_once(')').map(|(descriptor, _)| descriptor)
    }

    /// What is removed: the last part of the path.
    pub fn removed_name(&self) -> Option<String> {
        let path = self.line.strip_prefix("unlinkat(")?.split('"').nth(1)?;
        path.rsplit('/').next().map(Into::into)
    }
}

pub struct Fault<'a> {
    pub call: &'a SystemCall,
    pub errno: &'a str,
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} for {}", self.errno, self.call.line)
    }
}

/// Whether strace is here and may trace; if not, says that the test is skipped.
pub fn works(test: &str) -> bool {
    if !has(test, "strace") {
        return false;
    }
    let tried = command("/dev/null", None).arg("/bin/true").output().expect("strace is here");
    if !tried.status.success() {
        let said = String::from_utf8_lossy(&tried.stderr);
        skip(test, &format!("strace can't trace: {}", said.trim()));
    }
    tried.status.success()
}

/// strace, but for what it is to run.
pub fn command(log: &str, fault: Option<&Fault<'_>>) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", log]);
    if let Some(Fault { call, errno }) = fault {
        let SystemCall { name, number, .. } = call;
        command.args(["-e", &format!("inject={name}:error={errno}:when={number}")]);
    }
    command
}

/// The system calls between the program's marks. Of a search through all processes, which
/// come and go, no more than how it begins.
pub fn calls(log: &str) -> Vec<SystemCall> {
    const BEGINNING: usize = 10;
    let mut calls = window(log);
    if let Some(search) = calls.iter().position(|call| call.line.contains("\"/proc\"")) {
        calls.truncate(search + BEGINNING);
    }
    calls
}

fn window(log: &str) -> Vec<SystemCall> {
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    let mut window = None;
    for line in log.lines() {
        // "1234  name(arguments) = result"
        let line = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let (name, _) = line.split_once('(').unwrap_or_else(|| panic!("no call: {line}"));
        let number = numbers.entry(name).or_default();
        *number += 1;
        if line.contains("\"/udsock-begin\"") {
            window = Some(Vec::new());
        } else if line.contains("\"/udsock-end\"") {
            break;
        } else if let Some(calls) = &mut window {
            calls.push(SystemCall { name: name.into(), number: *number, line: line.into() });
        }
    }
    window.unwrap_or_else(|| panic!("no mark:\n{log}"))
}

/// Whether a call failed by injection, and between the marks. Not every run makes the same
/// calls: how many receive the kernel's list of sockets depends on its length.
pub fn is_injected(log: &str) -> bool {
    let injected = |line: &str| line.ends_with("(INJECTED)");
    let within = window(log).iter().filter(|call| injected(&call.line)).count();
    within == 1 && log.lines().filter(|line| injected(line)).count() == 1
}
