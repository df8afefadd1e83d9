//! Directories on the way to a socket file, made if they are missing.

use std::ffi::{CStr, CString};

use crate::error::{Error, Failure, Result};
use crate::sys;

/// What was made, from the top down.
#[derive(Default)]
pub(crate) struct Parents(Vec<CString>);

const MODE: u32 = 0o755;

impl Parents {
    /// Makes what is missing of this directory and those above it. If anything fails
    /// nothing is left.
    pub(crate) fn make_all(directory: &CStr) -> Result<Self, Failure> {
        let mut parents = Self::default();
        parents.make(directory.to_bytes()).map_err(|error| {
            parents.remove();
            Failure::Step { step: "make its directory", error }
        })?;
        Ok(parents)
    }

    /// Removes again what was made. What somebody else uses by now is not empty, and stays.
    pub(crate) fn remove(&self) {
        for directory in self.0.iter().rev() {
            let _ = sys::remove_directory(directory);
        }
    }

    fn make(&mut self, directory: &[u8]) -> Result<()> {
        let path = CString::new(directory).expect("a part of a C string");
        match sys::make_directory(&path, MODE) {
            Err(Error::EXISTS) => return Ok(()),
            Err(Error::NOT_FOUND) => {
                let above = above(directory).ok_or(Error::NOT_FOUND)?;
                self.make(above)?;
                match sys::make_directory(&path, MODE) {
                    Err(Error::EXISTS) => return Ok(()),
                    result => result?,
                }
            }
            result => result?,
        }
        self.0.push(path);
        Ok(())
    }
}

/// The path without its last name.
fn above(directory: &[u8]) -> Option<&[u8]> {
    let last = directory.iter().rposition(|&byte| byte != b'/')?;
    let cut = directory[..last].iter().rposition(|&byte| byte == b'/')?;
    Some(&directory[..=cut])
}
