//! udsock_inspect says what is there, and nobody notices.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::ptr;

use crate::calls::*;
use crate::forked::Forked;
use crate::process::is_root;
use crate::raw;
use crate::support::*;

const UNKNOWN: u32 = u32::MAX;

/// The file is the one that stat shows.
fn tells_the_file(found: &udsock_inspection, path: &str) {
    let file = fs::symlink_metadata(path).unwrap();
    let told = (found.mode, found.uid, found.gid, found.device, found.inode);
    let expected = (file.mode() & 0o7777, file.uid(), file.gid(), file.dev(), file.ino());
    assert_eq!(told, expected, "{path}");
}

fn tells_of_nobody(found: &udsock_inspection) {
    assert_eq!((found.kind, found.pid, found.process_uid), (0, 0, UNKNOWN));
}

fn tells_of(found: &udsock_inspection, kind: u32, pid: i32) {
    assert_eq!(found.state, UDSOCK_LIVE);
    assert_eq!((found.kind, found.pid, found.process_uid), (kind, pid, my_uid()));
}

fn me() -> i32 {
    std::process::id() as i32
}

#[test]
fn nothing_there() {
    as_everyone(|| {
        let dir = Dir::new();
        for name in ["s".to_owned(), "n".repeat(255), "missing/s".to_owned()] {
            let found = inspect(&dir.path(&name));
            assert_eq!(found.state, UDSOCK_ABSENT, "{name}");
            tells_of_nobody(&found);
            assert_eq!((found.mode, found.device, found.inode), (0, 0, 0));
            assert_eq!((found.uid, found.gid), (UNKNOWN, UNKNOWN));
        }
        assert_eq!(dir.list(), [""; 0]);
    });
}

#[test]
fn a_live_server_of_each_kind() {
    as_everyone(|| {
        for (index, kind) in KINDS.into_iter().enumerate() {
            let dir = Dir::new();
            for name in ["s".to_owned(), "n".repeat(255)] {
                let path = dir.path(&name);
                let options =
                    udsock_bind_options { mode: [0o600, 0o660, 0o777][index], ..bind_options() };
                let server = try_open_server(kind, &path, Some(&options)).unwrap();
                let found = inspect(&path);
                tells_of(&found, kind, me());
                tells_the_file(&found, &path);
                nobody_came(&server, kind);
                serves(&server, kind, &path);
            }
        }
    });
}

#[test]
fn a_server_that_does_not_listen_yet_or_may_not_be_connected_to() {
    as_everyone(|| {
        for kind in KINDS {
            for mode in [0o700, 0o060, 0] {
                let dir = Dir::new();
                let path = dir.path("s");
                let server = create(kind);
                server.bind(&path).unwrap();
                fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
                let found = inspect(&path);
                tells_of(&found, kind, me());
                tells_the_file(&found, &path);
                if kind != UDSOCK_DGRAM {
                    assert_eq!(server.listen(0), 0);
                }
                nobody_came(&server, kind);
            }
        }
    });
}

#[test]
fn a_server_whose_queue_is_full() {
    as_everyone(|| {
        let impatient = udsock_connect_options { flags: UDSOCK_DONT_WAIT, ..connect_options() };
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let server = create(kind);
            server.bind(&path).unwrap();
            assert_eq!(server.listen(1), 0);
            let mut clients = Vec::new();
            while let Ok(client) = try_open_client(kind, &path, Some(&impatient)) {
                clients.push(client);
            }
            tells_of(&inspect(&path), kind, me());
            for _ in clients {
                server.accept(0).unwrap();
            }
            nobody_came(&server, kind);
        }
    });
}

#[test]
fn a_server_that_only_a_child_still_has() {
    as_everyone(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let child = Forked::holding(|| open_server(kind, &dir.path("s")));
            tells_of(&inspect(&dir.path("s")), kind, child.pid());
            drop(child);
            let found = inspect(&dir.path("s"));
            assert_eq!(found.state, UDSOCK_STALE);
        }
    });
}

#[test]
fn a_stale_file() {
    as_everyone(|| {
        for kind in KINDS {
            for mode in [0o755, 0o060, 0] {
                let dir = Dir::new();
                let path = dir.path("s");
                make_stale(kind, &path);
                fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
                let before = look(&path);
                let found = inspect(&path);
                assert_eq!(found.state, UDSOCK_STALE);
                tells_of_nobody(&found);
                tells_the_file(&found, &path);
                assert_eq!(look(&path), before);
            }
        }
    });
}

#[test]
fn what_is_no_socket() {
    as_everyone(|| {
        let dir = Dir::new();
        let alive = open_server(UDSOCK_STREAM, &dir.path("alive"));
        fs::write(dir.path("file"), "kept").unwrap();
        fs::create_dir(dir.path("directory")).unwrap();
        symlink("alive", dir.path("link")).unwrap();
        symlink("nowhere", dir.path("dangling")).unwrap();
        symlink("loop", dir.path("loop")).unwrap();
        assert!(raw::make_fifo(&dir.path("fifo")));
        let mut names = vec!["file", "directory", "link", "dangling", "loop", "fifo"];
        if is_root() && my_uid() == 0 {
            assert!(raw::make_device(&dir.path("device")));
            names.push("device");
        }
        for name in names {
            let path = dir.path(name);
            let before = look(&path);
            let found = inspect(&path);
            assert_eq!(found.state, UDSOCK_NOT_A_SOCKET, "{name}");
            tells_of_nobody(&found);
            tells_the_file(&found, &path);
            assert_eq!(look(&path), before);
        }
        nobody_came(&alive, UDSOCK_STREAM);
    });
}

#[test]
fn abstract_names() {
    as_everyone(|| {
        for kind in KINDS {
            let name = format!(r"@udsock-files-{}\0\xff\\x", me());
            let absent = inspect(&name);
            assert_eq!(absent.state, UDSOCK_ABSENT);
            tells_of_nobody(&absent);
            let server = open_server(kind, &name);
            let found = inspect(&name);
            tells_of(&found, kind, me());
            assert_eq!((found.mode, found.device, found.inode), (0, 0, 0), "there is no file");
            assert_eq!((found.uid, found.gid), (UNKNOWN, UNKNOWN));
            assert_eq!(inspect(&(name.clone() + r"\0")).state, UDSOCK_ABSENT, "the length counts");
            nobody_came(&server, kind);
            assert_eq!(server.close(), 0);
            assert_eq!(inspect(&name).state, UDSOCK_ABSENT);

            let waits = create(kind);
            waits.bind(&name).unwrap();
            assert_eq!(inspect(&name).state, UDSOCK_LIVE, "and does not listen yet");
        }
    });
}

#[test]
fn a_path_that_can_not_be_looked_at() {
    as_everyone(|| {
        let dir = Dir::new();
        fs::write(dir.path("file"), "").unwrap();
        symlink("loop", dir.path("loop")).unwrap();
        fs::create_dir(dir.path("closed")).unwrap();
        fs::set_permissions(dir.path("closed"), Permissions::from_mode(0o600)).unwrap();
        let mut cases = vec![
            (dir.path("file/s"), libc::ENOTDIR),
            (dir.path("loop/s"), libc::ELOOP),
            (dir.path(&"n".repeat(256)), libc::ENAMETOOLONG),
            (dir.path(&"n/".repeat(2048)), libc::ENAMETOOLONG),
            (dir.path("s/"), libc::EINVAL),
            (String::new(), libc::EINVAL),
            ("@".to_owned(), libc::EINVAL),
            (r"@\q".to_owned(), libc::EINVAL),
            (format!("@{}", "n".repeat(108)), libc::ENAMETOOLONG),
        ];
        if my_uid() != 0 {
            cases.push((dir.path("closed/s"), libc::EACCES));
        }
        for (path, errno) in cases {
            let refusal = try_inspect(&path).map(|found| found.state).unwrap_err();
            assert_eq!(refusal.code, no(errno), "{path}: {refusal:?}");
            assert!(refusal.message.starts_with("inspect "), "{refusal:?}");
        }
        fs::set_permissions(dir.path("closed"), Permissions::from_mode(0o700)).unwrap();
    });
}

#[test]
fn arguments_that_make_no_sense() {
    let dir = Dir::new();
    let path = c(&dir.path("s"));
    let mut out = inspection();
    let mut err = error();
    // SAFETY: NULL is what is tried.
    let results = unsafe {
        [
            udsock_inspect(ptr::null(), &mut out, &mut err),
            udsock_inspect(path.as_ptr(), ptr::null_mut(), &mut err),
        ]
    };
    assert_eq!(results.map(i64::from), [no(libc::EINVAL); 2]);
    let whole = size_of::<udsock_inspection>() as u32;
    const FIRST: u32 = 48;
    for size in [0, 1, 3, 4, 8, FIRST - 4, FIRST - 1, 4097, u32::MAX] {
        out.size = size;
        // SAFETY: a size that is refused, so nothing is written.
        let result = unsafe { udsock_inspect(path.as_ptr(), &mut out, &mut err) };
        let errno = if size < whole { libc::EINVAL } else { libc::E2BIG };
        assert_eq!(i64::from(result), no(errno), "{size}");
    }
    assert_eq!((out.state, out.inode), (77, 77), "nothing was written");
    out.size = whole;
    // SAFETY: nobody wants to know why.
    assert_eq!(unsafe { udsock_inspect(path.as_ptr(), &mut out, ptr::null_mut()) }, 0);
    assert_eq!(out.state, UDSOCK_ABSENT);
    assert_eq!(dir.list(), [""; 0]);
}

/// A program that was built with a newer header.
#[test]
fn a_longer_struct() {
    let dir = Dir::new();
    let path = dir.path("s");
    let _server = open_server(UDSOCK_STREAM, &path);
    let size = size_of::<udsock_inspection>();
    for (given, tail, code) in
        [(size, 9, 0), (size + 4, 0, 0), (size + 64, 0, 0), (size + 64, 9, no(libc::E2BIG))]
    {
        let mut memory = [0_u32; 64];
        memory[0] = given as u32;
        memory[size / 4] = tail;
        // SAFETY: there is room for as much as it says, and more.
        let result = unsafe {
            udsock_inspect(c(&path).as_ptr(), memory.as_mut_ptr().cast(), ptr::null_mut())
        };
        assert_eq!(i64::from(result), code, "{given}");
        let state = if code == 0 { UDSOCK_LIVE } else { 0 };
        assert_eq!((memory[0], memory[1]), (given as u32, state));
        assert_eq!(memory[size / 4], tail, "what is beyond this version is left alone");
    }
}
