//! Counters

use super::argument::{self, Sized32, SizedOutput};
use super::basics::udsock_t;
use super::guard::guard;
use crate::counters::{Counts, Kept, Traffic};
use crate::error::{Error, Result};
use crate::handles;
use crate::poller::Poller;

/// What udsock_get_counters returns. All but kept_bytes count from the moment when the handle
/// was made. Calls on the descriptor that bypass the library are not counted.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udsock_counters {
    /// sizeof(udsock_counters).
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Bytes that the kernel has taken.
    pub sent_bytes: u64,
    /// In how many messages; of a stream, in how many system calls.
    pub sent_messages: u64,
    /// Bytes that have come, including those that found no room in the buffer and were cut.
    pub received_bytes: u64,
    /// In how many messages; of a stream, in how many system calls.
    pub received_messages: u64,
    /// How often a thread fell asleep in a wait.
    pub sleeps: u64,
    /// How often a wait that tried again before it slept found what it waited for
    /// (UDSOCK_OPTION_SPIN_US).
    pub spins_paid: u64,
    /// How often such a wait did not.
    pub spins_lost: u64,
    /// Clients that a server has let in; of a poller, those of its servers.
    pub accepted: u64,
    /// Clients that a server has refused, as in UDSOCK_OPTION_REFUSED; of a poller, those that
    /// it has refused for its servers.
    pub refused: u64,
    /// Bytes that a poller keeps now for the socket because they found no room; of a poller,
    /// the sum of all its members.
    pub kept_bytes: u64,
    /// The highest value that kept_bytes has had.
    pub kept_bytes_most: u64,
    /// Datagrams that a poller had kept and could not deliver.
    pub dropped: u64,
}

// SAFETY: numbers: any bytes are a value.
unsafe impl Sized32 for udsock_counters {}

impl SizedOutput for udsock_counters {
    fn size(&self) -> u32 {
        self.size
    }
}

/// The first version's, in bytes.
const FIRST_SIZE: usize = 104;

/// Says what a socket, a server or a poller has done. Each count is right by itself; while
/// other threads use the handle, two counts may be of two moments. A poller counts what went
/// through its own calls; each member counts its part of that, too. `out`: the caller sets its
/// size; the call writes the rest. Set the struct to 0 first, as for udsock_inspect.
///
/// Returns 0.
///
/// -EBADF: `handle` is not open, or it is a poller of the process that this one was forked
/// from.
/// -EINVAL: `out` is NULL, or its size less than 104, that of the first version.
/// -E2BIG: its size is above 4096, or what this version does not know is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_get_counters(handle: udsock_t, out: *mut udsock_counters) -> i32 {
    // SAFETY: the caller passes a struct with its size, or NULL.
    guard(|| unsafe {
        let given = argument::options(out)?
            .filter(|given| given.size as usize >= FIRST_SIZE)
            .ok_or(Error::EINVAL)?;
        let counters = told(&counts(handle)?);
        argument::write_sized(out, &udsock_counters { size: given.size, ..counters });
        Ok(0)
    })
}

fn counts(handle: udsock_t) -> Result<Counts> {
    match handles::get(handle) {
        Ok(socket) => Ok(socket.counts()),
        Err(Error::ENOTSOCK) => {
            let watcher = handles::get_watcher(handle)?;
            watcher.downcast::<Poller>().ok_or(Error::EBADF)?.counts()
        }
        Err(error) => Err(error),
    }
}

fn told(counts: &Counts) -> udsock_counters {
    let Traffic { bytes: sent_bytes, messages: sent_messages } = counts.sent;
    let Traffic { bytes: received_bytes, messages: received_messages } = counts.received;
    let Kept { now: kept_bytes, most: kept_bytes_most } = counts.kept;
    udsock_counters {
        size: 0,
        reserved: 0,
        sent_bytes,
        sent_messages,
        received_bytes,
        received_messages,
        sleeps: counts.sleeps,
        spins_paid: counts.spins_paid,
        spins_lost: counts.spins_lost,
        accepted: counts.accepted,
        refused: counts.refused,
        kept_bytes,
        kept_bytes_most,
        dropped: counts.dropped,
    }
}
