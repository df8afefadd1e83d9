//! What the sockets are called: LISTEN_FDNAMES.

use std::ptr;

use crate::launch::{activate, passing};
use crate::{activated, name, servers};
use support::*;

fn are_called(names: &'static str, expected: [&'static str; 3]) {
    let starts =
        |dir: &Dir| vec![passing(servers(dir, &["0", "1", "2"])).with("LISTEN_FDNAMES", names)];
    activate(starts, || {
        let sockets: [Sock; 3] = activated();
        assert_eq!(sockets.each_ref().map(name), expected.map(|name| Ok(name.into())));
    });
}

#[test]
fn each_has_its_own() {
    are_called("web:admin.socket:a b/c", ["web", "admin.socket", "a b/c"]);
}

#[test]
fn several_may_have_the_same() {
    are_called("web:web:admin", ["web", "web", "admin"]);
}

#[test]
fn they_may_be_empty() {
    are_called("web::admin", ["web", "", "admin"]);
}

#[test]
fn all_may_be_empty() {
    are_called("::", [""; 3]);
}

#[test]
fn one_may_be_empty() {
    let starts = |dir: &Dir| vec![passing(servers(dir, &["0"])).with("LISTEN_FDNAMES", "")];
    activate(starts, || {
        let [socket] = activated();
        assert_eq!(name(&socket), Ok(String::new()));
    });
}

#[test]
fn without_names_they_are_unknown() {
    let starts = |dir: &Dir| vec![passing(servers(dir, &["0", "1"]))];
    activate(starts, || {
        let sockets: [Sock; 2] = activated();
        assert_eq!(sockets.each_ref().map(name), [(); 2].map(|()| Ok("unknown".into())));
    });
}

#[test]
fn the_room_is_for_the_name_and_its_nul() {
    let starts = |dir: &Dir| vec![passing(servers(dir, &["0"])).with("LISTEN_FDNAMES", "web")];
    activate(starts, || {
        let [socket] = activated();
        let mut buffer = [1; 8];
        let mut call = |size| {
            // SAFETY: room for as many bytes and more.
            unsafe { udsock_activated_name(socket.0, buffer.as_mut_ptr(), size) }
        };
        assert_eq!([call(0), call(1), call(3)], [libc::EINVAL, libc::ERANGE, libc::ERANGE].map(no));
        assert_eq!(call(4), 3);
        assert_eq!(buffer, [b'w' as _, b'e' as _, b'b' as _, 0, 1, 1, 1, 1]);
        // SAFETY: NULL is no room.
        let result = unsafe { udsock_activated_name(socket.0, ptr::null_mut(), 8) };
        assert_eq!(result, no(libc::EINVAL));
    });
}

#[test]
fn other_sockets_have_none() {
    let starts = |dir: &Dir| vec![passing(servers(dir, &["0"])).with("LISTEN_FDNAMES", "web")];
    activate(starts, || {
        let [server] = activated();
        let client = open_client(UDSOCK_STREAM, &server.local_address().unwrap());
        let accepted = server.accept(0).expect("it has connected");
        let (one, _other) = pair(UDSOCK_DGRAM);
        for socket in [&client, &accepted, &one, &create(UDSOCK_STREAM)] {
            assert_eq!(name(socket), Err(no(libc::ENODATA)));
        }
        assert_eq!(server.close(), 0);
        for gone in [&server, &Sock(0), &Sock(-1), &Sock(3)] {
            assert_eq!(name(gone), Err(no(libc::EBADF)));
        }
    });
}
