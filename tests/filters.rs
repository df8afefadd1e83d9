//! Filters of system calls (seccomp(2)): what a sandbox forbids is done in another way, or is the
//! error that the filter gives.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;

use support::filter::fail;
use support::message_calls::{ENOUGH, recv_message, send_message, take_descriptors};
use support::process::{in_child, in_fork};
use support::*;

/// A filter that was written before the C library used clock_nanosleep(2) for all sleeps.
#[test]
fn where_no_thread_may_sleep_no_call_fails_for_it() {
    in_child(|| {
        let dir = Dir::new();
        let (path, lock) = (dir.path("s"), File::open(dir.path(".")).unwrap());
        let (waiting, _peer) = pair(UDSOCK_STREAM);
        let handle = waiting.0;
        let waits = thread::spawn(move || ManuallyDrop::new(Sock(handle)).recv(FOREVER));
        thread::sleep(Duration::from_millis(100));
        fail(&[libc::SYS_clock_nanosleep, libc::SYS_nanosleep], None, libc::EPERM);
        // For another thread to leave the call, and for the lock of a directory.
        assert_eq!(waiting.close(), 0);
        assert_eq!(waits.join().unwrap(), Err(CLOSED));
        drop(UnixListener::bind(&path).unwrap());
        flock(&lock, libc::LOCK_EX);
        let refusal = try_open_server(UDSOCK_STREAM, &path, None).unwrap_err();
        assert_eq!(refusal.code, no(libc::EBUSY), "{}", refusal.message);
        flock(&lock, libc::LOCK_UN);
        drop(open_server(UDSOCK_STREAM, &path));
    });
}

/// A list of the socket options that are let through, which does not know Linux 6.16's.
#[test]
fn where_descriptors_can_t_be_refused_everything_else_works() {
    const SO_PASSRIGHTS: u32 = 83;
    in_child(|| {
        for errno in [libc::EPERM, libc::EACCES, libc::EINVAL, libc::ENOSYS, libc::ENOPROTOOPT] {
            let status = in_fork(|| {
                let calls = [libc::SYS_setsockopt, libc::SYS_getsockopt];
                fail(&calls, Some(SO_PASSRIGHTS), errno);
                let dir = Dir::new();
                for kind in CONNECTED_KINDS {
                    let (server, client, peer) = connection(kind, &dir);
                    let file = File::open("/").unwrap();
                    // Those that nobody wants are closed, and this is told.
                    send_message(&client, b"x", &[file.as_raw_fd()], 0);
                    let came = recv_message(&peer, ENOUGH, 1000).unwrap();
                    assert!(came.has_lost() && came.descriptors.is_empty());
                    take_descriptors(&peer);
                    send_message(&client, b"x", &[file.as_raw_fd()], 0);
                    let came = recv_message(&peer, ENOUGH, 1000).unwrap();
                    assert!(!came.has_lost() && came.descriptors.len() == 1);
                    let again = adopt(client.release()).unwrap();
                    assert_eq!(again.option(UDSOCK_OPTION_RECEIVE_FDS), 1);
                    drop(server);
                }
                true
            });
            assert_eq!(status, 0, "errno {errno}");
        }
    });
}
