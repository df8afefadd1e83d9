//! Processes and threads: a child for what concerns a whole process, a thread that is
//! known to sleep in a call.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, Scope, ScopedJoinHandle, sleep};
use std::time::{Duration, Instant};
use std::{env, fs, ptr};

use crate::sleeping::is_asleep;
use crate::*;

/// A timeout that is never reached: it only ends a test that would hang.
pub const LONG: i32 = 20_000;
/// What took this long was ended by that timeout, and not woken.
const WOKEN: Duration = Duration::from_secs(15);

/// Against a hang only, on whatever machine.
const HANG: Duration = Duration::from_secs(600);

const CHILD: &str = "UDSOCK_TEST_IS_CHILD";

/// Runs the body of the calling test in a process of its own, which it may change as it
/// likes (umask, directory, limits, signals, user) and fork: no other test runs there.
pub fn in_child(body: impl FnOnce()) {
    if env::var_os(CHILD).is_some() {
        return body();
    }
    let this = thread::current();
    let test = this.name().expect("the runner names a test's thread after the test");
    let mut child = Killed(
        Command::new(env::current_exe().expect("this program"))
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, "1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test starts again"),
    );
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.0.try_wait().expect("it is our child") {
            break status;
        }
        assert!(start.elapsed() < HANG, "{test} hangs in its child");
        sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{test} in its child: {status}");
    let mut said = String::new();
    child.0.stdout.take().unwrap().read_to_string(&mut said).expect("UTF-8");
    assert!(said.contains("1 passed"), "{test} was not found by its child: {said}");
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// In a fork: the body's answer is the exit status. Only in a child.
pub fn in_fork(body: impl FnOnce() -> bool) -> i32 {
    // SAFETY: no other thread of a child does anything now.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(false);
        // SAFETY: without unwinding into the runner.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    let mut status = 0;
    // SAFETY: room for an int.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    status
}

/// Runs in a thread of a fork, after the fork's first thread has ended. Returns its status.
pub fn in_fork_without_first_thread(body: impl FnOnce() + Send + 'static) -> i32 {
    in_fork(move || {
        thread::spawn(move || {
            let stat = || fs::read_to_string(format!("/proc/{}/stat", std::process::id()));
            while !stat().unwrap().contains(") Z ") {
                thread::yield_now();
            }
            let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).is_ok();
            // SAFETY: without unwinding into the runner.
            unsafe { libc::_exit(i32::from(!good)) };
        });
        // SAFETY: only this thread ends, and the others need nothing of its stack.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
        false
    })
}

const NOBODY: u32 = 65_534;

pub fn is_root() -> bool {
    // SAFETY: no pointers.
    unsafe { libc::geteuid() == 0 }
}

/// Runs as a user without rights, as root does not notice permissions. Only in a child.
pub fn without_rights<T>(body: impl FnOnce() -> T) -> T {
    as_user(NOBODY, body)
}

/// Runs as a user that nobody else is, for what is counted for each user. Only in a child.
pub fn as_own_user<T>(body: impl FnOnce() -> T) -> T {
    as_user(1_000_000 + std::process::id(), body)
}

fn as_user<T>(user: u32, body: impl FnOnce() -> T) -> T {
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: no pointers.
            unsafe {
                libc::setresuid(0, 0, 0);
                libc::setresgid(0, 0, 0);
            }
        }
    }
    if !is_root() {
        return body();
    }
    // SAFETY: no pointers but a list of length 0.
    unsafe {
        assert_eq!(libc::setgroups(0, ptr::null()), 0);
        assert_eq!(libc::setresgid(user, user, 0), 0);
        assert_eq!(libc::setresuid(user, user, 0), 0);
    }
    let _restore = Restore;
    body()
}

/// A file system of the test's own, gone with this. Only in a child; `None`, and said so,
/// where this user may not mount.
pub struct Mounted(std::ffi::CString);

impl Mounted {
    pub fn new(test: &str, directory: &str, flags: u64, options: &str) -> Option<Self> {
        fs::create_dir_all(directory).expect("a directory to mount on");
        let place = c(directory);
        let (root, tmpfs, options) = (c"/".as_ptr(), c"tmpfs".as_ptr(), c(options));
        // SAFETY: C strings and NULL.
        let mounted = unsafe {
            libc::unshare(libc::CLONE_NEWNS) == 0
                && libc::mount(
                    ptr::null(),
                    root,
                    ptr::null(),
                    libc::MS_REC | libc::MS_PRIVATE,
                    ptr::null(),
                ) == 0
                && libc::mount(tmpfs, place.as_ptr(), tmpfs, flags as _, options.as_ptr().cast()) == 0
        };
        if !mounted {
            let error = std::io::Error::last_os_error();
            skip(test, &format!("a file system can't be mounted: {error}"));
            return None;
        }
        Some(Self(place))
    }

    pub fn unmount(&self, flags: i32) -> i64 {
        // SAFETY: a C string.
        crate::raw::answer(unsafe { libc::umount2(self.0.as_ptr(), flags) } as isize)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.unmount(libc::MNT_DETACH);
    }
}

/// A thread in a call.
pub struct Sleeper<'scope, T> {
    thread: ScopedJoinHandle<'scope, T>,
    id: i32,
    start: Instant,
}

/// Starts the call on a thread, and returns once that thread sleeps in it.
pub fn asleep<'scope, T: std::marker::Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    call: impl FnOnce() -> T + std::marker::Send + 'scope,
) -> Sleeper<'scope, T> {
    let (tell, told) = mpsc::channel();
    let thread = scope.spawn(move || {
        // SAFETY: no pointers.
        tell.send(unsafe { libc::gettid() }).unwrap();
        call()
    });
    let id = told.recv().expect("the thread has started");
    let start = Instant::now();
    while !thread.is_finished() && !is_asleep(id) && start.elapsed() < Duration::from_secs(5) {
        sleep(Duration::from_micros(200));
    }
    Sleeper { thread, id, start }
}

impl<T> Sleeper<'_, T> {
    /// The call's result, which must have come before its timeout.
    pub fn join(self) -> T {
        let result = self.thread.join();
        assert!(self.start.elapsed() < WOKEN, "nothing woke the call");
        result.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    }

    /// Sends the signal until the call ends: one that comes between two short sleeps of
    /// a call interrupts nothing.
    pub fn interrupt(self, signal: i32) -> T {
        while !self.thread.is_finished() {
            // SAFETY: no pointers.
            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), self.id, signal) };
            sleep(Duration::from_millis(1));
        }
        self.join()
    }
}

/// Of the calling thread.
fn usage() -> libc::rusage {
    // SAFETY: room for a rusage, which all zero is.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &mut usage), 0);
        usage
    }
}

/// How often the calling thread has slept. A machine that is busy makes sleeps longer, and not more.
pub fn sleeps() -> libc::c_long {
    usage().ru_nvcsw
}

/// What the calling thread has used of the processor.
pub fn processor_time() -> Duration {
    let usage = usage();
    [usage.ru_utime, usage.ru_stime]
        .iter()
        .map(|time| {
            Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
        })
        .sum()
}
