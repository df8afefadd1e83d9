//! udsock_cleanup concerns the whole process, so it has this one to itself.

use support::*;

#[test]
fn cleanup_removes_what_this_process_made_and_is_still_its_own() {
    let dir = Dir::new();
    let server = open_server(UDSOCK_STREAM, &dir.path("server"));
    let _datagram = open_datagram(Some(&dir.path("datagram")));
    let _abstract = open_datagram(Some("@"));
    let replaced = open_server(UDSOCK_STREAM, &dir.path("replaced"));
    std::fs::remove_file(dir.path("replaced")).unwrap();
    std::fs::write(dir.path("replaced"), "somebody else's").unwrap();
    let mut options = bind_options();
    options.flags = UDSOCK_KEEP_FILE;
    let _kept = try_open_server(UDSOCK_STREAM, &dir.path("kept"), Some(&options)).unwrap();

    assert_eq!(udsock_cleanup(), 2);
    assert_eq!(dir.list(), ["kept", "replaced"]);
    assert_eq!(udsock_cleanup(), 0);

    // The sockets are still open, and closing them now removes nothing.
    assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
    std::fs::write(dir.path("server"), "somebody else's").unwrap();
    assert_eq!((server.close(), replaced.close()), (0, 0));
    assert_eq!(dir.list(), ["kept", "replaced", "server"]);
}
