//! A directory of the path is replaced, or the working directory changed, in the middle of a bind:
//! strace holds every bind(2) up.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;
use std::{env, fs, thread};

use crate::calls::*;
use crate::process::in_child;
use crate::traced::log_with;
use support::*;

const HELD_UP: &[&str] = &["-e", "trace=bind", "-e", "inject=bind:delay_enter=600000"];

fn make_directories(dir: &Dir) {
    for name in ["one", "two"] {
        fs::create_dir(dir.path(name)).unwrap();
    }
}

/// Opens a server, while something else happens after its directory was opened.
fn meanwhile<T>(open: impl FnOnce() -> T, happens: impl FnOnce() + Send) -> T {
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            happens();
        });
        open()
    })
}

/// `current` leads to `one`, and then to `two`.
fn switched(dir: &Dir, options: &udsock_bind_options) -> Result<Sock, Refusal> {
    let (link, new) = (dir.path("current"), dir.path("new"));
    let _ = fs::remove_file(&link);
    symlink("one", &link).unwrap();
    symlink("two", &new).unwrap();
    meanwhile(
        || try_open_server(UDSOCK_STREAM, &(link.clone() + "/s"), Some(options)),
        || fs::rename(&new, &link).unwrap(),
    )
}

fn is_told(opened: Result<Sock, Refusal>) {
    let refusal = opened.expect_err("the file is elsewhere");
    assert_eq!(refusal.code, no(libc::ENOENT), "{}", refusal.message);
    assert!(refusal.message.contains("renamed or replaced"), "{}", refusal.message);
}

#[test]
fn a_file_that_was_made_elsewhere_is_removed_and_no_other() {
    let test = "elsewhere::a_file_that_was_made_elsewhere_is_removed_and_no_other";
    log_with(test, HELD_UP, || {
        let dir = Dir::new();
        make_directories(&dir);
        let left = || ["one", "two"].map(|name| fs::read_dir(dir.path(name)).unwrap().count());
        let wide = udsock_bind_options { mode: 0o666, ..bind_options() };
        is_told(switched(&dir, &wide));
        assert_eq!(left(), [0, 0]);
        is_told(switched(&dir, &with_flags(UDSOCK_REPLACE)));
        assert_eq!(left(), [0, 0]);
        // Somebody else's is at the other end.
        let server = open_server(UDSOCK_STREAM, &dir.path("one/s"));
        let before = look(&dir.path("one/s"));
        is_told(switched(&dir, &wide));
        assert_eq!((left(), look(&dir.path("one/s"))), ([1, 0], before));
        serves(&server, UDSOCK_STREAM, &dir.path("one/s"));
    });
}

#[test]
fn another_working_directory_is_another_directory() {
    let test = "elsewhere::another_working_directory_is_another_directory";
    log_with(test, HELD_UP, || {
        in_child(|| {
            let dir = Dir::new();
            make_directories(&dir);
            env::set_current_dir(dir.path("one")).unwrap();
            let two = dir.path("two");
            is_told(meanwhile(
                || try_open_server(UDSOCK_STREAM, "s", None),
                || env::set_current_dir(&two).unwrap(),
            ));
            assert!(!exists(&dir.path("one/s")) && !exists(&dir.path("two/s")));
        });
    });
}

/// The directory that was opened is the one, whatever its name is by now.
#[test]
fn a_directory_that_was_renamed_after_the_bind_is_the_right_one() {
    let test = "elsewhere::a_directory_that_was_renamed_after_the_bind_is_the_right_one";
    let held_up = ["-e", "trace=bind", "-e", "inject=bind:delay_exit=600000"];
    log_with(test, &held_up, || {
        let dir = Dir::new();
        let [one, two] = ["one", "two"].map(|name| dir.path(name));
        fs::create_dir(&one).unwrap();
        let server = meanwhile(
            || open_server(UDSOCK_STREAM, &dir.path("one/s")),
            || fs::rename(&one, &two).unwrap(),
        );
        serves(&server, UDSOCK_STREAM, &dir.path("two/s"));
        assert_eq!(server.close(), 0);
        assert!(!exists(&dir.path("two/s")));
    });
}

const RETURNS_LATE: &[&str] = &["-e", "trace=bind", "-e", "inject=bind:delay_exit=600000:when=1"];

/// It is replaced before it has looked which file it has.
#[test]
fn a_server_that_is_replaced_right_after_its_bind_takes_no_other_s_file() {
    let test = "elsewhere::a_server_that_is_replaced_right_after_its_bind_takes_no_other_s_file";
    log_with(test, RETURNS_LATE, || {
        for kind in [UDSOCK_STREAM, UDSOCK_SEQPACKET] {
            let dir = Dir::new();
            let path = dir.path("s");
            let open = |mode, flags| {
                let how = udsock_bind_options { mode, ..with_flags(flags) };
                try_open_server(kind, &path, Some(&how))
            };
            let (first, second) = thread::scope(|scope| {
                let second = scope.spawn(|| {
                    // The first bind of each thread returns late.
                    drop(open_datagram(Some("@")));
                    open(0o600, UDSOCK_REPLACE).unwrap()
                });
                thread::sleep(Duration::from_millis(300));
                let first = scope.spawn(|| open(0o666, 0));
                (first.join().unwrap(), second.join().unwrap())
            });
            let refusal = first.expect_err("the path is another's");
            assert_eq!(refusal.code, no(libc::EADDRINUSE), "{}", refusal.message);
            assert_eq!(second.option(UDSOCK_OPTION_OWNS_FILE), 1);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            serves(&second, kind, &path);
        }
    });
}
