//! What /proc/self shows is the process's first thread: another may have descriptors and a umask of its
//! own (unshare(2)), or the first may have ended, as a program's main thread does by pthread_exit(3).

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::thread;

use crate::calls::*;
use crate::process::{in_child, in_fork_without_first_thread};
use support::*;

const UMASK: u32 = 0o077;

/// The thread gets numbers for its descriptors under which the others have a file that is no
/// socket. Whoever goes by the numbers alone takes a live server for dead, or sets that file's mode.
fn in_a_thread_of_its_own(dir: &Dir, body: impl FnOnce() + Send) {
    let file = dir.path("file");
    let taken: Vec<_> = (0..64).map(|_| File::create(&file).unwrap()).collect();
    let before = look(&file);
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: no pointers; the descriptors are this thread's copies.
            unsafe {
                assert_eq!(libc::unshare(libc::CLONE_FILES | libc::CLONE_FS), 0);
                libc::umask(UMASK);
                for file in &taken {
                    libc::close(file.as_raw_fd());
                }
            }
            body();
        });
        thread.join().unwrap();
    });
    assert_eq!(look(&file), before, "the other threads' file");
}

#[test]
fn a_live_server_is_not_taken_for_dead() {
    in_child(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        let server = open_server(UDSOCK_STREAM, &path);
        in_a_thread_of_its_own(&dir, || {
            assert_eq!(inspect(&path).state, UDSOCK_LIVE);
            let refusal = try_open_server(UDSOCK_STREAM, &path, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::EADDRINUSE), "{}", refusal.message);
        });
        serves(&server, UDSOCK_STREAM, &path);
    });
}

#[test]
fn a_file_is_made_as_asked_for() {
    in_child(|| {
        let dir = Dir::new();
        let long = dir.path(&"l".repeat(100));
        in_a_thread_of_its_own(&dir, || {
            for path in [&dir.path("s"), &long] {
                let uid = c(&my_uid().to_string());
                let wide = udsock_bind_options { mode: 0o666, ..bind_options() };
                let given = udsock_bind_options { user: uid.as_ptr(), ..bind_options() };
                let restored = with_flags(UDSOCK_RESTORE_FILE);
                for (options, mode) in
                    [(wide, 0o666), (given, 0o777 & !UMASK), (restored, 0o777 & !UMASK)]
                {
                    let server = try_open_server(UDSOCK_STREAM, path, Some(&options)).unwrap();
                    assert_eq!(mode_of(path), mode);
                    drop(open_client(UDSOCK_STREAM, path));
                    if options.flags & UDSOCK_RESTORE_FILE != 0 {
                        fs::remove_file(path).unwrap();
                    }
                    assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1);
                    assert_eq!(server.close(), 0);
                    assert!(!exists(path));
                }
            }
        });
    });
}

#[test]
fn a_program_whose_first_thread_has_ended_can_do_everything() {
    in_child(|| {
        let dir = Dir::new();
        let (path, long) = (dir.path("s"), dir.path(&"l".repeat(100)));
        let status = in_fork_without_first_thread(move || without_a_first_thread(&path, &long));
        assert_eq!(status, 0);
    });
}

fn without_a_first_thread(path: &str, long: &str) {
    for path in [path, long] {
        if path.len() < 100 {
            make_stale(UDSOCK_STREAM, path);
        }
        for flags in [0, UDSOCK_REPLACE, UDSOCK_RESTORE_FILE] {
            let options = udsock_bind_options { mode: 0o666, ..with_flags(flags) };
            let server = try_open_server(UDSOCK_STREAM, path, Some(&options)).unwrap();
            serves(&server, UDSOCK_STREAM, path);
            let found = inspect(path);
            assert_eq!((found.mode, found.pid), (0o666, std::process::id() as i32));
            let refusal = try_open_server(UDSOCK_STREAM, path, None).unwrap_err();
            assert_eq!(refusal.code, no(libc::EADDRINUSE), "{}", refusal.message);
            assert_eq!(server.close(), 0);
        }
    }
}
