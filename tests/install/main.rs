//! The library as it is installed: with the README's commands, into a prefix of the tests'
//! own. Programs are built there and run there with nothing of the checkout in sight, and
//! what was installed can be removed.

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/c_library.rs"]
mod c_library;
#[path = "../support/node_binding.rs"]
mod node_binding;
#[path = "../strangers/peer.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod peer;
#[path = "../support/readme.rs"]
mod readme;

mod command;
mod consumers;
mod contents;
mod prefix;
mod programs;
