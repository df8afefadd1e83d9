//! A dead server's file never blocks a start.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::calls::*;
use crate::forked::Forked;
use crate::process::{in_child, is_root, without_rights};
use support::*;

type Start = fn(u32, &str) -> Result<Sock, Refusal>;

/// Every way to start over a dead server's file.
const STARTS: [Start; 4] = [
    |kind, path| try_open_server(kind, path, None),
    |kind, path| bind_and_listen(kind, path, &bind_options()),
    |kind, path| try_open_server(kind, path, Some(&with_flags(UDSOCK_MAKE_PARENTS))),
    |kind, path| match kind {
        UDSOCK_DGRAM => try_open_datagram(Some(path)),
        _ => replace(kind, path),
    },
];

#[test]
fn a_stale_file_of_every_kind_is_reclaimed_by_every_kind() {
    as_everyone(|| {
        for (dead, kind) in KINDS.iter().flat_map(|&dead| KINDS.map(|kind| (dead, kind))) {
            for name in ["s".to_owned(), "n".repeat(100), "n".repeat(255)] {
                for start in STARTS {
                    let dir = Dir::new();
                    let path = dir.path(&name);
                    make_stale(dead, &path);
                    let server = start(kind, &path).unwrap_or_else(|why| panic!("{why:?}"));
                    assert_eq!(dir.list(), [&*name]);
                    assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1);
                    serves(&server, kind, &path);
                    assert_eq!(server.close(), 0);
                    assert_eq!(dir.list(), [""; 0]);
                }
            }
        }
    });
}

/// The probe may not connect, and the kernel's list of sockets knows better.
#[test]
fn a_stale_file_that_may_not_be_connected_to_is_reclaimed() {
    as_everyone(|| {
        for (dead, kind) in KINDS.iter().flat_map(|&dead| KINDS.map(|kind| (dead, kind))) {
            for mode in [0o060, 0o000, 0o577] {
                let dir = Dir::new();
                let path = dir.path("s");
                make_stale(dead, &path);
                fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
                let server = open_server(kind, &path);
                serves(&server, kind, &path);
                assert_ne!(mode_of(&path), mode, "it is a file of its own");
            }
        }
    });
}

/// Its file is gone for good, however long its last client stays.
#[test]
fn a_stale_file_whose_connections_go_on_is_reclaimed() {
    as_everyone(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let keep = with_flags(UDSOCK_KEEP_FILE);
            let first = try_open_server(kind, &path, Some(&keep)).unwrap();
            let client = open_client(kind, &path);
            let peer = first.accept(0).unwrap();
            assert_eq!(first.close(), 0);
            let second = open_server(kind, &path);
            assert_eq!(client.send(b"x", 0), 1);
            assert_eq!(peer.recv(0).unwrap(), b"x");
            serves(&second, kind, &path);
        }
    });
}

#[test]
fn what_a_killed_server_leaves_is_reclaimed() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            for _ in 0..3 {
                drop(Forked::holding(|| open_server(kind, &path)));
                assert_eq!(inspect(&path).state, UDSOCK_STALE);
            }
            let server = open_server(kind, &path);
            serves(&server, kind, &path);
            assert_eq!(server.close(), 0);
            assert_eq!(dir.list(), [""; 0]);
        }
    });
}

#[test]
fn what_was_killed_before_its_takeover_is_swept_by_the_next_start() {
    as_everyone(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let waits_to_listen = || bind_to_replace(kind, &path);
            for _ in 0..3 {
                drop(Forked::holding(waits_to_listen));
            }
            let list = dir.list();
            assert!(matches!(&list[..], [one] if one.starts_with(".udsock-")), "{list:?}");
            let waiting = Forked::holding(waits_to_listen);
            let server = open_server(kind, &path);
            let list = dir.list();
            assert!(matches!(&list[..], [_, path] if path == "s"), "one lives: {list:?}");
            drop(waiting);
            assert_eq!(server.close(), 0);
            drop(open_server(kind, &path));
            assert_eq!(dir.list(), [""; 0]);
        }
    });
}

#[test]
fn with_no_reclaim_a_stale_file_stays() {
    as_everyone(|| {
        let options = with_flags(UDSOCK_NO_RECLAIM);
        for (dead, kind) in KINDS.iter().flat_map(|&dead| KINDS.map(|kind| (dead, kind))) {
            for name in ["s".to_owned(), "n".repeat(255)] {
                let dir = Dir::new();
                let path = dir.path(&name);
                // Where nothing is, it changes nothing.
                drop(try_open_server(kind, &path, Some(&options)).unwrap());
                assert_eq!(dir.list(), [""; 0]);
                make_stale(dead, &path);
                let before = look(&path);
                let refusals = [
                    try_open_server(kind, &path, Some(&options)).unwrap_err(),
                    bind_and_listen(kind, &path, &options).unwrap_err(),
                ];
                for refusal in refusals {
                    assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
                    assert!(refusal.message.contains("UDSOCK_NO_RECLAIM"), "{refusal:?}");
                    assert!(!refusal.message.contains("live"), "{refusal:?}");
                }
                assert_eq!((look(&path), dir.list()), (before, vec![name.clone()]));
            }
        }
    });
}

/// Whoever may write the directory may take a dead server's place.
#[test]
fn another_users_stale_file_is_reclaimed() {
    in_child(|| {
        if !is_root() {
            return skip("another_users_stale_file_is_reclaimed", "only root can be two users");
        }
        for kind in KINDS {
            let dir = Dir::new();
            fs::set_permissions(dir.path(""), Permissions::from_mode(0o777)).unwrap();
            let path = dir.path("s");
            set_umask(0);
            make_stale(kind, &path);
            without_rights(|| {
                let server = open_server(kind, &path);
                serves(&server, kind, &path);
            });
            without_rights(|| make_stale(kind, &path));
            drop(open_server(kind, &path));
            assert_eq!(dir.list(), [""; 0]);
        }
    });
}

/// What has a name takes no other; nothing is removed or made for it.
#[test]
fn a_socket_that_has_a_name_removes_no_dead_server_s_file() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let (stale, free) = (dir.path("stale"), dir.path("free"));
            make_stale(kind, &stale);
            let before = look(&stale);
            let own = create(kind);
            own.bind(&dir.path("own")).expect("a free path");
            let foreign = open_server(kind, &dir.path("foreign"));
            assert_eq!(disown(&foreign), 0);
            let foreign = adopt(foreign.release()).expect("a socket");
            let any = create(kind);
            any.bind("@").expect("a name that the kernel picks");
            for socket in [&own, &foreign, &any] {
                for path in [&stale, &free] {
                    let refusal = socket.bind(path).expect_err("it has a name");
                    assert_eq!(refusal.code, no(libc::EINVAL), "{refusal:?}");
                }
            }
            assert_eq!(look(&stale), before);
            assert_eq!(dir.list(), ["foreign", "own", "stale"]);
        }
    });
}

/// Of threads that bind one socket to different paths one has its way, and no other file is
/// made or removed.
#[test]
fn of_binds_of_one_socket_at_once_one_makes_a_file() {
    in_child(|| {
        for round in 0..repeat("UDSOCK_BIND_COUNT", 200) {
            let dir = Dir::new();
            let paths = [0, 1, 2, 3].map(|number| dir.path(&number.to_string()));
            make_stale(UDSOCK_STREAM, &paths[3]);
            let socket = create(UDSOCK_STREAM);
            let bound = std::thread::scope(|scope| {
                let binds = paths.each_ref().map(|path| scope.spawn(|| socket.bind(path)));
                binds.map(|bind| bind.join().expect("no panic"))
            });
            let good = bound.iter().filter(|bound| bound.is_ok()).count();
            assert_eq!(good, 1, "in round {round}: {bound:?}");
            let refused = bound.iter().filter_map(|bound| bound.as_ref().err());
            assert!(refused.clone().all(|refusal| refusal.code == no(libc::EINVAL)));
            let files = if bound[3].is_ok() { 1 } else { 2 };
            assert_eq!(dir.list().len(), files, "in round {round}: {:?}", dir.list());
        }
    });
}
