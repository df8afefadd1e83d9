//! Where the library makes system calls: each place in src/sys, how strace shows its call, and
//! that some scenario reaches it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::c_library::source;
use crate::errnos;
use crate::strace::SystemCall;

/// A function of src/sys, what it calls of the C library, and the system calls by which that
/// is known, each with a part of what strace shows of it (not every architecture has rmdir(2),
/// say, and strace 6.1 does not know SO_PEERPIDFD).
type Site = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const SITES: &[Site] = &[
    ("socket", "socket", &[("socket", "AF_UNIX")]),
    ("socketpair", "socketpair", &[("socketpair", "")]),
    ("bind", "bind", &[("bind", "")]),
    ("listen", "listen", &[("listen", "")]),
    ("accept", "accept4", &[("accept4", "")]),
    ("connect", "connect", &[("connect", "")]),
    ("shutdown", "shutdown", &[("shutdown", "")]),
    ("local_name", "getsockname", &[("getsockname", "")]),
    ("remote_name", "getpeername", &[("getpeername", "")]),
    ("option", "getsockopt", &[("getsockopt", "SO_TYPE")]),
    ("set_option", "setsockopt", &[("setsockopt", "")]),
    ("readable_bytes", "ioctl", &[("ioctl", "FIONREAD")]),
    ("thread_id", "syscall", &[("gettid", "")]),
    ("write_line", "write", &[("write", "udsock[")]),
    ("eventfd", "eventfd", &[("eventfd2", "")]),
    ("raise", "write", &[("write", "")]),
    ("lower", "read", &[("read", ", 8)")]),
    ("poll", "poll", &[("poll", "")]),
    ("poll", "ppoll", &[("ppoll", "")]),
    ("user_id", "getpwnam_r", &[("openat", "/etc/passwd")]),
    ("group_id", "getgrnam_r", &[("openat", "/etc/group")]),
    ("send", "send", &[("sendto", "MSG_DONTWAIT|MSG_NOSIGNAL")]),
    ("send_header", "sendmsg", &[("sendmsg", "msg_iovlen=2")]),
    ("send_header", "syscall", &[("sendmsg", "SCM_RIGHTS")]),
    ("receive", "recv", &[("recvfrom", "MSG_DONTWAIT")]),
    ("receive_header", "recvmsg", &[("recvmsg", "")]),
    ("send_batch", "sendmmsg", &[("sendmmsg", "")]),
    ("send_batch", "syscall", &[("sendmmsg", "")]), // The same, over musl.
    ("receive_batch", "recvmmsg", &[("recvmmsg", "")]),
    ("set_close_on_exec", "fcntl", &[("fcntl", "F_SETFD")]),
    ("is_open", "fcntl", &[("fcntl", "F_GETFD")]),
    ("is_there", "fcntl", &[("fcntl", "F_GETFD")]),
    ("duplicate", "fcntl", &[("fcntl", "F_DUPFD_CLOEXEC")]),
    ("replace", "dup3", &[("dup3", "")]),
    ("is_nonblocking", "fcntl", &[("fcntl", "F_GETFL")]),
    ("set_nonblocking", "ioctl", &[("ioctl", "FIONBIO")]),
    ("epoll", "epoll_create1", &[("epoll_create1", "")]),
    ("control", "epoll_ctl", &[("epoll_ctl", "EPOLL_CTL_ADD")]),
    ("wait", "epoll_wait", &[("epoll_wait", ""), ("epoll_pwait", "")]),
    ("timer", "timerfd_create", &[("timerfd_create", "")]),
    ("set_timer", "timerfd_settime", &[("timerfd_settime", "")]),
    ("open_path", "open", &[("openat", "\"/\", O_RDONLY|O_CLOEXEC|O_PATH")]),
    ("open_path_at", "openat", &[("openat", "O_NOFOLLOW|O_CLOEXEC|O_PATH")]),
    ("open_directory", "openat", &[("openat", "\".\",")]),
    ("status_in", "fstatat64", &[("newfstatat", ""), ("statx", "")]),
    ("mark_changed_at", "utimensat", &[("utimensat", "")]),
    ("unlink_at", "unlinkat", &[("unlinkat", "")]),
    ("rename_new_at", "syscall", &[("renameat2", "RENAME_NOREPLACE")]),
    ("exchange_at", "syscall", &[("renameat2", "RENAME_EXCHANGE")]),
    ("rename_at", "renameat", &[("renameat", ""), ("renameat2", ", 0)")]),
    ("link_at", "linkat", &[("linkat", "")]),
    ("inotify", "inotify_init1", &[("inotify_init1", "")]),
    ("watch_names", "inotify_add_watch", &[("inotify_add_watch", "")]),
    ("take_events", "read", &[("read", ", 1024)")]),
    ("make_socket_file_at", "mknodat", &[("mknodat", "")]),
    ("make_nameless", "openat", &[("openat", "O_TMPFILE")]),
    ("make_directory", "mkdir", &[("mkdir", ""), ("mkdirat", "")]),
    ("remove_directory", "rmdir", &[("rmdir", ""), ("unlinkat", "AT_REMOVEDIR")]),
    ("try_lock", "flock", &[("flock", "LOCK_EX|LOCK_NB")]),
    ("unlock", "flock", &[("flock", "LOCK_UN")]),
    ("set_mode_before_bind", "fchmod", &[("fchmod", "")]),
    ("set_mode", "chmod", &[("chmod", ""), ("fchmodat", "")]),
    ("set_mode", "syscall", &[("syscall_0x1c4", ""), ("fchmodat2", "")]),
    ("has_descriptor_paths", "access", &[("access", "/proc"), ("faccessat", "/proc")]),
    ("set_owner", "fchownat", &[("fchownat", "")]),
    ("peer_credentials", "getsockopt", &[("getsockopt", "SO_PEERCRED")]),
    ("variable", "getsockopt", &[("getsockopt", "SO_PEERGROUPS")]),
    ("peer_pidfd", "getsockopt", &[("getsockopt", "SO_PEERPIDFD"), ("getsockopt", "0x4d")]),
    ("unix_diag", "socket", &[("socket", "NETLINK_SOCK_DIAG")]),
    ("unix_diag", "send", &[("sendto", "NLM_F_REQUEST")]),
    ("unix_diag", "recv", &[("recvfrom", "NLM_F_MULTI")]),
    (
        "make_note",
        "mmap",
        &[("mmap", "(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS")],
    ),
    ("new", "mmap", &[("mmap", "(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS")]),
    ("drop", "munmap", &[("munmap", ", 8192)")]),
    ("make_note", "madvise", &[("madvise", "MADV_WIPEONFORK")]),
    ("unmake_note", "munmap", &[("munmap", ", 4096)")]),
    ("open", "open", &[("openat", "\"/proc/")]),
    ("read_start", "read", &[("read", "")]),
    ("find_in_lines", "read", &[("read", ", 2048)")]),
    ("read_link", "readlink", &[("readlink", "/proc/"), ("readlinkat", "/proc/")]),
    ("fill", "syscall", &[("getdents64", "")]),
    ("user_of_process", "geteuid", &[("geteuid", "")]),
    ("action_of", "sigaction", &[("rt_sigaction", "(SIGTERM, NULL")]),
    ("add_handler", "sigaction", &[("rt_sigaction", "(SIGTERM, {")]),
];

/// What makes no system call, or none here.
const NOT_HERE: &[(&str, &str)] = &[
    ("sysconf", "read once, of /sys, by the C library, which has an answer in any case"),
    ("pthread_self", "memory"),
    ("makedev", "memory"),
    ("getenv", "memory"),
    ("getauxval", "memory"),
    ("dladdr", "memory"),
    ("dlopen", "of what is loaded: memory"),
    ("dlerror", "memory"),
    ("atexit", "memory"),
    ("pthread_atfork", "memory"),
    ("sigfillset", "memory"),
    ("sigemptyset", "memory"),
    ("sigaddset", "memory"),
    ("sigismember", "memory"),
    ("sigpending", "into memory of ours; without an answer SIGPIPE is not taken: tests/log"),
    ("sigtimedwait", "of a signal that is pending, which it takes: tests/log"),
    ("pthread_sigmask", "memory, to the caller: its arguments are good"),
    ("_exit", "of a process that dies"),
];

/// Every place of the sources is in the table, and was reached; what is never made to fail
/// there says why.
pub fn check(calls: &[SystemCall]) {
    let listed: BTreeSet<_> = SITES.iter().map(|&(function, call, _)| (function, call)).collect();
    let found = places();
    let found: BTreeSet<_> =
        found.iter().map(|(function, call)| (function.as_str(), call.as_str())).collect();
    assert_eq!(found, listed, "the places of src/sys, and those of this table");

    let mut spared = BTreeMap::new();
    for (function, name, parts) in SITES {
        let fits = |call: &&SystemCall| parts.iter().any(|(name, part)| call.fits(name, part));
        let reached: Vec<_> = calls.iter().filter(fits).collect();
        assert!(!reached.is_empty(), "no scenario reaches {function}: {name}");
        if !reached.iter().any(|call| call.can_fail()) {
            spared.insert(*function, errnos::why_not(reached[0]));
        }
    }
    println!(
        "{} places of src/sys that make system calls are reached; {} never fail: {spared:?}",
        SITES.len(),
        spared.len()
    );
}

/// What each function of src/sys calls.
fn places() -> BTreeSet<(String, String)> {
    let mut places = BTreeSet::new();
    let mut files = vec![source("src/sys.rs")];
    files.extend(fs::read_dir(source("src/sys")).unwrap().map(|entry| entry.unwrap().path()));
    for file in &files {
        places_in(file, &mut places);
    }
    places
}

fn places_in(file: &Path, places: &mut BTreeSet<(String, String)>) {
    let text = fs::read_to_string(file).expect("a source");
    let mut function = "";
    for line in text.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
        let named = line.split_once("fn ").and_then(|(_, rest)| rest.split_once(['(', '<']));
        if let Some((name, _)) = named {
            function = name;
        }
        for call in line.split("libc::").skip(1).filter_map(|rest| rest.split_once('(')) {
            let is_function = |name: &str| {
                name.chars()
                    .all(|letter| letter.is_ascii_lowercase() || "_0123456789".contains(letter))
            };
            // die_of's are all of a process that dies.
            let is_here = function != "die_of" && NOT_HERE.iter().all(|(name, _)| *name != call.0);
            if is_function(call.0) && is_here {
                places.insert((function.into(), call.0.into()));
            }
        }
    }
}
