//! Sockets of which nothing is known, and arguments that make no sense.

use std::os::fd::IntoRawFd;
use std::ptr;

use crate::calls::*;
use crate::raw;
use crate::users::*;
use support::*;

/// What the four questions about a peer say.
fn answers(socket: &Sock) -> [i64; 4] {
    [
        credentials(socket).expect_err("credentials"),
        groups_count(socket),
        pidfd(socket).expect_err("a pidfd"),
        label(socket, 4096).expect_err("a label"),
    ]
}

#[test]
fn without_a_peer_there_is_nobody() {
    let nobody = [no(libc::ENOTCONN); 4];
    for kind in KINDS {
        let dir = Dir::new();
        let socket = create(kind);
        assert_eq!(answers(&socket), nobody);
        assert!(socket.connect(&dir.path("nothing"), None).is_err());
        assert_eq!(answers(&socket), nobody, "after a connect that failed");
        socket.bind(&dir.path("bound")).unwrap();
        assert_eq!(answers(&socket), nobody, "bound");
        if kind != UDSOCK_DGRAM {
            // The kernel would answer with this process itself.
            assert_eq!(socket.listen(0), 0);
            assert_eq!(answers(&socket), nobody, "listening");
            let client = open_client(kind, &dir.path("bound"));
            assert_eq!(answers(&socket), nobody, "with a client in its queue");
            drop((client, socket.accept(0).unwrap()));
            assert_eq!(answers(&socket), nobody, "after a client");
        }
        let adopted = adopt(raw::server(kind, &dir.path("adopted")).into_raw_fd()).unwrap();
        assert_eq!(answers(&adopted), nobody, "adopted");
    }
}

#[test]
fn of_connected_datagram_sockets_the_kernel_knows_nothing() {
    let dir = Dir::new();
    let receiver = open_datagram(Some(&dir.path("receiver")));
    let sender = open_datagram(Some(&dir.path("sender")));
    sender.connect(&dir.path("receiver"), None).unwrap();
    let unknown = no(libc::ENODATA);
    let all_unknown = |socket: &Sock| {
        assert_eq!(answers(socket)[..3], [unknown; 3]);
        assert_eq!(groups_within(socket, 100), Err(unknown));
    };
    all_unknown(&sender);
    // Nobody has connected to this one.
    assert_eq!(answers(&receiver)[..3], [no(libc::ENOTCONN); 3]);
    receiver.connect(&dir.path("sender"), None).unwrap();
    all_unknown(&receiver);
    assert_eq!(receiver.close(), 0);
    all_unknown(&sender);
    assert_eq!(sender.send(b"x", 0), no(libc::ECONNREFUSED));
    assert_eq!(answers(&sender)[..3], [no(libc::ENOTCONN); 3]);
}

#[test]
fn wrong_handles_are_told_from_everything_else() {
    let (closed, other) = pair(UDSOCK_STREAM);
    assert_eq!(closed.close(), 0);
    // (The next slot's may be another test's. This is a generation that is far away.)
    let never = other.0 + (1 << 40);
    for handle in [closed.0, 0, -1, 3, i64::MAX, i64::MIN, never] {
        let socket = std::mem::ManuallyDrop::new(Sock(handle));
        let wrong = no(libc::EBADF);
        assert_eq!(answers(&socket), [wrong; 4], "{handle}");
        assert_eq!(groups_within(&socket, 8), Err(wrong));
        assert_eq!(accept_from(&socket, 0).map(drop), Err(wrong));
        assert_eq!(allow_uid(&socket, 0), wrong);
        assert_eq!(allow_gid(&socket, 0), wrong);
        assert_eq!(allow_user(&socket, "0"), wrong);
        assert_eq!(allow_group(&socket, "0"), wrong);
        assert_eq!(refused(&socket), wrong);
        assert_eq!(set_cap(&socket, 1), wrong);
    }
}

#[test]
fn what_has_no_place_for_an_answer_is_refused() {
    let invalid = no(libc::EINVAL);
    let (socket, _other) = pair(UDSOCK_STREAM);
    // SAFETY: NULL is refused.
    unsafe {
        assert_eq!(i64::from(udsock_peer_credentials(socket.0, ptr::null_mut())), invalid);
        assert_eq!(udsock_peer_groups(socket.0, ptr::null_mut(), 1), invalid);
        assert_eq!(udsock_peer_label(socket.0, ptr::null_mut(), 100), invalid);
        assert_eq!(udsock_peer_label(socket.0, ptr::null_mut(), 0), invalid);
        assert_eq!(i64::from(udsock_allow_user(socket.0, ptr::null())), invalid);
        assert_eq!(i64::from(udsock_allow_group(socket.0, ptr::null())), invalid);
    }
    assert_eq!(accept_from(&open_server(UDSOCK_STREAM, "@"), -2).map(drop), Err(invalid));
}

#[test]
fn groups_that_do_not_fit_are_not_cut() {
    as_root(|| {
        let dir = Dir::new();
        let (server, path) = open_to_all(UDSOCK_STREAM, &dir, "s");
        let client = user(71_020, 72_020, &[1, 2, 3, 4, 5, CLUB]).connects(UDSOCK_STREAM, &path);
        let (accepted, who) = accept_from(&server, 0).unwrap();
        assert_eq!(who.pid, client.pid());
        assert_eq!(groups_count(&accepted), 6);
        for small in [1, 2, 5] {
            assert_eq!(groups_within(&accepted, small), Err(no(libc::ERANGE)));
        }
        for enough in [6, 7, 10_000] {
            assert_eq!(groups_within(&accepted, enough).unwrap(), [1, 2, 3, 4, 5, CLUB]);
        }
        let loner = user(71_021, 72_021, &[]).connects(UDSOCK_STREAM, &path);
        let (accepted, who) = accept_from(&server, 0).unwrap();
        assert_eq!(who.pid, loner.pid());
        assert_eq!((groups_count(&accepted), groups_within(&accepted, 1)), (0, Ok(vec![])));
    });
}

#[test]
fn the_label_is_the_security_module_s() {
    for kind in CONNECTED_KINDS {
        let (_server, client, peer) = connection(kind, &Dir::new());
        for socket in [client, peer] {
            let mut room = [0_u32; 64];
            let size = raw_option(socket.fd(), SO_PEERSEC, &mut room);
            let Ok(size) = usize::try_from(size) else {
                assert_eq!(label(&socket, 4096), Err(size), "{}", name_of(size));
                continue;
            };
            let bytes: Vec<u8> = room.iter().flat_map(|word| word.to_ne_bytes()).collect();
            let text: Vec<u8> = bytes[..size].iter().copied().take_while(|b| *b != 0).collect();
            assert_eq!(label(&socket, 4096).unwrap(), text);
            assert_eq!(label(&socket, text.len() + 1).unwrap(), text);
            if !text.is_empty() {
                assert_eq!(label(&socket, text.len()), Err(no(libc::ERANGE)));
            }
        }
    }
}
