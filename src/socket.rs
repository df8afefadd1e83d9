//! A socket: a descriptor, what kind it is, and what the kernel doesn't remember
//! about it (the addresses as they were given, its file, which side was shut).

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::access::{Access, Place};
use crate::address::{Address, Reach, reach};
use crate::bound_path::FileOptions;
use crate::claim::Claim;
use crate::counters::{Counters, Counts};
use crate::directory::{Lock, Removal};
use crate::error::{Error, Result};
use crate::failure::{Failure, LiveServer};
use crate::handle_table::InUse;
use crate::kind::Kind;
use crate::log::{self, BindNotes, Event, Note};
use crate::name_text;
use crate::process_lock::ProcessLock;
use crate::settings::{Pass, Settings};
use crate::socket_file::{OwnFile, SocketFile};
use crate::spin::Spin;
use crate::sys::{self, OncePointer, Replaced, Shared, SocketName};
use crate::text::c_string;
use crate::wait::{Interrupt, Readiness, Wait};
use crate::watchers::Watchers;

const BOUND_ALREADY: &str = "this socket is bound already";

/// What can be shut down, as shutdown(2) numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Read = libc::SHUT_RD as isize,
    Write = libc::SHUT_WR as isize,
    Both = libc::SHUT_RDWR as isize,
}

pub(crate) struct Socket {
    /// Its own; 0: it has none yet.
    handle: i64,
    /// Before the descriptor: fields are dropped in this order, and a file is only
    /// surely ours while its socket is open.
    file: OwnFile,
    fd: OwnedFd,
    kind: Kind,
    settings: Settings,
    /// Which has opened it (its fork generation); a forked child has a copy.
    process: u32,
    /// How often that had forked before.
    forks: u32,
    /// The descriptor is known to others.
    is_lent: AtomicBool,
    /// To look at what is next, and to take it.
    turn: ProcessLock,
    /// One thread binds it at a time.
    binding: ProcessLock,
    interrupt: Interrupt,
    spin: Spin,
    counters: Counters,
    /// Where it is bound, as it was given. The connections that a server accepts
    /// share its.
    local: OncePointer<Shared<CString>>,
    /// Where it was connected to, as it was given. (Most are connections of a server, which have
    /// none.)
    remote: OncePointer<Box<Replaced<CString>>>,
    /// Who may come in, once anything is asked.
    access: OncePointer<Shared<Access>>,
    /// A connection's, among those of its user.
    place: Option<Place>,
    /// What the service manager calls it.
    activation_name: OncePointer<Box<CString>>,
    /// The pollers that it is in, by their handles.
    watchers: Watchers,
    receives_descriptors: AtomicBool,
    read_is_shut: AtomicBool,
    /// The peer's reset has been seen, and is told after what it sent before.
    reset_is_due: AtomicBool,
}

impl Socket {
    pub(crate) fn create(kind: Kind) -> Result<Self> {
        let socket = Self::own(sys::socket(kind.number() as i32)?, kind)?;
        socket.settings.will_refuse_descriptors();
        Ok(socket)
    }

    pub(crate) fn pair(kind: Kind) -> Result<[Self; 2]> {
        let [one, other] = sys::socketpair(kind.number() as i32)?;
        let end = |fd| {
            let socket = Self::own(fd, kind)?;
            socket.settings.will_refuse_descriptors();
            socket.can_be_sent_to()?;
            Ok::<_, Error>(socket)
        };
        Ok([end(one)?, end(other)?])
    }

    /// From now on: it is about to have a name or a peer, or others its descriptor.
    pub(crate) fn can_be_sent_to(&self) -> Result<()> {
        self.settings.refuse_descriptors(self.fd())
    }

    /// A connection that this server accepted.
    // Inlined, as what makes it: it would be copied at each return.
    #[inline(always)]
    pub(crate) fn accepted(&self, fd: OwnedFd, place: Option<Place>) -> Result<Self> {
        let mut connection = Self::own(fd, self.kind)?;
        connection.settings.inherit(connection.fd(), &self.settings)?;
        connection.local.clone_from(&self.local);
        connection.place = place;
        connection.spin.set_like(&self.spin);
        *connection.receives_descriptors.get_mut() = self.receives_descriptors();
        Ok(connection)
    }

    /// A descriptor that was made elsewhere. On failure it is as it was.
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

    #[inline(always)]
    fn own(fd: OwnedFd, kind: Kind) -> Result<Self> {
        let settings = Settings::of_new();
        if kind == Kind::Seqpacket {
            settings.mark_messages(fd.as_fd())?;
        }
        Ok(Self::new(fd, kind, settings))
    }

    #[inline(always)]
    fn new(fd: OwnedFd, kind: Kind, settings: Settings) -> Self {
        // Where they can't be counted every socket may be shared.
        let is_lent = settings.is_adopted || !sys::count_forks();
        let process = sys::fork_generation();
        Self {
            handle: 0,
            file: OwnFile::default(),
            fd,
            kind,
            settings,
            process,
            forks: sys::forks(),
            is_lent: AtomicBool::new(is_lent),
            turn: ProcessLock::new(),
            binding: ProcessLock::new(),
            interrupt: Interrupt::default(),
            spin: Spin::default(),
            counters: Counters::default(),
            local: OncePointer::new(),
            remote: OncePointer::new(),
            access: OncePointer::new(),
            place: None,
            watchers: Watchers::new(process),
            receives_descriptors: AtomicBool::new(false),
            activation_name: OncePointer::new(),
            read_is_shut: AtomicBool::new(false),
            reset_is_due: AtomicBool::new(false),
        }
    }

    /// Without a name, and by one thread at a time: a bind that is refused for another reason
    /// than its address may leave a file (Linux 5.10), or have removed a dead server's.
    pub(crate) fn bind(&self, text: &CStr, options: &FileOptions) -> Result<(), Failure> {
        let Some(alone) = self.binding.hold_within(Duration::ZERO) else {
            return Err(Failure::Invalid("another thread is binding this socket"));
        };
        let notes = RefCell::default();
        let bound = match self.has_name()? {
            false => self.bind_noting(text, options, &notes),
            true => Err(Failure::Invalid(BOUND_ALREADY)),
        };
        drop(alone);
        notes.into_inner().tell(self.handle, Some(text));
        bound
    }

    /// The same, of a socket that has no name, and that nobody else knows.
    pub(crate) fn bind_unnamed(&self, text: &CStr, options: &FileOptions) -> Result<(), Failure> {
        let notes = RefCell::default();
        let bound = self.bind_noting(text, options, &notes);
        notes.into_inner().tell(self.handle, Some(text));
        bound
    }

    fn bind_noting(
        &self,
        text: &CStr,
        options: &FileOptions,
        notes: &RefCell<BindNotes>,
    ) -> Result<(), Failure> {
        let address = Address::parse(text)?;
        if !matches!(address, Address::Path(_)) {
            check_without_file(options)?;
        }
        let local = Shared::new(c_string(text.to_bytes())?)?;
        self.can_be_sent_to()?;
        match address {
            // Its senders would answer the private name.
            Address::Path(_) if options.replace && self.kind == Kind::Datagram => {
                return Err(Failure::Step {
                    step: "UDSOCK_REPLACE is for servers that accept connections",
                    error: Error::EOPNOTSUPP,
                });
            }
            Address::Path(_) if options.restore && self.kind == Kind::Datagram => {
                return Err(Failure::Step {
                    step: "UDSOCK_RESTORE_FILE is for servers that accept connections",
                    error: Error::EOPNOTSUPP,
                });
            }
            Address::Path(path) => {
                let bound = self.file.bind(self.fd(), path, options, notes);
                bound.map_err(|failure| self.advise(failure))?;
                if reach(text) != Reach::All {
                    let count = path.count_bytes() as u64;
                    notes.borrow_mut().push(Note { count, ..Note::of(Event::LongPath) });
                }
            }
            Address::Abstract(name) => self.bind_name(&name)?,
            // Which name it became, only the kernel knows.
            Address::Any => return self.bind_name(&SocketName::UNNAMED),
        }
        let _ = self.local.set(local);
        Ok(())
    }

    /// Without advice that this kind can't follow.
    fn advise(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Live(server) if self.kind == Kind::Datagram => {
                Failure::Live(LiveServer { replaceable: false, ..server })
            }
            failure => failure,
        }
    }

    fn bind_name(&self, name: &SocketName) -> Result<(), Failure> {
        sys::bind(self.fd(), name).map_err(|error| match error {
            Error::EADDRINUSE => Failure::NameTaken,
            other => Failure::Plain(other),
        })
    }

    /// Whether this is bound to what this text says.
    pub(crate) fn is_bound_to(&self, text: &CStr) -> Result<bool> {
        match self.local.get() {
            Some(local) => Ok(local.as_c_str() == text),
            None => Ok(text == c"@" && self.has_name()?),
        }
    }

    fn has_name(&self) -> Result<bool> {
        Ok(!sys::local_name(self.fd())?.bytes().is_empty())
    }

    pub(crate) fn shutdown(&self, side: Side) -> Result<()> {
        sys::shutdown(self.fd(), side as i32)?;
        if side != Side::Write {
            self.read_is_shut.store(true, Ordering::Release);
        }
        // The kernel wakes readers, but not the sender to a full receiver.
        self.interrupt.wake();
        Ok(())
    }

    /// Removes the file and ends every wait. The descriptor itself is closed when
    /// the socket is dropped, by its last user.
    pub(crate) fn close(&self) -> Result<()> {
        let removed = self.file().map_or(Ok(Removal::Stays), |file| file.remove(Lock::PATIENCE));
        if removed.is_err() {
            // Nor will it go when this is dropped, after another wait.
            self.file().inspect(|file| file.give_up());
        }
        self.end_waits();
        if let Some(file) = self.file() {
            file.tell_removal(self.handle, removed);
        }
        removed.map(drop)
    }

    pub(crate) fn end_waits(&self) {
        self.interrupt.close();
    }

    /// Takes the socket away from whoever still holds this. Its descriptor's number stays
    /// taken until they have left, by something that no call can do anything with.
    pub(crate) fn take_away(&self) -> Result<()> {
        let nothing = sys::open_path(c"/", 0)?;
        sys::replace(self.fd(), nothing.as_fd())
    }

    /// For a descriptor that others still hold: another number of the same socket.
    pub(crate) fn take_copy(&self) -> Result<OwnedFd> {
        self.give_up();
        let copy = sys::duplicate(self.fd())?;
        self.take_away()?;
        Ok(copy)
    }

    /// Gives up everything but the descriptor, and hands that out as it was made.
    pub(crate) fn into_fd(self) -> OwnedFd {
        self.give_up();
        let Self { fd, .. } = self;
        fd
    }

    /// Its file stays, and its settings become what they were.
    fn give_up(&self) {
        self.disown();
        // The settings are those of all processes that share the socket; a forked child must
        // not make its parent block.
        if self.is_of_this_process() {
            self.settings.restore(self.fd());
        }
    }

    fn file(&self) -> Option<InUse<'static, SocketFile>> {
        self.file.get()
    }

    /// The path that it is to take over becomes its own.
    pub(crate) fn publish_file(&self) -> Result<(), Failure> {
        self.file().map_or(Ok(()), |file| file.publish(self.handle))
    }

    /// For an opening that fails after its bind.
    pub(crate) fn undo_bind(&self) {
        if let Some(file) = self.file() {
            file.undo();
        }
    }

    /// The file stays for ever.
    pub(crate) fn disown(&self) {
        if let Some(file) = self.file() {
            file.disown();
        }
    }

    /// Whether the path still leads to this socket's own file, or does again.
    pub(crate) fn owns_file(&self) -> bool {
        self.file().is_some_and(|file| {
            // If it can't be had back, that is the answer.
            let _ = file.restore(self.handle, Lock::PATIENCE);
            file.is_ours()
        })
    }

    /// Its file, if the path is to be had back when it is lost.
    pub(crate) fn claimed_file(&self) -> Option<InUse<'static, SocketFile>> {
        self.file.claimed()
    }

    /// How often the path was had back.
    pub(crate) fn restored(&self) -> u32 {
        let file = self.claimed_file();
        file.as_ref().and_then(|file| file.claim()).map_or(0, Claim::restored)
    }

    /// Shows the address it is bound to, as it was given. Empty: none.
    pub(crate) fn local_address<T>(&self, show: impl FnOnce(&CStr) -> Result<T>) -> Result<T> {
        match self.local.get() {
            Some(text) => show(text),
            None => show(&name_text::text_of(&sys::local_name(self.fd())?)),
        }
    }

    /// Shows the address it is connected to, as it was given. Empty: an unnamed peer.
    pub(crate) fn remote_address<T>(&self, show: impl FnOnce(&CStr) -> Result<T>) -> Result<T> {
        let name = sys::remote_name(self.fd())?;
        let Some(remote) = self.remote.get() else {
            return show(&name_text::text_of(&name));
        };
        remote.read(|text| match text {
            Some(text) => show(text),
            None => show(&name_text::text_of(&name)),
        })
    }

    /// Room for an address that it is connected to. What is put there comes from now on.
    pub(crate) fn make_remote_address(&self) -> Result<&Replaced<CString>> {
        self.remote.get_or_make(|| sys::boxed(Replaced::default()))
    }

    /// For calls that have no flag against blocking.
    pub(crate) fn never_block(&self) -> Result<()> {
        self.settings.never_block(self.fd())
    }

    #[inline(always)]
    pub(crate) fn wait_until<T>(
        &self,
        wait: &mut Wait,
        readiness: Readiness,
        attempt: impl FnMut(bool) -> Result<T>,
    ) -> Result<T> {
        wait.until(self.fd(), &self.interrupt, &self.spin, readiness, attempt)
    }

    /// The same, where something else is readable when there is reason for an attempt.
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

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn counts(&self) -> Counts {
        let [sleeps, spins_paid, spins_lost] = self.spin.counts();
        let refused = self.access().map_or(0, |access| access.refused()) as u64;
        Counts { sleeps, spins_paid, spins_lost, refused, ..self.counters.counts() }
    }

    /// Fails once another thread has closed it.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.interrupt.is_closed() { Err(Error::Closed) } else { Ok(()) }
    }

    pub(crate) fn breathe(&self, wait: &mut Wait) -> Result<()> {
        wait.breathe(&self.interrupt)
    }

    /// This one watches it from now on.
    pub(crate) fn begin_watching(&self, watcher: i64, shared: bool) -> Result<()> {
        self.watchers.begin(watcher, shared)
    }

    pub(crate) fn stop_watching(&self, watcher: i64) {
        self.watchers.stop(watcher);
    }

    /// Whether several pollers wait for its clients, as far as can be known: if it came over a
    /// fork, those of other processes.
    pub(crate) fn has_many_pollers(&self) -> bool {
        !self.is_of_this_process() || self.watchers.are_many()
    }

    /// Nobody can watch it from now on. Who did has to be told. (A parent's watchers are not
    /// its forked child's.)
    pub(crate) fn end_watching(&self) -> impl Iterator<Item = i64> {
        self.watchers.end()
    }

    /// Whether this process has opened it, and not one that it was forked from.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process == sys::fork_generation()
    }

    /// What it asks of its clients, if it asks anything.
    pub(crate) fn access(&self) -> Option<Shared<Access>> {
        self.access.share()
    }

    /// The same, from now on. Only who has connections can ask.
    pub(crate) fn make_access(&self) -> Result<Shared<Access>> {
        if self.kind == Kind::Datagram {
            return Err(Error::EOPNOTSUPP);
        }
        self.access.get_or_make(|| Shared::new(Access::default()))?;
        self.access.share().ok_or(Error::ENOMEM)
    }

    pub(crate) fn activation_name(&self) -> Option<&CStr> {
        self.activation_name.get().map(CString::as_c_str)
    }

    pub(crate) fn set_activation_name(&self, name: Box<CString>) {
        let _ = self.activation_name.set(name);
    }

    /// The one that it is about to have.
    pub(crate) fn set_handle(&mut self, handle: i64) {
        self.handle = handle;
    }

    pub(crate) fn handle(&self) -> i64 {
        self.handle
    }

    /// Tells what has happened to it. Not while a lock is held.
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

    /// The descriptor, with which from now on anything may be done.
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

    /// Whether descriptors that come are for the program. Else they are closed, or a newer
    /// kernel does not let them be sent (SO_PASSRIGHTS).
    pub(crate) fn receives_descriptors(&self) -> bool {
        self.receives_descriptors.load(Ordering::Acquire)
    }

    /// What is to come beside the messages of this socket, or of a server's connections.
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

    pub(crate) fn is_listening(&self) -> Result<bool> {
        sys::option(self.fd(), libc::SO_ACCEPTCONN).map(|listening| listening != 0)
    }

    pub(crate) fn read_is_shut(&self) -> bool {
        self.read_is_shut.load(Ordering::Acquire)
    }

    pub(crate) fn reset_is_due(&self) -> &AtomicBool {
        &self.reset_is_due
    }
}

/// What needs a file to make sense.
fn check_without_file(options: &FileOptions) -> Result<(), Failure> {
    let FileOptions { mode, user, group, replace, make_parents, restore, .. } = *options;
    if mode.is_some() || user.is_some() || group.is_some() {
        return Err(Failure::Invalid(
            "an abstract name has no file, so no mode and no owner: everyone can connect",
        ));
    }
    if replace || make_parents {
        return Err(Failure::Invalid(
            "an abstract name has no file: UDSOCK_REPLACE and UDSOCK_MAKE_PARENTS make no sense",
        ));
    }
    if restore {
        return Err(Failure::Invalid(
            "an abstract name has no file: UDSOCK_RESTORE_FILE makes no sense",
        ));
    }
    Ok(())
}
