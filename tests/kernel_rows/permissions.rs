//! Row 16: who may connect.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

use crate::process::{in_child, is_root, without_rights};
use support::*;

fn set_mode(path: &str, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// What a connect, and to datagrams a send, by somebody without rights says.
fn outcome(kind: u32, path: &str) -> i64 {
    without_rights(|| {
        let connected = try_open_client(kind, path, None).map_or_else(|why| why.code, |_| 0);
        if kind == UDSOCK_DGRAM {
            let sent = open_datagram(None).send_to(b"x", path, 0);
            assert_eq!(sent.min(0), connected, "{path}");
        }
        connected
    })
}

#[test]
fn row_16_the_write_bit_of_ones_own_class_counts() {
    in_child(|| {
        let dir = Dir::new();
        let refused = no(libc::EACCES);
        for kind in KINDS {
            let path = dir.path("s");
            let _server = open_server(kind, &path);
            // Ours to connect to: the owner's bits, whatever the others' are.
            if is_root() {
                chown(&path, Some(65_534), Some(65_534)).unwrap();
            }
            for (mode, code) in [(0o200, 0), (0o077, refused), (0o577, refused), (0o700, 0)] {
                set_mode(&path, mode);
                assert_eq!(outcome(kind, &path), code, "as owner, {mode:o}");
            }
            if !is_root() {
                continue;
            }
            chown(&path, Some(0), Some(65_534)).unwrap();
            for (mode, code) in [(0o020, 0), (0o707, refused), (0o757, refused)] {
                set_mode(&path, mode);
                assert_eq!(outcome(kind, &path), code, "by group, {mode:o}");
            }
            chown(&path, Some(0), Some(0)).unwrap();
            for (mode, code) in [(0o002, 0), (0o770, refused), (0o775, refused)] {
                set_mode(&path, mode);
                assert_eq!(outcome(kind, &path), code, "as another, {mode:o}");
            }
            set_mode(&path, 0);
            drop(try_open_client(kind, &path, None).expect("root does not ask"));
        }
        if !is_root() {
            skip("row_16_the_write_bit_of_ones_own_class_counts", "the other classes need root");
        }
    });
}

#[test]
fn row_16_every_directory_has_to_be_searchable() {
    in_child(|| {
        let dir = Dir::new();
        let closed = dir.path("closed");
        fs::create_dir(&closed).unwrap();
        for kind in KINDS {
            for path in [format!("{closed}/s"), format!("{closed}/{}", "n".repeat(200))] {
                set_mode(&closed, 0o755);
                let options = udsock_bind_options { mode: 0o777, ..bind_options() };
                let server = try_open_server(kind, &path, Some(&options)).unwrap();
                assert_eq!(outcome(kind, &path), 0);
                set_mode(&closed, 0o666);
                assert_eq!(outcome(kind, &path), no(libc::EACCES), "{path}");
                set_mode(&closed, 0o755);
                drop(server);
            }
        }
    });
}

#[test]
fn row_16_permission_is_asked_at_connect_only() {
    in_child(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let options = udsock_bind_options { mode: 0o777, ..bind_options() };
            let server = try_open_server(kind, &path, Some(&options)).unwrap();
            let client = without_rights(|| open_client(kind, &path));
            set_mode(&path, 0);
            without_rights(|| assert_eq!(client.send(b"x", 0), 1));
            assert_eq!(outcome(kind, &path), no(libc::EACCES));
            drop(server);
        }
    });
}
