//! The life of a bound path, from the first look at its directory to the removal of the
//! file, and of no other file.
//!
//! A socket file is nothing but a name: it outlives its server, and another may take its
//! place. So a bound path is remembered as the directory, held open, the name in it, and
//! the inode that was made. The inode's number is not used again while its socket is
//! open, so what has this number is this file.
//!
//! 1. *Resolve.* The directory is opened, or made; the last name is split off.
//! 2. *Bind* (`bound_path`), to the path or, to replace another, to a private name.
//! 3. *Publish.* What has a private name takes the path over when the socket listens, in one
//!    step.
//! 4. *Restore*, if that was asked for and the path was lost (`claim`).
//! 5. *Remove.* Under the lock, if the path still leads to the file that was made.
//!
//! Whatever makes, publishes or removes a file is a critical section, from whose end on the
//! file is in the table, where the clean-up finds it.

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::address::split;
use crate::bound_path::{ATTEMPTS, FileOptions, MOUNTED, Made, PUBLISH, Place, check_replaceable};
use crate::claim::{Claim, Reason};
use crate::critical_section::CriticalSection;
use crate::directory::{Directory, Lock, PathRoom, Removal};
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::handle_table::{HandleTable, InUse};
use crate::inspection::{SeenSocket, Sight, look};
use crate::log::{self, BindNotes, Event, Level, Note};
use crate::parents::{self, Parents};
use crate::private_names;
use crate::sys::{self, FileStatus};
use crate::text::{ShortText, c_string};
use crate::unix_diag;
use crate::user_namespace::known_user;

/// Every file that a socket of this process made, and has not given up.
static FILES: HandleTable<SocketFile> = HandleTable::new();

/// Those files. Async-signal-safe.
pub(crate) fn all() -> impl Iterator<Item = InUse<'static, SocketFile>> {
    FILES.iter().map(|(_, file)| file)
}

/// A socket's own file, once it has made one: its handle in the table. A socket that is dropped
/// without being closed leaves none behind.
#[derive(Default)]
pub(crate) struct OwnFile(AtomicI64);

/// With the handle: its path is claimed, which is asked before each wait for a client. No handle
/// has this bit.
const CLAIMED: i64 = 1 << 62;

impl OwnFile {
    /// Binds the socket to the path. If anything fails nothing is left. A name can't be taken
    /// back from a socket, so all the memory comes first.
    pub(crate) fn bind(
        &self,
        socket: BorrowedFd<'_>,
        path: &CStr,
        options: &FileOptions,
        notes: &RefCell<BindNotes>,
    ) -> Result<(), Failure> {
        let vacancy = FILES.vacancy().ok_or_else(|| match FILES.is_full() {
            true => Error::EMFILE,
            false => Error::ENOMEM,
        })?;
        let (parent, name) = split(path)?;
        let name = c_string(name.to_bytes())?;
        let parents = match options.make_parents {
            true => Parents::make_all(&parent)?,
            false => Parents::default(),
        };
        let directory = match open_directory(parent, options) {
            Ok(directory) => directory,
            Err(failure) => {
                parents.remove();
                return Err(failure);
            }
        };
        let section = CriticalSection::begin();
        let made = Place { socket, directory: &directory, name: &name, notes }.make(options);
        match made {
            Ok(Made { private, file, claim }) => {
                let is_published = private.is_none() || !options.replace;
                let stays = is_published && options.keep;
                let fate = if stays { Fate::Stays } else { Fate::Goes };
                let has_claim = claim.is_some();
                let file = SocketFile {
                    directory,
                    name,
                    claim,
                    published: AtomicBool::new(is_published),
                    private,
                    made: file,
                    parents,
                    keep: options.keep,
                    process: sys::fork_generation(),
                    fate: AtomicU32::new(fate as u32),
                };
                let claimed = if has_claim { CLAIMED } else { 0 };
                self.0.store(vacancy.fill(file).get() | claimed, Ordering::Release);
                Ok(())
            }
            Err(refusal) => {
                drop(section);
                parents.remove();
                Err(refusal.explain())
            }
        }
    }

    pub(crate) fn get(&self) -> Option<InUse<'static, SocketFile>> {
        FILES.get(self.0.load(Ordering::Acquire) & !CLAIMED)
    }

    /// The file, if its path is to be had back by this process.
    pub(crate) fn claimed(&self) -> Option<InUse<'static, SocketFile>> {
        if self.0.load(Ordering::Acquire) & CLAIMED == 0 {
            return None;
        }
        self.get().filter(|file| file.claim().is_some())
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        if let Some(file) = self.get() {
            // In the table until it is gone.
            file.tell_removal(0, file.remove(Lock::PATIENCE));
            FILES.close(*self.0.get_mut() & !CLAIMED);
        }
    }
}

fn open_directory(path: CString, options: &FileOptions) -> Result<Directory, Failure> {
    let directory = Directory::open(path).map_err(Failure::at("its directory"))?;
    if options.make_parents {
        parents::check_safe(&directory)?;
    }
    Ok(directory)
}

/// The file that a socket of this process made.
pub(crate) struct SocketFile {
    directory: Directory,
    name: CString,
    /// Where it is until it is published.
    private: Option<ShortText>,
    published: AtomicBool,
    made: FileStatus,
    claim: Option<Claim>,
    parents: Parents,
    /// Not to be removed once it is published.
    keep: bool,
    /// Which made it (its fork generation): a forked child has a copy of this, but not the file.
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

    /// Takes the path over, from whichever socket has it. What has connected to that one
    /// stays with it; who connects from now on comes here.
    pub(crate) fn publish(&self, handle: i64) -> Result<(), Failure> {
        let mut displaced = Displaced::default();
        self.publish_over(&mut displaced)?;
        if let Some(seen) = displaced.socket {
            self.tell(&Note { handle, ..whose(seen) });
        }
        if let Some(error) = displaced.left {
            self.tell(&Note { handle, ..Note::failed(Event::NotRemoved, error) });
        }
        Ok(())
    }

    /// The same. Whose file it was is to be told later: that takes time.
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

    /// The path leads to what has the private name, which is gone then.
    fn take_path(
        &self,
        private: &CStr,
        lock: &Lock,
        displaced: &mut Displaced,
    ) -> Result<(), Failure> {
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
                // Here what is no socket and came after the look is lost.
                Ok(false) => {
                    let over = self.directory.rename_over(private, &self.name);
                    return over.map_err(at_publishing);
                }
                result => result.map_err(at_publishing)?,
            };
            displaced.left = self.drop_displaced(private)?;
            return Ok(());
        }
        Err(Failure::Plain(Error::EBUSY))
    }

    /// The path was taken over: who claimed it before does so no longer.
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

    /// Gets the path back, if it was lost and is claimed still; or the spare name, if that alone
    /// was lost. What fails now can succeed later.
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
        if let Some(error) = displaced.left {
            self.tell(&Note { handle, ..Note::failed(Event::NotRemoved, error) });
        }
        Ok(())
    }

    /// The same: whether it was. Whose file had the path is to be told later.
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
        // Who took it on purpose took the claim, too.
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

    /// Who has the path under the lock was not replaced: the spare was removed by somebody else,
    /// who cleans up, say.
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

    /// The claim to the path, if this process has made the file.
    pub(crate) fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref().filter(|_| self.process == sys::fork_generation())
    }

    /// What a wait for clients does in between: gets the path back, if it was just lost, or could
    /// not be had back before.
    pub(crate) fn restore_if_told(&self, handle: i64, most: Duration) {
        let Some(claim) = &self.claim else { return };
        let patience = match claim.reason() {
            None => return,
            Some(Reason::Told) => most.min(Lock::PATIENCE),
            // Clients are not to wait again and again for a lock that somebody keeps.
            Some(Reason::Due) => most.min(SHORT_PATIENCE),
        };
        // What became of it UDSOCK_OPTION_OWNS_FILE tells, which tries again.
        if self.restore(handle, patience).is_err() {
            claim.put_off();
        }
    }

    /// Nothing is had back from now on, and the spare name goes; after an error it can be tried
    /// again.
    fn drop_claim(&self, patience: Duration) -> Result<()> {
        let Some(claim) = self.claim().filter(|claim| claim.let_go()) else { return Ok(()) };
        let spare = || match &claim.private {
            Some(private) if !self.is_published() => &**private,
            _ => &*claim.spare,
        };
        let removed = self.directory.remove(&self.made, spare, patience);
        removed.map(drop).inspect_err(|_| claim.take_up())
    }

    /// What was at the path has the private name now, and goes; or, if somebody put it
    /// there after the look and it is no socket, it goes back. Why it could not go, if so.
    fn drop_displaced(&self, private: &CStr) -> Result<Option<Error>, Failure> {
        check_replaceable(&self.directory, private).inspect_err(|_| {
            let _ = self.directory.exchange(private, &self.name);
        })?;
        // The path is taken over: if the old name can't go now, the next start sees to it.
        Ok(self.directory.unlink(private).err())
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

    /// The same, for who keeps all others out. Async-signal-safe.
    pub(crate) fn remove_in_section(&self, patience: Duration) -> Result<Removal> {
        if self.process != sys::fork_generation() {
            return Ok(Removal::Stays);
        }
        let dropped = self.drop_claim(patience);
        if !self.change_fate(Fate::Goes, Fate::IsGoing) {
            return dropped.map(|()| Removal::Stays);
        }
        // Who holds the lock is waited for once.
        let patience = if dropped == Err(Error::EBUSY) { Duration::ZERO } else { patience };
        let removed = self.remove_now(patience);
        // Unless somebody has it meanwhile.
        let fate = if removed.is_ok() { Fate::Stays } else { Fate::Goes };
        self.change_fate(Fate::IsGoing, fate);
        dropped.and(removed)
    }

    fn remove_now(&self, patience: Duration) -> Result<Removal> {
        // Where it is before that, only who holds the lock knows.
        if self.is_published() {
            if let Some(why) = self.directory.has_lost(&self.made, &self.name)? {
                return Ok(why);
            }
        }
        self.directory.remove(&self.made, || self.current_name(), patience)
    }

    /// Tells what is worth to be told of what has become of it.
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

    /// Another thread may be removing it in udsock_cleanup. The socket is not to be closed
    /// before that is done: the number of the file's inode would be free.
    fn wait_for_other_remover(&self) {
        const PAUSE: Duration = Duration::from_micros(50);
        let mut waited = Duration::ZERO;
        while self.fate() == Fate::IsGoing && waited < 2 * Lock::PATIENCE {
            thread::sleep(PAUSE);
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

    /// Nobody tries to remove it any more, nor its spare name.
    pub(crate) fn give_up(&self) {
        self.fate.store(Fate::Stays as u32, Ordering::Release);
        self.claim().map(Claim::let_go);
    }
}

/// For a lock, of who has tried before.
const SHORT_PATIENCE: Duration = Duration::from_millis(20);

/// What was at the path before.
#[derive(Default)]
struct Displaced {
    /// If anybody wants to know.
    socket: Option<SeenSocket>,
    /// Why its file could not be removed.
    left: Option<Error>,
}

/// Whose path it was.
fn whose(seen: SeenSocket) -> Note {
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

/// What becomes of the file when its socket goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays = 0,
    Goes = 1,
    IsGoing = 2,
}

fn at_publishing(error: Error) -> Failure {
    Failure::Step { step: if error == Error::EBUSY { MOUNTED } else { PUBLISH }, error }
}
