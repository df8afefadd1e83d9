//! What a socket is bound to: an address, and its file, if it has one.

use std::cell::RefCell;
use std::ffi::CStr;
use std::time::Duration;

use super::Socket;
use crate::address::{Address, Reach, reach};
use crate::directory::Lock;
use crate::error::{Error, Result};
use crate::failure::{Failure, LiveServer};
use crate::handle_table::InUse;
use crate::kind::Kind;
use crate::log::{BindNotes, Event, Note};
use crate::name_text;
use crate::socket_file::{Claim, FileOptions, SocketFile};
use crate::sys::{self, Shared, SocketName};
use crate::text::c_string;

const BOUND_ALREADY: &str = "this socket is bound already";

impl Socket {
    /// Binds a socket that has no name; one thread at a time. (A bind that fails for another reason
    /// than its address may leave a file (Linux 5.10), or a dead server's file may have been
    /// removed for it.)
    pub(crate) fn bind(&self, text: &CStr, options: &FileOptions) -> Result<(), Failure> {
        let Some(alone) = self.seldom()?.binding.hold_within(Duration::ZERO) else {
            return Err(Failure::Invalid("another thread is binding this socket"));
        };
        let notes = RefCell::default();
        let bound = match self.has_name()? {
            false => self.give_address(text, options, &notes),
            true => Err(Failure::Invalid(BOUND_ALREADY)),
        };
        drop(alone);
        notes.into_inner().tell(self.handle, Some(text));
        bound
    }

    /// The same, for a socket that has no name and that no other thread knows.
    pub(crate) fn bind_new(&self, text: &CStr, options: &FileOptions) -> Result<(), Failure> {
        let notes = RefCell::default();
        let bound = self.give_address(text, options, &notes);
        notes.into_inner().tell(self.handle, Some(text));
        bound
    }

    fn give_address(
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
            // Receivers of its datagrams would answer to the private name.
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
                let bound = self.seldom()?.file.make(self.fd(), path, options, notes);
                bound.map_err(|failure| self.advise(failure))?;
                if reach(text) != Reach::All {
                    let count = path.count_bytes() as u64;
                    notes.borrow_mut().push(Note { count, ..Note::of(Event::LongPath) });
                }
            }
            Address::Abstract(name) => self.give_name(&name)?,
            // Only the kernel knows which name it chose.
            Address::Any => return self.give_name(&SocketName::UNNAMED),
        }
        let _ = self.local.set(local);
        Ok(())
    }

    /// Leaves out advice that a socket of this kind can't follow.
    fn advise(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Live(server) if self.kind == Kind::Datagram => {
                Failure::Live(LiveServer { replaceable: false, ..server })
            }
            failure => failure,
        }
    }

    fn give_name(&self, name: &SocketName) -> Result<(), Failure> {
        sys::bind(self.fd(), name).map_err(|error| match error {
            Error::EADDRINUSE => Failure::NameTaken,
            other => Failure::Plain(other),
        })
    }

    /// Whether it is bound to the address in this text.
    pub(crate) fn is_bound_to(&self, text: &CStr) -> Result<bool> {
        match self.local.get() {
            Some(local) => Ok(local.as_c_str() == text),
            None => Ok(text == c"@" && self.has_name()?),
        }
    }

    fn has_name(&self) -> Result<bool> {
        Ok(!sys::local_name(self.fd())?.bytes().is_empty())
    }

    pub(super) fn file(&self) -> Option<InUse<'static, SocketFile>> {
        self.seldom.get()?.file.get()
    }

    /// Takes the path over, if it is to.
    pub(crate) fn publish_file(&self) -> Result<(), Failure> {
        self.file().map_or(Ok(()), |file| file.publish(self.handle))
    }

    /// Removes the file, for an opening that fails after its bind.
    pub(crate) fn undo_bind(&self) {
        if let Some(file) = self.file() {
            file.undo();
        }
    }

    /// Leaves the file where it is, for ever.
    pub(crate) fn disown(&self) {
        if let Some(file) = self.file() {
            file.disown();
        }
    }

    /// Whether the path leads to this socket's own file. If it does not and is claimed, it is
    /// restored first.
    pub(crate) fn owns_file(&self) -> bool {
        self.file().is_some_and(|file| {
            // If that fails, the path still leads elsewhere, which is the answer.
            let _ = file.restore(self.handle, Lock::PATIENCE);
            file.is_ours()
        })
    }

    /// Its file, if the path is to be restored when it is lost.
    pub(crate) fn claimed_file(&self) -> Option<InUse<'static, SocketFile>> {
        self.seldom.get()?.file.claimed()
    }

    /// How often the path was restored.
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
}

/// Refuses options that make sense only with a file.
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
