//! The system calls by themselves. Results are as the library's: -errno below 0.

use std::ffi::{CString, c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use crate::no;

pub fn answer(result: isize) -> i64 {
    if result < 0 { no(io::Error::last_os_error().raw_os_error().unwrap()) } else { result as i64 }
}

/// What the kernel has just made, or a call has given away.
pub fn own(fd: c_int) -> OwnedFd {
    assert!(fd >= 0, "{}", io::Error::last_os_error());
    // SAFETY: nobody else has it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// A blocking socket.
pub fn socket(kind: u32) -> OwnedFd {
    // SAFETY: no pointers.
    own(unsafe { libc::socket(libc::AF_UNIX, kind as c_int | libc::SOCK_CLOEXEC, 0) })
}

pub fn pair(kind: u32) -> [OwnedFd; 2] {
    let mut fds = [-1; 2];
    let kind = kind as c_int | libc::SOCK_CLOEXEC;
    // SAFETY: room for two.
    unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) };
    fds.map(own)
}

pub fn pipe() -> [OwnedFd; 2] {
    let mut fds = [-1; 2];
    // SAFETY: room for two.
    unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) };
    fds.map(own)
}

/// Another descriptor of the same socket, as another holder has it.
pub fn copy(fd: RawFd) -> OwnedFd {
    // SAFETY: no pointers.
    own(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) })
}

/// A sockaddr_un with room to spare, and nothing added to the bytes.
#[repr(C)]
struct Name {
    family: u16,
    bytes: [u8; 126],
}

const FAMILY_SIZE: usize = size_of::<u16>();

impl Name {
    fn new(name: &[u8]) -> (Self, u32) {
        let mut bytes = [0; 126];
        bytes[..name.len()].copy_from_slice(name);
        (Self { family: libc::AF_UNIX as u16, bytes }, (FAMILY_SIZE + name.len()) as u32)
    }
}

pub fn bind(fd: &OwnedFd, name: impl AsRef<[u8]>) -> i64 {
    let (name, size) = Name::new(name.as_ref());
    // SAFETY: the name lives through the call.
    answer(unsafe { libc::bind(fd.as_raw_fd(), (&raw const name).cast(), size) } as isize)
}

pub fn connect(fd: &OwnedFd, name: impl AsRef<[u8]>) -> i64 {
    let (name, size) = Name::new(name.as_ref());
    // SAFETY: the name lives through the call.
    answer(unsafe { libc::connect(fd.as_raw_fd(), (&raw const name).cast(), size) } as isize)
}

pub fn listen(fd: &OwnedFd, backlog: c_int) -> i64 {
    // SAFETY: no pointers.
    answer(unsafe { libc::listen(fd.as_raw_fd(), backlog) } as isize)
}

pub fn accept(fd: &OwnedFd) -> i64 {
    // SAFETY: NULL is allowed twice.
    let result = unsafe {
        libc::accept4(fd.as_raw_fd(), ptr::null_mut(), ptr::null_mut(), libc::SOCK_CLOEXEC)
    };
    answer(result as isize)
}

/// The same, of a client that is there.
pub fn accepted(server: &OwnedFd) -> OwnedFd {
    own(accept(server) as c_int)
}

pub fn shutdown(fd: &OwnedFd, how: c_int) -> i64 {
    // SAFETY: no pointers.
    answer(unsafe { libc::shutdown(fd.as_raw_fd(), how) } as isize)
}

/// Bound, and listening if its kind can.
pub fn server(kind: u32, path: &str) -> OwnedFd {
    let server = socket(kind);
    assert_eq!(bind(&server, path), 0, "{path}");
    listen(&server, 10);
    server
}

/// The name that getsockname gives: as many bytes as it says there are.
pub fn name(fd: RawFd) -> Vec<u8> {
    let (mut name, _) = Name::new(&[]);
    let mut size = size_of::<Name>() as u32;
    // SAFETY: room for `size` bytes.
    let result = unsafe { libc::getsockname(fd, (&raw mut name).cast(), &mut size) };
    assert_eq!(result, 0);
    name.bytes[..size as usize - FAMILY_SIZE].to_vec()
}

pub fn send(fd: &OwnedFd, data: &[u8], flags: c_int) -> i64 {
    // SAFETY: the slice is what it says.
    answer(unsafe { libc::send(fd.as_raw_fd(), data.as_ptr().cast(), data.len(), flags) })
}

/// Without waiting.
pub fn recv(fd: &OwnedFd, flags: c_int) -> Result<Vec<u8>, i64> {
    let mut buffer = vec![0; 1 << 16];
    let flags = flags | libc::MSG_DONTWAIT;
    // SAFETY: the vector is of this size.
    let result =
        unsafe { libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), flags) };
    buffer.truncate(usize::try_from(answer(result)).map_err(|_| answer(result))?);
    Ok(buffer)
}

/// How long the kernel says that the next message is, which is gone then.
pub fn recv_size(fd: &OwnedFd) -> i64 {
    let mut buffer = [0_u8; 64];
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    // SAFETY: the array is of this size.
    answer(unsafe { libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), flags) })
}

/// With the socket's own waiting.
pub fn recv_waiting(fd: &OwnedFd) -> Result<Vec<u8>, i64> {
    let mut buffer = vec![0; 1 << 16];
    // SAFETY: the vector is of this size.
    let result =
        answer(unsafe { libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) });
    buffer.truncate(usize::try_from(result).map_err(|_| result)?);
    Ok(buffer)
}

/// Data with descriptors beside it.
pub fn send_descriptors(fd: &OwnedFd, data: &[u8], descriptors: &[RawFd]) -> i64 {
    send_beside(fd.as_raw_fd(), data, libc::SCM_RIGHTS, descriptors)
}

/// Data with a control message of this type beside it.
pub fn send_beside<T: Copy>(fd: RawFd, data: &[u8], kind: c_int, beside: &[T]) -> i64 {
    send_beside_with(fd, data, kind, beside, 0)
}

/// The same with flags of sendmsg(2).
pub fn send_beside_with<T: Copy>(
    fd: RawFd,
    data: &[u8],
    kind: c_int,
    beside: &[T],
    flags: c_int,
) -> i64 {
    // Room for more than 253 descriptors, in words, so that it is aligned.
    let mut control = [0_u64; 140];
    let size = size_of_val(beside);
    assert!(size <= size_of_val(&control) - 2 * size_of::<libc::cmsghdr>());
    let size = size as u32;
    let mut part = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    // SAFETY: all zero is an empty header; the parts live through the call, and the
    // control buffer has room for what goes beside.
    answer(unsafe {
        let mut header: libc::msghdr = std::mem::zeroed();
        header.msg_iov = &mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = libc::CMSG_SPACE(size) as _;
        let first = libc::CMSG_FIRSTHDR(&header);
        (*first).cmsg_level = libc::SOL_SOCKET;
        (*first).cmsg_type = kind;
        (*first).cmsg_len = libc::CMSG_LEN(size) as _;
        ptr::copy_nonoverlapping(beside.as_ptr().cast(), libc::CMSG_DATA(first), size as usize);
        libc::sendmsg(fd, &header, flags | libc::MSG_DONTWAIT)
    })
}

/// What poll says at once.
pub fn poll(fd: RawFd, events: i16) -> i16 {
    let mut entry = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: one entry.
    unsafe { libc::poll(&mut entry, 1, 0) };
    entry.revents
}

pub fn option(fd: RawFd, option: c_int) -> c_int {
    let mut value: c_int = 0;
    let mut size = size_of::<c_int>() as u32;
    let place: *mut c_void = (&raw mut value).cast();
    // SAFETY: room for an int.
    let result = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, option, place, &mut size) };
    assert_eq!(result, 0);
    value
}

pub fn set_option(fd: RawFd, option: c_int, value: c_int) -> i64 {
    let size = size_of::<c_int>() as u32;
    let value: *const c_void = (&raw const value).cast();
    // SAFETY: an int.
    answer(unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, option, value, size) } as isize)
}

/// How long a receive waits.
pub fn set_timeout(fd: RawFd, timeout: libc::timeval) -> i64 {
    let (value, size) = ((&raw const timeout).cast(), size_of::<libc::timeval>() as u32);
    // SAFETY: a timeval.
    let result = unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVTIMEO, value, size) };
    answer(result as isize)
}

/// Whether the number stands for a socket at all.
pub fn is_socket(fd: RawFd) -> bool {
    // SAFETY: numbers and padding: all zero is a stat.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: room for a stat.
    let found = unsafe { libc::fstat(fd, &mut status) } == 0;
    found && status.st_mode & libc::S_IFMT == libc::S_IFSOCK
}

pub fn is_nonblocking(fd: RawFd) -> bool {
    // SAFETY: no pointers.
    unsafe { libc::fcntl(fd, libc::F_GETFL) & libc::O_NONBLOCK != 0 }
}

pub fn is_close_on_exec(fd: RawFd) -> bool {
    // SAFETY: no pointers.
    unsafe { libc::fcntl(fd, libc::F_GETFD) & libc::FD_CLOEXEC != 0 }
}

pub fn make_fifo(path: &str) -> bool {
    let path = CString::new(path).unwrap();
    // SAFETY: a C string.
    unsafe { libc::mkfifo(path.as_ptr(), 0o600) == 0 }
}

/// /dev/null's twin. Only root can make one.
pub fn make_device(path: &str) -> bool {
    let path = CString::new(path).unwrap();
    // SAFETY: a C string.
    unsafe { libc::mknod(path.as_ptr(), libc::S_IFCHR | 0o600, libc::makedev(1, 3)) == 0 }
}
