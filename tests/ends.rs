//! However a program ends, its socket files go with it or are no obstacle to the next
//! start: ends.c and ends.py end in every way, and here is what they must leave.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};
use support::c_library;

use support::*;

/// Against a hang only.
const HANG: Duration = Duration::from_secs(600);

const STAYING: [&str; 4] = ["adopted", "disowned", "foreign", "kept"];
const ALL: [&str; 8] =
    ["adopted", "bound", "datagram", "disowned", "foreign", "kept", "seqpacket", "stream"];

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let flags = ["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];
        c_library::build("ends", &c_library::source("tests/ends.c"), &flags)
    })
}

fn ends(way: &str, dir: &Dir, argument: impl ToString) -> Command {
    let mut command = Command::new(program());
    command.args([way, &dir.path("."), &argument.to_string()]);
    command
}

/// A program that runs, and does not outlive this.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Waits until it has said a line.
    fn is_ready(&mut self) {
        let mut line = String::new();
        let output = self.0.stdout.as_mut().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("UTF-8");
        assert!(!line.is_empty(), "it said nothing: {}", self.complaint());
    }

    fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("our child") {
                return status;
            }
            assert!(start.elapsed() < HANG, "{} hangs", self.0.id());
            sleep(Duration::from_micros(500));
        }
    }

    fn complaint(&mut self) -> String {
        let mut said = String::new();
        self.0.stderr.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs it until it ends, which has to be of this signal; 0: without one, and well.
fn must_end(command: Command, signal: i32) {
    let what = format!("{command:?}");
    let mut running = Running::start(command);
    let status = running.end();
    let as_wanted = if signal == 0 { status.success() } else { status.signal() == Some(signal) };
    assert!(as_wanted, "{what}: {status}, not {signal}\n{}", running.complaint());
}

/// What is left without the private names, which the next start on their path removes.
fn public_names(dir: &Dir) -> Vec<String> {
    dir.list().into_iter().filter(|name| !name.starts_with(".udsock-")).collect()
}

/// Files that nobody stands behind are no obstacle, and go with their new owner; so do
/// the private names that belong to their paths.
fn can_start_on(dir: &Dir, names: &[&str]) {
    for name in names {
        let server = open_server(UDSOCK_STREAM, &dir.path(name));
        drop(open_client(UDSOCK_STREAM, &dir.path(name)));
        assert_eq!(server.close(), 0, "{name}");
    }
}

/// The signals that end a process unless it does something about them. With SIGRTMIN and
/// SIGRTMAX, between which the others are no different.
fn deadly() -> Vec<i32> {
    let mut signals = vec![
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGHUP,
        libc::SIGQUIT,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGALRM,
        libc::SIGPIPE,
        libc::SIGABRT,
        libc::SIGSEGV,
        libc::SIGXCPU,
    ];
    signals.extend([libc::SIGRTMIN(), libc::SIGRTMIN() + 7, libc::SIGRTMAX()]);
    signals
}

#[test]
fn a_normal_end_removes_the_files() {
    for way in ["return", "exit in a thread"] {
        let dir = Dir::new();
        must_end(ends(way, &dir, ""), 0);
        assert_eq!(dir.list(), STAYING, "{way}");
    }
}

#[test]
fn an_end_without_notice_leaves_stale_files_which_the_next_start_reclaims() {
    for (way, signal) in [("_exit", 0), ("not asked", libc::SIGKILL), ("not asked", libc::SIGHUP)] {
        let dir = Dir::new();
        must_end(ends(way, &dir, signal), signal);
        assert_eq!(public_names(&dir), ALL, "{way}");
        can_start_on(&dir, &["adopted", "bound", "datagram", "disowned", "kept"]);
        can_start_on(&dir, &["seqpacket", "staged", "stream"]);
        assert_eq!(dir.list(), ["foreign"], "{way}");
    }
}

#[test]
fn a_forked_child_s_end_leaves_the_parent_s_files() {
    for (way, signal) in [("child", 0), ("signal in a child", libc::SIGTERM)] {
        let dir = Dir::new();
        must_end(ends(way, &dir, signal), 0);
        assert_eq!(public_names(&dir), ALL, "{way}");
    }
}

#[test]
fn a_signal_that_ends_a_child_of_vfork_leaves_its_parent_as_it_was() {
    let dir = Dir::new();
    must_end(ends("signal in a child of vfork", &dir, libc::SIGTERM), libc::SIGTERM);
    assert_eq!(dir.list(), STAYING, "the parent has removed its own");
}

#[test]
fn a_signal_that_was_asked_for_removes_the_files_and_ends_the_process() {
    for way in ["signal", "signal in a thread"] {
        for signal in deadly() {
            let dir = Dir::new();
            must_end(ends(way, &dir, signal), signal);
            assert_eq!(dir.list(), STAYING, "{way} {signal}");
        }
    }
    let dir = Dir::new();
    must_end(ends("abort", &dir, ""), libc::SIGABRT);
    assert_eq!(dir.list(), STAYING, "abort");
}

#[test]
fn a_handler_of_the_program_s_own_wins_and_the_process_lives_on() {
    for way in ["handled before", "handled since", "ignored"] {
        for signal in deadly() {
            let dir = Dir::new();
            must_end(ends(way, &dir, signal), 0);
            assert_eq!(dir.list(), STAYING, "{way} {signal}: it lived until its normal end");
        }
    }
}

/// Anyone who may read the directory can hold its lock for ever.
#[test]
fn a_lock_that_somebody_holds_does_not_hold_up_the_end() {
    for (way, signal) in [("many and return", 0), ("many and signal", libc::SIGTERM)] {
        let dir = Dir::new();
        let lock = File::open(dir.path(".")).expect("it is there");
        flock(&lock, libc::LOCK_EX);
        must_end(ends(way, &dir, ""), signal);
        flock(&lock, libc::LOCK_UN);
        let left = dir.list();
        can_start_on(&dir, &left.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(dir.list(), [""; 0], "{way}");
    }
}

#[test]
fn a_clean_up_that_was_in_vain_can_be_repeated() {
    let dir = Dir::new();
    must_end(ends("cleanup while locked", &dir, ""), 0);
    assert_eq!(dir.list(), STAYING);
}

#[test]
fn a_signal_that_ends_no_process_is_refused() {
    let no_signals = [0, -1, 65, i32::MAX, i32::MIN];
    let never_caught = [libc::SIGKILL, libc::SIGSTOP];
    let harmless = [libc::SIGCHLD, libc::SIGCONT, libc::SIGWINCH, libc::SIGURG];
    let stopping = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
    let dir = Dir::new();
    for signal in [&no_signals[..], &never_caught, &harmless, &stopping].concat() {
        must_end(ends("no such signal", &dir, signal), 0);
    }
}

/// How often the storms rage: for each kind of end.
fn storms() -> u64 {
    repeat("UDSOCK_SIGNAL_COUNT", 100)
}

/// In the storm: the files that the library made, by their paths.
fn made_in(directory: &Path) -> Vec<PathBuf> {
    /// What storm.h gives to a file of its own.
    const FOREIGN_MODE: u32 = 0o600;
    let mut made = Vec::new();
    for entry in fs::read_dir(directory).expect("it is there") {
        let path = entry.expect("it can be read").path();
        let file = fs::symlink_metadata(&path).expect("nobody is there but us");
        if file.is_dir() {
            made.extend(made_in(&path));
        } else if file.mode() & 0o777 != FOREIGN_MODE {
            made.push(path);
        }
    }
    made
}

/// Whatever a thread was in the middle of, no file is left. And the handler may call nothing
/// that the thread under it may be in the middle of: else some rounds would hang, or end
/// otherwise.
#[test]
fn a_signal_in_the_middle_of_anything_leaves_no_file() {
    /// Threads, those in which nothing is opened among them, and two numbers of none.
    const THREADS: u64 = 15;
    const ANY: u64 = 99;
    for round in 0..storms() {
        let dir = Dir::new();
        let hit = match round % (THREADS + 3) {
            hit if hit > THREADS => ANY,
            hit => hit,
        };
        let mut storm = Running::start(ends("storm until signal", &dir, hit));
        storm.is_ready();
        sleep(Duration::from_micros(round * 7919 % 15_000));
        let id = storm.0.id() as i32;
        // SAFETY: no pointers; a child that is not reaped yet.
        assert_eq!(unsafe { libc::kill(id, libc::SIGTERM) }, 0);
        let status = storm.end();
        assert_eq!(status.signal(), Some(libc::SIGTERM), "{status}: {}", storm.complaint());
        let left = made_in(Path::new(&dir.path(".")));
        assert_eq!(left, [""; 0].map(PathBuf::from), "in round {round}, thread {hit}");
    }
}

/// Threads that go on opening while the process ends may leave files, which are no obstacle.
#[test]
fn an_exit_while_other_threads_open_and_close_ends_the_process() {
    for round in 0..storms().div_ceil(4) {
        let dir = Dir::new();
        must_end(ends("storm until exit", &dir, round * 7919 % 15_000), 0);
        let mut left = public_names(&dir);
        left.retain(|name| name != "new");
        can_start_on(&dir, &left.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn unloading_the_library_does_no_harm() {
    let library = c_library::directory().join("libudsock.so");
    let ways =
        [("unload and return", 0), ("unload under a thread", 0), ("unload and die", libc::SIGTERM)];
    for (way, signal) in ways {
        let dir = Dir::new();
        must_end(ends(way, &dir, library.display()), signal);
        assert_eq!(dir.list(), [""; 0], "{way}");
    }
}

#[test]
fn a_python_program_ends_as_any_other() {
    if !has("a_python_program_ends_as_any_other", "python3") {
        return;
    }
    let ways = [
        ("the last line", 0),
        ("sys.exit", 0),
        ("KeyboardInterrupt caught", 0),
        ("KeyboardInterrupt not caught", libc::SIGINT),
        ("SIGTERM", libc::SIGTERM),
    ];
    for (way, signal) in ways {
        let dir = Dir::new();
        must_end(python(way, &dir), signal);
        assert_eq!(dir.list(), [""; 0], "{way}");
    }
    let dir = Dir::new();
    let status = Running::start(python("exception", &dir)).end();
    assert_eq!((status.code(), dir.list().len()), (Some(1), 0), "an exception is a normal end");
}

fn python(way: &str, dir: &Dir) -> Command {
    let mut command = Command::new("python3");
    command
        .arg(c_library::source("tests/foreign/ends.py"))
        .arg(c_library::directory().join("libudsock.so"))
        .args([&dir.path("server"), way]);
    command
}

#[test]
fn valgrind_finds_nothing_in_any_end() {
    const TEST: &str = "valgrind_finds_nothing_in_any_end";
    if !has(TEST, "valgrind") {
        return;
    }
    let ways = [
        ("return", 0),
        ("exit in a thread", 0),
        ("child", 0),
        ("handled before", libc::SIGTERM),
        ("signal", libc::SIGTERM),
        ("signal in a thread", libc::SIGTERM),
    ];
    for (way, signal) in ways {
        let dir = Dir::new();
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args(["--leak-check=full", "--errors-for-leak-kinds=definite"])
            .arg(program())
            .args([way, &dir.path("."), &signal.to_string()]);
        let output = valgrind.output().expect("valgrind starts");
        let said = String::from_utf8_lossy(&output.stderr);
        let clean = said.matches("ERROR SUMMARY: 0 errors").count();
        assert!(clean > 0 && clean == said.matches("ERROR SUMMARY").count(), "{way}:\n{said}");
        let died_of = output.status.signal().unwrap_or(0);
        let wanted = if way.starts_with("signal") { signal } else { 0 };
        assert_eq!(died_of, wanted, "{way}: {}\n{said}", output.status);
        assert!(wanted != 0 || output.status.success(), "{way}: {}\n{said}", output.status);
        if way != "child" {
            assert_eq!(dir.list(), STAYING, "{way}");
        }
    }
}
