//! What the library does by itself

use std::ffi::{c_char, c_void};
use std::mem::size_of;
use std::ptr;

use super::basics::udsock_t;
use super::codes::code_of;
use super::guard::guard;
use crate::error::Error;
use crate::log::{self, Event, Level, Listener, Record};
use crate::sys;

/// Level: a bug in the library.
pub const UDSOCK_LOG_ERROR: u32 = 1;

/// Level: something that the program or its administrator should know about.
pub const UDSOCK_LOG_WARNING: u32 = 2;

/// Level: something that the library did by itself, and that is in order.
pub const UDSOCK_LOG_INFO: u32 = 3;

/// Level: something that helps to find a cause.
pub const UDSOCK_LOG_DEBUG: u32 = 4;

/// Event, of level INFO: the file of a server that has gone was removed, to make room for
/// another one.
pub const UDSOCK_LOGGED_RECLAIMED: u32 = 1;

/// Event, of level INFO: private names (".udsock-...") that a killed takeover had left were
/// removed.
pub const UDSOCK_LOGGED_SWEPT: u32 = 2;

/// Event, of level INFO: the path was taken over from a live server; pid and uid are that
/// server's.
pub const UDSOCK_LOGGED_TOOK_OVER: u32 = 3;

/// Event, of level INFO: the library wanted to remove the socket's file, but the path has
/// another file now, which stays.
pub const UDSOCK_LOGGED_TAKEN_OVER: u32 = 4;

/// Event, of level WARNING: the library wanted to remove the socket's file, but somebody else
/// had removed it. Since then clients could not find the server.
pub const UDSOCK_LOGGED_FILE_GONE: u32 = 5;

/// Event, of level WARNING: a file that the library should have removed is still there; code
/// says why.
pub const UDSOCK_LOGGED_NOT_REMOVED: u32 = 6;

/// Event, of level INFO: a server has refused a client; pid and uid are the client's. The code
/// is -EACCES if no rule lets it in (udsock_allow_uid), -EUSERS if its user has as many
/// connections as UDSOCK_OPTION_MAX_PER_UID allows; any other code says why the library could
/// not find out who the client is.
pub const UDSOCK_LOGGED_REFUSED: u32 = 7;

/// Event, of level WARNING: no descriptor or no memory was left for waking a thread that
/// sleeps, so the thread looks every 5 ms. The event comes again only after one was available
/// meanwhile.
pub const UDSOCK_LOGGED_NO_ALARM: u32 = 8;

/// Event, of level WARNING: the handle was closed while a thread was held up in a call on it
/// (by a debugger, say), and the library took the socket away from that thread.
pub const UDSOCK_LOGGED_TAKEN_AWAY: u32 = 9;

/// Event, of level WARNING: datagrams that a poller had kept could not be delivered and were
/// dropped; code says why.
pub const UDSOCK_LOGGED_DATAGRAM_DROPPED: u32 = 10;

/// Event, of level INFO: what a poller had kept for a socket was dropped. The code says why the
/// socket failed; 0: it was closed or removed, or the poller was closed.
pub const UDSOCK_LOGGED_UNSENT_DROPPED: u32 = 11;

/// Event, of level DEBUG: this system lacks something; the text says what, and what the library
/// does instead. Each is reported once.
pub const UDSOCK_LOGGED_MISSING: u32 = 12;

/// Event, of level DEBUG: a call that takes a udsock_error has failed, other than by -EINTR;
/// text is the message of the udsock_error, and path is the call's address.
pub const UDSOCK_LOGGED_CALL_FAILED: u32 = 13;

/// Event, of level ERROR: a call has returned UDSOCK_PANIC.
pub const UDSOCK_LOGGED_PANIC: u32 = 14;

/// Event, of level WARNING: more happened at once than a poller can record.
pub const UDSOCK_LOGGED_NOT_NOTED: u32 = 15;

/// Event, of level WARNING: a server with UDSOCK_RESTORE_FILE had lost its path and got it
/// back; pid and uid are those of the server that had taken the path, if one had.
pub const UDSOCK_LOGGED_RESTORED: u32 = 16;

/// Event, of level INFO, and WARNING beyond 107 bytes: a socket was bound to a path that some
/// programs can't reach: see the field reach of udsock_inspection.
pub const UDSOCK_LOGGED_LONG_PATH: u32 = 17;

/// Something that has happened. The record, and what it points to, belongs to the library and
/// is valid only until the callback returns. A field that an event has no value for is 0,
/// UINT32_MAX (uid) or NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udsock_log_record {
    /// The struct's size in this version of the library. If the library is newer than the
    /// program, its additional fields follow those that the program knows.
    pub size: u32,
    /// UDSOCK_LOG_ERROR, UDSOCK_LOG_WARNING, UDSOCK_LOG_INFO or UDSOCK_LOG_DEBUG.
    pub level: u32,
    /// What has happened: UDSOCK_LOGGED_...; there may be others in later versions.
    pub event: u32,
    /// Why, as an error code.
    pub code: i32,
    /// The socket or the poller that it happened to. 0: that has no handle yet, or no longer
    /// has one.
    pub handle: udsock_t,
    /// The other process that is concerned: a client that was refused, the server whose path
    /// was taken over.
    pub pid: i32,
    /// Its user.
    pub uid: u32,
    /// The address of the socket, whole and unchanged. It may contain any byte.
    pub path: *const c_char,
    /// All of this in words, in one line of UTF-8 without control characters, and without its
    /// level. A long path is shown by its two ends. The words may change.
    pub text: *const c_char,
}

/// A function that is told what happens. It may be called from every thread that makes a call,
/// from several at once, and at normal exit (udsock_cleanup). See udsock_set_log.
pub type udsock_log_callback =
    Option<unsafe extern "C" fn(user_data: *mut c_void, record: *const udsock_log_record)>;

/// Sets the function that is told what the library does by itself and does not report
/// otherwise. The process has one such function: the next call of this replaces it, and
/// `callback` NULL removes it. The function gets `user_data` and a udsock_log_record, which
/// says what has happened (UDSOCK_LOGGED_...). It gets what has this `level` (UDSOCK_LOG_...)
/// or a more important one.
///
/// The function may be set at any time, from every thread, even from within a callback. A
/// forked child has its parent's. When this call has returned, no thread is in the former
/// function, and none will enter it: what it used can be freed. (Two exceptions: the calling
/// thread may be in it itself; and if a forked child removes its parent's function, the call
/// does not wait for other threads of the child.) Without a function each possible report costs
/// one look at a variable.
///
/// The library calls the function within the call in which the thing has happened, on the same
/// thread, with cancellation disabled. No lock is held, so the function may make every call.
/// The time that it takes adds to the time of that call. What would be reported on the same
/// thread meanwhile is dropped, so the function is never called from within itself; so is what
/// would be reported while 64 other threads are in it. (A child that is forked within the
/// function is not in it: there it may be called again.) The function has to return: no
/// exception, no longjmp, no pthread_exit. It should not close the handle of the record: the
/// close would wait for the call, for a tenth of a second. The library allocates no memory to
/// call it. It is never called from a signal handler, so what the handler of
/// udsock_cleanup_on_signal does is not reported.
///
/// The environment variable UDSOCK_LOG needs no callback. It may be error, warning, info or
/// debug: what has this level or a more important one is written to standard error, one line
/// each. (If descriptor 2 is close-on-exec, nothing is written: the program had closed standard
/// error, and opened something else there.) The library reads the variable once, when there is
/// first something to report. It ignores it in a program that has other rights than the user
/// who started it (set-user-ID).
///
/// Returns 0.
///
/// -EINVAL: no such level (with `callback` NULL none is needed).
/// -EBUSY: the new function was set, but a thread has not returned from the former one for a
/// second.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_set_log(
    callback: udsock_log_callback,
    user_data: *mut c_void,
    level: u32,
) -> i32 {
    guard(|| {
        let listener = match callback {
            None => None,
            Some(function) => {
                let level = Level::from_number(level).ok_or(Error::EINVAL)?;
                let listener: Box<dyn Listener> = sys::boxed(Callback { function, user_data })?;
                Some((level, listener))
            }
        };
        log::set_listener(listener).map(|()| 0)
    })
}

/// The caller's function.
struct Callback {
    function: unsafe extern "C" fn(*mut c_void, *const udsock_log_record),
    user_data: *mut c_void,
}

// SAFETY: the function may be called from every thread, with this pointer: so says its text.
unsafe impl Send for Callback {}
// SAFETY: as above, also from several at once.
unsafe impl Sync for Callback {}

impl Listener for Callback {
    fn hear(&self, record: &Record<'_>) {
        let note = &record.note;
        let told = udsock_log_record {
            size: size_of::<udsock_log_record>() as u32,
            level: note.level() as u32,
            event: number_of(note.event),
            code: note.error.map_or(0, code_of),
            handle: note.handle,
            pid: note.pid.map_or(0, |pid| pid as i32),
            uid: note.uid.unwrap_or(u32::MAX),
            path: record.path.map_or(ptr::null(), |path| path.as_ptr()),
            text: record.text.as_ptr(),
        };
        // SAFETY: the caller's function, with what the caller said. The record lives through the
        // call.
        unsafe { (self.function)(self.user_data, &raw const told) }
    }
}

fn number_of(event: Event) -> u32 {
    match event {
        Event::Reclaimed => UDSOCK_LOGGED_RECLAIMED,
        Event::Swept => UDSOCK_LOGGED_SWEPT,
        Event::TookOver => UDSOCK_LOGGED_TOOK_OVER,
        Event::TakenOver => UDSOCK_LOGGED_TAKEN_OVER,
        Event::FileGone => UDSOCK_LOGGED_FILE_GONE,
        Event::NotRemoved => UDSOCK_LOGGED_NOT_REMOVED,
        Event::Refused => UDSOCK_LOGGED_REFUSED,
        Event::NoAlarm => UDSOCK_LOGGED_NO_ALARM,
        Event::TakenAway => UDSOCK_LOGGED_TAKEN_AWAY,
        Event::DatagramDropped => UDSOCK_LOGGED_DATAGRAM_DROPPED,
        Event::UnsentDropped => UDSOCK_LOGGED_UNSENT_DROPPED,
        Event::Missing => UDSOCK_LOGGED_MISSING,
        Event::CallFailed => UDSOCK_LOGGED_CALL_FAILED,
        Event::Panic => UDSOCK_LOGGED_PANIC,
        Event::NotNoted => UDSOCK_LOGGED_NOT_NOTED,
        Event::Restored => UDSOCK_LOGGED_RESTORED,
        Event::LongPath => UDSOCK_LOGGED_LONG_PATH,
    }
}
