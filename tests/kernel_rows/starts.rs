//! Rows 2, 3, 10, 56 to 60 and 62: what a server finds at its path, and how it gets it.
//! In children mostly: what other tests start here would hold a dead server alive for a
//! moment, between its fork and its exec.

use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::thread;

use crate::process::{in_child, is_root, without_rights};
use crate::raw;
use support::*;

const SOMEBODY: u32 = 4_242;

fn with(flags: u32) -> udsock_bind_options {
    udsock_bind_options { flags, ..bind_options() }
}

/// The file of a server that nobody has open any more.
fn leave_stale(kind: u32, path: &str) {
    drop(raw::server(kind, path));
}

#[test]
fn row_02_after_bind_fchmod_changes_the_socket_and_not_the_file() {
    let dir = Dir::new();
    let mode = |path: &str| fs::metadata(path).unwrap().mode() & 0o7777;
    let server = raw::server(UDSOCK_STREAM, &dir.path("raw"));
    let before = mode(&dir.path("raw"));
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::fchmod(server.as_raw_fd(), 0o604) }, 0, "it says that all is well");
    assert_eq!(mode(&dir.path("raw")), before);

    let options = udsock_bind_options { mode: 0o604, ..bind_options() };
    let _server = try_open_server(UDSOCK_STREAM, &dir.path("ours"), Some(&options)).unwrap();
    assert_eq!(mode(&dir.path("ours")), 0o604);
}

#[test]
fn row_03_before_bind_fchown_changes_the_socket_and_not_the_file() {
    const TEST: &str = "row_03_before_bind_fchown_changes_the_socket_and_not_the_file";
    if !is_root() {
        return skip(TEST, "only root can give files away");
    }
    let dir = Dir::new();
    let owner = |path: &str| {
        let status = fs::metadata(path).unwrap();
        (status.uid(), status.gid())
    };
    let socket = raw::socket(UDSOCK_STREAM);
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::fchown(socket.as_raw_fd(), SOMEBODY, SOMEBODY) }, 0);
    assert_eq!(raw::bind(&socket, dir.path("raw")), 0);
    assert_ne!(owner(&dir.path("raw")).0, SOMEBODY);

    let name = c("4242");
    let mut options = bind_options();
    (options.user, options.group) = (name.as_ptr(), name.as_ptr());
    for kind in KINDS {
        let path = dir.path(&format!("ours{kind}"));
        let _server = try_open_server(kind, &path, Some(&options)).unwrap();
        assert_eq!(owner(&path), (SOMEBODY, SOMEBODY));
    }
}

#[test]
fn row_10_a_name_that_was_left_on_its_way_blocks_nothing() {
    in_child(|| {
        let dir = Dir::new();
        let path = dir.path(&"n".repeat(255));
        let server = create(UDSOCK_STREAM);
        // SAFETY: valid arguments.
        let bound = unsafe {
            let address = c(&path);
            udsock_bind(server.0, address.as_ptr(), &with(UDSOCK_REPLACE), std::ptr::null_mut())
        };
        assert_eq!(bound, 0);
        // As if the process had been killed here: the socket goes, and nobody removes its name.
        // SAFETY: the descriptor was given to us.
        drop(unsafe { OwnedFd::from_raw_fd(server.release()) });
        assert!(
            matches!(&dir.list()[..], [left] if left.starts_with(".udsock-")),
            "{:?}",
            dir.list()
        );
        let server = open_server(UDSOCK_STREAM, &path);
        assert_eq!(dir.list(), ["n".repeat(255)]);
        drop(open_client(UDSOCK_STREAM, &path));
        assert_eq!(server.close(), 0);
        assert_eq!(dir.list(), [""; 0]);
    });
}

#[test]
fn row_56_who_came_before_the_exchange_is_with_the_old_server() {
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let old = open_server(kind, &path);
            let early = open_client(kind, &path);
            early.send(b"early", 0);
            let new = try_open_server(kind, &path, Some(&with(UDSOCK_REPLACE))).unwrap();
            let late = open_client(kind, &path);
            late.send(b"late", 0);
            assert_eq!(old.accept(0).expect("its queue is its own").recv(0).unwrap(), b"early");
            assert_eq!(new.accept(0).expect("the path is the new one's").recv(0).unwrap(), b"late");
            let owns = |server: &Sock| server.option(UDSOCK_OPTION_OWNS_FILE);
            assert_eq!((owns(&old), owns(&new)), (0, 1));
            assert_eq!(old.close(), 0);
            assert_eq!(dir.list(), ["s"]);
            drop(open_client(kind, &path));
        }
    });
}

#[test]
fn row_57_a_connect_of_the_same_type_can_not_tell_a_new_server_from_a_dead_one() {
    in_child(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            leave_stale(kind, &path);
            let dead = raw::connect(&raw::socket(kind), &path);
            assert_eq!(raw::connect(&raw::socket(UDSOCK_DGRAM), &path), no(libc::ECONNREFUSED));
            fs::remove_file(&path).unwrap();

            let new = raw::socket(kind);
            assert_eq!(raw::bind(&new, &path), 0);
            assert_eq!(raw::connect(&raw::socket(kind), &path), dead, "the trap");
            assert_eq!(raw::connect(&raw::socket(UDSOCK_DGRAM), &path), no(libc::EPROTOTYPE));

            let refusal = try_open_server(kind, &path, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
            assert_eq!(raw::listen(&new, 10), 0, "and goes on");
            drop(open_client(kind, &path));
        }
    });
}

#[test]
fn row_57_the_probe_does_not_stand_in_the_queue() {
    in_child(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            for other in KINDS {
                assert!(try_open_server(other, &path, None).is_err());
            }
            let came = match kind {
                UDSOCK_DGRAM => server.recv(0).map(drop),
                _ => server.accept(0).map(drop),
            };
            assert_eq!(came, Err(no(libc::EAGAIN)));
        }
    });
}

#[test]
fn row_58_of_starters_at_once_over_a_stale_file_one_wins() {
    in_child(|| {
        const STARTERS: usize = 8;
        let dir = Dir::new();
        let path = dir.path("s");
        for round in 0..50 {
            let kind = KINDS[round % KINDS.len()];
            leave_stale(kind, &path);
            let barrier = Barrier::new(STARTERS);
            let servers: Vec<_> = thread::scope(|scope| {
                let starters: Vec<_> = (0..STARTERS)
                    .map(|_| {
                        scope.spawn(|| {
                            barrier.wait();
                            try_open_server(kind, &path, None)
                        })
                    })
                    .collect();
                starters.into_iter().map(|starter| starter.join().unwrap()).collect()
            });
            assert_eq!(servers.iter().filter(|server| server.is_ok()).count(), 1);
            let refused = servers.iter().filter_map(|server| server.as_ref().err());
            assert!(refused.clone().all(|refusal| refusal.code == no(libc::EADDRINUSE)));
            drop(open_client(kind, &path));
            drop(servers);
            assert_eq!(dir.list(), [""; 0]);
        }
    });
}

/// With flock a copy in a child keeps the lock after its parent has closed; so it has to
/// be unlocked.
#[test]
fn row_59_a_lock_is_let_go_for_forked_children_too() {
    let dir = Dir::new();
    let lock = |flags: i32| {
        let directory = File::open(dir.path("")).unwrap();
        // SAFETY: no pointers.
        let result = unsafe { libc::flock(directory.as_raw_fd(), flags | libc::LOCK_NB) };
        (result, directory)
    };
    let (locked, directory) = lock(libc::LOCK_EX);
    assert_eq!(locked, 0);
    let childs_copy = raw::copy(directory.as_raw_fd());
    drop(directory);
    assert_eq!(lock(libc::LOCK_EX).0, -1, "the trap: the copy keeps it");
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::flock(childs_copy.as_raw_fd(), libc::LOCK_UN) }, 0);

    // Ours, while another thread forks children that live on.
    in_child(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        let children = thread::scope(|scope| {
            let forking = scope.spawn(|| {
                (0..200)
                    .map(|_| {
                        // SAFETY: the child does nothing but sleep.
                        let child = unsafe { libc::fork() };
                        if child == 0 {
                            // SAFETY: no pointers.
                            unsafe {
                                libc::sleep(60);
                                libc::_exit(0);
                            }
                        }
                        child
                    })
                    .collect::<Vec<i32>>()
            });
            while !forking.is_finished() {
                leave_stale_unless_held(&path);
                match try_open_server(UDSOCK_STREAM, &path, None) {
                    Ok(server) => assert_eq!(server.close(), 0),
                    // A child has a copy of the socket itself.
                    Err(refusal) => assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}"),
                }
            }
            forking.join().unwrap()
        });
        for child in children {
            // SAFETY: our child; its status is not wanted.
            unsafe {
                libc::kill(child, libc::SIGKILL);
                libc::waitpid(child, std::ptr::null_mut(), 0);
            }
        }
    });
}

/// A new stale file. What a child holds is not stale.
fn leave_stale_unless_held(path: &str) {
    let _ = fs::remove_file(path);
    leave_stale(UDSOCK_STREAM, path);
}

#[test]
fn row_60_after_sigkill_the_file_is_there_and_the_next_start_reclaims_it() {
    const KILLED: &str = "UDSOCK_TEST_ROW_60";
    const TEST: &str =
        "starts::row_60_after_sigkill_the_file_is_there_and_the_next_start_reclaims_it";
    if let Ok(path) = std::env::var(KILLED) {
        let _server = open_server(UDSOCK_STREAM, &path);
        // SAFETY: no pointers.
        unsafe { libc::raise(libc::SIGKILL) };
    }
    let dir = Dir::new();
    let path = dir.path("s");
    for _ in 0..3 {
        let mut killed = Command::new(std::env::current_exe().unwrap())
            .args([TEST, "--exact"])
            .env(KILLED, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        killed.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
        assert!(!killed.wait().unwrap().success());
        assert_eq!(dir.list(), ["s"], "nobody has removed it");
    }
    let server = open_server(UDSOCK_SEQPACKET, &path);
    drop(open_client(UDSOCK_SEQPACKET, &path));
    assert_eq!(server.close(), 0);
    assert_eq!(dir.list(), [""; 0]);
}

#[test]
fn row_62_in_a_sticky_directory_the_files_of_others_stay() {
    const TEST: &str = "row_62_in_a_sticky_directory_the_files_of_others_stay";
    if !is_root() {
        return skip(TEST, "only root can be two users");
    }
    in_child(|| {
        let dir = Dir::new();
        fs::set_permissions(dir.path(""), Permissions::from_mode(0o1777)).unwrap();
        let path = dir.path("s");
        leave_stale(UDSOCK_STREAM, &path);
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        without_rights(|| {
            assert!(fs::remove_file(&path).is_err());
            for flags in [0, UDSOCK_REPLACE] {
                let refusal = try_open_server(UDSOCK_STREAM, &path, Some(&with(flags)));
                let refusal = refusal.expect_err("it is root's");
                assert_eq!(refusal.code, no(libc::EPERM), "{refusal:?}");
            }
        });
        assert_eq!(dir.list(), ["s"]);
    });
}
