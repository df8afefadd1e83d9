//! The poller: what the manual says of it, sentence by sentence, for each kind of socket.

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/c_library.rs"]
mod c_library;
#[path = "../messages/calls.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod message_calls;
#[path = "../strangers/peer.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod peer;
#[path = "../messages/pipes.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod pipes;
#[path = "../kernel_rows/process.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod process;
#[path = "../takeover/processes.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod processes;
#[path = "../kernel_rows/raw.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod raw;
#[path = "../support/traced.rs"]
mod traced;
#[path = "../support/waiting.rs"]
mod waiting;

mod calls;
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
