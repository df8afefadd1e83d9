//! Rows 54, 55 and 61: whose file it is.

use std::fs;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, symlink};
use std::thread;

use crate::process::{LONG, asleep, in_child, in_fork};
use crate::raw;
use support::*;

fn inode(path: &str) -> u64 {
    fs::symlink_metadata(path).expect("it is there").ino()
}

fn inode_of_socket(fd: i32) -> u64 {
    // SAFETY: room for a stat, which all zero is.
    unsafe {
        let mut status: libc::stat = std::mem::zeroed();
        assert_eq!(libc::fstat(fd, &mut status), 0);
        status.st_ino
    }
}

#[test]
fn row_54_the_file_is_known_by_its_own_inode() {
    for kind in KINDS {
        let dir = Dir::new();
        let path = dir.path("s");
        let server = open_server(kind, &path);
        assert_ne!(inode_of_socket(server.fd()), inode(&path), "fstat speaks of sockfs");
        assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1);
        // Moved away and back: still ours.
        fs::rename(&path, dir.path("away")).unwrap();
        assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 0);
        fs::rename(dir.path("away"), &path).unwrap();
        assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1);
        // Another name of the same file does not matter.
        fs::hard_link(&path, dir.path("link")).unwrap();
        assert_eq!(server.close(), 0);
        assert_eq!(dir.list(), ["link"]);
    }
}

/// Puts something else where a server's file is.
type Replace = fn(&Dir, &str);

const REPLACEMENTS: [Replace; 7] = [
    |dir, path| {
        fs::write(dir.path("new"), "theirs").unwrap();
        fs::rename(dir.path("new"), path).unwrap();
    },
    |dir, path| {
        drop(raw::server(UDSOCK_STREAM, &dir.path("new")));
        fs::rename(dir.path("new"), path).unwrap();
    },
    |_, path| {
        fs::remove_file(path).unwrap();
        drop(raw::server(UDSOCK_DGRAM, path));
    },
    |_, path| {
        fs::remove_file(path).unwrap();
        assert!(raw::make_fifo(path));
    },
    |_, path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    },
    |_, path| {
        fs::remove_file(path).unwrap();
        symlink("nowhere", path).unwrap();
    },
    // A link that leads to the server's own file is not that file.
    |dir, path| {
        fs::rename(path, dir.path("moved")).unwrap();
        symlink("moved", path).unwrap();
    },
];

#[test]
fn row_54_what_others_put_there_is_left_alone() {
    for kind in KINDS {
        for name in ["s".to_owned(), "n".repeat(255)] {
            for replace in REPLACEMENTS {
                let dir = Dir::new();
                let path = dir.path(&name);
                let server = open_server(kind, &path);
                if name.len() > 1 {
                    // The raw calls know no such names.
                    fs::rename(&path, dir.path("s")).unwrap();
                    replace(&dir, &dir.path("s"));
                    fs::rename(dir.path("s"), &path).unwrap();
                } else {
                    replace(&dir, &path);
                }
                let (theirs, all) = (inode(&path), dir.list());
                assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 0);
                assert_eq!(server.close(), 0);
                assert_eq!(dir.list(), all);
                assert_eq!(inode(&path), theirs);
            }
        }
    }
}

#[test]
fn row_54_a_file_that_is_gone_is_no_error() {
    for kind in KINDS {
        let dir = Dir::new();
        let server = open_server(kind, &dir.path("s"));
        fs::remove_file(dir.path("s")).unwrap();
        assert_eq!(server.close(), 0);
        fs::create_dir(dir.path("sub")).unwrap();
        let server = open_server(kind, &dir.path("sub/s"));
        fs::remove_dir_all(dir.path("sub")).unwrap();
        assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 0);
        assert_eq!(server.close(), 0);
    }
}

#[test]
fn row_54_files_that_are_not_to_be_removed_stay() {
    for kind in KINDS {
        let dir = Dir::new();
        let keep = udsock_bind_options { flags: UDSOCK_KEEP_FILE, ..bind_options() };
        drop(try_open_server(kind, &dir.path("kept"), Some(&keep)).unwrap());
        let adopted = raw::server(kind, &dir.path("adopted"));
        drop(adopt(adopted.into_raw_fd()).unwrap());
        let released = open_server(kind, &dir.path("released")).release();
        // SAFETY: released to us.
        drop(unsafe { OwnedFd::from_raw_fd(released) });
        assert_eq!(dir.list(), ["adopted", "kept", "released"]);
    }
}

#[test]
fn row_55_an_inode_number_that_could_be_used_again() {
    let dir = Dir::new();
    let path = dir.path("s");
    for _ in 0..20 {
        let server = open_server(UDSOCK_STREAM, &path);
        let ours = inode(&path);
        fs::remove_file(&path).unwrap();
        let _successor = raw::server(UDSOCK_STREAM, &path);
        assert_ne!(inode(&path), ours, "an open socket keeps its number");
        assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 0);
        assert_eq!(server.close(), 0);
        drop(open_client(UDSOCK_STREAM, &path));
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn row_55_a_successor_of_our_own_is_left_alone() {
    for kind in KINDS {
        let dir = Dir::new();
        let path = dir.path("s");
        let first = open_server(kind, &path);
        fs::remove_file(&path).unwrap();
        let second = open_server(kind, &path);
        assert_eq!(first.close(), 0);
        drop(open_client(kind, &path));
        assert_eq!(second.close(), 0);
        assert_eq!(dir.list(), [""; 0]);
    }
}

#[test]
fn row_61_a_forked_child_leaves_the_parents_file() {
    in_child(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            // It closes; it cleans up; it does nothing at all.
            let child = [
                in_fork(|| server.close() == 0),
                in_fork(|| udsock_cleanup() == 0),
                in_fork(|| server.option(UDSOCK_OPTION_OWNS_FILE) == 1),
            ];
            assert_eq!(child, [0; 3]);
            assert_eq!(dir.list(), ["s"]);
            let client = open_client(kind, &path);
            assert_eq!(client.send(b"x", 0), 1);
            let came = match kind {
                UDSOCK_DGRAM => server.recv(0),
                _ => server.accept(0).expect("the server goes on").recv(0),
            };
            assert_eq!(came.unwrap(), b"x");
            assert_eq!(udsock_cleanup(), 1, "the parent's own");
            assert_eq!(dir.list(), [""; 0]);
        }
    });
}

#[test]
fn row_61_a_forked_child_that_exits_leaves_the_parents_file() {
    in_child(|| {
        let dir = Dir::new();
        let server = open_server(UDSOCK_STREAM, &dir.path("s"));
        // SAFETY: an ordinary exit, with all that the program registered for it.
        let status = in_fork(|| unsafe { libc::exit(0) });
        assert_eq!(status, 0);
        assert_eq!(dir.list(), ["s"]);
        drop(open_client(UDSOCK_STREAM, &dir.path("s")));
        assert!(server.accept(0).is_ok());
    });
}

#[test]
fn row_61_a_forked_child_has_its_own_servers() {
    in_child(|| {
        let dir = Dir::new();
        let _parents = open_server(UDSOCK_STREAM, &dir.path("parent"));
        let status = in_fork(|| {
            let own = open_server(UDSOCK_STREAM, &dir.path("child"));
            let waits = own.accept(10).unwrap_err() == no(libc::ETIMEDOUT);
            let both = dir.list() == ["child", "parent"];
            own.close() == 0 && both && waits && dir.list() == ["parent"]
        });
        assert_eq!(status, 0);
        assert_eq!(dir.list(), ["parent"]);
    });
}

#[test]
fn row_61_a_forked_child_closes_what_a_thread_of_its_parent_waits_on() {
    in_child(|| {
        let dir = Dir::new();
        let server = open_server(UDSOCK_STREAM, &dir.path("s"));
        thread::scope(|scope| {
            let accepting = asleep(scope, || server.accept(LONG).map(drop));
            // The thread does not exist in the child, and never leaves the call there.
            let closed = in_fork(|| {
                let fd = server.fd();
                server.close() == 0 && !raw::is_socket(fd)
            });
            let released = in_fork(|| {
                let fd = udsock_release(server.0);
                fd >= 0 && raw::is_socket(fd)
            });
            assert_eq!([closed, released], [0; 2]);
            drop(open_client(UDSOCK_STREAM, &dir.path("s")));
            assert_eq!(accepting.join(), Ok(()), "the parent's goes on");
        });
    });
}
