//! The contract of the header: what holds for every call, and the calls that no other
//! file is about.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::{self, offset_of, size_of};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use std::{fs, ptr, thread};

use support::*;

#[path = "abi/arguments.rs"]
mod arguments;
#[path = "abi/errors.rs"]
mod errors;
#[path = "abi/pollers.rs"]
mod pollers;
#[path = "abi/transfers.rs"]
mod transfers;

#[test]
fn echo_over_every_kind_with_a_connection() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, client, peer) = connection(kind, &dir);
        assert_eq!(client.send(b"hello", FOREVER), 5);
        assert_eq!(peer.recv(FOREVER).unwrap(), b"hello");
        assert_eq!(client.close(), 0);
        assert_eq!(peer.recv(FOREVER), Err(EOF));
        assert_eq!(server.close(), 0);
        assert_eq!(dir.list(), [""; 0]);
    }
}

#[test]
fn a_mode_is_exact_and_a_kept_file_stays() {
    let dir = Dir::new();
    let path = dir.path("s");
    for mode in [0o600, 0o666, 0o777, 0o060, 0o001] {
        let mut options = bind_options();
        options.mode = mode;
        let server = try_open_server(UDSOCK_STREAM, &path, Some(&options)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1);
        assert_eq!(server.close(), 0);
        assert_eq!(dir.list(), [""; 0]);
    }
    let mut options = bind_options();
    options.flags = UDSOCK_KEEP_FILE;
    assert_eq!(try_open_server(UDSOCK_STREAM, &path, Some(&options)).unwrap().close(), 0);
    assert_eq!(dir.list(), ["s"]);
}

#[test]
fn retry_waits_for_the_server_and_tells_what_it_last_saw() {
    let dir = Dir::new();
    let path = dir.path("later");
    let mut options = connect_options();
    (options.flags, options.timeout_ms) = (UDSOCK_RETRY, 30);
    let refusal = try_open_client(UDSOCK_STREAM, &path, Some(&options)).unwrap_err();
    assert_eq!(refusal.code, no(libc::ETIMEDOUT));
    assert!(refusal.message.contains("No such file"), "{}", refusal.message);
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut options = connect_options();
            (options.flags, options.timeout_ms) = (UDSOCK_RETRY, 20_000);
            try_open_client(UDSOCK_STREAM, &path, Some(&options)).map(drop).map_err(|r| r.code)
        });
        thread::sleep(Duration::from_millis(30));
        let server = open_server(UDSOCK_STREAM, &path);
        assert_eq!(client.join().unwrap(), Ok(()));
        assert!(server.accept(0).is_ok());
    });
}

#[test]
fn retry_without_waiting_is_one_attempt_and_says_whether_to_make_another() {
    let dir = Dir::new();
    let path = dir.path("later");
    let mut options = connect_options();
    options.flags = UDSOCK_RETRY | UDSOCK_DONT_WAIT;
    let client = create(UDSOCK_STREAM);
    let refusal = client.connect(&path, Some(&options)).unwrap_err();
    assert_eq!(refusal.code, no(libc::EAGAIN));
    assert!(refusal.message.ends_with("not yet: No such file or directory"), "{refusal:?}");
    let server = open_server(UDSOCK_SEQPACKET, &path);
    let refusal = client.connect(&path, Some(&options)).unwrap_err();
    assert_eq!(refusal.code, no(libc::EPROTOTYPE), "this does not pass");
    drop(server);
    let server = open_server(UDSOCK_STREAM, &path);
    client.connect(&path, Some(&options)).unwrap();
    assert!(server.accept(0).is_ok());
}

#[test]
fn a_client_with_an_address_of_its_own_is_seen_and_cleaned_up() {
    let dir = Dir::new();
    let (server_path, client_path) = (dir.path("server"), dir.path("client"));
    let local = c(&client_path);
    let mut options = connect_options();
    options.local_address = local.as_ptr();
    // A failure leaves nothing behind.
    assert!(try_open_client(UDSOCK_STREAM, &server_path, Some(&options)).is_err());
    assert_eq!(dir.list(), [""; 0]);
    let server = open_server(UDSOCK_STREAM, &server_path);
    let client = try_open_client(UDSOCK_STREAM, &server_path, Some(&options)).unwrap();
    let peer = server.accept(FOREVER).unwrap();
    assert_eq!(client.local_address().unwrap(), client_path);
    assert_eq!(client.remote_address().unwrap(), server_path);
    assert_eq!(peer.local_address().unwrap(), server_path);
    assert_eq!(peer.remote_address().unwrap(), client_path);
    drop(client);
    assert_eq!(dir.list(), ["server"]);
    // The same socket may try again with the same options.
    let client = create(UDSOCK_STREAM);
    let none = dir.path("none");
    assert_eq!(client.connect(&none, Some(&options)).unwrap_err().code, no(libc::ENOENT));
    client.connect(&server_path, Some(&options)).unwrap();
}

#[test]
fn a_released_descriptor_is_an_ordinary_one() {
    for kind in KINDS {
        let (socket, peer) = pair(kind);
        let handle = socket.0;
        let fd = socket.release();
        assert!(fd >= 0);
        assert_eq!(udsock_fd(handle), -libc::EBADF);
        // SAFETY: the descriptor is the test's now.
        unsafe {
            assert_eq!(libc::fcntl(fd, libc::F_GETFL) & libc::O_NONBLOCK, 0);
            assert_eq!(libc::fcntl(fd, libc::F_GETFD), libc::FD_CLOEXEC);
            assert_eq!(libc::send(fd, c"x".as_ptr().cast(), 1, 0), 1);
        }
        assert_eq!(peer.recv(0).unwrap(), b"x");
        let again = adopt(fd).unwrap();
        assert_eq!(again.option(UDSOCK_OPTION_KIND), kind.into());
        assert_eq!(adopt(again.fd()).unwrap_err().code, no(libc::EEXIST));
        assert_eq!(again.send(b"y", 0), 1);
        assert_eq!(peer.recv(0).unwrap(), b"y");
    }
}

#[test]
fn what_is_no_unix_socket_is_not_adopted() {
    assert_eq!(adopt(-5).unwrap_err().code, no(libc::EBADF));
    assert_eq!(adopt(999_999).unwrap_err().code, no(libc::EBADF));
    let file = fs::File::open("/dev/null").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    use std::os::fd::AsRawFd;
    assert_eq!(adopt(file.as_raw_fd()).unwrap_err().code, no(libc::ENOTSOCK));
    let refusal = adopt(listener.as_raw_fd()).unwrap_err();
    assert_eq!(refusal.code, no(libc::EAFNOSUPPORT));
    // They are still the test's.
    assert!(listener.local_addr().is_ok() && file.metadata().is_ok());
}

#[test]
fn an_adopted_server_serves_and_its_file_stays() {
    let dir = Dir::new();
    let path = dir.path("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    use std::os::fd::IntoRawFd;
    let server = adopt(listener.into_raw_fd()).unwrap();
    assert_eq!(server.option(UDSOCK_OPTION_LISTENING), 1);
    assert_eq!(server.local_address().unwrap(), path);
    assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
    let client = open_client(UDSOCK_STREAM, &path);
    let peer = server.accept(0).unwrap();
    assert_eq!(peer.send(b"hi", 0), 2);
    assert_eq!(client.recv(0).unwrap(), b"hi");
    assert_eq!(server.close(), 0);
    assert_eq!(dir.list(), ["s"]);
}

#[test]
fn the_version_is_the_package_s() {
    // SAFETY: a static string.
    let text = unsafe { CStr::from_ptr(udsock_version_string()) }.to_str().unwrap();
    assert_eq!(text, env!("CARGO_PKG_VERSION"));
    let parts: Vec<u32> = text.split('.').map(|part| part.parse().unwrap()).collect();
    assert_eq!(udsock_version(), parts[0] * 10_000 + parts[1] * 100 + parts[2]);
}

/// As the header says of each call.
#[test]
fn a_socket_that_can_t_is_told_so() {
    let mut buffer = [0];
    for (kind, code) in [(UDSOCK_STREAM, libc::EINVAL), (UDSOCK_SEQPACKET, libc::ENOTCONN)] {
        assert_eq!(create(kind).recv_into(&mut buffer, 0), no(code), "{kind}");
    }
    assert_eq!(create(UDSOCK_DGRAM).accept(0).unwrap_err(), no(libc::EOPNOTSUPP));
    for kind in CONNECTED_KINDS {
        let server = open_server(kind, &format!("@udsock-abi-{kind}-{}", std::process::id()));
        assert_eq!(server.option(UDSOCK_OPTION_READABLE_BYTES), no(libc::EINVAL));
    }
}
