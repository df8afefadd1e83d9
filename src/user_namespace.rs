//! Numbers of users and groups, of which one may stand for anybody.

use std::ffi::CStr;

use crate::sys;

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
