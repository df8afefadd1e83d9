//! Who is at the other end: what the kernel vouches for, and nothing else.

use std::os::fd::OwnedFd;

use crate::error::{Error, Result};
use crate::socket::Socket;
use crate::sys::{self, Credentials};
use crate::user_namespace::{known_group, known_user};

impl Socket {
    /// Of the process that connected, listened or made the pair, at that moment.
    pub(crate) fn peer_credentials(&self) -> Result<Credentials> {
        // A socket without a peer has an answer too: nobody, or, if it listens, itself.
        sys::remote_name(self.fd())?;
        let found = sys::peer_credentials(self.fd())?;
        match (found.pid, known_user(found.uid), known_group(found.gid)) {
            (1.., Some(_), Some(_)) => Ok(found),
            _ => Err(Error::NO_DATA),
        }
    }

    /// Its supplementary groups, at the same moment.
    pub(crate) fn peer_groups(&self) -> Result<Vec<u32>> {
        self.peer_credentials()?;
        let mut groups = Vec::new();
        sys::peer_groups(self.fd(), &mut groups)?;
        Ok(groups)
    }

    /// The process itself, for which no other can be mistaken, even if it has gone.
    pub(crate) fn peer_pidfd(&self) -> Result<OwnedFd> {
        self.peer_credentials()?;
        sys::peer_pidfd(self.fd())
    }

    /// Without a NUL.
    pub(crate) fn peer_label(&self) -> Result<Vec<u8>> {
        sys::remote_name(self.fd())?;
        let mut label = sys::peer_label(self.fd())?;
        label.truncate(label.iter().position(|&byte| byte == 0).unwrap_or(label.len()));
        Ok(label)
    }
}
