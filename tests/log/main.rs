//! What the library does by itself, as a callback is told it: each event, with its fields; and what
//! a callback may do.

#[path = "../support/c_library.rs"]
mod c_library;
#[path = "../support/mod.rs"]
mod support;

mod events;
mod poller;
mod programs;
mod told;
