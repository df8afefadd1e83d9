//! Row 89: core dumps that the kernel sends to a Unix socket.

use std::{env, fs};

use crate::process::{LONG, in_child, is_root};
use crate::raw;
use support::*;

const PATTERN: &str = "/proc/sys/kernel/core_pattern";

/// The machine's pattern, put back at the end.
struct Restored(String);

impl Drop for Restored {
    fn drop(&mut self) {
        let _ = fs::write(PATTERN, &self.0);
    }
}

/// It changes where all core dumps of the machine go for a moment, so it has to be asked for.
#[test]
fn row_89_a_server_gets_core_dumps_and_knows_whose() {
    const TEST: &str = "row_89_a_server_gets_core_dumps_and_knows_whose";
    if env::var_os("UDSOCK_TEST_CORE_PATTERN").is_none() {
        return skip(TEST, "it changes the machine's core_pattern: UDSOCK_TEST_CORE_PATTERN=1");
    }
    if !is_root() {
        return skip(TEST, "only root may");
    }
    in_child(|| {
        for (sign, asks) in [("@", false), ("@@", true)] {
            let dir = Dir::new();
            let path = dir.path("cores");
            let server = open_server(UDSOCK_STREAM, &path);
            let restored = Restored(fs::read_to_string(PATTERN).unwrap());
            if fs::write(PATTERN, format!("{sign}{path}")).is_err() {
                return skip(TEST, &format!("this kernel has no core_pattern with {sign}"));
            }
            let crashed = crash();
            // Somebody else's crash may come first: all are taken until ours.
            let core = loop {
                let mut peer = udsock_credentials { pid: 0, uid: 7, gid: 7 };
                // SAFETY: room for the answer.
                let connection = unsafe { udsock_accept(server.0, LONG, &mut peer) };
                assert!(connection > 0, "{}", name_of(connection));
                let connection = Sock(connection);
                let pidfd = udsock_peer_pidfd(connection.0);
                assert!(pidfd >= 0, "{}", name_of(pidfd.into()));
                drop(raw::own(pidfd));
                let core = received(&connection, asks);
                if peer.pid == crashed {
                    // SAFETY: no pointers.
                    assert_eq!(peer.uid, unsafe { libc::geteuid() });
                    break core;
                }
            };
            drop(restored);
            // SAFETY: our child.
            unsafe { libc::waitpid(crashed, std::ptr::null_mut(), 0) };
            assert!(core.starts_with(b"\x7fELF"), "{sign}: {} bytes", core.len());
        }
    });
}

/// A process that crashes.
fn crash() -> i32 {
    let limit = libc::rlimit { rlim_cur: 1 << 20, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: a limit; then a process that does nothing else.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &limit);
        match libc::fork() {
            0 => {
                libc::prctl(libc::PR_SET_DUMPABLE, 1);
                libc::abort()
            }
            child => child,
        }
    }
}

/// The core dump, after what the kernel asks first, if it does: a struct of 16 bytes, which
/// an answer of 16 and a mark follow.
fn received(connection: &Sock, asks: bool) -> Vec<u8> {
    const KERNEL_WRITES: u64 = 1;
    if asks {
        let (size, request) = connection.recv_exact(16, LONG);
        assert_eq!(size, 16);
        assert_eq!(request[..4], 16_u32.to_ne_bytes());
        let answer = [&16_u32.to_ne_bytes()[..], &[0; 4], &KERNEL_WRITES.to_ne_bytes()].concat();
        assert_eq!(connection.send_all(&answer, LONG), (16, 16));
        assert_eq!(connection.recv_exact(4, LONG), (4, vec![0; 4]), "the mark");
    }
    let mut core = Vec::new();
    while let Ok(more) = connection.recv(LONG) {
        core.extend(more);
    }
    core
}
