//! A command that runs, with all that it starts; nothing of it outlives this.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Against a hang only.
pub const HANG: Duration = Duration::from_secs(300);

pub struct Running {
    what: String,
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
}

impl Running {
    /// In a process group of its own, so that it ends with those that it starts.
    pub fn start(mut command: Command) -> Self {
        let what = format!("{command:?}");
        let (reader, writer) = crate::pipe();
        command.stdin(Stdio::piped()).process_group(0);
        command.stderr(writer.try_clone().unwrap()).stdout(writer);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{what}: {error}"));
        drop(command); // It has the pipe's end, too.
        let input = child.stdin.take();
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(reader).lines() {
                let _ = sender.send(line.expect("UTF-8"));
            }
        });
        Self { what, child, input, output }
    }

    /// The next line that it says.
    pub fn line(&mut self) -> String {
        self.next_line(Instant::now() + HANG)
            .unwrap_or_else(|| panic!("{}: ended without another line", self.what))
    }

    /// Presses return.
    pub fn press_return(&mut self) {
        self.input.as_mut().expect("it is piped").write_all(b"\n").expect("it reads");
    }

    /// The rest of what it says, and how it ended.
    pub fn finish(mut self) -> (Vec<String>, ExitStatus) {
        drop(self.input.take());
        let deadline = Instant::now() + HANG;
        let said = std::iter::from_fn(|| self.next_line(deadline)).collect();
        (said, self.wait(deadline).unwrap_or_else(|| panic!("{}: does not end", self.what)))
    }

    /// Ends it as systemd would, and waits until all of it has.
    pub fn stop(self) -> Vec<String> {
        self.stop_by(libc::SIGTERM)
    }

    /// The same with another signal: SIGINT is what Ctrl-C sends.
    pub fn stop_by(self, signal: i32) -> Vec<String> {
        self.signal(signal);
        self.finish().0
    }

    /// `None`: all of it has ended.
    fn next_line(&self, deadline: Instant) -> Option<String> {
        match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("{}: says nothing", self.what),
        }
    }

    fn wait(&mut self, deadline: Instant) -> Option<ExitStatus> {
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("our child") {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(1));
        }
        None
    }

    /// Its process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: i32) {
        let group = i32::try_from(self.child.id()).expect("a process number");
        // SAFETY: no pointers; until it is waited for below, the number is our child's.
        unsafe { libc::kill(-group, signal) };
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever it started may outlive it, in its group.
        self.signal(libc::SIGTERM);
        if self.wait(Instant::now() + Duration::from_secs(5)).is_none() {
            self.signal(libc::SIGKILL);
            let _ = self.child.wait();
        }
    }
}
