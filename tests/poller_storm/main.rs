//! The poller under load: floods, clients that do not read, thousands of connections that
//! come and go, pollers that are closed while they are used, and what all this costs.

#[path = "../support/mod.rs"]
mod support;

#[path = "../takeover/processes.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod processes;

mod calls;
mod measure;

mod client;
mod server;

mod closing;
mod connections;
mod datagrams;
mod fairness;
mod memory;
mod pressure;
