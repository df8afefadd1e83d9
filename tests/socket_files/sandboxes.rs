//! What a process may not do, or see, where it is shut in.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::calls::*;
use crate::process::{in_child, in_fork, is_root};
use support::*;

/// From now on this system call (with this first argument) fails so, in this thread.
pub fn refuse(call: libc::c_long, argument: Option<i32>, errno: i32) {
    const ARGUMENTS: u32 = 16;
    let statement =
        |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = |at| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at, 0, 0);
    // To the next statement if it is this, else to the end.
    let is =
        |value, to_end| statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, 0, to_end);
    let answer = |answer| statement(libc::BPF_RET | libc::BPF_K, answer, 0, 0);
    let mut filter = match argument {
        None => vec![load(0), is(call as u32, 1)],
        Some(argument) => {
            vec![load(0), is(call as u32, 3), load(ARGUMENTS), is(argument as u32, 1)]
        }
    };
    filter.push(answer(libc::SECCOMP_RET_ERRNO | errno as u32));
    filter.push(answer(libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program lives through the call.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program), 0);
    }
}

/// That nobody has a name only the kernel's list can tell; that somebody is alive a connect
/// tells, too.
#[test]
fn where_the_kernel_s_list_is_refused_nothing_is_called_absent() {
    in_child(|| {
        for errno in [libc::EAFNOSUPPORT, libc::EPERM, libc::EPROTONOSUPPORT, libc::ENOENT] {
            let status = in_fork(|| {
                let dir = Dir::new();
                let path = dir.path("s");
                let name = format!("@udsock-{}", std::process::id());
                let _servers = [&path, &name].map(|address| open_server(UDSOCK_STREAM, address));
                refuse(libc::SYS_socket, Some(libc::AF_NETLINK), errno);
                for name in [name.as_str(), "@udsock-nobody-has-this"] {
                    let refusal = try_inspect(name).err().expect("it can't be known");
                    assert_eq!(refusal.code, no(libc::EOPNOTSUPP), "{refusal:?}");
                    assert!(refusal.message.contains("sock_diag"), "{refusal:?}");
                }
                assert_eq!(inspect(&path).state, UDSOCK_LIVE);
                let refusal = try_open_server(UDSOCK_STREAM, &path, None).expect_err("it is live");
                assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
                true
            });
            assert_eq!(status, 0, "{errno}");
        }
    });
}

/// Where a user namespace maps nobody everyone has the same number, and is not therefore us.
#[test]
fn a_stranger_s_file_is_not_ours_where_nobody_has_a_number() {
    const TEST: &str = "a_stranger_s_file_is_not_ours_where_nobody_has_a_number";
    in_child(|| {
        if !is_root() {
            return skip(TEST, "only root makes a stranger's file");
        }
        let dir = Dir::new();
        fs::set_permissions(dir.path(""), Permissions::from_mode(0o777)).unwrap();
        let path = dir.path("s");
        make_stale(UDSOCK_STREAM, &path);
        fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
        let status = in_fork(|| {
            // SAFETY: no pointers.
            unsafe {
                assert_eq!(libc::setresuid(4321, 4321, 4321), 0);
                if libc::unshare(libc::CLONE_NEWUSER) != 0 {
                    skip(TEST, "a user namespace can't be made");
                    return true;
                }
            }
            for flags in [0, UDSOCK_NO_RECLAIM] {
                let refusal = try_open_server(UDSOCK_STREAM, &path, Some(&with_flags(flags)));
                let refusal = refusal.expect_err("it may be live");
                assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
            }
            assert_eq!(inspect(&path).state, UDSOCK_LIVE);
            true
        });
        assert_eq!(status, 0);
        assert_eq!((dir.list().len(), mode_of(&path)), (1, 0));
    });
}

#[test]
fn an_abstract_name_beyond_the_sandbox_is_told() {
    const TEST: &str = "an_abstract_name_beyond_the_sandbox_is_told";
    in_child(|| {
        let name = format!("@udsock-{}", std::process::id());
        for kind in KINDS {
            let _server = open_server(kind, &name);
            let status = in_fork(|| {
                if !shut_abstract_names_out() {
                    skip(TEST, "Landlock is not here, or scopes no abstract names");
                    return true;
                }
                let refusal = try_open_client(kind, &name, None).expect_err("it is beyond");
                assert_eq!(refusal.code, no(libc::EPERM), "{refusal:?}");
                assert!(refusal.message.contains("Landlock"), "{refusal:?}");
                if kind == UDSOCK_DGRAM {
                    let sender = open_datagram(None);
                    assert_eq!(sender.send_to(b"x", &name, 0), no(libc::EPERM));
                }
                true
            });
            assert_eq!(status, 0);
        }
    });
}

/// landlock(7): a process that has done so reaches no name that was bound outside.
fn shut_abstract_names_out() -> bool {
    const CREATE_RULESET: libc::c_long = 444;
    const RESTRICT_SELF: libc::c_long = 446;
    const SCOPE_ABSTRACT_UNIX_SOCKET: u64 = 1;
    // What is handled of files and of the network; what is scoped.
    let rules: [u64; 3] = [0, 0, SCOPE_ABSTRACT_UNIX_SOCKET];
    // SAFETY: the rules live through the call, and are of this size.
    unsafe {
        let rules = libc::syscall(CREATE_RULESET, rules.as_ptr(), size_of_val(&rules), 0);
        rules >= 0
            && libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::syscall(RESTRICT_SELF, rules, 0) == 0
    }
}
