//! The process's one table of handles: every open socket, and whatever else has a handle.

use std::any::Any;
use std::ops::Deref;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, RawFd};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::handle_table::{HandleTable, InUse, Vacancy};
use crate::log::{self, Event, Note, Refused};
use crate::process_lock::ProcessLock;
use crate::socket::Socket;
use crate::sys::{self, Credentials};
use crate::wait::Wait;

static HANDLES: HandleTable<Object> = HandleTable::new();

/// What has a handle.
#[allow(clippy::large_enum_variant, reason = "most are sockets, which need no memory of their own")]
enum Object {
    Socket(Socket),
    Watcher(Box<dyn Watcher>),
}

impl Object {
    /// Whether this process has opened it, and not one that it was forked from.
    fn is_of_this_process(&self) -> bool {
        match self {
            Self::Socket(socket) => socket.is_of_this_process(),
            Self::Watcher(watcher) => watcher.is_of_this_process(),
        }
    }
}

/// What has a handle and is not a socket, but watches sockets: a poller.
pub(crate) trait Watcher: Any + Send + Sync {
    /// Itself, to find out which kind it is.
    fn as_any(&self) -> &dyn Any;

    /// Ends every wait.
    fn close(&self);

    /// Takes its descriptor away from the threads that still wait on it.
    fn take_away(&self) -> Result<()>;

    /// Whether this process has opened it, and not one that it was forked from.
    fn is_of_this_process(&self) -> bool;

    /// Forgets a socket, which is about to be closed or given away.
    fn forget(&self, handle: i64, socket: &Socket);
}

/// A socket in use.
pub(crate) struct SocketInUse(InUse<'static, Object>);

impl Deref for SocketInUse {
    type Target = Socket;

    #[inline(always)]
    fn deref(&self) -> &Socket {
        match &*self.0 {
            Object::Socket(socket) => socket,
            Object::Watcher(_) => unreachable!("looking it up has checked what it is"),
        }
    }
}

/// A watcher in use.
pub(crate) struct WatcherInUse(InUse<'static, Object>);

impl WatcherInUse {
    /// The watcher as the kind that it is. `None`: it is of another kind.
    pub(crate) fn downcast<T: Watcher>(&self) -> Option<&T> {
        self.get().as_any().downcast_ref()
    }

    fn get(&self) -> &dyn Watcher {
        match &*self.0 {
            Object::Watcher(watcher) => &**watcher,
            Object::Socket(_) => unreachable!("looking it up has checked what it is"),
        }
    }
}

/// The socket with this handle, which stays open while the result is kept.
#[inline(always)]
pub(crate) fn get(handle: i64) -> Result<SocketInUse> {
    let object = HANDLES.get(handle).ok_or(Error::EBADF)?;
    match &*object {
        Object::Socket(_) => Ok(SocketInUse(object)),
        Object::Watcher(_) => Err(Error::ENOTSOCK),
    }
}

/// The watcher with this handle.
pub(crate) fn get_watcher(handle: i64) -> Result<WatcherInUse> {
    let object = HANDLES.get(handle).ok_or(Error::EBADF)?;
    match &*object {
        Object::Watcher(_) => Ok(WatcherInUse(object)),
        Object::Socket(_) => Err(Error::EINVAL),
    }
}

/// Makes a socket and gives it a handle. The handle's place comes first, so that nothing that was
/// made or accepted is lost for want of one.
pub(crate) fn open<E: From<Error>>(make: impl FnOnce() -> Result<Socket, E>) -> Result<i64, E> {
    let place = vacancy()?;
    Ok(fill(place, make()?))
}

pub(crate) fn open_pair(make: impl FnOnce() -> Result<[Socket; 2]>) -> Result<[i64; 2]> {
    let (first, second) = (vacancy()?, vacancy()?);
    let [one, other] = make()?;
    Ok([fill(first, one), fill(second, other)])
}

#[inline(always)]
fn fill(place: Vacancy<'static, Object, 64>, socket: Socket) -> i64 {
    let mut object = Object::Socket(socket);
    if let Object::Socket(socket) = &mut object {
        socket.set_handle(place.handle());
    }
    place.fill(object).get()
}

/// Makes a watcher, which is told its handle.
pub(crate) fn open_watcher<T: Watcher>(make: impl FnOnce(i64) -> Result<T>) -> Result<i64> {
    let (place, room) = (vacancy()?, sys::room_for()?);
    let watcher = room.fill(make(place.handle())?);
    Ok(place.fill(Object::Watcher(watcher)).get())
}

fn vacancy() -> Result<Vacancy<'static, Object, 64>> {
    let lack = || if HANDLES.is_full() { Error::EMFILE } else { Error::ENOMEM };
    HANDLES.vacancy().ok_or_else(lack)
}

pub(crate) fn accept(server: i64, wait: &mut Wait) -> Result<i64> {
    let server = get(server)?;
    open(|| server.accept(wait))
}

/// The same, with the client's credentials.
pub(crate) fn accept_with_peer(server: i64, wait: &mut Wait) -> Result<(i64, Credentials)> {
    let server = get(server)?;
    let mut peer = None;
    let handle = open(|| {
        let (client, known) = server.accept_known(wait)?;
        peer = Some(known);
        Ok::<_, Error>(client)
    })?;
    Ok((handle, peer.ok_or(Error::ENODATA)?))
}

/// One attempt to accept. What the client will need is prepared first (`prepare` is told its
/// handle), so that no client is lost. `None`: a client was refused.
pub(crate) fn accept_once(
    server: &Socket,
    prepare: impl FnOnce(i64) -> Result<()>,
    refused: &mut Option<Refused>,
) -> Result<Option<i64>> {
    let place = vacancy()?;
    prepare(place.handle())?;
    let client = server.accept_once(refused)?;
    Ok(client.map(|client| fill(place, client)))
}

/// Takes over a descriptor, if no socket that this process has opened has it already. It may be
/// that of a handle that came with a fork: fork copies the descriptors first and the memory
/// later, so that the handle's own one, opened in between, may not be there, and its number free.
/// If it is there it belongs to the new handle from now on.
pub(crate) fn adopt(fd: BorrowedFd<'_>) -> Result<i64, Failure> {
    // If two threads adopt the same descriptor at once, one has to see the other.
    static ADOPTING: ProcessLock = ProcessLock::new();
    let _alone = ADOPTING.hold();
    let number = fd.as_raw_fd();
    let all_with_it = || all().filter(|(_, socket)| socket.raw_fd() == number);
    if all_with_it().any(|(_, socket)| socket.is_of_this_process()) {
        return Err(Failure::Step {
            step: "a handle of this process has this descriptor",
            error: Error::EEXIST,
        });
    }
    let adopted = open(|| Socket::adopt(fd))?;
    all_with_it().filter(|(handle, _)| *handle != adopted).for_each(|(handle, socket)| {
        socket.end_waits();
        // So nobody closes its descriptor.
        std::mem::forget(HANDLES.close(handle));
    });
    Ok(adopted)
}

/// Ends the handle, and with it its descriptor. Other threads that are still in a call
/// have been woken and leave; but one may be stopped by a debugger, or may exist only in
/// the process that this one was forked from.
pub(crate) fn close(handle: i64) -> Result<()> {
    let object = HANDLES.close(handle).ok_or(Error::EBADF)?;
    let result = match &*object {
        Object::Socket(socket) => {
            unwatch(handle, socket);
            socket.close()
        }
        Object::Watcher(watcher) => {
            watcher.close();
            Ok(())
        }
    };
    if !wait_for_others(&object) {
        // If even this fails, the last one to leave closes it.
        let _ = match &*object {
            Object::Socket(socket) => socket.take_away(),
            Object::Watcher(watcher) => watcher.take_away(),
        };
        // (In a forked child nobody is held up: the threads are not there.)
        if object.is_of_this_process() {
            let note = Note::of(Event::TakenAway);
            match &*object {
                Object::Socket(socket) => socket.tell(&note),
                Object::Watcher(_) => log::tell(&Note { handle, ..note }, None),
            }
        }
    }
    result
}

/// Ends the handle and returns its descriptor.
pub(crate) fn release(handle: i64) -> Result<RawFd> {
    get(handle)?;
    let object = HANDLES.close(handle).ok_or(Error::EBADF)?;
    let object = SocketInUse(object);
    unwatch(handle, &object);
    object.end_waits();
    wait_for_others(&object.0);
    let fd = match object.0.try_unwrap() {
        Ok(Object::Socket(socket)) => socket.into_fd(),
        Ok(Object::Watcher(_)) => unreachable!("a handle never becomes another object's"),
        Err(still_in_use) => SocketInUse(still_in_use).take_copy()?,
    };
    Ok(fd.into_raw_fd())
}

/// Ends all watching of a socket.
fn unwatch(handle: i64, socket: &Socket) {
    for watcher in socket.end_watching() {
        if let Ok(watcher) = get_watcher(watcher) {
            watcher.get().forget(handle, socket);
        }
    }
}

/// Every open socket, with its handle.
fn all() -> impl Iterator<Item = (i64, SocketInUse)> {
    HANDLES.iter().filter_map(|(handle, object)| match &*object {
        Object::Socket(_) => Some((handle, SocketInUse(object))),
        Object::Watcher(_) => None,
    })
}

const LEAVE_TIME: Duration = Duration::from_millis(100);

/// Whether the others have left in time. In a forked child they may be threads of its parent,
/// which never leave: nobody waits for them.
fn wait_for_others(object: &InUse<'static, Object>) -> bool {
    let most = if object.is_of_this_process() { LEAVE_TIME } else { Duration::ZERO };
    let mut pause = Duration::from_micros(10);
    let mut waited = Duration::ZERO;
    while !object.is_alone() {
        if waited >= most {
            return false;
        }
        sys::sleep(pause);
        waited += pause;
        pause = (pause * 2).min(Duration::from_millis(1));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::size_of;

    /// With its slot's state and its place in a poller some 200 bytes, as no more than a fourth of
    /// the slots are vacant, and most often less.
    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<Object>() <= 136, "{}", size_of::<Object>());
    }
}
