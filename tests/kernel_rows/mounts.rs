//! Rows 81, 82, 85 and 86: file systems on which a socket file is not what it seems. Each is
//! mounted in a namespace of the test's own.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::{fs, ptr};

use udsock::abi::inspection::*;

use crate::diag;
use crate::process::{LONG, in_child, in_fork, is_root};
use crate::raw;
use support::*;

/// Mounts of the test's own from here on; says if there can be none. Only in a child.
pub fn own_mounts(test: &str) -> bool {
    // SAFETY: C strings and NULL.
    let done = is_root()
        && unsafe {
            let (root, flags) = (c"/".as_ptr(), libc::MS_REC | libc::MS_PRIVATE);
            libc::unshare(libc::CLONE_NEWNS) == 0
                && libc::mount(ptr::null(), root, ptr::null(), flags, ptr::null()) == 0
        };
    if !done {
        skip(test, "this user may not mount");
    }
    done
}

/// Something that is mounted, until it is dropped, which has to be before the directory is
/// removed with all that is in it.
pub struct Mount(String);

impl Mount {
    /// The directory is made.
    pub fn new(
        kind: &str,
        source: &str,
        place: &str,
        flags: u64,
        options: &str,
    ) -> Result<Self, i64> {
        fs::create_dir_all(place).expect("a directory to mount on");
        match mount_on(kind, source, place, flags, options) {
            0 => Ok(Self(place.into())),
            code => Err(code),
        }
    }

    /// What another program, or another call, has mounted there.
    pub fn at(place: &str) -> Self {
        Self(place.into())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // SAFETY: a C string.
        if unsafe { libc::umount2(c(&self.0).as_ptr(), libc::MNT_DETACH) } != 0 {
            // Nothing may remove what is in there.
            std::process::abort();
        }
    }
}

fn mount_on(kind: &str, source: &str, place: &str, flags: u64, options: &str) -> i64 {
    let [kind, source, place, options] = [kind, source, place, options].map(c);
    // SAFETY: C strings.
    raw::answer(unsafe {
        let options = options.as_ptr().cast();
        libc::mount(source.as_ptr(), place.as_ptr(), kind.as_ptr(), flags, options)
    } as isize)
}

pub fn connects(kind: u32, path: &str) -> i64 {
    raw::connect(&raw::socket(kind), path)
}

pub fn inspect(path: &str) -> udsock_inspection {
    // SAFETY: numbers, of which all zero is an inspection.
    let mut out: udsock_inspection = unsafe { std::mem::zeroed() };
    out.size = size_of::<udsock_inspection>() as u32;
    // SAFETY: room for the answer; NULL is allowed.
    let result = unsafe { udsock_inspect(c(path).as_ptr(), &mut out, ptr::null_mut()) };
    assert_eq!(result, 0, "{path}: {}", name_of(result.into()));
    out
}

/// An overlay of two directories, each on a file system of its own.
fn overlay(dir: &Dir) -> Result<(String, [Mount; 3]), i64> {
    let [lower, upper, merged] = ["lower", "upper", "merged"].map(|name| dir.path(name));
    let layers = [&lower, &upper].map(|layer| Mount::new("tmpfs", "tmpfs", layer, 0, "").unwrap());
    let [below, above] = layers;
    for part in ["over", "work"] {
        fs::create_dir(format!("{upper}/{part}")).unwrap();
    }
    let options = format!("lowerdir={lower},upperdir={upper}/over,workdir={upper}/work");
    let mount = Mount::new("overlay", "overlay", &merged, 0, &options)?;
    Ok((merged, [mount, above, below]))
}

#[test]
fn row_81_on_an_overlay_the_device_is_another_one_the_inode_is_not() {
    const TEST: &str = "row_81_on_an_overlay_the_device_is_another_one_the_inode_is_not";
    in_child(|| {
        if !own_mounts(TEST) {
            return;
        }
        for kind in KINDS {
            let dir = Dir::new();
            let (merged, _mounts) = match overlay(&dir) {
                Ok(mounted) => mounted,
                Err(code) => return skip(TEST, &format!("no overlay: {}", name_of(code))),
            };
            let path = format!("{merged}/s");
            let server = raw::server(kind, &path);
            let file = fs::metadata(&path).unwrap();
            let Some((inode, device)) = diag::file_of(&server) else {
                return skip(TEST, "this kernel has no sock_diag");
            };
            assert_eq!(u64::from(inode), file.ino() & 0xffff_ffff, "kind {kind}");
            assert_ne!(diag::encoded(device), file.dev(), "the trap");

            // It is found all the same, also by who may not connect.
            // SAFETY: no pointers.
            let me = unsafe { libc::getpid() };
            let found = inspect(&path);
            assert_eq!((found.state, found.kind, found.pid), (UDSOCK_LIVE, kind, me));
            assert_eq!(try_open_server(kind, &path, None).unwrap_err().code, no(libc::EADDRINUSE));
            fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
            let status = in_fork(|| {
                // SAFETY: no pointers.
                unsafe { assert_eq!(libc::setuid(65_534), 0) };
                inspect(&path).state == UDSOCK_LIVE
            });
            assert_eq!(status, 0, "kind {kind}");
            drop(server);
            assert_eq!(inspect(&path).state, UDSOCK_STALE);
            let own = open_server(kind, &path);
            assert_eq!(own.option(UDSOCK_OPTION_OWNS_FILE), 1);
            assert_eq!(own.close(), 0);
            assert!(!fs::exists(&path).unwrap());
        }
    });
}

#[test]
fn row_81_a_btrfs_shows_another_device_too() {
    const TEST: &str = "row_81_a_btrfs_shows_another_device_too";
    if !has(TEST, "mkfs.btrfs") {
        return;
    }
    in_child(|| {
        if !own_mounts(TEST) {
            return;
        }
        let (dir, image) = (Dir::new(), Dir::new());
        let disk = image.path("disk");
        fs::File::create(&disk).unwrap().set_len(128 << 20).unwrap();
        let run = |command: &[&str]| {
            let ran = std::process::Command::new(command[0]).args(&command[1..]).output();
            ran.is_ok_and(|ran| ran.status.success())
        };
        let place = dir.path("");
        if !run(&["mkfs.btrfs", "-q", &disk]) || !run(&["mount", "-o", "loop", &disk, &place]) {
            return skip(TEST, "a btrfs can't be mounted");
        }
        let mount = Mount::at(&place);
        let path = dir.path("s");
        let server = raw::server(UDSOCK_STREAM, &path);
        let file = fs::metadata(&path).unwrap();
        if let Some((inode, device)) = diag::file_of(&server) {
            assert_eq!(u64::from(inode), file.ino() & 0xffff_ffff);
            assert_ne!(diag::encoded(device), file.dev(), "the trap");
        }
        // SAFETY: no pointers.
        let me = unsafe { libc::getpid() };
        let found = inspect(&path);
        assert_eq!((found.state, found.pid), (UDSOCK_LIVE, me));
        drop(server);
        let own = open_server(UDSOCK_STREAM, &path);
        assert_eq!(own.option(UDSOCK_OPTION_OWNS_FILE), 1);
        drop(own);
        drop(mount);
    });
}

#[test]
fn row_82_a_socket_is_reached_through_the_mount_that_it_was_bound_through() {
    const TEST: &str = "row_82_a_socket_is_reached_through_the_mount_that_it_was_bound_through";
    in_child(|| {
        if !own_mounts(TEST) {
            return;
        }
        let dir = Dir::new();
        let (merged, _mounts) = match overlay(&dir) {
            Ok(mounted) => mounted,
            Err(code) => return skip(TEST, &format!("no overlay: {}", name_of(code))),
        };
        let upper = dir.path("upper/over");
        for kind in CONNECTED_KINDS {
            let server = raw::server(kind, &format!("{merged}/s"));
            assert_eq!(connects(kind, &format!("{merged}/s")), 0);
            assert_eq!(connects(kind, &format!("{upper}/s")), no(libc::ECONNREFUSED), "the trap");
            // A bind mount is the same mount's inode.
            let again = dir.path("again");
            let mount = Mount::new("", &merged, &again, libc::MS_BIND, "").unwrap();
            assert_eq!(connects(kind, &format!("{again}/s")), 0);
            assert_eq!(inspect(&format!("{again}/s")).state, UDSOCK_LIVE);
            let refusal = try_open_server(kind, &format!("{again}/s"), None).unwrap_err();
            assert_eq!(refusal.code, no(libc::EADDRINUSE));
            drop(mount);
            drop(server);
            fs::remove_file(format!("{merged}/s")).unwrap();
        }
        // Of the lower directory the merged one gets a copy, of the same numbers.
        let lower = dir.path("lower/s");
        let _below = raw::server(UDSOCK_STREAM, &lower);
        let path = format!("{merged}/s");
        assert_eq!(connects(UDSOCK_STREAM, &path), no(libc::ECONNREFUSED), "the trap");
        let numbers = || fs::metadata(&path).map(|file| (file.dev(), file.ino())).unwrap();
        let before = numbers();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(numbers(), before, "copying up changes neither");
    });
}

#[test]
fn row_85_where_no_socket_can_be_made() {
    const TEST: &str = "row_85_where_no_socket_can_be_made";
    in_child(|| {
        let refuses = |path: &str, errno: i32| {
            assert_eq!(raw::bind(&raw::socket(UDSOCK_STREAM), path), no(errno), "{path}");
            for kind in KINDS {
                for flags in [0, UDSOCK_REPLACE] {
                    if flags != 0 && kind == UDSOCK_DGRAM {
                        continue; // There is no such takeover.
                    }
                    let options = udsock_bind_options { flags, ..bind_options() };
                    let refusal = try_open_server(kind, path, Some(&options)).unwrap_err();
                    assert_eq!(refusal.code, no(errno), "{refusal:?}");
                }
            }
        };
        refuses("/proc/udsock.sock", libc::ENOENT);
        if !own_mounts(TEST) {
            return;
        }
        let dir = Dir::new();
        let place = dir.path("fs");
        for (kind, errno) in [
            ("sysfs", libc::EPERM),
            ("mqueue", libc::EPERM),
            ("cgroup2", libc::EPERM),
            ("debugfs", libc::EPERM),
            ("bpf", libc::EPERM),
            ("hugetlbfs", 0),
            ("devtmpfs", 0),
        ] {
            let _mount = match Mount::new(kind, kind, &place, 0, "") {
                Ok(mount) => mount,
                Err(code) => {
                    skip(TEST, &format!("no {kind}: {}", name_of(code)));
                    continue;
                }
            };
            let path = format!("{place}/udsock-{}", std::process::id());
            if errno == 0 {
                let server = open_server(UDSOCK_STREAM, &path);
                drop(open_client(UDSOCK_STREAM, &path));
                assert_eq!(server.close(), 0);
                assert!(!fs::exists(&path).unwrap(), "{kind}");
            } else {
                refuses(&path, errno);
            }
        }
    });
}

#[test]
fn row_85_a_socket_in_an_image_has_no_server() {
    const TEST: &str = "row_85_a_socket_in_an_image_has_no_server";
    if !has(TEST, "mksquashfs") {
        return;
    }
    in_child(|| {
        if !own_mounts(TEST) {
            return;
        }
        let (files, out) = (Dir::new(), Dir::new());
        drop(raw::server(UDSOCK_STREAM, &files.path("s")));
        let run = |program: &str, arguments: &[&str]| {
            let ran = std::process::Command::new(program).args(arguments).output();
            ran.is_ok_and(|ran| ran.status.success())
        };
        let (image, place) = (out.path("image"), out.path("place"));
        fs::create_dir(&place).unwrap();
        if !run("mksquashfs", &[&files.path(""), &image, "-quiet"])
            || !run("mount", &["-o", "loop,ro", &image, &place])
        {
            return skip(TEST, "a squashfs can't be mounted");
        }
        let _mount = Mount::at(&place);
        let path = format!("{place}/s");
        assert_eq!(connects(UDSOCK_STREAM, &path), no(libc::ECONNREFUSED));
        assert_eq!(inspect(&path).state, UDSOCK_STALE);
        let refusal = try_open_server(UDSOCK_STREAM, &path, None).unwrap_err();
        assert_eq!(refusal.code, no(libc::EROFS), "{refusal:?}");
    });
}

#[test]
fn row_86_a_socket_file_that_something_is_mounted_on() {
    const TEST: &str = "row_86_a_socket_file_that_something_is_mounted_on";
    in_child(|| {
        if !own_mounts(TEST) {
            return;
        }
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let [source, place] = ["source", "place"].map(|name| dir.path(name));
            let server = raw::server(kind, &source);
            fs::write(&place, "").unwrap();
            assert_eq!(mount_on("", &source, &place, libc::MS_BIND, ""), 0);
            let _mount = Mount::at(&place);
            assert_eq!(connects(kind, &place), 0);
            let busy = Some(libc::EBUSY);
            assert_eq!(fs::remove_file(&place).unwrap_err().raw_os_error(), busy);
            assert_eq!(fs::rename(&place, dir.path("x")).unwrap_err().raw_os_error(), busy);
            drop(server);
            // Nobody serves there, and nobody can: no file is changed, nothing is left.
            let before = dir.list();
            for flags in [0, UDSOCK_REPLACE] {
                let options = udsock_bind_options { flags, ..bind_options() };
                let refusal = try_open_server(kind, &place, Some(&options)).unwrap_err();
                assert_eq!(refusal.code, no(libc::EBUSY), "{refusal:?}");
                assert_eq!(dir.list(), before);
            }
            // From the other side it goes, and the mount stays, dead.
            let own = open_server(kind, &source);
            assert_eq!(connects(kind, &source), 0);
            assert_eq!(connects(kind, &place), no(libc::ECONNREFUSED), "of the file before");
            assert_eq!(own.close(), 0);
        }
    });
}

#[test]
fn row_86_a_file_system_that_was_made_read_only_meanwhile() {
    const TEST: &str = "row_86_a_file_system_that_was_made_read_only_meanwhile";
    in_child(|| {
        if !own_mounts(TEST) {
            return;
        }
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let place = dir.path("fs");
            let _mount = Mount::new("tmpfs", "tmpfs", &place, 0, "").unwrap();
            let path = format!("{place}/s");
            let server = open_server(kind, &path);
            let read_only = libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY;
            assert_eq!(mount_on("tmpfs", "tmpfs", &place, read_only, ""), 0);
            assert_eq!(connects(kind, &path), 0, "connecting writes nothing");
            let refused = fs::remove_file(&path).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::EROFS));
            assert!(server.accept(LONG).is_ok());
            // The file stays, and the socket is closed.
            let code = server.close();
            assert!([0, no(libc::EROFS)].contains(&code), "{}", name_of(code));
            assert_eq!(connects(kind, &path), no(libc::ECONNREFUSED));
            assert_eq!(server.close(), no(libc::EBADF));
        }
    });
}
