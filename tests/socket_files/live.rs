//! A live server is never displaced, and does not notice that somebody tried.

use std::fs::{self, Permissions};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;

use crate::calls::*;
use crate::forked::Forked;
use crate::process::{in_child, is_root, without_rights};
use crate::raw;
use support::*;

/// Every start is refused, says who is there, and changes nothing.
fn refuse_all(path: &str, kind: u32, pid: u32, uid: u32) {
    let (before, list) = (look(path), list_beside(path));
    let who = format!("a live {} server is there (pid {pid}, uid {uid})", kind_name(kind));
    for start in starts(path) {
        let refusal = start.expect_err("a live server has this path");
        assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
        // A long name is cut in its middle.
        assert!(refusal.message.contains(&path[..20]), "{refusal:?}");
        assert!(refusal.message.contains(&who), "{who}: {refusal:?}");
    }
    assert_eq!(look(path), before);
    assert_eq!(list_beside(path), list);
}

fn me() -> u32 {
    std::process::id()
}

#[test]
fn a_server_that_serves() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            for name in ["s".to_owned(), "n".repeat(255)] {
                let path = dir.path(&name);
                let server = open_server(kind, &path);
                refuse_all(&path, kind, me(), my_uid());
                nobody_came(&server, kind);
                serves(&server, kind, &path);
                assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1);
            }
        }
    });
}

#[test]
fn a_server_that_is_bound_but_does_not_listen_yet() {
    as_everyone(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = create(kind);
            server.bind(&path).unwrap();
            refuse_all(&path, kind, me(), my_uid());
            assert_eq!(server.listen(0), 0);
            nobody_came(&server, kind);
            serves(&server, kind, &path);
        }
    });
}

#[test]
fn a_server_whose_queue_is_full() {
    as_everyone(|| {
        let options = udsock_connect_options { flags: UDSOCK_DONT_WAIT, ..connect_options() };
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let narrow = udsock_bind_options { backlog: 1, ..bind_options() };
            let server = try_open_server(kind, &path, Some(&narrow)).unwrap();
            let mut clients = Vec::new();
            while let Ok(client) = try_open_client(kind, &path, Some(&options)) {
                clients.push(client);
            }
            refuse_all(&path, kind, me(), my_uid());
            for _ in &clients {
                server.accept(0).expect("a client that was there before");
            }
            nobody_came(&server, kind);
            serves(&server, kind, &path);
        }
    });
}

#[test]
fn a_receiver_whose_queue_is_full() {
    as_everyone(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        let server = open_datagram(Some(&path));
        let sender = open_datagram(None);
        let mut sent = 0;
        while sender.send_to(b"x", &path, 0) == 1 {
            sent += 1;
        }
        assert!(sent > 0);
        refuse_all(&path, UDSOCK_DGRAM, me(), my_uid());
        for _ in 0..sent {
            assert_eq!(server.recv(0).unwrap(), b"x");
        }
        nobody_came(&server, UDSOCK_DGRAM);
        serves(&server, UDSOCK_DGRAM, &path);
    });
}

/// The kernel lets nobody else connect to it: EPERM.
#[test]
fn a_datagram_socket_that_is_connected_to_another() {
    as_everyone(|| {
        let dir = Dir::new();
        let (path, other) = (dir.path("s"), dir.path("other"));
        let (server, peer) = (open_datagram(Some(&path)), open_datagram(Some(&other)));
        server.connect(&other, None).unwrap();
        refuse_all(&path, UDSOCK_DGRAM, me(), my_uid());
        nobody_came(&server, UDSOCK_DGRAM);
        peer.connect(&path, None).unwrap();
        assert_eq!(peer.send(b"x", 0), 1);
        assert_eq!(server.recv(0).unwrap(), b"x", "and it still talks to its peer");
    });
}

#[test]
fn a_server_that_was_shut_down_is_still_somebodys() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            server.shutdown(UDSOCK_READ);
            refuse_all(&path, kind, me(), my_uid());
        }
    });
}

#[test]
fn a_server_that_only_a_forked_child_still_has() {
    as_everyone(|| {
        for kind in KINDS {
            for listens in [true, false] {
                let dir = Dir::new();
                let path = dir.path("s");
                let server = raw::socket(kind);
                assert_eq!(raw::bind(&server, &path), 0);
                if listens {
                    raw::listen(&server, 10);
                }
                let child = Forked::holding(|| ());
                drop(server);
                refuse_all(&path, kind, child.pid() as u32, my_uid());
                drop(child);
                drop(open_server(kind, &path));
                assert_eq!(dir.list(), [""; 0], "now that nobody has it, it is reclaimed");
            }
        }
    });
}

#[test]
fn a_server_that_may_not_be_connected_to() {
    as_everyone(|| {
        for kind in KINDS {
            for mode in [0, 0o060, 0o077, 0o500] {
                let dir = Dir::new();
                let path = dir.path("s");
                let server = open_server(kind, &path);
                fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
                let server_without_listen = (kind != UDSOCK_DGRAM).then(|| {
                    let other = create(kind);
                    other.bind(&dir.path("other")).unwrap();
                    fs::set_permissions(dir.path("other"), Permissions::from_mode(mode)).unwrap();
                    other
                });
                refuse_all(&path, kind, me(), my_uid());
                nobody_came(&server, kind);
                if let Some(other) = server_without_listen {
                    refuse_all(&dir.path("other"), kind, me(), my_uid());
                    assert_eq!(other.listen(0), 0);
                    nobody_came(&other, kind);
                }
                assert_eq!(mode_of(&path), mode);
                fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
                serves(&server, kind, &path);
            }
        }
    });
}

/// Which process it is can't be seen; that it is there, and whose it is, can.
#[test]
fn a_server_of_another_user() {
    in_child(|| {
        if !is_root() {
            return skip("a_server_of_another_user", "only root can be two users");
        }
        for kind in KINDS {
            for mode in [0o700, 0o777] {
                let dir = Dir::new();
                fs::set_permissions(dir.path(""), Permissions::from_mode(0o1777)).unwrap();
                let path = dir.path("s");
                let options = udsock_bind_options { mode, ..bind_options() };
                let server = try_open_server(kind, &path, Some(&options)).unwrap();
                // The child has it open too, and is closed to that user.
                let _child = Forked::holding(|| ());
                let before = look(&path);
                without_rights(|| {
                    for start in starts(&path) {
                        let refusal = start.expect_err("it is alive");
                        assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
                        let who = format!("a live {} server is there", kind_name(kind));
                        assert!(refusal.message.contains(&who), "{refusal:?}");
                        assert!(refusal.message.contains("uid 0"), "{refusal:?}");
                    }
                });
                assert_eq!((look(&path), dir.list().len()), (before, 1));
                nobody_came(&server, kind);
                serves(&server, kind, &path);
            }
        }
    });
}

#[test]
fn a_server_whose_file_was_renamed_or_linked() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let server = open_server(kind, &dir.path("first"));
            fs::hard_link(dir.path("first"), dir.path("linked")).unwrap();
            refuse_all(&dir.path("linked"), kind, me(), my_uid());
            fs::rename(dir.path("first"), dir.path("renamed")).unwrap();
            refuse_all(&dir.path("renamed"), kind, me(), my_uid());
            nobody_came(&server, kind);
            serves(&server, kind, &dir.path("renamed"));
        }
    });
}

/// Clients that are bound have a path too.
#[test]
fn a_client_that_has_a_path() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let path = dir.path("client");
            let _server = open_server(kind, &dir.path("server"));
            let client = create(kind);
            client.bind(&path).unwrap();
            client.connect(&dir.path("server"), None).unwrap();
            refuse_all(&path, kind, me(), my_uid());
            assert_eq!(client.option(UDSOCK_OPTION_OWNS_FILE), 1);
        }
    });
}

/// A copy of the descriptor, made by who knows whom, keeps a server alive.
#[test]
fn a_server_that_was_closed_but_for_a_copy() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            // SAFETY: released to us.
            let server = unsafe { OwnedFd::from_raw_fd(open_server(kind, &path).release()) };
            let copy = raw::copy(server.as_raw_fd());
            drop(server);
            refuse_all(&path, kind, me(), my_uid());
            let copy = adopt(copy.into_raw_fd()).unwrap();
            nobody_came(&copy, kind);
            serves(&copy, kind, &path);
        }
    });
}
