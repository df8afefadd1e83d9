//! Messages with all that goes with them: descriptors, which are never leaked and never
//! lost in silence, and who sent each one.

use support::{filter, message_calls as calls, peer, pipes, process, processes, raw, traced};

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
