//! The second name beside the path, by which a lost path is had back.

use super::*;

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
