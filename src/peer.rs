//! Who is at the other end: only what the kernel vouches for.

use std::os::fd::OwnedFd;

use crate::error::{Error, Result};
use crate::socket::Socket;
use crate::sys::{self, Credentials};
use crate::user_namespace::{known_group, known_of};

impl Socket {
    /// The credentials of the process that connected, listened or made the pair, at that moment.
    pub(crate) fn peer_credentials(&self) -> Result<Credentials> {
        // The kernel answers for a socket without a peer, too: nobody or, if it listens, itself.
        sys::remote_name(self.fd())?;
        let found = sys::peer_credentials(self.fd())?;
        // No process: it is of a PID namespace that this one does not see. The kernel knows
        // nobody where it has no user, either.
        if found.uid == u32::MAX { Err(Error::ENODATA) } else { Ok(known_of(found)) }
    }

    /// Its supplementary groups, at the same moment.
    pub(crate) fn peer_groups(&self) -> Result<Vec<u32>> {
        self.peer_credentials()?;
        let mut groups = Vec::new();
        sys::peer_groups(self.fd(), &mut groups)?;
        groups.iter_mut().for_each(|group| *group = known_group(*group).unwrap_or(u32::MAX));
        Ok(groups)
    }

    /// A descriptor of the process itself: no other process can be mistaken for it, even after it
    /// has gone.
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
