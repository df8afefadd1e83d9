//! Forked children, and ends of every kind: nothing is left, and nothing of others is taken.

use super::*;

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
