//! The promises about a socket's file: never a live server's place, never a file that is
//! no socket, the right mode and owner from the first moment, nobody else's file removed.

use support::{forked, peer, process, raw, traced};
use traced::log_of;

mod calls;
mod fuse;

mod cost;
mod directories;
mod elsewhere;
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
mod threads;
mod without_proc;
