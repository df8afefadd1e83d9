//! The promises about a socket's file: never a live server's place, never a file that is
//! no socket, the right mode and owner from the first moment, nobody else's file removed.

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/traced.rs"]
mod traced;
use traced::log_of;

#[path = "../strangers/peer.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod peer;
#[path = "../kernel_rows/process.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod process;
#[path = "../kernel_rows/raw.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod raw;

mod calls;
mod forked;
mod fuse;

mod cost;
mod directories;
mod file_systems;
mod fork;
mod inspect;
mod live;
mod lock;
mod not_sockets;
mod options;
mod others;
mod owner;
mod parents;
mod paths;
mod sandboxes;
mod stale;
mod without_proc;
