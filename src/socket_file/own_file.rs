//! The file that a socket has made, which the clean-up finds in a table.

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use super::bound_path::{Binder, FileOptions, Made, Refusal};
use super::place::remove_elsewhere;
use super::{Fate, SocketFile};
use crate::address::split;
use crate::critical_section::CriticalSection;
use crate::directory::{Directory, Lock};
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::handle_table::{HandleTable, InUse};
use crate::log::BindNotes;
use crate::parents::{self, Parents};
use crate::sys;
use crate::text::c_string;

/// Every file that a socket of this process made, and has not given up.
static FILES: HandleTable<SocketFile> = HandleTable::new();

/// Those files. Async-signal-safe.
pub(crate) fn all() -> impl Iterator<Item = InUse<'static, SocketFile>> {
    FILES.iter().map(|(_, file)| file)
}

/// A socket's own file, once it has made one: its handle in the table. A socket that is dropped
/// without being closed leaves none behind.
#[derive(Default)]
pub(crate) struct OwnFile(AtomicI64);

/// Added to the handle if the path is claimed, which is looked at before each wait for a client. No
/// handle has this bit.
const CLAIMED: i64 = 1 << 62;

impl OwnFile {
    /// Makes the file: binds the socket to the path. If anything fails, nothing is left. A name
    /// can't be taken back from a socket, so all memory is allocated first.
    pub(crate) fn make(
        &self,
        socket: BorrowedFd<'_>,
        path: &CStr,
        options: &FileOptions,
        notes: &RefCell<BindNotes>,
    ) -> Result<(), Failure> {
        let vacancy = FILES.vacancy().ok_or_else(|| match FILES.is_full() {
            true => Error::EMFILE,
            false => Error::ENOMEM,
        })?;
        let Resolved { directory, parents, name } = resolve(path, options)?;
        let section = CriticalSection::begin();
        let made = Binder { socket, directory: &directory, name: &name, notes }.make(options);
        match made {
            Ok(Made { private, file, claim }) => {
                let is_published = private.is_none() || !options.replace;
                let stays = is_published && options.keep;
                let fate = if stays { Fate::Stays } else { Fate::Goes };
                let has_claim = claim.is_some();
                let file = SocketFile {
                    directory,
                    name,
                    claim,
                    published: AtomicBool::new(is_published),
                    private,
                    made: file,
                    parents,
                    keep: options.keep,
                    process: sys::fork_generation(),
                    fate: AtomicU32::new(fate as u32),
                };
                let claimed = if has_claim { CLAIMED } else { 0 };
                self.0.store(vacancy.fill(file).get() | claimed, Ordering::Release);
                Ok(())
            }
            Err(refusal) => {
                drop(section);
                if let Refusal::Elsewhere(private) = &refusal {
                    remove_elsewhere(socket, &directory, private.as_deref().unwrap_or(&name));
                }
                parents.remove();
                Err(refusal.explain())
            }
        }
    }

    pub(crate) fn get(&self) -> Option<InUse<'static, SocketFile>> {
        FILES.get(self.0.load(Ordering::Acquire) & !CLAIMED)
    }

    /// The file, if this process is to restore its path.
    pub(crate) fn claimed(&self) -> Option<InUse<'static, SocketFile>> {
        if self.0.load(Ordering::Acquire) & CLAIMED == 0 {
            return None;
        }
        self.get().filter(|file| file.claim().is_some())
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        if let Some(file) = self.get() {
            // It stays in the table until the file is removed.
            file.tell_removal(0, file.remove(Lock::PATIENCE));
            FILES.close(*self.0.get_mut() & !CLAIMED);
        }
    }
}

/// Where the file is to be made.
struct Resolved {
    directory: Directory,
    /// Those of its directories that were made for it.
    parents: Parents,
    name: CString,
}

fn resolve(path: &CStr, options: &FileOptions) -> Result<Resolved, Failure> {
    let (parent, name) = split(path)?;
    let name = c_string(name.to_bytes())?;
    let parents = match options.make_parents {
        true => Parents::make_all(&parent)?,
        false => Parents::default(),
    };
    match open_directory(parent, options) {
        Ok(directory) => Ok(Resolved { directory, parents, name }),
        Err(failure) => {
            parents.remove();
            Err(failure)
        }
    }
}

fn open_directory(path: CString, options: &FileOptions) -> Result<Directory, Failure> {
    let directory = Directory::open(path).map_err(Failure::at("its directory"))?;
    if options.make_parents {
        parents::check_safe(&directory)?;
    }
    Ok(directory)
}
