//! What tests take for granted of their process, whoever started it: a shell with `&`, nohup,
//! make with the pipes of its job server, a login with umask 077 and a TMPDIR of its own.
//! Before `main` a test program gets a umask of 022, no signal that is ignored or blocked, no
//! descriptors but the three, and a TMPDIR in which a socket's address has room and other
//! users may be; the programs that it starts inherit all that.

use std::ffi::{CStr, c_int};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{env, fs, ptr};

/// Set for the programs that a test starts, which may be started with something on purpose.
pub const IS_TIDY: &CStr = c"UDSOCK_TEST_SURROUNDINGS_ARE_TIDY";

/// Of 107 bytes; the rest is for names in it.
const MOST_OF_AN_ADDRESS: usize = 40;

#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = tidy;

extern "C" fn tidy() {
    // SAFETY: no other thread runs yet, and all that is handed in are C strings.
    unsafe {
        if !libc::getenv(IS_TIDY.as_ptr()).is_null() {
            return;
        }
        libc::setenv(IS_TIDY.as_ptr(), c"1".as_ptr(), 1);
        libc::umask(0o022);
    }
    forget_signals();
    close_inherited_descriptors();
    choose_temporary_directory();
}

fn forget_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: room for an action and for a set, which all zero are; the handler does nothing.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let found = libc::sigaction(signal, ptr::null(), &mut action) == 0;
            if !found || action.sa_sigaction != libc::SIG_IGN {
                continue;
            }
            // With nohup a test goes on after a hangup; what it starts has the default.
            let hangup = survive as extern "C" fn(c_int) as usize;
            action.sa_sigaction = if signal == libc::SIGHUP { hangup } else { libc::SIG_DFL };
            libc::sigaction(signal, &action, ptr::null_mut());
        }
    }
    // SAFETY: room for a set.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut());
    }
}

extern "C" fn survive(_: c_int) {}

fn close_inherited_descriptors() {
    // SAFETY: this program has opened none so far. Those of valgrind lie beyond the limit.
    unsafe {
        let limit = libc::sysconf(libc::_SC_OPEN_MAX).clamp(4, 1 << 20);
        libc::syscall(libc::SYS_close_range, 3, limit - 1, 0);
        // They name the job server's.
        for variable in [c"MAKEFLAGS", c"MFLAGS", c"CARGO_MAKEFLAGS"] {
            libc::unsetenv(variable.as_ptr());
        }
    }
}

fn choose_temporary_directory() {
    let chosen = env::temp_dir();
    if chosen.as_os_str().len() > MOST_OF_AN_ADDRESS || !is_for_everyone(&chosen) {
        // SAFETY: no other thread runs yet.
        unsafe { env::set_var("TMPDIR", "/tmp") };
    }
}

/// Whether other users may come here, and make something.
fn is_for_everyone(directory: &Path) -> bool {
    let lets = |path: &Path, bits| {
        fs::metadata(path).is_ok_and(|found| found.permissions().mode() & bits == bits)
    };
    lets(directory, 0o003) && directory.ancestors().all(|parent| lets(parent, 0o001))
}
