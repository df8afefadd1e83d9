//! A forked child has a copy of the socket, but not the file.

use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

use crate::calls::*;
use crate::forked::Forked;
use crate::process::in_fork;
use crate::raw;
use support::*;

/// How a child ends. Where it returns, whether all was as it should be there.
type End = fn(&Sock) -> bool;

const ENDS: [(&str, End, i32); 9] = [
    ("exit", |_| exit(), 0),
    // SAFETY: no pointers.
    ("_exit", |_| unsafe { libc::_exit(0) }, 0),
    ("exec", |_| exec(), 0),
    ("close", |server| server.close() == 0, 0),
    ("close, then exit", |server| server.close() == 0 && exit(), 0),
    ("killed", |_| raise(libc::SIGKILL), libc::SIGKILL),
    ("terminated", |_| raise(libc::SIGTERM), libc::SIGTERM),
    ("cleanup", |_| udsock_cleanup() == 0, 0),
    ("disown", |server| disown(server) == 0 && server.close() == 0, 0),
];

/// With all that the program and the library have registered for it.
fn exit() -> bool {
    // SAFETY: no other thread of a forked child does anything.
    unsafe { libc::exit(0) }
}

fn exec() -> bool {
    let arguments = [c"true".as_ptr(), std::ptr::null()];
    // SAFETY: C strings, and a NULL at the end.
    unsafe { libc::execv(c"/bin/true".as_ptr(), arguments.as_ptr()) == 0 }
}

/// Does not return.
fn raise(signal: i32) -> bool {
    // SAFETY: no pointers.
    unsafe { libc::raise(signal) != 0 }
}

#[test]
fn however_a_child_ends_its_parents_server_serves_on() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let (path, long) = (dir.path("s"), dir.path(&"n".repeat(255)));
            let server = open_server(kind, &path);
            let other = open_server(kind, &long);
            let before = (look(&path), look(&long), open_descriptors());
            for (how, end, status) in ENDS {
                assert_eq!(in_fork(|| end(&server)), status, "{how}");
                assert_eq!((look(&path), look(&long), open_descriptors()), before, "{how}");
                assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1, "{how}");
                serves(&server, kind, &path);
                serves(&other, kind, &long);
            }
            assert_eq!(udsock_cleanup(), 2, "the parent's own");
            assert_eq!(dir.list(), [""; 0]);
        }
    });
}

#[test]
fn a_child_that_goes_by_a_signal_it_asked_to_clean_up_on() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let path = dir.path("parent");
            let server = open_server(kind, &path);
            let status = in_fork(|| {
                assert_eq!(udsock_cleanup_on_signal(libc::SIGTERM), 0);
                let _own = open_server(kind, &dir.path("child"));
                assert_eq!(dir.list(), ["child", "parent"]);
                raise(libc::SIGTERM)
            });
            assert_eq!(status, libc::SIGTERM);
            assert_eq!(dir.list(), ["parent"], "its own is gone, the parent's is there");
            serves(&server, kind, &path);
        }
    });
}

#[test]
fn what_a_child_opens_itself_is_its_own() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let server = open_server(kind, &dir.path("parent"));
            let own = || {
                let own = open_server(kind, &dir.path("child"));
                serves(&own, kind, &dir.path("child"));
                own
            };
            let ends: [fn(Sock) -> bool; 3] =
                [|own| own.close() == 0, |_own| udsock_cleanup() == 1, |_own| exit()];
            for end in ends {
                assert_eq!(in_fork(|| end(own())), 0);
                assert_eq!(dir.list(), ["parent"]);
            }
            serves(&server, kind, &dir.path("parent"));
        }
    });
}

/// What the child opened stays its own when the parent cleans up.
#[test]
fn a_parent_leaves_its_childs_file() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let server = open_server(kind, &dir.path("parent"));
            let child = Forked::holding(|| open_server(kind, &dir.path("child")));
            assert_eq!(udsock_cleanup(), 1);
            assert_eq!(server.close(), 0);
            assert_eq!(dir.list(), ["child"]);
            drop(open_client(kind, &dir.path("child")));
            drop(child);
            assert_eq!(inspect(&dir.path("child")).state, UDSOCK_STALE);
        }
    });
}

/// Takes nothing but a copy of the socket: the parent's path is as taken as before.
#[test]
fn a_child_can_not_have_its_parents_path_but_by_a_takeover() {
    as_everyone(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            let status = in_fork(|| {
                server.close();
                let refusal = try_open_server(kind, &path, None).unwrap_err();
                refusal.code == no(libc::EADDRINUSE)
            });
            assert_eq!(status, 0);
            serves(&server, kind, &path);

            let child = Forked::holding(|| replace(kind, &path).unwrap());
            assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 0);
            let taken = look(&path);
            assert_eq!(server.close(), 0);
            assert_eq!(look(&path), taken, "the child's file stays");
            drop(open_client(kind, &path));
            drop(child);
            drop(open_server(kind, &path));
            assert_eq!(dir.list(), [""; 0]);
        }
    });
}

/// The parent has gone: the child serves on, and its file stays until someone reclaims it.
#[test]
fn a_child_that_inherits_a_server_keeps_its_path_alive() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            let child = Forked::holding(|| ());
            // SAFETY: released to us.
            drop(unsafe { OwnedFd::from_raw_fd(server.release()) });
            let refusal = try_open_server(kind, &path, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
            drop(open_client(kind, &path));
            drop(child);
            assert!(exists(&path));
            drop(open_server(kind, &path));
            assert_eq!(dir.list(), [""; 0]);
        }
    });
}

/// A child that only has the descriptor can adopt it; the file is not its own.
#[test]
fn a_child_that_adopts_a_copy_leaves_the_file() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            let status = in_fork(|| {
                let copy = adopt(raw::copy(server.fd()).into_raw_fd()).unwrap();
                copy.close() == 0 && udsock_cleanup() == 0 && exists(&path)
            });
            assert_eq!(status, 0);
            serves(&server, kind, &path);
        }
    });
}

/// Both have the same open file description: what one does to it the other has too.
#[test]
fn a_child_that_releases_its_copy_does_not_let_its_parent_block() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let server = open_server(kind, &dir.path("s"));
            assert_eq!(in_fork(|| udsock_release(server.0) >= 0), 0);
            assert!(exists(&dir.path("s")));
            assert!(raw::is_nonblocking(server.fd()), "or accept would wait with timeout 0");
            serves(&server, kind, &dir.path("s"));
        }
    });
}
