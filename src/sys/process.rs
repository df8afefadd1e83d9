//! The process: which one it is, its environment, its umask, its end.

use std::ffi::{CStr, CString, c_char};
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use super::{Missing, find_in_lines, make_nameless, note_missing, read_start, status_at};
use crate::error::{Error, Result};
use crate::text::c_string;

/// How many processors this machine has at work.
pub(crate) fn processors() -> i64 {
    // SAFETY: it takes a number and gives one.
    unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) as _ }
}

/// A number that tells this process from those that it was forked from, whose memory it has a copy
/// of. The first process that asks is 1, and a forked child has a higher number than all of them.
/// It is never 0. (A process number would not do: two processes have the same if each is the first
/// of a PID namespace.)
///
/// A child that shares the memory (vfork, CLONE_VM) has its parent's number. It may only execute
/// another program, or end by _exit; or a signal ends it: see [`is_guest`].
pub(crate) fn fork_generation() -> u32 {
    match note() {
        None => std::process::id(),
        Some(note) => match note.generation.load(Ordering::Relaxed) {
            0 => begin_generation(note),
            generation => generation,
        },
    }
}

/// Whether this process shares the memory of the one that made the calls (vfork, CLONE_VM), and has
/// a number of its own: what is in that memory belongs to the other. Async-signal-safe.
pub(crate) fn is_guest() -> bool {
    let host = note().map_or(0, |note| note.process.load(Ordering::SeqCst));
    host != 0 && host != std::process::id()
}

/// If several threads begin it at once, one decides.
#[cold]
fn begin_generation(note: &ForkNote) -> u32 {
    /// The highest number that there has been.
    static LAST: AtomicU32 = AtomicU32::new(0);
    let next = LAST.load(Ordering::Relaxed) + 1;
    // This comes first: a child that is forked in between has to go beyond what is in use here.
    LAST.fetch_max(next, Ordering::SeqCst);
    note.process.store(std::process::id(), Ordering::SeqCst);
    match note.generation.compare_exchange(0, next, Ordering::SeqCst, Ordering::Relaxed) {
        Ok(_) => next,
        Err(other) => other,
    }
}

/// What the kernel wipes when this process forks (madvise(2), MADV_WIPEONFORK, Linux 4.14).
struct ForkNote {
    /// The process, as [`fork_generation`] counts them. 0: that has not begun.
    generation: AtomicU32,
    /// The same process by its own number.
    process: AtomicU32,
}

/// `None`: the kernel can't.
fn note() -> Option<&'static ForkNote> {
    static NOTE: AtomicPtr<ForkNote> = AtomicPtr::new(ptr::null_mut());
    let mut note = NOTE.load(Ordering::Acquire);
    if note.is_null() {
        note = make_note();
        // No lock: a child could be forked while it is held, and in the child nobody would ever
        // release it.
        let first =
            NOTE.compare_exchange(ptr::null_mut(), note, Ordering::AcqRel, Ordering::Acquire);
        if let Err(other) = first {
            unmake_note(note);
            note = other;
        }
    }
    // SAFETY: a page of zeros that is never unmapped, or the address that stands for none.
    (note != NO_NOTE).then(|| unsafe { &*note })
}

/// Stands for "there is no such page".
const NO_NOTE: *mut ForkNote = ptr::without_provenance_mut(align_of::<ForkNote>());

const NOTE_SIZE: usize = 4096;

#[cold]
fn make_note() -> *mut ForkNote {
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: new memory, at an address of the kernel's choice.
    let page = unsafe { libc::mmap(ptr::null_mut(), NOTE_SIZE, access, kind, -1, 0) };
    if page == libc::MAP_FAILED {
        return NO_NOTE;
    }
    // An emulator (qemu-user) returns 0 for every advice, and may follow none. SAFETY: this very
    // page, which an advice that does not exist leaves as it is.
    let is_heeded = unsafe { libc::madvise(page, NOTE_SIZE, -1) } != 0;
    // SAFETY: as above; there is nothing on it yet.
    if !is_heeded || unsafe { libc::madvise(page, NOTE_SIZE, libc::MADV_WIPEONFORK) } != 0 {
        unmake_note(page.cast());
        note_missing(Missing::ForkNote);
        return NO_NOTE;
    }
    page.cast()
}

fn unmake_note(note: *mut ForkNote) {
    if note != NO_NOTE {
        // SAFETY: a page of make_note, of which nobody else knows.
        unsafe { libc::munmap(note.cast(), NOTE_SIZE) };
    }
}

pub(crate) const UID_MAP: &CStr = c"/proc/self/uid_map";
pub(crate) const GID_MAP: &CStr = c"/proc/self/gid_map";

/// Whether this user namespace has a number for everyone, as the first one has.
pub(crate) fn maps_everyone(map: &CStr) -> bool {
    let mut room = [0; 128];
    let map = read_start(map, &mut room).unwrap_or_default();
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

/// A variable of the environment. Like everything that looks there, this is safe only while no
/// other thread changes it.
pub(crate) fn variable(name: &CStr) -> Result<Option<CString>> {
    // SAFETY: the name is a C string.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return Ok(None);
    }
    // SAFETY: what is found is a C string, and is copied at once.
    c_string(unsafe { CStr::from_ptr(value) }.to_bytes()).map(Some)
}

/// The same, but only if this process acts for the user who started it (a set-user-ID program does
/// not).
pub(crate) fn variable_of_user<T>(name: &CStr, read: impl FnOnce(&CStr) -> T) -> Option<T> {
    // Not in the libc crate.
    unsafe extern "C" {
        fn secure_getenv(name: *const c_char) -> *const c_char;
    }
    // SAFETY: the name is a C string.
    let value = unsafe { secure_getenv(name.as_ptr()) };
    // SAFETY: what is found is a C string, and is read at once.
    (!value.is_null()).then(|| read(unsafe { CStr::from_ptr(value) }))
}

/// Removes a variable. This does without the C library: another thread of the parent may have held
/// its lock when this process was forked.
pub(crate) fn remove_variable(name: &CStr) {
    unsafe extern "C" {
        static mut environ: *mut *mut c_char;
    }
    let is_it = |entry: &CStr| {
        entry
            .to_bytes()
            .strip_prefix(name.to_bytes())
            .is_some_and(|rest| rest.first() == Some(&b'='))
    };
    // SAFETY: pointers to C strings, and NULL behind them. What is found is written back, so
    // that after each step these are C strings, and NULL behind them.
    unsafe {
        let mut from = environ;
        let mut to = from;
        while !from.is_null() && !(*from).is_null() {
            if !is_it(CStr::from_ptr(*from)) {
                *to = *from;
                to = to.add(1);
            }
            from = from.add(1);
        }
        if to != from {
            *to = ptr::null_mut();
        }
    }
}

pub(crate) fn user_of_process() -> u32 {
    // SAFETY: no pointers.
    unsafe { libc::geteuid() }
}

/// Reads the umask of this thread, which may have its own (unshare(2)), without changing it, as
/// umask(2) would. Linux 4.7 and later have it in /proc. Otherwise the mode of a nameless file shows
/// it, if the directory's file system can make one. `None`: unknown.
pub(crate) fn umask(directory: BorrowedFd<'_>) -> Option<u32> {
    let told = find_in_lines(c"/proc/thread-self/status", |line| {
        u32::from_str_radix(line.strip_prefix("Umask:")?.trim(), 8).ok()
    });
    told.or_else(|| {
        let nameless = make_nameless(directory, 0o777).ok()?;
        Some(0o777 & !status_at(nameless.as_fd(), c"").ok()?.permissions())
    })
}

/// Has this called when the process ends normally, or when the library is unloaded.
pub(crate) fn at_exit(function: extern "C" fn()) -> Result<()> {
    // SAFETY: a function that is there as long as the library is.
    let result = unsafe { libc::atexit(function) };
    if result == 0 { Ok(()) } else { Err(Error::ENOMEM) }
}
