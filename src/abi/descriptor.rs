//! Descriptors in and out

use super::error::{explain, udsock_error};
use super::guard::guard;
use super::socket::udsock_t;
use crate::error::{Error, Failure};
use crate::handles;
use crate::sys;

/// Takes over a descriptor of any Unix socket. It may be in any state: inherited, passed,
/// or made by another library. From now on it belongs to the handle: do not close it. Its
/// file, if it has one, is never removed. It becomes close-on-exec. Before it accepts or
/// connects it becomes non-blocking, also for other processes that share it: only so can an
/// accept be woken. Its other settings stay as they are, and the options say what holds
/// (UDSOCK_OPTION_RECEIVE_FDS, say); but a seqpacket socket gets SO_TIMESTAMP, if neither that
/// nor one of its other forms is on (see udsock_fd). Other holders of the same socket may
/// change its settings at any time: an empty message is still known from the end. On failure
/// the descriptor stays the caller's, as it was.
///
/// Returns a handle.
///
/// -EBADF: not a descriptor.
/// -ENOTSOCK, -EAFNOSUPPORT: not a socket, not a Unix one.
/// -EEXIST: a handle that this process has opened has it already. (A handle that came with a
/// fork gives it up instead, and is closed.)
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_adopt(fd: i32, err: *mut udsock_error) -> udsock_t {
    // SAFETY: the caller passes a udsock_error, or NULL; NULL is no address.
    guard(|| unsafe {
        explain(err, "adopt", std::ptr::null(), || {
            let fd = sys::borrow(fd).ok_or(Failure::Plain(Error::BAD_HANDLE))?;
            handles::adopt(fd)
        })
    })
}

/// The descriptor behind the handle, on loan. It is for poll(2), epoll(7) or another
/// library's event loop. It stays the handle's: do not close it, nor use it after
/// udsock_close. It is non-blocking, unless it was adopted blocking.
///
/// SO_TIMESTAMP is on for a seqpacket socket (so an empty message is known from the end). If
/// it is turned off, or changed to another form, an empty message is still known.
/// Who calls recvmsg(2) on the descriptor gets SCM_TIMESTAMP with each message, before any
/// descriptors: leave room for it, else the kernel says MSG_CTRUNC.
///
/// Returns the descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_fd(s: udsock_t) -> i32 {
    guard(|| handles::get(s).map(|socket| socket.lend_fd()))
}

/// Ends the handle and gives its descriptor to the caller, who has to close it. Calls of
/// other threads on the handle return UDSOCK_CLOSED first. The socket's file stays. The
/// descriptor is close-on-exec. Whatever the library changed of its settings is as it was when
/// it was adopted, or as socket(2) makes it: whether it blocks, time stamps, whether
/// descriptors, credentials and pidfds come with messages. A setting that somebody else has
/// changed since stays as it is. A forked child gets its copy as it is.
///
/// Returns the descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_release(s: udsock_t) -> i32 {
    guard(|| handles::release(s))
}

/// Leaves the socket's file to somebody else, a successor say. It is never removed by this
/// process from now on.
///
/// Returns 0, also if there is no file.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_disown(s: udsock_t) -> i32 {
    guard(|| {
        handles::get(s)?.disown();
        Ok(0)
    })
}
