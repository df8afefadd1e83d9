//! Rows 9 to 14: names, long and short.

use std::fs;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::{in_child, without_rights};
use crate::raw;
use support::*;

/// A path of this length whose last component has `last` bytes. Its directories are made.
fn path_of(start: &str, length: usize, last: usize) -> String {
    let mut path = start.to_owned();
    while path.len() + last < length {
        let left = length - last - path.len();
        path.push_str(&"d".repeat(left.min(200) - 1));
        path.push('/');
    }
    if let Some((directory, _)) = path.rsplit_once('/') {
        fs::create_dir_all(directory).unwrap();
    }
    path.push_str(&"n".repeat(last));
    assert_eq!(path.len(), length);
    path
}

/// Where a test has all its sockets, with a slash.
fn root(dir: &Dir) -> String {
    dir.path("")
}

#[test]
fn row_09_a_path_of_108_bytes_is_bound_whole() {
    let dir = Dir::new();
    let path = path_of(&root(&dir), 108, 20);
    let trap = raw::socket(UDSOCK_DGRAM);
    assert_eq!(raw::bind(&trap, &path), 0, "no NUL is needed");
    assert_eq!(raw::name(trap.as_raw_fd()).len() + 2, 111, "more than a sockaddr_un has");
    assert_eq!(raw::bind(&raw::socket(UDSOCK_DGRAM), path.clone() + "x"), no(libc::EINVAL));

    // What others bound: told whole, by every call that tells names.
    let receiver = open_datagram(Some(&dir.path("r")));
    assert_eq!(raw::connect(&trap, dir.path("r")), 0);
    raw::send(&trap, b"x", 0);
    assert_eq!(receiver.recv_from(0).unwrap(), (b"x".to_vec(), path.clone()));
    assert_eq!(receiver.send_to(b"y", &path, 0), 1, "so it can be answered");
    assert_eq!(raw::recv(&trap, 0).unwrap(), b"y");
    let adopted = adopt(trap.into_raw_fd()).unwrap();
    assert_eq!(adopted.local_address().unwrap(), path);
    drop(adopted);
    fs::remove_file(&path).unwrap();

    for kind in KINDS {
        for length in [107, 108, 109] {
            let path = path_of(&root(&dir), length, 20);
            let server = open_server(kind, &path);
            assert!(fs::symlink_metadata(&path).is_ok(), "{length}");
            assert_eq!(server.local_address().unwrap(), path);
            let client = open_client(kind, &path);
            assert_eq!(client.remote_address().unwrap(), path);
            assert_eq!(server.close(), 0);
            assert!(fs::symlink_metadata(&path).is_err(), "{length}");
        }
    }
}

#[test]
fn row_09_a_client_at_a_path_of_108_bytes_is_known_by_it() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let path = path_of(&root(&dir), 108, 20);
        let server = open_server(kind, &dir.path("s"));
        let local = c(&path);
        let options = udsock_connect_options { local_address: local.as_ptr(), ..connect_options() };
        let client = try_open_client(kind, &dir.path("s"), Some(&options)).unwrap();
        assert_eq!(client.local_address().unwrap(), path);
        assert_eq!(server.accept(0).unwrap().remote_address().unwrap(), path);
    }
}

/// Serves at the path with everything that takes an address, and leaves nothing there.
fn serve_at(kind: u32, path: &str) {
    let server = try_open_server(kind, path, None)
        .unwrap_or_else(|refusal| panic!("{} bytes: {refusal:?}", path.len()));
    assert_eq!(server.local_address().unwrap(), path);
    assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1);
    let client = try_open_client(kind, path, None)
        .unwrap_or_else(|refusal| panic!("{} bytes: {refusal:?}", path.len()));
    assert_eq!(client.remote_address().unwrap(), path);
    assert_eq!(client.send(b"one", 0), 3);
    if kind == UDSOCK_DGRAM {
        assert_eq!(server.recv(0).unwrap(), b"one");
        assert_eq!(open_datagram(None).send_to(b"two", path, 0), 3);
        assert_eq!(server.recv(0).unwrap(), b"two");
    } else {
        let peer = server.accept(0).unwrap();
        assert_eq!(peer.local_address().unwrap(), path);
        assert_eq!(peer.recv(0).unwrap(), b"one");
    }
    drop(client);
    assert_eq!(server.close(), 0);
    let directory = path.rsplit_once('/').map_or(".", |(directory, _)| directory);
    let left = fs::read_dir(directory).unwrap().filter(|entry| {
        let entry = entry.as_ref().unwrap();
        !entry.file_type().unwrap().is_dir()
    });
    assert_eq!(left.count(), 0, "{path} leaves nothing");
}

#[test]
fn row_10_paths_of_every_length_serve() {
    in_child(|| {
        let dir = Dir::new();
        let root = root(&dir);
        std::env::set_current_dir(&root).unwrap();
        let relative = [
            (1, 1),
            (2, 2),
            (3, 1),
            (91, 91),
            (92, 92),
            (93, 93),
            (94, 94),
            (107, 107),
            (108, 108),
            (109, 109),
            (109, 1),
            (254, 254),
            (255, 255),
            (4094, 1),
            (4095, 1),
            (4095, 255),
        ];
        let absolute = [
            (107, 9),
            (108, 9),
            (109, 9),
            (110, 9),
            (200, 90),
            (200, 91),
            (200, 92),
            (200, 93),
            (200, 94),
            (255, 1),
            (256, 108),
            (400, 255),
            (1000, 200),
            (2048, 254),
            (4000, 255),
            (4094, 255),
            (4095, 1),
            (4095, 255),
        ];
        let paths = (relative.iter().map(|&(length, last)| path_of("", length, last)))
            .chain(absolute.iter().map(|&(length, last)| path_of(&root, length, last)));
        for path in paths {
            for kind in KINDS {
                serve_at(kind, &path);
            }
        }
        for kind in KINDS {
            let path = format!("{root}{}", "n".repeat(4096 - root.len()));
            let refusal = try_open_server(kind, &path, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::ENAMETOOLONG), "{refusal:?}");
            let refusal = try_open_client(kind, &path, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::ENAMETOOLONG), "{refusal:?}");
        }
        std::env::set_current_dir("/").unwrap();
    });
}

#[test]
fn row_10_long_paths_serve_a_process_that_gave_up_its_rights() {
    in_child(|| {
        let dir = Dir::new();
        let open = dir.path("open/");
        fs::create_dir(&open).unwrap();
        let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(&open, everyone).unwrap();
        without_rights(|| {
            for (length, last) in [(107, 9), (200, 9), (400, 255)] {
                for kind in KINDS {
                    serve_at(kind, &path_of(&open, length, last));
                }
            }
        });
    });
}

#[test]
fn row_11_a_long_path_is_followed_as_a_short_one() {
    for kind in KINDS {
        let dir = Dir::new();
        let deep = dir.path(&format!("{0}/{0}", "d".repeat(100)));
        fs::create_dir_all(&deep).unwrap();
        let at = |name: &str| format!("{deep}/{name}");
        let server = open_server(kind, &at("server"));
        symlink("server", at("soft")).unwrap();
        fs::hard_link(at("server"), at("hard")).unwrap();
        for name in ["server", "soft", "hard"] {
            let client = open_client(kind, &at(name));
            assert_eq!(client.remote_address().unwrap(), at(name));
        }
        fs::rename(at("server"), at("renamed")).unwrap();
        drop(open_client(kind, &at("renamed")));

        fs::write(at("file"), "").unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        symlink("loop", at("loop")).unwrap();
        let cases = [
            ("file", libc::ECONNREFUSED),
            ("file/s", libc::ENOTDIR),
            ("missing", libc::ENOENT),
            ("dangling", libc::ENOENT),
            ("loop", libc::ELOOP),
        ];
        for (name, errno) in cases {
            let refusal = try_open_client(kind, &at(name), None).unwrap_err();
            assert_eq!(refusal.code, no(errno), "{name}: {refusal:?}");
            if kind == UDSOCK_DGRAM {
                assert_eq!(open_datagram(None).send_to(b"x", &at(name), 0), no(errno), "{name}");
            }
        }
        drop(server);
    }
}

/// An abstract name that is this test's own.
fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("@udsock-rows-{}-{count}", std::process::id())
}

#[test]
fn row_12_every_byte_and_the_length_of_an_abstract_name_count() {
    for kind in KINDS {
        let name = unique();
        let names = [name.clone(), name.clone() + r"\0", name.clone() + r"\0\0", name + r"\0x"];
        let servers: Vec<_> = names.iter().map(|name| open_server(kind, name)).collect();
        for (index, name) in names.iter().enumerate() {
            let client = open_client(kind, name);
            assert_eq!(client.remote_address().unwrap(), *name);
            client.send(b"x", 0);
            for (other, server) in servers.iter().enumerate() {
                let came = match kind {
                    UDSOCK_DGRAM => server.recv(0).is_ok(),
                    _ => server.accept(0).is_ok(),
                };
                assert_eq!(came, index == other, "{name}");
            }
        }
    }
}

#[test]
fn row_12_an_abstract_name_is_free_for_each_kind_and_again_after_close() {
    let name = unique();
    let servers = KINDS.map(|kind| open_server(kind, &name));
    for (kind, server) in KINDS.into_iter().zip(&servers) {
        let refusal = try_open_server(kind, &name, None).unwrap_err();
        assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
        assert!(refusal.message.contains("this name"), "{refusal:?}");
        assert_eq!(server.local_address().unwrap(), name);
        drop(open_client(kind, &name));
    }
    let [stream, ..] = &servers;
    assert_eq!(stream.close(), 0);
    let refusal = try_open_client(UDSOCK_STREAM, &name, None).unwrap_err();
    assert_eq!(refusal.code, no(libc::ECONNREFUSED), "the others do not stand in: {refusal:?}");
    drop(open_server(UDSOCK_STREAM, &name));
}

#[test]
fn row_12_107_bytes_fit_and_no_more() {
    for kind in KINDS {
        for filler in ["n", r"\0", r"\xff"] {
            let name = unique();
            let rest = |length: usize| filler.repeat(length - (name.len() - 1));
            let server = open_server(kind, &(name.clone() + &rest(107)));
            assert_eq!(raw::name(server.fd()).len(), 108, "with the NUL that it begins with");
            assert_eq!(server.local_address().unwrap(), name.clone() + &rest(107));
            for length in [1, 106, 108, 200] {
                let other = name.clone() + &filler.repeat(length);
                let code = try_open_client(kind, &other, None).unwrap_err().code;
                let longer = name.len() - 1 + length > 107;
                let errno = if longer { libc::ENAMETOOLONG } else { libc::ECONNREFUSED };
                assert_eq!(code, no(errno), "{length}");
            }
            let refusal = try_open_server(kind, &(name.clone() + &rest(108)), None).unwrap_err();
            assert_eq!(refusal.code, no(libc::ENAMETOOLONG), "{refusal:?}");
            assert!(refusal.message.contains("107"), "{refusal:?}");
        }
    }
}

#[test]
fn row_12_a_missing_name_refuses() {
    let name = unique();
    for kind in KINDS {
        let refusal = try_open_client(kind, &name, None).unwrap_err();
        assert_eq!(refusal.code, no(libc::ECONNREFUSED), "{refusal:?}");
    }
    assert_eq!(open_datagram(None).send_to(b"x", &name, 0), no(libc::ECONNREFUSED));
}

fn is_picked(name: &str) -> bool {
    name.len() == 6 && name.starts_with('@') && name[1..].chars().all(|c| c.is_ascii_hexdigit())
}

#[test]
fn row_13_the_kernel_picks_a_name_that_can_be_answered() {
    let dir = Dir::new();
    for kind in KINDS {
        let socket = create(kind);
        socket.bind("@").unwrap();
        assert!(is_picked(&socket.local_address().unwrap()), "{:?}", socket.local_address());
        let server = open_server(kind, "@");
        drop(open_client(kind, &server.local_address().unwrap()));
    }
    let server = open_datagram(Some(&dir.path("s")));
    let sender = open_datagram(Some("@"));
    sender.send_to(b"question", &dir.path("s"), 0);
    let (_, from) = server.recv_from(0).unwrap();
    assert_eq!(from, sender.local_address().unwrap());
    assert_eq!(server.send_to(b"answer", &from, 0), 6);
    assert_eq!(sender.recv(0).unwrap(), b"answer");

    for kind in CONNECTED_KINDS {
        let server = open_server(kind, &dir.path("connected"));
        let options = udsock_connect_options { local_address: c"@".as_ptr(), ..connect_options() };
        let client = try_open_client(kind, &dir.path("connected"), Some(&options)).unwrap();
        let seen = server.accept(0).unwrap().remote_address().unwrap();
        assert!(is_picked(&seen), "{seen}");
        assert_eq!(client.local_address().unwrap(), seen);
    }
}

#[test]
fn row_13_nobody_gets_a_name_unasked() {
    let dir = Dir::new();
    let server = open_server(UDSOCK_SEQPACKET, &dir.path("trap"));
    let trap = raw::socket(UDSOCK_SEQPACKET);
    assert_eq!(raw::set_option(trap.as_raw_fd(), libc::SO_PASSCRED, 1), 0);
    assert_eq!(raw::connect(&trap, dir.path("trap")), 0);
    assert!(is_picked(&server.accept(0).unwrap().remote_address().unwrap()), "the trap");

    for kind in KINDS {
        let path = dir.path("s");
        let server = open_server(kind, &path);
        let client = open_client(kind, &path);
        assert_eq!(client.send(b"x", 0), 1);
        assert_eq!(client.send(b"", 0), 0);
        assert_eq!(client.local_address().unwrap(), "");
        if kind == UDSOCK_DGRAM {
            assert_eq!(server.recv_from(0).unwrap().1, "");
        } else {
            let peer = server.accept(0).unwrap();
            assert_eq!(peer.send(b"y", 0), 1);
            assert_eq!(peer.remote_address().unwrap(), "");
        }
        assert_eq!(client.local_address().unwrap(), "");
    }
}

#[test]
fn row_14_the_file_is_found_again_after_chdir() {
    in_child(|| {
        for name in ["s", "./s", "sub/../s", "sub/s"] {
            for kind in KINDS {
                let dir = Dir::new();
                let (here, there) = (dir.path("here"), dir.path("there"));
                for place in [&here, &there] {
                    fs::create_dir_all(format!("{place}/sub")).unwrap();
                }
                std::env::set_current_dir(&here).unwrap();
                let server = open_server(kind, name);
                assert_eq!(server.local_address().unwrap(), name);
                std::env::set_current_dir(&there).unwrap();
                fs::write(name, "another").unwrap();
                assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1);
                fs::rename(&here, dir.path("moved")).unwrap();
                assert_eq!(server.close(), 0);
                assert!(fs::symlink_metadata(dir.path("moved") + "/" + name).is_err(), "{name}");
                assert_eq!(fs::read(name).unwrap(), b"another");
                std::env::set_current_dir("/").unwrap();
            }
        }
    });
}
