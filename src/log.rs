//! Reports of what the library does by itself: to a listener that the program has set, and to
//! standard error if the environment says so.
//!
//! Nothing is reported while a lock is held, or in a critical section: what happens there is noted,
//! and reported afterwards ([`Notes`]). So a listener may make every call. What would be reported
//! on the same thread while it runs is dropped: that could go on for ever. Reporting allocates no
//! memory.

use std::ffi::CStr;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::handle_table::HandleTable;
use crate::sys::{self, Missing};
use crate::text::{self, CutText, Shown};

mod note;

pub(crate) use note::{BindNotes, Event, Note, Notes, Refused};

/// How much an event matters. A listener of one level is told the events of those before it, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub(crate) enum Level {
    Error = 1,
    Warning = 2,
    Info = 3,
    Debug = 4,
}

impl Level {
    const ALL: [Self; 4] = [Self::Error, Self::Warning, Self::Info, Self::Debug];

    pub(crate) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|level| *level as u32 == number)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// What a listener is told.
pub(crate) struct Record<'a> {
    pub(crate) note: Note,
    pub(crate) path: Option<&'a CStr>,
    /// One line, without control characters.
    pub(crate) text: &'a CStr,
}

pub(crate) trait Listener: Send + Sync {
    fn hear(&self, record: &Record<'_>);
}

struct Chosen {
    /// The process that chose it (its fork generation). A forked child's copy may count as in use
    /// by threads that the child does not have.
    process: u32,
    level: Level,
    listener: Box<dyn Listener>,
}

static LISTENERS: HandleTable<Chosen, 8> = HandleTable::new();
static CURRENT: AtomicI64 = AtomicI64::new(NOBODY);
const NOBODY: i64 = 0;

/// The last level that anybody wants to know of.
static WANTED: AtomicU32 = AtomicU32::new(UNKNOWN);
/// The environment has not been looked at. This is above every level.
const UNKNOWN: u32 = u32::MAX;

/// Whether anybody wants to know of this level. Everything that reports something asks this first.
#[inline(always)]
pub(crate) fn is_wanted(level: Level) -> bool {
    let wanted = WANTED.load(Ordering::Relaxed);
    wanted >= level as u32 && (wanted != UNKNOWN || find_out() >= level as u32)
}

/// Looks at the environment, at the first question.
#[cold]
fn find_out() -> u32 {
    let wanted = level_of_environment();
    match WANTED.compare_exchange(UNKNOWN, wanted, Ordering::SeqCst, Ordering::SeqCst) {
        Ok(_) => wanted,
        Err(wanted) => wanted,
    }
}

/// Sets the listener, which is told the events up to this level, in place of the former one.
/// [`Error::EBUSY`]: the listener is set, but a thread does not return from the former one.
pub(crate) fn set_listener(listener: Option<(Level, Box<dyn Listener>)>) -> Result<()> {
    let chosen = match listener {
        None => NOBODY,
        Some((level, listener)) => {
            let vacancy = LISTENERS.vacancy().ok_or(Error::ENOMEM)?;
            let process = sys::fork_generation();
            vacancy.fill(Chosen { process, level, listener }).get()
        }
    };
    let former = CURRENT.swap(chosen, Ordering::SeqCst);
    // If several threads set a listener at once, the level is that of the last one.
    loop {
        let current = CURRENT.load(Ordering::SeqCst);
        let level = LISTENERS.get(current).map_or(0, |chosen| chosen.level as u32);
        WANTED.store(level.max(level_of_environment()), Ordering::SeqCst);
        if CURRENT.load(Ordering::SeqCst) == current {
            break;
        }
    }
    let Some(former) = LISTENERS.close(former) else { return Ok(()) };
    // A thread that is in the former listener would wait for itself.
    let waits = former.process == sys::fork_generation() && !is_telling();
    if waits { wait_until(|| former.is_alone()) } else { Ok(()) }
}

fn wait_until(is_over: impl Fn() -> bool) -> Result<()> {
    const PATIENCE: Duration = Duration::from_secs(1);
    let mut pause = Duration::from_micros(10);
    let mut waited = Duration::ZERO;
    while !is_over() {
        if waited >= PATIENCE {
            return Err(Error::EBUSY);
        }
        sys::sleep(pause);
        waited += pause;
        pause = (pause * 2).min(Duration::from_millis(1));
    }
    Ok(())
}

/// The level that the environment asks for; 0: none.
fn level_of_environment() -> u32 {
    const NAME: &CStr = c"UDSOCK_LOG";
    static LEVEL: AtomicU32 = AtomicU32::new(UNKNOWN);
    match LEVEL.load(Ordering::Relaxed) {
        UNKNOWN => {
            let level = sys::variable_of_user(NAME, level_named).unwrap_or(0);
            LEVEL.store(level, Ordering::Relaxed);
            level
        }
        level => level,
    }
}

fn level_named(name: &CStr) -> u32 {
    let is_it = |level: &Level| name.to_bytes().eq_ignore_ascii_case(level.name().as_bytes());
    match Level::ALL.into_iter().find(is_it) {
        Some(level) => level as u32,
        None if name.is_empty() => 0,
        None => {
            let line = b"udsock: UDSOCK_LOG may be error, warning, info or debug; it is ignored\n";
            sys::write_line(line);
            0
        }
    }
}

/// Reports an event, at this path. Not while a lock is held.
#[inline(always)]
pub(crate) fn tell(note: &Note, path: Option<&CStr>) {
    if is_wanted(note.level()) {
        tell_in_words(note, path, |out| match path {
            Some(path) if !path.is_empty() => write!(out, "{}: {note}", Shown::new(path)),
            _ => write!(out, "{note}"),
        });
    }
}

/// Reports that a call has failed, in the words of its udsock_error. (EINTR is no failure: the
/// program makes the call again.)
#[inline(always)]
pub(crate) fn tell_failure(call: &str, address: Option<&CStr>, failure: &Failure) {
    if is_wanted(Level::Debug) && failure.error() != Error::EINTR {
        let note = Note { error: Some(failure.error()), ..Note::of(Event::CallFailed) };
        tell_in_words(&note, address, |out| write_failure(out, call, address, failure));
    }
}

/// The most that a udsock_error has room for.
pub(crate) const MESSAGE: usize = 255;

/// Writes what was tried, where, and why it failed. A long address is cut to leave room for the
/// reason.
pub(crate) fn write_failure(
    out: &mut impl Write,
    call: &str,
    address: Option<&CStr>,
    failure: &Failure,
) -> fmt::Result {
    match address {
        Some(address) => {
            let room = MESSAGE.saturating_sub(call.len() + " : ".len() + text::length(failure));
            write!(out, "{call} {}: {failure}", Shown::within(address, room))
        }
        None => write!(out, "{call}: {failure}"),
    }
}

/// Reports what was found to be missing since this was last called, if anybody wants to know.
#[inline(always)]
pub(crate) fn tell_missing() {
    static TOLD: AtomicU32 = AtomicU32::new(0);
    let new = sys::missing() & !TOLD.load(Ordering::Relaxed);
    if new != 0 && is_wanted(Level::Debug) {
        tell_each_missing(new & !TOLD.fetch_or(new, Ordering::Relaxed));
    }
}

#[cold]
fn tell_each_missing(new: u32) {
    for missing in Missing::ALL.into_iter().filter(|missing| missing.bit() & new != 0) {
        tell(&Note { missing: Some(missing), ..Note::of(Event::Missing) }, None);
    }
}

#[cold]
fn tell_in_words(
    note: &Note,
    path: Option<&CStr>,
    words: impl FnOnce(&mut CutText<ROOM>) -> fmt::Result,
) {
    let level = note.level() as u32;
    let by_environment = level_of_environment() >= level;
    let mut wanted = CURRENT.load(Ordering::SeqCst);
    // If the listener has just been replaced, this finds the next one.
    let mut listener = LISTENERS.get(wanted);
    while listener.is_none() && wanted != CURRENT.load(Ordering::SeqCst) {
        wanted = CURRENT.load(Ordering::SeqCst);
        listener = LISTENERS.get(wanted);
    }
    let listener = listener.filter(|chosen| chosen.level as u32 >= level);
    if !by_environment && listener.is_none() {
        return;
    }
    let Some(_telling) = Telling::begin() else { return };
    let mut text = CutText::<ROOM>::new(ROOM);
    // What does not fit is cut.
    let _ = words(&mut text);
    if by_environment {
        write_line(note.level(), text.as_bytes());
    }
    if let Some(chosen) = listener {
        chosen.listener.hear(&Record { note: *note, path, text: text.as_c_str() });
    }
}

const ROOM: usize = 512;

fn write_line(level: Level, text: &[u8]) {
    const MORE: usize = 64;
    let mut line = [0; ROOM + MORE];
    let mut start = CutText::<MORE>::new(MORE);
    let _ = write!(start, "udsock[{}] {}: ", std::process::id(), level.name());
    let parts = [start.as_bytes(), text, b"\n"];
    let mut length = 0;
    for part in parts {
        line[length..length + part.len()].copy_from_slice(part);
        length += part.len();
    }
    sys::write_line(&line[..length]);
}

/// The threads that are reporting something: their process (upper half) and number.
static TELLING: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];

/// Marks the calling thread as reporting something, until it is dropped.
struct Telling(&'static AtomicU64);

impl Telling {
    /// `None`: the thread is reporting already, or too many threads are.
    fn begin() -> Option<Self> {
        let (us, me) = me();
        if is_telling() {
            return None;
        }
        let place = TELLING.iter().find(|place| {
            let there = place.load(Ordering::Relaxed);
            // In a forked child, a place that a thread of the parent has left taken is free.
            let is_free = there == 0 || there >> 32 != us;
            is_free
                && place.compare_exchange(there, me, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        });
        place.map(Self)
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        let (_, me) = me();
        let _ = self.0.compare_exchange(me, 0, Ordering::Relaxed, Ordering::Relaxed);
    }
}

fn me() -> (u64, u64) {
    let us = u64::from(sys::fork_generation());
    (us, us << 32 | u64::from(sys::thread_id()))
}

/// Whether the calling thread is reporting something.
fn is_telling() -> bool {
    let (_, me) = me();
    TELLING.iter().any(|place| place.load(Ordering::Relaxed) == me)
}
