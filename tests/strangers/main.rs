//! Conversations with programs that have never heard of this library, both ways:
//! what they know is Unix sockets.

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/c_library.rs"]
mod c_library;

mod conversation;
mod examples;
mod http;
mod peer;

mod curl;
mod go;
mod netcat;
mod nginx;
mod node;
mod python;
mod socat;
