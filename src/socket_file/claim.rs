//! A claim to a path. A server that has one gets its path back when its file was removed, or when
//! another program took the path.
//!
//! A socket can be bound only once, and a file without a name can't get another. So such a file has
//! a second name all the time, the *spare* beside the path, from which the path is made again: it
//! is the same file and the same socket, with its queue. The kernel reports when a name of the file
//! has gone (inotify(7)).
//!
//! The spare is also the claim. Each path has one spare. A server that takes a path over on purpose
//! (UDSOCK_REPLACE) removes the spare, under the directory's lock, and a path is only taken back
//! under the same lock. So a server whose spare has gone was replaced by a server of this library,
//! and does not take the path back: no two servers can take the path from each other in turn. From
//! other programs the path is taken back, but not for ever.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::failure::Failure;
use crate::sys;
use crate::text::ShortText;

pub(crate) struct Claim {
    /// The spare name.
    pub(crate) spare: ShortText,
    /// The name that it has until the file is published.
    pub(crate) private: Option<ShortText>,
    /// The path is to be restored if it is lost.
    is_held: AtomicBool,
    /// The last attempt to restore it has failed.
    is_due: AtomicBool,
    restored: AtomicU32,
    /// How often it was restored since the second `since`, counted from `began`. Changed under the
    /// directory's lock only.
    of_late: AtomicU32,
    since: AtomicU64,
    began: Instant,
    watch: Watch,
}

/// Reports when a name of the file has come or gone.
pub(crate) struct Watch {
    names: OwnedFd,
    /// A timer. Nothing reports that what is in the way has gone, so it is looked at again after a
    /// while.
    retry: OwnedFd,
    /// Readable when one of these is, or the server.
    any: OwnedFd,
}

/// Why to look whether the path has to be restored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Something has happened to the file's names.
    Told,
    /// It is to be tried again.
    Due,
}

/// How long until then.
const RETRY: Duration = Duration::from_secs(1);

/// How often the path is taken back in `PERIOD` seconds. A program that takes it more often means
/// it.
const MOST: u32 = 8;
const PERIOD: u64 = 60;

impl Claim {
    pub(crate) fn new(watch: Watch, spare: ShortText, private: Option<ShortText>) -> Self {
        Self {
            spare,
            private,
            is_held: AtomicBool::new(true),
            is_due: AtomicBool::new(false),
            restored: AtomicU32::new(0),
            of_late: AtomicU32::new(0),
            since: AtomicU64::new(0),
            began: Instant::now(),
            watch,
        }
    }

    pub(crate) fn is_held(&self) -> bool {
        self.is_held.load(Ordering::Acquire)
    }

    /// Gives the claim up. Whether it was held until now.
    pub(crate) fn let_go(&self) -> bool {
        self.is_held.swap(false, Ordering::AcqRel)
    }

    /// Holds the claim again, as giving it up has failed.
    pub(crate) fn take_up(&self) {
        self.is_held.store(true, Ordering::Release);
    }

    /// The reason that has come since the last call, if any.
    pub(crate) fn reason(&self) -> Option<Reason> {
        let is_told = sys::take_events(self.watch.names.as_fd());
        let is_due =
            sys::lower(self.watch.retry.as_fd()) | self.is_due.swap(false, Ordering::Relaxed);
        match (is_told, is_due) {
            (true, _) => Some(Reason::Told),
            (false, true) => Some(Reason::Due),
            (false, false) => None,
        }
    }

    /// The path could not be restored now. So the next call of [`Self::reason`] returns a reason,
    /// and a thread that waits is woken to call it.
    pub(crate) fn put_off(&self) {
        self.is_due.store(true, Ordering::Relaxed);
        // This can't fail: it is a timer, and the time is valid.
        let _ = sys::set_timer(self.watch.retry.as_fd(), Some(RETRY));
    }

    /// Whether the path may be taken back once more. Under the directory's lock.
    pub(crate) fn is_patient(&self) -> bool {
        let now = self.began.elapsed().as_secs();
        if now - self.since.load(Ordering::Relaxed) >= PERIOD {
            self.since.store(now, Ordering::Relaxed);
            self.of_late.store(0, Ordering::Relaxed);
        }
        self.of_late.load(Ordering::Relaxed) < MOST
    }

    /// Under the same lock.
    pub(crate) fn note_restored(&self) {
        self.of_late.fetch_add(1, Ordering::Relaxed);
        self.restored.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the path was restored.
    pub(crate) fn restored(&self) -> u32 {
        self.restored.load(Ordering::Relaxed)
    }

    /// One of them is readable when there is a reason to look.
    pub(crate) fn reasons(&self) -> [BorrowedFd<'_>; 2] {
        [self.watch.names.as_fd(), self.watch.retry.as_fd()]
    }

    /// Readable when one of them is, or the server.
    pub(crate) fn any(&self) -> BorrowedFd<'_> {
        self.watch.any.as_fd()
    }
}

impl Watch {
    /// Watches this server, and the names of its file, which this descriptor pins.
    pub(crate) fn new(server: BorrowedFd<'_>, file: BorrowedFd<'_>) -> Result<Self, Failure> {
        const BEGIN: &str = "begin to watch the file's names (inotify: a user may have \
                             fs.inotify.max_user_instances)";
        const WATCH: &str = "watch the file's names (inotify, which takes /proc, and a mode by \
                             which its owner may read it)";
        let names = sys::inotify().map_err(Failure::at(BEGIN))?;
        let watch = || {
            let watch = Self { names, retry: sys::timer()?, any: sys::epoll()? };
            sys::watch_names(watch.names.as_fd(), &sys::descriptor_path(file))?;
            for readable in [server, watch.names.as_fd(), watch.retry.as_fd()] {
                sys::watch(watch.any.as_fd(), readable, sys::READABLE, 0)?;
            }
            Ok(watch)
        };
        watch().map_err(Failure::at(WATCH))
    }
}
