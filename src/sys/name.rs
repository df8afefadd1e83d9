//! A socket's name as the kernel knows it.

use std::ffi::c_int;
use std::fmt;
use std::mem::size_of;

use super::check;
use crate::error::Result;

/// A socket's name as the kernel knows it: a sockaddr_un and its length.
#[derive(Clone, Copy)]
pub struct SocketName {
    pub(super) address: libc::sockaddr_un,
    pub(super) length: libc::socklen_t,
}

const PATH_OFFSET: usize = std::mem::offset_of!(libc::sockaddr_un, sun_path);

impl SocketName {
    /// What fits into sun_path.
    pub(crate) const MAX: usize = size_of::<libc::sockaddr_un>() - PATH_OFFSET;

    /// A name of these bytes: a path, or a NUL and an abstract name.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let mut name = Self::EMPTY;
        let room = name.address.sun_path.get_mut(..bytes.len())?;
        // SAFETY: a slice of as many bytes as are copied, whatever the sign of their type.
        unsafe { room.as_mut_ptr().cast::<u8>().copy_from(bytes.as_ptr(), bytes.len()) };
        // A path is passed with its NUL where there is room, as most programs do.
        let is_path = bytes.first().is_some_and(|&first| first != 0);
        let end = if is_path { Self::MAX.min(bytes.len() + 1) } else { bytes.len() };
        name.length = (PATH_OFFSET + end) as libc::socklen_t;
        Some(name)
    }

    /// The same, from parts.
    pub(crate) fn of_parts(parts: &[&[u8]]) -> Option<Self> {
        let mut bytes = [0; Self::MAX];
        let mut length = 0;
        for part in parts {
            bytes.get_mut(length..length + part.len())?.copy_from_slice(part);
            length += part.len();
        }
        Self::new(&bytes[..length])
    }

    /// The request for a name that the kernel picks.
    pub(crate) const UNNAMED: Self = Self { length: PATH_OFFSET as libc::socklen_t, ..Self::EMPTY };

    /// An empty name, for the kernel to fill in.
    pub(crate) const EMPTY: Self = Self {
        address: libc::sockaddr_un {
            sun_family: libc::AF_UNIX as libc::sa_family_t,
            sun_path: [0; Self::MAX],
        },
        length: 0,
    };

    /// A path without its NUL, or an abstract name with its leading NUL.
    pub(crate) fn bytes(&self) -> &[u8] {
        // The kernel may answer with more than it was given (a path of 108 bytes
        // without NUL is said to have 109): never believe it beyond the struct.
        let length = (self.length as usize).saturating_sub(PATH_OFFSET).min(Self::MAX);
        // SAFETY: as many bytes, whatever the sign of their type.
        let bytes: &[u8] =
            unsafe { std::slice::from_raw_parts(self.address.sun_path.as_ptr().cast(), length) };
        match bytes {
            // A path ends at its NUL.
            [first, ..] if *first != 0 => bytes.split(|&byte| byte == 0).next().unwrap_or(bytes),
            _ => bytes,
        }
    }

    pub(super) fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.address).cast()
    }
}

impl PartialEq for SocketName {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for SocketName {}

impl fmt::Debug for SocketName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.bytes().escape_ascii())
    }
}

pub(super) fn name_from(
    call: impl FnOnce(*mut libc::sockaddr, *mut libc::socklen_t) -> c_int,
) -> Result<SocketName> {
    let mut name = SocketName::EMPTY;
    name.length = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    check(call((&raw mut name.address).cast(), &raw mut name.length))?;
    Ok(name)
}
