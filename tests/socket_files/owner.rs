//! The file's owner: by name and by number, in force before anybody can connect.

use std::ffi::CString;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::ptr;

use crate::calls::*;
use crate::options::watched;
use crate::process::{in_child, is_root, without_rights};
use support::*;

/// The name and number of a user, or of a group, who is not root.
fn somebody(file: &str) -> (String, u32) {
    let entries = fs::read_to_string(file).unwrap();
    let mut parsed = entries.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((name.to_owned(), fields.nth(1)?.parse().ok()?))
    });
    parsed.find(|&(_, id): &(String, u32)| id != 0).expect("there is somebody but root")
}

/// Options that own their names.
struct Owned {
    user: Option<CString>,
    group: Option<CString>,
}

impl Owned {
    fn new(user: Option<&str>, group: Option<&str>) -> Self {
        Self { user: user.map(c), group: group.map(c) }
    }

    fn options(&self, flags: u32, mode: u32) -> udsock_bind_options {
        let pointer = |name: &Option<CString>| name.as_ref().map_or(ptr::null(), |n| n.as_ptr());
        let (user, group) = (pointer(&self.user), pointer(&self.group));
        udsock_bind_options { flags, mode, user, group, ..bind_options() }
    }
}

fn owner_of(path: &str) -> (u32, u32) {
    let file = fs::symlink_metadata(path).unwrap();
    (file.uid(), file.gid())
}

#[test]
fn the_owner_is_who_was_asked_for() {
    in_child(|| {
        if !is_root() {
            return skip("the_owner_is_who_was_asked_for", "only root gives files away");
        }
        let (user, uid) = somebody("/etc/passwd");
        let (group, gid) = somebody("/etc/group");
        let (uid_text, gid_text) = (uid.to_string(), gid.to_string());
        let cases = [
            (Some(&*user), None, (uid, 0)),
            (Some(&*uid_text), None, (uid, 0)),
            (None, Some(&*group), (0, gid)),
            (None, Some(&*gid_text), (0, gid)),
            (Some(&*user), Some(&*gid_text), (uid, gid)),
            // A number needs no entry anywhere.
            (Some("1234567"), Some("4294967294"), (1_234_567, 4_294_967_294)),
            (Some("0"), Some("0"), (0, 0)),
        ];
        for (user, group, owner) in cases {
            let owned = Owned::new(user, group);
            for (kind, mode) in KINDS.iter().flat_map(|&kind| [(kind, 0), (kind, 0o660)]) {
                for umask in [0, 0o027, 0o777] {
                    set_umask(umask);
                    let dir = Dir::new();
                    let path = dir.path("s");
                    let flags = if kind == UDSOCK_DGRAM { 0 } else { UDSOCK_REPLACE };
                    let _old = (flags != 0).then(|| open_server(kind, &path));
                    for flags in [flags, 0] {
                        let options = owned.options(flags, mode);
                        let server = try_open_server(kind, &path, Some(&options)).unwrap();
                        let expected = if mode == 0 { 0o777 & !umask } else { mode };
                        assert_eq!((owner_of(&path), mode_of(&path)), (owner, expected));
                        serves(&server, kind, &path);
                        assert_eq!(server.close(), 0);
                        assert_eq!(dir.list(), [""; 0]);
                    }
                }
            }
        }
    });
}

/// Nobody else can connect to a file that is not yet theirs, under whichever name.
#[test]
fn the_owner_is_right_before_anybody_can_connect() {
    in_child(|| {
        if !is_root() {
            let test = "the_owner_is_right_before_anybody_can_connect";
            return skip(test, "only root gives files away");
        }
        let count = repeat("UDSOCK_OWNER_COUNT", 200);
        let owned = Owned::new(Some("4321"), Some("8765"));
        for (umask, replaces) in [(0, false), (0, true), (0o077, false), (0o077, true)] {
            set_umask(umask);
            let dir = Dir::new();
            let path = dir.path("s");
            let options = owned.options(if replaces { UDSOCK_REPLACE } else { 0 }, 0o660);
            let open = || try_open_server(UDSOCK_STREAM, &path, Some(&options)).unwrap();
            let old = replaces.then(open);
            watched(&dir, count, open, |seen| {
                let is_theirs = (seen.uid, seen.gid) == (4321, 8765);
                seen.mode & !0o660 != 0 || (!is_theirs && seen.mode & 0o222 != 0)
            });
            drop(old);
        }
    });
}

#[test]
fn a_server_whose_file_was_given_away_is_still_ours_to_remove_and_to_reclaim() {
    in_child(|| {
        let test = "a_server_whose_file_was_given_away_is_still_ours_to_remove_and_to_reclaim";
        if !is_root() {
            return skip(test, "only root gives files away");
        }
        for kind in KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let owned = Owned::new(Some("4321"), None);
            let options = owned.options(UDSOCK_KEEP_FILE, 0o600);
            drop(try_open_server(kind, &path, Some(&options)).unwrap());
            assert_eq!(inspect(&path).state, UDSOCK_STALE);
            let server = try_open_server(kind, &path, Some(&owned.options(0, 0o600))).unwrap();
            let found = inspect(&path);
            assert_eq!((found.state, found.uid, found.process_uid), (UDSOCK_LIVE, 4321, 0));
            assert_eq!(server.close(), 0);
            assert_eq!(dir.list(), [""; 0]);
        }
    });
}

/// Each attempt fails with this, and leaves neither a file nor a descriptor.
fn refuse_all(owned: &Owned, errno: i32, word: &str) {
    for kind in KINDS {
        let dir = Dir::new();
        let path = dir.path("s");
        let replacing = if kind == UDSOCK_DGRAM { 0 } else { UDSOCK_REPLACE };
        for flags in [0, replacing, UDSOCK_KEEP_FILE, UDSOCK_NO_RECLAIM, UDSOCK_MAKE_PARENTS] {
            for name in ["s".to_owned(), "n".repeat(255), "new/s".to_owned()] {
                let options = owned.options(flags, 0o600);
                let path = dir.path(&name);
                if flags != UDSOCK_MAKE_PARENTS && name.contains('/') {
                    continue;
                }
                let before = open_descriptors();
                let refusals = [
                    try_open_server(kind, &path, Some(&options)).unwrap_err(),
                    bind_and_listen(kind, &path, &options).unwrap_err(),
                ];
                for refusal in refusals {
                    assert_eq!(refusal.code, no(errno), "{refusal:?}");
                    assert!(refusal.message.contains(word), "{word}: {refusal:?}");
                }
                assert_eq!((dir.list().len(), open_descriptors()), (0, before), "{flags}");
            }
        }
        // Nor is a live server's place taken.
        let server = open_server(kind, &path);
        let options = owned.options(replacing, 0o600);
        assert!(try_open_server(kind, &path, Some(&options)).is_err());
        assert_eq!(dir.list(), ["s"]);
        assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1);
        serves(&server, kind, &path);
    }
}

#[test]
fn nobody_of_this_name() {
    as_everyone(|| {
        let name = "udsock-nobody-has-this-name";
        refuse_all(&Owned::new(Some(name), None), libc::EINVAL, "user");
        refuse_all(&Owned::new(None, Some(name)), libc::EINVAL, "group");
        for odd in ["", "-1", "+0", "0x0", " 0", "4294967295", "4294967296", "99999999999999999999"]
        {
            refuse_all(&Owned::new(Some(odd), None), libc::EINVAL, "user");
            refuse_all(&Owned::new(None, Some(odd)), libc::EINVAL, "group");
        }
    });
}

#[test]
fn an_ordinary_user_gives_nothing_away() {
    in_child(|| {
        without_rights(|| {
            let foreign = [Owned::new(Some("0"), None), Owned::new(None, Some("0"))];
            for owned in foreign {
                refuse_all(&owned, libc::EPERM, "owner");
            }
        });
    });
}

/// What is so already needs no privilege.
#[test]
fn an_ordinary_user_may_ask_for_what_is_so() {
    as_everyone(|| {
        let (uid, gid) = (my_uid(), my_gid());
        let owned = Owned::new(Some(&uid.to_string()), Some(&gid.to_string()));
        for kind in KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let options = owned.options(0, 0o640);
            let server = try_open_server(kind, &path, Some(&options)).unwrap();
            assert_eq!((owner_of(&path), mode_of(&path)), ((uid, gid), 0o640));
            serves(&server, kind, &path);
        }
    });
}

/// A directory with the setgid bit hands its group on, unless another is asked for.
#[test]
fn a_directory_may_set_the_group() {
    in_child(|| {
        if !is_root() {
            return skip("a_directory_may_set_the_group", "only root gives directories away");
        }
        for kind in KINDS {
            let dir = Dir::new();
            std::os::unix::fs::chown(dir.path(""), None, Some(4321)).unwrap();
            fs::set_permissions(dir.path(""), Permissions::from_mode(0o2755)).unwrap();
            let path = dir.path("s");
            let server = open_server(kind, &path);
            assert_eq!(owner_of(&path), (0, 4321));
            assert_eq!(server.close(), 0);
            let owned = Owned::new(Some("1234"), None);
            let server = try_open_server(kind, &path, Some(&owned.options(0, 0o660))).unwrap();
            assert_eq!(owner_of(&path), (1234, 4321));
            assert_eq!(server.close(), 0);
            let owned = Owned::new(None, Some("0"));
            let _server = try_open_server(kind, &path, Some(&owned.options(0, 0o660))).unwrap();
            assert_eq!(owner_of(&path), (0, 0));
        }
    });
}
