//! Directories that are missing on the way, and what goes again if the start fails.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::ptr;

use crate::calls::*;
use support::*;

fn open(kind: u32, path: &str) -> Result<Sock, Refusal> {
    try_open_server(kind, path, Some(&with_flags(UDSOCK_MAKE_PARENTS)))
}

#[test]
fn what_is_missing_is_made() {
    as_everyone(|| {
        for umask in [0, 0o022, 0o027, 0o077] {
            set_umask(umask);
            for (kind, levels) in
                KINDS.iter().flat_map(|&kind| [(kind, "a"), (kind, "a/b/c/d"), (kind, "a//b/./c/")])
            {
                let dir = Dir::new();
                fs::set_permissions(dir.path(""), Permissions::from_mode(0o755)).unwrap();
                let path = dir.path(&format!("{levels}/s"));
                let plain = try_open_server(kind, &path, None).unwrap_err();
                assert_eq!((plain.code, dir.list().len()), (no(libc::ENOENT), 0));
                let server = open(kind, &path).unwrap();
                let mut made = dir.path("a");
                assert_eq!(mode_of(&made), 0o755 & !umask);
                for level in levels.split('/').skip(1).filter(|level| !level.is_empty()) {
                    made = format!("{made}/{level}");
                    assert_eq!(mode_of(&made), 0o755 & !umask, "{made}, umask {umask:o}");
                }
                serves(&server, kind, &path);
                assert_eq!(server.close(), 0);
                assert!(!exists(&path) && exists(&made), "the directories stay");
            }
        }
        set_umask(0o022);
    });
}

#[test]
fn long_paths_and_takeovers_have_their_directories_made_too() {
    as_everyone(|| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path(&format!("{0}/{0}/{0}", "d".repeat(255)));
            let options = with_flags(UDSOCK_MAKE_PARENTS | UDSOCK_REPLACE);
            let first = try_open_server(kind, &path, Some(&options)).unwrap();
            let second = try_open_server(kind, &path, Some(&options)).unwrap();
            assert_eq!(first.option(UDSOCK_OPTION_OWNS_FILE), 0);
            serves(&second, kind, &path);
        }
    });
}

#[test]
fn a_relative_path_is_made_where_the_process_is() {
    as_everyone(|| {
        for kind in KINDS {
            let (dir, elsewhere) = (Dir::new(), Dir::new());
            env::set_current_dir(dir.path("")).unwrap();
            for path in ["s", "./new/s", "a/b/c/s", "a/../e/s"] {
                let server = open(kind, path).unwrap();
                assert!(exists(&dir.path(path)));
                assert_eq!(server.local_address().unwrap(), path);
                env::set_current_dir(elsewhere.path("")).unwrap();
                assert_eq!(server.close(), 0);
                env::set_current_dir(dir.path("")).unwrap();
                assert!(!exists(path));
            }
            assert_eq!(dir.list(), ["a", "e", "new"]);
            assert_eq!(elsewhere.list(), [""; 0]);
            env::set_current_dir("/").unwrap();
        }
    });
}

#[test]
fn what_is_there_already_is_not_changed() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            fs::create_dir_all(dir.path("outer/inner")).unwrap();
            for (name, mode) in [("outer", 0o711), ("outer/inner", 0o700)] {
                fs::set_permissions(dir.path(name), Permissions::from_mode(mode)).unwrap();
            }
            let outer = look(&dir.path("outer"));
            drop(open(kind, &dir.path("outer/inner/s")).unwrap());
            assert_eq!(look(&dir.path("outer")), outer);
            assert_eq!(mode_of(&dir.path("outer/inner")), 0o700);
            // Through a link to a directory, as every path.
            symlink("outer", dir.path("link")).unwrap();
            drop(open(kind, &dir.path("link/inner/deeper/s")).unwrap());
            assert!(exists(&dir.path("outer/inner/deeper")));
        }
    });
}

#[test]
fn a_directory_that_everyone_may_write_is_not_safe() {
    as_everyone(|| {
        for (kind, mode) in KINDS.iter().flat_map(|&kind| [(kind, 0o777), (kind, 0o703)]) {
            let dir = Dir::new();
            let open_to_all = dir.path("open");
            fs::create_dir(&open_to_all).unwrap();
            fs::set_permissions(&open_to_all, Permissions::from_mode(mode)).unwrap();
            let path = format!("{open_to_all}/s");
            let before = (open_descriptors(), look(&open_to_all));
            let refusal = open(kind, &path).unwrap_err();
            assert_eq!(refusal.code, no(libc::EPERM), "{refusal:?}");
            assert!(refusal.message.contains("sticky"), "{refusal:?}");
            assert_eq!((open_descriptors(), look(&open_to_all)), before);
            assert!(!exists(&path));
            // What is made there could be taken away from there.
            let refusal = open(kind, &format!("{open_to_all}/new/deeper/s")).unwrap_err();
            assert_eq!(refusal.code, no(libc::EPERM), "{refusal:?}");
            assert!(!exists(&format!("{open_to_all}/new")), "it went again");
            // Who does not ask for directories does not ask for advice.
            drop(try_open_server(kind, &path, None).unwrap());
            fs::set_permissions(&open_to_all, Permissions::from_mode(mode | 0o1000)).unwrap();
            drop(open(kind, &path).unwrap());
        }
    });
}

#[test]
fn what_was_made_goes_again_if_the_start_fails() {
    as_everyone(|| {
        let dir = Dir::new();
        fs::write(dir.path("file"), "kept").unwrap();
        fs::create_dir(dir.path("kept")).unwrap();
        symlink("nowhere", dir.path("dangling")).unwrap();
        let (list, before) = (dir.list(), open_descriptors());
        let too_long = "n".repeat(256);
        let cases = [
            (format!("a/b/c/{too_long}"), libc::ENAMETOOLONG),
            (format!("kept/b/{too_long}/s"), libc::ENAMETOOLONG),
            ("a/b/c/".to_owned(), libc::EINVAL),
            ("a/b/..".to_owned(), libc::EINVAL),
            ("file/s".to_owned(), libc::ENOTDIR),
            ("file/a/b/s".to_owned(), libc::ENOTDIR),
            ("kept/a/../../file/s".to_owned(), libc::ENOTDIR),
        ];
        for (path, errno) in cases {
            for kind in KINDS {
                let refusal = open(kind, &dir.path(&path)).unwrap_err();
                assert_eq!(refusal.code, no(errno), "{path}: {refusal:?}");
                assert_eq!((dir.list(), open_descriptors()), (list.clone(), before), "{path}");
                assert_eq!(fs::read_dir(dir.path("kept")).unwrap().count(), 0, "{path}");
            }
        }
        for kind in KINDS {
            assert!(open(kind, &dir.path("dangling/s")).is_err());
            assert_eq!((dir.list(), open_descriptors()), (list.clone(), before));
        }
        assert_eq!(fs::read(dir.path("file")).unwrap(), b"kept");
    });
}

/// A missing directory is made before anything is known of the user.
#[test]
fn what_was_made_goes_again_if_the_owner_can_not_be_set() {
    as_everyone(|| {
        if my_uid() == 0 {
            return;
        }
        let root = c("0");
        for kind in KINDS {
            let dir = Dir::new();
            let options = udsock_bind_options {
                flags: UDSOCK_MAKE_PARENTS,
                user: root.as_ptr(),
                ..bind_options()
            };
            let refusal = try_open_server(kind, &dir.path("a/b/s"), Some(&options)).unwrap_err();
            assert_eq!(refusal.code, no(libc::EPERM), "{refusal:?}");
            assert_eq!(dir.list(), [""; 0]);
            fs::create_dir(dir.path("a")).unwrap();
            let handle = create(kind);
            // SAFETY: valid arguments.
            let result = unsafe {
                udsock_bind(handle.0, c(&dir.path("a/b/s")).as_ptr(), &options, ptr::null_mut())
            };
            assert_eq!(i64::from(result), no(libc::EPERM));
            assert_eq!(fs::read_dir(dir.path("a")).unwrap().count(), 0);
        }
    });
}

/// Under such a umask an ordinary user can't enter what he has made.
#[test]
fn directories_that_can_not_be_entered_go_again() {
    as_everyone(|| {
        let dir = Dir::new();
        set_umask(0o777);
        for kind in KINDS {
            match open(kind, &dir.path("a/b/s")) {
                Ok(server) => {
                    assert_eq!(my_uid(), 0, "only root can");
                    assert_eq!(mode_of(&dir.path("a/b")), 0);
                    assert_eq!(server.close(), 0);
                    fs::remove_dir_all(dir.path("a")).unwrap();
                }
                Err(refusal) => {
                    assert_ne!(my_uid(), 0);
                    assert_eq!(refusal.code, no(libc::EACCES), "{refusal:?}");
                    assert_eq!(dir.list(), [""; 0]);
                }
            }
        }
        set_umask(0o022);
    });
}

/// What somebody else has begun to use is not removed.
#[test]
fn a_directory_in_use_by_another_server_stays() {
    as_everyone(|| {
        let dir = Dir::new();
        let server = open(UDSOCK_STREAM, &dir.path("a/b/s")).unwrap();
        let refusal = open(UDSOCK_STREAM, &dir.path(&format!("a/b/c/{}", "n".repeat(256))));
        assert_eq!(refusal.unwrap_err().code, no(libc::ENAMETOOLONG));
        assert!(!exists(&dir.path("a/b/c")));
        serves(&server, UDSOCK_STREAM, &dir.path("a/b/s"));
    });
}
