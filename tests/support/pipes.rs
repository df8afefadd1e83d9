//! Pipes as what is passed: the reading end knows whether anybody still has the other.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::raw;

pub struct Pipe {
    pub reading: OwnedFd,
    writing: Option<OwnedFd>,
}

impl Pipe {
    pub fn new() -> Self {
        let [reading, writing] = raw::pipe();
        Self { reading, writing: Some(writing) }
    }

    /// The end that is passed.
    pub fn fd(&self) -> RawFd {
        self.writing.as_ref().expect("it is still here").as_raw_fd()
    }

    /// From now on only those have it to whom it was passed.
    pub fn let_go(&mut self) {
        self.writing = None;
    }

    /// Whether somebody has the other end, on its way or received.
    pub fn is_held(&self) -> bool {
        raw::poll(self.reading.as_raw_fd(), 0) & libc::POLLHUP == 0
    }

    /// Whether nobody has it. A child that another test starts has all that is open here
    /// until it is that program: this waits for it, and ends only if it was leaked.
    pub fn is_alone(&self) -> bool {
        let mut entry = libc::pollfd { fd: self.reading.as_raw_fd(), events: 0, revents: 0 };
        // SAFETY: one entry.
        unsafe { libc::poll(&mut entry, 1, 10_000) == 1 }
    }

    /// Whether what was received writes into this pipe.
    pub fn is_fed_by(&self, received: &OwnedFd) -> bool {
        let copy = |fd: &OwnedFd| File::from(fd.try_clone().expect("a descriptor is left"));
        copy(received).write_all(b"through").expect("it can be written to");
        let mut came = [0; 7];
        copy(&self.reading).read_exact(&mut came).expect("it has been written");
        came == *b"through"
    }
}
