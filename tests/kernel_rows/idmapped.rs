//! Row 87: a mount that shows the files as other users'.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::forked::Forked;
use crate::mounts::{Mount, connects, own_mounts};
use crate::process::{in_child, in_fork};
use crate::raw;
use support::*;

/// A namespace in which the numbers from 0 on are those from this one on.
fn user_namespace(first: u32) -> Option<(OwnedFd, Forked)> {
    let child = Forked::holding(|| {
        // SAFETY: no pointers.
        unsafe { libc::unshare(libc::CLONE_NEWUSER) }
    });
    for file in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{file}", child.pid()), format!("0 {first} 65536")).ok()?;
    }
    let place = CString::new(format!("/proc/{}/ns/user", child.pid())).unwrap();
    // SAFETY: a C string.
    let fd = unsafe { libc::open(place.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    Some((raw::own(fd), child))
}

/// mount_setattr(2)'s argument.
#[repr(C)]
struct Attributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// The directory once more, seen through that namespace.
fn map(source: &str, place: &str, namespace: &OwnedFd) -> i64 {
    const OPEN_TREE_CLONE: i32 = 1;
    const MOVE_FROM_EMPTY_PATH: i32 = 4;
    const IDMAP: u64 = 0x10_0000;
    let (source, place) = (c(source), c(place));
    let flags = OPEN_TREE_CLONE | libc::O_CLOEXEC;
    // SAFETY: C strings, and a struct of the size that is said.
    unsafe {
        let tree = libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, source.as_ptr(), flags);
        if tree < 0 {
            return raw::answer(tree as isize);
        }
        let tree = raw::own(tree as i32);
        let attributes = Attributes {
            set: IDMAP,
            clear: 0,
            propagation: 0,
            user_namespace: namespace.as_raw_fd() as u64,
        };
        let (fd, empty, size) = (tree.as_raw_fd(), c"".as_ptr(), size_of::<Attributes>());
        let at = libc::AT_EMPTY_PATH;
        let mapped = libc::syscall(libc::SYS_mount_setattr, fd, empty, at, &attributes, size);
        if mapped < 0 {
            return raw::answer(mapped as isize);
        }
        let to = libc::AT_FDCWD;
        let (from, flags) = (empty, MOVE_FROM_EMPTY_PATH);
        raw::answer(
            libc::syscall(libc::SYS_move_mount, fd, from, to, place.as_ptr(), flags) as isize
        )
    }
}

#[test]
fn row_87_a_mount_with_other_owners() {
    const TEST: &str = "row_87_a_mount_with_other_owners";
    const FIRST: u32 = 100_000;
    in_child(|| {
        if !own_mounts(TEST) {
            return;
        }
        let dir = Dir::new();
        let [place, mapped] = ["fs", "mapped"].map(|name| dir.path(name));
        let _mount = Mount::new("tmpfs", "tmpfs", &place, 0, "mode=0777").unwrap();
        fs::create_dir(&mapped).unwrap();
        let Some((namespace, _holder)) = user_namespace(FIRST) else {
            return skip(TEST, "no user namespace can be made");
        };
        let result = map(&place, &mapped, &namespace);
        if result != 0 {
            return skip(TEST, &format!("no mount with other owners: {}", name_of(result)));
        }
        let _mapped = Mount::at(&mapped);
        for kind in CONNECTED_KINDS {
            // The file is root's below, and of the first of those users here.
            let server = raw::server(kind, &format!("{place}/s"));
            fs::set_permissions(format!("{place}/s"), fs::Permissions::from_mode(0o600)).unwrap();
            let path = format!("{mapped}/s");
            assert_eq!(fs::metadata(&path).unwrap().uid(), FIRST);
            let as_user = |uid: u32| {
                in_fork(|| {
                    // SAFETY: no pointers.
                    unsafe { assert_eq!(libc::setuid(uid), 0) };
                    connects(kind, &path) == 0 && try_open_client(kind, &path, None).is_ok()
                })
            };
            assert_eq!(as_user(FIRST), 0, "it is the owner here");
            assert_ne!(as_user(FIRST + 1), 0, "and this is not");
            drop(server);
            fs::remove_file(format!("{place}/s")).unwrap();
            // Root has no number here.
            let new = format!("{mapped}/new");
            assert_eq!(raw::bind(&raw::socket(kind), &new), no(libc::EOVERFLOW));
            let refusal = try_open_server(kind, &new, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::EOVERFLOW), "{refusal:?}");
            assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
        }
    });
}
