//! The life of a bound path, from the first look at its directory to the removal of the
//! file, and of no other file.
//!
//! A socket file is nothing but a name: it outlives its server, and another file may take its
//! place. So a bound path is remembered as three things: the directory, which is held open, the
//! name in it, and the inode that was made. The inode's number is not used again while its socket
//! is open, so the file with this number is the one that was made.
//!
//! 1. *Resolve* (`own_file`). The directory is opened, or made; the last name is split off.
//! 2. *Bind* (`bound_path`), to the path or, to replace another, to a private name; and see that the
//!    file is in that directory (`place`).
//! 3. *Publish* (`takeover`). A file with a private name takes the path over when the socket
//!    listens, in one step.
//! 4. *Restore*, if that was asked for and the path was lost (`restoration`, `claim`).
//! 5. *Remove*, here. Under the lock, if the path still leads to the file that was made.
//!
//! Whatever makes, publishes or removes a file is a critical section. At the end of the section
//! that makes it, the file is in the table, where the clean-up finds it.

use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::critical_section::CriticalSection;
use crate::directory::{Directory, Lock, PathRoom, Removal};
use crate::error::{Error, Result};
use crate::log::{self, Event, Note};
use crate::parents::Parents;
use crate::sys::{self, FileStatus};
use crate::text::ShortText;

mod bound_path;
mod claim;
mod own_file;
mod permissions;
mod place;
mod private_names;
mod restoration;
mod takeover;

pub(crate) use bound_path::FileOptions;
pub(crate) use claim::Claim;
pub(crate) use own_file::{OwnFile, all};

/// The file that a socket of this process made.
pub(crate) struct SocketFile {
    directory: Directory,
    name: CString,
    /// The name that it has until it is published.
    private: Option<ShortText>,
    published: AtomicBool,
    made: FileStatus,
    claim: Option<Claim>,
    parents: Parents,
    /// Not to be removed once it is published.
    keep: bool,
    /// The process that made it (its fork generation). A forked child has a copy of this, but the
    /// file is not the child's.
    process: u32,
    /// A [`Fate`].
    fate: AtomicU32,
}

impl SocketFile {
    /// For an opening that fails after its bind: removes the file, and the directories
    /// that were made for it.
    pub(crate) fn undo(&self) {
        self.fate.store(Fate::Goes as u32, Ordering::Release);
        self.tell_removal(0, self.remove(Lock::PATIENCE));
        self.parents.remove();
    }

    /// The claim to the path, if this process has made the file.
    pub(crate) fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref().filter(|_| self.process == sys::fork_generation())
    }

    fn is_published(&self) -> bool {
        self.published.load(Ordering::Acquire)
    }

    fn current_name(&self) -> &CStr {
        match &self.private {
            Some(private) if !self.is_published() => private,
            _ => &self.name,
        }
    }

    /// Whether the path leads to this file.
    pub(crate) fn is_ours(&self) -> bool {
        self.directory.has(&self.made, &self.name).unwrap_or(false)
    }

    /// Removes the file if it is still there, ours, and to be removed at all; after an error it can
    /// be tried again. Only call this while the socket is open.
    pub(crate) fn remove(&self, patience: Duration) -> Result<Removal> {
        if self.process != sys::fork_generation() {
            return Ok(Removal::Stays);
        }
        self.wait_for_other_remover();
        if self.fate() != Fate::Goes && !self.claim.as_ref().is_some_and(Claim::is_held) {
            return Ok(Removal::Stays);
        }
        let _section = CriticalSection::begin();
        self.remove_in_section(patience)
    }

    /// The same, for a caller that is in a critical section, or keeps all others out of theirs.
    /// Async-signal-safe.
    pub(crate) fn remove_in_section(&self, patience: Duration) -> Result<Removal> {
        if self.process != sys::fork_generation() {
            return Ok(Removal::Stays);
        }
        let dropped = self.drop_claim(patience);
        if !self.change_fate(Fate::Goes, Fate::IsGoing) {
            return dropped.map(|()| Removal::Stays);
        }
        // The lock is waited for only once.
        let patience = if dropped == Err(Error::EBUSY) { Duration::ZERO } else { patience };
        let removed = self.remove_now(patience);
        // Unless the file was given up meanwhile.
        let fate = if removed.is_ok() { Fate::Stays } else { Fate::Goes };
        self.change_fate(Fate::IsGoing, fate);
        dropped.and(removed)
    }

    fn remove_now(&self, patience: Duration) -> Result<Removal> {
        let remove = |patience| self.directory.remove(&self.made, || self.current_name(), patience);
        match remove(Duration::ZERO) {
            Err(Error::EBUSY) => {}
            result => return result,
        }
        // A server that was replaced does not wait for the lock. (Before the file is published,
        // only the holder of the lock can know where it is.)
        if self.is_published() {
            if let Some(why) = self.directory.has_lost(&self.made, &self.name)? {
                return Ok(why);
            }
        }
        remove(patience)
    }

    /// Reports how the removal went, if that is worth a report.
    pub(crate) fn tell_removal(&self, handle: i64, removal: Result<Removal>) {
        let note = match removal {
            Ok(Removal::Done | Removal::Stays) => return,
            Ok(Removal::WasGone) => Note::of(Event::FileGone),
            Ok(Removal::IsAnothers) => Note::of(Event::TakenOver),
            Err(error) => Note::failed(Event::NotRemoved, error),
        };
        self.tell(&Note { handle, ..note });
    }

    fn tell(&self, note: &Note) {
        let mut room = [0; size_of::<PathRoom>()];
        log::tell(note, Some(self.directory.path_of(&self.name, &mut room)));
    }

    /// Another thread may be removing it in udsock_cleanup. The socket must not be closed before
    /// that is done: the number of the file's inode would be free.
    fn wait_for_other_remover(&self) {
        const PAUSE: Duration = Duration::from_micros(50);
        let mut waited = Duration::ZERO;
        while self.fate() == Fate::IsGoing && waited < 2 * Lock::PATIENCE {
            sys::sleep(PAUSE);
            waited += PAUSE;
        }
    }

    fn fate(&self) -> Fate {
        match self.fate.load(Ordering::Acquire) {
            0 => Fate::Stays,
            1 => Fate::Goes,
            _ => Fate::IsGoing,
        }
    }

    fn change_fate(&self, from: Fate, to: Fate) -> bool {
        let (from, to) = (from as u32, to as u32);
        self.fate.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Leaves the file to somebody else.
    pub(crate) fn disown(&self) {
        self.fate.store(Fate::Stays as u32, Ordering::Release);
        if self.claim().is_some_and(Claim::is_held) {
            let _section = CriticalSection::begin();
            let _ = self.drop_claim(Lock::PATIENCE);
        }
        self.give_up();
    }

    /// From now on nothing tries to remove the file or its spare name.
    pub(crate) fn give_up(&self) {
        self.fate.store(Fate::Stays as u32, Ordering::Release);
        self.claim().map(Claim::let_go);
    }
}

/// What becomes of the file when its socket goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays = 0,
    Goes = 1,
    IsGoing = 2,
}
