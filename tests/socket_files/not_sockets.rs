//! What is no socket is never touched, whatever is asked for.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::calls::*;
use crate::process::is_root;
use crate::raw;
use support::*;

/// Something that is no socket, and the word for it.
struct Thing {
    word: &'static str,
    /// Beside it may be what a link leads to. False: this user can't make it.
    make: fn(dir: &Dir, path: &str) -> bool,
}

const LINK: &str = "a symbolic link";

const THINGS: [Thing; 12] = [
    Thing { word: "a regular file", make: |_, path| fs::write(path, "kept").is_ok() },
    Thing { word: "a regular file", make: |_, path| fs::write(path, "").is_ok() },
    Thing {
        word: "a regular file",
        make: |_, path| {
            fs::write(path, "kept").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o000)).is_ok()
        },
    },
    Thing { word: "a directory", make: |_, path| fs::create_dir(path).is_ok() },
    Thing {
        word: "a directory",
        make: |_, path| {
            fs::create_dir(path).unwrap();
            fs::write(format!("{path}/kept"), "kept").is_ok()
        },
    },
    Thing { word: LINK, make: |_, path| symlink("alive", path).is_ok() },
    Thing {
        word: LINK,
        make: |dir, path| {
            make_stale(UDSOCK_STREAM, &dir.path("stale"));
            symlink(dir.path("stale"), path).is_ok()
        },
    },
    Thing { word: LINK, make: |_, path| symlink("nowhere", path).is_ok() },
    Thing { word: LINK, make: |_, path| symlink(path, path).is_ok() },
    Thing {
        word: LINK,
        make: |dir, path| {
            fs::write(dir.path("file"), "kept").unwrap();
            symlink("file", path).is_ok()
        },
    },
    Thing { word: "a fifo", make: |_, path| raw::make_fifo(path) },
    Thing { word: "a device", make: |_, path| raw::make_device(path) },
];

/// Every attempt to serve at the path, with UDSOCK_REPLACE too.
fn attempts(path: &str) -> Vec<Refusal> {
    let replace = with_flags(UDSOCK_REPLACE);
    let mut refusals: Vec<Refusal> =
        starts(path).into_iter().map(|start| start.expect_err("it is no socket")).collect();
    for kind in CONNECTED_KINDS {
        refusals.push(try_open_server(kind, path, Some(&replace)).unwrap_err());
        refusals.push(bind_and_listen(kind, path, &replace).unwrap_err());
        let options = udsock_bind_options {
            flags: UDSOCK_REPLACE | UDSOCK_MAKE_PARENTS | UDSOCK_NO_RECLAIM,
            mode: 0o600,
            ..bind_options()
        };
        refusals.push(try_open_server(kind, path, Some(&options)).unwrap_err());
    }
    refusals
}

#[test]
fn what_is_no_socket_is_named_and_left_alone() {
    as_everyone(|| {
        let long = "n".repeat(255);
        for (thing, name) in THINGS.iter().flat_map(|thing| [(thing, "thing"), (thing, &*long)]) {
            let dir = Dir::new();
            let path = dir.path(name);
            let alive = open_server(UDSOCK_STREAM, &dir.path("alive"));
            if !(thing.make)(&dir, &path) {
                assert!(thing.word == "a device" && !is_root(), "{}", thing.word);
                continue;
            }
            let (before, list) = (look(&path), dir.list());
            for refusal in attempts(&path) {
                assert_eq!(refusal.code, no(libc::EEXIST), "{}: {refusal:?}", thing.word);
                // Listening has no room for words.
                let words = refusal.message;
                assert!(words.is_empty() || words.contains(thing.word), "{}: {words}", thing.word);
            }
            assert_eq!((look(&path), dir.list()), (before, list), "{}", thing.word);
            if before.3 == 4 && thing.word == "a regular file" {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
                assert_eq!(fs::read(&path).unwrap(), b"kept");
            }
            nobody_came(&alive, UDSOCK_STREAM);
            serves(&alive, UDSOCK_STREAM, &dir.path("alive"));
        }
    });
}

/// gpg-agent, for one, has a file in its socket's place that says where the socket is.
#[test]
fn a_client_is_told_what_is_there_instead_of_a_socket() {
    let long = "n".repeat(255);
    for (thing, name) in THINGS.iter().flat_map(|thing| [(thing, "thing"), (thing, &*long)]) {
        let dir = Dir::new();
        let path = dir.path(name);
        // Through a link a client goes on; where it ends counts.
        if thing.word == LINK || !(thing.make)(&dir, &path) {
            continue;
        }
        for kind in [UDSOCK_STREAM, UDSOCK_SEQPACKET, UDSOCK_DGRAM] {
            let refusal = try_open_client(kind, &path, None).unwrap_err();
            if refusal.code == no(libc::EACCES) {
                assert!(!is_root());
                continue;
            }
            assert_eq!(refusal.code, no(libc::ECONNREFUSED), "{refusal:?}");
            let words =
                format!("Connection refused; {} is there, which is not a socket", thing.word);
            assert!(refusal.message.ends_with(&words), "{refusal:?}");

            let soon =
                udsock_connect_options { flags: UDSOCK_RETRY, timeout_ms: 20, ..connect_options() };
            let refusal = try_open_client(kind, &path, Some(&soon)).unwrap_err();
            assert_eq!(refusal.code, no(libc::ETIMEDOUT), "{refusal:?}");
            assert!(refusal.message.ends_with(&format!("said: {words}")), "{refusal:?}");
        }
    }
    let dir = Dir::new();
    fs::write(dir.path("file"), "").unwrap();
    symlink("file", dir.path("link")).unwrap();
    make_stale(UDSOCK_STREAM, &dir.path("dead"));
    let message =
        |name: &str| try_open_client(UDSOCK_STREAM, &dir.path(name), None).unwrap_err().message;
    assert!(message("link").ends_with("a regular file is there, which is not a socket"));
    assert!(message("dead").ends_with("Connection refused"));
}

#[test]
fn what_came_between_bind_and_the_takeover_is_left_alone() {
    as_everyone(|| {
        for thing in &THINGS {
            let dir = Dir::new();
            let path = dir.path("thing");
            let alive = open_server(UDSOCK_STREAM, &dir.path("alive"));
            let server = bind_to_replace(UDSOCK_STREAM, &path);
            assert!(!exists(&path), "it is published when it listens");
            if !(thing.make)(&dir, &path) {
                continue;
            }
            let before = look(&path);
            assert_eq!(server.listen(0), no(libc::EEXIST), "{}", thing.word);
            assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 0);
            assert_eq!(server.close(), 0);
            assert_eq!(look(&path), before);
            assert!(dir.list().iter().all(|name| !name.starts_with('.')), "{:?}", dir.list());
            nobody_came(&alive, UDSOCK_STREAM);
        }
    });
}

/// Once the obstacle is gone the same socket can go on.
#[test]
fn a_takeover_that_was_refused_can_be_tried_again() {
    as_everyone(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = bind_to_replace(kind, &path);
            fs::write(&path, "theirs").unwrap();
            assert_eq!(server.listen(0), no(libc::EEXIST));
            fs::remove_file(&path).unwrap();
            assert_eq!(server.listen(0), 0);
            assert_eq!(dir.list(), ["s"]);
            serves(&server, kind, &path);
            assert_eq!(server.close(), 0);
            assert_eq!(dir.list(), [""; 0]);
        }
    });
}

/// UDSOCK_KEEP_FILE is about the path, not about the private name beside it.
#[test]
fn a_takeover_that_keeps_its_file_leaves_nothing_if_it_fails() {
    as_everyone(|| {
        let options = with_flags(UDSOCK_REPLACE | UDSOCK_KEEP_FILE);
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("thing");
            fs::create_dir(&path).unwrap();
            let refusals = [
                try_open_server(kind, &path, Some(&options)).unwrap_err(),
                bind_and_listen(kind, &path, &options).unwrap_err(),
            ];
            for refusal in refusals {
                assert_eq!(refusal.code, no(libc::EEXIST), "{refusal:?}");
            }
            assert_eq!(dir.list(), ["thing"]);
        }
    });
}
