//! Sockets that a service manager opened and passed on: sd_listen_fds(3).

use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Failure, Result};
use crate::handles;
use crate::sys;

/// They begin here, one after the other.
const FIRST: i32 = 3;
const VARIABLES: [&CStr; 3] = [c"LISTEN_PID", c"LISTEN_FDS", c"LISTEN_FDNAMES"];
const UNNAMED: &CStr = c"unknown";

struct Passed {
    fd: BorrowedFd<'static>,
    name: CString,
    is_unix_socket: bool,
}

/// Handles for the Unix sockets that were passed to this process, at most so many; the
/// rest of what was passed becomes close-on-exec. Only once: the environment is cleared,
/// so that neither a second call nor a child takes them for its own.
pub(crate) fn activated(capacity: usize) -> Result<Vec<i64>, Failure> {
    static ASKING: Mutex<()> = Mutex::new(());
    let _alone = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    let passed = passed();
    let count = passed
        .as_ref()
        .map_or(0, |passed| passed.iter().filter(|passed| passed.is_unix_socket).count());
    if count > capacity {
        return Err(Failure::Step {
            step: "more sockets were passed than there is room for",
            error: Error::OUT_OF_RANGE,
        });
    }
    VARIABLES.into_iter().for_each(sys::remove_variable);
    let passed = passed?;
    for Passed { fd, .. } in &passed {
        sys::set_close_on_exec(*fd)?;
    }
    adopt(passed.iter().filter(|passed| passed.is_unix_socket))
}

/// What the environment says; nothing if it speaks to another process.
fn passed() -> Result<Vec<Passed>, Failure> {
    let [process, count, names] = VARIABLES.map(sys::variable);
    let (Some(process), Some(count)) = (process, count) else { return Ok(Vec::new()) };
    if number(&process).ok_or(Failure::Invalid("LISTEN_PID is no number"))? != sys::process_id() {
        return Ok(Vec::new());
    }
    let count = number(&count)
        .and_then(|count| i32::try_from(count).ok())
        .filter(|&count| count <= i32::MAX - FIRST)
        .ok_or(Failure::Invalid("LISTEN_FDS is no number of descriptors"))?;
    let names: Option<Vec<&[u8]>> =
        names.as_ref().map(|names| names.to_bytes().split(|&byte| byte == b':').collect());
    if names.as_ref().is_some_and(|names| count > 0 && names.len() != count as usize) {
        return Err(Failure::Invalid(
            "LISTEN_FDNAMES has not as many names as there are descriptors",
        ));
    }
    (0..count)
        .map(|index| {
            let fd = sys::borrow(FIRST + index).filter(|fd| sys::is_open(*fd));
            let fd = fd.ok_or(Failure::Step {
                step: "fewer descriptors are open than LISTEN_FDS says",
                error: Error::BAD_HANDLE,
            })?;
            let name = names.as_ref().map_or(UNNAMED.to_bytes(), |names| names[index as usize]);
            let name = CString::new(name).expect("a part of a C string");
            Ok(Passed { fd, name, is_unix_socket: is_unix_socket(fd)? })
        })
        .collect()
}

fn number(text: &CStr) -> Option<u32> {
    let digits = text.to_str().ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn is_unix_socket(fd: BorrowedFd<'_>) -> Result<bool> {
    match sys::option(fd, libc::SO_DOMAIN) {
        // EBADF: it is open, but with O_PATH.
        Err(Error::NOT_A_SOCKET | Error::BAD_HANDLE) => Ok(false),
        domain => Ok(domain? == libc::AF_UNIX),
    }
}

/// All of them or none.
fn adopt<'a>(sockets: impl Iterator<Item = &'a Passed>) -> Result<Vec<i64>, Failure> {
    let mut adopted = Vec::new();
    for Passed { fd, name, .. } in sockets {
        let handle = handles::adopt(*fd).inspect_err(|_| {
            for &handle in &adopted {
                // The descriptor stays what it was: open.
                let _ = handles::release(handle);
            }
        })?;
        handles::get(handle)?.set_activation_name(name);
        adopted.push(handle);
    }
    Ok(adopted)
}
