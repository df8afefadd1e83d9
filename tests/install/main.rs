//! The library as it is installed: with the README's commands, into a prefix of the tests'
//! own. Programs are built there and run there with nothing of the checkout in sight, and
//! what was installed can be removed.

use support::{c_library, node_binding, peer, readme};

mod command;
mod consumers;
mod contents;
mod prefix;
mod programs;
