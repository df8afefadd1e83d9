//! Row 88: a process that Landlock has confined.

use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

use crate::mounts::inspect;
use crate::process::{LONG, in_child, in_fork};
use crate::raw;
use support::*;
use udsock::abi::inspection::*;

const SCOPE_ABSTRACT: u64 = 1;

/// landlock_create_ruleset(2)'s argument.
#[repr(C)]
struct Rules {
    files: u64,
    network: u64,
    scoped: u64,
}

/// The version of Landlock; 0: none.
fn version() -> i64 {
    const VERSION: u32 = 1;
    let nothing: *const Rules = ptr::null();
    // SAFETY: NULL asks for the version.
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0, VERSION) }.max(0)
}

/// No abstract names of others from here on.
fn confine() {
    let rules = Rules { files: 0, network: 0, scoped: SCOPE_ABSTRACT };
    // SAFETY: a struct of the size that is said, then numbers.
    unsafe {
        let size = size_of::<Rules>();
        let rules = libc::syscall(libc::SYS_landlock_create_ruleset, &rules, size, 0);
        assert!(rules >= 0, "{}", std::io::Error::last_os_error());
        let rules = raw::own(rules as i32);
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let call = libc::SYS_landlock_restrict_self;
        assert_eq!(libc::syscall(call, rules.as_raw_fd(), 0), 0);
    }
}

fn connect(kind: u32, name: &str) -> i64 {
    raw::connect(&raw::socket(kind), name)
}

#[test]
fn row_88_a_confined_process_and_abstract_names() {
    const TEST: &str = "row_88_a_confined_process_and_abstract_names";
    if version() < 6 {
        return skip(TEST, "this kernel's Landlock, if any, knows nothing of abstract names");
    }
    in_child(|| {
        for kind in KINDS {
            let dir = Dir::new();
            let name = format!("udsock-confined-{}-{kind}", std::process::id());
            let server: OwnedFd = raw::server(kind, &format!("\0{name}"));
            let by_path = raw::server(kind, &dir.path("s"));
            let (old, standing) = (raw::socket(kind), raw::socket(kind));
            assert_eq!(raw::connect(&standing, format!("\0{name}")), 0);
            let ours = open_client(kind, &format!("@{name}"));
            let status = in_fork(|| {
                confine();
                let abstract_name = format!("\0{name}");
                assert_eq!(connect(kind, &abstract_name), no(libc::EPERM), "kind {kind}");
                assert_eq!(raw::connect(&old, &abstract_name), no(libc::EPERM), "made before");
                assert_eq!(raw::send(&standing, b"x", 0), 1, "standing connections live");
                assert_eq!(ours.send(b"x", 0), 1);
                if kind != UDSOCK_DGRAM {
                    let probe = connect(UDSOCK_DGRAM, &abstract_name);
                    assert_eq!(probe, no(libc::ECONNREFUSED), "as if nobody were there");
                }

                let address = format!("@{name}");
                let refusal = try_open_client(kind, &address, None).unwrap_err();
                assert_eq!(refusal.code, no(libc::EPERM), "{refusal:?}");
                if kind == UDSOCK_DGRAM {
                    let sent = open_datagram(None).send_to(b"x", &address, LONG);
                    assert_eq!(sent, no(libc::EPERM));
                }
                let taken = try_open_server(kind, &address, None).unwrap_err();
                assert_eq!(taken.code, no(libc::EADDRINUSE), "{taken:?}");
                assert_eq!(inspect(&address).state, UDSOCK_LIVE, "it is there all the same");
                // Paths are not concerned.
                drop(open_client(kind, &dir.path("s")));
                true
            });
            assert_eq!(status, 0, "kind {kind}");
            drop((server, by_path));
        }
    });
}
