//! Rows 83 and 84: file systems that are programs (FUSE), and do less than they say.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use udsock::abi::inspection::*;

use crate::mounts::{Mount, inspect, own_mounts};
use crate::process::{LONG, in_child};
use crate::raw;
use support::*;

/// The program that serves a file system, ended with its owner, and what it has mounted.
struct Served {
    mount: Option<Mount>,
    program: Child,
}

impl Served {
    /// Runs the program until it has mounted something there. Only in a child.
    fn new(command: &mut Command, place: &str) -> Option<Self> {
        let device = fs::metadata(place).unwrap().dev();
        let program = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let mut served = Self { mount: None, program };
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            if fs::metadata(place).is_ok_and(|found| found.dev() != device) {
                served.mount = Some(Mount::at(place));
                return Some(served);
            }
            if served.program.try_wait().is_ok_and(|ended| ended.is_some()) {
                return None;
            }
            sleep(Duration::from_millis(5));
        }
        None
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.mount.take());
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn has_fuse(test: &str, program: &str) -> bool {
    if !Path::new("/dev/fuse").exists() {
        skip(test, "no /dev/fuse on this machine");
        return false;
    }
    has(test, program) && own_mounts(test)
}

fn rename(from: &str, to: &str, flags: u32) -> i64 {
    let (from, to, here) = (c(from), c(to), libc::AT_FDCWD);
    // By its number: musl has no name for it. SAFETY: C strings.
    let result = unsafe {
        libc::syscall(libc::SYS_renameat2, here, from.as_ptr(), here, to.as_ptr(), flags)
    };
    raw::answer(result as isize)
}

#[test]
fn row_83_renames_that_the_file_system_can_t_do() {
    const TEST: &str = "row_83_renames_that_the_file_system_can_t_do";
    in_child(|| {
        if !has_fuse(TEST, "bindfs") {
            return;
        }
        for kind in CONNECTED_KINDS {
            let (below, dir) = (Dir::new(), Dir::new());
            let place = dir.path("");
            let mut bindfs = Command::new("bindfs");
            let Some(_served) = Served::new(bindfs.args(["-f", &below.path(""), &place]), &place)
            else {
                return skip(TEST, "bindfs can't mount");
            };
            let [one, other, free] = ["one", "other", "free"].map(|name| dir.path(name));
            for path in [&one, &other] {
                fs::write(path, "").unwrap();
            }
            assert_eq!(rename(&one, &free, libc::RENAME_NOREPLACE), no(libc::EINVAL), "the trap");
            assert_eq!(rename(&one, &other, libc::RENAME_NOREPLACE), no(libc::EEXIST), "but");
            assert_eq!(rename(&one, &other, libc::RENAME_EXCHANGE), no(libc::EINVAL));
            for path in [&one, &other] {
                fs::remove_file(path).unwrap();
            }
            let server = raw::server(kind, &one);
            fs::hard_link(&one, &free).unwrap();
            assert_eq!(raw::connect(&raw::socket(kind), &one), 0);
            let linked = raw::connect(&raw::socket(kind), &free);
            assert_eq!(linked, no(libc::ECONNREFUSED), "nor is a link the same file");
            drop(server);
            for path in [&one, &free] {
                fs::remove_file(path).unwrap();
            }

            // A takeover: of a free path, of a dead server's, of a live one's; and names that
            // have to be bound under another one first.
            let path = dir.path("s");
            let long = dir.path(&"n".repeat(150));
            let replace = udsock_bind_options { flags: UDSOCK_REPLACE, ..bind_options() };
            for path in [&path, &long] {
                let first = try_open_server(kind, path, Some(&replace)).expect("a free path");
                drop(open_client(kind, path));
                assert!(first.accept(LONG).is_ok());
                let second = try_open_server(kind, path, Some(&replace)).expect("a live server's");
                let client = open_client(kind, path);
                assert!(second.accept(LONG).is_ok(), "the new one is called");
                assert_eq!(first.option(UDSOCK_OPTION_OWNS_FILE), 0);
                assert_eq!(first.close(), 0);
                drop(client);
                drop(open_client(kind, path));
                assert_eq!(dir.list().len(), 1, "no other name is left: {:?}", dir.list());
                assert_eq!(second.close(), 0);
                assert_eq!(dir.list(), [""; 0]);
            }
            drop(raw::server(kind, &path));
            let third = try_open_server(kind, &path, Some(&replace)).expect("a dead server's");
            drop(open_client(kind, &path));
            drop(third);
            drop(raw::server(kind, &path));
            let fourth = open_server(kind, &path);
            assert_eq!(inspect(&path).state, UDSOCK_LIVE);
            drop(fourth);
            assert_eq!(dir.list(), [""; 0]);
        }
    });
}

#[test]
fn row_84_a_mode_and_an_owner_that_are_ignored() {
    const TEST: &str = "row_84_a_mode_and_an_owner_that_are_ignored";
    in_child(|| {
        if !has_fuse(TEST, "ntfs-3g") || !has(TEST, "mkntfs") {
            return;
        }
        let (disk, dir) = (Dir::new(), Dir::new());
        let (image, place) = (disk.path("image"), dir.path(""));
        File::create(&image).unwrap().set_len(16 << 20).unwrap();
        let made = Command::new("mkntfs").args(["-q", "-F", "-Q", &image]).output();
        if !made.is_ok_and(|made| made.status.success()) {
            return lacks(TEST, "mkntfs can't make one");
        }
        let mut ntfs = Command::new("ntfs-3g");
        let Some(_served) = Served::new(ntfs.args(["-o", "no_detach", &image, &place]), &place)
        else {
            return skip(TEST, "ntfs-3g can't mount");
        };
        let mode = |path: &str| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = dir.path("s");
        let server = raw::server(UDSOCK_STREAM, &path);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the trap: success");
        std::os::unix::fs::chown(&path, Some(71_000), Some(72_000)).expect("success");
        let after = fs::metadata(&path).unwrap();
        assert_eq!((mode(&path), after.uid(), after.gid()), (0o777, 0, 0), "and nothing changed");
        drop(server);
        fs::remove_file(&path).unwrap();
        let before = dir.list();

        for kind in KINDS {
            // No mode was asked for, or the one that there is.
            for mode in [0, 0o777] {
                let options = udsock_bind_options { mode, ..bind_options() };
                let server = try_open_server(kind, &path, Some(&options)).expect("as it is");
                drop(open_client(kind, &path));
                assert_eq!(server.close(), 0);
            }
            let user = c("71000");
            let asked = [
                udsock_bind_options { mode: 0o600, ..bind_options() },
                udsock_bind_options { user: user.as_ptr(), ..bind_options() },
                udsock_bind_options { group: user.as_ptr(), ..bind_options() },
            ];
            for (index, options) in asked.iter().enumerate() {
                let refused = try_open_server(kind, &path, Some(options)).map(drop);
                assert!(refused.is_err(), "kind {kind}, {index}: everybody could connect");
                assert_eq!(dir.list(), before, "kind {kind}, {index}: nothing is left");
            }
        }
    });
}
