//! The other program: started, fed, read with a limit, and never left behind.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::c_library;

/// For everything that waits for a peer: so that a test that hangs ends. On an emulated processor,
/// and a busy one, an interpreter takes more than 20 seconds to start.
pub const GUARD_MS: i32 = 300_000;

const GUARD: Duration = Duration::from_millis(GUARD_MS as u64);

/// How to start a peer: its arguments are a role and addresses.
pub type Start = fn(&[&str]) -> Peer;

/// A program that runs, killed with its owner.
pub struct Peer {
    name: String,
    child: Child,
    output: Receiver<Vec<u8>>,
    unread: Vec<u8>,
}

impl Peer {
    pub fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut stdout = child.stdout.take().expect("it is piped");
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut chunk = [0; 1 << 16];
            while let Ok(size @ 1..) = stdout.read(&mut chunk) {
                if sender.send(chunk[..size].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { name, child, output, unread: Vec::new() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All of its standard input, in the background: it may answer before it has read
    /// everything.
    pub fn feed(&mut self, data: &[u8]) {
        let mut stdin: ChildStdin = self.child.stdin.take().expect("fed once");
        let data = data.to_vec();
        // A peer that ends early has its own way to say so.
        thread::spawn(move || stdin.write_all(&data));
    }

    /// A line of its output, without the end of the line.
    pub fn line(&mut self) -> String {
        let deadline = Instant::now() + GUARD;
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.unread.drain(..=end).collect();
                line.pop();
                return String::from_utf8(line).expect("UTF-8");
            }
            assert!(self.read_on(deadline), "{}: ended without another line", self.name);
        }
    }

    /// The rest of its output, once it has ended, with success.
    pub fn finish(mut self) -> Vec<u8> {
        let deadline = Instant::now() + GUARD;
        while self.read_on(deadline) {}
        let status = loop {
            match self.child.try_wait().expect("it is our child") {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "{}: does not end", self.name),
            }
            thread::sleep(Duration::from_millis(1));
        };
        assert!(status.success(), "{}: {status}", self.name);
        std::mem::take(&mut self.unread)
    }

    /// False at the end of its output.
    fn read_on(&mut self, deadline: Instant) -> bool {
        match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(chunk) => self.unread.extend(chunk),
            Err(mpsc::RecvTimeoutError::Disconnected) => return false,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("{}: says nothing", self.name),
        }
        true
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the source of a peer is.
pub fn source(file: &str) -> String {
    let path = c_library::source("tests/strangers/peers").join(file);
    path.into_os_string().into_string().expect("UTF-8")
}

/// The program that a Go source makes. The network is not asked for anything: the standard
/// library is all that is used.
pub fn build_go(name: &str, source: &str) -> String {
    let directory = c_library::scratch();
    let program = directory.join(name).into_os_string().into_string().expect("UTF-8");
    let status = Command::new("go")
        .args(["build", "-o", &program, source])
        .env("GO111MODULE", "off")
        .env("GOFLAGS", "")
        .env("GOCACHE", directory.join("go-cache"))
        // The compiler for programs with the library, perhaps for another C library. Go's own
        // is this system's.
        .env_remove("CC")
        .status()
        .expect("go is here");
    assert!(status.success(), "go build: {status}");
    program
}
