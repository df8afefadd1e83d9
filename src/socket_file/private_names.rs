//! Private names beside a path, for a socket file before it gets the path. They are the same in
//! every process, so that what a killed process has left is found without a search.

use std::ffi::CStr;

use crate::directory::{Directory, Lock, Removal};
use crate::error::{Error, Result};
use crate::inspection::{Sight, look};
use crate::log::{BindNotes, Event, Note};
use crate::sys::FileStatus;
use crate::text::ShortText;

/// How many takeovers of one path can be under way at once.
const PRIVATE_NAMES: u32 = 16;

/// The private names beside a path that ends in this name.
pub(crate) fn of(name: &CStr) -> impl Iterator<Item = ShortText> {
    let hash = fnv_1a(name.to_bytes());
    (0..PRIVATE_NAMES)
        .map(move |number| ShortText::new(format_args!(".udsock-{hash:016x}-{number}")))
}

/// The second name of a live server's file, from which the path is restored when it was lost.
pub(crate) fn spare(name: &CStr) -> ShortText {
    ShortText::new(format_args!(".udsock-{:016x}-spare", fnv_1a(name.to_bytes())))
}

/// A hash, as the name may be too long to be a part of another. All versions must agree on this.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Gives a file another name, one of the private ones that nobody has.
pub(crate) fn link(
    directory: &Directory,
    name: &CStr,
    file: &FileStatus,
    from: &CStr,
    _: &Lock,
) -> Result<ShortText> {
    for private in of(name) {
        match directory.link(file, from, &private) {
            Err(Error::EEXIST) => {}
            result => return result.map(|()| private),
        }
    }
    Err(Error::EBUSY)
}

/// Whether there is reason to sweep. Only the first name is looked at, as it is taken first. (If
/// the takeover with the first name ended well and a later name was left, that stays until
/// takeovers of the path meet again.)
pub(crate) fn first_is_taken(directory: &Directory, name: &CStr) -> bool {
    of(name).take(1).any(|private| directory.status(&private).is_ok())
}

/// The same, where a server has died: it may have claimed the path.
pub(crate) fn any_is_left(directory: &Directory, name: &CStr) -> bool {
    first_is_taken(directory, name) || directory.status(&spare(name)).is_ok()
}

/// Removes private names that nobody has any more. What can't be removed now stays for the next
/// sweep. Returns the lock, if it could be kept.
pub(crate) fn sweep(
    directory: &Directory,
    name: &CStr,
    lock: Lock,
    notes: &mut BindNotes,
) -> Option<Lock> {
    let mut swept = 0;
    let mut note = |removed: Result<bool>| match removed {
        Ok(removed) => swept += u64::from(removed),
        Err(error) => notes.push(Note::failed(Event::NotRemoved, error)),
    };
    let mut hidden = [const { None }; PRIVATE_NAMES as usize + 1];
    for (private, hidden) in of(name).chain([spare(name)]).zip(&mut hidden) {
        match look(directory, &private) {
            Ok(Sight::Socket(seen)) if seen.is_dead() => {
                note(match directory.unlink(&private) {
                    Err(Error::ENOENT) => Ok(false),
                    result => result.map(|()| true),
                });
            }
            Ok(Sight::Socket(seen)) if seen.is_hidden() => *hidden = Some((private, seen)),
            _ => {}
        }
    }
    let mut lock = Some(lock);
    if hidden.iter().any(Option::is_some) {
        // Finding out about these may take time, so the lock is given back. They were bound under
        // the lock, so no bind of them is under way.
        drop(lock.take());
    }
    for (private, seen) in hidden.iter().flatten() {
        if seen.is_alive() == Ok(false) {
            note(seen.remove(directory, private).map(|removal| removal == Removal::Done));
        }
    }
    if swept > 0 {
        notes.push(Note { count: swept, ..Note::of(Event::Swept) });
    }
    lock
}
