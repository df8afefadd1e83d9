//! Waiting for many descriptors: epoll(7), and a timer to wait for among them.

use std::mem::{MaybeUninit, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use super::{check, handles_signals, milliseconds, own};
use crate::error::{Error, Result};

pub(crate) const READABLE: u32 = libc::EPOLLIN as u32;
pub(crate) const WRITABLE: u32 = libc::EPOLLOUT as u32;
/// The peer's sending side was shut down, or one's own receiving side.
pub(crate) const SHUT: u32 = libc::EPOLLRDHUP as u32;
/// Of several epolls that watch a descriptor only some are woken. This can't be changed later.
pub(crate) const EXCLUSIVE: u32 = libc::EPOLLEXCLUSIVE as u32;

pub(crate) fn epoll() -> Result<OwnedFd> {
    // SAFETY: no pointers.
    own(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })
}

/// Begins to watch for these events, which come with this number. EEXIST: it is watched already.
pub(crate) fn watch(
    epoll: BorrowedFd<'_>,
    fd: BorrowedFd<'_>,
    events: u32,
    number: u64,
) -> Result<()> {
    control(epoll, libc::EPOLL_CTL_ADD, fd, events, number)
}

/// Changes the events of what is watched already.
pub(crate) fn watch_for(
    epoll: BorrowedFd<'_>,
    fd: BorrowedFd<'_>,
    events: u32,
    number: u64,
) -> Result<()> {
    control(epoll, libc::EPOLL_CTL_MOD, fd, events, number)
}

pub(crate) fn unwatch(epoll: BorrowedFd<'_>, fd: BorrowedFd<'_>) -> Result<()> {
    control(epoll, libc::EPOLL_CTL_DEL, fd, 0, 0)
}

fn control(
    epoll: BorrowedFd<'_>,
    operation: i32,
    fd: BorrowedFd<'_>,
    events: u32,
    number: u64,
) -> Result<()> {
    let mut event = libc::epoll_event { events, u64: number };
    // SAFETY: the event lives through the call.
    check(unsafe { libc::epoll_ctl(epoll.as_raw_fd(), operation, fd.as_raw_fd(), &raw mut event) })
        .map(drop)
}

/// What is ready: at most this many at a time.
pub(crate) struct Ready {
    events: [MaybeUninit<libc::epoll_event>; Ready::MOST],
    count: usize,
}

impl Ready {
    pub(crate) const MOST: usize = 256;

    pub(crate) fn new() -> Self {
        Self { events: [const { MaybeUninit::uninit() }; Self::MOST], count: 0 }
    }

    /// Each one's number, and what happened to it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u32)> {
        self.events[..self.count].iter().map(|event| {
            // SAFETY: the kernel has filled in `count` of them.
            let event = unsafe { event.assume_init() };
            (event.u64, event.events)
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Without waiting: what is ready, at most so many.
    pub(crate) fn look(&mut self, epoll: BorrowedFd<'_>, most: usize) -> Result<()> {
        self.wait(epoll, most, Some(Duration::ZERO))
    }

    /// Waits until something is ready. If nothing is, the time ran out, or the thread was stopped
    /// and has gone on.
    ///
    /// A stop (SIGSTOP, a debugger) interrupts it like a signal handler that ran. The two can be
    /// told apart only if the program handles no signal. poll(2) is not interrupted by a stop; but
    /// if threads wait for an epoll with poll(2), EXCLUSIVE wakes all of them.
    pub(crate) fn wait(
        &mut self,
        epoll: BorrowedFd<'_>,
        most: usize,
        timeout: Option<Duration>,
    ) -> Result<()> {
        self.count = 0;
        let most = most.clamp(1, Self::MOST) as i32;
        let time = timeout.map_or(-1, milliseconds);
        // SAFETY: there is room for MOST events.
        let result = check(unsafe {
            libc::epoll_wait(epoll.as_raw_fd(), self.events.as_mut_ptr().cast(), most, time)
        });
        match result {
            Ok(count) => self.count = count as usize,
            Err(Error::EINTR) if time == 0 || !handles_signals() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// A descriptor that becomes readable when its time has come (timerfd_create(2)).
pub(crate) fn timer() -> Result<OwnedFd> {
    let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
    // SAFETY: no pointers.
    own(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) })
}

/// Makes it readable after this time, and not before. `None`: never.
pub(crate) fn set_timer(timer: BorrowedFd<'_>, time: Option<Duration>) -> Result<()> {
    // SAFETY: numbers; all zero disarms.
    let mut setting: libc::itimerspec = unsafe { zeroed() };
    if let Some(time) = time {
        let time = time.max(Duration::from_nanos(1));
        setting.it_value.tv_sec = time.as_secs() as _;
        setting.it_value.tv_nsec = time.subsec_nanos() as _;
    }
    // SAFETY: the setting lives through the call; the old one is not wanted.
    check(unsafe {
        libc::timerfd_settime(timer.as_raw_fd(), 0, &raw const setting, ptr::null_mut())
    })
    .map(drop)
}
