//! The library as the tests drive it: through its C ABI, with just enough around it
//! that a test reads well. What is not wrapped here is called as C calls it.

use std::ffi::{CStr, CString, c_char};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, ptr};

pub mod bindings;
pub mod c_library;
pub mod filter;
pub mod forked;
pub mod measure;
pub mod message_calls;
pub mod node_binding;
pub mod peer;
pub mod pipes;
pub mod poller;
pub mod poller_calls;
pub mod process;
pub mod processes;
pub mod raw;
pub mod readme;
pub mod running;
pub mod sleeping;
pub mod storm;
mod surroundings;
pub mod traced;
pub mod waiting;

pub use surroundings::IS_TIDY;

pub use udsock::abi::activation::*;
pub use udsock::abi::address::*;
pub use udsock::abi::basics::*;
pub use udsock::abi::cleanup::*;
pub use udsock::abi::codes::*;
pub use udsock::abi::counters::*;
pub use udsock::abi::descriptor::*;
pub use udsock::abi::error::*;
pub use udsock::abi::log::*;
pub use udsock::abi::message::*;
pub use udsock::abi::open::*;
pub use udsock::abi::option::*;
pub use udsock::abi::peer::*;
pub use udsock::abi::socket::*;
pub use udsock::abi::transfer::*;
pub use udsock::abi::version::*;

pub const FOREVER: i32 = UDSOCK_FOREVER;
pub const KINDS: [u32; 3] = [UDSOCK_STREAM, UDSOCK_DGRAM, UDSOCK_SEQPACKET];
pub const CONNECTED_KINDS: [u32; 2] = [UDSOCK_STREAM, UDSOCK_SEQPACKET];

pub const EOF: i64 = UDSOCK_EOF as i64;
pub const CLOSED: i64 = UDSOCK_CLOSED as i64;

/// The result that stands for an errno.
pub fn no(errno: i32) -> i64 {
    -i64::from(errno)
}

/// pipe(2): `std::io::pipe` is newer than the oldest Rust that does.
pub fn pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: there is room for two numbers, of descriptors that are made for us.
    let [reader, writer] = unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        ends.map(|fd| File::from_raw_fd(fd))
    };
    (reader, writer)
}

/// flock(2), for the same reason. It waits.
pub fn flock(file: &File, operation: i32) {
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::flock(file.as_raw_fd(), operation) }, 0);
}

/// A directory of the test's own, removed with everything in it.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("udsock-test-{}-{count}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // An earlier process of this number was killed.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{path:?}: {error}"),
            }
        }
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().expect("UTF-8")
    }

    /// What is in it, sorted.
    pub fn list(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the directory is there");
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a call that failed said.
#[derive(Debug)]
pub struct Refusal {
    pub code: i64,
    pub message: String,
}

/// A handle, closed with its owner unless the test closed it.
#[derive(Debug)]
pub struct Sock(pub udsock_t);

impl Drop for Sock {
    fn drop(&mut self) {
        udsock_close(self.0);
    }
}

pub fn error() -> udsock_error {
    udsock_error {
        size: size_of::<udsock_error>() as u32,
        code: 0,
        message: [0; UDSOCK_MESSAGE_SIZE],
    }
}

pub fn bind_options() -> udsock_bind_options {
    udsock_bind_options {
        size: size_of::<udsock_bind_options>() as u32,
        flags: 0,
        mode: 0,
        backlog: 0,
        user: ptr::null(),
        group: ptr::null(),
    }
}

pub fn connect_options() -> udsock_connect_options {
    udsock_connect_options {
        size: size_of::<udsock_connect_options>() as u32,
        flags: 0,
        timeout_ms: 0,
        reserved: 0,
        local_address: ptr::null(),
    }
}

/// A message, all of it unused.
pub fn message() -> udsock_message {
    // SAFETY: numbers and pointers: all zero is a message.
    let mut message: udsock_message = unsafe { std::mem::zeroed() };
    message.size = size_of::<udsock_message>() as u32;
    message
}

fn opened(handle: i64, err: &udsock_error) -> Result<Sock, Refusal> {
    if handle >= 0 {
        return Ok(Sock(handle));
    }
    assert_eq!(i64::from(err.code), handle, "the error tells the same code");
    Err(Refusal { code: handle, message: message_of(err) })
}

pub fn message_of(err: &udsock_error) -> String {
    // SAFETY: the message ends with a NUL.
    unsafe { CStr::from_ptr(err.message.as_ptr()) }.to_str().expect("UTF-8").to_owned()
}

pub fn c(text: &str) -> CString {
    CString::new(text).expect("no NUL")
}

pub fn name_of(code: i64) -> String {
    // SAFETY: a static string.
    unsafe { CStr::from_ptr(udsock_error_name(code)) }.to_str().unwrap().to_owned()
}

pub fn try_open_server(
    kind: u32,
    address: &str,
    options: Option<&udsock_bind_options>,
) -> Result<Sock, Refusal> {
    let mut err = error();
    let options = options.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: valid arguments.
    let handle = unsafe { udsock_open_server(kind, c(address).as_ptr(), options, &mut err) };
    opened(handle, &err)
}

pub fn open_server(kind: u32, address: &str) -> Sock {
    try_open_server(kind, address, None).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

pub fn try_open_client(
    kind: u32,
    address: &str,
    options: Option<&udsock_connect_options>,
) -> Result<Sock, Refusal> {
    let mut err = error();
    let options = options.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: valid arguments.
    let handle = unsafe { udsock_open_client(kind, c(address).as_ptr(), options, &mut err) };
    opened(handle, &err)
}

pub fn open_client(kind: u32, address: &str) -> Sock {
    try_open_client(kind, address, None).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

pub fn try_open_datagram(address: Option<&str>) -> Result<Sock, Refusal> {
    let mut err = error();
    let address = address.map(c);
    let pointer = address.as_ref().map_or(ptr::null(), |address| address.as_ptr());
    // SAFETY: valid arguments.
    opened(unsafe { udsock_open_datagram(pointer, ptr::null(), &mut err) }, &err)
}

pub fn open_datagram(address: Option<&str>) -> Sock {
    try_open_datagram(address).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

pub fn pair(kind: u32) -> (Sock, Sock) {
    let mut out = [0; 2];
    // SAFETY: room for two.
    let result = unsafe { udsock_open_pair(kind, out.as_mut_ptr()) };
    assert_eq!(result, 0, "{}", name_of(result.into()));
    (Sock(out[0]), Sock(out[1]))
}

pub fn create(kind: u32) -> Sock {
    let handle = udsock_create(kind);
    assert!(handle > 0, "{}", name_of(handle));
    Sock(handle)
}

pub fn adopt(fd: i32) -> Result<Sock, Refusal> {
    let mut err = error();
    // SAFETY: valid arguments.
    opened(unsafe { udsock_adopt(fd, &mut err) }, &err)
}

impl Sock {
    pub fn bind(&self, address: &str) -> Result<(), Refusal> {
        let mut err = error();
        // SAFETY: valid arguments.
        let result = unsafe { udsock_bind(self.0, c(address).as_ptr(), ptr::null(), &mut err) };
        outcome(result, &err)
    }

    pub fn connect(
        &self,
        address: &str,
        options: Option<&udsock_connect_options>,
    ) -> Result<(), Refusal> {
        let mut err = error();
        let options = options.map_or(ptr::null(), ptr::from_ref);
        // SAFETY: valid arguments.
        let result = unsafe { udsock_connect(self.0, c(address).as_ptr(), options, &mut err) };
        outcome(result, &err)
    }

    pub fn listen(&self, backlog: i32) -> i64 {
        udsock_listen(self.0, backlog).into()
    }

    pub fn accept(&self, timeout_ms: i32) -> Result<Sock, i64> {
        // SAFETY: NULL is allowed.
        match unsafe { udsock_accept(self.0, timeout_ms, ptr::null_mut()) } {
            handle if handle > 0 => Ok(Sock(handle)),
            code => Err(code),
        }
    }

    pub fn shutdown(&self, how: u32) -> i64 {
        udsock_shutdown(self.0, how).into()
    }

    pub fn close(&self) -> i64 {
        udsock_close(self.0).into()
    }

    pub fn fd(&self) -> i32 {
        udsock_fd(self.0)
    }

    /// The descriptor, for the test to close.
    pub fn release(self) -> i32 {
        udsock_release(self.0)
    }

    pub fn send(&self, data: &[u8], timeout_ms: i32) -> i64 {
        // SAFETY: the slice is what it says.
        unsafe { udsock_send(self.0, data.as_ptr().cast(), data.len(), timeout_ms) }
    }

    pub fn send_all(&self, data: &[u8], timeout_ms: i32) -> (i64, usize) {
        let mut sent = usize::MAX;
        // SAFETY: the slice is what it says.
        let result = unsafe {
            udsock_send_all(self.0, data.as_ptr().cast(), data.len(), timeout_ms, &mut sent)
        };
        (result, sent)
    }

    pub fn send_to(&self, data: &[u8], address: &str, timeout_ms: i32) -> i64 {
        let address = c(address);
        // SAFETY: the slice is what it says.
        unsafe {
            udsock_send_to(self.0, data.as_ptr().cast(), data.len(), address.as_ptr(), timeout_ms)
        }
    }

    pub fn recv_into(&self, buffer: &mut [u8], timeout_ms: i32) -> i64 {
        // SAFETY: the slice is what it says.
        unsafe { udsock_recv(self.0, buffer.as_mut_ptr().cast(), buffer.len(), timeout_ms) }
    }

    /// Up to 64 KiB.
    pub fn recv(&self, timeout_ms: i32) -> Result<Vec<u8>, i64> {
        let mut buffer = vec![0; 1 << 16];
        let result = self.recv_into(&mut buffer, timeout_ms);
        buffer.truncate(usize::try_from(result).map_err(|_| result)?);
        Ok(buffer)
    }

    pub fn recv_exact(&self, size: usize, timeout_ms: i32) -> (i64, Vec<u8>) {
        let mut buffer = vec![0; size];
        let mut received = usize::MAX;
        // SAFETY: the vector is of this size.
        let result = unsafe {
            udsock_recv_exact(self.0, buffer.as_mut_ptr().cast(), size, timeout_ms, &mut received)
        };
        buffer.truncate(received);
        (result, buffer)
    }

    /// A message and who sent it.
    pub fn recv_from(&self, timeout_ms: i32) -> Result<(Vec<u8>, String), i64> {
        let mut buffer = vec![0; 1 << 16];
        let mut address = [0; UDSOCK_ADDRESS_SIZE];
        // SAFETY: both are of the sizes given.
        let result = unsafe {
            udsock_recv_from(
                self.0,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                address.as_mut_ptr(),
                address.len(),
                timeout_ms,
            )
        };
        buffer.truncate(usize::try_from(result).map_err(|_| result)?);
        // SAFETY: written by the call, which succeeded.
        let address = unsafe { CStr::from_ptr(address.as_ptr()) };
        Ok((buffer, address.to_str().unwrap().to_owned()))
    }

    pub fn local_address(&self) -> Result<String, i64> {
        self.address(udsock_local_address)
    }

    pub fn remote_address(&self) -> Result<String, i64> {
        self.address(udsock_remote_address)
    }

    fn address(
        &self,
        which: unsafe extern "C" fn(udsock_t, *mut c_char, usize) -> i64,
    ) -> Result<String, i64> {
        let mut address = [0; UDSOCK_ADDRESS_SIZE];
        // SAFETY: room for as many bytes.
        let result = unsafe { which(self.0, address.as_mut_ptr(), address.len()) };
        let length = usize::try_from(result).map_err(|_| result)?;
        // SAFETY: written by the call, which succeeded.
        let text = unsafe { CStr::from_ptr(address.as_ptr()) };
        assert_eq!(text.count_bytes(), length);
        Ok(text.to_str().unwrap().to_owned())
    }

    pub fn option(&self, option: u32) -> i64 {
        udsock_get_option(self.0, option)
    }
}

fn outcome(result: i32, err: &udsock_error) -> Result<(), Refusal> {
    opened(result.into(), err).map(std::mem::forget)
}

/// A server, and a client with the server's end of its connection.
pub fn connection(kind: u32, dir: &Dir) -> (Sock, Sock, Sock) {
    let address = dir.path("connection.sock");
    let server = open_server(kind, &address);
    let client = open_client(kind, &address);
    let peer = server.accept(5_000).expect("a client is there");
    (server, client, peer)
}

/// The descriptors of this process that are open.
pub fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("proc is mounted").count()
}

/// Says that a test is skipped, past the runner's capture: for want of rights, say.
pub fn skip(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "{test}: skipped: {reason}");
}

/// The same for want of a program, which is a failure where all are required.
pub fn lacks(test: &str, reason: &str) {
    assert!(env::var_os("UDSOCK_REQUIRE_PEERS").is_none(), "{test}: {reason}");
    skip(test, reason);
}

/// Whether the program is here; if not, says that the test is skipped.
pub fn has(test: &str, program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$1\" >/dev/null", "sh", program])
        .status()
        .expect("there is a shell")
        .success();
    if !found {
        lacks(test, &format!("no {program} on this machine"));
    }
    found
}

/// How often a long proof repeats: scaled down, or as the environment says.
pub fn repeat(variable: &str, scaled_down: u64) -> u64 {
    env::var(variable).map_or(scaled_down, |value| value.parse().expect("a number"))
}
