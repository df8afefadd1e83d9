//! In a directory that is the root of its processes, without /proc: what needs none works, and
//! what does need it says so.

use std::fs::{self, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::calls::*;
use crate::forked::Forked;
use crate::process::{in_child, is_root, without_rights};
use support::*;

/// In a child whose root is an empty directory, as root and as who may not do everything.
fn without_proc(test: &str, body: impl Fn()) {
    in_child(|| {
        if !is_root() {
            return skip(test, "only root changes the root");
        }
        let dir = Dir::new();
        let place = c(&dir.path(""));
        fs::set_permissions(dir.path(""), Permissions::from_mode(0o777)).unwrap();
        let before = fs::File::open("/").expect("the root");
        // SAFETY: a C string.
        assert_eq!(unsafe { libc::chroot(place.as_ptr()) }, 0);
        std::env::set_current_dir("/").unwrap();
        assert!(!Path::new("/proc").exists());
        body();
        assert_eq!(fs::read_dir("/").unwrap().count(), 0, "something was left");
        without_rights(&body);
        assert_eq!(fs::read_dir("/").unwrap().count(), 0, "something was left");
        // Back to where the directory can be removed.
        // SAFETY: a descriptor of ours, and a C string.
        unsafe {
            assert_eq!(libc::fchdir(before.as_raw_fd()), 0);
            assert_eq!(libc::chroot(c".".as_ptr()), 0);
        }
    });
}

const PATHS: [&str; 3] = ["/s", "s", "./s"];

#[test]
fn a_dead_server_is_told_from_a_live_one() {
    without_proc("a_dead_server_is_told_from_a_live_one", || {
        for (path, kind) in PATHS.iter().flat_map(|path| KINDS.map(|kind| (*path, kind))) {
            let live = Forked::holding(|| open_server(kind, path));
            let found = inspect(path);
            assert_eq!((found.state, found.kind), (UDSOCK_LIVE, kind));
            for attempt in
                [try_open_server(kind, path, None), bind_and_listen(kind, path, &bind_options())]
            {
                let refusal = attempt.expect_err("it is live");
                assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
            }
            drop(live);
            assert_eq!(inspect(path).state, UDSOCK_STALE);
            let no_reclaim = with_flags(UDSOCK_NO_RECLAIM);
            let refusal = try_open_server(kind, path, Some(&no_reclaim)).expect_err("it is there");
            assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
            let server = open_server(kind, path);
            serves(&server, kind, path);
            assert_eq!(server.close(), 0);
            assert_eq!(inspect(path).state, UDSOCK_ABSENT);
        }
    });
}

#[test]
fn paths_are_taken_over() {
    without_proc("paths_are_taken_over", || {
        for (path, kind) in PATHS.iter().flat_map(|path| CONNECTED_KINDS.map(|it| (*path, it))) {
            drop(Forked::holding(|| bind_to_replace(kind, path)));
            let old = replace(kind, path).unwrap();
            let new = replace(kind, path).unwrap();
            serves(&new, kind, path);
            assert_eq!((old.close(), new.close()), (0, 0));
        }
    });
}

#[test]
fn modes_and_owners_are_as_asked() {
    without_proc("modes_and_owners_are_as_asked", || {
        let (uid, gid) = (my_uid(), my_gid());
        let owner = if uid == 0 { (4321, 8765) } else { (uid, gid) };
        let (user, group) = (c(&owner.0.to_string()), c(&owner.1.to_string()));
        for umask in [0, 0o022, 0o777] {
            set_umask(umask);
            for (kind, mode) in KINDS.iter().flat_map(|kind| [(*kind, 0), (*kind, 0o766)]) {
                for owned in [false, true] {
                    let mut options = udsock_bind_options { mode, ..bind_options() };
                    if owned {
                        (options.user, options.group) = (user.as_ptr(), group.as_ptr());
                    }
                    let server = match try_open_server(kind, "/s", Some(&options)) {
                        // Without fchmodat2(2), too.
                        Err(refusal) if refusal.message.contains("/proc") => continue,
                        server => server.unwrap(),
                    };
                    let file = fs::symlink_metadata("/s").unwrap();
                    let expected = if mode == 0 { 0o777 & !umask } else { mode };
                    assert_eq!(file.mode() & 0o7777, expected, "{umask:o} {mode:o} {owned}");
                    let whose = if owned { owner } else { (uid, gid) };
                    assert_eq!((file.uid(), file.gid()), whose);
                    assert_eq!(server.close(), 0);
                }
            }
        }
        set_umask(0o022);
    });
}

/// Who may not connect is told it is live; to its owner, who may change that, it is dead.
#[test]
fn a_file_that_lets_nobody_in_is_looked_behind() {
    without_proc("a_file_that_lets_nobody_in_is_looked_behind", || {
        for kind in KINDS {
            make_stale(kind, "/s");
            fs::set_permissions("/s", Permissions::from_mode(0o000)).unwrap();
            let server = open_server(kind, "/s");
            serves(&server, kind, "/s");
        }
    });
}

/// It could not be bound, probed or reached but through a descriptor.
#[test]
fn a_long_path_says_what_is_missing() {
    without_proc("a_long_path_says_what_is_missing", || {
        let way = format!("/{}s", "./".repeat(60));
        for kind in KINDS {
            let attempts =
                [try_open_server(kind, &way, None), bind_and_listen(kind, &way, &bind_options())];
            for attempt in attempts {
                let refusal = attempt.expect_err("it can't be bound");
                assert_eq!(refusal.code, no(libc::ENOENT), "{refusal:?}");
                assert!(refusal.message.contains("/proc"), "{refusal:?}");
            }
            let server = open_server(kind, "/s");
            let refusal = try_open_client(kind, &way, None).expect_err("it can't be reached");
            assert_eq!(refusal.code, no(libc::ENOENT), "{refusal:?}");
            assert!(refusal.message.contains("/proc"), "{refusal:?}");
            let waits = udsock_connect_options {
                flags: UDSOCK_RETRY,
                timeout_ms: 60_000,
                ..connect_options()
            };
            let refusal = try_open_client(kind, &way, Some(&waits)).expect_err("nor by waiting");
            assert_eq!(refusal.code, no(libc::ENOENT), "{refusal:?}");
            assert!(refusal.message.contains("/proc"), "{refusal:?}");
            let refusal = try_inspect(&way).err().expect("it can't be probed");
            assert_eq!(refusal.code, no(libc::ENOENT), "{refusal:?}");
            assert!(refusal.message.contains("/proc"), "{refusal:?}");
            drop(server);
            // A long name in a directory whose path is short needs a private name only.
            let name = format!("/{}", "n".repeat(255));
            assert_eq!(open_server(kind, &name).close(), 0);
        }
    });
}
