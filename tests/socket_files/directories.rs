//! Directories in which not everything is allowed.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::ptr;

use crate::calls::*;
use crate::forked::Forked;
use crate::process::{Mounted, in_child, is_root, without_rights};
use support::*;

fn set_mode(path: &str, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn in_a_sticky_directory_everyone_keeps_his_own() {
    in_child(|| {
        if !is_root() {
            let test = "in_a_sticky_directory_everyone_keeps_his_own";
            return skip(test, "only root can be two users");
        }
        for kind in KINDS {
            let dir = Dir::new();
            set_mode(&dir.path(""), 0o1777);
            set_umask(0);
            let (stale, live) = (dir.path("stale"), dir.path("live"));
            make_stale(kind, &stale);
            let server = open_server(kind, &live);
            let before = (look(&stale), look(&live), dir.list());
            let descriptors = open_descriptors();
            without_rights(|| {
                let refusal = try_open_server(kind, &stale, None).unwrap_err();
                assert_eq!(refusal.code, no(libc::EPERM), "{refusal:?}");
                assert!(refusal.message.contains(&stale), "{refusal:?}");
                assert_eq!(inspect(&stale).state, UDSOCK_STALE);
                let refusal = try_open_server(kind, &live, None).unwrap_err();
                assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
                if kind != UDSOCK_DGRAM {
                    for path in [&stale, &live] {
                        let refusal = replace(kind, path).unwrap_err();
                        assert_eq!(refusal.code, no(libc::EPERM), "{path}: {refusal:?}");
                    }
                }
            });
            assert_eq!((look(&stale), look(&live), dir.list()), before);
            assert_eq!(open_descriptors(), descriptors);
            nobody_came(&server, kind);
            serves(&server, kind, &live);
            // Of his own he may.
            without_rights(|| {
                let own = dir.path("own");
                make_stale(kind, &own);
                let first = open_server(kind, &own);
                if kind != UDSOCK_DGRAM {
                    let second = replace(kind, &own).unwrap();
                    serves(&second, kind, &own);
                }
                assert_eq!(first.close(), 0);
                assert!(!exists(&own));
            });
        }
    });
}

#[test]
fn a_file_that_became_another_users_in_a_sticky_directory_can_not_be_removed() {
    in_child(|| {
        if !is_root() {
            let test = "a_file_that_became_another_users_in_a_sticky_directory_can_not_be_removed";
            return skip(test, "only root gives files away");
        }
        for kind in KINDS {
            let dir = Dir::new();
            set_mode(&dir.path(""), 0o1777);
            let path = dir.path("s");
            let server = without_rights(|| open_server(kind, &path));
            chown(&path, Some(0), Some(0)).unwrap();
            without_rights(|| {
                assert_eq!(server.close(), no(libc::EPERM), "closing says so");
                assert_eq!(server.close(), no(libc::EBADF), "and closes all the same");
            });
            assert_eq!(inspect(&path).state, UDSOCK_STALE);
        }
    });
}

/// Who may enter and write a directory, but not list it, can serve in it.
#[test]
fn a_directory_that_may_not_be_read() {
    as_everyone(|| {
        for kind in KINDS {
            for (mode, name) in
                [(0o300, "s".to_owned()), (0o300, "n".repeat(255)), (0o333, "s".into())]
            {
                let dir = Dir::new();
                let closed = dir.path("closed");
                fs::create_dir(&closed).unwrap();
                set_mode(&closed, mode);
                let path = format!("{closed}/{name}");
                let descriptors = open_descriptors();
                let server = open_server(kind, &path);
                serves(&server, kind, &path);
                let refusal = try_open_server(kind, &path, None).unwrap_err();
                assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
                assert_eq!(server.close(), 0);
                assert!(!exists(&path));

                drop(Forked::holding(|| open_server(kind, &path)));
                assert_eq!(inspect(&path).state, UDSOCK_STALE);
                let server = open_server(kind, &path);
                serves(&server, kind, &path);
                if kind != UDSOCK_DGRAM {
                    let second = replace(kind, &path).unwrap();
                    assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 0);
                    serves(&second, kind, &path);
                }
                assert_eq!(server.close(), 0);
                assert_eq!(open_descriptors(), descriptors);
                set_mode(&closed, 0o700);
                assert_eq!(fs::read_dir(&closed).unwrap().count(), 0, "{mode:o}");
            }
        }
    });
}

#[test]
fn a_directory_that_may_not_be_written() {
    as_everyone(|| {
        if my_uid() == 0 {
            return;
        }
        for kind in KINDS {
            let dir = Dir::new();
            let (stale, live) = (dir.path("stale"), dir.path("live"));
            make_stale(kind, &stale);
            let server = open_server(kind, &live);
            set_mode(&dir.path(""), 0o500);
            let before = (look(&stale), look(&live), dir.list(), open_descriptors());
            let taken = [
                try_open_server(kind, &stale, None).unwrap_err(),
                try_open_server(kind, &dir.path("new"), None).unwrap_err(),
            ];
            for refusal in taken {
                assert_eq!(refusal.code, no(libc::EACCES), "{refusal:?}");
            }
            let refusal = try_open_server(kind, &live, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
            if kind != UDSOCK_DGRAM {
                let refusal = replace(kind, &live).unwrap_err();
                assert_eq!(refusal.code, no(libc::EACCES), "{refusal:?}");
            }
            assert_eq!((look(&stale), look(&live), dir.list(), open_descriptors()), before);
            serves(&server, kind, &live);
            assert_eq!(server.close(), no(libc::EACCES), "its file can't be removed");
            assert_eq!(server.close(), no(libc::EBADF));
            set_mode(&dir.path(""), 0o700);
        }
    });
}

fn make_read_only(place: &str) {
    let place = c(place);
    let flags = libc::MS_REMOUNT | libc::MS_RDONLY;
    // SAFETY: C strings and NULL.
    let done = unsafe { libc::mount(ptr::null(), place.as_ptr(), ptr::null(), flags, ptr::null()) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn a_file_system_that_may_only_be_read() {
    in_child(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let place = dir.path("mounted");
            let test = "a_file_system_that_may_only_be_read";
            let Some(_mounted) = Mounted::new(test, &place, 0, "") else {
                return;
            };
            let (stale, live) = (format!("{place}/stale"), format!("{place}/live"));
            make_stale(kind, &stale);
            let server = open_server(kind, &live);
            make_read_only(&place);
            let before = (look(&stale), look(&live), open_descriptors());
            let mut refusals = vec![
                try_open_server(kind, &stale, None).unwrap_err(),
                try_open_server(kind, &format!("{place}/new"), None).unwrap_err(),
                try_open_server(
                    kind,
                    &format!("{place}/new/s"),
                    Some(&with_flags(UDSOCK_MAKE_PARENTS)),
                )
                .unwrap_err(),
            ];
            if kind != UDSOCK_DGRAM {
                refusals.push(replace(kind, &live).unwrap_err());
                refusals.push(replace(kind, &stale).unwrap_err());
            }
            for refusal in refusals {
                assert_eq!(refusal.code, no(libc::EROFS), "{refusal:?}");
            }
            let refusal = try_open_server(kind, &live, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
            assert_eq!(inspect(&stale).state, UDSOCK_STALE);
            assert_eq!((look(&stale), look(&live), open_descriptors()), before);
            nobody_came(&server, kind);
            serves(&server, kind, &live);
            assert_eq!(server.close(), no(libc::EROFS), "its file can't be removed");
            assert_eq!(server.close(), no(libc::EBADF));
            assert_eq!(fs::symlink_metadata(&live).unwrap().ino(), before.1.1);
        }
    });
}
