//! A socket: a descriptor, its kind, and what the kernel does not remember about it (the addresses
//! as they were given, its file, which side was shut).

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::counters::{Counters, Counts, Rare};
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::kind::Kind;
use crate::log::{self, Note};
use crate::name_text;
use crate::process_lock::ProcessLock;
use crate::socket_file::OwnFile;
use crate::spin::Spin;
use crate::sys::{self, OncePointer, OnceUsed, Shared};
use crate::wait::{Attempt, Readiness, Wait};

mod access;
mod binding;
mod ending;
mod look;
mod remote;
mod settings;
mod watchers;

pub(crate) use access::Rule;
use access::{Access, Admission};
pub(crate) use ending::Side;
use remote::Remote;
pub(crate) use settings::Pass;
use settings::Settings;
use watchers::Watchers;

pub(crate) struct Socket {
    /// Its handle; 0: it has none yet.
    handle: i64,
    /// Dropped before the descriptor, as fields are dropped in this order: the file is only surely
    /// ours while its socket is open.
    seldom: OnceUsed<Seldom>,
    fd: OwnedFd,
    kind: Kind,
    settings: Settings,
    /// The process that opened it (its fork generation). A forked child has a copy.
    process: u32,
    /// How often that process had forked before.
    forks: u32,
    /// The descriptor is known to others.
    is_lent: AtomicBool,
    /// Held while the next message is looked at and taken.
    turn: ProcessLock,
    interrupt: Interrupt,
    spin: Spin,
    counters: Counters,
    /// The address that it is bound to, as it was given. A server's connections share the server's.
    local: OncePointer<Shared<CString>>,
    /// A connection's, if its server has rules for its clients.
    admission: Option<Box<Admission>>,
    /// The pollers that it is in, by their handles.
    watchers: Watchers,
    receives_descriptors: AtomicBool,
    read_is_shut: AtomicBool,
    /// The peer's reset has been seen, and is told after what it sent before.
    reset_is_due: AtomicBool,
    /// This library made it listen. (A socket that listens does so until it is closed.)
    listens: AtomicBool,
}

/// What the connections of a server do not have. Most sockets are such connections, so this is
/// allocated at its first use.
#[derive(Default)]
struct Seldom {
    file: OwnFile,
    /// Held while a thread binds it.
    binding: ProcessLock,
    /// What a client knows of the address that it connects to.
    remote: Remote,
    /// The rules for clients, once there are any.
    access: OncePointer<Shared<Access>>,
    /// The name that the service manager gave it.
    activation_name: OncePointer<Box<CString>>,
}

impl Socket {
    pub(crate) fn create(kind: Kind) -> Result<Self> {
        Self::made(sys::socket(kind.number() as i32)?, kind)
    }

    pub(crate) fn pair(kind: Kind) -> Result<[Self; 2]> {
        let [one, other] = sys::socketpair(kind.number() as i32)?;
        let end = |fd| {
            let socket = Self::made(fd, kind)?;
            socket.can_be_sent_to()?;
            Ok::<_, Error>(socket)
        };
        Ok([end(one)?, end(other)?])
    }

    /// To be called before it gets a name or a peer, or others get its descriptor: from then on
    /// somebody can send to it.
    pub(crate) fn can_be_sent_to(&self) -> Result<()> {
        self.settings.refuse_descriptors(self.fd())
    }

    /// A connection that this server accepted.
    // Inlined, like what makes the socket: otherwise each return would copy it.
    #[inline(always)]
    pub(crate) fn accepted(&self, fd: OwnedFd, admission: Option<Box<Admission>>) -> Result<Self> {
        let mut connection = Self::of_new_fd(fd, self.kind)?;
        connection.settings.inherit(connection.fd(), &self.settings)?;
        connection.local.clone_from(&self.local);
        connection.admission = admission;
        connection.spin.set_like(&self.spin);
        *connection.receives_descriptors.get_mut() = self.receives_descriptors();
        Ok(connection)
    }

    /// Takes over a descriptor that was made elsewhere. On failure the descriptor is as it was.
    pub(crate) fn adopt(fd: BorrowedFd<'_>) -> Result<Self, Failure> {
        if sys::option(fd, libc::SO_DOMAIN)? != libc::AF_UNIX {
            let error = Error::EAFNOSUPPORT;
            return Err(Failure::Step { step: "it is not a Unix domain socket", error });
        }
        let kind = Kind::from_number(sys::option(fd, libc::SO_TYPE)? as u32)?;
        let settings = Settings::of_adopted(fd)?;
        let receives_descriptors = Pass::Descriptors.is_on(fd)?;
        if kind == Kind::Seqpacket {
            settings.keep_mark(fd)?;
        }
        sys::set_close_on_exec(fd).inspect_err(|_| settings.restore(fd))?;
        let mut socket = Self::new(sys::take_over(fd), kind, settings);
        *socket.receives_descriptors.get_mut() = receives_descriptors;
        Ok(socket)
    }

    /// A socket that is no connection of a server, whose settings it would have.
    fn made(fd: OwnedFd, kind: Kind) -> Result<Self> {
        let socket = Self::of_new_fd(fd, kind)?;
        socket.settings.will_refuse_descriptors();
        Ok(socket)
    }

    #[inline(always)]
    fn of_new_fd(fd: OwnedFd, kind: Kind) -> Result<Self> {
        let settings = Settings::of_new();
        if kind == Kind::Seqpacket {
            settings.mark_messages(fd.as_fd())?;
        }
        Ok(Self::new(fd, kind, settings))
    }

    #[inline(always)]
    fn new(fd: OwnedFd, kind: Kind, settings: Settings) -> Self {
        // Where forks can't be counted, every socket may be shared.
        let is_lent = settings.is_adopted || !sys::count_forks();
        Self {
            handle: 0,
            seldom: OnceUsed::default(),
            fd,
            kind,
            settings,
            process: sys::fork_generation(),
            forks: sys::forks(),
            is_lent: AtomicBool::new(is_lent),
            turn: ProcessLock::new(),
            interrupt: Interrupt::default(),
            spin: Spin::default(),
            counters: Counters::default(),
            local: OncePointer::new(),
            admission: None,
            watchers: Watchers::new(),
            receives_descriptors: AtomicBool::new(false),
            read_is_shut: AtomicBool::new(false),
            reset_is_due: AtomicBool::new(false),
            listens: AtomicBool::new(false),
        }
    }

    fn seldom(&self) -> Result<&Seldom> {
        self.seldom.get_or_make().ok_or(Error::ENOMEM)
    }

    /// Shows the address it is connected to, as it was given. Empty: an unnamed peer.
    pub(crate) fn remote_address<T>(&self, show: impl FnOnce(&CStr) -> Result<T>) -> Result<T> {
        let name = sys::remote_name(self.fd())?;
        let Some(Seldom { remote, .. }) = self.seldom.get() else {
            return show(&name_text::text_of(&name));
        };
        remote.address.read(|text| match text {
            Some(text) => show(text),
            None => show(&name_text::text_of(&name)),
        })
    }

    /// The same, made at the first attempt to connect.
    pub(crate) fn make_remote(&self) -> Result<&Remote> {
        self.seldom().map(|seldom| &seldom.remote)
    }

    /// Makes the descriptor non-blocking, for calls that have no flag for that.
    pub(crate) fn never_block(&self) -> Result<()> {
        self.settings.never_block(self.fd())
    }

    #[inline(always)]
    pub(crate) fn wait_until<A: Attempt>(
        &self,
        wait: &mut Wait,
        readiness: Readiness,
        attempt: A,
    ) -> Result<A::Done> {
        wait.until(self.fd(), &self.interrupt, &self.spin, readiness, attempt)
    }

    /// The same, but what is waited for is another descriptor, which is readable when there is
    /// reason for an attempt.
    pub(crate) fn wait_for<T>(
        &self,
        readable: BorrowedFd<'_>,
        wait: &mut Wait,
        readiness: Readiness,
        attempt: impl FnMut(bool) -> Result<T>,
    ) -> Result<T> {
        wait.until(readable, &self.interrupt, &self.spin, readiness, attempt)
    }

    /// How long its waits try before they sleep.
    pub(crate) fn spin(&self) -> &Spin {
        &self.spin
    }

    #[inline(always)]
    pub(crate) fn count_sent(&self, messages: usize, bytes: usize) {
        self.counters.count_sent(messages, bytes, self.spin.rare());
    }

    #[inline(always)]
    pub(crate) fn count_received(&self, messages: usize, bytes: usize) {
        self.counters.count_received(messages, bytes, self.spin.rare());
    }

    /// Counts what few sockets count. Without memory for that it is not counted.
    pub(crate) fn count_rare(&self, count: impl FnOnce(&Rare)) {
        if let Some(rare) = self.spin.rare().get_or_make() {
            count(rare);
        }
    }

    /// Notes how many bytes a poller keeps for it.
    pub(crate) fn set_kept(&self, bytes: usize) {
        if bytes > 0 || self.spin.rare().get().is_some() {
            self.count_rare(|rare| rare.set_kept(bytes));
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let refused = self.access().map_or(0, |access| access.refused()) as u64;
        Counts { refused, ..self.counters.counts(self.spin.rare()) }
    }

    /// Fails once another thread has closed it.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.interrupt.is_closed() { Err(Error::Closed) } else { Ok(()) }
    }

    /// Another one, once it was shut down, or closed.
    #[inline(always)]
    pub(crate) fn interrupt_state(&self) -> u32 {
        self.interrupt.state()
    }

    pub(crate) fn breathe(&self, wait: &mut Wait) -> Result<()> {
        wait.breathe(&self.interrupt)
    }

    /// Whether this process has opened it, and not one that it was forked from.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process == sys::fork_generation()
    }

    /// Its rules for clients, if there are any.
    pub(crate) fn access(&self) -> Option<Shared<Access>> {
        self.seldom.get()?.access.share()
    }

    /// The same, made if there are none yet. Only a server that accepts connections can have rules.
    pub(crate) fn make_access(&self) -> Result<Shared<Access>> {
        if self.kind == Kind::Datagram {
            return Err(Error::EOPNOTSUPP);
        }
        let access = &self.seldom()?.access;
        access.get_or_make(|| Shared::new(Access::default()))?;
        access.share().ok_or(Error::ENOMEM)
    }

    pub(crate) fn activation_name(&self) -> Option<&CStr> {
        self.seldom.get()?.activation_name.get().map(CString::as_c_str)
    }

    pub(crate) fn set_activation_name(&self, name: Box<CString>) -> Result<()> {
        let _ = self.seldom()?.activation_name.set(name);
        Ok(())
    }

    /// Sets the handle that it is about to have.
    pub(crate) fn set_handle(&mut self, handle: i64) {
        self.handle = handle;
    }

    pub(crate) fn handle(&self) -> i64 {
        self.handle
    }

    /// Reports an event of this socket. Not while a lock is held.
    pub(crate) fn tell(&self, note: &Note) {
        if log::is_wanted(note.level()) {
            let note = Note { handle: self.handle, ..*note };
            let told = self.local_address(|text| {
                log::tell(&note, Some(text));
                Ok(())
            });
            if told.is_err() {
                log::tell(&note, None);
            }
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// The descriptor, for others, who may do anything with it from now on.
    pub(crate) fn lend_fd(&self) -> Result<RawFd> {
        self.can_be_sent_to()?;
        self.lend();
        Ok(self.raw_fd())
    }

    /// From now on others have the socket, too.
    pub(crate) fn lend(&self) {
        self.is_lent.store(true, Ordering::Relaxed);
    }

    /// Whether others, here or in other processes, may have the same socket, and can change
    /// its settings.
    #[inline(always)]
    pub(crate) fn is_shared(&self) -> bool {
        self.is_lent.load(Ordering::Relaxed)
            || self.forks != sys::forks()
            || !self.is_of_this_process()
    }

    pub(crate) fn turn(&self) -> &ProcessLock {
        &self.turn
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether it listens. (gVisor reports that of no Unix socket, so the library remembers it.)
    pub(crate) fn is_listening(&self) -> Result<bool> {
        if self.listens.load(Ordering::Relaxed) {
            return Ok(true);
        }
        sys::option(self.fd(), libc::SO_ACCEPTCONN).map(|listening| listening != 0)
    }

    pub(crate) fn note_listening(&self) {
        self.listens.store(true, Ordering::Relaxed);
    }

    pub(crate) fn read_is_shut(&self) -> bool {
        self.read_is_shut.load(Ordering::Acquire)
    }

    pub(crate) fn reset_is_due(&self) -> &AtomicBool {
        &self.reset_is_due
    }
}
