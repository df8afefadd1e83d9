//! Descriptors in and out

use super::basics::udsock_t;
use super::error::{explain, udsock_error};
use super::guard::guard;
use crate::error::Error;
use crate::failure::Failure;
use crate::handles;
use crate::sys;

/// Takes over a descriptor of any Unix socket, in any state: inherited, passed, or made by
/// another library. From now on it belongs to the handle: do not close it. The library never
/// removes its file.
///
/// The descriptor becomes close-on-exec. It becomes non-blocking before it accepts or connects,
/// for other processes that share it, too: a blocking accept could not be woken. Its other
/// settings stay as they are, and udsock_get_option reports them (UDSOCK_OPTION_RECEIVE_FDS,
/// say). One exception: a seqpacket socket gets SO_TIMESTAMP, if neither that nor one of its
/// other forms is on (see udsock_fd). Other holders of the same socket may change its settings
/// at any time: the library still tells an empty message from the end.
///
/// On failure the descriptor stays the caller's, unchanged.
///
/// Returns a handle.
///
/// -EBADF: not a descriptor.
/// -ENOTSOCK, -EAFNOSUPPORT: not a socket; not a Unix socket.
/// -EEXIST: a handle that this process has opened has this descriptor already. (If a handle
/// that was inherited by fork has it, that handle is closed instead, and the call succeeds.)
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_adopt(fd: i32, err: *mut udsock_error) -> udsock_t {
    // SAFETY: the caller passes a udsock_error, or NULL; NULL is no address.
    guard(|| unsafe {
        explain(err, "adopt", std::ptr::null(), || {
            let fd = sys::borrow(fd).ok_or(Failure::Plain(Error::EBADF))?;
            handles::adopt(fd)
        })
    })
}

/// The descriptor behind the handle, on loan, for poll(2), epoll(7) or another library's event
/// loop. It stays the handle's: do not close it, and do not use it after udsock_close. It is
/// non-blocking, unless it was adopted blocking.
///
/// A seqpacket socket has SO_TIMESTAMP on: by the time stamp the library tells an empty message
/// from the end. It still can if a program turns SO_TIMESTAMP off, or turns on another form of
/// it. A program that calls recvmsg(2) on the descriptor gets SCM_TIMESTAMP with each message,
/// before any descriptors: it needs room for that, else the kernel sets MSG_CTRUNC.
///
/// Returns the descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_fd(s: udsock_t) -> i32 {
    guard(|| handles::get(s)?.lend_fd())
}

/// Ends the handle and gives its descriptor to the caller, who has to close it. First, calls of
/// other threads on the handle return UDSOCK_CLOSED. The socket's file stays. The descriptor is
/// close-on-exec. The library sets back the settings that it changed, to what they were at
/// udsock_adopt or to the defaults of socket(2): whether the descriptor blocks, whether time
/// stamps, descriptors, credentials and pidfds come with messages. A setting that somebody else
/// has changed since then stays as it is. A forked child gets its copy of the descriptor with
/// all settings as they are.
///
/// Returns the descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_release(s: udsock_t) -> i32 {
    guard(|| handles::release(s))
}

/// Leaves the socket's file to another process (a successor, say). From now on this process
/// never removes the file.
///
/// Returns 0, also if there is no file.
#[unsafe(no_mangle)]
pub extern "C" fn udsock_disown(s: udsock_t) -> i32 {
    guard(|| {
        handles::get(s)?.disown();
        Ok(0)
    })
}
