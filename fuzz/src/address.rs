//! An address, as text and as the kernel has it, there and back.

use std::ffi::{CStr, CString, c_char};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::{fs, io, mem, ptr};

use super::codes;
use super::place::Place;
use support::*;
use udsock::abi::inspection::*;

/// The room for a name (sun_path).
const NAME_SIZE: usize = 108;

pub fn run(data: &[u8]) {
    let place = Place::enter();
    fs::create_dir("directory").expect("a new place");
    fs::write("file", "").expect("a new place");
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let text = CString::new(&data[..end]).expect("it was cut at a NUL");
    inspect(&text);
    if stays_here(text.to_bytes()) {
        for kind in KINDS {
            text_and_back(kind, &text);
        }
    }
    // An abstract name of no bytes has no text: "@" is that of a name to be picked.
    if !data.is_empty() {
        name_and_back(&[&[0], &data[..data.len().min(NAME_SIZE - 1)]].concat());
    }
    let path = text.to_bytes();
    if !path.is_empty() && path.len() < NAME_SIZE && stays_here(path) && !path.ends_with(b"/") {
        name_and_back(path);
    }
    assert_eq!(place.dir.list(), ["directory", "file"]);
    place.leave();
}

/// Whether a path leads to the current directory, or below it.
fn stays_here(path: &[u8]) -> bool {
    !path.starts_with(b"/") && path.split(|byte| *byte == b'/').all(|name| name != b"..")
}

/// What can be bound to is found, reached and told as it was given, and then gone.
fn text_and_back(kind: u32, text: &CStr) {
    let mut err = error();
    // SAFETY: valid arguments.
    let server = unsafe { udsock_open_server(kind, text.as_ptr(), ptr::null(), &mut err) };
    if codes::check("open_server", server) < 0 {
        assert_eq!(i64::from(err.code), server);
        let message = message_of(&err);
        assert!(message.starts_with("open server") && !message.contains('\n'), "{message}");
        return;
    }
    let server = Sock(server);
    let bound = address(&server, udsock_local_address);
    let picked = text.to_bytes() == b"@";
    assert!(if picked { bound.count_bytes() > 1 } else { *bound == *text }, "{bound:?}");
    // To find out who has it takes a look at every process.
    if kind == UDSOCK_STREAM {
        assert_eq!(inspect(&bound), UDSOCK_LIVE);
    }
    // SAFETY: valid arguments.
    let client = unsafe { udsock_open_client(kind, bound.as_ptr(), ptr::null(), &mut err) };
    assert!(client > 0, "{}", message_of(&err));
    let client = Sock(client);
    assert_eq!(address(&client, udsock_remote_address), bound);
    if kind != UDSOCK_DGRAM {
        let accepted = server.accept(0).expect("it is in the queue");
        assert_eq!(address(&accepted, udsock_local_address), bound);
    }
    let name = name_of_socket(server.fd());
    drop((client, server));
    assert_eq!(inspect(&bound), UDSOCK_ABSENT);
    let is_path = !bound.to_bytes().starts_with(b"@");
    if is_path && bound.count_bytes() < NAME_SIZE {
        assert_eq!(name, bound.to_bytes());
    } else if !is_path {
        name_and_back(&name);
    }
}

/// A name that another program has bound to, and left: its text leads to the same name.
fn name_and_back(name: &[u8]) {
    let Ok(socket) = bind(name) else { return };
    let copy = socket.try_clone().expect("a descriptor");
    let adopted = adopt(copy.into_raw_fd()).expect("a Unix socket");
    let text = address(&adopted, udsock_local_address);
    sender_is(&socket, &text);
    drop((socket, adopted));
    let mut err = error();
    // SAFETY: valid arguments.
    let again = unsafe { udsock_open_datagram(text.as_ptr(), ptr::null(), &mut err) };
    assert!(again > 0, "{}", message_of(&err));
    let again = Sock(again);
    assert_eq!(address(&again, udsock_local_address), text);
    if text.count_bytes() >= NAME_SIZE && text.to_bytes().starts_with(b"./@") {
        return; // That path is too long for a name, as its own is not.
    }
    let bound = name_of_socket(again.fd());
    assert_eq!(
        bound.strip_prefix(b"./").unwrap_or(&bound),
        name.strip_prefix(b"./").unwrap_or(name)
    );
}

/// The sender of a message is told by the same text.
fn sender_is(socket: &OwnedFd, text: &CStr) {
    let receiver = open_datagram(Some("@"));
    let to = name_of_socket(receiver.fd());
    let (name, length) = sockaddr(&to);
    // SAFETY: the name is as long as it says.
    let sent = unsafe {
        libc::sendto(socket.as_raw_fd(), ptr::null(), 0, 0, (&raw const name).cast(), length)
    };
    assert_eq!(sent, 0, "{}", io::Error::last_os_error());
    let (mut byte, mut from) = (0_u8, [0; UDSOCK_ADDRESS_SIZE]);
    // SAFETY: room of the sizes given.
    let got = unsafe {
        let buffer = (&raw mut byte).cast();
        udsock_recv_from(receiver.0, buffer, 1, from.as_mut_ptr(), from.len(), 0)
    };
    assert_eq!(got, 0);
    // SAFETY: written by the call, which succeeded.
    assert_eq!(unsafe { CStr::from_ptr(from.as_ptr()) }, text);
}

fn inspect(text: &CStr) -> u32 {
    // SAFETY: all zero is an inspection.
    let mut found: udsock_inspection = unsafe { mem::zeroed() };
    found.size = size_of::<udsock_inspection>() as u32;
    // SAFETY: valid arguments.
    let result = unsafe { udsock_inspect(text.as_ptr(), &mut found, ptr::null_mut()) };
    codes::check("inspect", result.into());
    assert!(found.state <= UDSOCK_NOT_A_SOCKET);
    found.state
}

fn address(
    socket: &Sock,
    which: unsafe extern "C" fn(udsock_t, *mut c_char, usize) -> i64,
) -> CString {
    let mut text = [0; UDSOCK_ADDRESS_SIZE];
    // SAFETY: room of that size.
    let length = unsafe { which(socket.0, text.as_mut_ptr(), text.len()) };
    // SAFETY: it ends with a NUL.
    let text = unsafe { CStr::from_ptr(text.as_ptr()) };
    assert_eq!(length, text.count_bytes() as i64, "{}", name_of(length));
    text.to_owned()
}

/// A datagram socket, as any program makes it.
fn bind(name: &[u8]) -> io::Result<OwnedFd> {
    let (address, length) = sockaddr(name);
    // SAFETY: a new descriptor, and a name that is as long as it says.
    unsafe {
        let fd = libc::socket(libc::AF_UNIX, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        assert!(fd >= 0, "{}", io::Error::last_os_error());
        let socket = OwnedFd::from_raw_fd(fd);
        match libc::bind(fd, (&raw const address).cast(), length) {
            0 => Ok(socket),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

fn sockaddr(name: &[u8]) -> (libc::sockaddr_un, libc::socklen_t) {
    // SAFETY: all zero is an address.
    let mut address: libc::sockaddr_un = unsafe { mem::zeroed() };
    address.sun_family = libc::AF_UNIX as _;
    for (place, byte) in address.sun_path.iter_mut().zip(name) {
        *place = *byte as c_char;
    }
    (address, (mem::offset_of!(libc::sockaddr_un, sun_path) + name.len()) as _)
}

/// What the kernel has: a path without its NUL, or a NUL and a name.
fn name_of_socket(fd: RawFd) -> Vec<u8> {
    let (mut address, _) = sockaddr(b"");
    let mut length = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    // SAFETY: room of that size.
    let result = unsafe { libc::getsockname(fd, (&raw mut address).cast(), &mut length) };
    assert_eq!(result, 0);
    // A path may fill the room; then the length counts a NUL that is beyond it.
    let length = length as usize - mem::offset_of!(libc::sockaddr_un, sun_path);
    let length = length.min(NAME_SIZE);
    let mut name: Vec<u8> = address.sun_path[..length].iter().map(|byte| *byte as u8).collect();
    if name[0] != 0 && name.last() == Some(&0) {
        name.pop();
    }
    name
}
