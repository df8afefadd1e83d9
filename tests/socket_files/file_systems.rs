//! File systems that do less than others, or something else: what can be kept of the promises
//! is, and what can't be is told.

use std::ffi::CStr;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::ptr;

use crate::calls::*;
use crate::forked::Forked;
use crate::fuse::{Fuse, Peculiar};
use crate::process::{Mounted, in_child, in_fork};
use crate::sandboxes::refuse;
use support::*;

fn names() -> [String; 3] {
    ["s".to_owned(), "n".repeat(100), "n".repeat(255)]
}

#[test]
fn a_mode_or_an_owner_that_is_not_kept_is_told_and_nothing_is_left() {
    const TEST: &str = "a_mode_or_an_owner_that_is_not_kept_is_told_and_nothing_is_left";
    in_child(|| {
        let dir = Dir::new();
        let peculiar = Peculiar { keeps_no_modes: true, ..Peculiar::default() };
        let Some(_fuse) = Fuse::mount(TEST, &dir.path("fuse"), peculiar) else { return };
        let (user, group) = (c("4321"), c("8765"));
        for name in names() {
            let path = dir.path(&format!("fuse/{name}"));
            for kind in KINDS {
                // What was not asked for is not missed.
                let server = open_server(kind, &path);
                serves(&server, kind, &path);
                assert_eq!(server.close(), 0);
                let replaces = if kind == UDSOCK_DGRAM { 0 } else { UDSOCK_REPLACE };
                for flags in [0, UDSOCK_KEEP_FILE, replaces] {
                    let mode = udsock_bind_options { mode: 0o600, ..with_flags(flags) };
                    let user = udsock_bind_options { user: user.as_ptr(), ..with_flags(flags) };
                    let group = udsock_bind_options { group: group.as_ptr(), ..with_flags(flags) };
                    let cases =
                        [(mode, "mode 0777 instead of 0600"), (user, "4321"), (group, "8765")];
                    for (options, words) in cases {
                        for attempt in [
                            try_open_server(kind, &path, Some(&options)),
                            bind_and_listen(kind, &path, &options),
                        ] {
                            let refusal = attempt.expect_err("it is not kept");
                            assert_eq!(refusal.code, no(libc::EOPNOTSUPP), "{refusal:?}");
                            assert!(refusal.message.contains(words), "{refusal:?}");
                        }
                        assert!(fs::symlink_metadata(&path).is_err(), "{name} was left");
                    }
                }
                // What is so can be asked for.
                let options = udsock_bind_options { mode: 0o777, ..bind_options() };
                let server = try_open_server(kind, &path, Some(&options)).unwrap();
                serves(&server, kind, &path);
            }
        }
    });
}

#[test]
fn where_renames_know_no_flags_paths_are_taken_over_all_the_same() {
    const TEST: &str = "where_renames_know_no_flags_paths_are_taken_over_all_the_same";
    in_child(|| {
        let dir = Dir::new();
        let peculiar = Peculiar { knows_no_flags: true, ..Peculiar::default() };
        let Some(_fuse) = Fuse::mount(TEST, &dir.path("fuse"), peculiar) else { return };
        takes_paths_over(|name| dir.path(&format!("fuse/{name}")));
    });
}

/// A filter of system calls is in the way, as in some containers.
#[test]
fn where_renameat2_is_refused_paths_are_taken_over_all_the_same() {
    in_child(|| {
        for errno in [libc::EPERM, libc::EACCES, libc::ENOSYS] {
            let status = in_fork(|| {
                refuse(libc::SYS_renameat2, None, errno);
                let dir = Dir::new();
                takes_paths_over(|name| dir.path(name));
                true
            });
            assert_eq!(status, 0, "{errno}");
        }
    });
}

/// Free paths, dead servers' and live ones'; what is no socket, and what is live without
/// UDSOCK_REPLACE, stays.
fn takes_paths_over(path: impl Fn(&str) -> String) {
    for name in names() {
        let path = path(&name);
        for kind in CONNECTED_KINDS {
            let first = replace(kind, &path).expect("a free path");
            serves(&first, kind, &path);
            let refusal = try_open_server(kind, &path, None).expect_err("it is live");
            assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
            let second = replace(kind, &path).expect("a live server's path");
            serves(&second, kind, &path);
            assert_eq!(first.option(UDSOCK_OPTION_OWNS_FILE), 0);
            assert_eq!((first.close(), second.option(UDSOCK_OPTION_OWNS_FILE)), (0, 1));
            assert_eq!(second.close(), 0);
            assert!(fs::symlink_metadata(&path).is_err());

            // (A file's number that is free is soon another's: what is dead may not be ours.)
            let keep = with_flags(UDSOCK_KEEP_FILE);
            drop(try_open_server(kind, &path, Some(&keep)).expect("a free path"));
            let third = replace(kind, &path).expect("a dead server's path");
            serves(&third, kind, &path);
            drop(third);
            drop(try_open_server(kind, &path, Some(&keep)).expect("a free path"));
            let fourth = open_server(kind, &path);
            serves(&fourth, kind, &path);
            drop(fourth);

            make_a_file(&path);
            for flags in [0, UDSOCK_REPLACE] {
                let refusal = try_open_server(kind, &path, Some(&with_flags(flags)));
                assert_eq!(refusal.expect_err("it is no socket").code, no(libc::EEXIST));
            }
            fs::remove_file(&path).expect("it was left alone");
        }
    }
}

fn make_a_file(path: &str) {
    fs::write(path, "").expect("nothing is there");
}

#[test]
fn a_file_system_without_sockets_is_told() {
    const TEST: &str = "a_file_system_without_sockets_is_told";
    in_child(|| {
        let dir = Dir::new();
        let peculiar = Peculiar { makes_no_sockets: true, ..Peculiar::default() };
        let Some(_fuse) = Fuse::mount(TEST, &dir.path("fuse"), peculiar) else { return };
        refuses(&dir.path("fuse/s"), libc::EIO, "not every file system can");
        let queues = dir.path("queues");
        if mount(c"mqueue", &queues, c"mqueue", 0, c"") {
            refuses(&format!("{queues}/s"), libc::EPERM, "not every file system can");
        } else {
            skip(TEST, "mqueue can't be mounted");
        }
    });
}

#[test]
fn a_mount_on_which_this_user_has_no_number_is_told() {
    const TEST: &str = "a_mount_on_which_this_user_has_no_number_is_told";
    in_child(|| {
        let dir = Dir::new();
        let Some(_disk) = Mounted::new(TEST, &dir.path("disk"), 0, "") else { return };
        if !mount_for_others(&dir.path("disk"), &dir.path("mapped")) {
            return skip(TEST, "no mount can be idmapped here");
        }
        refuses(&dir.path("mapped/s"), libc::EOVERFLOW, "idmapped");
        // SAFETY: a C string.
        unsafe { libc::umount2(c(&dir.path("mapped")).as_ptr(), libc::MNT_DETACH) };
    });
}

/// The same file system once more, on which the users from 100000 on are those from 0 on, and
/// no others have a number.
fn mount_for_others(directory: &str, place: &str) -> bool {
    const MOUNT_ATTR_IDMAP: u64 = 0x10_0000;
    const MOVE_MOUNT_F_EMPTY_PATH: i32 = 4;
    fs::create_dir_all(place).expect("a directory to mount on");
    let others = Forked::holding(|| {
        // SAFETY: no pointers.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWUSER) }, 0);
    });
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{map}", others.pid()), "0 100000 10").expect("root may");
    }
    let Ok(numbers) = fs::File::open(format!("/proc/{}/ns/user", others.pid())) else {
        return false;
    };
    let attributes = [MOUNT_ATTR_IDMAP, 0, 0, numbers.as_raw_fd() as u64];
    let (directory, place, empty) = (c(directory), c(place), c"".as_ptr());
    let (at, flags) = (libc::AT_FDCWD, libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC);
    // SAFETY: C strings, and attributes of this size.
    unsafe {
        let tree = libc::syscall(libc::SYS_open_tree, at, directory.as_ptr(), flags);
        let size = size_of_val(&attributes);
        let setattr = libc::SYS_mount_setattr;
        tree >= 0
            && libc::syscall(setattr, tree, empty, libc::AT_EMPTY_PATH, &attributes, size) == 0
            && libc::syscall(
                libc::SYS_move_mount,
                tree,
                empty,
                at,
                place.as_ptr(),
                MOVE_MOUNT_F_EMPTY_PATH,
            ) == 0
    }
}

/// A start of every kind fails so, in these words, and leaves nothing.
fn refuses(path: &str, errno: i32, words: &str) {
    for kind in KINDS {
        for attempt in
            [try_open_server(kind, path, None), bind_and_listen(kind, path, &bind_options())]
        {
            let refusal = attempt.expect_err("it can't be");
            assert_eq!(refusal.code, no(errno), "{refusal:?}");
            assert!(refusal.message.contains(words), "{refusal:?}");
        }
    }
}

/// In a mount namespace of this process's own. Whether it was possible.
fn mount(what: &CStr, place: &str, kind: &CStr, flags: u64, options: &CStr) -> bool {
    fs::create_dir_all(place).expect("a directory to mount on");
    mount_on(what, place, kind, flags, options)
}

fn mount_on(what: &CStr, place: &str, kind: &CStr, flags: u64, options: &CStr) -> bool {
    let place = c(place);
    // SAFETY: C strings and NULL.
    unsafe {
        libc::unshare(libc::CLONE_NEWNS) == 0
            && libc::mount(
                ptr::null(),
                c"/".as_ptr(),
                ptr::null(),
                libc::MS_REC | libc::MS_PRIVATE,
                ptr::null(),
            ) == 0
            && libc::mount(
                what.as_ptr(),
                place.as_ptr(),
                kind.as_ptr(),
                flags,
                options.as_ptr().cast(),
            ) == 0
    }
}

#[test]
fn a_path_on_which_something_is_mounted_is_told() {
    const TEST: &str = "a_path_on_which_something_is_mounted_is_told";
    in_child(|| {
        let dir = Dir::new();
        let (source, path) = (dir.path("source"), dir.path("s"));
        make_stale(UDSOCK_STREAM, &source);
        make_a_file(&path);
        if !mount_on(&c(&source), &path, c"", libc::MS_BIND, c"") {
            return skip(TEST, "a file can't be mounted");
        }
        for flags in [0, UDSOCK_REPLACE] {
            let refusal = try_open_server(UDSOCK_STREAM, &path, Some(&with_flags(flags)));
            let refusal = refusal.expect_err("it can't be taken");
            assert_eq!(refusal.code, no(libc::EBUSY), "{refusal:?}");
            assert!(refusal.message.contains("mounted"), "{refusal:?}");
        }
        assert_eq!(dir.list(), ["s", "source"]);
        // SAFETY: a C string.
        unsafe { libc::umount2(c(&path).as_ptr(), libc::MNT_DETACH) };
    });
}

/// An overlay over two file systems: its files have a device of their own.
fn overlay(test: &str, dir: &Dir) -> Option<Mounted> {
    let mounted = Mounted::new(test, &dir.path("disk"), 0, "")?;
    for name in ["lower", "disk/upper", "disk/work", "merged"] {
        fs::create_dir(dir.path(name)).expect("a new directory");
    }
    let [lower, upper, work] = ["lower", "disk/upper", "disk/work"].map(|name| dir.path(name));
    let options = c(&format!("lowerdir={lower},upperdir={upper},workdir={work}"));
    if !mount_on(c"overlay", &dir.path("merged"), c"overlay", 0, &options) {
        skip(test, "an overlay can't be mounted");
        return None;
    }
    Some(mounted)
}

#[test]
fn a_server_on_an_overlay_is_named() {
    const TEST: &str = "a_server_on_an_overlay_is_named";
    in_child(|| {
        let dir = Dir::new();
        let Some(_disk) = overlay(TEST, &dir) else { return };
        let path = dir.path("merged/s");
        for kind in KINDS {
            let server = open_server(kind, &path);
            let found = inspect(&path);
            let pid = std::process::id() as i32;
            assert_eq!((found.state, found.kind, found.pid), (UDSOCK_LIVE, kind, pid));
            let refusal = try_open_server(kind, &path, None).expect_err("it is live");
            assert!(refusal.message.contains(&format!("pid {pid}")), "{refusal:?}");
            serves(&server, kind, &path);
        }
        // SAFETY: a C string.
        unsafe { libc::umount2(c(&dir.path("merged")).as_ptr(), libc::MNT_DETACH) };
    });
}

/// What the header excepts: through another layer a live server looks dead, to everyone.
#[test]
fn a_server_behind_another_layer_looks_dead_to_clients_too() {
    const TEST: &str = "a_server_behind_another_layer_looks_dead_to_clients_too";
    in_child(|| {
        let dir = Dir::new();
        let Some(_disk) = overlay(TEST, &dir) else { return };
        let (above, below) = (dir.path("merged/s"), dir.path("disk/upper/s"));
        let server = open_server(UDSOCK_STREAM, &above);
        serves(&server, UDSOCK_STREAM, &above);
        assert_eq!(inspect(&below).state, UDSOCK_STALE);
        let refusal = try_open_client(UDSOCK_STREAM, &below, None).expect_err("another inode");
        assert_eq!(refusal.code, no(libc::ECONNREFUSED));
        drop(server);
        // SAFETY: a C string.
        unsafe { libc::umount2(c(&dir.path("merged")).as_ptr(), libc::MNT_DETACH) };
    });
}

/// Two file systems whose files have the same numbers: the other's server is not ours.
#[test]
fn a_server_on_another_file_system_is_not_named() {
    const TEST: &str = "a_server_on_another_file_system_is_not_named";
    in_child(|| {
        let dir = Dir::new();
        let Some(_one) = Mounted::new(TEST, &dir.path("one"), 0, "") else { return };
        let Some(_other) = Mounted::new(TEST, &dir.path("other"), 0, "") else { return };
        let paths = ["one/s", "other/s"].map(|name| dir.path(name));
        let server = open_server(UDSOCK_STREAM, &paths[0]);
        make_stale(UDSOCK_DGRAM, &paths[1]);
        let [one, other] = paths.each_ref().map(|path| fs::symlink_metadata(path).unwrap());
        assert_eq!(one.ino(), other.ino(), "the first file of each");
        let found = inspect(&paths[1]);
        assert_eq!((found.state, found.kind, found.pid), (UDSOCK_STALE, 0, 0));
        drop(server);
    });
}
