//! What this system lacks, as far as a call has noticed it.

use std::sync::atomic::{AtomicU32, Ordering};

/// What can be missing. The library does something else in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Missing {
    /// SO_PASSRIGHTS, Linux 6.16.
    DescriptorRefusal,
    /// MADV_WIPEONFORK, Linux 4.14.
    ForkNote,
    /// renameat2(2) with flags.
    RenameFlags,
    /// /proc.
    Proc,
    /// sock_diag(7).
    SocketList,
    /// SO_PEERGROUPS, Linux 4.13.
    PeerGroups,
}

impl Missing {
    pub(crate) const ALL: [Self; 6] = [
        Self::DescriptorRefusal,
        Self::ForkNote,
        Self::RenameFlags,
        Self::Proc,
        Self::SocketList,
        Self::PeerGroups,
    ];

    /// Its bit among those of [`missing`].
    pub(crate) fn bit(self) -> u32 {
        1 << self as u32
    }
}

static MET: AtomicU32 = AtomicU32::new(0);

/// What is missing: a bit for each.
pub(crate) fn missing() -> u32 {
    MET.load(Ordering::Relaxed)
}

/// Notes that something is missing. Async-signal-safe.
#[cold]
pub(crate) fn note_missing(what: Missing) {
    MET.fetch_or(what.bit(), Ordering::Relaxed);
}
