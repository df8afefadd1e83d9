//! Other users, as processes: only root can make them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::{io, thread};

use crate::forked::Forked;
use crate::process::{in_child, is_root};
use crate::processes::{self, Process};
use support::*;

/// Whom a process acts for.
#[derive(Clone, Copy, Debug)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    pub groups: &'static [u32],
}

pub const fn user(uid: u32, gid: u32, groups: &'static [u32]) -> User {
    User { uid, gid, groups }
}

pub const ROOT: User = user(0, 0, &[]);
pub const ALICE: User = user(71_001, 72_001, &[]);
pub const BOB: User = user(71_002, 72_002, &[]);

/// The group of those who are in it beside their own.
pub const CLUB: u32 = 72_100;

impl User {
    /// From now on this process acts for this user, and has no way back. Only in a fork.
    pub fn become_now(&self) {
        set_groups(self.groups);
        // SAFETY: no pointers.
        unsafe {
            assert_eq!(libc::setresgid(self.gid, self.gid, self.gid), 0, "{}", last_error());
            assert_eq!(libc::setresuid(self.uid, self.uid, self.uid), 0, "{}", last_error());
            // A change of user has taken this back.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        }
    }

    /// A process of this user that has connected, and stays.
    pub fn connects(&self, kind: u32, path: &str) -> Forked {
        Forked::holding(|| {
            self.become_now();
            open_client(kind, path)
        })
    }

    /// A process of this user that does this, and ends.
    pub fn does(&self, body: impl FnOnce()) -> Process {
        processes::fork(|| {
            self.become_now();
            body();
        })
    }
}

pub fn set_groups(groups: &[u32]) {
    // SAFETY: as many as it says.
    let result = unsafe { libc::setgroups(groups.len(), groups.as_ptr()) };
    assert_eq!(result, 0, "{}", last_error());
}

/// Changes the effective user and group only, so that root can return. Only in a fork.
pub fn act_as(uid: u32, gid: u32) {
    // SAFETY: no pointers.
    unsafe {
        assert_eq!(libc::seteuid(0), 0, "{}", last_error());
        assert_eq!(libc::setegid(gid), 0, "{}", last_error());
        assert_eq!(libc::seteuid(uid), 0, "{}", last_error());
    }
}

fn last_error() -> io::Error {
    io::Error::last_os_error()
}

/// Runs the test as root, in a process of its own.
pub fn as_root(body: impl FnOnce()) {
    if is_root() {
        in_child(body);
    } else {
        let this = thread::current();
        skip(this.name().expect("the runner names it"), "only root can act for other users");
    }
}

/// A server that everyone may connect to.
pub fn open_to_all(kind: u32, dir: &Dir, name: &str) -> (Sock, String) {
    fs::set_permissions(dir.path("."), Permissions::from_mode(0o755)).unwrap();
    let path = dir.path(name);
    let options = udsock_bind_options { mode: 0o777, ..bind_options() };
    (try_open_server(kind, &path, Some(&options)).unwrap(), path)
}

/// Lets everyone connect to this socket file.
pub fn make_public(path: &str) {
    fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
}

/// Whether the server lets a client of this user in. Nobody else may be in its queue.
pub fn admits(server: &Sock, kind: u32, path: &str, user: &User) -> bool {
    let client = user.connects(kind, path);
    match crate::calls::accept_from(server, 0) {
        Ok((_, who)) => {
            assert_eq!((who.pid, who.uid, who.gid), (client.pid(), user.uid, user.gid));
            true
        }
        Err(code) => {
            assert_eq!(code, no(libc::EAGAIN), "{}", name_of(code));
            false
        }
    }
}
