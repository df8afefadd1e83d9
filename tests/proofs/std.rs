//! What std.c wraps, called once each, so that the names can be read from the program.

use std::sync::{Mutex, OnceLock, RwLock};

fn main() {
    let locks = (Mutex::new(0), RwLock::new(0));
    OnceLock::new().get_or_init(|| &locks);
    std::thread::scope(|scope| {
        scope.spawn(|| *locks.0.lock().unwrap() += *locks.1.read().unwrap());
        scope.spawn(|| *locks.1.write().unwrap() += 1);
    });
}
