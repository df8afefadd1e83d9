//! Programs in C, C++, Python and Node.js, over the library and its bindings: every one
//! talks to every other over every kind of socket it has, and to those that have never heard
//! of us: plain Python, plain Node.js, Go.

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/bindings.rs"]
mod bindings;
#[path = "../support/c_library.rs"]
mod c_library;
#[path = "../support/node_binding.rs"]
mod node_binding;
#[path = "../strangers/peer.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod peer;
#[path = "../support/readme.rs"]
mod readme;

mod languages;
mod older_library;
mod pairs;
mod readme_servers;
