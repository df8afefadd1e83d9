//! A callback that remembers all that it is told. There is one in a process, so the tests share
//! it, and each looks for what happened at its own paths and handles.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::{Mutex, Once};

use support::*;

#[derive(Clone, Debug)]
pub struct Told {
    pub level: u32,
    pub event: u32,
    pub code: i64,
    pub handle: udsock_t,
    pub pid: i32,
    pub uid: u32,
    pub path: Option<String>,
    pub text: String,
}

static ALL: Mutex<Vec<Told>> = Mutex::new(Vec::new());

/// What one record says.
///
/// # Safety
/// It is a record that a callback is told.
pub unsafe fn read(record: *const udsock_log_record) -> Told {
    // SAFETY: it is whole, and its texts are C strings.
    unsafe {
        let record = &*record;
        assert_eq!(record.size as usize, size_of::<udsock_log_record>());
        let path = (!record.path.is_null()).then(|| CStr::from_ptr(record.path));
        let text = CStr::from_ptr(record.text).to_str().expect("UTF-8").to_owned();
        assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
        Told {
            level: record.level,
            event: record.event,
            code: record.code.into(),
            handle: record.handle,
            pid: record.pid,
            uid: record.uid,
            path: path.map(|path| path.to_string_lossy().into_owned()),
            text,
        }
    }
}

unsafe extern "C" fn remember(user_data: *mut c_void, record: *const udsock_log_record) {
    assert_eq!(user_data, ptr::dangling_mut::<u64>().cast());
    // SAFETY: as the library says.
    ALL.lock().unwrap().push(unsafe { read(record) });
}

/// From now on all is remembered.
pub fn listen() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let data = ptr::dangling_mut::<u64>().cast();
        assert_eq!(udsock_set_log(Some(remember), data, UDSOCK_LOG_DEBUG), 0);
    });
}

/// What was told of a path so far, but for calls that failed.
pub fn of_path(path: &str) -> Vec<Told> {
    let is_it = |told: &&Told| {
        told.path.as_deref() == Some(path) && told.event != UDSOCK_LOGGED_CALL_FAILED
    };
    ALL.lock().unwrap().iter().filter(is_it).cloned().collect()
}

/// What was told of a handle so far.
pub fn of_handle(handle: udsock_t) -> Vec<Told> {
    ALL.lock().unwrap().iter().filter(|told| told.handle == handle).cloned().collect()
}

/// The calls that failed at a path so far.
pub fn failures_of(path: &str) -> Vec<Told> {
    let is_it = |told: &&Told| {
        told.path.as_deref() == Some(path) && told.event == UDSOCK_LOGGED_CALL_FAILED
    };
    ALL.lock().unwrap().iter().filter(is_it).cloned().collect()
}
