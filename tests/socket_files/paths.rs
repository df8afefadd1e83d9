//! Paths of any length, relative ones, and paths that others change under a server.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;

use crate::calls::*;
use support::*;

/// A path of this length, in directories that are made, with a last name of this length.
fn path_of(dir: &Dir, length: usize, name: usize) -> String {
    let mut path = dir.path("");
    while path.len() + name < length {
        let missing = length - name - path.len();
        path.push_str(&"d".repeat(missing.min(201) - 1));
        path.push('/');
    }
    fs::create_dir_all(&path).unwrap();
    path.push_str(&"n".repeat(name));
    assert_eq!(path.len(), length);
    path
}

#[test]
fn paths_of_every_length_serve_take_over_and_are_reclaimed() {
    as_everyone(|| {
        let lengths = [
            (106, 5),
            (107, 5),
            (108, 5),
            (109, 5),
            (200, 91),
            (200, 93),
            (255, 108),
            (400, 255),
            (1000, 1),
            (4094, 254),
            (4095, 1),
            (4095, 255),
        ];
        for ((length, name), kind) in
            lengths.iter().flat_map(|&length| KINDS.map(|kind| (length, kind)))
        {
            let dir = Dir::new();
            let path = path_of(&dir, length, name);
            let server = open_server(kind, &path);
            assert_eq!(server.local_address().unwrap(), path);
            serves(&server, kind, &path);
            if kind == UDSOCK_DGRAM {
                assert_eq!(open_datagram(None).send_to(b"to", &path, 0), 2);
                assert_eq!(server.recv(0).unwrap(), b"to");
            } else {
                let second = replace(kind, &path).unwrap();
                assert_eq!(second.local_address().unwrap(), path);
                assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 0);
                serves(&second, kind, &path);
                nobody_came(&server, kind);
                assert_eq!(server.close(), 0);
                assert_eq!(second.option(UDSOCK_OPTION_OWNS_FILE), 1);
                assert_eq!(list_beside(&path).len(), 1);
            }
            drop(server);
            if !exists(&path) {
                make_stale(kind, &path);
            }
            let third = open_server(kind, &path);
            serves(&third, kind, &path);
            assert_eq!(third.close(), 0);
            assert_eq!(list_beside(&path).len(), 0, "{length} bytes, {name} in the name");
        }
    });
}

/// Also a name that is so long that the socket is bound under another one first.
#[test]
fn a_socket_whose_bind_was_refused_can_be_bound_elsewhere() {
    as_everyone(|| {
        for (name, kind) in [5, 200].iter().flat_map(|&name| KINDS.map(|kind| (name, kind))) {
            let dir = Dir::new();
            let path = |letter: &str| dir.path(&letter.repeat(name));
            let socket = create(kind);
            let refused = |path: &str, flags: u32, code: i32| {
                let refusal = bind(&socket, path, &with_flags(flags)).expect_err(path);
                assert_eq!(refusal.code, no(code), "{refusal:?}");
            };
            let live = open_server(kind, &path("l"));
            make_stale(kind, &path("s"));
            fs::write(path("f"), "").unwrap();
            refused(&path("l"), 0, libc::EADDRINUSE);
            refused(&path("s"), UDSOCK_NO_RECLAIM, libc::EADDRINUSE);
            refused(&path("f"), 0, libc::EEXIST);
            refused(&dir.path(&"n".repeat(256)), 0, libc::ENAMETOOLONG);
            if kind != UDSOCK_DGRAM {
                refused(&path("f"), UDSOCK_REPLACE, libc::EEXIST);
                refused(&dir.path(&"n".repeat(256)), UDSOCK_REPLACE, libc::ENAMETOOLONG);
            }
            assert_eq!(list_beside(&path("l")).len(), 3);
            socket.bind(&path("e")).expect("nothing is there");
            assert_eq!(list_beside(&path("l")).len(), 4);
            assert_eq!((socket.close(), live.close()), (0, 0));
        }
    });
}

#[test]
fn a_relative_path_survives_chdir() {
    as_everyone(|| {
        for kind in KINDS {
            for name in ["s".to_owned(), "n".repeat(255), "below/s".to_owned(), "./s".to_owned()] {
                let (here, there) = (Dir::new(), Dir::new());
                for dir in [&here, &there] {
                    fs::create_dir(dir.path("below")).unwrap();
                }
                env::set_current_dir(here.path("")).unwrap();
                let server = open_server(kind, &name);
                env::set_current_dir(there.path("")).unwrap();
                // Of the same name, and not ours: live, then stale.
                let theirs = open_server(kind, &name);
                assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1);
                assert_eq!(server.local_address().unwrap(), name);
                serves(&server, kind, &here.path(&name));
                assert_eq!(server.close(), 0);
                assert!(!exists(&here.path(&name)));
                serves(&theirs, kind, &there.path(&name));
                env::set_current_dir("/").unwrap();
                assert_eq!(theirs.close(), 0);
                assert!(!exists(&there.path(&name)));
            }
        }
    });
}

#[test]
fn a_takeover_by_a_relative_path_survives_chdir() {
    as_everyone(|| {
        for kind in CONNECTED_KINDS {
            let (here, there) = (Dir::new(), Dir::new());
            fs::write(there.path("s"), "kept").unwrap();
            env::set_current_dir(here.path("")).unwrap();
            let old = open_server(kind, "s");
            let server = bind_to_replace(kind, "s");
            env::set_current_dir(there.path("")).unwrap();
            assert_eq!(server.listen(0), 0, "where it was bound, not where we are");
            assert_eq!(old.option(UDSOCK_OPTION_OWNS_FILE), 0);
            serves(&server, kind, &here.path("s"));
            assert_eq!((server.close(), old.close()), (0, 0));
            assert_eq!((here.list().len(), there.list()), (0, vec!["s".to_owned()]));
            env::set_current_dir("/").unwrap();
        }
    });
}

#[test]
fn a_directory_that_is_renamed_takes_its_server_with_it() {
    as_everyone(|| {
        for kind in KINDS {
            for name in ["s".to_owned(), "n".repeat(255)] {
                let dir = Dir::new();
                let at = |directory: &str| dir.path(&format!("{directory}/{name}"));
                fs::create_dir(dir.path("first")).unwrap();
                let server = open_server(kind, &at("first"));
                fs::rename(dir.path("first"), dir.path("second")).unwrap();
                fs::create_dir(dir.path("first")).unwrap();
                let successor = open_server(kind, &at("first"));
                assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1);
                serves(&server, kind, &at("second"));
                assert_eq!(server.close(), 0);
                assert!(!exists(&at("second")), "its own file, where that is now");
                serves(&successor, kind, &at("first"));
            }
        }
    });
}

/// What somebody else made at the path of a server while that was running.
type Theirs = fn(kind: u32, path: &str) -> Option<Sock>;

const THEIRS: [Theirs; 7] = [
    |kind, path| Some(foreign_server(kind, path)),
    |kind, path| {
        foreign_server(kind, path);
        None
    },
    |_, path| {
        make_stale(UDSOCK_DGRAM, path);
        None
    },
    |kind, path| Some(open_server(kind, path)),
    |_, path| {
        fs::write(path, "theirs").unwrap();
        None
    },
    |_, path| {
        fs::create_dir(path).unwrap();
        None
    },
    |_, path| {
        symlink("nowhere", path).unwrap();
        None
    },
];

#[test]
fn what_others_made_there_meanwhile_is_never_removed() {
    as_everyone(|| {
        for (kind, theirs) in KINDS.iter().flat_map(|&kind| THEIRS.map(|theirs| (kind, theirs))) {
            for end in [Sock::close, |server: &Sock| disown(server).min(udsock_cleanup())] {
                let dir = Dir::new();
                let path = dir.path("s");
                let server = open_server(kind, &path);
                fs::remove_file(&path).unwrap();
                let their_server = theirs(kind, &path);
                // So that the clean-up has nothing else to do.
                if let Some(server) = &their_server {
                    disown(server);
                }
                let before = look(&path);
                assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 0);
                assert_eq!(end(&server), 0);
                assert_eq!((look(&path), dir.list()), (before, vec!["s".to_owned()]));
                if let Some(their_server) = their_server {
                    serves(&their_server, kind, &path);
                }
            }
        }
    });
}

#[test]
fn a_replaced_server_leaves_its_successors_file() {
    as_everyone(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let mut servers = vec![open_server(kind, &path)];
            for _ in 0..5 {
                servers.push(replace(kind, &path).unwrap());
                assert_eq!(dir.list(), ["s"], "the displaced name is gone");
            }
            let last = servers.pop().unwrap();
            for server in &servers {
                assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 0);
                assert_eq!(server.close(), 0);
                serves(&last, kind, &path);
            }
            assert_eq!(last.close(), 0);
            assert_eq!(dir.list(), [""; 0]);
        }
    });
}

/// What is queued at the moment of a takeover stays with the old server.
#[test]
fn a_takeover_loses_nobody() {
    as_everyone(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let old = open_server(kind, &path);
            let before = open_client(kind, &path);
            assert_eq!(before.send(b"before", 0), 6);
            let new = replace(kind, &path).unwrap();
            let after = open_client(kind, &path);
            assert_eq!(after.send(b"after", 0), 5);
            assert_eq!(old.accept(0).unwrap().recv(0).unwrap(), b"before");
            assert_eq!(new.accept(0).unwrap().recv(0).unwrap(), b"after");
            nobody_came(&old, kind);
            nobody_came(&new, kind);
        }
    });
}

#[test]
fn a_disowned_file_stays() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            assert_eq!(disown(&server), 0);
            assert_eq!(disown(&server), 0, "once is enough, twice does no harm");
            assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1, "it still leads here");
            assert_eq!(udsock_cleanup(), 0);
            assert_eq!(server.close(), 0);
            assert_eq!(disown(&server), no(libc::EBADF));
            assert_eq!(inspect(&path).state, UDSOCK_STALE);
            let unnamed = create(kind);
            assert_eq!(disown(&unnamed), 0, "there is no file to disown");
            unnamed.bind(&dir.path("other")).unwrap();
            drop(unnamed);
            assert_eq!(dir.list(), ["s"], "what it bound later is its own");
        }
        assert_eq!(i64::from(udsock_disown(0)), no(libc::EBADF));
        assert_eq!(i64::from(udsock_disown(-1)), no(libc::EBADF));
    });
}
