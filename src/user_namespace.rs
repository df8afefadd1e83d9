//! Numbers of users and groups. 65534 may stand for a user who has no number here, or for that user.

use std::ffi::CStr;

use crate::sys::{self, Credentials};

/// The number under which a user namespace shows all that have none in it (see user_namespaces(7)).
/// It is also the number of somebody.
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

/// The user or group that the kernel shows as this number, if that is known.
pub(crate) fn known_of(shown: Credentials) -> Credentials {
    Credentials {
        pid: shown.pid,
        uid: known_user(shown.uid).unwrap_or(u32::MAX),
        gid: known_group(shown.gid).unwrap_or(u32::MAX),
    }
}

/// The same for a message's sender. A message without a sender is shown with this number and no
/// process. So is a message from another PID namespace, if its sender has no number here, or has
/// the number 65534. They can't be told apart, so no sender is known.
pub(crate) fn known_of_sender(shown: Credentials) -> Credentials {
    const NOBODY: Credentials = Credentials { pid: 0, uid: OVERFLOW, gid: OVERFLOW };
    if shown == NOBODY { Credentials::UNKNOWN } else { known_of(shown) }
}
