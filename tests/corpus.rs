//! Every input that the fuzzers kept, tried once more, without a fuzzer.

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::path::Path;
use std::sync::{Mutex, mpsc};
use std::time::Duration;
use std::{fs, thread};

/// Against a hang only.
const HANG: Duration = Duration::from_secs(600);

/// Each changes the current directory, and counts descriptors.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn replay(target: &str, run: fn(&[u8])) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for input in fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{corpus:?}: {error}")) {
        let path = input.unwrap().path();
        let data = fs::read(&path).unwrap();
        let (done, is_done) = mpsc::channel();
        let trial = thread::spawn(move || {
            run(&data);
            let _ = done.send(());
        });
        let hangs = is_done.recv_timeout(HANG) == Err(mpsc::RecvTimeoutError::Timeout);
        assert!(!hangs, "{path:?} hangs");
        assert!(trial.join().is_ok(), "{path:?}");
        count += 1;
    }
    assert!(count > 10, "{corpus:?} has {count} inputs only");
}

#[test]
fn addresses() {
    replay("address", fuzz::address::run);
}

#[test]
fn options() {
    replay("options", fuzz::options::run);
}

#[test]
fn control_messages() {
    replay("control_messages", fuzz::control_messages::run);
}

#[test]
fn calls() {
    replay("calls", fuzz::calls::run);
}
