//! The calls that only these tests make, and what they look at.

use std::fs;
use std::os::fd::IntoRawFd;
use std::os::unix::fs::MetadataExt;

pub use udsock::abi::inspection::*;

use crate::process::{in_child, is_root, without_rights};
use crate::raw;
use support::*;

/// Runs the test in a process of its own, as this user; if this is root, then once more
/// as a user without rights.
pub fn as_everyone(body: impl Fn()) {
    in_child(|| {
        body();
        if is_root() {
            without_rights(&body);
        }
    });
}

pub fn my_uid() -> u32 {
    // SAFETY: no pointers.
    unsafe { libc::geteuid() }
}

pub fn my_gid() -> u32 {
    // SAFETY: no pointers.
    unsafe { libc::getegid() }
}

pub fn set_umask(umask: u32) {
    // SAFETY: no pointers.
    unsafe { libc::umask(umask) };
}

pub fn with_flags(flags: u32) -> udsock_bind_options {
    udsock_bind_options { flags, ..bind_options() }
}

/// A server that does not ask who is there now.
pub fn replace(kind: u32, path: &str) -> Result<Sock, Refusal> {
    try_open_server(kind, path, Some(&with_flags(UDSOCK_REPLACE)))
}

pub fn bind(socket: &Sock, path: &str, options: &udsock_bind_options) -> Result<(), Refusal> {
    let mut err = error();
    // SAFETY: valid arguments.
    match unsafe { udsock_bind(socket.0, c(path).as_ptr(), options, &mut err) } {
        0 => Ok(()),
        code => {
            assert_eq!(err.code, code, "the error tells the same code");
            Err(Refusal { code: code.into(), message: message_of(&err) })
        }
    }
}

/// Binds, and for a kind that has connections listens: the two steps of open_server.
pub fn bind_and_listen(
    kind: u32,
    path: &str,
    options: &udsock_bind_options,
) -> Result<Sock, Refusal> {
    let socket = create(kind);
    bind(&socket, path, options)?;
    match kind {
        UDSOCK_DGRAM => Ok(socket),
        _ => match socket.listen(0) {
            0 => Ok(socket),
            code => Err(Refusal { code, message: String::new() }),
        },
    }
}

/// Bound to take the path over, once it listens.
pub fn bind_to_replace(kind: u32, path: &str) -> Sock {
    let socket = create(kind);
    bind(&socket, path, &with_flags(UDSOCK_REPLACE)).expect("a bind");
    socket
}

pub fn disown(socket: &Sock) -> i64 {
    udsock_disown(socket.0).into()
}

/// An inspection to be filled in: nothing in it is what a call writes.
pub fn inspection() -> udsock_inspection {
    udsock_inspection {
        size: size_of::<udsock_inspection>() as u32,
        state: 77,
        kind: 77,
        mode: 77,
        uid: 77,
        gid: 77,
        pid: 77,
        process_uid: 77,
        device: 77,
        inode: 77,
        queue: 77,
        queue_limit: 77,
        processes: 77,
        reserved: 0,
    }
}

pub fn try_inspect(address: &str) -> Result<udsock_inspection, Refusal> {
    let (mut out, mut err) = (inspection(), error());
    // SAFETY: valid arguments.
    match unsafe { udsock_inspect(c(address).as_ptr(), &mut out, &mut err) } {
        0 => Ok(out),
        code => Err(Refusal { code: code.into(), message: message_of(&err) }),
    }
}

pub fn inspect(address: &str) -> udsock_inspection {
    try_inspect(address).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

/// All that would tell that something was changed.
pub fn look(path: &str) -> (u64, u64, u32, u64, i64, i64) {
    let file = fs::symlink_metadata(path).expect("it is there");
    (file.dev(), file.ino(), file.mode(), file.size(), file.mtime(), file.mtime_nsec())
}

pub fn mode_of(path: &str) -> u32 {
    fs::symlink_metadata(path).expect("it is there").mode() & 0o7777
}

pub fn exists(path: &str) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// A socket file that nobody has open any more.
pub fn make_stale(kind: u32, path: &str) {
    let keep = with_flags(UDSOCK_KEEP_FILE);
    drop(try_open_server(kind, path, Some(&keep)).expect("the path is free"));
    assert!(exists(path));
}

/// Talks to the server: it is reached by the path, and by it alone.
pub fn serves(server: &Sock, kind: u32, path: &str) {
    let client = open_client(kind, path);
    assert_eq!(client.send(b"here", 0), 4);
    let came = match kind {
        UDSOCK_DGRAM => server.recv(0),
        _ => server.accept(0).expect("the client is in its queue").recv(0),
    };
    assert_eq!(came.unwrap(), b"here");
    nobody_came(server, kind);
}

pub fn nobody_came(server: &Sock, kind: u32) {
    let nothing = Err(no(libc::EAGAIN));
    match kind {
        UDSOCK_DGRAM => assert_eq!(server.recv(0).map(drop), nothing),
        _ => assert_eq!(server.accept(0).map(drop), nothing),
    }
}

/// A server by plain system calls, which knows nothing of this library, as a handle.
pub fn foreign_server(kind: u32, path: &str) -> Sock {
    adopt(raw::server(kind, path).into_raw_fd()).unwrap()
}

pub fn kind_name(kind: u32) -> &'static str {
    match kind {
        UDSOCK_STREAM => "stream",
        UDSOCK_DGRAM => "datagram",
        _ => "seqpacket",
    }
}

/// Every flag but UDSOCK_REPLACE, which alone may take a live server's place.
pub const HARMLESS_FLAGS: [u32; 4] = [0, UDSOCK_NO_RECLAIM, UDSOCK_KEEP_FILE, UDSOCK_MAKE_PARENTS];

/// Every way to take a path that does not say UDSOCK_REPLACE.
pub fn starts(path: &str) -> Vec<Result<Sock, Refusal>> {
    let mut all = vec![try_open_datagram(Some(path))];
    for kind in KINDS {
        for flags in HARMLESS_FLAGS {
            all.push(try_open_server(kind, path, Some(&with_flags(flags))));
        }
        all.push(bind_and_listen(kind, path, &bind_options()));
    }
    all
}

/// What is in a file's directory, sorted.
pub fn list_beside(path: &str) -> Vec<std::ffi::OsString> {
    let directory = std::path::Path::new(path).parent().expect("it is in a directory");
    let entries = fs::read_dir(directory).expect("the directory can be read");
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}
