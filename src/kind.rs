//! The kinds of socket.

use crate::error::{Error, Result};

/// The three kinds of Unix socket, by Linux's own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Bytes in order, without bounds.
    Stream = libc::SOCK_STREAM as isize,
    /// Messages, without a connection.
    Datagram = libc::SOCK_DGRAM as isize,
    /// Messages in order, over a connection.
    Seqpacket = libc::SOCK_SEQPACKET as isize,
}

impl Kind {
    pub(crate) fn from_number(number: u32) -> Result<Self> {
        [Self::Stream, Self::Datagram, Self::Seqpacket]
            .into_iter()
            .find(|kind| kind.number() == number)
            .ok_or(Error::EINVAL)
    }

    pub(crate) fn number(self) -> u32 {
        self as u32
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Datagram => "datagram",
            Self::Seqpacket => "seqpacket",
        }
    }
}
