//! The events that are reported, and their words.

use std::ffi::CStr;
use std::fmt;

use super::{Level, tell};
use crate::error::Error;
use crate::sys::{Missing, SocketName};

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Reclaimed,
    Swept,
    TookOver,
    TakenOver,
    FileGone,
    NotRemoved,
    Refused,
    NoAlarm,
    TakenAway,
    DatagramDropped,
    UnsentDropped,
    Missing,
    CallFailed,
    Panic,
    NotNoted,
    Restored,
    LongPath,
}

/// Something that has happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note {
    pub(crate) event: Event,
    pub(crate) error: Option<Error>,
    /// 0: none, or none yet.
    pub(crate) handle: i64,
    pub(crate) pid: Option<u32>,
    pub(crate) uid: Option<u32>,
    /// How many, where the event counts something.
    pub(crate) count: u64,
    pub(crate) missing: Option<Missing>,
}

/// A client that was not let in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) pid: Option<u32>,
    pub(crate) uid: Option<u32>,
    /// [`Error::EACCES`]: no rule names it. [`Error::EUSERS`]: its user has as many
    /// connections as one user may have. Any other: who it is could not be found out.
    pub(crate) error: Error,
}

impl Note {
    pub(crate) fn of(event: Event) -> Self {
        Self { event, error: None, handle: 0, pid: None, uid: None, count: 0, missing: None }
    }

    pub(crate) fn failed(event: Event, error: Error) -> Self {
        Self { error: Some(error), ..Self::of(event) }
    }

    pub(crate) fn refused(client: Refused) -> Self {
        let Refused { pid, uid, error } = client;
        Self { pid, uid, error: Some(error), ..Self::of(Event::Refused) }
    }

    pub(crate) fn level(&self) -> Level {
        match self.event {
            // Some programs cut such a path, and use what is left of it.
            Event::LongPath if self.is_beyond_names() => Level::Warning,
            Event::LongPath => Level::Info,
            Event::Panic => Level::Error,
            Event::FileGone
            | Event::NotRemoved
            | Event::NoAlarm
            | Event::TakenAway
            | Event::DatagramDropped
            | Event::NotNoted
            | Event::Restored => Level::Warning,
            Event::Reclaimed
            | Event::Swept
            | Event::TookOver
            | Event::TakenOver
            | Event::Refused
            | Event::UnsentDropped => Level::Info,
            Event::Missing | Event::CallFailed => Level::Debug,
        }
    }
}

impl Note {
    /// Whether a path of `count` bytes does not fit into sun_path, with its NUL.
    fn is_beyond_names(&self) -> bool {
        self.count >= SocketName::MAX as u64
    }
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.count;
        match self.event {
            Event::Reclaimed => out.write_str("removed the file of a server that has gone"),
            Event::Swept => {
                write!(out, "removed {count} private names that a killed takeover left behind")
            }
            Event::TookOver => {
                out.write_str("took the path over from a live server")?;
                self.write_who(out)
            }
            Event::TakenOver => out.write_str("another file has the path now; it stays"),
            Event::FileGone => out.write_str("somebody else had removed the socket's file"),
            Event::NotRemoved => {
                out.write_str("a file of the library could not be removed")?;
                self.write_error(out)
            }
            Event::Refused => {
                out.write_str("refused a client")?;
                self.write_who(out)?;
                match self.error {
                    Some(Error::EACCES) => out.write_str(": no rule lets it in"),
                    Some(Error::EUSERS) => {
                        out.write_str(": its user has as many connections as one user may have")
                    }
                    _ => out
                        .write_str(": who it is could not be found out")
                        .and_then(|()| self.write_error(out)),
                }
            }
            Event::NoAlarm => out.write_str(
                "no descriptor or no memory is left for an alarm: a sleeping thread looks up \
                     every 5 ms instead",
            ),
            Event::TakenAway => out.write_str(
                "closed while a thread was held up in a call; the socket was taken away from it",
            ),
            Event::DatagramDropped => {
                write!(out, "{count} kept datagrams could not be delivered, and were dropped")?;
                self.write_error(out)
            }
            Event::UnsentDropped => {
                write!(out, "{count} bytes that were kept for sending were dropped")?;
                match self.error {
                    None => out.write_str(", as the socket left the poller"),
                    Some(_) => self.write_error(out),
                }
            }
            Event::Missing => out.write_str(self.missing.map_or("", words)),
            // (`tell_failure` writes the words.)
            Event::CallFailed => self.write_error(out),
            Event::Panic => {
                out.write_str("a bug in libudsock was caught in a call; please report it")
            }
            Event::Restored => {
                out.write_str("the path was lost, and has been restored")?;
                self.write_who(out)
            }
            Event::LongPath => {
                let who = if self.is_beyond_names() { "few programs" } else { "not every program" };
                write!(out, "{who} can reach a path of {count} bytes")
            }
            Event::NotNoted => write!(out, "{count} more events could not be noted"),
        }
    }
}

impl Note {
    fn write_who(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, self.uid) {
            (Some(pid), Some(uid)) => write!(out, " (pid {pid}, uid {uid})"),
            (Some(pid), None) => write!(out, " (pid {pid})"),
            (None, Some(uid)) => write!(out, " (uid {uid})"),
            (None, None) => Ok(()),
        }
    }

    fn write_error(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.map_or(Ok(()), |error| write!(out, ": {error}"))
    }
}

fn words(missing: Missing) -> &'static str {
    match missing {
        Missing::DescriptorRefusal => {
            "descriptors can't be refused here (SO_PASSRIGHTS, Linux 6.16): unwanted ones are \
             closed, and their sender does not learn of it"
        }
        Missing::ForkNote => {
            "memory can't be wiped at fork here (MADV_WIPEONFORK): only its process number tells a \
             forked child from its parent"
        }
        Missing::RenameFlags => {
            "renames have no flags here (renameat2): publishing a name takes two steps instead of \
             one, under the lock of the directory"
        }
        Missing::Proc => {
            "/proc is not there: paths have at most 107 bytes, and messages name no process"
        }
        Missing::SocketList => {
            "the kernel's list of sockets can't be read (sock_diag): messages name neither the kind \
             nor the process of a server"
        }
        Missing::PeerGroups => {
            "this kernel does not report a client's supplementary groups (SO_PEERGROUPS): only its \
             primary group counts in rules"
        }
    }
}

/// What happens while one file is made.
pub(crate) type BindNotes = Notes<8>;

/// Events that happened while nothing can be reported.
pub(crate) struct Notes<const ROOM: usize> {
    notes: [Option<Note>; ROOM],
    count: usize,
    /// How many there was no room for.
    missed: u64,
}

impl<const ROOM: usize> Default for Notes<ROOM> {
    fn default() -> Self {
        Self { notes: [const { None }; ROOM], count: 0, missed: 0 }
    }
}

impl<const ROOM: usize> Notes<ROOM> {
    /// How many have been noted.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Async-signal-safe.
    #[cold]
    pub(crate) fn push(&mut self, note: Note) {
        if !super::is_wanted(note.level()) {
            return;
        }
        match self.notes.get_mut(self.count) {
            Some(place) => {
                *place = Some(note);
                self.count += 1;
            }
            None => self.missed += 1,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Note> {
        let missed = Note { count: self.missed, ..Note::of(Event::NotNoted) };
        self.notes.iter().flatten().copied().chain((self.missed > 0).then_some(missed))
    }

    /// Reports all of them, as events at this path.
    pub(crate) fn tell(&self, handle: i64, path: Option<&CStr>) {
        self.iter().for_each(|note| tell(&Note { handle, ..note }, path));
    }
}
