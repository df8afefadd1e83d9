//! The poller: what the manual says of it, sentence by sentence, for each kind of socket.

use support::poller as calls;
use support::{c_library, message_calls, peer, pipes, process, processes, raw, traced, waiting};

mod threads;

mod accepts;
mod addresses;
mod bounds;
mod closing;
mod coalesced;
mod dont_keep;
mod duplex;
mod failed;
mod fair;
mod forked;
mod kept;
mod left;
mod limits;
mod model;
mod nested;
mod readiness;
mod receives;
mod room;
mod sends;
mod shared;
mod starved;
mod then;
mod waits;
mod wakes;
mod whatever;
mod wrong;
