//! The one table of this process: every open socket, by its handle.

use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, RawFd};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, Failure, Result};
use crate::handle_table::{HandleTable, InUse};
use crate::socket::Socket;
use crate::sys::Credentials;
use crate::wait::Wait;

static HANDLES: LazyLock<HandleTable<Socket>> = LazyLock::new(HandleTable::new);

/// A socket in use.
pub(crate) type SocketInUse = InUse<'static, Socket>;

/// The socket with this handle, which stays open while the result is kept.
pub(crate) fn get(handle: i64) -> Result<SocketInUse> {
    HANDLES.get(handle).ok_or(Error::BAD_HANDLE)
}

/// Makes a socket and gives it a handle. The handle's place comes first: nothing
/// that was made (or accepted) is lost for want of one.
pub(crate) fn open<E: From<Error>>(make: impl FnOnce() -> Result<Socket, E>) -> Result<i64, E> {
    let place = HANDLES.vacancy().ok_or(Error::TOO_MANY_HANDLES)?;
    Ok(place.fill(make()?).get())
}

pub(crate) fn open_pair(make: impl FnOnce() -> Result<[Socket; 2]>) -> Result<[i64; 2]> {
    let places = [HANDLES.vacancy(), HANDLES.vacancy()];
    let [Some(first), Some(second)] = places else {
        return Err(Error::TOO_MANY_HANDLES);
    };
    let [one, other] = make()?;
    Ok([first.fill(one).get(), second.fill(other).get()])
}

pub(crate) fn accept(server: i64, wait: &mut Wait) -> Result<i64> {
    let server = get(server)?;
    open(|| server.accept(wait))
}

/// The same, and who it is.
pub(crate) fn accept_with_peer(server: i64, wait: &mut Wait) -> Result<(i64, Credentials)> {
    let server = get(server)?;
    let mut peer = None;
    let handle = open(|| {
        let (client, known) = server.accept_known(wait)?;
        peer = Some(known);
        Ok::<_, Error>(client)
    })?;
    Ok((handle, peer.ok_or(Error::NO_DATA)?))
}

/// Takes over a descriptor, if no socket of ours has it already.
pub(crate) fn adopt(fd: BorrowedFd<'_>) -> Result<i64, Failure> {
    // Of two that adopt the same descriptor at once, one has to see the other.
    static ADOPTING: Mutex<()> = Mutex::new(());
    let _alone = ADOPTING.lock().unwrap_or_else(PoisonError::into_inner);
    if all().any(|(_, socket)| socket.raw_fd() == fd.as_raw_fd()) {
        return Err(Failure::Step {
            step: "a handle of this process has this descriptor",
            error: Error::EXISTS,
        });
    }
    open(|| Socket::adopt(fd))
}

/// Ends the handle, and with it its descriptor. Other threads that are still in a call
/// have been woken and leave; but one may be stopped by a debugger, or may exist only in
/// the process that this one was forked from.
pub(crate) fn close(handle: i64) -> Result<()> {
    let socket = HANDLES.close(handle).ok_or(Error::BAD_HANDLE)?;
    let result = socket.close();
    if !wait_for_others(&socket) {
        // If even this fails, the last one to leave closes it.
        let _ = socket.take_away();
    }
    result
}

/// Ends the handle and hands out its descriptor.
pub(crate) fn release(handle: i64) -> Result<RawFd> {
    let socket = HANDLES.close(handle).ok_or(Error::BAD_HANDLE)?;
    socket.end_waits();
    wait_for_others(&socket);
    let fd = match socket.take() {
        Ok(socket) => socket.into_fd(),
        Err(still_in_use) => still_in_use.take_copy()?,
    };
    Ok(fd.into_raw_fd())
}

/// Every open socket, with its handle. Async-signal-safe, once it has been called.
pub(crate) fn all() -> impl Iterator<Item = (i64, SocketInUse)> {
    HANDLES.iter()
}

const LEAVE_TIME: Duration = Duration::from_millis(100);

/// Whether the others have left in time.
fn wait_for_others(socket: &SocketInUse) -> bool {
    let mut pause = Duration::from_micros(10);
    let mut waited = Duration::ZERO;
    while !socket.is_alone() {
        if waited >= LEAVE_TIME {
            return false;
        }
        std::thread::sleep(pause);
        waited += pause;
        pause = (pause * 2).min(Duration::from_millis(1));
    }
    true
}
