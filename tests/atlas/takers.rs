//! Programs that take a live server's path, or remove it: UDSOCK_RESTORE_FILE gets it back, but
//! from no one who took it over on purpose.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::forked::Forked;
use crate::poller::Poller;
use crate::process::{
    Mounted, as_own_user, asleep, in_child, in_fork, is_root, sleeps, without_rights,
};
use crate::raw;
use support::*;

/// Against a hang only.
const LONG: i32 = 60_000;

fn with(flags: u32) -> udsock_bind_options {
    udsock_bind_options { flags, ..bind_options() }
}

fn restoring(path: &str) -> Sock {
    restoring_with(path, 0)
}

fn restoring_with(path: &str, flags: u32) -> Sock {
    try_open_server(UDSOCK_STREAM, path, Some(&with(UDSOCK_RESTORE_FILE | flags)))
        .unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

fn owns(server: &Sock) -> i64 {
    server.option(UDSOCK_OPTION_OWNS_FILE)
}

fn restored(server: &Sock) -> i64 {
    server.option(UDSOCK_OPTION_RESTORED)
}

/// redis, gunicorn, mosquitto and many others: unlink, bind, listen.
fn take_by_unlinking(path: &str) -> OwnedFd {
    loop {
        let _ = fs::remove_file(path);
        let server = raw::socket(UDSOCK_STREAM);
        // The path may be had back already.
        if raw::bind(&server, path) == 0 {
            assert_eq!(raw::listen(&server, 10), 0);
            return server;
        }
    }
}

/// HAProxy, lldpd: bound elsewhere, renamed over it.
fn take_by_renaming(path: &str) -> OwnedFd {
    let beside = format!("{path}.tmp");
    let server = raw::server(UDSOCK_STREAM, &beside);
    fs::rename(beside, path).unwrap();
    server
}

/// varnishd: a file that nobody is behind.
fn leave_a_dead_file(path: &str) {
    drop(take_by_unlinking(path));
}

fn remove(path: &str) {
    fs::remove_file(path).unwrap();
}

/// Who has taken the path, if anybody is there now.
type Loss = fn(&str) -> Option<OwnedFd>;

/// Every way to lose a path.
fn losses() -> [(&'static str, Loss); 5] {
    [
        ("removed", |path| {
            remove(path);
            None
        }),
        ("taken by unlink and bind", |path| Some(take_by_unlinking(path))),
        ("taken by rename", |path| Some(take_by_renaming(path))),
        ("a dead file", |path| {
            leave_a_dead_file(path);
            None
        }),
        ("renamed away", |path| {
            fs::rename(path, format!("{path}.away")).unwrap();
            fs::remove_file(format!("{path}.away")).unwrap();
            None
        }),
    ]
}

/// The client asks who is there.
fn who_answers(path: &str) -> Vec<u8> {
    let retry =
        udsock_connect_options { flags: UDSOCK_RETRY, timeout_ms: LONG, ..connect_options() };
    let client = try_open_client(UDSOCK_STREAM, path, Some(&retry)).expect("a server");
    client.recv(LONG).unwrap_or_default()
}

/// Whether it is the file of the server that claims it, without asking: that would bring it back.
fn leads_to_it(path: &str) -> bool {
    let spare = fs::read_dir(Path::new(path).parent().unwrap()).unwrap().find_map(|entry| {
        let entry = entry.unwrap();
        entry.file_name().to_string_lossy().ends_with("-spare").then(|| entry.metadata().unwrap())
    });
    let inode = |file: fs::Metadata| file.ino();
    fs::symlink_metadata(path).ok().map(inode) == spare.map(inode)
}

/// Until it is so, or too long.
fn comes_true(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_server_that_waits_for_clients_gets_its_path_back_at_once() {
    let dir = Dir::new();
    for (way, lose) in losses() {
        let path = dir.path("s");
        let server = restoring(&path);
        // In the queue from before.
        let early = open_client(UDSOCK_STREAM, &path);
        let connected = open_client(UDSOCK_STREAM, &path);
        let peers = [0, 1].map(|_| server.accept(LONG).unwrap());
        let queued = open_client(UDSOCK_STREAM, &path);
        thread::scope(|scope| {
            scope.spawn(|| {
                while let Ok(peer) = server.accept(LONG) {
                    peer.send(b"ours", LONG);
                }
            });
            let _taker = lose(&path);
            comes_true(way, || leads_to_it(&path) && restored(&server) > 0);
            assert_eq!(who_answers(&path), b"ours", "{way}");
            assert_eq!(queued.recv(LONG), Ok(b"ours".to_vec()), "{way}: its queue");
            assert_eq!(server.close(), 0);
        });
        // Its connections.
        for (client, peer) in [early, connected].iter().zip(&peers) {
            assert_eq!(peer.send(b"still", LONG), 5, "{way}");
            assert_eq!(client.recv(LONG), Ok(b"still".to_vec()), "{way}");
        }
        assert_eq!(dir.list(), [""; 0], "{way}: nothing is left");
    }
}

#[test]
fn so_does_one_in_a_poller() {
    let dir = Dir::new();
    for (way, lose) in losses() {
        let path = dir.path("s");
        let server = restoring(&path);
        let poller = Poller::new();
        assert_eq!(poller.add(&server, 1), 0);
        let before = poller.wait(0).unwrap();
        assert_eq!(before.len(), 0, "nothing has happened");
        let _taker = lose(&path);
        let client = thread::scope(|scope| {
            let client = scope.spawn(|| {
                comes_true(way, || leads_to_it(&path) && restored(&server) > 0);
                open_client(UDSOCK_STREAM, &path)
            });
            assert_eq!(poller.next().token, 1, "{way}: the client, and nothing else");
            client.join().unwrap()
        });
        assert_eq!(poller.remove(&server), 0);
        // Nobody looks now, until somebody asks.
        remove(&path);
        assert_eq!(poller.wait(0).unwrap().len(), 0);
        assert!(fs::metadata(&path).is_err());
        assert_eq!(owns(&server), 1, "{way}");
        drop((client, server));
        assert_eq!(dir.list(), [""; 0], "{way}");
    }
}

/// Programs with a loop of their own, which watch the descriptor.
#[test]
fn who_asks_whether_it_owns_its_file_has_it_back() {
    let dir = Dir::new();
    for (way, lose) in losses() {
        let path = dir.path("s");
        let server = restoring(&path);
        assert_eq!((owns(&server), restored(&server)), (1, 0));
        let _taker = lose(&path);
        assert_eq!((owns(&server), restored(&server)), (1, 1), "{way}");
        let _client = open_client(UDSOCK_STREAM, &path);
        assert!(server.accept(LONG).is_ok(), "{way}");
        drop(server);
        assert_eq!(dir.list(), [""; 0], "{way}");
    }
}

/// Without the flag nothing is had back, and nothing of others is touched.
#[test]
fn who_did_not_ask_for_it_does_not() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = open_server(UDSOCK_STREAM, &path);
    let taker = take_by_unlinking(&path);
    assert_eq!(server.accept(50).err(), Some(no(libc::ETIMEDOUT)));
    assert_eq!((owns(&server), restored(&server)), (0, 0));
    drop(server);
    assert_eq!(dir.list(), ["s"]);
    drop(taker);
}

/// Four in ten programs remove the path when they are stopped, whoever has it by then.
#[test]
fn a_replaced_program_that_removes_the_path_at_its_end() {
    let dir = Dir::new();
    let path = dir.path("s");
    let foreign = raw::server(UDSOCK_STREAM, &path);
    let server = restoring_with(&path, UDSOCK_REPLACE);
    assert_eq!(dir.list().len(), 2, "the path, and the spare name: {:?}", dir.list());
    thread::scope(|scope| {
        scope.spawn(|| {
            while let Ok(peer) = server.accept(LONG) {
                peer.send(b"ours", LONG);
            }
        });
        drop(foreign);
        remove(&path);
        assert_eq!(who_answers(&path), b"ours");
        assert_eq!(server.close(), 0);
    });
    assert_eq!(dir.list(), [""; 0]);
}

#[test]
fn who_replaces_on_purpose_keeps_the_path() {
    for successors in [UDSOCK_REPLACE, UDSOCK_REPLACE | UDSOCK_RESTORE_FILE] {
        let dir = Dir::new();
        let path = dir.path("s");
        let old = restoring(&path);
        let looks = AtomicU32::new(0);
        thread::scope(|scope| {
            // It looks up all the time, and is told of each change.
            let drained = scope.spawn(|| {
                while owns(&old) == 1 {
                    let _ = old.accept(1);
                    looks.fetch_add(1, Ordering::Relaxed);
                }
                for _ in 0..100 {
                    let _ = old.accept(1);
                    assert_eq!(owns(&old), 0, "a successor's path");
                }
            });
            comes_true("it looks", || looks.load(Ordering::Relaxed) > 2);
            let new = try_open_server(UDSOCK_STREAM, &path, Some(&with(successors))).unwrap();
            drained.join().unwrap();
            assert_eq!((owns(&new), restored(&new), restored(&old)), (1, 0, 0));
            // Removed once more: it is the successor's to get back, if it asked for that.
            remove(&path);
            assert_eq!(owns(&old), 0);
            let expected = i64::from(successors & UDSOCK_RESTORE_FILE != 0);
            assert_eq!((owns(&new), restored(&new)), (expected, expected));
            assert_eq!(old.close(), 0);
            assert_eq!(fs::metadata(&path).is_ok(), expected == 1);
            assert_eq!(new.close(), 0);
        });
        assert_eq!(dir.list(), [""; 0]);
    }
}

/// Servers that all want the path, and all claim it: the last one has it, and no one before it
/// ever again.
#[test]
fn servers_that_replace_each_other_do_not_fight() {
    in_child(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        let servers: Vec<Sock> = thread::scope(|scope| {
            let starters: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let server = restoring_with(&path, UDSOCK_REPLACE);
                        for _ in 0..50 {
                            let _ = server.accept(1);
                        }
                        server
                    })
                })
                .collect();
            starters.into_iter().map(|starter| starter.join().unwrap()).collect()
        });
        let owners = || servers.iter().filter(|server| owns(server) == 1).count();
        assert_eq!(owners(), 1);
        assert_eq!(servers.iter().map(restored).sum::<i64>(), 0, "nobody took it back");
        remove(&path);
        assert_eq!(owners(), 1);
        assert_eq!(servers.iter().map(restored).sum::<i64>(), 1, "its owner did");
        drop(servers);
        assert_eq!(dir.list(), [""; 0]);
    });
}

#[test]
fn of_two_that_claim_a_path_the_second_is_refused() {
    let dir = Dir::new();
    let path = dir.path("s");
    let first = restoring(&path);
    remove(&path);
    // It has not noticed yet.
    let claim = with(UDSOCK_RESTORE_FILE);
    let refusal = try_open_server(UDSOCK_STREAM, &path, Some(&claim)).expect_err("it is claimed");
    assert_eq!(refusal.code, no(libc::EADDRINUSE));
    assert!(refusal.message.contains("a live stream server is there (pid"), "{refusal:?}");
    assert_eq!((owns(&first), restored(&first)), (1, 1));
    drop(first);
    assert_eq!(dir.list(), [""; 0]);
}

#[test]
fn from_who_takes_it_again_and_again_it_is_not_had_back() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = restoring(&path);
    let mut takers = Vec::new();
    for time in 1..=8 {
        takers.push(take_by_unlinking(&path));
        assert_eq!((owns(&server), restored(&server)), (1, time));
    }
    takers.push(take_by_unlinking(&path));
    for _ in 0..3 {
        assert_eq!((owns(&server), restored(&server)), (0, 8));
        let _ = server.accept(1);
    }
    assert_eq!(dir.list(), ["s"], "no spare name is left");
    drop(server);
    assert_eq!(dir.list(), ["s"], "the taker's");
}

/// Kubernetes' kubelet: when it starts it removes every file of the directory that device plug-ins
/// have their sockets in. Those look whether theirs is there, and begin anew.
#[test]
fn where_every_name_was_removed_a_new_server_has_the_path() {
    let dir = Dir::new();
    let path = dir.path("plugin.sock");
    let server = restoring(&path);
    for name in dir.list() {
        remove(&dir.path(&name));
    }
    assert_eq!((owns(&server), restored(&server)), (0, 0));
    assert_eq!(server.accept(1).err(), Some(no(libc::ETIMEDOUT)));
    let next = restoring(&path);
    assert_eq!((owns(&server), owns(&next)), (0, 1));
    assert_eq!(server.close(), 0);
    assert_eq!(owns(&next), 1);
    let _client = open_client(UDSOCK_STREAM, &path);
    assert!(next.accept(LONG).is_ok());
    assert_eq!(next.close(), 0);
    assert_eq!(dir.list(), [""; 0]);
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = restoring(&path);
    remove(&path);
    fs::write(&path, "somebody's").unwrap();
    let _ = server.accept(1);
    assert_eq!((owns(&server), restored(&server)), (0, 0));
    assert_eq!(fs::read(&path).unwrap(), b"somebody's");
    // It may go again.
    remove(&path);
    assert_eq!((owns(&server), restored(&server)), (1, 1));
    remove(&path);
    fs::create_dir(&path).unwrap();
    assert_eq!(owns(&server), 0);
    drop(server);
    assert_eq!(dir.list(), ["s"]);
}

/// What could not be done when the name went is done with a later call. A call that is not to wait
/// does not wait for the lock.
#[test]
fn what_can_not_be_had_back_now_is_had_back_later() {
    in_child(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        let server = restoring(&path);
        remove(&path);
        fs::write(&path, "somebody's").unwrap();
        let none = |timeout| assert!(server.accept(timeout).is_err());
        none(1);
        remove(&path);
        none(1);
        assert!(fs::metadata(&path).is_ok(), "the obstacle had gone");

        let holder = holder_of(&dir);
        remove(&path);
        let before = sleeps();
        none(0);
        let poller = Poller::new();
        assert_eq!((poller.add(&server, 1), poller.wait(0)), (0, Ok(vec![])));
        assert!(sleeps() - before < SLEEPS_FOR_A_LOCK / 2, "{} sleeps", sleeps() - before);
        assert!(fs::metadata(&path).is_err(), "the lock was held");
        drop(holder);
        none(1);
        assert!(fs::metadata(&path).is_ok(), "the lock was let go");
    });
}

/// Each takes an instance of inotify, of which a user has a number.
#[test]
fn one_server_too_many_is_told_at_its_bind() {
    const TEST: &str = "one_server_too_many_is_told_at_its_bind";
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_user_instances");
    let most = most.expect("inotify is here").trim().parse::<usize>().expect("a number");
    if !is_root() || most > 300 {
        return skip(
            TEST,
            "it takes another user, and too many descriptors where the limit is high",
        );
    }
    in_child(|| {
        let dir = Dir::new();
        fs::set_permissions(dir.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o777))
            .unwrap();
        as_own_user(|| {
            let claim = with(UDSOCK_RESTORE_FILE);
            let open = |number| {
                try_open_server(UDSOCK_STREAM, &dir.path(&format!("{number}")), Some(&claim))
            };
            let mut servers = Vec::new();
            let refusal = loop {
                match open(servers.len()) {
                    Ok(server) => servers.push(server),
                    Err(refusal) => break refusal,
                }
                assert!(servers.len() <= most, "there is a limit");
            };
            assert_eq!(refusal.code, no(libc::EMFILE), "{refusal:?}");
            assert!(refusal.message.contains("fs.inotify.max_user_instances"), "{refusal:?}");
            assert_eq!(dir.list().len(), 2 * servers.len(), "nothing is left of that one");
            drop(servers.pop());
            assert!(open(servers.len()).is_ok(), "there is room for another");
        });
    });
}

/// What was in the way tells nobody that it has gone.
#[test]
fn who_waits_has_the_path_back_once_nothing_is_in_the_way() {
    in_child(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        let is_back = || comes_true("it is had back", || leads_to_it(&path));
        let poller = Poller::new();
        // The lock, which somebody keeps, is one that a call waits for.
        for obstacle in ["a file", "the lock"] {
            let server = restoring(&path);
            let lose = || {
                remove(&path);
                match obstacle {
                    "the lock" => Some(holder_of(&dir)),
                    _ => {
                        fs::write(&path, "somebody's").unwrap();
                        None
                    }
                }
            };
            let give_back = |holder: Option<Forked>| {
                if holder.is_none() {
                    remove(&path);
                }
            };
            thread::scope(|scope| {
                let holder = lose();
                let waiter = asleep(scope, || server.accept(LONG).err());
                give_back(holder);
                is_back();
                server.close();
                assert_eq!(waiter.join(), Some(i64::from(UDSOCK_CLOSED)), "{obstacle}");
            });
            let server = restoring(&path);
            assert_eq!(poller.add(&server, 1), 0);
            thread::scope(|scope| {
                let holder = lose();
                let waiter = asleep(scope, || poller.wait(LONG));
                give_back(holder);
                is_back();
                assert_eq!(poller.wake(), 0);
                assert_eq!(waiter.join(), Ok(vec![]), "{obstacle}");
            });
            // Who has a loop of its own, which watches the poller's descriptor.
            let holder = lose();
            assert_eq!(poller.wait(0), Ok(vec![]));
            give_back(holder);
            let is_told = || raw::poll(poller.descriptor(), libc::POLLIN) != 0;
            comes_true("the descriptor tells", is_told);
            assert_eq!(poller.wait(0), Ok(vec![]));
            is_back();
            // Which has changed its names once more.
            assert_eq!(poller.wait(0), Ok(vec![]));
            assert!(!is_told(), "{obstacle}: for ever");
        }
    });
}

/// Nor is there room for the private name that a path is made from; and not for a new spare name.
#[test]
fn without_room_for_one_more_name_the_path_is_had_back() {
    const TEST: &str = "without_room_for_one_more_name_the_path_is_had_back";
    in_child(|| {
        let dir = Dir::new();
        let small = dir.path("small");
        let Some(_mounted) = Mounted::new(TEST, &small, 0, "nr_inodes=16") else { return };
        let path = format!("{small}/s");
        let names = || fs::read_dir(&small).unwrap().count();
        let fill = || {
            for number in 0.. {
                if fs::write(format!("{small}/{number}"), "").is_err() {
                    break;
                }
            }
        };
        for (way, lose) in losses() {
            let server = restoring(&path);
            let taker = lose(&path);
            fill();
            let others = names() - 1 - usize::from(fs::symlink_metadata(&path).is_ok());
            assert_eq!((owns(&server), restored(&server)), (1, 1), "{way}");
            drop(open_client(UDSOCK_STREAM, &path));
            // It has its second name again when there is room.
            fs::remove_file(format!("{small}/0")).unwrap();
            assert!(server.accept(LONG).is_ok());
            thread::scope(|scope| {
                let waiter = asleep(scope, || server.accept(LONG).err());
                comes_true(way, || names() == others - 1 + 2);
                server.close();
                assert_eq!(waiter.join(), Some(i64::from(UDSOCK_CLOSED)));
            });
            drop(taker);
            for entry in fs::read_dir(&small).unwrap() {
                let entry = entry.unwrap();
                assert!(entry.metadata().unwrap().is_file(), "{way}: {entry:?}");
                fs::remove_file(entry.path()).unwrap();
            }
        }
    });
}

/// For a lock that nobody lets go 50 microseconds are slept, twice as many, and so on; then 5 ms each
/// time, until it is a second.
const SLEEPS_FOR_A_LOCK: libc::c_long = 206;

/// Another process that sits on the lock of the directory.
fn holder_of(dir: &Dir) -> Forked {
    let path = dir.path("");
    Forked::holding(|| {
        let directory = fs::File::open(path).unwrap();
        flock(&directory, libc::LOCK_EX);
        directory
    })
}

/// A clean-up that waited for the lock in vain leaves nothing once it can.
#[test]
fn the_spare_name_goes_after_the_lock_was_held() {
    in_child(|| {
        let dir = Dir::new();
        let server = restoring(&dir.path("s"));
        let holder = holder_of(&dir);
        let before = sleeps();
        assert_eq!(udsock_cleanup(), no(libc::EBUSY));
        let times = (sleeps() - before) as f64 / SLEEPS_FOR_A_LOCK as f64;
        assert!((0.9..1.9).contains(&times), "it waits for a second, once: {times} times");
        drop(holder);
        assert_eq!(udsock_cleanup(), 1);
        assert_eq!(dir.list(), [""; 0]);
        drop(server);
    });
}

#[test]
fn what_has_the_spare_name_is_told_from_what_has_the_path() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = restoring(&path);
    let spare = dir.list().into_iter().find(|name| name.ends_with("-spare")).expect("it has one");
    drop(server);
    fs::write(dir.path(&spare), "somebody's").unwrap();
    let claim = with(UDSOCK_RESTORE_FILE);
    let refusal = try_open_server(UDSOCK_STREAM, &path, Some(&claim)).expect_err("it is taken");
    assert_eq!(refusal.code, no(libc::EEXIST), "{refusal:?}");
    assert!(refusal.message.contains("-spare"), "{refusal:?}");
    assert_eq!(dir.list(), [spare]);
}

/// In /tmp nobody removes what a dead server of another user has left.
#[test]
fn a_dead_spare_name_of_another_user_is_not_told_as_alive() {
    if !is_root() {
        return skip("a_dead_spare_name_of_another_user", "only root can be another user");
    }
    in_child(|| {
        let dir = Dir::new();
        fs::set_permissions(dir.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o1777))
            .unwrap();
        let path = dir.path("s");
        // (One that lets nobody in may be alive, in another network namespace.)
        let dies = || {
            let options = udsock_bind_options { mode: 0o666, ..with(UDSOCK_RESTORE_FILE) };
            std::mem::forget(try_open_server(UDSOCK_STREAM, &path, Some(&options)));
            true
        };
        assert_eq!(in_fork(dies), 0);
        remove(&path);
        assert_eq!(dir.list().len(), 1, "the spare name");
        without_rights(|| {
            let claim = with(UDSOCK_RESTORE_FILE);
            let refusal =
                try_open_server(UDSOCK_STREAM, &path, Some(&claim)).expect_err("it stays");
            assert_eq!(refusal.code, no(libc::EPERM), "{refusal:?}");
            assert!(refusal.message.contains("dead server's second name"), "{refusal:?}");
            drop(open_server(UDSOCK_STREAM, &path));
        });
        drop(restoring(&path));
        assert_eq!(dir.list(), [""; 0], "its owner's next start sweeps it");
    });
}

/// Who cleans up may remove the spare name alone, or first.
#[test]
fn the_spare_name_is_had_back_too() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = restoring(&path);
    let spare = || dir.list().into_iter().find(|name| name.ends_with("-spare"));
    remove(&dir.path(&spare().expect("it has one")));
    let _ = server.accept(1);
    assert!(spare().is_some(), "{:?}", dir.list());
    assert_eq!((owns(&server), restored(&server)), (1, 0));
    remove(&path);
    assert_eq!((owns(&server), restored(&server)), (1, 1));
    drop(server);
    assert_eq!(dir.list(), [""; 0]);
}

#[test]
fn a_forked_child_serves_and_takes_nothing_back() {
    in_child(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        let server = restoring(&path);
        let status = in_fork(|| {
            remove(&path);
            let poller = Poller::new();
            poller.add(&server, 1) == 0
                && server.accept(50).err() == Some(no(libc::ETIMEDOUT))
                && poller.wait(50) == Err(no(libc::ETIMEDOUT))
                && owns(&server) == 0
                && fs::metadata(&path).is_err()
                && server.close() == 0
        });
        assert_eq!(status, 0);
        // Its parent does, at the next look.
        assert_eq!((owns(&server), restored(&server)), (1, 1));
        let _client = open_client(UDSOCK_STREAM, &path);
        assert_eq!(in_fork(|| server.accept(LONG).is_ok()), 0);
        drop(server);
        assert_eq!(dir.list(), [""; 0]);
    });
}

#[test]
fn nothing_is_left_however_it_ends() {
    in_child(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        let fork_that = |end: fn(Sock)| {
            in_fork(|| {
                end(restoring(&path));
                true
            })
        };
        // At its normal end; by a signal that was asked for.
        let status = fork_that(|server| {
            std::mem::forget(server);
            // SAFETY: the runner's threads do not exist here.
            unsafe { libc::exit(0) };
        });
        assert_eq!((status, dir.list()), (0, vec![]));
        let status = fork_that(|server| {
            assert_eq!(udsock_cleanup_on_signal(libc::SIGTERM), 0);
            std::mem::forget(server);
            // SAFETY: no pointers.
            unsafe { libc::raise(libc::SIGTERM) };
        });
        let signal = std::process::ExitStatus::from_raw(status).signal();
        assert_eq!((signal, dir.list()), (Some(libc::SIGTERM), vec![]));
        // Killed: the next start sees to both names.
        fork_that(|server| {
            std::mem::forget(server);
            // SAFETY: no pointers.
            unsafe { libc::raise(libc::SIGKILL) };
        });
        assert_eq!(dir.list().len(), 2);
        drop(open_server(UDSOCK_STREAM, &path));
        assert_eq!(dir.list(), [""; 0]);
        // Killed after its path was taken: who claims it next.
        fork_that(|server| {
            let path = server.local_address().unwrap();
            std::mem::forget((take_by_unlinking(&path), server));
            remove(&path);
            // SAFETY: no pointers.
            unsafe { libc::raise(libc::SIGKILL) };
        });
        assert_eq!(dir.list().len(), 1);
        drop(restoring(&path));
        assert_eq!(dir.list(), [""; 0]);
    });
}

#[test]
fn a_file_that_is_to_stay_stays_and_the_spare_name_goes() {
    let dir = Dir::new();
    let path = dir.path("s");
    for flags in [UDSOCK_KEEP_FILE, UDSOCK_KEEP_FILE | UDSOCK_REPLACE] {
        let server = restoring_with(&path, flags);
        remove(&path);
        assert_eq!((owns(&server), restored(&server)), (1, 1));
        assert_eq!(server.close(), 0);
        assert_eq!(dir.list(), ["s"]);
    }
    // Who gives the file away claims it no longer.
    let server = restoring(&path);
    assert_eq!(udsock_disown(server.0), 0);
    assert_eq!(dir.list(), ["s"]);
    remove(&path);
    assert_eq!(owns(&server), 0);
    drop(server);
    let server = restoring(&path);
    raw::own(server.release());
    assert_eq!(dir.list(), ["s"]);
}

#[test]
fn bound_and_not_yet_listening() {
    let dir = Dir::new();
    let path = dir.path("s");
    let bind = |flags| {
        let socket = create(UDSOCK_STREAM);
        let (options, mut err) = (with(UDSOCK_RESTORE_FILE | flags), error());
        // SAFETY: valid arguments.
        let code = unsafe { udsock_bind(socket.0, c(&path).as_ptr(), &options, &mut err) };
        assert_eq!(code, 0, "{}", message_of(&err));
        socket
    };
    let socket = bind(0);
    remove(&path);
    assert_eq!((owns(&socket), socket.listen(5)), (1, 0));
    drop(open_client(UDSOCK_STREAM, &path));
    // Before it is published nothing is its own, and nothing is left of it.
    let never = bind(UDSOCK_REPLACE);
    assert_eq!((owns(&never), owns(&socket)), (0, 1));
    drop(never);
    assert_eq!((owns(&socket), dir.list().len()), (1, 2));
    let next = bind(UDSOCK_REPLACE);
    assert_eq!(next.listen(5), 0);
    assert_eq!((owns(&next), owns(&socket)), (1, 0));
    drop((next, socket));
    assert_eq!(dir.list(), [""; 0]);
}

#[test]
fn a_path_that_is_longer_than_a_name_can_be() {
    let dir = Dir::new();
    let directory = dir.path(&"d".repeat(150));
    fs::create_dir(&directory).unwrap();
    for name in ["s".to_owned(), "n".repeat(150)] {
        let path = format!("{directory}/{name}");
        let server = restoring(&path);
        remove(&path);
        assert_eq!((owns(&server), restored(&server)), (1, 1));
        let _client = open_client(UDSOCK_STREAM, &path);
        assert!(server.accept(LONG).is_ok());
    }
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}

#[test]
fn closing_while_it_is_taken_and_taken_back_leaves_nothing() {
    in_child(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        for _ in 0..repeat("UDSOCK_RESTORE_COUNT", 200) {
            let server = restoring(&path);
            thread::scope(|scope| {
                scope.spawn(|| while server.accept(LONG).is_ok() {});
                scope.spawn(|| {
                    let _ = fs::remove_file(&path);
                });
                scope.spawn(|| server.close());
            });
            assert_eq!(dir.list(), [""; 0]);
        }
    });
}

#[test]
fn what_it_takes_is_asked_for_at_the_start() {
    let dir = Dir::new();
    let claim = with(UDSOCK_RESTORE_FILE);
    let refusal = try_open_server(UDSOCK_DGRAM, &dir.path("s"), Some(&claim)).expect_err("dgram");
    assert_eq!(refusal.code, no(libc::EOPNOTSUPP), "{refusal:?}");
    let refusal = try_open_server(UDSOCK_STREAM, "@name", Some(&claim)).expect_err("abstract");
    assert_eq!(refusal.code, no(libc::EINVAL), "{refusal:?}");
    assert!(refusal.message.contains("UDSOCK_RESTORE_FILE"), "{refusal:?}");
    assert_eq!(dir.list(), [""; 0]);
    if !is_root() {
        return skip("what_it_takes_is_asked_for_at_the_start", "only root can be another user");
    }
    in_child(|| {
        let dir = Dir::new();
        fs::set_permissions(dir.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o777))
            .unwrap();
        without_rights(|| {
            for (mode, code) in [(0o222, Err(no(libc::EACCES))), (0o622, Ok(()))] {
                let options = udsock_bind_options { mode, ..with(UDSOCK_RESTORE_FILE) };
                let server = try_open_server(UDSOCK_STREAM, &dir.path("s"), Some(&options));
                assert_eq!(server.map(drop).map_err(|refusal| refusal.code), code, "{mode:o}");
                assert_eq!(dir.list(), [""; 0]);
            }
        });
    });
}
