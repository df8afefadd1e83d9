//! Private names beside a path, for a socket file before it gets the path. They are the same in
//! every process, so that what a killed process has left is found without a search.

use std::ffi::CStr;

use crate::directory::{Directory, Lock, Removal};
use crate::error::{Error, Result};
use crate::inspection::{Sight, look};
use crate::log::{BindNotes, Event, Note};
use crate::sys::FileStatus;
use crate::text::ShortText;

/// So many takeovers of one path can be under way at once.
const PRIVATE_NAMES: u32 = 16;

/// Those beside a path that ends in this name.
pub(crate) fn of(name: &CStr) -> impl Iterator<Item = ShortText> {
    let hash = fnv_1a(name.to_bytes());
    (0..PRIVATE_NAMES)
        .map(move |number| ShortText::new(format_args!(".udsock-{hash:016x}-{number}")))
}

/// Of a live server that gets its path back when it was lost: the name that it keeps meanwhile.
pub(crate) fn spare(name: &CStr) -> ShortText {
    ShortText::new(format_args!(".udsock-{:016x}-spare", fnv_1a(name.to_bytes())))
}

/// The name may be too long to stand in another. All versions must agree on this.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Gives a file that has a name another one, which nobody has: one of those beside the path.
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

/// Whether there is reason to sweep. One look: the first one is taken first. (Where it has found
/// its way and a later one was left, those who meet there again see that.)
pub(crate) fn first_is_taken(directory: &Directory, name: &CStr) -> bool {
    of(name).take(1).any(|private| directory.status(&private).is_ok())
}

/// The same, where a server has died: it may have claimed the path.
pub(crate) fn any_is_left(directory: &Directory, name: &CStr) -> bool {
    first_is_taken(directory, name) || directory.status(&spare(name)).is_ok()
}

/// Removes private names that nobody has any more. What can't go now stays for the next. The
/// lock, if it could be kept.
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
        // To find out about these may take time. They were bound under the lock, so none of them
        // is only about to be.
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
