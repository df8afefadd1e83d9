//! The life of a bound path, from the first look at its directory to the removal of the
//! file, and of no other file.
//!
//! A socket file is nothing but a name: it outlives its server, and another may take its
//! place. So a bound path is remembered as the directory, held open, the name in it, and
//! the inode that was made. The inode's number is not used again while its socket is
//! open, so what has this number is this file.
//!
//! 1. *Resolve.* The directory is opened, or made; the last name is split off.
//! 2. *Bind.* To the path itself if it is free: bind(2) lets one of many through.
//! 3. *Inspect*, if it is not. A live server and what is no socket stay.
//! 4. *Reclaim.* Under the directory's lock, a dead server's file goes, and 2 again.
//! 5. *Own.* Owner and mode; until then nobody may connect whom they would not let.
//! 6. *Publish.* To replace a live server, 2 is to a private name beside the path, which
//!    takes the path over when the socket listens, in one step.
//! 7. *Remove.* Under the lock, if the path still leads to the file that was made.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::address::split;
use crate::directory::{Directory, Lock};
use crate::error::{Error, Failure, Result};
use crate::inspection::{look, not_a_socket};
use crate::parents::{self, Parents};
use crate::private_names;
use crate::sys::{self, FileStatus, SocketName};
use crate::text::{ShortText, c_string};

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
}

/// The file that a socket of this process made.
pub(crate) struct SocketFile {
    directory: Directory,
    name: CString,
    /// Where it is until it is published.
    private: Option<ShortText>,
    published: AtomicBool,
    made: FileStatus,
    parents: Parents,
    /// Not to be removed once it is published.
    keep: bool,
    /// Which made it (its fork generation): a forked child has a copy of this, but not the file.
    process: u32,
    /// To be removed with the socket. Turned off once, by whoever removes it.
    removable: AtomicBool,
}

/// So often others may change what is at a path between two looks.
const ATTEMPTS: u32 = 100;

impl SocketFile {
    /// Binds the socket to the path. If anything fails nothing is left. A name can't be taken
    /// back from a socket, so all the memory comes first.
    pub(crate) fn bind(
        socket: BorrowedFd<'_>,
        path: &CStr,
        options: &FileOptions,
    ) -> Result<Box<Self>, Failure> {
        let room = sys::room_for()?;
        let (parent, name) = split(path)?;
        let name = c_string(name.to_bytes())?;
        let parents = match options.make_parents {
            true => Parents::make_all(&parent)?,
            false => Parents::default(),
        };
        let bound =
            Directory::open(&parent).map_err(Failure::at("its directory")).and_then(|directory| {
                if options.make_parents {
                    parents::check_safe(&directory)?;
                }
                Self::bind_in(directory, socket, path, name, options)
            });
        match bound {
            Ok(mut file) => {
                file.parents = parents;
                Ok(Box::write(room, file))
            }
            Err(failure) => {
                parents.remove();
                Err(failure)
            }
        }
    }

    fn bind_in(
        directory: Directory,
        socket: BorrowedFd<'_>,
        path: &CStr,
        name: CString,
        options: &FileOptions,
    ) -> Result<Self, Failure> {
        let place = Place { socket, path, directory: &directory, name: &name };
        let private = place.bind_narrow(options)?;
        let bound = private.as_deref().unwrap_or(&name);
        // Without this the file could not be removed safely, so it is asked for twice.
        let made = directory.status(bound).or_else(|_| directory.status(bound))?;
        // From here on dropping this removes the file.
        let file = Self {
            directory,
            name,
            published: AtomicBool::new(private.is_none()),
            private,
            made,
            parents: Parents::default(),
            keep: options.keep,
            process: sys::fork_generation(),
            removable: AtomicBool::new(true),
        };
        file.own(options)?;
        if !options.replace {
            file.publish_new(options.no_reclaim)?;
        }
        Ok(file)
    }

    /// For an opening that fails after its bind: removes the file, and the directories
    /// that were made for it.
    pub(crate) fn undo(&self) {
        self.removable.store(true, Ordering::Relaxed);
        let _ = self.remove(Lock::PATIENCE);
        self.parents.remove();
    }

    /// Sets owner and mode, through a descriptor of the inode, so that nothing which may
    /// have taken the name meanwhile is changed.
    fn own(&self, options: &FileOptions) -> Result<(), Failure> {
        let FileOptions { mode, user, group, .. } = *options;
        let owned = user.is_some() || group.is_some();
        if mode.is_none() && !owned {
            return Ok(());
        }
        let file = self.directory.pin(self.current_name())?;
        if !self.made.is_same_file(&sys::status_at(file.as_fd(), c"")?) {
            return Err(Failure::Plain(Error::NOT_FOUND));
        }
        if owned {
            sys::set_owner(file.as_fd(), user, group)
                .map_err(Failure::at("set the file's owner"))?;
        }
        let default = || sys::umask().map(|umask| 0o777 & !umask);
        let Some(mode) = mode.or_else(default) else {
            return Err(Failure::Invalid("the umask is not known; give a mode with user or group"));
        };
        if sys::status_at(file.as_fd(), c"")?.permissions() != mode {
            sys::set_mode(&sys::descriptor_path(file.as_fd()), mode)
                .map_err(Failure::at("set the file's mode"))?;
        }
        Ok(())
    }

    /// Takes the path over, from whichever socket has it. What has connected to that one
    /// stays with it; who connects from now on comes here.
    pub(crate) fn publish(&self) -> Result<(), Failure> {
        let Some(private) = &self.private else { return Ok(()) };
        if self.is_published() {
            return Ok(());
        }
        let _lock = self.directory.lock()?;
        for _ in 0..ATTEMPTS {
            match self.directory.rename_new(private, &self.name) {
                Err(Error::EXISTS) => {}
                result => return self.note_published(result),
            }
            check_replaceable(&self.directory, &self.name)?;
            match self.directory.exchange(private, &self.name) {
                Err(Error::NOT_FOUND) => continue,
                // Not every file system can.
                Err(Error::INVALID) => {
                    return self.note_published(self.directory.rename_over(private, &self.name));
                }
                result => result.map_err(Failure::at(PUBLISH))?,
            }
            self.drop_displaced(private)?;
            return self.note_published(Ok(()));
        }
        Err(Failure::Plain(Error::BUSY))
    }

    /// What was at the path has the private name now, and goes; or, if somebody put it
    /// there after the look and it is no socket, it goes back.
    fn drop_displaced(&self, private: &CStr) -> Result<(), Failure> {
        check_replaceable(&self.directory, private).inspect_err(|_| {
            let _ = self.directory.exchange(private, &self.name);
        })?;
        // The path is taken over: if the old name can't go now, the next start sees to it.
        let _ = self.directory.unlink(private);
        Ok(())
    }

    /// The name, if it could not be bound directly, goes to the file that was made, if
    /// nobody has it.
    fn publish_new(&self, no_reclaim: bool) -> Result<(), Failure> {
        if let Some(private) = &self.private {
            let place = |_: &Lock| self.directory.rename_new(private, &self.name);
            let lock = self.directory.lock()?;
            take(&self.directory, &self.name, no_reclaim, Some(lock), place)?;
        }
        self.note_published(Ok(()))
    }

    fn note_published(&self, result: Result<()>) -> Result<(), Failure> {
        result.map_err(Failure::at(PUBLISH))?;
        self.published.store(true, Ordering::Release);
        if self.keep {
            self.disown();
        }
        Ok(())
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
        self.is_at(&self.name).unwrap_or(false)
    }

    fn is_at(&self, name: &CStr) -> Result<bool> {
        match self.directory.status(name) {
            Err(Error::NOT_FOUND) => Ok(false),
            status => Ok(self.made.is_same_file(&status?)),
        }
    }

    /// Removes the file if it is still there, ours, and to be removed at all. Whether it
    /// was; after an error it can be tried again. Only call this while the socket is open.
    /// Async-signal-safe.
    pub(crate) fn remove(&self, patience: Duration) -> Result<bool> {
        if self.process != sys::fork_generation() || !self.removable.swap(false, Ordering::AcqRel) {
            return Ok(false);
        }
        self.remove_now(patience).inspect_err(|_| self.removable.store(true, Ordering::Release))
    }

    fn remove_now(&self, patience: Duration) -> Result<bool> {
        if !self.is_at(self.current_name())? {
            return Ok(false);
        }
        let _lock = match self.directory.lock_within(patience) {
            Err(Error::BUSY) => return Err(Error::BUSY),
            // Out of descriptors, say. Only a takeover in this very moment could go wrong.
            lock => lock.ok(),
        };
        // It may have been published, or replaced, until now.
        let name = self.current_name();
        if !self.is_at(name)? {
            return Ok(false);
        }
        match self.directory.unlink(name) {
            // Somebody else was faster.
            Err(Error::NOT_FOUND) => Ok(false),
            result => result.map(|()| true),
        }
    }

    /// Leaves the file to somebody else.
    pub(crate) fn disown(&self) {
        self.removable.store(false, Ordering::Release);
    }
}

/// A socket that is dropped without being closed leaves no file behind either.
impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = self.remove(Lock::PATIENCE);
    }
}

/// A socket and the place that it is to be bound to.
struct Place<'a> {
    socket: BorrowedFd<'a>,
    path: &'a CStr,
    directory: &'a Directory,
    name: &'a CStr,
}

impl Place<'_> {
    /// Binds; the file is not wider than it will be, not even for a moment. The private
    /// name, if it has one.
    fn bind_narrow(&self, options: &FileOptions) -> Result<Option<ShortText>, Failure> {
        let owned = options.user.is_some() || options.group.is_some();
        // What the kernel makes of it is this less the umask. Until it has its owner,
        // nobody may connect.
        let narrow = if owned { Some(0) } else { options.mode };
        if let Some(mode) = narrow {
            sys::set_mode_before_bind(self.socket, mode)?;
        }
        self.bind(options).inspect_err(|_| {
            if narrow.is_some() {
                // The next attempt may ask for no mode: as a new socket has it.
                let _ = sys::set_mode_before_bind(self.socket, 0o777);
            }
        })
    }

    fn bind(&self, options: &FileOptions) -> Result<Option<ShortText>, Failure> {
        let direct = self.fitting(self.name);
        let lock = private_names::sweep_if_free(self.directory, self.name);
        let Some(direct) = direct.filter(|_| !options.replace) else {
            let lock = lock.map_or_else(|| self.directory.lock(), Ok)?;
            return self.bind_private(&lock).map(Some);
        };
        match sys::bind(self.socket, &direct) {
            Err(Error::IN_USE | Error::EXISTS) => {}
            result => return Ok(result.map(|()| None)?),
        }
        let bind = |_: &Lock| sys::bind(self.socket, &direct);
        take(self.directory, self.name, options.no_reclaim, lock, bind).map(|()| None)
    }

    /// A name in the directory. As the path writes it if that fits: what is bound here is
    /// what getpeername, ss and lsof will show to everyone. Else through the directory's
    /// descriptor. `None`: no way of writing it fits.
    fn fitting(&self, name: &CStr) -> Option<SocketName> {
        let before_name = self.path.count_bytes() - self.name.count_bytes();
        let parent = &self.path.to_bytes()[..before_name];
        SocketName::of_parts(&[parent, name.to_bytes()])
            .or_else(|| self.directory.socket_name(name))
    }

    /// Binds a private name that nobody alive has.
    fn bind_private(&self, _: &Lock) -> Result<ShortText, Failure> {
        for private in private_names::of(self.name) {
            let name = self.fitting(&private).ok_or(Error::NAME_TOO_LONG)?;
            match sys::bind(self.socket, &name) {
                Err(Error::IN_USE) => {}
                result => return Ok(result.map(|()| private)?),
            }
        }
        Err(Failure::Step {
            step: "every private name beside it is taken by a takeover that is under way",
            error: Error::BUSY,
        })
    }
}

/// Takes a name that was found taken, by this attempt, from a dead server.
///
/// Under the lock, and after an attempt that failed: the kernel makes a socket file first
/// and the socket behind it a moment later, so that the file of a bind that is under way
/// looks dead. But it lets nobody else make a name in the directory meanwhile, and so the
/// attempt returns when that bind is done; and under the lock no file of ours goes.
fn take(
    directory: &Directory,
    name: &CStr,
    no_reclaim: bool,
    mut lock: Option<Lock>,
    attempt: impl Fn(&Lock) -> Result<()>,
) -> Result<(), Failure> {
    for _ in 0..ATTEMPTS {
        if let Some(lock) = &lock {
            match attempt(lock) {
                Err(Error::IN_USE | Error::EXISTS) => {}
                result => return Ok(result?),
            }
        }
        let there = look(directory, name)?;
        match (&lock, there.obstacle()) {
            (_, None) | (None, Some(Failure::Stale)) => {}
            (Some(lock), Some(Failure::Stale)) if !no_reclaim => {
                match directory.unlink(name) {
                    Err(Error::NOT_FOUND) => {}
                    result => result.map_err(Failure::at("remove a dead server's file"))?,
                }
                private_names::sweep(directory, name, lock);
            }
            (_, Some(obstacle)) => return Err(obstacle),
        }
        if lock.is_none() {
            lock = Some(directory.lock()?);
        }
    }
    Err(Failure::Plain(Error::BUSY))
}

const PUBLISH: &str = "publish the file";

/// A socket may be replaced, dead or alive, and what is not there need not be.
fn check_replaceable(directory: &Directory, name: &CStr) -> Result<(), Failure> {
    match directory.status(name) {
        Ok(file) if !file.is_socket() => Err(not_a_socket(&file)),
        Ok(_) | Err(Error::NOT_FOUND) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
