//! How a server that claims its path gets it back when it was lost.

use std::time::Duration;

use super::SocketFile;
use super::bound_path::check_replaceable;
use super::claim::{Claim, Reason};
use super::private_names;
use super::takeover::{Displaced, whose};
use crate::critical_section::CriticalSection;
use crate::directory::Lock;
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::log::{Event, Note};

/// How long an attempt that is not the first waits for the lock.
const SHORT_PATIENCE: Duration = Duration::from_millis(20);

impl SocketFile {
    /// Gets the path back, if it was lost and is still claimed; or the spare name, if only that was
    /// lost. What fails now can succeed later.
    pub(crate) fn restore(&self, handle: i64, patience: Duration) -> Result<(), Failure> {
        let Some(claim) = self.claim() else { return Ok(()) };
        if !claim.is_held() || !self.is_published() {
            return Ok(());
        }
        if self.is_ours() {
            return Ok(self.restore_spare(claim, patience)?);
        }
        let mut displaced = Displaced::default();
        if !self.restore_over(claim, patience, &mut displaced)? {
            return Ok(());
        }
        let event = Event::Restored;
        let note = displaced.socket.map_or(Note::of(event), whose);
        self.tell(&Note { handle, event, ..note });
        if let Some(error) = displaced.not_removed {
            self.tell(&Note { handle, ..Note::failed(Event::NotRemoved, error) });
        }
        Ok(())
    }

    /// Gets the path back. Whether it did. Whose file had the path is reported later.
    fn restore_over(
        &self,
        claim: &Claim,
        patience: Duration,
        displaced: &mut Displaced,
    ) -> Result<bool, Failure> {
        let _section = CriticalSection::begin();
        let lock = self.directory.lock_within(patience)?;
        // It may be about to be closed; or another thread was faster.
        if !claim.is_held() || self.directory.has(&self.made, &self.name)? {
            return Ok(false);
        }
        // A server that took the path on purpose has removed the claim, too.
        if !self.directory.has(&self.made, &claim.spare)? {
            claim.let_go();
            return Ok(false);
        }
        if !claim.is_patient() {
            claim.let_go();
            self.directory.unlink(&claim.spare)?;
            return Ok(false);
        }
        check_replaceable(&self.directory, &self.name)?;
        match private_names::link(&self.directory, &self.name, &self.made, &claim.spare, &lock) {
            Ok(private) => self.take_path(&private, &lock, displaced).inspect_err(|_| {
                let _ = self.directory.unlink(&private);
            })?,
            // There is no room for one more name: the path gets the spare, which is made anew when
            // there is room again.
            Err(Error::ENOSPC | Error::EDQUOT | Error::EMLINK) => {
                self.take_path(&claim.spare, &lock, displaced)?;
                if self.directory.link(&self.made, &self.name, &claim.spare).is_err() {
                    claim.put_off();
                }
            }
            Err(error) => return Err(error.into()),
        }
        claim.note_restored();
        Ok(true)
    }

    /// Gets the spare name back. A server that has the path under the lock was not replaced: the
    /// spare was removed by a program that cleans up, for example.
    fn restore_spare(&self, claim: &Claim, patience: Duration) -> Result<()> {
        let is_lost = || self.directory.status(&claim.spare).err() == Some(Error::ENOENT);
        if !is_lost() {
            return Ok(());
        }
        let _section = CriticalSection::begin();
        let _lock = self.directory.lock_within(patience)?;
        if claim.is_held() && is_lost() && self.directory.has(&self.made, &self.name)? {
            self.directory.link(&self.made, &self.name, &claim.spare)?;
        }
        Ok(())
    }

    /// What a wait for clients does in between: gets the path back, if it was just lost, or if the
    /// last attempt failed.
    pub(crate) fn restore_if_told(&self, handle: i64, most: Duration) {
        let Some(claim) = &self.claim else { return };
        let patience = match claim.reason() {
            None => return,
            Some(Reason::Told) => most.min(Lock::PATIENCE),
            // Clients are not to wait again and again for a lock that somebody keeps.
            Some(Reason::Due) => most.min(SHORT_PATIENCE),
        };
        // A program reads the result as UDSOCK_OPTION_OWNS_FILE, which tries again.
        if self.restore(handle, patience).is_err() {
            claim.put_off();
        }
    }

    /// Gives the claim up, and removes the spare name. After an error it can be tried again.
    pub(super) fn drop_claim(&self, patience: Duration) -> Result<()> {
        let Some(claim) = self.claim().filter(|claim| claim.let_go()) else { return Ok(()) };
        let spare = || match &claim.private {
            Some(private) if !self.is_published() => &**private,
            _ => &*claim.spare,
        };
        let removed = self.directory.remove(&self.made, spare, patience);
        removed.map(drop).inspect_err(|_| claim.take_up())
    }
}
