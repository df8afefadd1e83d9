//! What happens to files, clients and calls.

use std::fs::{self, File};
use std::os::unix::net::{UnixDatagram, UnixListener};

use crate::told::{Told, listen, of_handle, of_path};
use support::*;

fn me() -> (i32, u32) {
    // SAFETY: no pointers.
    (std::process::id() as i32, unsafe { libc::geteuid() })
}

/// The one thing that was told of a path.
fn only(path: &str) -> Told {
    match &of_path(path)[..] {
        [one] => one.clone(),
        several => panic!("{path}: {several:?}"),
    }
}

#[test]
fn a_dead_server_s_file_that_was_removed() {
    listen();
    let dir = Dir::new();
    let path = dir.path("dead");
    drop(UnixListener::bind(&path).unwrap());
    let _server = open_server(UDSOCK_STREAM, &path);
    let told = only(&path);
    assert_eq!((told.event, told.level), (UDSOCK_LOGGED_RECLAIMED, UDSOCK_LOG_INFO));
    assert_eq!((told.handle, told.pid, told.uid, told.code), (0, 0, u32::MAX, 0));
    assert_eq!(told.text, format!("{path}: removed the file of a server that has gone"));
}

#[test]
fn the_socket_that_a_file_was_removed_for_if_it_has_a_handle() {
    listen();
    let dir = Dir::new();
    let path = dir.path("dead");
    drop(UnixListener::bind(&path).unwrap());
    let server = create(UDSOCK_SEQPACKET);
    server.bind(&path).unwrap();
    assert_eq!(only(&path).handle, server.0);
}

#[test]
fn nothing_where_nothing_happens() {
    listen();
    let dir = Dir::new();
    let path = dir.path("plain");
    let server = open_server(UDSOCK_STREAM, &path);
    let client = open_client(UDSOCK_STREAM, &path);
    let peer = server.accept(FOREVER).unwrap();
    assert_eq!(client.send(b"x", 0), 1);
    let handles = [server.0, client.0, peer.0];
    drop((client, peer, server));
    assert!(of_path(&path).is_empty());
    assert!(handles.iter().all(|handle| of_handle(*handle).is_empty()));
}

/// As `private_names` makes it.
fn private_name(name: &str, number: u32) -> String {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!(".udsock-{hash:016x}-{number}")
}

#[test]
fn private_names_that_were_swept() {
    listen();
    let dir = Dir::new();
    let path = dir.path("swept");
    for number in 0..3 {
        drop(UnixDatagram::bind(dir.path(&private_name("swept", number))).unwrap());
    }
    let _server = open_server(UDSOCK_STREAM, &path);
    let told = only(&path);
    assert_eq!((told.event, told.level), (UDSOCK_LOGGED_SWEPT, UDSOCK_LOG_INFO));
    assert!(told.text.contains("removed 3 private names"), "{told:?}");
    assert_eq!(dir.list(), ["swept"]);
}

#[test]
fn a_takeover_by_the_one_and_of_the_other() {
    listen();
    let dir = Dir::new();
    let path = dir.path("taken");
    let first = open_server(UDSOCK_STREAM, &path);
    let options = udsock_bind_options { flags: UDSOCK_REPLACE, ..bind_options() };
    let second = create(UDSOCK_STREAM);
    let mut err = error();
    // SAFETY: valid arguments.
    let bound = unsafe { udsock_bind(second.0, c(&path).as_ptr(), &options, &mut err) };
    assert_eq!(bound, 0, "{}", message_of(&err));
    assert!(of_path(&path).is_empty(), "until it listens");
    assert_eq!(second.listen(0), 0);
    let told = only(&path);
    assert_eq!((told.event, told.level), (UDSOCK_LOGGED_TOOK_OVER, UDSOCK_LOG_INFO));
    assert_eq!((told.handle, (told.pid, told.uid)), (second.0, me()));

    assert_eq!(first.close(), 0);
    let told = of_path(&path).pop().unwrap();
    assert_eq!((told.event, told.handle), (UDSOCK_LOGGED_TAKEN_OVER, first.0));
    assert_eq!(second.close(), 0);
    assert_eq!(of_path(&path).len(), 2, "{:?}", of_path(&path));
}

#[test]
fn a_takeover_of_a_dead_server() {
    listen();
    let dir = Dir::new();
    let path = dir.path("dead");
    drop(UnixListener::bind(&path).unwrap());
    let options = udsock_bind_options { flags: UDSOCK_REPLACE, ..bind_options() };
    let _server = try_open_server(UDSOCK_STREAM, &path, Some(&options)).unwrap();
    assert_eq!(only(&path).event, UDSOCK_LOGGED_RECLAIMED);
}

#[test]
fn a_file_that_somebody_else_had_removed() {
    listen();
    let dir = Dir::new();
    let path = dir.path("gone");
    let server = open_server(UDSOCK_STREAM, &path);
    fs::remove_file(&path).unwrap();
    assert_eq!(server.close(), 0);
    let told = only(&path);
    assert_eq!((told.event, told.level), (UDSOCK_LOGGED_FILE_GONE, UDSOCK_LOG_WARNING));
    assert_eq!(told.handle, server.0);
}

#[test]
fn a_file_that_could_not_be_removed_and_why() {
    listen();
    let dir = Dir::new();
    let path = dir.path("held");
    let server = open_server(UDSOCK_STREAM, &path);
    let lock = File::open(dir.path(".")).unwrap();
    flock(&lock, libc::LOCK_EX);
    assert_eq!(server.close(), no(libc::EBUSY));
    let told = only(&path);
    assert_eq!((told.event, told.level), (UDSOCK_LOGGED_NOT_REMOVED, UDSOCK_LOG_WARNING));
    assert_eq!((told.handle, told.code), (server.0, no(libc::EBUSY)));
    assert!(told.text.contains("Device or resource busy"), "{told:?}");
}

#[test]
fn a_client_that_was_refused_and_who_and_why() {
    listen();
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let path = dir.path("door");
        let server = open_server(kind, &path);
        assert_eq!(udsock_allow_uid(server.0, me().1 + 1), 0);
        let _client = open_client(kind, &path);
        assert_eq!(server.accept(0).unwrap_err(), no(libc::EAGAIN));
        let told = only(&path);
        assert_eq!((told.event, told.level), (UDSOCK_LOGGED_REFUSED, UDSOCK_LOG_INFO));
        assert_eq!((told.handle, (told.pid, told.uid)), (server.0, me()));
        assert_eq!(told.code, no(libc::EACCES));
        assert!(told.text.ends_with(": no rule lets it in"), "{told:?}");

        assert_eq!(udsock_allow_uid(server.0, me().1), 0);
        assert_eq!(udsock_set_option(server.0, UDSOCK_OPTION_MAX_PER_UID, 1), 0);
        let _clients = [open_client(kind, &path), open_client(kind, &path)];
        let _peer = server.accept(FOREVER).unwrap();
        assert_eq!(server.accept(0).unwrap_err(), no(libc::EAGAIN));
        let told = of_path(&path).pop().unwrap();
        assert_eq!((told.event, told.code), (UDSOCK_LOGGED_REFUSED, no(libc::EUSERS)));
    }
}

#[test]
fn a_call_that_failed_in_the_words_of_its_error() {
    listen();
    let dir = Dir::new();
    let path = dir.path("line\nfeed");
    let refusal = try_open_client(UDSOCK_STREAM, &path, None).unwrap_err();
    let told = crate::told::failures_of(&path);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].level, told[0].code), (UDSOCK_LOG_DEBUG, no(libc::ENOENT)));
    assert_eq!(told[0].text, refusal.message);
    assert!(told[0].text.contains("line\\x0afeed"), "{told:?}");
}

#[test]
fn a_long_path_is_whole_and_its_text_is_short() {
    listen();
    let dir = Dir::new();
    let deep = dir.path(&"d".repeat(200));
    fs::create_dir(&deep).unwrap();
    let path = format!("{deep}/{}", "n".repeat(200));
    let server = open_server(UDSOCK_STREAM, &path);
    fs::remove_file(&path).unwrap();
    assert_eq!(server.close(), 0);
    let told = of_path(&path);
    let events: Vec<u32> = told.iter().map(|told| told.event).collect();
    assert_eq!(events, [UDSOCK_LOGGED_LONG_PATH, UDSOCK_LOGGED_FILE_GONE]);
    for told in told {
        assert!(told.text.len() < 256 && told.text.contains("..."), "{told:?}");
    }
}

#[test]
fn a_path_that_was_lost_and_is_had_back() {
    listen();
    let dir = Dir::new();
    let path = dir.path("lost");
    let options = udsock_bind_options { flags: UDSOCK_RESTORE_FILE, ..bind_options() };
    let server = try_open_server(UDSOCK_STREAM, &path, Some(&options)).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1);
    let told = only(&path);
    assert_eq!((told.event, told.level), (UDSOCK_LOGGED_RESTORED, UDSOCK_LOG_WARNING));
}

#[test]
fn a_path_that_not_everyone_can_connect_to() {
    listen();
    let dir = Dir::new();
    let room = 96 - dir.path("").len();
    let [reached, long] = [room, room + 1].map(|size| dir.path(&"n".repeat(size)));
    let _servers = [&reached, &long].map(|path| open_server(UDSOCK_STREAM, path));
    assert!(of_path(&reached).is_empty());
    let told = only(&long);
    assert_eq!((told.event, told.level), (UDSOCK_LOGGED_LONG_PATH, UDSOCK_LOG_INFO));
    assert!(told.text.contains("the path has 97 bytes"), "{told:?}");
}
