//! A thread that does not leave its call when the handle is closed: here a signal handler
//! keeps it, as a debugger would. Nobody waits for it long, and it never gets at anything
//! that is not its own.

use support::*;

use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::thread::JoinHandleExt;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread::{JoinHandle, spawn, yield_now};
use std::{fs, mem, ptr};

use udsock::abi::poller::*;

static CALLS: AtomicBool = AtomicBool::new(false);
static IS_HELD: AtomicBool = AtomicBool::new(false);
static MAY_LEAVE: AtomicBool = AtomicBool::new(false);
static TASK: AtomicI32 = AtomicI32::new(0);

extern "C" fn hold(_: i32) {
    IS_HELD.store(true, Ordering::SeqCst);
    while !MAY_LEAVE.load(Ordering::SeqCst) {
        std::hint::spin_loop();
    }
}

/// They share the handler, and look at numbers that become free.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A thread that is held in the middle of a call.
struct Held(JoinHandle<i64>);

impl Held {
    fn in_call(call: impl FnOnce() -> i64 + Send + 'static) -> Self {
        for flag in [&CALLS, &IS_HELD, &MAY_LEAVE] {
            flag.store(false, Ordering::SeqCst);
        }
        // SAFETY: all zero is an action; the handler only looks at atomics.
        unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            action.sa_sigaction = hold as extern "C" fn(i32) as usize;
            assert_eq!(libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()), 0);
        }
        let thread = spawn(move || {
            // SAFETY: no arguments.
            TASK.store(unsafe { libc::gettid() }, Ordering::SeqCst);
            CALLS.store(true, Ordering::SeqCst);
            call()
        });
        while !CALLS.load(Ordering::SeqCst) || !is_asleep(TASK.load(Ordering::SeqCst)) {
            yield_now();
        }
        // SAFETY: the thread runs.
        assert_eq!(unsafe { libc::pthread_kill(thread.as_pthread_t() as _, libc::SIGUSR1) }, 0);
        while !IS_HELD.load(Ordering::SeqCst) {
            yield_now();
        }
        Self(thread)
    }

    /// What its call returned, when it could.
    fn leave(self) -> i64 {
        MAY_LEAVE.store(true, Ordering::SeqCst);
        self.0.join().unwrap()
    }
}

fn is_asleep(task: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/self/task/{task}/stat")).expect("it runs");
    stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" S"))
}

/// What a descriptor leads to.
fn what_is(fd: i32) -> Option<String> {
    let link = fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    Some(link.to_str().expect("UTF-8").to_owned())
}

#[test]
fn a_socket_is_closed_all_the_same() {
    let _alone = alone();
    let (here, there) = pair(UDSOCK_STREAM);
    let (handle, fd) = (here.0, here.fd());
    let held = Held::in_call(move || mem::ManuallyDrop::new(Sock(handle)).recv_into(&mut [0], -1));

    assert_eq!(here.close(), 0);
    assert_eq!(there.recv(FOREVER), Err(EOF), "its peer sees the end at once");
    assert_eq!(what_is(fd).as_deref(), Some("/"), "the number is taken, by nothing of use");
    assert_eq!(here.close(), no(libc::EBADF));

    assert_eq!(held.leave(), CLOSED);
    assert_eq!(what_is(fd), None, "now it is free");
}

#[test]
fn a_socket_is_given_out_as_another_number() {
    let _alone = alone();
    let (here, there) = pair(UDSOCK_STREAM);
    let (handle, fd) = (here.0, here.fd());
    let held = Held::in_call(move || mem::ManuallyDrop::new(Sock(handle)).recv_into(&mut [0], -1));

    let released = here.release();
    assert!(released >= 0 && released != fd, "{released}");
    // SAFETY: it was given to this test.
    let ours = UnixStream::from(unsafe { OwnedFd::from_raw_fd(released) });
    assert_eq!(there.send(b"x", 0), 1);
    assert_eq!(what_is(fd).as_deref(), Some("/"));

    assert_eq!(held.leave(), CLOSED);
    assert_eq!(what_is(fd), None);
    let mut byte = [0];
    std::io::Read::read_exact(&mut &ours, &mut byte).unwrap();
    assert_eq!(&byte, b"x", "the one that was held has taken nothing");
}

#[test]
fn a_poller_is_closed_all_the_same() {
    let _alone = alone();
    // SAFETY: NULL is all defaults.
    let poller = Sock(unsafe { udsock_poller_create(ptr::null()) });
    let (handle, fd) = (poller.0, udsock_poller_fd(poller.0));
    let (member, peer) = pair(UDSOCK_SEQPACKET);
    assert_eq!(udsock_poller_add(handle, member.0, 7, 0), 0);
    let held = Held::in_call(move || {
        // SAFETY: all zero is an event.
        let (mut event, mut arena) = (unsafe { mem::zeroed() }, [0_u8; 64]);
        // SAFETY: room of these sizes.
        unsafe {
            udsock_poller_wait(handle, &mut event, 1, arena.as_mut_ptr().cast(), arena.len(), -1)
        }
    });

    assert_eq!(poller.close(), 0);
    assert_eq!(what_is(fd).as_deref(), Some("/"));
    let left = held.leave();
    assert!(left == CLOSED || left == no(libc::EINTR), "{left}");
    assert_eq!(what_is(fd), None);
    assert_eq!(peer.send(b"still there", 0), 11);
    assert_eq!(member.recv(0).as_deref(), Ok(&b"still there"[..]));
}
