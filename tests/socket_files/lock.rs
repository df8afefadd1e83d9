//! Who holds the lock of a directory can delay a start, and is named; nothing is unsafe.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::calls::*;
use crate::forked::Forked;
use crate::log_of;
use support::*;

/// Another process that sits on the lock.
fn holder_of(directory: &str) -> Forked {
    Forked::holding(|| {
        let directory = File::open(directory).unwrap();
        flock(&directory, libc::LOCK_EX);
        directory
    })
}

/// Busy, not before it has waited, and with the name of who is in the way.
fn is_busy(holder: &Forked, attempt: impl FnOnce() -> Result<Sock, Refusal>) {
    let start = Instant::now();
    let refusal = attempt().expect_err("the lock is held");
    assert_eq!(refusal.code, no(libc::EBUSY), "{refusal:?}");
    let pid = format!("pid {} ", holder.pid());
    assert!(refusal.message.contains(&pid), "{pid}: {refusal:?}");
    assert!(start.elapsed() >= Duration::from_millis(900), "it waits for a second");
}

/// One that needed it would be refused: the holder does not let go.
#[test]
fn neither_a_fresh_start_nor_a_refusal_needs_the_lock() {
    as_everyone(|| {
        let dir = Dir::new();
        let holder = holder_of(&dir.path(""));
        let paths = KINDS.map(|kind| dir.path(kind_name(kind)));
        let servers = [0, 1, 2].map(|index| open_server(KINDS[index], &paths[index]));
        for ((kind, path), server) in KINDS.into_iter().zip(&paths).zip(&servers) {
            serves(server, kind, path);
            let refusal = try_open_server(kind, path, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
        }
        drop(holder);
        drop(servers);
        assert_eq!(dir.list(), [""; 0]);
    });
}

#[test]
fn a_reclaim_waits_for_the_lock_and_no_longer_than_a_second() {
    as_everyone(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        make_stale(UDSOCK_STREAM, &path);
        let holder = holder_of(&dir.path(""));
        let before = (look(&path), open_descriptors());
        is_busy(&holder, || try_open_server(UDSOCK_STREAM, &path, None));
        assert_eq!((look(&path), open_descriptors()), before);
        assert_eq!(dir.list(), ["s"]);
        drop(holder);
        let server = open_server(UDSOCK_STREAM, &path);
        serves(&server, UDSOCK_STREAM, &path);
    });
}

#[test]
fn a_takeover_waits_for_the_lock_and_leaves_nothing_behind() {
    as_everyone(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        let old = open_server(UDSOCK_STREAM, &path);
        let server = bind_to_replace(UDSOCK_STREAM, &path);
        let holder = holder_of(&dir.path(""));
        let before = open_descriptors();
        is_busy(&holder, || replace(UDSOCK_STREAM, &path));
        assert_eq!(open_descriptors(), before);
        assert_eq!(server.listen(0), no(libc::EBUSY));
        assert_eq!(old.option(UDSOCK_OPTION_OWNS_FILE), 1);
        serves(&old, UDSOCK_STREAM, &path);
        drop(holder);
        assert_eq!(server.listen(0), 0, "and can be tried again");
        serves(&server, UDSOCK_STREAM, &path);
        assert_eq!(dir.list(), ["s"]);
    });
}

/// It can't be told apart from a takeover, in which nothing must be removed.
#[test]
fn a_close_under_the_lock_says_whether_the_file_is_gone() {
    as_everyone(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        let holder = holder_of(&dir.path(""));
        let server = open_server(UDSOCK_STREAM, &path);
        assert_eq!(server.close(), no(libc::EBUSY));
        assert_eq!(server.close(), no(libc::EBADF), "closed it is");
        assert_eq!(inspect(&path).state, UDSOCK_STALE);
        drop(holder);
        drop(open_server(UDSOCK_STREAM, &path));
        assert_eq!(dir.list(), [""; 0]);
    });
}

/// The file that it had made is not at the path any more.
#[test]
fn who_was_replaced_closes_without_the_lock() {
    as_everyone(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        let old = open_server(UDSOCK_STREAM, &path);
        let server = replace(UDSOCK_STREAM, &path).unwrap();
        let holder = holder_of(&dir.path(""));
        assert_eq!(old.close(), 0);
        serves(&server, UDSOCK_STREAM, &path);
        drop(holder);
    });
}

#[test]
fn a_holder_who_lets_go_in_time_delays_and_nothing_more() {
    as_everyone(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        make_stale(UDSOCK_STREAM, &path);
        let directory = File::open(dir.path("")).unwrap();
        flock(&directory, libc::LOCK_EX);
        let server = std::thread::scope(|scope| {
            let start = scope.spawn(|| try_open_server(UDSOCK_STREAM, &path, None));
            std::thread::sleep(Duration::from_millis(20));
            assert!(!start.is_finished(), "it waits");
            flock(&directory, libc::LOCK_UN);
            start.join().unwrap()
        });
        match server {
            Ok(server) => serves(&server, UDSOCK_STREAM, &path),
            Err(refusal) => panic!("{refusal:?}"),
        }
    });
}

/// A reader's lock is one too.
#[test]
fn a_shared_lock_is_in_the_way_as_well() {
    as_everyone(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        make_stale(UDSOCK_STREAM, &path);
        let holder = Forked::holding(|| {
            let directory = File::open(dir.path("")).unwrap();
            flock(&directory, libc::LOCK_SH);
            directory
        });
        is_busy(&holder, || try_open_server(UDSOCK_STREAM, &path, None));
    });
}

/// Where the directory can't be opened by all who may write it, everyone comes to the
/// same place above it.
#[test]
fn the_lock_of_a_directory_that_may_not_be_read_is_above_it() {
    as_everyone(|| {
        let dir = Dir::new();
        fs::set_permissions(dir.path(""), Permissions::from_mode(0o755)).unwrap();
        let closed = dir.path("closed");
        for mode in [0o300, 0o730] {
            fs::create_dir(&closed).unwrap();
            fs::set_permissions(&closed, Permissions::from_mode(mode)).unwrap();
            let path = format!("{closed}/s");
            make_stale(UDSOCK_STREAM, &path);
            let holder = holder_of(&dir.path(""));
            is_busy(&holder, || try_open_server(UDSOCK_STREAM, &path, None));
            drop(holder);
            drop(open_server(UDSOCK_STREAM, &path));
            fs::remove_dir(&closed).unwrap();
        }
    });
}

/// Who a server is takes long to find out: the kernel may look for a module each time, and all
/// processes are searched.
#[test]
fn nobody_is_asked_for_under_the_lock() {
    let log = log_of("lock::nobody_is_asked_for_under_the_lock", || {
        let dir = Dir::new();
        let path = dir.path("s");
        let _server = open_server(UDSOCK_STREAM, &path);
        // What is swept is why this start has the lock when it meets the server.
        drop(Forked::holding(|| bind_to_replace(UDSOCK_STREAM, &path)));
        assert_eq!(dir.list().len(), 2);
        let refusal = try_open_server(UDSOCK_STREAM, &path, None).expect_err("it is live");
        assert!(refusal.message.contains("pid"), "{refusal:?}");
        assert_eq!(dir.list(), ["s"]);
    });
    let Some(log) = log else { return };
    let (mut holds, mut locks, mut asked) = (0, 0, 0);
    for line in log.lines() {
        let is_slow = line.contains("NETLINK_SOCK_DIAG") || line.contains("\"/proc\"");
        match line {
            line if line.contains("LOCK_EX") && line.ends_with("= 0") => {
                holds += 1;
                locks += 1;
            }
            line if line.contains("LOCK_UN") => holds -= 1,
            line if is_slow => {
                assert_eq!(holds, 0, "{line}\n{log}");
                asked += 1;
            }
            _ => {}
        }
    }
    assert!(asked > 0 && locks > 0, "nobody was asked for, or there was no lock:\n{log}");
}
