//! A main process that was killed, and workers that go on listening: nginx, php-fpm, uvicorn,
//! hypercorn, granian.

use std::io::{Read, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::process::in_child;
use crate::raw;
use support::*;

/// A child that runs until it is killed.
fn fork_a_child(body: impl FnOnce()) -> i32 {
    // SAFETY: only one thread of this process does anything now.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid > 0 {
        return pid;
    }
    body();
    loop {
        sleep(Duration::from_secs(1));
    }
}

fn kill(pid: i32) {
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
}

struct Killed(i32);

impl Drop for Killed {
    fn drop(&mut self) {
        kill(self.0);
    }
}

fn refusal(path: &str) -> String {
    let refusal = try_open_server(UDSOCK_STREAM, path, None).expect_err("a worker listens");
    assert_eq!(refusal.code, no(libc::EADDRINUSE));
    refusal.message
}

#[test]
fn the_message_names_the_worker_and_says_that_its_parent_is_gone() {
    in_child(|| {
        let dir = Dir::new();
        let path = dir.path("s");
        let (mut reader, mut writer) = pipe();
        let main = fork_a_child(|| {
            // As whoever starts servers does: a session of their own.
            // SAFETY: no pointers.
            unsafe { libc::setsid() };
            let server = raw::server(UDSOCK_STREAM, &path);
            let worker = fork_a_child(|| std::mem::forget(server));
            writer.write_all(&worker.to_ne_bytes()).unwrap();
        });
        let mut worker = [0; 4];
        reader.read_exact(&mut worker).unwrap();
        let worker = Killed(i32::from_ne_bytes(worker));
        let gone = "its parent is gone, so it may be a worker that was left behind";

        // Who has it open with the lowest number is told.
        let message = refusal(&path);
        assert!(!message.contains(gone), "{message}");
        kill(main);
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { libc::waitpid(main, std::ptr::null_mut(), 0) }, main);
        let message = refusal(&path);
        let who = format!("a live stream server is there (pid {}, uid ", worker.0);
        assert!(message.contains(&who), "{message}");
        assert!(message.contains(gone), "{message}");
        assert!(message.ends_with("stop it or pass UDSOCK_REPLACE"), "{message}");

        drop(worker);
        let start = Instant::now();
        while try_open_server(UDSOCK_STREAM, &path, None).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20));
        }
    });
}
