//! Directories on the way to a socket file, made if they are missing.

use std::ffi::{CStr, CString};

use crate::error::{Error, Failure, Result};
use crate::sys;

/// What was made, from the top down. Removed again unless it is kept.
pub(crate) struct Parents(Vec<CString>);

const MODE: u32 = 0o755;

impl Parents {
    /// Makes what is missing of this directory and those above it, if that is wanted.
    pub(crate) fn of(directory: &CStr, make: bool) -> Result<Self, Failure> {
        let mut parents = Self(Vec::new());
        if make {
            parents.make(directory.to_bytes()).map_err(Failure::at("make its directory"))?;
        }
        Ok(parents)
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

    pub(crate) fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Parents {
    fn drop(&mut self) {
        for directory in self.0.iter().rev() {
            // Somebody else may use it by now: then it is not empty, and stays.
            let _ = sys::remove_directory(directory);
        }
    }
}

/// The path without its last name.
fn above(directory: &[u8]) -> Option<&[u8]> {
    let last = directory.iter().rposition(|&byte| byte != b'/')?;
    let cut = directory[..last].iter().rposition(|&byte| byte == b'/')?;
    Some(&directory[..=cut])
}
