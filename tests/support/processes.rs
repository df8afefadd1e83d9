//! Processes that fork, share memory, wait for each other and are killed.

use std::io::Read;
use std::ops::Deref;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, io, panic, ptr, thread};

/// Against a hang only.
const HANG: Duration = Duration::from_secs(900);

/// Runs a test's body in a process of its own: this test program, started again. It may
/// fork, since the one other thread there, the runner's, only waits for it. What it says
/// on stderr is printed here.
pub fn in_own_process(test: &str, body: impl FnOnce()) {
    const OWN: &str = "UDSOCK_TEST_OWN_PROCESS";
    if env::var_os(OWN).is_some() {
        return body();
    }
    let mut process = Reaped(
        Command::new(env::current_exe().expect("a test is a file"))
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(OWN, "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the test can be started"),
    );
    let start = Instant::now();
    let status = loop {
        if let Some(status) = process.0.try_wait().expect("our child") {
            break status;
        }
        assert!(start.elapsed() < HANG, "{test} hangs");
        thread::sleep(Duration::from_millis(10));
    };
    let (mut report, mut said) = (String::new(), String::new());
    process.0.stdout.take().unwrap().read_to_string(&mut report).expect("UTF-8");
    process.0.stderr.take().unwrap().read_to_string(&mut said).expect("UTF-8");
    print!("{said}");
    assert!(status.success(), "{test}: {status}");
    assert!(report.contains("1 passed"), "{test} was not found: {report}");
}

struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A forked process, killed with its owner.
pub struct Process {
    id: i32,
    reaped: bool,
}

/// Runs the body in a fork. Only in a process of the test's own.
pub fn fork(body: impl FnOnce()) -> Process {
    // SAFETY: no arguments.
    let parent = unsafe { libc::getpid() };
    // SAFETY: the runner's thread waits, and holds no lock.
    let id = unsafe { libc::fork() };
    assert!(id >= 0, "{}", io::Error::last_os_error());
    if id > 0 {
        return Process { id, reaped: false };
    }
    // SAFETY: no pointers. The parent may have ended before this.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != parent {
            libc::_exit(1);
        }
    }
    let result = panic::catch_unwind(panic::AssertUnwindSafe(body));
    // SAFETY: no pointers. Unwinding would end in the runner.
    unsafe { libc::_exit(result.is_err().into()) }
}

impl Process {
    pub fn id(&self) -> i32 {
        assert!(!self.reaped, "the number may be another's");
        self.id
    }

    pub fn kill(&self) {
        // SAFETY: no pointers; the number is still this process's.
        unsafe { libc::kill(self.id(), libc::SIGKILL) };
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.reap(0).expect("it has ended")
    }

    /// `None`: it still runs.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.reap(libc::WNOHANG)
    }

    fn reap(&mut self, flags: i32) -> Option<ExitStatus> {
        let mut status = 0;
        // SAFETY: room for an int.
        let id = unsafe { libc::waitpid(self.id, &mut status, flags) };
        assert!(id >= 0, "{}", io::Error::last_os_error());
        self.reaped = id > 0;
        self.reaped.then(|| ExitStatus::from_raw(status))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            self.wait();
        }
    }
}

/// A value that a process and its forks have in common, made of atomics.
pub struct Shared<T: Sync>(*mut T);

impl<T: Sync> Shared<T> {
    pub fn new(value: T) -> Self {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping, wherever there is room.
        let memory = unsafe { libc::mmap(ptr::null_mut(), size_of::<T>(), access, flags, -1, 0) };
        assert_ne!(memory, libc::MAP_FAILED, "{}", io::Error::last_os_error());
        let place = memory.cast::<T>();
        // SAFETY: it is of this size, and begins with a page.
        unsafe { place.write(value) };
        Self(place)
    }
}

impl<T: Sync> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: written when it was made, and only shared since.
        unsafe { &*self.0 }
    }
}

impl<T: Sync> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping that was made.
        unsafe { libc::munmap(self.0.cast(), size_of::<T>()) };
    }
}

/// Where so many processes wait for the last of them, again and again.
pub struct Barrier {
    processes: u32,
    arrived: AtomicU32,
    turn: AtomicU32,
}

impl Barrier {
    pub fn new(processes: u32) -> Self {
        Self { processes, arrived: AtomicU32::new(0), turn: AtomicU32::new(0) }
    }

    pub fn wait(&self) {
        let turn = self.turn.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.processes {
            self.arrived.store(0, Ordering::Relaxed);
            self.turn.fetch_add(1, Ordering::Release);
            self.futex(libc::FUTEX_WAKE, i32::MAX as u32);
            return;
        }
        while self.turn.load(Ordering::Acquire) == turn {
            self.futex(libc::FUTEX_WAIT, turn);
        }
    }

    fn futex(&self, operation: i32, value: u32) {
        let no_timeout = ptr::null::<libc::timespec>();
        // SAFETY: the word outlives the call.
        unsafe { libc::syscall(libc::SYS_futex, self.turn.as_ptr(), operation, value, no_timeout) };
    }
}

/// Numbers without a pattern (xorshift), the same in every run.
pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        Self::seeded(0)
    }

    /// Other numbers for each seed.
    pub fn seeded(seed: u64) -> Self {
        Self(0x9E37_79B9_7F4A_7C15 ^ seed)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
