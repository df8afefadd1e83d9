//! Signals: what they do to this process.

use std::mem::{MaybeUninit, transmute, zeroed};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::check;
use crate::error::{Error, Result};

pub(crate) type Handler = extern "C" fn(i32);

/// The flags by which all copies and versions of this library recognise each other's handlers: a
/// program may have several copies, one in each plugin. (The kernel keeps the flags with the
/// handler. They only matter for SIGCHLD, which none of our handlers is for.)
const MARK: i32 = libc::SA_NOCLDSTOP | libc::SA_NOCLDWAIT;

/// For each signal, the handler of another copy, which has to do its part, too.
static NEXT: [AtomicUsize; MOST_SIGNALS] = [const { AtomicUsize::new(NONE) }; MOST_SIGNALS];
const NONE: usize = 0;

/// Linux has 64 signals, and 127 on MIPS.
const MOST_SIGNALS: usize = 128;

/// Installs a handler for a signal that the default deals with, or another copy of this library. It
/// runs with all signals blocked. Where it is installed already, where there is another one, and
/// where the signal is ignored nothing is changed. Whether it is installed. EINVAL: there is no
/// such signal.
pub(crate) fn add_handler(signal: i32, handler: Handler) -> Result<bool> {
    let there = action_of(signal)?;
    let ours = handler as *const () as usize;
    let next = match there.sa_sigaction {
        libc::SIG_DFL => NONE,
        libc::SIG_IGN => return Ok(false),
        other if other != ours && is_of_ours(&there) => other,
        other => return Ok(other == ours),
    };
    stay_loaded(handler)?;
    NEXT.get(signal as usize).ok_or(Error::EINVAL)?.store(next, Ordering::Release);
    // SAFETY: numbers and pointers: all zero is an empty action.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = ours;
    action.sa_flags = libc::SA_ONSTACK | MARK;
    // SAFETY: the set is ours; the action is whole, and its handler async-signal-safe.
    check(unsafe {
        libc::sigfillset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, ptr::null_mut())
    })
    .map(|_| true)
}

/// Whether a handler of the program may have run. (This library's handler ends the process.)
pub(crate) fn handles_signals() -> bool {
    (1..MOST_SIGNALS as i32).filter_map(|signal| action_of(signal).ok()).any(|action| {
        ![libc::SIG_DFL, libc::SIG_IGN].contains(&action.sa_sigaction) && !is_of_ours(&action)
    })
}

/// Whether this handler is of this library, this copy or another.
fn is_of_ours(action: &libc::sigaction) -> bool {
    action.sa_flags & (MARK | libc::SA_SIGINFO) == MARK
}

/// What the process does when the signal comes. EINVAL: there is no such signal.
fn action_of(signal: i32) -> Result<libc::sigaction> {
    let mut action = MaybeUninit::uninit();
    // SAFETY: NULL changes nothing, and there is room for the action.
    check(unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, so it has been written.
    Ok(unsafe { action.assume_init() })
}

/// Called in a handler: calls the handler that it was installed over, if there was one.
pub(crate) fn call_next_handler(signal: i32) {
    match NEXT.get(signal as usize).map_or(NONE, |next| next.load(Ordering::Acquire)) {
        NONE => {}
        // SAFETY: it bore the mark, so it is a handler of this library, of a copy that stays
        // loaded.
        next => unsafe { transmute::<usize, Handler>(next)(signal) },
    }
}

/// Keeps this library loaded, with the handlers that it has installed, even if the plugin that
/// loaded it (or that contains it) is unloaded.
fn stay_loaded(handler: Handler) -> Result<()> {
    let mut found = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: any address may be asked for, and there is room for the answer.
    if unsafe { libc::dladdr(handler as *const _, found.as_mut_ptr()) } == 0 {
        return Ok(()); // A program without a dynamic linker, which unloads nothing.
    }
    // SAFETY: it was found, so the answer has been written.
    let found = unsafe { found.assume_init() };
    if is_program(found.dli_fbase as usize) {
        return Ok(());
    }
    let flags = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
    // SAFETY: a C string, by which what is loaded already is found, and not loaded again.
    if !unsafe { libc::dlopen(found.dli_fname, flags) }.is_null() {
        return Ok(());
    }
    // SAFETY: no pointers. The second call forgets what the first one told.
    unsafe { (libc::dlerror(), libc::dlerror()) };
    // As it is loaded, there was no other reason.
    Err(Error::ENOMEM)
}

/// Whether the address is in the program itself, which is never unloaded.
fn is_program(base: usize) -> bool {
    const PAGE: usize = 4096;
    // SAFETY: no pointers. It is the address of its headers, which are on its first page.
    let headers = unsafe { libc::getauxval(libc::AT_PHDR) } as usize;
    headers / PAGE == base / PAGE
}

/// The signals that a thread blocks.
pub(crate) struct SignalMask(libc::sigset_t);

/// Blocks these signals, too, in the calling thread: a bit each, signal 1 the lowest. Returns the
/// former mask.
pub(crate) fn block_signals(signals: u64) -> SignalMask {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are ours: the first is made empty, then filled, and the other is
    // written by a call that can't fail with these arguments.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in (1..=64).filter(|signal| signals >> (signal - 1) & 1 != 0) {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), before.as_mut_ptr());
        SignalMask(before.assume_init())
    }
}

/// Restores the calling thread's mask.
pub(crate) fn set_signal_mask(mask: &SignalMask) {
    // SAFETY: the set is whole, and the former one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask.0, ptr::null_mut()) };
}

/// Called in a handler: ends the process by this signal, as if there were no handler.
pub(crate) fn die_of(signal: i32) -> ! {
    // SAFETY: all of these are async-signal-safe. All zero is the default action.
    unsafe {
        let action: libc::sigaction = zeroed();
        libc::sigaction(signal, &raw const action, ptr::null_mut());
        // Not raise(3): some C libraries remember the thread's number, which in a child of vfork is
        // that of its parent.
        let thread = libc::syscall(libc::SYS_gettid);
        libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, signal);
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut());
        // Here the signal comes. If it can't, the process ends with the status that a shell would
        // show.
        libc::_exit(128 + signal)
    }
}
