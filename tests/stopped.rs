//! Only a signal handler that ran ends a wait: not that the process was stopped and went on
//! (Ctrl-Z and fg, a container that is paused), and not a debugger that came by. The time of
//! the wait goes on meanwhile. And a call that is not to wait is not interrupted at all.
//!
//! Whole with UDSOCK_SIGNAL_CALLS=200000.

use support::*;
use support::{processes, sleeping, storm, waiting};

use waiting::*;

use processes::{Process, fork, in_own_process};

use storm::{HANDLERS, Timer, handled, install_handler};

use std::ptr;
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use udsock::abi::poller::*;

/// A call that waits.
struct Waiting {
    name: String,
    call: Box<dyn Fn(i32) -> i64>,
    at_once: i64,
}

fn all(dir: &Dir) -> Vec<Waiting> {
    let sockets = situations(dir).into_iter().map(|situation| {
        let Situation { name, socket, call, at_once, unblock } = situation;
        // What blocks the call stays with it.
        let owned = Rc::new((socket, unblock));
        let call = Box::new(move |timeout_ms| call(owned.0.0, timeout_ms));
        Waiting { name, call, at_once }
    });
    sockets.chain(pollers(dir)).collect()
}

/// Pollers with nobody, with members, with a server, and with one that is another's, too. They
/// are made where they wait: a forked child can't use its parent's.
fn pollers(dir: &Dir) -> Vec<Waiting> {
    let servers = CONNECTED_KINDS.map(|kind| open_server(kind, &dir.path(&format!("p{kind}"))));
    let pairs = KINDS.map(pair);
    let members: [Vec<udsock_t>; 4] = [
        vec![],
        pairs.iter().map(|(socket, _)| socket.0).collect(),
        servers.iter().map(|server| server.0).collect(),
        vec![servers[0].0],
    ];
    let owned = Rc::new((servers, pairs));
    let names = ["nobody", "members", "servers", "a shared server"];
    let all = names.into_iter().zip(members).map(|(name, members)| {
        let owned = owned.clone();
        let call = Box::new(move |timeout_ms| {
            let (poller, other) = (create_poller(), create_poller());
            for member in &members {
                assert_eq!(udsock_poller_add(poller.0, *member, 0, 0), 0);
            }
            if name == "a shared server" {
                assert_eq!(udsock_poller_add(other.0, owned.0[0].0, 0, 0), 0);
            }
            wait(poller.0, timeout_ms)
        });
        Waiting { name: format!("a poller with {name}"), call, at_once: 0 }
    });
    all.collect()
}

fn create_poller() -> Sock {
    // SAFETY: NULL is allowed.
    let poller = unsafe { udsock_poller_create(ptr::null()) };
    assert!(poller > 0, "{}", name_of(poller));
    Sock(poller)
}

fn wait(poller: udsock_t, timeout_ms: i32) -> i64 {
    // SAFETY: all zero is an event.
    let mut event: udsock_event = unsafe { std::mem::zeroed() };
    let mut arena = [0_u8; 64];
    let (room, size) = (arena.as_mut_ptr().cast(), arena.len());
    // SAFETY: room for an event, and so many bytes.
    unsafe { udsock_poller_wait(poller, &mut event, 1, room, size, timeout_ms) }
}

/// Rust's own handlers, for faults: without them a program in C has none.
fn drop_handlers() {
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: the default action.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Each call in a process of its own, which fails if the result is another. They all sleep.
fn asleep(calls: &[Waiting], timeout_ms: i32, result: i64) -> Vec<(String, Process)> {
    let started = calls.iter().map(|waiting| {
        let process = fork(|| {
            let got = (waiting.call)(timeout_ms);
            if got != result {
                eprintln!("{}: {}", waiting.name, name_of(got));
                // (Too many backtraces would fill the pipe to who reads this.)
                std::process::abort();
            }
        });
        (waiting.name.clone(), process)
    });
    let all: Vec<_> = started.collect();
    let start = Instant::now();
    for (_, process) in &all {
        while !sleeping::is_asleep(process.id()) && start.elapsed() < Duration::from_secs(1) {
            sleep(Duration::from_millis(1));
        }
    }
    all
}

/// Sends the signal to all of them.
fn signal(processes: &[(String, Process)], signal: i32) {
    for (_, process) in processes {
        // SAFETY: no pointers. One that has ended is not reaped yet.
        unsafe { libc::kill(process.id(), signal) };
    }
}

/// They are stopped now, or have ended.
fn stop(processes: &[(String, Process)]) {
    signal(processes, libc::SIGSTOP);
    for (_, process) in processes {
        let flags = libc::WSTOPPED | libc::WEXITED | libc::WNOWAIT;
        // SAFETY: room for what happened.
        unsafe {
            let mut what: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(libc::P_PID, process.id() as u32, &mut what, flags);
        }
    }
}

/// A debugger comes, looks, and goes.
fn trace(process: &Process) {
    // SAFETY: no pointers; a child of this thread's.
    unsafe {
        let nothing = ptr::null_mut::<libc::c_void>();
        if libc::ptrace(libc::PTRACE_ATTACH, process.id(), nothing, nothing) == 0 {
            let mut status = 0;
            libc::waitpid(process.id(), &mut status, libc::__WALL);
            libc::ptrace(libc::PTRACE_DETACH, process.id(), nothing, nothing);
        }
    }
}

fn all_succeed(processes: Vec<(String, Process)>) {
    for (name, mut process) in processes {
        assert!(process.wait().success(), "{name}");
    }
}

/// Each wait goes on after them, until its time runs out.
fn stops_and_debuggers_end_nothing() {
    let dir = Dir::new();
    let calls = all(&dir);
    let processes = asleep(&calls, 3_000, no(libc::ETIMEDOUT));
    for _ in 0..3 {
        stop(&processes);
        sleep(Duration::from_millis(20));
        signal(&processes, libc::SIGCONT);
        sleep(Duration::from_millis(50));
        processes.iter().for_each(|(_, process)| trace(process));
        sleep(Duration::from_millis(50));
    }
    all_succeed(processes);
}

#[test]
fn neither_a_stop_nor_a_debugger_ends_a_wait() {
    in_own_process("neither_a_stop_nor_a_debugger_ends_a_wait", || {
        drop_handlers();
        stops_and_debuggers_end_nothing();
    });
}

#[test]
fn nor_where_a_signal_would_remove_the_files() {
    in_own_process("nor_where_a_signal_would_remove_the_files", || {
        drop_handlers();
        // The only handler ends the process: it has not run.
        assert_eq!(udsock_cleanup_on_signal(libc::SIGTERM), 0);
        stops_and_debuggers_end_nothing();
    });
}

#[test]
fn the_time_goes_on_while_a_process_is_stopped() {
    const TEST: &str = "the_time_goes_on_while_a_process_is_stopped";
    if !cfg!(target_arch = "x86_64") {
        return skip(TEST, "no poll(2) that keeps its deadline");
    }
    in_own_process(TEST, || {
        drop_handlers();
        let dir = Dir::new();
        let calls = all(&dir);
        let processes = asleep(&calls, 6_000, no(libc::ETIMEDOUT));
        stop(&processes);
        sleep(Duration::from_millis(6_500));
        let start = Instant::now();
        signal(&processes, libc::SIGCONT);
        all_succeed(processes);
        assert!(start.elapsed() < Duration::from_millis(4_500), "they have waited anew");
    });
}

#[test]
fn a_handler_ends_it_as_ever() {
    in_own_process("a_handler_ends_it_as_ever", || {
        for flags in HANDLERS {
            let dir = Dir::new();
            let calls = all(&dir);
            install_handler(libc::SIGUSR1, flags);
            // After it has been stopped, and by going on itself.
            for (last, handles_going_on) in [(libc::SIGUSR1, false), (libc::SIGCONT, true)] {
                if handles_going_on {
                    install_handler(libc::SIGCONT, flags);
                }
                let mut processes = asleep(&calls, 60_000, no(libc::EINTR));
                stop(&processes);
                signal(&processes, libc::SIGCONT);
                // One that comes between two short sleeps of a call interrupts nothing.
                let start = Instant::now();
                while !processes.is_empty() {
                    assert!(start.elapsed() < Duration::from_secs(50), "{}", processes[0].0);
                    sleep(Duration::from_millis(1));
                    signal(&processes, last);
                    processes.retain_mut(|(name, process)| match process.try_wait() {
                        None => true,
                        Some(status) => {
                            assert!(status.success(), "{name}");
                            false
                        }
                    });
                }
            }
        }
    });
}

#[test]
fn what_does_not_wait_is_not_interrupted() {
    in_own_process("what_does_not_wait_is_not_interrupted", || {
        install_handler(libc::SIGALRM, 0);
        let (dir, timer) = (Dir::new(), Timer::new());
        let before = handled();
        for Waiting { name, call, at_once } in all(&dir) {
            timer.every(30);
            for _ in 0..repeat("UDSOCK_SIGNAL_CALLS", 5_000) {
                assert_eq!(name_of(call(0)), name_of(at_once), "{name}");
            }
        }
        assert!(handled() > before + 1_000, "signals have come");
    });
}
