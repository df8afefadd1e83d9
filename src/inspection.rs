//! What is at an address, and who is behind it, found out without the server's noticing.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use crate::address::{Address, split};
use crate::directory::Directory;
use crate::error::{Error, Failure, LiveServer, Result};
use crate::kind::Kind;
use crate::sys::{self, FileStatus, SocketName};
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
    /// What the kernel tells of the socket, where it does.
    pub(crate) socket: Option<OpenSocket>,
}

impl Inspection {
    const ABSENT: Self = Self { state: State::Absent, file: None, socket: None };

    /// What stands in the way of a bind, if anything does.
    pub(crate) fn obstacle(&self) -> Option<Failure> {
        match self.state {
            State::Absent => None,
            State::Live => Some(Failure::Live(self.server())),
            State::Stale => Some(Failure::Stale),
            State::NotASocket => self.file.as_ref().map(not_a_socket),
        }
    }

    fn server(&self) -> LiveServer {
        LiveServer {
            kind: self.socket.and_then(|socket| socket.kind()).map(Kind::name),
            pid: self.process(),
            uid: self.user(),
            replaceable: true,
        }
    }

    /// Who made the socket.
    pub(crate) fn user(&self) -> Option<u32> {
        self.socket.and_then(|socket| socket.uid).and_then(known_user)
    }

    /// A process that has the socket open. It may be a child that merely inherited it.
    pub(crate) fn process(&self) -> Option<u32> {
        self.socket.and_then(|socket| unix_diag::holder(&socket))
    }
}

/// What is at the address.
pub(crate) fn inspect(address: &CStr) -> Result<Inspection, Failure> {
    match Address::parse(address)? {
        Address::Any => Err(Failure::Invalid("@ alone is nobody's address; give the whole name")),
        Address::Abstract(name) => {
            let socket = unix_diag::find(|socket| socket.has_name(name.bytes()))
                .map_err(Failure::at("ask the kernel for its sockets"))?;
            let state = if socket.is_some() { State::Live } else { State::Absent };
            Ok(Inspection { state, file: None, socket })
        }
        Address::Path(path) => {
            let (parent, name) = split(path)?;
            match Directory::open(&parent) {
                Err(Error::NOT_FOUND) => Ok(Inspection::ABSENT),
                directory => Ok(look(&directory?, name)?),
            }
        }
    }
}

/// What has this name in the directory.
pub(crate) fn look(directory: &Directory, name: &CStr) -> Result<Inspection> {
    let pinned = match directory.pin(name) {
        Err(Error::NOT_FOUND) => return Ok(Inspection::ABSENT),
        pinned => pinned?,
    };
    let file = sys::status_at(pinned.as_fd(), c"")?;
    let here = |state, socket| Inspection { state, file: Some(file), socket };
    if !file.is_socket() {
        return Ok(here(State::NotASocket, None));
    }
    let alive = probe(pinned.as_fd(), &file)?;
    if !alive {
        return Ok(here(State::Stale, None));
    }
    // Who it is is not vital.
    let socket = unix_diag::find(|socket| socket.has_file(&file)).unwrap_or_default();
    Ok(here(State::Live, socket))
}

/// Whether the socket file that the descriptor pins has an open socket behind it.
///
/// A datagram socket that tries to connect finds out and leaves no trace: a stream or
/// seqpacket server is of another type, and a datagram socket does not learn who has
/// connected to it. (A connect of the server's own type would stand in its queue; and to
/// one that is bound but does not listen yet it is refused as if nobody were there.)
fn probe(file: BorrowedFd<'_>, status: &FileStatus) -> Result<bool> {
    match connect_datagram(file) {
        Err(Error::NO_ACCESS) => probe_without_access(file, status),
        attempt => is_alive(attempt),
    }
}

fn is_alive(attempt: Result<()>) -> Result<bool> {
    match attempt {
        Ok(()) => Ok(true),
        // EPERM: a datagram socket that is connected to another.
        Err(Error::WRONG_TYPE | Error::NOT_PERMITTED) => Ok(true),
        Err(Error::CONNECTION_REFUSED) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The file's mode does not let this process connect. The kernel's list of sockets shows
/// who is alive here; what it does not show may be alive in another network namespace.
fn probe_without_access(file: BorrowedFd<'_>, status: &FileStatus) -> Result<bool> {
    let is_ours = status.uid == sys::user_of_process();
    match unix_diag::find(|socket| socket.has_file(status)) {
        // Connections have the name of their server, and outlive it.
        Ok(found) if is_ours && found.is_none_or(|socket| socket.is_connected()) => {}
        _ => return Ok(true),
    }
    // It is our own file: we may give ourselves access, for as long as it takes.
    let path = sys::descriptor_path(file);
    sys::set_mode(&path, status.permissions() | 0o200)?;
    let attempt = connect_datagram(file);
    sys::set_mode(&path, status.permissions())?;
    is_alive(attempt)
}

fn connect_datagram(file: BorrowedFd<'_>) -> Result<()> {
    let path = sys::descriptor_path(file);
    let name = SocketName::new(path.to_bytes()).ok_or(Error::NAME_TOO_LONG)?;
    let probe = sys::socket(libc::SOCK_DGRAM)?;
    sys::connect(probe.as_fd(), &name)
}

/// What it is instead.
pub(crate) fn not_a_socket(file: &FileStatus) -> Failure {
    Failure::NotASocket(match file.mode & libc::S_IFMT {
        libc::S_IFDIR => "a directory",
        libc::S_IFREG => "a regular file",
        libc::S_IFLNK => "a symbolic link",
        libc::S_IFIFO => "a fifo",
        _ => "a device",
    })
}
