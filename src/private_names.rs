//! Names beside a path, for a socket file on its way there. The same for everyone, so that
//! what a killed process has left is found without a search.

use std::ffi::CStr;
use std::time::Duration;

use crate::directory::{Directory, Lock};
use crate::inspection::{State, look};
use crate::text::ShortText;

/// So many takeovers of one path can be under way at once.
const PRIVATE_NAMES: u32 = 16;

/// Those beside a path that ends in this name.
pub(crate) fn of(name: &CStr) -> impl Iterator<Item = ShortText> {
    let hash = fnv_1a(name.to_bytes());
    (0..PRIVATE_NAMES)
        .map(move |number| ShortText::new(format_args!(".udsock-{hash:016x}-{number}")))
}

/// The name may be too long to stand in another. All versions must agree on this.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Sweeps if there is reason to, and if nobody has the lock, which is kept then.
pub(crate) fn sweep_if_free(directory: &Directory, name: &CStr) -> Option<Lock> {
    if !of(name).any(|private| directory.status(&private).is_ok()) {
        return None;
    }
    let lock = directory.lock_within(Duration::ZERO).ok()?;
    sweep(directory, name, &lock);
    Some(lock)
}

/// Removes private names that nobody has any more. What can't go now stays for the next.
pub(crate) fn sweep(directory: &Directory, name: &CStr, _: &Lock) {
    for private in of(name) {
        if directory.status(&private).is_ok()
            && look(directory, &private).is_ok_and(|there| there.state == State::Stale)
        {
            let _ = directory.unlink(&private);
        }
    }
}
