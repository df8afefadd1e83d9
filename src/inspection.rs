//! What is at an address, and which process has it, found out without the server noticing it.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use crate::address::{Address, NO_PROC, split};
use crate::directory::{Directory, Lock, Removal};
use crate::error::{Error, Result};
use crate::failure::{Failure, LiveServer};
use crate::kind::Kind;
use crate::sys::{self, FileStatus, Missing, SocketName};
use crate::unix_diag::{self, OpenSocket};
use crate::user_namespace::known_user;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing has this address.
    Absent,
    /// A socket that somebody has open.
    Live,
    /// The file of a socket that nobody has open any more. It never comes back to life.
    Stale,
    /// A file of another type. A symbolic link is one, wherever it leads.
    NotASocket,
}

#[derive(Clone, Copy)]
pub(crate) struct Inspection {
    pub(crate) state: State,
    /// The file, if there is one.
    pub(crate) file: Option<FileStatus>,
    /// What the kernel reports of the socket, if it does.
    pub(crate) socket: Option<OpenSocket>,
}

impl Inspection {
    const ABSENT: Self = Self { state: State::Absent, file: None, socket: None };

    /// Who made the socket.
    pub(crate) fn user(&self) -> Option<u32> {
        self.socket.and_then(|socket| socket.uid).and_then(known_user)
    }

    /// The processes that have the socket open: the one with the lowest number, and how many. They
    /// may be children that merely inherited it.
    pub(crate) fn processes(&self) -> Option<(u32, u32)> {
        unix_diag::holders(self.socket.as_ref()?)
    }
}

/// What is at the address.
pub(crate) fn inspect(address: &CStr) -> Result<Inspection, Failure> {
    match Address::parse(address)? {
        Address::Any => Err(Failure::Invalid("@ alone is nobody's address; give the whole name")),
        Address::Abstract(name) => {
            let socket = unix_diag::find(|socket| socket.has_name(name.bytes())).map_err(untold)?;
            let state = if socket.is_some() { State::Live } else { State::Absent };
            Ok(Inspection { state, file: None, socket })
        }
        Address::Path(path) => {
            let (parent, name) = split(path)?;
            match Directory::open(parent) {
                Err(Error::ENOENT) => Ok(Inspection::ABSENT),
                directory => inspect_name(&directory?, name),
            }
        }
    }
}

fn inspect_name(directory: &Directory, name: &CStr) -> Result<Inspection, Failure> {
    match look(directory, name)? {
        Sight::Nothing => Ok(Inspection::ABSENT),
        Sight::NotASocket(file) => {
            Ok(Inspection { state: State::NotASocket, file: Some(file), socket: None })
        }
        Sight::Socket(seen) => {
            let is_alive = seen.is_alive()?;
            let state = if is_alive { State::Live } else { State::Stale };
            let file = seen.into_file();
            let socket = if is_alive { file.find_socket() } else { Ok(None) };
            let socket = match socket {
                Err(error) if !error.is_scarcity() => None,
                socket => socket?,
            };
            Ok(Inspection { state, file: Some(file.status), socket })
        }
    }
}

/// Looks an abstract name up: only the kernel's list knows it.
fn untold(error: Error) -> Failure {
    if error.is_scarcity() {
        return Failure::Step { step: "ask the kernel for its sockets", error };
    }
    Failure::Untold(error)
}

/// What has a name in a directory.
pub(crate) enum Sight {
    Nothing,
    NotASocket(FileStatus),
    Socket(SeenSocket),
}

/// A file. As long as this is kept, its inode's number is not used again.
pub(crate) struct PinnedFile {
    descriptor: OwnedFd,
    status: FileStatus,
}

/// A socket's file.
pub(crate) struct SeenSocket {
    file: PinnedFile,
    /// Its path as it was written, if that fits.
    written: Option<SocketName>,
    life: Life,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Alive,
    Dead,
    /// The file's mode does not let this process connect.
    Hidden,
}

/// What has this name in the directory. This is quick, and may be done under a lock.
pub(crate) fn look(directory: &Directory, name: &CStr) -> Result<Sight, Failure> {
    let file = match PinnedFile::pin(directory, name) {
        Err(Error::ENOENT) => return Ok(Sight::Nothing),
        file => file?,
    };
    if !file.status.is_socket() {
        return Ok(Sight::NotASocket(file.status));
    }
    let written = directory.written_name(name);
    let life = match probe(&file, written.as_ref()) {
        // The name has changed hands.
        Err(Failure::Plain(Error::ENOENT)) => return Ok(Sight::Nothing),
        life => life?,
    };
    Ok(Sight::Socket(SeenSocket { file, written, life }))
}

impl SeenSocket {
    /// Whether the socket is surely dead. It never comes back to life.
    pub(crate) fn is_dead(&self) -> bool {
        self.life == Life::Dead
    }

    pub(crate) fn is_hidden(&self) -> bool {
        self.life == Life::Hidden
    }

    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        self.file.status.is_same_file(&other.file.status)
    }

    pub(crate) fn into_file(self) -> PinnedFile {
        self.file
    }

    /// Whether the file has an open socket behind it, also where finding out takes the kernel's
    /// list. Not under a lock: if the list's module is missing, the kernel looks for it each time.
    pub(crate) fn is_alive(&self) -> Result<bool, Failure> {
        match self.life {
            Life::Alive => Ok(true),
            Life::Dead => Ok(false),
            Life::Hidden => self.is_alive_behind_its_mode(),
        }
    }

    /// The kernel's list of sockets shows who is alive here; what it does not show may be
    /// alive in another network namespace.
    fn is_alive_behind_its_mode(&self) -> Result<bool, Failure> {
        let PinnedFile { descriptor, status } = &self.file;
        if status.uid != sys::user_of_process() {
            return Ok(true);
        }
        match self.file.find_socket() {
            // Connections have the name of their server, and outlive it.
            Ok(found) if found.is_none_or(|socket| socket.is_connected()) => {}
            Err(error) if error.is_scarcity() => return Err(error.into()),
            _ => return Ok(true),
        }
        // It is our own file: we may give ourselves access, for as long as it takes.
        match sys::set_mode(descriptor.as_fd(), status.permissions() | 0o200) {
            // Or it belongs to a user that this user namespace shows under the same number.
            Err(Error::EPERM) if known_user(status.uid).is_none() => return Ok(true),
            result => result?,
        }
        let life = probe(&self.file, self.written.as_ref());
        sys::set_mode(descriptor.as_fd(), status.permissions())?;
        Ok(life? == Life::Alive)
    }

    /// Removes the file, if it still has the name. Only if it is dead.
    pub(crate) fn remove(&self, directory: &Directory, name: &CStr) -> Result<Removal> {
        directory.remove(&self.file.status, || name, Lock::PATIENCE)
    }
}

impl PinnedFile {
    pub(crate) fn pin(directory: &Directory, name: &CStr) -> Result<Self> {
        let descriptor = directory.pin(name)?;
        let status = sys::status_at(descriptor.as_fd(), c"")?;
        Ok(Self { descriptor, status })
    }

    pub(crate) fn status(&self) -> FileStatus {
        self.status
    }

    /// What the kernel's list says of its socket, if anything. Not under a lock.
    pub(crate) fn socket(&self) -> Option<OpenSocket> {
        self.find_socket().unwrap_or_default()
    }

    fn find_socket(&self) -> Result<Option<OpenSocket>> {
        let Self { descriptor, status } = self;
        let found = unix_diag::find(|socket| socket.has_file(status.inode, status.device))?;
        if found.is_some() {
            return Ok(found);
        }
        // A file system may have further devices for its parts (btrfs, overlayfs).
        match sys::mounted_device(descriptor.as_fd()) {
            Some(device) if device != status.device => {
                unix_diag::find(|socket| socket.has_file(status.inode, device))
            }
            _ => Ok(None),
        }
    }

    /// The failure that names the server that is in the way. Not under a lock.
    pub(crate) fn obstacle(&self) -> Failure {
        let socket = self.socket();
        let pid = socket.and_then(|socket| unix_diag::holder(&socket));
        Failure::Live(LiveServer {
            kind: socket.and_then(|socket| socket.kind()).map(Kind::name),
            pid,
            is_orphan: pid.is_some_and(sys::is_orphan),
            uid: socket.and_then(|socket| socket.uid),
            replaceable: true,
        })
    }
}

/// Whether the socket file has an open socket behind it.
///
/// A datagram socket that tries to connect finds out and leaves no trace: a stream or
/// seqpacket server is of another type, and a datagram socket does not learn who has
/// connected to it. (A connect of the server's own type would stand in its queue; and to
/// one that is bound but does not listen yet it is refused as if nobody were there.)
///
/// gVisor refuses the datagram socket at a live server, too. So a refusal is checked with a stream
/// socket: on Linux it is refused as well, in gVisor a live server accepts it.
///
/// The file is reached through the descriptor; where /proc is not mounted, by the path, if that
/// leads to the file before and afterwards.
fn probe(file: &PinnedFile, written: Option<&SocketName>) -> Result<Life, Failure> {
    let by_descriptor = sys::descriptor_path(file.descriptor.as_fd());
    let by_descriptor = SocketName::new(by_descriptor.to_bytes()).ok_or(Error::ENAMETOOLONG)?;
    match connect(&by_descriptor) {
        Err(Error::ENOENT) if !sys::has_descriptor_paths() => {
            sys::note_missing(Missing::Proc);
        }
        attempt => return Ok(life(attempt)?),
    }
    let written = written.ok_or(NO_PROC)?;
    let leads_elsewhere =
        || sys::status_of(written.bytes()).map(|it| !it.is_same_file(&file.status));
    if leads_elsewhere()? {
        return Err(Error::ENOENT.into());
    }
    let attempt = connect(written);
    if leads_elsewhere()? {
        return Err(Error::ENOENT.into());
    }
    Ok(life(attempt)?)
}

fn connect(name: &SocketName) -> Result<()> {
    let connect_by = |kind| sys::connect(sys::socket(kind)?.as_fd(), name);
    match connect_by(libc::SOCK_DGRAM) {
        Err(Error::ECONNREFUSED) => connect_by(libc::SOCK_STREAM),
        attempt => attempt,
    }
}

fn life(attempt: Result<()>) -> Result<Life> {
    match attempt {
        Ok(()) => Ok(Life::Alive),
        // EPERM: a datagram socket that is connected to another.
        Err(Error::EPROTOTYPE | Error::EPERM) => Ok(Life::Alive),
        Err(Error::ECONNREFUSED) => Ok(Life::Dead),
        Err(Error::EACCES) => Ok(Life::Hidden),
        Err(error) => Err(error),
    }
}

/// The failure that says what is there instead of a socket.
pub(crate) fn not_a_socket(file: &FileStatus) -> Failure {
    Failure::NotASocket(what_it_is(file))
}

/// What a path leads to, if that is known and is not a socket.
pub(crate) fn other_than_a_socket(path: &CStr) -> Option<&'static str> {
    let file = sys::open_path(path, 0).and_then(|file| sys::status_at(file.as_fd(), c"")).ok()?;
    (!file.is_socket()).then(|| what_it_is(&file))
}

fn what_it_is(file: &FileStatus) -> &'static str {
    match file.mode & libc::S_IFMT {
        libc::S_IFDIR => "a directory",
        libc::S_IFREG => "a regular file",
        libc::S_IFLNK => "a symbolic link",
        libc::S_IFIFO => "a fifo",
        _ => "a device",
    }
}
