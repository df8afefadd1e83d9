//! The mode and the owner of a socket file: until they are right it lets nobody in.

use std::os::fd::AsFd;

use super::bound_path::{Binder, FileOptions, Made};
use crate::error::{Error, Result};
use crate::failure::{Failure, NotKept};
use crate::sys;

impl Binder<'_> {
    /// Sets the mode that the file is made with, so that it never lets in more than it is to let
    /// in. Returns that mode, if one was set.
    pub(super) fn narrow(&self, options: &FileOptions) -> Result<Option<u32>> {
        // The kernel makes the file with this mode less the umask. Until it has its owner, nobody
        // may connect.
        let narrow = if options.has_owner() { Some(0) } else { options.mode };
        if let Some(mode) = narrow {
            sys::set_mode_before_bind(self.socket, mode)?;
        }
        Ok(narrow)
    }

    /// Undoes that, for a socket that could not be bound.
    pub(super) fn widen(&self, narrow: Option<u32>) {
        if narrow.is_some() {
            // The next attempt may ask for no mode: as a new socket has it.
            let _ = sys::set_mode_before_bind(self.socket, 0o777);
        }
    }

    /// Sets owner and mode, through a descriptor of the inode, so that nothing which may have taken
    /// the name meanwhile is changed. Some file systems report success and change nothing, so the
    /// result is read back.
    pub(super) fn set_owner_and_mode(
        &self,
        made: &Made,
        options: &FileOptions,
    ) -> Result<(), Failure> {
        let FileOptions { mode, user, group, .. } = *options;
        let is_so = mode.is_none_or(|mode| made.file.permissions() == mode);
        if is_so && !options.has_owner() {
            return Ok(());
        }
        let bound = made.private.as_deref().unwrap_or(self.name);
        let pinned = self.directory.pin(bound)?;
        let file = pinned.as_fd();
        let mut status = sys::status_at(file, c"")?;
        if !made.file.is_same_file(&status) {
            return Err(Error::ENOENT.into());
        }
        if options.has_owner() {
            sys::set_owner(file, user, group).map_err(Failure::at("set the file's owner"))?;
            status = sys::status_at(file, c"")?;
        }
        let is_theirs = user.is_none_or(|user| user == status.uid)
            && group.is_none_or(|group| group == status.gid);
        if !is_theirs {
            let has = [status.uid, status.gid];
            return Err(Failure::NotKept(NotKept::Owner { asked: [user, group], has }));
        }
        let default = || self.directory.umask().map(|umask| 0o777 & !umask);
        let Some(wanted) = mode.or_else(default) else {
            return Err(Failure::Invalid("the umask is not known; give a mode with user or group"));
        };
        if status.permissions() != wanted {
            sys::set_mode(file, wanted).map_err(|error| match error {
                Error::ENOENT => Failure::Step {
                    step: "set the file's mode through /proc, which is not mounted here (before \
                           Linux 6.6 there is no other way)",
                    error,
                },
                error => Failure::Step { step: "set the file's mode", error },
            })?;
            status = sys::status_at(file, c"")?;
        }
        match mode {
            Some(asked) if status.permissions() != asked => {
                Err(Failure::NotKept(NotKept::Mode { asked, has: status.permissions() }))
            }
            _ => Ok(()),
        }
    }
}
