//! How a path is taken over: from the server that is to be replaced, or, to get it back, from the
//! program that has taken it.

use std::ffi::CStr;
use std::sync::atomic::Ordering;

use super::bound_path::{ATTEMPTS, MOUNTED, PUBLISH, check_replaceable};
use super::private_names;
use super::{Fate, SocketFile};
use crate::critical_section::CriticalSection;
use crate::directory::Lock;
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::inspection::{SeenSocket, Sight, look};
use crate::log::{self, Event, Level, Note};
use crate::unix_diag;
use crate::user_namespace::known_user;

impl SocketFile {
    /// Takes the path over, from whichever socket has it. Clients that have connected to that one
    /// stay with it; those that connect from now on come here.
    pub(crate) fn publish(&self, handle: i64) -> Result<(), Failure> {
        let mut displaced = Displaced::default();
        self.publish_over(&mut displaced)?;
        if let Some(seen) = displaced.socket {
            self.tell(&Note { handle, ..whose(seen) });
        }
        if let Some(error) = displaced.not_removed {
            self.tell(&Note { handle, ..Note::failed(Event::NotRemoved, error) });
        }
        Ok(())
    }

    /// The same. Whose file it was is reported later: finding out takes time.
    fn publish_over(&self, displaced: &mut Displaced) -> Result<(), Failure> {
        let Some(private) = &self.private else { return Ok(()) };
        if self.is_published() {
            return Ok(());
        }
        let _section = CriticalSection::begin();
        let lock = self.directory.lock()?;
        self.take_path(private, &lock, displaced)?;
        self.published.store(true, Ordering::Release);
        self.take_spare();
        if self.keep {
            self.fate.store(Fate::Stays as u32, Ordering::Release);
        }
        Ok(())
    }

    /// Makes the path lead to the file that has the private name. That name is gone then.
    pub(super) fn take_path(
        &self,
        private: &CStr,
        lock: &Lock,
        displaced: &mut Displaced,
    ) -> Result<(), Failure> {
        // Whoever has just bound the path, and looks for its file next, finds this one.
        self.directory.mark_changed(private);
        for _ in 0..ATTEMPTS {
            match self.directory.rename_new(private, &self.name, lock) {
                Err(Error::EEXIST) => {}
                result => return result.map_err(at_publishing),
            }
            check_replaceable(&self.directory, &self.name)?;
            if log::is_wanted(Level::Info) {
                displaced.socket = match look(&self.directory, &self.name) {
                    Ok(Sight::Socket(seen)) => Some(seen),
                    _ => None,
                };
            }
            match self.directory.exchange(private, &self.name) {
                Err(Error::ENOENT) => continue,
                // Here a file that is not a socket is lost, if it came after the look.
                Ok(false) => {
                    let over = self.directory.rename_over(private, &self.name);
                    return over.map_err(at_publishing);
                }
                result => result.map_err(at_publishing)?,
            };
            displaced.not_removed = self.drop_displaced(private)?;
            return Ok(());
        }
        Err(Failure::Plain(Error::EBUSY))
    }

    /// Takes the spare name along with the path: the server that claimed the path before does so no
    /// longer.
    fn take_spare(&self) {
        let of_others = private_names::spare(&self.name);
        match self.claim.as_ref().and_then(|claim| Some((claim, claim.private.as_deref()?))) {
            Some((claim, private)) => {
                let taken = self.directory.rename_over(private, &claim.spare);
                if taken.is_err() {
                    claim.let_go();
                    let _ = self.directory.unlink(private);
                }
            }
            None if self.directory.status(&of_others).is_ok_and(|file| file.is_socket()) => {
                let _ = self.directory.unlink(&of_others);
            }
            None => {}
        }
    }

    /// Removes what was at the path, and has the private name now. If it is not a socket, as
    /// somebody put it there after the look, it goes back to the path. Returns why it could not be
    /// removed, if so.
    fn drop_displaced(&self, private: &CStr) -> Result<Option<Error>, Failure> {
        check_replaceable(&self.directory, private).inspect_err(|_| {
            let _ = self.directory.exchange(private, &self.name);
        })?;
        // The path is taken over: if the old file can't be removed now, the next start sees to it.
        Ok(self.directory.unlink(private).err())
    }
}

/// What was at the path before.
#[derive(Default)]
pub(super) struct Displaced {
    /// Looked at only if the log wants to know.
    pub(super) socket: Option<SeenSocket>,
    /// Why its file could not be removed.
    pub(super) not_removed: Option<Error>,
}

/// The note of a takeover, with the server that had the path.
pub(super) fn whose(seen: SeenSocket) -> Note {
    if seen.is_alive() == Ok(false) {
        return Note::of(Event::Reclaimed);
    }
    let socket = seen.into_file().socket();
    Note {
        pid: socket.and_then(|socket| unix_diag::holder(&socket)),
        uid: socket.and_then(|socket| socket.uid).and_then(known_user),
        ..Note::of(Event::TookOver)
    }
}

fn at_publishing(error: Error) -> Failure {
    Failure::Step { step: if error == Error::EBUSY { MOUNTED } else { PUBLISH }, error }
}
