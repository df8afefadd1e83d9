//! Numbers of users and groups. 65534 may stand for a user who has no number here, or for that user.

use std::ffi::CStr;

use crate::sys::{self, Credentials};

/// Whom a user namespace has no number for, it shows under this one (see
/// user_namespaces(7)), which also is somebody's.
const OVERFLOW: u32 = 65_534;

pub(crate) fn known_user(id: u32) -> Option<u32> {
    known(id, sys::UID_MAP)
}

pub(crate) fn known_group(id: u32) -> Option<u32> {
    known(id, sys::GID_MAP)
}

fn known(id: u32, map: &CStr) -> Option<u32> {
    let is_somebody = id != u32::MAX && (id != OVERFLOW || sys::maps_everyone(map));
    is_somebody.then_some(id)
}

/// What is known of whom the kernel shows as this.
pub(crate) fn known_of(shown: Credentials) -> Credentials {
    Credentials {
        pid: shown.pid,
        uid: known_user(shown.uid).unwrap_or(u32::MAX),
        gid: known_group(shown.gid).unwrap_or(u32::MAX),
    }
}

/// The same of a message's sender. A message that has none is shown as being of this number,
/// and of no process: as one of somebody of another PID namespace whom this user namespace has no
/// number for, or of the user 65534 of there. They can't be told apart, so nobody is known.
pub(crate) fn known_of_sender(shown: Credentials) -> Credentials {
    const NOBODY: Credentials = Credentials { pid: 0, uid: OVERFLOW, gid: OVERFLOW };
    if shown == NOBODY { Credentials::UNKNOWN } else { known_of(shown) }
}
