//! What keeps a lost path from being had back at once, and what becomes of it then.

use super::*;

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
