//! Rows 1 and 5 to 8: binding, and what stands in its way.

use std::fs::{self, Permissions};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::process::{Mounted, in_child};
use crate::raw;
use support::*;

fn mode_of(path: &str) -> u32 {
    fs::symlink_metadata(path).expect("it is there").mode() & 0o7777
}

fn set_umask(umask: u32) -> u32 {
    // SAFETY: no pointers.
    unsafe { libc::umask(umask) }
}

fn with_mode(mode: u32) -> udsock_bind_options {
    udsock_bind_options { mode, ..bind_options() }
}

#[test]
fn row_01_the_mode_is_exact_whatever_the_umask() {
    in_child(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        set_umask(0o022);
        let socket = raw::socket(UDSOCK_STREAM);
        // SAFETY: no pointers.
        assert_eq!(unsafe { libc::fchmod(socket.as_raw_fd(), 0o666) }, 0);
        assert_eq!(raw::bind(&socket, &path), 0);
        assert_eq!(mode_of(&path), 0o644, "the kernel takes the umask away");
        fs::remove_file(&path).unwrap();

        let long = dir.path(&"n".repeat(255));
        for umask in [0, 0o022, 0o077, 0o777] {
            set_umask(umask);
            for (kind, path) in KINDS.iter().flat_map(|&kind| [(kind, &path), (kind, &long)]) {
                for mode in [0o600, 0o660, 0o666, 0o777, 0o001, 0o622, 0o200, 0o7777] {
                    let server = try_open_server(kind, path, Some(&with_mode(mode))).unwrap();
                    assert_eq!(mode_of(path), mode, "mode {mode:o}, umask {umask:o}");
                    assert_eq!(server.close(), 0);
                }
                let server = try_open_server(kind, path, Some(&with_mode(0))).unwrap();
                assert_eq!(mode_of(path), 0o777 & !umask, "umask {umask:o}");
                drop(server);
            }
            assert_eq!(set_umask(umask), umask, "the umask is the program's");
        }
        assert_eq!(dir.list(), [""; 0]);
    });
}

#[test]
fn row_01_the_mode_is_never_wider_for_a_moment() {
    in_child(|| {
        for (umask, mode) in [(0, 0o600), (0o077, 0o660), (0o777, 0o222)] {
            let dir = Dir::new();
            set_umask(umask);
            let path = dir.path("s");
            let done = AtomicBool::new(false);
            let wider = thread::scope(|scope| {
                let watcher = scope.spawn(|| {
                    let mut seen = 0;
                    while !done.load(Ordering::Relaxed) {
                        seen |= fs::symlink_metadata(&path).map_or(0, |file| file.mode() & 0o7777);
                    }
                    seen & !mode
                });
                let count = repeat("UDSOCK_MODE_COUNT", 500);
                let options = with_mode(mode);
                let all = (0..count)
                    .all(|_| try_open_server(UDSOCK_STREAM, &path, Some(&options)).is_ok());
                done.store(true, Ordering::Relaxed);
                assert!(all);
                watcher.join().unwrap()
            });
            assert_eq!(wider, 0, "seen {wider:o} beyond {mode:o} under umask {umask:o}");
        }
    });
}

/// All that would tell that something was changed.
fn look(path: &str) -> (u64, u64, u32, u64, i64, i64) {
    let file = fs::symlink_metadata(path).expect("it is there");
    (file.dev(), file.ino(), file.mode(), file.size(), file.mtime(), file.mtime_nsec())
}

/// Makes something at a path. `None`: this user can't. A socket lives on in the vector.
type Make = fn(&str) -> Option<Vec<OwnedFd>>;

/// Nothing has to live on.
fn nobody(_done: ()) -> Vec<OwnedFd> {
    Vec::new()
}

fn bound(kind: u32, path: &str) -> Option<OwnedFd> {
    let socket = raw::socket(kind);
    // A name of 255 bytes is not for sun_path.
    let short = format!("{}/.short", path.rsplit_once('/').unwrap().0);
    assert_eq!(raw::bind(&socket, &short), 0);
    fs::rename(&short, path).ok().map(|()| socket)
}

/// What makes it, the code and the word for it.
const THINGS: [(Make, i32, &str); 11] = [
    (|path| fs::write(path, "kept").ok().map(nobody), libc::EEXIST, "a regular file"),
    (|path| fs::create_dir(path).ok().map(nobody), libc::EEXIST, "a directory"),
    (|path| symlink("/", path).ok().map(nobody), libc::EEXIST, "a symbolic link"),
    (|path| symlink("nowhere", path).ok().map(nobody), libc::EEXIST, "a symbolic link"),
    (|path| symlink(path, path).ok().map(nobody), libc::EEXIST, "a symbolic link"),
    (|path| raw::make_fifo(path).then(Vec::new), libc::EEXIST, "a fifo"),
    (|path| raw::make_device(path).then(Vec::new), libc::EEXIST, "a device"),
    (|path| bound(UDSOCK_STREAM, path).map(drop).map(nobody), libc::EADDRINUSE, STALE),
    (|path| bound(UDSOCK_STREAM, path).map(|s| vec![s]), libc::EADDRINUSE, "a live stream"),
    (|path| bound(UDSOCK_DGRAM, path).map(|s| vec![s]), libc::EADDRINUSE, "a live datagram"),
    (
        |path| {
            let server = bound(UDSOCK_SEQPACKET, path)?;
            (raw::listen(&server, 1) == 0).then(|| vec![server])
        },
        libc::EADDRINUSE,
        "a live seqpacket",
    ),
];

const STALE: &str = "of a server that has gone";

#[test]
fn row_05_whatever_is_at_the_path_is_named_and_left_alone() {
    let long = "n".repeat(255);
    for ((make, errno, word), name) in
        THINGS.iter().flat_map(|thing| [(thing, "thing"), (thing, &long)])
    {
        let dir = Dir::new();
        let path = dir.path(name);
        let Some(_alive) = make(&path) else {
            assert_eq!(*word, "a device", "only that is not for everyone to make");
            continue;
        };
        let before = look(&path);
        for kind in KINDS {
            if name == "thing" {
                let trap = raw::bind(&raw::socket(kind), &path);
                assert_eq!(trap, no(libc::EADDRINUSE), "the kernel does not say what is there");
            }
            let mut options = bind_options();
            options.flags = UDSOCK_NO_RECLAIM;
            let refusal = try_open_server(kind, &path, Some(&options)).unwrap_err();
            assert_eq!(refusal.code, no(*errno), "{word}: {refusal:?}");
            assert!(refusal.message.contains(word), "{word}: {refusal:?}");
            if *word == STALE {
                continue;
            }
            let refusal = create(kind).bind(&path).unwrap_err();
            assert_eq!(refusal.code, no(*errno), "{word}: {refusal:?}");
        }
        assert_eq!(look(&path), before, "{word}");
        assert_eq!(dir.list(), [name], "{word}: no link was followed and nothing left");
        if fs::symlink_metadata(&path).unwrap().is_file() {
            assert_eq!(fs::read(&path).unwrap(), b"kept");
        }
    }
}

#[test]
fn row_05_a_live_server_goes_on() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let path = dir.path("s");
        let server = open_server(kind, &path);
        for other in KINDS {
            let refusal = try_open_server(other, &path, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
        }
        let client = open_client(kind, &path);
        client.send(b"x", 0);
        assert_eq!(server.accept(0).expect("only the client").recv(0).unwrap(), b"x");
        assert_eq!(server.accept(0).unwrap_err(), no(libc::EAGAIN), "nobody else came");
    }
}

#[test]
fn row_06_what_is_wrong_with_the_path_is_told() {
    let dir = Dir::new();
    let deep = dir.path(&"d".repeat(200));
    for directory in [dir.path("short"), deep] {
        fs::create_dir(&directory).unwrap();
        fs::write(format!("{directory}/file"), "").unwrap();
        symlink("loop", format!("{directory}/loop")).unwrap();
        let long = |name: &str| format!("{directory}/{name}/{}", "n".repeat(200));
        let cases = [
            (format!("{directory}/missing/s"), libc::ENOENT),
            (format!("{directory}/file/s"), libc::ENOTDIR),
            (format!("{directory}/loop/s"), libc::ELOOP),
            (long("missing"), libc::ENOENT),
            (long("file"), libc::ENOTDIR),
            (long("loop"), libc::ELOOP),
            (format!("{directory}/{}", "n".repeat(256)), libc::ENAMETOOLONG),
            (format!("{directory}/{}", "n/".repeat(2048)), libc::ENAMETOOLONG),
        ];
        for (path, errno) in cases {
            if path.len() < 108 {
                assert_eq!(raw::bind(&raw::socket(UDSOCK_STREAM), &path), no(errno), "{path}");
            }
            for kind in KINDS {
                let refusal = try_open_server(kind, &path, None).unwrap_err();
                assert_eq!(refusal.code, no(errno), "{path}: {refusal:?}");
                assert!(refusal.message.starts_with("open server "), "{refusal:?}");
            }
        }
        // The kernel says ENOENT, which leaves the reader to guess what is missing.
        for name in ["new/", ".", "..", "./"] {
            let path = format!("{directory}/{name}");
            let refusal = try_open_server(UDSOCK_STREAM, &path, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::EINVAL), "{path}: {refusal:?}");
            assert!(refusal.message.contains("directory"), "{refusal:?}");
        }
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "nothing was made");
    }
}

#[test]
fn row_06_a_directory_that_is_gone() {
    in_child(|| {
        let dir = Dir::new();
        let gone = dir.path("gone");
        fs::create_dir(&gone).unwrap();
        std::env::set_current_dir(&gone).unwrap();
        fs::remove_dir(&gone).unwrap();
        let long = "n".repeat(200);
        for name in ["s", "./s", &long] {
            let refusal = try_open_server(UDSOCK_STREAM, name, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::ENOENT), "{refusal:?}");
        }
        std::env::set_current_dir("/").unwrap();
    });
}

#[test]
fn row_06_no_write_permission_and_no_search_permission() {
    in_child(|| {
        let dir = Dir::new();
        let closed = dir.path("closed");
        fs::create_dir(&closed).unwrap();
        for mode in [0o555, 0o666] {
            fs::set_permissions(&closed, Permissions::from_mode(mode)).unwrap();
            crate::process::without_rights(|| {
                for path in [format!("{closed}/s"), format!("{closed}/{}", "n".repeat(200))] {
                    let refusal = try_open_server(UDSOCK_STREAM, &path, None).unwrap_err();
                    assert_eq!(refusal.code, no(libc::EACCES), "{mode:o}: {refusal:?}");
                }
            });
        }
        fs::set_permissions(&closed, Permissions::from_mode(0o755)).unwrap();
    });
}

#[test]
fn row_06_a_file_system_that_takes_nothing() {
    in_child(|| {
        let cases = [
            (libc::MS_RDONLY, "", libc::EROFS),
            // The root directory is the one inode.
            (0, "nr_inodes=1", libc::ENOSPC),
        ];
        for (flags, options, errno) in cases {
            let dir = Dir::new();
            let place = dir.path("mounted");
            let Some(_mounted) =
                Mounted::new("row_06_a_file_system_that_takes_nothing", &place, flags, options)
            else {
                return;
            };
            for path in [format!("{place}/s"), format!("{place}/{}", "n".repeat(200))] {
                let refusal = try_open_server(UDSOCK_STREAM, &path, None).unwrap_err();
                assert_eq!(refusal.code, no(errno), "{refusal:?}");
            }
        }
    });
}

#[test]
fn row_07_a_socket_is_bound_once() {
    for kind in KINDS {
        let dir = Dir::new();
        let (one, other) = (dir.path("one"), dir.path("other"));
        let long = dir.path(&"n".repeat(255));
        let trap = raw::socket(kind);
        assert_eq!(raw::bind(&trap, &one), 0);
        assert_eq!(raw::bind(&trap, &other), no(libc::EINVAL));
        assert_eq!(raw::bind(&trap, &one), no(libc::EADDRINUSE));
        // Linux 5.10's own bind leaves the file of the name that it refuses (row 92).
        let _ = fs::remove_file(&other);
        // One that we did not bind ourselves.
        let adopted = adopt(trap.into_raw_fd()).unwrap();
        for path in [&other, &long] {
            assert_eq!(adopted.bind(path).unwrap_err().code, no(libc::EINVAL));
        }
        assert_eq!(dir.list(), ["one"]);

        let socket = create(kind);
        socket.bind(&other).unwrap();
        for path in [&one, &other, &long, &"@".to_owned()] {
            assert_eq!(socket.bind(path).unwrap_err().code, no(libc::EINVAL), "{path}");
        }
        if kind != UDSOCK_DGRAM {
            assert_eq!(socket.listen(1), 0);
            assert_eq!(socket.bind(&long).unwrap_err().code, no(libc::EINVAL));
        }
        assert_eq!(socket.local_address().unwrap(), other);
        assert_eq!(socket.close(), 0);
        assert_eq!(dir.list(), ["one"], "its file went, and no other");
    }
}

#[test]
fn row_07_the_kernel_does_not_pick_a_second_name() {
    for kind in KINDS {
        let dir = Dir::new();
        let trap = raw::socket(kind);
        assert_eq!(raw::bind(&trap, dir.path("trap")), 0);
        assert_eq!(raw::bind(&trap, ""), 0, "and yet the name stays");
        let adopted = adopt(trap.into_raw_fd()).unwrap();
        let picked = create(kind);
        picked.bind("@").unwrap();
        for socket in [adopted, picked] {
            let name = socket.local_address().unwrap();
            assert_eq!(socket.bind("@").unwrap_err().code, no(libc::EINVAL));
            assert_eq!(socket.local_address().unwrap(), name);
        }
    }
}

#[test]
fn row_07_bind_after_connect_and_on_one_of_a_pair() {
    for kind in KINDS {
        let dir = Dir::new();
        let (one, _other) = pair(kind);
        one.bind(&dir.path("one")).unwrap();
        assert_eq!(dir.list(), ["one"]);
        drop(one);
        assert_eq!(dir.list(), [""; 0]);

        let server = open_server(kind, &dir.path("server"));
        let client = open_client(kind, &dir.path("server"));
        client.bind(&dir.path("client")).unwrap();
        client.send(b"x", 0);
        let seen = match kind {
            UDSOCK_DGRAM => server.recv_from(0).unwrap().1,
            _ => server.accept(0).unwrap().remote_address().unwrap(),
        };
        assert_eq!(seen, dir.path("client"));
        drop((client, server));
        assert_eq!(dir.list(), [""; 0]);
    }
}

#[test]
fn row_08_a_file_system_is_free_once_its_socket_is_closed() {
    in_child(|| {
        let dir = Dir::new();
        let place = dir.path("mounted");
        let Some(mounted) =
            Mounted::new("row_08_a_file_system_is_free_once_its_socket_is_closed", &place, 0, "")
        else {
            return;
        };
        for name in ["s".to_owned(), "n".repeat(200)] {
            let path = format!("{place}/{name}");
            let server = open_server(UDSOCK_STREAM, &path);
            let client = open_client(UDSOCK_STREAM, &path);
            assert_eq!(mounted.unmount(0), no(libc::EBUSY), "a bound socket pins it");
            assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
            assert_eq!(server.close(), 0);
            assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
            drop(client);
        }
        assert_eq!(mounted.unmount(0), 0, "nothing of ours holds it any more");
    });
}
