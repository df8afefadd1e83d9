//! Where an input is tried: in a new directory, and with its descriptors counted.

use std::env;
use std::path::PathBuf;
use std::sync::OnceLock;

use support::{Dir, open_descriptors};

/// A directory that is the current one as long as this is there.
pub struct Place {
    pub dir: Dir,
    former: PathBuf,
}

impl Place {
    /// Each thread that waits has an eventfd, which stays open for the next one.
    const EVENTFDS: usize = 4;

    pub fn enter() -> Self {
        let former = env::current_dir().expect("there is one");
        let dir = Dir::new();
        env::set_current_dir(dir.path("")).expect("it is new");
        Self { dir, former }
    }

    /// Whatever was tried here is over: no descriptor is lost.
    pub fn leave(self) {
        static FIRST: OnceLock<usize> = OnceLock::new();
        let count = open_descriptors();
        let first = *FIRST.get_or_init(|| count);
        assert!(count <= first + Self::EVENTFDS, "{first} descriptors became {count}");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        env::set_current_dir(&self.former).expect("it is still there");
    }
}
