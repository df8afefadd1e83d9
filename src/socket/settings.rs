//! The settings of a socket that the library changes, and how it restores them: as they were,
//! unless another holder of the socket has changed them since.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::Socket;
use crate::error::Result;
use crate::kind::Kind;
use crate::sys;

/// What may come beside messages. Each is off or on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    Descriptors,
    Credentials,
    Pidfd,
}

impl Pass {
    const ALL: [Self; 3] = [Self::Descriptors, Self::Credentials, Self::Pidfd];

    /// `None`: not every kernel has one.
    fn option(self) -> Option<i32> {
        match self {
            Self::Descriptors => None,
            Self::Credentials => Some(libc::SO_PASSCRED),
            Self::Pidfd => Some(libc::SO_PASSPIDFD),
        }
    }

    /// As the kernel has it.
    pub(crate) fn is_on(self, fd: BorrowedFd<'_>) -> Result<bool> {
        match self.option() {
            None => sys::passes_descriptors(fd),
            Some(option) => sys::option(fd, option).map(|value| value != 0),
        }
    }

    fn set(self, fd: BorrowedFd<'_>, on: bool) -> Result<()> {
        match self.option() {
            None => sys::pass_descriptors(fd, on),
            Some(option) => sys::set_option(fd, option, on.into()),
        }
    }
}

/// The settings that the library has changed, and what they were.
#[derive(Default)]
pub(crate) struct Settings {
    /// It was made elsewhere; others may have it, too.
    pub(crate) is_adopted: bool,
    was_nonblocking: bool,
    made_nonblocking: AtomicBool,
    has_mark: AtomicBool,
    passes: [Change; Pass::ALL.len()],
    /// Descriptors are to be refused as soon as anybody can send some.
    refusal_is_due: AtomicBool,
    /// A server's settings were changed while it listened: connections that were in its queue have
    /// the former ones.
    changed_late: AtomicBool,
}

impl Settings {
    /// For a new socket. It was made non-blocking; socket(2) alone makes blocking ones.
    pub(crate) fn of_new() -> Self {
        Self { made_nonblocking: AtomicBool::new(true), ..Self::default() }
    }

    /// For a descriptor that was made elsewhere.
    pub(crate) fn of_adopted(fd: BorrowedFd<'_>) -> Result<Self> {
        let was_nonblocking = sys::is_nonblocking(fd)?;
        Ok(Self { is_adopted: true, was_nonblocking, ..Self::default() })
    }

    /// Makes an adopted descriptor non-blocking, for calls that have no flag for that: accept and
    /// connect. This changes the copies of the descriptor in other processes, too: there is no
    /// other way to accept without blocking in the kernel.
    pub(crate) fn never_block(&self, fd: BorrowedFd<'_>) -> Result<()> {
        if self.is_adopted && !self.was_nonblocking {
            sys::set_nonblocking(fd, true)?;
            self.made_nonblocking.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Turns on time stamps. On a seqpacket socket the end and an empty message look the same to
    /// every call, but for what comes beside a message. So something has to come, and a time stamp
    /// does no harm. (Credentials would do, too, but they give a name to a socket without one.)
    pub(crate) fn mark_messages(&self, fd: BorrowedFd<'_>) -> Result<()> {
        sys::set_option(fd, libc::SO_TIMESTAMP, 1)?;
        self.has_mark.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The same, unless another holder has turned time stamps on, in whichever form. `true`: no
    /// other holder had.
    pub(crate) fn keep_mark(&self, fd: BorrowedFd<'_>) -> Result<bool> {
        let is_off = !sys::has_time_stamps(fd)?;
        if is_off {
            self.mark_messages(fd)?;
        }
        Ok(is_off)
    }

    pub(crate) fn pass(&self, fd: BorrowedFd<'_>, what: Pass, on: bool) -> Result<()> {
        let change = self.change(what);
        let was_on = change.was_on().map_or_else(|| what.is_on(fd), Ok)?;
        what.set(fd, on)?;
        change.note(was_on, on);
        Ok(())
    }

    /// Notes that a new socket is to refuse descriptors. Nobody can send it any before it has a
    /// name or a peer, so the kernel is told only then, and never if the program wants them.
    pub(crate) fn will_refuse_descriptors(&self) {
        self.change(Pass::Descriptors).note(true, false);
        self.refusal_is_due.store(true, Ordering::Relaxed);
    }

    /// Whether descriptors are to be refused, and the kernel does not know yet.
    pub(crate) fn is_refusal_due(&self) -> bool {
        self.refusal_is_due.load(Ordering::Relaxed)
    }

    /// Tells the kernel, if that is due: from now on somebody may be able to send some.
    pub(crate) fn refuse_descriptors(&self, fd: BorrowedFd<'_>) -> Result<()> {
        if self.is_refusal_due() && self.refusal_is_due.swap(false, Ordering::AcqRel) {
            sys::pass_descriptors(fd, false)?;
            // Another thread may have asked for them meanwhile.
            if self.change(Pass::Descriptors).is_on() {
                sys::pass_descriptors(fd, true)?;
            }
        }
        Ok(())
    }

    /// The program wants descriptors after all. `false`: the kernel has to be told.
    pub(crate) fn never_refused_descriptors(&self) -> bool {
        if !self.is_refusal_due() {
            return false;
        }
        self.change(Pass::Descriptors).note(true, true);
        self.refusal_is_due.swap(false, Ordering::AcqRel)
    }

    /// From now on accepted connections are given the server's settings: those that waited already
    /// have the former ones.
    pub(crate) fn change_late(&self) {
        self.changed_late.store(true, Ordering::Relaxed);
    }

    /// Gives a connection its server's settings. The kernel copies them at the connect; later
    /// changes are made here.
    pub(crate) fn inherit(&self, fd: BorrowedFd<'_>, server: &Self) -> Result<()> {
        let is_late = server.changed_late.load(Ordering::Relaxed);
        for what in Pass::ALL {
            let change = server.change(what);
            if let Some(was_on) = change.was_on() {
                if is_late {
                    what.set(fd, change.is_on())?;
                }
                self.change(what).note(was_on, change.is_on());
            }
        }
        Ok(())
    }

    /// Best effort: the descriptor works in either state.
    pub(crate) fn restore(&self, fd: BorrowedFd<'_>) {
        if self.made_nonblocking.load(Ordering::Relaxed) {
            let _ = sys::set_nonblocking(fd, self.was_nonblocking);
        }
        let has_mark = self.has_mark.load(Ordering::Relaxed);
        if has_mark && sys::option(fd, libc::SO_TIMESTAMP) == Ok(1) {
            let _ = sys::set_option(fd, libc::SO_TIMESTAMP, 0);
        }
        for what in Pass::ALL {
            let change = self.change(what);
            let is_to_change =
                |&was_on: &bool| was_on != change.is_on() && what.is_on(fd) == Ok(change.is_on());
            if let Some(was_on) = change.was_on().filter(is_to_change) {
                let _ = what.set(fd, was_on);
            }
        }
    }

    fn change(&self, what: Pass) -> &Change {
        &self.passes[what as usize]
    }
}

/// What a setting was before the library changed it, and what it was changed to.
#[derive(Default)]
struct Change(AtomicU8);

impl Change {
    const MADE: u8 = 1;
    const WAS_ON: u8 = 2;
    const IS_ON: u8 = 4;

    fn note(&self, was_on: bool, is_on: bool) {
        let was_on = if was_on { Self::WAS_ON } else { 0 };
        let is_on = if is_on { Self::IS_ON } else { 0 };
        self.0.store(Self::MADE | was_on | is_on, Ordering::Relaxed);
    }

    /// `None`: the library has not changed it.
    fn was_on(&self) -> Option<bool> {
        let change = self.0.load(Ordering::Relaxed);
        (change & Self::MADE != 0).then_some(change & Self::WAS_ON != 0)
    }

    fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed) & Self::IS_ON != 0
    }
}

impl Socket {
    /// Whether the program wants the descriptors that come. Otherwise they are closed, or a newer
    /// kernel does not let them be sent (SO_PASSRIGHTS).
    pub(crate) fn receives_descriptors(&self) -> bool {
        self.receives_descriptors.load(Ordering::Acquire)
    }

    /// Turns on or off what comes beside the messages of this socket, or of a server's connections.
    pub(crate) fn pass(&self, what: Pass, on: bool) -> Result<()> {
        let wants_descriptors = what == Pass::Descriptors && on;
        if !wants_descriptors || !self.settings.never_refused_descriptors() {
            // (With credentials the kernel gives a socket a name when it sends.)
            self.can_be_sent_to()?;
            if self.kind != Kind::Datagram && self.is_listening()? {
                self.settings.change_late();
            }
            self.settings.pass(self.fd(), what, on)?;
        }
        if what == Pass::Descriptors {
            self.receives_descriptors.store(on, Ordering::Release);
        }
        Ok(())
    }
}
