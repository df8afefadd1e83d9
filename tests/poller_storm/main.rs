//! The poller under load: floods, clients that do not read, thousands of connections that
//! come and go, pollers that are closed while they are used, and what all this costs.

use support::{measure, poller_calls as calls, processes};

mod client;
mod server;

mod closing;
mod connections;
mod datagrams;
mod fairness;
mod memory;
mod pressure;
