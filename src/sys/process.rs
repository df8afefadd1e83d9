//! The process: its number, its umask, its end, its signals.

use std::ffi::{CStr, CString};
use std::mem::{MaybeUninit, zeroed};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use super::{check, find_in_lines, read_start};
use crate::error::{Error, Result};
use crate::text::c_string;

/// How many processors this machine has at work.
pub(crate) fn processors() -> i64 {
    // SAFETY: it takes a number and gives one.
    unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) as _ }
}

/// Tells the calling thread from most others.
pub(crate) fn thread_number() -> usize {
    const PAGE: usize = 4096;
    // SAFETY: no pointers. It is an address on the thread's stack.
    unsafe { libc::pthread_self() as usize / PAGE }
}

/// Asks the kernel only once: every process, however it was forked, begins with a note that
/// says nothing.
pub(crate) fn process_id() -> u32 {
    let Some(note) = note() else {
        return std::process::id();
    };
    match note.load(Ordering::Relaxed) {
        0 => {
            let id = std::process::id();
            note.store(id, Ordering::Relaxed);
            id
        }
        id => id,
    }
}

/// A number in memory that the kernel wipes when this process forks (madvise(2),
/// MADV_WIPEONFORK, Linux 4.14). `None`: it can't.
fn note() -> Option<&'static AtomicU32> {
    static NOTE: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());
    let mut note = NOTE.load(Ordering::Acquire);
    if note.is_null() {
        note = make_note();
        // (Two that do so at once leave a page behind. No lock: a child could be forked with
        // one that nobody in it will ever open.)
        NOTE.store(note, Ordering::Release);
    }
    // SAFETY: a page of zeros that is never unmapped, or the address that stands for none.
    (note != NO_NOTE).then(|| unsafe { &*note })
}

/// No page is there.
const NO_NOTE: *mut AtomicU32 = ptr::without_provenance_mut(align_of::<AtomicU32>());

fn make_note() -> *mut AtomicU32 {
    const SIZE: usize = 4096;
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: new memory, at an address of the kernel's choice.
    let page = unsafe { libc::mmap(ptr::null_mut(), SIZE, access, kind, -1, 0) };
    if page == libc::MAP_FAILED {
        return NO_NOTE;
    }
    // SAFETY: this very page.
    if unsafe { libc::madvise(page, SIZE, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: as above; nobody knows of it.
        unsafe { libc::munmap(page, SIZE) };
        return NO_NOTE;
    }
    page.cast()
}

pub(crate) const UID_MAP: &CStr = c"/proc/self/uid_map";
pub(crate) const GID_MAP: &CStr = c"/proc/self/gid_map";

/// Whether this user namespace has a number for everyone, as the first one has.
pub(crate) fn maps_everyone(map: &CStr) -> bool {
    let mut room = [0; 128];
    let map = read_start(map, &mut room).unwrap_or_default();
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

/// Of the environment. As everything that looks there, safe only while no other thread
/// changes it.
pub(crate) fn variable(name: &CStr) -> Result<Option<CString>> {
    // SAFETY: the name is a C string.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return Ok(None);
    }
    // SAFETY: what is found is a C string, and is copied at once.
    c_string(unsafe { CStr::from_ptr(value) }.to_bytes()).map(Some)
}

pub(crate) fn remove_variable(name: &CStr) {
    // SAFETY: the name is a C string without "=".
    unsafe { libc::unsetenv(name.as_ptr()) };
}

pub(crate) fn user_of_process() -> u32 {
    // SAFETY: no pointers.
    unsafe { libc::geteuid() }
}

/// Without touching it, which umask(2) can't (other threads would see that): 4.7 and
/// later say it in /proc. `None`: unknown.
pub(crate) fn umask() -> Option<u32> {
    find_in_lines(c"/proc/self/status", |line| {
        u32::from_str_radix(line.strip_prefix("Umask:")?.trim(), 8).ok()
    })
}

/// Calls this when the process ends normally, or when the library is unloaded.
pub(crate) fn at_exit(function: extern "C" fn()) -> Result<()> {
    // SAFETY: a function that is there as long as the library is.
    let result = unsafe { libc::atexit(function) };
    if result == 0 { Ok(()) } else { Err(Error::NO_MEMORY) }
}

/// Whether the signal's disposition is the default. `INVALID`: there is no such signal.
pub(crate) fn is_default(signal: i32) -> Result<bool> {
    disposition(signal).map(|disposition| disposition == libc::SIG_DFL)
}

/// Whether a handler may have run.
pub(crate) fn handles_signals() -> bool {
    const LAST: i32 = 64;
    (1..=LAST).any(|signal| {
        !matches!(disposition(signal), Err(_) | Ok(libc::SIG_DFL) | Ok(libc::SIG_IGN))
    })
}

/// The handler, or what stands for none.
fn disposition(signal: i32) -> Result<libc::sighandler_t> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: NULL changes nothing, and there is room for the action.
    check(unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, so it has been written.
    let action = unsafe { action.assume_init() };
    Ok(action.sa_sigaction)
}

/// Installs a handler, which runs with all signals blocked.
pub(crate) fn set_handler(signal: i32, handler: extern "C" fn(i32)) -> Result<()> {
    // SAFETY: numbers and pointers: all zero is an empty action.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_ONSTACK;
    // SAFETY: the set is ours; the action is whole, and its handler async-signal-safe.
    check(unsafe {
        libc::sigfillset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, ptr::null_mut())
    })
    .map(drop)
}

/// From a handler: ends the process by this signal, as if there were no handler.
pub(crate) fn die_of(signal: i32) -> ! {
    // SAFETY: all of these are async-signal-safe. All zero is the default action.
    unsafe {
        let action: libc::sigaction = zeroed();
        libc::sigaction(signal, &raw const action, ptr::null_mut());
        libc::raise(signal);
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut());
        // Here the signal comes. If it can't, this is what a shell would show.
        libc::_exit(128 + signal)
    }
}
