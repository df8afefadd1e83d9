//! Waiting until a socket is ready, a deadline passes, a signal comes, or another thread closes the
//! socket.
//!
//! A call tries first, and waits only if there is nothing to do. So a wait begins after an attempt
//! that found nothing, and ends before another attempt. The only call that blocks in the kernel is
//! poll, since it alone can be woken from outside: close and shutdown wake neither accept nor
//! connect nor a datagram's send.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::spin::{Spin, Spinning};
use crate::sys;

/// How long a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// As long as it takes.
    Forever,
    /// At most so long; 0: the call does not wait.
    Milliseconds(u32),
}

impl Timeout {
    /// The call does not wait.
    pub(crate) const NONE: Self = Self::Milliseconds(0);
}

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Readable,
    /// Readable, where the kernel returns EAGAIN also after a shutdown, so that only poll shows it.
    ReadableOrShut,
    /// The same, for a server.
    Client,
    Writable,
    /// Something that poll does not report: room in a full backlog, or for a datagram of a socket
    /// that is not connected. The wait makes pauses that grow.
    Unpollable,
}

impl Readiness {
    fn tells_of_shutdown(self) -> bool {
        matches!(self, Self::ReadableOrShut | Self::Client)
    }

    #[inline(always)]
    fn is_reading(self) -> bool {
        matches!(self, Self::Readable | Self::ReadableOrShut | Self::Client)
    }
}

const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// How often in a row poll may say "ready" while the attempt finds nothing: others may have been
/// quicker. After that there are pauses between the attempts.
const USELESS_WAKES: u32 = 4;

/// What a wait tries. Most attempts are closures; one that has to be inlined has a type.
pub(crate) trait Attempt {
    /// What it returns when it succeeds.
    type Done;

    /// `shut_down`: whether the reading side is known to be shut down, although the kernel goes on
    /// returning EAGAIN.
    fn make(&mut self, shut_down: bool) -> Result<Self::Done>;
}

impl<T, F: FnMut(bool) -> Result<T>> Attempt for F {
    type Done = T;

    #[inline(always)]
    fn make(&mut self, shut_down: bool) -> Result<T> {
        self(shut_down)
    }
}

/// The waits of one call, all within one deadline.
pub(crate) struct Wait {
    timeout: Timeout,
    deadline: Option<Instant>,
    wakes: u32,
    pause: Duration,
    phase: Phase,
}

/// The phases of a wait, which may spin before it sleeps.
enum Phase {
    Begin,
    Wait(Option<Spinning>),
}

impl Wait {
    pub(crate) fn new(timeout: Timeout) -> Self {
        Self { timeout, deadline: None, wakes: 0, pause: FIRST_PAUSE, phase: Phase::Begin }
    }

    /// Makes attempts until one succeeds or fails, or the wait ends.
    ///
    /// This is inlined together with the attempt, like all that lies between an export and its
    /// system call: branches and returns after a system call cost more than the work itself. So the
    /// attempt is called in one place only, and straight on. What seldom comes before it, and what
    /// comes after an attempt that has found nothing, is in functions of its own.
    #[inline(always)]
    pub(crate) fn until<A: Attempt>(
        &mut self,
        fd: BorrowedFd<'_>,
        interrupt: &Interrupt,
        spin: &Spin,
        readiness: Readiness,
        mut attempt: A,
    ) -> Result<A::Done> {
        let mut shut_down = false;
        let mut before = interrupt.state();
        if readiness.is_reading() && spin.expects_nothing() {
            shut_down = self.begin_with_wait(fd, interrupt, spin, before, readiness)?;
            before = interrupt.state();
        }
        loop {
            match attempt.make(shut_down) {
                Ok(done) => {
                    self.note_done(spin, readiness);
                    return Ok(done);
                }
                Err(error) => {
                    shut_down = self.next(fd, interrupt, spin, before, readiness, error)?;
                }
            }
            before = interrupt.state();
        }
    }

    #[inline(always)]
    fn note_done(&mut self, spin: &Spin, readiness: Readiness) {
        self.wakes = 0;
        match self.phase {
            Phase::Begin if readiness.is_reading() => spin.note_found(),
            Phase::Begin => spin.note_sent(),
            Phase::Wait(_) => self.end(spin),
        }
    }

    /// Begins with the wait: the first attempts of the last waits found nothing.
    #[cold]
    fn begin_with_wait(
        &mut self,
        fd: BorrowedFd<'_>,
        interrupt: &Interrupt,
        spin: &Spin,
        before: u32,
        readiness: Readiness,
    ) -> Result<bool> {
        if self.is_none() {
            return Ok(false);
        }
        self.next(fd, interrupt, spin, before, readiness, Error::EAGAIN)
    }

    /// Whether to make another attempt at once. A wait begins with such attempts where they are of
    /// use.
    fn spins(&mut self, spin: &Spin, readiness: Readiness) -> bool {
        let may_wait = !self.is_none();
        match &mut self.phase {
            Phase::Begin if readiness.is_reading() && may_wait => {
                let spinning = spin.begin(readiness == Readiness::Client);
                let tries = spinning.as_ref().is_some_and(Spinning::tries);
                self.phase = Phase::Wait(spinning);
                tries
            }
            Phase::Wait(Some(spinning)) => spin.goes_on(spinning),
            _ => false,
        }
    }

    /// Notes how the wait went, as it is over.
    #[cold]
    fn end(&mut self, spin: &Spin) {
        match std::mem::replace(&mut self.phase, Phase::Begin) {
            Phase::Begin => {}
            Phase::Wait(None) => spin.note_missed(),
            Phase::Wait(Some(spinning)) => spin.end(&spinning),
        }
    }

    /// After an attempt that failed: waits until there is reason for another one. Returns whether
    /// the reading side is shut down.
    #[cold]
    fn next(
        &mut self,
        fd: BorrowedFd<'_>,
        interrupt: &Interrupt,
        spin: &Spin,
        before: u32,
        readiness: Readiness,
        error: Error,
    ) -> Result<bool> {
        if error == Error::EINTR && self.is_none() {
            // A call that does not wait is not interrupted: it tries again.
            return Ok(false);
        }
        if error == Error::EAGAIN && self.spins(spin, readiness) {
            return Ok(false);
        }
        if error != Error::EAGAIN {
            self.end(spin);
            // The descriptor may have been taken away during the attempt.
            return Err(if interrupt.is_closed() { Error::Closed } else { error });
        }
        if self.is_none() {
            let shut = readiness.tells_of_shutdown() && is_shut(fd)?;
            return if shut { Ok(true) } else { Err(Error::EAGAIN) };
        }
        let left = self.time_left()?;
        let pausing = readiness == Readiness::Unpollable || self.wakes >= USELESS_WAKES;
        let limit = if pausing { self.next_pause() } else { Duration::MAX };
        let events = match readiness.is_reading() {
            _ if pausing => 0,
            true => libc::POLLIN | libc::POLLRDHUP,
            false => libc::POLLOUT,
        };
        let fd = (!pausing).then_some(fd);
        spin.count_sleep();
        let revents = interrupt.sleep(before, fd, events, earlier(left, limit))?;
        match (pausing, revents) {
            // After a pause poll is asked again: perhaps it tells the truth now.
            (true, _) => self.wakes = self.wakes.saturating_sub(1),
            (false, 0) => {}
            (false, _) => self.wakes += 1,
        }
        Ok(revents & libc::POLLRDHUP != 0)
    }

    /// Whether the call does not wait at all.
    pub(crate) fn is_none(&self) -> bool {
        self.timeout == Timeout::NONE
    }

    /// For a call that is kept busy without ever having to wait: fails once its time is over. A
    /// call that does not wait may go on.
    pub(crate) fn check(&mut self) -> Result<()> {
        if self.is_none() { Ok(()) } else { self.time_left().map(drop) }
    }

    /// The same, and notices a signal or a closing, which a busy call would miss.
    pub(crate) fn breathe(&mut self, interrupt: &Interrupt) -> Result<()> {
        const BREATH: Duration = Duration::from_millis(1);
        if self.is_none() {
            return Ok(());
        }
        let time = earlier(self.time_left()?, BREATH);
        interrupt.sleep(interrupt.state(), None, 0, time).map(drop)
    }

    /// How long something else may take within this wait.
    pub(crate) fn patience(&mut self) -> Duration {
        if self.is_none() {
            return Duration::ZERO;
        }
        self.time_left().map_or(Duration::ZERO, |left| left.unwrap_or(Duration::MAX))
    }

    /// `None`: forever.
    pub(crate) fn time_left(&mut self) -> Result<Option<Duration>> {
        let milliseconds = match self.timeout {
            Timeout::Forever => return Ok(None),
            Timeout::Milliseconds(milliseconds) => milliseconds,
        };
        let now = Instant::now();
        let deadline = *self
            .deadline
            .get_or_insert_with(|| now + Duration::from_millis(u64::from(milliseconds)));
        match deadline.checked_duration_since(now) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(Error::ETIMEDOUT),
        }
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = LONGEST_PAUSE.min(pause * 2);
        pause
    }
}

/// Whether there is something to receive or to accept, or the end, without waiting.
pub(crate) fn is_readable(fd: BorrowedFd<'_>) -> Result<bool> {
    let [revents] = sys::poll([(Some(fd), libc::POLLIN)], Some(Duration::ZERO))?;
    Ok(revents != 0)
}

/// Whether the reading side is shut down, without waiting.
pub(crate) fn is_shut(fd: BorrowedFd<'_>) -> Result<bool> {
    let [revents] = sys::poll([(Some(fd), libc::POLLRDHUP)], Some(Duration::ZERO))?;
    Ok(revents & libc::POLLRDHUP != 0)
}

fn earlier(left: Option<Duration>, limit: Duration) -> Option<Duration> {
    match left {
        None if limit == Duration::MAX => None,
        None => Some(limit),
        Some(left) => Some(left.min(limit)),
    }
}
