//! A storm of signals, which rages in a process of its own: handlers are the whole
//! process's.

use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, io, panic, process, ptr, thread};

use crate::*;

/// Against a hang only.
const HANG: Duration = Duration::from_secs(600);

/// With and without it: waits are to end in either case.
pub const HANDLERS: [i32; 2] = [0, libc::SA_RESTART];

/// Runs a test's body in a process of its own: this test program, started again.
pub fn in_own_process(test: &str, body: impl FnOnce()) {
    const OWN: &str = "UDSOCK_TEST_OWN_PROCESS";
    if env::var_os(OWN).is_some() {
        // Other threads may wait for ever for one that has failed.
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            print(info);
            process::abort();
        }));
        return body();
    }
    let process = Command::new(env::current_exe().expect("a test is a file"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(OWN, "1")
        .stdout(Stdio::null())
        .spawn()
        .expect("the test can be started");
    let mut process = Reaped(process);
    let start = Instant::now();
    let status = loop {
        if let Some(status) = process.0.try_wait().expect("our child") {
            break status;
        }
        assert!(start.elapsed() < HANG, "{test} hangs");
        thread::sleep(Duration::from_millis(10));
    };
    assert!(status.success(), "{test}: {status}");
}

struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn handler(_: i32) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// How many signals the handlers have had.
pub fn handled() -> u64 {
    HANDLED.load(Ordering::Relaxed)
}

pub fn install_handler(signal: i32, flags: i32) {
    // SAFETY: numbers and pointers: all zero is an empty one.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as extern "C" fn(i32) as usize;
    action.sa_flags = flags;
    // SAFETY: the handler only counts.
    let result = unsafe { libc::sigaction(signal, &action, ptr::null_mut()) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

/// Threads at which signals are thrown.
#[derive(Default)]
pub struct Storm {
    targets: Mutex<Vec<i32>>,
    over: AtomicBool,
    /// How many calls have been interrupted.
    pub interrupted: AtomicU64,
}

impl Storm {
    /// Signals to all that join it, 1 to 5 thousand a second, with a lull after so
    /// many, while the body runs.
    pub fn rage(flags: i32, burst: u64, lull: Duration, body: impl FnOnce(&Self)) {
        let storm = Self::default();
        install_handler(libc::SIGUSR1, flags);
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0_u64.. {
                    if storm.over.load(Ordering::Relaxed) {
                        break;
                    }
                    thread::sleep(Duration::from_micros(200 + round % 5 * 200));
                    storm.strike();
                    if round % burst == burst - 1 {
                        thread::sleep(lull);
                    }
                }
            });
            let _calm = Calm(&storm);
            body(&storm);
        });
        assert!(storm.interrupted.into_inner() > 0, "signals came while calls waited");
    }

    fn strike(&self) {
        for target in self.targets.lock().unwrap().iter() {
            // SAFETY: no pointers. A thread that has ended is not found.
            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), *target, libc::SIGUSR1) };
        }
    }

    pub fn join(&self) {
        // SAFETY: no arguments.
        self.targets.lock().unwrap().push(unsafe { libc::gettid() });
    }

    /// Calls until it is done, and checks that no timeout is early. Timeouts vary.
    pub fn call(&self, mut call: impl FnMut(i32) -> i64) -> i64 {
        for timeout_ms in [1, FOREVER, 30].into_iter().cycle() {
            let start = Instant::now();
            let result = call(timeout_ms);
            if result == no(libc::EINTR) {
                self.interrupted.fetch_add(1, Ordering::Relaxed);
            } else if result == no(libc::ETIMEDOUT) {
                check_late(start, timeout_ms, "a transfer");
            } else {
                assert!(result >= 0, "{}", name_of(result));
                return result;
            }
        }
        unreachable!("the timeouts repeat for ever")
    }
}

/// Ends the storm, also when the body panics.
struct Calm<'a>(&'a Storm);

impl Drop for Calm<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

pub fn check_late(start: Instant, timeout_ms: i32, name: &str) {
    let timeout = u64::try_from(timeout_ms).expect("only a timeout can run out");
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(timeout), "{name}: {waited:?} of {timeout} ms");
}

/// Runs a transfer under either handler, without a lull.
pub fn under_signals(test: &str, scaled_down: u64, body: impl Fn(&Storm, u64)) {
    in_own_process(test, || {
        let count = repeat("UDSOCK_STORM_COUNT", scaled_down);
        for flags in HANDLERS {
            Storm::rage(flags, u64::MAX, Duration::ZERO, |storm| body(storm, count));
        }
    });
}

/// Signals to the thread that made it, as a profiler sends them.
pub struct Timer(libc::timer_t);

impl Timer {
    pub fn new() -> Self {
        // SAFETY: numbers and pointers: all zero is an empty one.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGALRM;
        // SAFETY: no arguments.
        event.sigev_notify_thread_id = unsafe { libc::gettid() };
        let mut timer = ptr::null_mut();
        // SAFETY: an event, and room for a timer.
        let result = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
        Self(timer)
    }

    pub fn every(&self, microseconds: i64) {
        let interval = libc::timespec { tv_sec: 0, tv_nsec: (microseconds * 1_000) as _ };
        let timer = libc::itimerspec { it_interval: interval, it_value: interval };
        // SAFETY: our timer, its times, and NULL for the former ones.
        let result = unsafe { libc::timer_settime(self.0, 0, &timer, ptr::null_mut()) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: our timer.
        unsafe { libc::timer_delete(self.0) };
    }
}
