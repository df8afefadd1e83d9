//! Messages with all that goes with them: descriptors, which are never leaked and never
//! lost in silence, and who sent each one.

#[path = "../support/mod.rs"]
mod support;

#[path = "../strangers/peer.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod peer;
#[path = "../kernel_rows/process.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod process;
#[path = "../takeover/processes.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod processes;
#[path = "../support/traced.rs"]
mod traced;

#[path = "../kernel_rows/raw.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod raw;

mod calls;
mod pipes;
mod raw_messages;
mod receivers;

mod batches;
mod credentials;
mod descriptors;
mod interop;
mod kernels;
mod limits;
mod lost;
mod marks;
mod peeks;
mod pidfds;
mod rooms;
mod rows;
mod settings;
mod storm;
