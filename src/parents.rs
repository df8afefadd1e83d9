//! Making the missing directories on the way to a socket file.

use std::ffi::{CStr, CString};

use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::sys;
use crate::text::c_string;

/// The directories that were made, from the top down.
#[derive(Default)]
pub(crate) struct Parents(Vec<CString>);

const MODE: u32 = 0o755;

impl Parents {
    /// Makes what is missing of this directory and those above it. If anything fails
    /// nothing is left.
    pub(crate) fn make_all(directory: &CStr) -> Result<Self, Failure> {
        let mut parents = Self::default();
        let made = parents.make(directory.to_bytes()).map_err(Failure::at("make its directory"));
        made.and_then(|()| parents.check_ground()).inspect_err(|_| parents.remove())?;
        Ok(parents)
    }

    /// Removes what was made. A directory that somebody else uses by now is not empty, and stays.
    pub(crate) fn remove(&self) {
        for directory in self.0.iter().rev() {
            let _ = sys::remove_directory(directory);
        }
    }

    /// What was made could be taken away from where it was made.
    fn check_ground(&self) -> Result<(), Failure> {
        let Some(top) = self.0.first() else { return Ok(()) };
        let ground = above(top.to_bytes()).unwrap_or(b".");
        check_safe(&Directory::open(c_string(ground)?)?)
    }

    fn make(&mut self, directory: &[u8]) -> Result<()> {
        let path = c_string(directory)?;
        let mut made = self.make_one(&path);
        if made == Err(Error::ENOENT) {
            self.make(above(directory).ok_or(Error::ENOENT)?)?;
            made = self.make_one(&path);
        }
        match made {
            Err(Error::EEXIST) => return Ok(()),
            result => result?,
        }
        self.0.push(path);
        Ok(())
    }

    /// What is made can be noted.
    fn make_one(&mut self, path: &CStr) -> Result<()> {
        self.0.try_reserve(1)?;
        sys::make_directory(path, MODE)
    }
}

/// The path without its last name.
fn above(directory: &[u8]) -> Option<&[u8]> {
    let last = directory.iter().rposition(|&byte| byte != b'/')?;
    let cut = directory[..last].iter().rposition(|&byte| byte == b'/')?;
    Some(&directory[..=cut])
}

/// Fails if others may write here and no sticky bit keeps them from replacing what is not theirs: a
/// server is not safe there.
pub(crate) fn check_safe(directory: &Directory) -> Result<(), Failure> {
    let permissions = directory.own_status()?.permissions();
    if permissions & 0o002 != 0 && permissions & libc::S_ISVTX == 0 {
        return Err(Failure::Step {
            step: "its directory may be written by everyone and has no sticky bit, so that \
                   anyone could put another socket there",
            error: Error::EPERM,
        });
    }
    Ok(())
}
