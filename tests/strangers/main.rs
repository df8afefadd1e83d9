//! Conversations with programs that have never heard of this library, both ways:
//! what they know is Unix sockets.

use support::{c_library, peer};

mod conversation;
mod examples;
mod http;

mod curl;
mod go;
mod netcat;
mod nginx;
mod node;
mod python;
mod socat;
