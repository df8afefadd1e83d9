//! Programs in C, C++, Python and Node.js, over the library and its bindings: every one
//! talks to every other over every kind of socket it has, and to those that have never heard
//! of us: plain Python, plain Node.js, Go.

use support::{bindings, c_library, node_binding, peer, readme};

mod languages;
mod older_library;
mod pairs;
mod readme_servers;
