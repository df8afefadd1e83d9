//! Sockets that a service manager opened and passed on: sd_listen_fds(3).

use std::ffi::{CStr, CString};
use std::iter;
use std::os::fd::BorrowedFd;

use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::handles;
use crate::process_lock::ProcessLock;
use crate::sys;
use crate::text::c_string;

/// The first descriptor that is passed (SD_LISTEN_FDS_START). The others follow it.
const FIRST: i32 = 3;
const VARIABLES: [&CStr; 3] = [c"LISTEN_PID", c"LISTEN_FDS", c"LISTEN_FDNAMES"];
const UNNAMED: &[u8] = b"unknown";

/// What the environment says.
struct Passed {
    count: i32,
    names: Option<CString>,
}

/// Makes handles for the Unix sockets that were passed to this process, at most so many. The rest
/// of what was passed becomes close-on-exec. This is done only once: the environment is cleared, so
/// that neither a second call nor a child takes the sockets for its own.
pub(crate) fn activated(capacity: usize) -> Result<Vec<i64>, Failure> {
    static ASKING: ProcessLock = ProcessLock::new();
    let _alone = ASKING.hold();
    let adopted = Passed::read().and_then(|passed| passed.adopt(capacity));
    // After these errors the program can call again.
    let is_passing = |error| matches!(error, Error::ERANGE | Error::ENOMEM);
    if !adopted.as_ref().is_err_and(|failure| is_passing(failure.error())) {
        VARIABLES.into_iter().for_each(sys::remove_variable);
    }
    adopted
}

impl Passed {
    const NOTHING: Self = Self { count: 0, names: None };

    /// `None` if the environment is meant for another process.
    fn read() -> Result<Self, Failure> {
        let [process, count, names] = VARIABLES.map(sys::variable);
        let (Some(process), Some(count)) = (process?, count?) else { return Ok(Self::NOTHING) };
        let process = number(&process).ok_or(Failure::Invalid("LISTEN_PID is no number"))?;
        if process != std::process::id() {
            return Ok(Self::NOTHING);
        }
        let count = number(&count)
            .and_then(|count| i32::try_from(count).ok())
            .filter(|&count| count <= i32::MAX - FIRST)
            .ok_or(Failure::Invalid("LISTEN_FDS is no number of descriptors"))?;
        let passed = Self { count, names: names? };
        if count > 0 && passed.names().is_some_and(|names| names.count() != count as usize) {
            return Err(Failure::Invalid(
                "LISTEN_FDNAMES has not as many names as there are descriptors",
            ));
        }
        if passed.all().any(|(fd, _)| !sys::is_open(fd)) {
            return Err(Failure::Step {
                step: "fewer descriptors are open than LISTEN_FDS says",
                error: Error::EBADF,
            });
        }
        Ok(passed)
    }

    fn names(&self) -> Option<impl Iterator<Item = &[u8]>> {
        Some(self.names.as_ref()?.to_bytes().split(|&byte| byte == b':'))
    }

    /// With their names.
    fn all(&self) -> impl Iterator<Item = (BorrowedFd<'static>, &[u8])> {
        let names = self.names().into_iter().flatten().chain(iter::repeat(UNNAMED));
        (FIRST..FIRST + self.count).filter_map(sys::borrow).zip(names)
    }

    fn sockets(&self) -> Result<Vec<(BorrowedFd<'static>, &[u8])>> {
        let mut sockets = Vec::new();
        sockets.try_reserve_exact(self.count as usize)?;
        for (fd, name) in self.all() {
            if is_unix_socket(fd)? {
                sockets.push((fd, name));
            }
        }
        Ok(sockets)
    }

    /// Adopts all of the sockets or none.
    fn adopt(&self, capacity: usize) -> Result<Vec<i64>, Failure> {
        let sockets = self.sockets()?;
        if sockets.len() > capacity {
            return Err(Failure::Step {
                step: "more sockets were passed than there is room for",
                error: Error::ERANGE,
            });
        }
        let mut adopted = Vec::new();
        adopted.try_reserve_exact(sockets.len()).map_err(Error::from)?;
        for (fd, _) in self.all() {
            sys::set_close_on_exec(fd)?;
        }
        for (fd, name) in sockets {
            let handle = adopt(fd, name).inspect_err(|_| {
                for &handle in &adopted {
                    // The descriptor stays what it was: open.
                    let _ = handles::release(handle);
                }
            })?;
            adopted.push(handle);
        }
        Ok(adopted)
    }
}

fn adopt(fd: BorrowedFd<'_>, name: &[u8]) -> Result<i64, Failure> {
    let name = sys::boxed(c_string(name)?)?;
    let handle = handles::adopt(fd)?;
    let named = handles::get(handle).and_then(|socket| socket.set_activation_name(name));
    named.inspect_err(|_| {
        // The descriptor stays what it was: open.
        let _ = handles::release(handle);
    })?;
    Ok(handle)
}

fn number(text: &CStr) -> Option<u32> {
    let digits = text.to_str().ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn is_unix_socket(fd: BorrowedFd<'_>) -> Result<bool> {
    match sys::option(fd, libc::SO_DOMAIN) {
        // EBADF: it is open, but with O_PATH.
        Err(Error::ENOTSOCK | Error::EBADF) => Ok(false),
        domain => Ok(domain? == libc::AF_UNIX),
    }
}
