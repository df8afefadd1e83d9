//! The file's mode, exact from the first moment.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::calls::*;
use support::*;

const UMASKS: [u32; 4] = [0, 0o022, 0o077, 0o777];

/// 0 stands for the default.
const MODES: [u32; 6] = [0o600, 0o660, 0o666, 0o777, 0o001, 0];

/// Each way to serve at a path. With UDSOCK_REPLACE there is a server before, which stays.
type Way = fn(u32, &str, udsock_bind_options) -> (Option<Sock>, Sock);

fn opened(result: Result<Sock, Refusal>) -> Sock {
    result.unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

const WAYS: [Way; 4] = [
    |kind, path, options| (None, opened(try_open_server(kind, path, Some(&options)))),
    |kind, path, options| (None, opened(bind_and_listen(kind, path, &options))),
    |kind, path, options| {
        make_stale(kind, path);
        (None, opened(try_open_server(kind, path, Some(&options))))
    },
    |kind, path, options| {
        let old = open_server(kind, path);
        let flags = if kind == UDSOCK_DGRAM { 0 } else { UDSOCK_REPLACE };
        if kind == UDSOCK_DGRAM {
            assert_eq!(old.close(), 0);
        }
        let options = udsock_bind_options { flags, ..options };
        (Some(old), opened(try_open_server(kind, path, Some(&options))))
    },
];

#[test]
fn the_mode_is_exact_whatever_the_umask() {
    as_everyone(|| {
        let dir = Dir::new();
        for umask in UMASKS {
            set_umask(umask);
            for (kind, way) in KINDS.iter().flat_map(|&kind| WAYS.map(|way| (kind, way))) {
                for name in ["s".to_owned(), "n".repeat(255)] {
                    every_mode(&dir, &dir.path(&name), umask, |path, options| {
                        way(kind, path, options)
                    });
                }
            }
        }
        set_umask(0o022);
    });
}

fn every_mode(
    dir: &Dir,
    path: &str,
    umask: u32,
    open: impl Fn(&str, udsock_bind_options) -> (Option<Sock>, Sock),
) {
    for mode in MODES {
        let (old, server) = open(path, udsock_bind_options { mode, ..bind_options() });
        let expected = if mode == 0 { 0o777 & !umask } else { mode };
        assert_eq!(mode_of(path), expected, "mode {mode:o}, umask {umask:o}");
        assert_eq!(server.close(), 0);
        drop(old);
        assert_eq!(dir.list(), [""; 0]);
    }
}

/// What a file in the directory shows.
#[derive(Clone, Copy)]
pub struct Seen {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
}

/// Opens and closes servers, over and over, while a thread looks at all that is in the
/// directory and judges it: under whichever name, a client could come at any moment.
pub fn watched(dir: &Dir, count: u64, open: impl Fn() -> Sock, wrong: fn(Seen) -> bool) {
    let (done, looks) = (AtomicBool::new(false), AtomicU64::new(0));
    let found = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut found = None;
            while !done.load(Ordering::Relaxed) {
                for entry in fs::read_dir(dir.path("")).unwrap() {
                    let file = entry.unwrap().path();
                    let Ok(file) = fs::symlink_metadata(file) else { continue };
                    looks.fetch_add(1, Ordering::Relaxed);
                    let seen =
                        Seen { uid: file.uid(), gid: file.gid(), mode: file.mode() & 0o7777 };
                    if wrong(seen) {
                        found = Some(seen);
                    }
                }
            }
            found
        });
        let mut opened = 0;
        // As often as was asked for, and until something was seen at all.
        while opened < count || looks.load(Ordering::Relaxed) < 20 {
            drop(open());
            opened += 1;
        }
        done.store(true, Ordering::Relaxed);
        watcher.join().unwrap()
    });
    if let Some(Seen { uid, gid, mode }) = found {
        panic!("for a moment: uid {uid}, gid {gid}, mode {mode:o}");
    }
}

#[test]
fn the_mode_is_never_wider_for_a_moment() {
    as_everyone(|| {
        let count = repeat("UDSOCK_MODE_COUNT", 200);
        for (umask, replaces) in UMASKS.iter().flat_map(|&umask| [(umask, false), (umask, true)]) {
            set_umask(umask);
            let dir = Dir::new();
            fs::set_permissions(dir.path(""), fs::Permissions::from_mode(0o755)).unwrap();
            let path = dir.path("s");
            let mut options = udsock_bind_options { mode: 0o620, ..bind_options() };
            let old = replaces.then(|| {
                options.flags = UDSOCK_REPLACE;
                opened(try_open_server(UDSOCK_STREAM, &path, Some(&options)))
            });
            let open = || opened(try_open_server(UDSOCK_STREAM, &path, Some(&options)));
            watched(&dir, count, open, |seen| seen.mode & !0o620 != 0);
            drop(old);
        }
        set_umask(0o022);
    });
}

#[test]
fn after_a_failure_nothing_is_left_and_the_socket_is_as_new() {
    as_everyone(|| {
        set_umask(0o022);
        for kind in KINDS {
            let dir = Dir::new();
            let path = dir.path("s");
            let (before, server) = (open_descriptors(), create(kind));
            fs::write(&path, "theirs").unwrap();
            let narrow = udsock_bind_options { mode: 0o100, ..bind_options() };
            for _ in 0..10 {
                // SAFETY: valid arguments.
                let result = unsafe {
                    udsock_bind(server.0, c(&path).as_ptr(), &narrow, std::ptr::null_mut())
                };
                assert_eq!(i64::from(result), no(libc::EEXIST));
            }
            assert_eq!(dir.list(), ["s"]);
            fs::remove_file(&path).unwrap();
            assert_eq!(open_descriptors(), before + 1, "nothing but the socket");
            server.bind(&path).unwrap();
            assert_eq!(mode_of(&path), 0o755, "no mode is the default mode again");
            assert_eq!(server.close(), 0);
            assert_eq!(open_descriptors(), before);
        }
    });
}

#[test]
fn datagrams_can_not_take_over() {
    as_everyone(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        let options = with_flags(UDSOCK_REPLACE);
        let before = open_descriptors();
        let refusals = || {
            [
                try_open_server(UDSOCK_DGRAM, &path, Some(&options)).unwrap_err(),
                bind_and_listen(UDSOCK_DGRAM, &path, &options).unwrap_err(),
            ]
        };
        assert!(refusals().iter().all(|refusal| refusal.code == no(libc::EOPNOTSUPP)));
        assert_eq!((dir.list().len(), open_descriptors()), (0, before));
        let server = open_datagram(Some(&path));
        assert!(refusals().iter().all(|refusal| refusal.code == no(libc::EOPNOTSUPP)));
        nobody_came(&server, UDSOCK_DGRAM);
        serves(&server, UDSOCK_DGRAM, &path);
    });
}

#[test]
fn what_needs_a_file_makes_no_sense_for_an_abstract_name() {
    let name = format!("@udsock-files-options-{}", std::process::id());
    let someone = c("0");
    let senseless = [
        with_flags(UDSOCK_REPLACE),
        with_flags(UDSOCK_MAKE_PARENTS),
        udsock_bind_options { mode: 0o600, ..bind_options() },
        udsock_bind_options { user: someone.as_ptr(), ..bind_options() },
        udsock_bind_options { group: someone.as_ptr(), ..bind_options() },
    ];
    for (kind, options) in KINDS.iter().flat_map(|&kind| senseless.map(|options| (kind, options))) {
        for name in [&name, "@"] {
            let refusal = try_open_server(kind, name, Some(&options)).unwrap_err();
            assert_eq!(refusal.code, no(libc::EINVAL), "{refusal:?}");
        }
        assert_eq!(inspect(&name).state, UDSOCK_ABSENT);
        let harmless = with_flags(UDSOCK_NO_RECLAIM | UDSOCK_KEEP_FILE);
        drop(try_open_server(kind, &name, Some(&harmless)).unwrap());
    }
}

#[test]
fn flags_that_nobody_knows() {
    let dir = Dir::new();
    for flags in [32, 1 << 31, u32::MAX] {
        let refusal = try_open_server(UDSOCK_STREAM, &dir.path("s"), Some(&with_flags(flags)));
        assert_eq!(refusal.unwrap_err().code, no(libc::EINVAL));
        assert_eq!(dir.list(), [""; 0]);
    }
}
