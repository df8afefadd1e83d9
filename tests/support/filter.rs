//! Filters of system calls (seccomp(2)), as sandboxes have them.

/// From now on these system calls of this thread, and of those that it starts, fail so: those with
/// this third argument, if one is given. Only in a fork, or in a child.
pub fn fail(calls: &[i64], third: Option<u32>, errno: i32) {
    const NUMBER: u32 = 0;
    const THIRD: u32 = 32;
    let load = |offset| libc::sock_filter {
        code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16,
        jt: 0,
        jf: 0,
        k: offset,
    };
    let equal = |value, else_skip| libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt: 0,
        jf: else_skip,
        k: value,
    };
    let say = |answer| libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: answer,
    };
    let failure = libc::SECCOMP_RET_ERRNO | errno as u32;
    let mut program = Vec::new();
    for call in calls {
        program.push(load(NUMBER));
        match third {
            None => program.extend([equal(*call as u32, 1), say(failure)]),
            Some(third) => {
                program.extend([equal(*call as u32, 3), load(THIRD)]);
                program.extend([equal(third, 1), say(failure)]);
            }
        }
    }
    program.push(say(libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: a program that is what it says, and lives through the call.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program, 0, 0), 0);
    }
}
