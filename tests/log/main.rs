//! What the library does by itself, as a callback is told it: each event, with its fields; and what
//! a callback may do.

use support::c_library;
mod events;
mod poller;
mod programs;
mod told;
