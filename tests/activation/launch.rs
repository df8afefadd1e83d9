//! Programs that are started as a service manager starts them: by hand, and by systemd's
//! own.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::{env, fs, io};

use crate::peer::Peer;
use crate::process::{in_child, in_fork};
use support::*;

/// Where the descriptors begin.
pub const FIRST: i32 = 3;
pub const VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

const ACTIVATED: &str = "UDSOCK_TEST_IS_ACTIVATED";

/// What a program is started with.
pub struct Start {
    descriptors: Vec<OwnedFd>,
    /// `None`: not set.
    variables: BTreeMap<&'static str, Option<String>>,
}

/// These descriptors from 3 on, and the variables as they should be: the program's own
/// process, the count, no names.
pub fn passing<T: Into<OwnedFd>>(descriptors: impl IntoIterator<Item = T>) -> Start {
    let descriptors: Vec<OwnedFd> = descriptors.into_iter().map(Into::into).collect();
    let count = descriptors.len().to_string();
    Start { descriptors, variables: BTreeMap::from([("LISTEN_FDS", Some(count))]) }
}

impl Start {
    pub fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.variables.insert(variable, Some(value.into()));
        self
    }

    pub fn without(mut self, variable: &'static str) -> Self {
        self.variables.insert(variable, None);
        self
    }

    /// Becomes the program, which is this one in its other role. Returns if that fails.
    fn execute(&self) -> io::Error {
        // SAFETY: no pointers; the numbers that are overwritten belong to a process that
        // ends here, and the copies are out of their way.
        unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            let copies: Vec<OwnedFd> = self
                .descriptors
                .iter()
                .map(|fd| libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 100))
                .map(|copy| OwnedFd::from_raw_fd(copy))
                .collect();
            for (number, copy) in (FIRST..).zip(&copies) {
                libc::dup2(copy.as_raw_fd(), number);
            }
            let beyond = FIRST as u32 + copies.len() as u32;
            let flags = libc::CLOSE_RANGE_CLOEXEC;
            libc::syscall(libc::SYS_close_range, beyond, u32::MAX, flags);
        }
        let mut command = Command::new(env::current_exe().expect("this program"));
        command.args(env::args_os().skip(1)).env(ACTIVATED, "1");
        for variable in VARIABLES {
            match self.variables.get(variable) {
                Some(Some(value)) => command.env(variable, value),
                None if variable == "LISTEN_PID" => {
                    command.env(variable, std::process::id().to_string())
                }
                _ => command.env_remove(variable),
            };
        }
        command.exec()
    }
}

/// Runs the program, which is the body of the calling test in a process of its own, once
/// for each of the starts. Whatever it does, it leaves the files of the sockets.
pub fn activate(starts: impl FnOnce(&Dir) -> Vec<Start>, program: impl FnOnce()) {
    if env::var_os(ACTIVATED).is_some() {
        return program();
    }
    in_child(|| {
        let dir = Dir::new();
        let starts = starts(&dir);
        let files = dir.list();
        for (index, start) in starts.iter().enumerate() {
            let status = in_fork(|| panic!("{}", start.execute()));
            assert_eq!(status, 0, "start {index}");
        }
        assert_eq!(dir.list(), files);
    });
}

/// The same by systemd-socket-activate, which starts the program when something comes to
/// its first socket. The callers are given where its sockets are.
pub fn activate_by_systemd<const N: usize>(
    test: &str,
    options: &[&str],
    callers: impl FnOnce(&[String; N]),
    program: impl FnOnce(),
) {
    if env::var_os(ACTIVATED).is_some() {
        return program();
    }
    if !has(test, "systemd-socket-activate") {
        return;
    }
    let dir = Dir::new();
    let addresses: [String; N] = std::array::from_fn(|index| dir.path(&format!("{index}.sock")));
    let mut command = Command::new("systemd-socket-activate");
    command.args(options).args(addresses.iter().map(|address| format!("--listen={address}")));
    for variable in [ACTIVATED, IS_TIDY.to_str().unwrap()] {
        command.arg(format!("--setenv={variable}=1"));
    }
    command.arg(env::current_exe().expect("this program"));
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    let manager = Peer::start(&mut command);
    callers(&addresses);
    let said = String::from_utf8(manager.finish()).expect("UTF-8");
    assert!(said.contains("1 passed"), "{said}");
    assert!(addresses.iter().all(|address| fs::exists(address).unwrap()), "the files stay");
}

/// The variables that are set.
pub fn variables() -> Vec<&'static str> {
    VARIABLES.into_iter().filter(|variable| env::var_os(variable).is_some()).collect()
}
