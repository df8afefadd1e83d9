//! Binding a socket to a path: from the first attempt to a file that is as it was asked for.
//!
//! 1. *Bind.* To the path itself if it is free: bind(2) lets one of many through.
//! 2. *Look*, if it is not. A live server and what is no socket stay.
//! 3. *Reclaim.* Under the directory's lock, a dead server's file goes, and 1 again.
//! 4. *Set owner and mode* (`permissions`). Until then the file lets nobody in whom they keep out.
//! 5. *Claim*, if the path is to be restored when it is lost.
//!
//! To replace a live server, step 1 binds a private name beside the path. So it does for a name
//! that is too long for an address.

use std::cell::RefCell;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::claim::{Claim, Watch};
use super::private_names;
use crate::address::NO_PROC;
use crate::directory::{Directory, Lock};
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::inspection::{PinnedFile, SeenSocket, Sight, look, not_a_socket};
use crate::log::{BindNotes, Event, Note};
use crate::sys::{self, FileStatus, SocketName};
use crate::text::ShortText;

/// How often others may change what is at a path between two looks.
pub(crate) const ATTEMPTS: u32 = 100;

/// How a socket file is to be made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FileOptions {
    /// The exact permission bits; `None`: 0777 less the umask.
    pub(crate) mode: Option<u32>,
    /// `None`: as the system sets it.
    pub(crate) user: Option<u32>,
    pub(crate) group: Option<u32>,
    /// Take the path over from a live server.
    pub(crate) replace: bool,
    /// Leave a dead server's file where it is.
    pub(crate) no_reclaim: bool,
    /// Leave the file where it is, in the end.
    pub(crate) keep: bool,
    /// Make the directories that are missing.
    pub(crate) make_parents: bool,
    /// Get the path back when it is lost.
    pub(crate) restore: bool,
}

impl FileOptions {
    pub(crate) fn has_owner(&self) -> bool {
        self.user.is_some() || self.group.is_some()
    }
}

/// A socket, and where it is to be bound.
pub(crate) struct Binder<'a> {
    pub(crate) socket: BorrowedFd<'a>,
    pub(crate) directory: &'a Directory,
    pub(crate) name: &'a CStr,
    /// What happens on the way, which is reported later.
    pub(crate) notes: &'a RefCell<BindNotes>,
}

/// The file that was made.
pub(crate) struct Made {
    /// The name under which it was bound, if that is another one.
    pub(crate) private: Option<ShortText>,
    pub(crate) file: FileStatus,
    pub(crate) claim: Option<Claim>,
}

impl Made {
    /// The name of the file, once `make` has ended.
    fn name<'a>(&'a self, name: &'a CStr, options: &FileOptions) -> &'a CStr {
        self.private.as_deref().filter(|_| options.replace).unwrap_or(name)
    }
}

/// Why no file was made.
pub(crate) enum Refusal {
    Failure(Failure),
    /// A live server is in the way. Finding out which takes time: not under a lock.
    Live(PinnedFile),
    /// The file was made in another directory, under this name if it is another one.
    Elsewhere(Option<ShortText>),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failure(error.into())
    }
}

impl Refusal {
    pub(crate) fn explain(self) -> Failure {
        match self {
            Self::Failure(failure) => failure,
            Self::Live(file) => file.obstacle(),
            Self::Elsewhere(_) => ELSEWHERE,
        }
    }
}

impl Binder<'_> {
    /// Makes a file as the options want it, under its name or, to replace another, under a private
    /// one. If anything fails, nothing is left.
    pub(crate) fn make(&self, options: &FileOptions) -> Result<Made, Refusal> {
        let narrow = self.narrow(options)?;
        let private = self.bind(options).inspect_err(|_| self.widen(narrow))?;
        let bound = private.as_deref().unwrap_or(self.name);
        let Some(file) = self.made_file(bound)? else { return Err(Refusal::Elsewhere(private)) };
        let mut made = Made { private, file, claim: None };
        self.set_owner_and_mode(&made, options)
            .map_err(Refusal::from)
            .and_then(|()| match &made.private {
                Some(private) if !options.replace => self.publish_new(private, options.no_reclaim),
                _ => Ok(()),
            })
            .inspect_err(|_| {
                let bound = made.private.as_deref().unwrap_or(self.name);
                if let Err(error) = self.directory.remove(&made.file, || bound, Lock::PATIENCE) {
                    self.note(Note::failed(Event::NotRemoved, error));
                }
            })?;
        if options.restore {
            let claim = self.claim(&made, options).inspect_err(|_| {
                let bound = made.name(self.name, options);
                if let Err(error) = self.directory.remove(&made.file, || bound, Lock::PATIENCE) {
                    self.note(Note::failed(Event::NotRemoved, error));
                }
            })?;
            made.claim = Some(claim);
        }
        Ok(made)
    }

    /// Binds the socket. Returns the private name, if it was bound to one.
    fn bind(&self, options: &FileOptions) -> Result<Option<ShortText>, Refusal> {
        let direct = self.directory.socket_name(self.name).filter(|_| !options.replace);
        if direct.is_none() {
            self.look_before(options)?;
        }
        let lock = match private_names::first_is_taken(self.directory, self.name) {
            true => self.sweep_if_free(),
            false => None,
        };
        let Some(direct) = direct else {
            let lock = lock.map_or_else(|| self.directory.lock(), Ok)?;
            return Ok(self.attempt_private(&lock).map(Some)?);
        };
        match self.attempt(&direct) {
            Err(Failure::Plain(Error::EADDRINUSE | Error::EEXIST)) => {}
            result => return Ok(result.map(|()| None)?),
        }
        let attempt = |_: &Lock| self.attempt(&direct);
        self.reclaim(options.no_reclaim, lock, attempt).map(|()| None)
    }

    /// Looks at the path before a private name is bound. A name can't be taken back from a socket,
    /// so what is in the way is reported before the socket has one: then it can be bound elsewhere.
    fn look_before(&self, options: &FileOptions) -> Result<(), Refusal> {
        if options.replace {
            return Ok(check_replaceable(self.directory, self.name)?);
        }
        match look(self.directory, self.name)? {
            Sight::NotASocket(file) => Err(not_a_socket(&file).into()),
            Sight::Socket(seen) if seen.is_alive()? => Err(Refusal::Live(seen.into_file())),
            Sight::Socket(_) if options.no_reclaim => Err(Failure::Stale.into()),
            Sight::Socket(_) | Sight::Nothing => Ok(()),
        }
    }

    /// Sweeps if the lock is free, without waiting for it.
    fn sweep_if_free(&self) -> Option<Lock> {
        let lock = self.directory.lock_within(Duration::ZERO).ok()?;
        self.sweep(lock)
    }

    fn sweep(&self, lock: Lock) -> Option<Lock> {
        private_names::sweep(self.directory, self.name, lock, &mut self.notes.borrow_mut())
    }

    fn note(&self, note: Note) {
        self.notes.borrow_mut().push(note);
    }

    fn attempt(&self, name: &SocketName) -> Result<(), Failure> {
        sys::bind(self.socket, name).map_err(|error| match error {
            Error::ENOENT if !self.is_written(name) && !sys::has_descriptor_paths() => NO_PROC,
            Error::EPERM | Error::EIO => {
                Failure::Step { step: "make a socket's file (not every file system can)", error }
            }
            Error::EOVERFLOW => Failure::Step {
                step: "make a file there (on an idmapped mount this user or group may have no \
                       number)",
                error,
            },
            error => error.into(),
        })
    }

    fn is_written(&self, name: &SocketName) -> bool {
        !sys::is_descriptor_path(name.bytes())
    }

    /// Binds a private name that nobody alive has.
    fn attempt_private(&self, _: &Lock) -> Result<ShortText, Failure> {
        for private in private_names::of(self.name) {
            let name = self.directory.socket_name(&private).ok_or(Error::ENAMETOOLONG)?;
            match self.attempt(&name) {
                Err(Failure::Plain(Error::EADDRINUSE)) => {}
                result => return result.map(|()| private),
            }
        }
        Err(Failure::Step {
            step: "every private name beside it is taken by a takeover that is under way",
            error: Error::EBUSY,
        })
    }

    /// Gives the file that was made its name, which could not be bound directly, if nobody has it.
    fn publish_new(&self, private: &CStr, no_reclaim: bool) -> Result<(), Refusal> {
        let lock = self.directory.lock()?;
        let publish = |lock: &Lock| {
            self.directory.rename_new(private, self.name, lock).map_err(|error| match error {
                Error::EEXIST => error.into(),
                error => Failure::Step { step: PUBLISH, error },
            })
        };
        self.reclaim(no_reclaim, Some(lock), publish)
    }

    /// Gives the file the spare name, which no other server has. A server that is to replace
    /// another gets the spare with the path, and has a private name for it until then.
    fn claim(&self, made: &Made, options: &FileOptions) -> Result<Claim, Refusal> {
        let Self { socket, directory, name, .. } = *self;
        let bound = made.name(self.name, options);
        let watch = Watch::new(socket, directory.pin(bound)?.as_fd())?;
        let spare = private_names::spare(name);
        let mut lock = directory.lock()?;
        let private = if options.replace {
            let private = private_names::link(directory, name, &made.file, bound, &lock);
            Some(private.map_err(Failure::at(SECOND_NAME))?)
        } else {
            if directory.status(&spare).is_ok() {
                let swept = self.sweep(lock);
                lock = swept.map_or_else(|| directory.lock(), Ok)?;
            }
            match directory.link(&made.file, bound, &spare) {
                Ok(()) => None,
                Err(Error::EEXIST) => {
                    drop(lock);
                    return Err(self.look_at_spare(&spare)?);
                }
                Err(error) => return Err(Failure::Step { step: SECOND_NAME, error }.into()),
            }
        };
        drop(lock);
        Ok(Claim::new(watch, spare, private))
    }

    /// Finds out why the spare name is taken. A live server claims the path, and is about to get it
    /// back; or a dead server's spare could not be swept. Not under the lock.
    fn look_at_spare(&self, spare: &CStr) -> Result<Refusal, Failure> {
        Ok(match look(self.directory, spare)? {
            Sight::Socket(seen) if seen.is_alive()? => Refusal::Live(seen.into_file()),
            Sight::Socket(seen) => match seen.remove(self.directory, spare) {
                Err(error) => Failure::Step { step: REMOVE_SPARE, error }.into(),
                Ok(_) => Error::EBUSY.into(),
            },
            Sight::NotASocket(_) => {
                let step = "give the file its second name beside the path (.udsock-...-spare), \
                            which a file that is not a socket has: remove that one";
                Failure::Step { step, error: Error::EEXIST }.into()
            }
            Sight::Nothing => Error::EBUSY.into(),
        })
    }

    /// Takes a name, which was found taken, from a dead server, and makes the attempt.
    ///
    /// A file is removed only under the lock, and after an attempt that failed. The kernel makes a
    /// socket file first and ties the socket to it a moment later, so the file of a bind that is
    /// under way looks dead. But the kernel lets nobody else make a name in the directory
    /// meanwhile, so an attempt returns only when that bind is done. And under the lock no other
    /// process with this library removes a file.
    fn reclaim(
        &self,
        no_reclaim: bool,
        mut lock: Option<Lock>,
        attempt: impl Fn(&Lock) -> Result<(), Failure>,
    ) -> Result<(), Refusal> {
        // A file that was found dead without the lock. It was there after an attempt, so its bind
        // is not under way.
        let mut known_dead: Option<SeenSocket> = None;
        for _ in 0..ATTEMPTS {
            if let Some(lock) = &lock {
                match attempt(lock) {
                    Err(Failure::Plain(Error::EADDRINUSE | Error::EEXIST)) => {}
                    result => return Ok(result?),
                }
            }
            let seen = match look(self.directory, self.name)? {
                Sight::NotASocket(file) => return Err(not_a_socket(&file).into()),
                Sight::Nothing => None,
                Sight::Socket(seen) => Some(seen),
            };
            match (seen, lock.take()) {
                (None, held) => lock = held,
                (Some(seen), Some(held)) => {
                    let is_known =
                        |known: &SeenSocket| seen.is_hidden() && known.is_same_file(&seen);
                    if seen.is_dead() || known_dead.as_ref().is_some_and(is_known) {
                        if no_reclaim {
                            return Err(Failure::Stale.into());
                        }
                        lock = self.remove_dead(held)?;
                    } else if seen.is_hidden() {
                        drop(held);
                        if seen.is_alive()? {
                            return Err(Refusal::Live(seen.into_file()));
                        }
                        known_dead = Some(seen);
                    } else {
                        return Err(Refusal::Live(seen.into_file()));
                    }
                }
                // A file that looks dead may be about to come alive, which only the lock tells. A
                // live one needs no lock.
                (Some(seen), None) if seen.is_alive()? => {
                    return Err(Refusal::Live(seen.into_file()));
                }
                (Some(_), None) => {}
            }
            if lock.is_none() {
                lock = Some(self.directory.lock()?);
            }
        }
        Err(Error::EBUSY.into())
    }

    /// Removes a dead server's file, and what its takeovers have left. Returns the lock, if it
    /// could be kept.
    fn remove_dead(&self, lock: Lock) -> Result<Option<Lock>, Failure> {
        match self.directory.unlink(self.name) {
            Ok(()) => self.note(Note::of(Event::Reclaimed)),
            Err(Error::ENOENT) => {}
            Err(error @ Error::EBUSY) => return Err(Failure::Step { step: MOUNTED, error }),
            Err(error) => return Err(Failure::Step { step: "remove a dead server's file", error }),
        }
        if private_names::any_is_left(self.directory, self.name) {
            return Ok(self.sweep(lock));
        }
        Ok(Some(lock))
    }
}

/// Fails if something is there that is not a socket. A socket may be replaced, dead or alive.
pub(crate) fn check_replaceable(directory: &Directory, name: &CStr) -> Result<(), Failure> {
    match directory.status(name) {
        Ok(file) if !file.is_socket() => Err(not_a_socket(&file)),
        Ok(_) | Err(Error::ENOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

const SECOND_NAME: &str = "give the file a second name, as UDSOCK_RESTORE_FILE takes (not every \
                           file system can)";

const REMOVE_SPARE: &str = "remove a dead server's second name beside the path (.udsock-...-spare; in \
                            a sticky directory only its owner can)";

/// Why there is no file in the directory.
const ELSEWHERE: Failure = Failure::Step {
    step: "find the file, as a directory of the path was renamed or replaced during the call; try \
           again",
    error: Error::ENOENT,
};

pub(crate) const PUBLISH: &str = "publish the file";

pub(crate) const MOUNTED: &str = "take the path, on which something is mounted";
