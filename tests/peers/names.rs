//! Allowing by name or number, and what is nobody's.

use std::fs;
use std::os::fd::IntoRawFd;

use crate::calls::*;
use crate::raw;
use crate::users::*;
use support::*;

/// What is neither a name nor the number of anybody.
const NOBODY_S: [&str; 10] =
    ["", "no-such-name-anywhere", "-1", "+5", " 5", "5 ", "5x", "0x5", "4294967295", "4294967296"];

fn my_uid() -> u32 {
    Who::me().uid
}

#[test]
fn what_is_nobody_s_is_refused_and_closes_no_door() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let server = open_server(kind, &dir.path("s"));
        for name in NOBODY_S {
            assert_eq!(allow_user(&server, name), no(libc::EINVAL), "{name:?}");
            assert_eq!(allow_group(&server, name), no(libc::EINVAL), "{name:?}");
        }
        assert_eq!(allow_uid(&server, u32::MAX), no(libc::EINVAL));
        assert_eq!(allow_gid(&server, u32::MAX), no(libc::EINVAL));
        let _client = open_client(kind, &dir.path("s"));
        drop(server.accept(0).expect("everybody is let in"));
        assert_eq!(refused(&server), 0);
    }
}

#[test]
fn what_is_nobody_s_opens_no_door_either() {
    let dir = Dir::new();
    let server = open_server(UDSOCK_STREAM, &dir.path("s"));
    assert_eq!(allow_uid(&server, my_uid() + 1), 0);
    for name in NOBODY_S {
        assert_eq!(allow_user(&server, name), no(libc::EINVAL));
    }
    let client = open_client(UDSOCK_STREAM, &dir.path("s"));
    assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
    sees_the_end(&client);
}

#[test]
fn datagram_sockets_have_no_door() {
    let dir = Dir::new();
    let (one, _other) = pair(UDSOCK_DGRAM);
    let adopted = raw::server(UDSOCK_DGRAM, &dir.path("a")).into_raw_fd();
    let sockets =
        [create(UDSOCK_DGRAM), open_datagram(Some(&dir.path("s"))), one, adopt(adopted).unwrap()];
    for socket in sockets {
        let unsupported = no(libc::EOPNOTSUPP);
        assert_eq!(allow_uid(&socket, 0), unsupported);
        assert_eq!(allow_gid(&socket, 0), unsupported);
        assert_eq!(allow_user(&socket, "root"), unsupported);
        assert_eq!(allow_group(&socket, "root"), unsupported);
        assert_eq!(set_cap(&socket, 1), unsupported);
    }
}

type Allow = Box<dyn Fn(&Sock) -> i64>;

/// Every call that lets this process in, by its number and by its name.
#[test]
fn each_way_to_allow_oneself_lets_oneself_in() {
    let me = Who::me();
    let mut ways: Vec<Allow> = vec![
        Box::new(move |server| allow_uid(server, me.uid)),
        Box::new(move |server| allow_gid(server, me.gid)),
        Box::new(move |server| allow_user(server, &me.uid.to_string())),
        Box::new(move |server| allow_group(server, &me.gid.to_string())),
        Box::new(move |server| allow_user(server, &format!("000{}", me.uid))),
    ];
    if let Some(name) = name_in("/etc/passwd", me.uid) {
        ways.push(Box::new(move |server| allow_user(server, &name)));
    }
    if let Some(name) = name_in("/etc/group", me.gid) {
        ways.push(Box::new(move |server| allow_group(server, &name)));
    }
    for gid in my_groups() {
        ways.push(Box::new(move |server| allow_gid(server, gid)));
    }
    for kind in CONNECTED_KINDS {
        for allow in &ways {
            let dir = Dir::new();
            let server = open_server(kind, &dir.path("s"));
            assert_eq!(allow(&server), 0);
            let _client = open_client(kind, &dir.path("s"));
            let (_, who) = accept_from(&server, 0).map_err(name_of).unwrap();
            assert_eq!((who, refused(&server)), (me, 0));
        }
    }
}

#[test]
fn a_name_is_the_user_s_or_the_group_s_and_never_both() {
    as_root(|| {
        // Both a user and a group, in every system.
        let [uid, gid] = ["/etc/passwd", "/etc/group"].map(|file| number_in(file, "daemon"));
        let in_group: &[u32] = vec![gid].leak();
        let (as_user, as_group) = (user(uid, 72_030, &[]), user(71_030, gid, &[]));
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "user");
            assert_eq!(allow_user(&server, "daemon"), 0);
            assert!(admits(&server, kind, &path, &as_user));
            for other in [as_group, ROOT, user(71_031, 72_031, in_group)] {
                assert!(!admits(&server, kind, &path, &other), "{other:?}");
            }
            let (server, path) = open_to_all(kind, &dir, "group");
            assert_eq!(allow_group(&server, "daemon"), 0);
            for member in [as_group, user(71_031, 72_031, in_group)] {
                assert!(admits(&server, kind, &path, &member), "{member:?}");
            }
            for other in [as_user, ROOT] {
                assert!(!admits(&server, kind, &path, &other), "{other:?}");
            }
        }
    });
}

/// The third field of the line that begins with the name.
fn number_in(file: &str, name: &str) -> u32 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find(|line| line.split(':').next() == Some(name));
    line.and_then(|line| line.split(':').nth(2)).expect("it is there").parse().unwrap()
}

/// The first name that has this number; `None`: it has none here.
fn name_in(file: &str, number: u32) -> Option<String> {
    let text = fs::read_to_string(file).unwrap();
    let number = number.to_string();
    let line = text.lines().find(|line| line.split(':').nth(2) == Some(&number))?;
    line.split(':').next().map(Into::into)
}
