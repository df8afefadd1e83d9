//! A socket: a descriptor, what kind it is, and what the kernel doesn't remember
//! about it (the addresses as they were given, its file, which side was shut).

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::access::{Access, Place};
use crate::address::{self, Address};
use crate::directory::Lock;
use crate::error::{Error, Failure, LiveServer, Result};
use crate::handle_table::InUse;
use crate::kind::Kind;
use crate::socket_file::{FileOptions, OwnFile, SocketFile};
use crate::spin::Spin;
use crate::sys::{self, Shared, SocketName};
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

/// What is changed on a descriptor while it is ours, as it was before. A new one
/// counts as blocking, as socket(2) makes it.
#[derive(Clone, Copy, Default)]
struct Before {
    adopted: bool,
    nonblocking: bool,
    timestamps: bool,
}

impl Before {
    /// As far as that can be.
    fn unmark_messages(self, fd: BorrowedFd<'_>, kind: Kind) {
        if kind == Kind::Seqpacket {
            let _ = sys::set_option(fd, libc::SO_TIMESTAMP, self.timestamps.into());
        }
    }
}

pub(crate) struct Socket {
    /// Before the descriptor: fields are dropped in this order, and a file is only
    /// surely ours while its socket is open.
    file: OnceLock<OwnFile>,
    fd: OwnedFd,
    kind: Kind,
    before: Before,
    /// Which has opened it; a forked child has a copy.
    process: u32,
    /// The process of which a thread binds it just now. 0: none.
    binding: AtomicU32,
    interrupt: Interrupt,
    spin: Spin,
    /// Where it is bound, as it was given. The connections that a server accepts
    /// share its.
    local: OnceLock<Shared<CString>>,
    /// Where it was connected to, as it was given.
    remote: Mutex<Option<CString>>,
    /// Who may come in, once anything is asked.
    access: OnceLock<Shared<Access>>,
    /// A connection's, among those of its user.
    place: Option<Place>,
    /// What the service manager calls it.
    activation_name: OnceLock<CString>,
    /// The pollers that it is in, by their handles.
    watchers: Watchers,
    receives_descriptors: AtomicBool,
    read_is_shut: AtomicBool,
    /// The peer's reset has been seen, and is told after what it sent before.
    reset_is_due: AtomicBool,
}

impl Socket {
    pub(crate) fn create(kind: Kind) -> Result<Self> {
        let fd = sys::socket(kind.number() as i32)?;
        sys::pass_descriptors(fd.as_fd(), false)?;
        Self::own(fd, kind)
    }

    pub(crate) fn pair(kind: Kind) -> Result<[Self; 2]> {
        let [one, other] = sys::socketpair(kind.number() as i32)?;
        for fd in [&one, &other] {
            sys::pass_descriptors(fd.as_fd(), false)?;
        }
        Ok([Self::own(one, kind)?, Self::own(other, kind)?])
    }

    /// A connection that this server accepted.
    pub(crate) fn accepted(&self, fd: OwnedFd, place: Option<Place>) -> Result<Self> {
        let mut connection = Self::own(fd, self.kind)?;
        connection.local.clone_from(&self.local);
        connection.place = place;
        connection.spin.set_like(&self.spin);
        // The kernel's own settings are inherited, too.
        *connection.receives_descriptors.get_mut() = self.receives_descriptors();
        Ok(connection)
    }

    /// A descriptor that was made elsewhere. On failure it is as it was.
    pub(crate) fn adopt(fd: BorrowedFd<'_>) -> Result<Self, Failure> {
        if sys::option(fd, libc::SO_DOMAIN)? != libc::AF_UNIX {
            let error = Error::WRONG_FAMILY;
            return Err(Failure::Step { step: "it is not a Unix domain socket", error });
        }
        let kind = Kind::from_number(sys::option(fd, libc::SO_TYPE)? as u32)?;
        let before = Before {
            adopted: true,
            nonblocking: sys::is_nonblocking(fd)?,
            timestamps: sys::option(fd, libc::SO_TIMESTAMP)? != 0,
        };
        mark_messages(fd, kind)?;
        sys::set_close_on_exec(fd).inspect_err(|_| before.unmark_messages(fd, kind))?;
        Ok(Self::new(sys::take_over(fd), kind, before))
    }

    fn own(fd: OwnedFd, kind: Kind) -> Result<Self> {
        mark_messages(fd.as_fd(), kind)?;
        Ok(Self::new(fd, kind, Before::default()))
    }

    fn new(fd: OwnedFd, kind: Kind, before: Before) -> Self {
        Self {
            file: OnceLock::new(),
            fd,
            kind,
            before,
            process: sys::process_id(),
            binding: AtomicU32::new(0),
            interrupt: Interrupt::default(),
            spin: Spin::default(),
            local: OnceLock::new(),
            remote: Mutex::new(None),
            access: OnceLock::new(),
            place: None,
            watchers: Watchers::default(),
            receives_descriptors: AtomicBool::new(false),
            activation_name: OnceLock::new(),
            read_is_shut: AtomicBool::new(false),
            reset_is_due: AtomicBool::new(false),
        }
    }

    /// Without a name, and by one thread at a time: a bind that is refused for another reason
    /// than its address may leave a file (Linux 5.10), or have removed a dead server's.
    pub(crate) fn bind(&self, text: &CStr, options: &FileOptions) -> Result<(), Failure> {
        let process = sys::process_id();
        // In a forked child the parent's thread does not bind.
        if self.binding.swap(process, Ordering::AcqRel) == process {
            return Err(Failure::Invalid("another thread is binding this socket"));
        }
        let bound = match self.has_name() {
            Ok(false) => self.bind_unnamed(text, options),
            Ok(true) => Err(Failure::Invalid(BOUND_ALREADY)),
            Err(error) => Err(error.into()),
        };
        self.binding.store(0, Ordering::Release);
        bound
    }

    /// The same, of a socket that has no name, and that nobody else knows.
    pub(crate) fn bind_unnamed(&self, text: &CStr, options: &FileOptions) -> Result<(), Failure> {
        let address = Address::parse(text)?;
        if !matches!(address, Address::Path(_)) {
            check_without_file(options)?;
        }
        let local = Shared::new(c_string(text.to_bytes())?)?;
        match address {
            // Its senders would answer the private name.
            Address::Path(_) if options.replace && self.kind == Kind::Datagram => {
                return Err(Failure::Step {
                    step: "UDSOCK_REPLACE is for servers that accept connections",
                    error: Error::NOT_SUPPORTED,
                });
            }
            Address::Path(path) => {
                let file = OwnFile::bind(self.fd(), path, options)
                    .map_err(|failure| self.advise(failure))?;
                let _ = self.file.set(file);
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
            Error::IN_USE => Failure::NameTaken,
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
        let removed = self.file().map_or(Ok(false), |file| file.remove(Lock::PATIENCE));
        if removed.is_err() {
            // Nor will it go when this is dropped, after another wait.
            self.disown();
        }
        self.end_waits();
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
        // Best effort: the descriptor works in either state. The settings are those of all
        // processes that share the socket; a forked child must not make its parent block.
        if self.process != sys::process_id() {
            return;
        }
        let _ = sys::set_nonblocking(self.fd(), self.before.nonblocking);
        self.before.unmark_messages(self.fd(), self.kind);
    }

    fn file(&self) -> Option<InUse<'static, SocketFile>> {
        self.file.get().map(OwnFile::get)
    }

    /// The path that it is to take over becomes its own.
    pub(crate) fn publish_file(&self) -> Result<(), Failure> {
        self.file().map_or(Ok(()), |file| file.publish())
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

    /// Whether the path still leads to this socket's own file.
    pub(crate) fn owns_file(&self) -> bool {
        self.file().is_some_and(|file| file.is_ours())
    }

    /// Shows the address it is bound to, as it was given. Empty: none.
    pub(crate) fn local_address<T>(&self, show: impl FnOnce(&CStr) -> Result<T>) -> Result<T> {
        match self.local.get() {
            Some(text) => show(text),
            None => show(&address::text_of(&sys::local_name(self.fd())?)),
        }
    }

    /// Shows the address it is connected to, as it was given. Empty: an unnamed peer.
    pub(crate) fn remote_address<T>(&self, show: impl FnOnce(&CStr) -> Result<T>) -> Result<T> {
        let name = sys::remote_name(self.fd())?;
        match &*self.remote.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(text) => show(text),
            None => show(&address::text_of(&name)),
        }
    }

    pub(crate) fn set_remote_address(&self, text: CString) {
        *self.remote.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// For calls that have no flag against blocking, accept and connect. Copies of
    /// an adopted descriptor in other processes are changed with it: there is no
    /// other way to accept without being caught in the kernel.
    pub(crate) fn never_block(&self) -> Result<()> {
        match self.before {
            Before { adopted: true, nonblocking: false, .. } => {
                sys::set_nonblocking(self.fd(), true)
            }
            _ => Ok(()),
        }
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

    /// How long its waits try before they sleep.
    pub(crate) fn spin(&self) -> &Spin {
        &self.spin
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

    /// Nobody can watch it from now on. Who did has to be told. (In a forked child nobody
    /// does: the watchers are the parent's.)
    pub(crate) fn end_watching(&self) -> impl Iterator<Item = i64> + use<> {
        (self.process == sys::process_id()).then(|| self.watchers.end()).into_iter().flatten()
    }

    /// What it asks of its clients, if it asks anything.
    pub(crate) fn access(&self) -> Option<&Shared<Access>> {
        self.access.get()
    }

    /// The same, from now on. Only who has connections can ask.
    pub(crate) fn make_access(&self) -> Result<&Shared<Access>> {
        if self.kind == Kind::Datagram {
            return Err(Error::NOT_SUPPORTED);
        }
        if self.access.get().is_none() {
            // Another thread may have been faster.
            let _ = self.access.set(Shared::new(Access::default())?);
        }
        self.access.get().ok_or(Error::NO_MEMORY)
    }

    pub(crate) fn activation_name(&self) -> Option<&CStr> {
        self.activation_name.get().map(CString::as_c_str)
    }

    pub(crate) fn set_activation_name(&self, name: CString) {
        let _ = self.activation_name.set(name);
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

    /// Whether descriptors that come are for the program. Else they are closed, or a newer
    /// kernel does not let them be sent (SO_PASSRIGHTS).
    pub(crate) fn receives_descriptors(&self) -> bool {
        self.receives_descriptors.load(Ordering::Acquire)
    }

    pub(crate) fn receive_descriptors(&self, on: bool) -> Result<()> {
        sys::pass_descriptors(self.fd(), on)?;
        self.receives_descriptors.store(on, Ordering::Release);
        Ok(())
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
    let FileOptions { mode, user, group, replace, make_parents, .. } = *options;
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
    Ok(())
}

/// On a seqpacket socket the end and an empty message are the same to every call,
/// but for what comes beside a message. So something has to: a time stamp does no
/// harm. (Credentials would do too, but give a nameless socket a name.)
fn mark_messages(fd: BorrowedFd<'_>, kind: Kind) -> Result<()> {
    match kind {
        Kind::Seqpacket => sys::set_option(fd, libc::SO_TIMESTAMP, 1),
        Kind::Stream | Kind::Datagram => Ok(()),
    }
}
