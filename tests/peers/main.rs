//! Who is at the other end, and who may be: what the kernel vouches for, lists of who is
//! let in, and caps. Other users are real ones: processes that root has given away.

#[path = "../support/mod.rs"]
mod support;

#[path = "../socket_files/forked.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod forked;
#[path = "../strangers/peer.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod peer;
#[path = "../kernel_rows/process.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod process;
#[path = "../takeover/processes.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod processes;
#[path = "../kernel_rows/raw.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod raw;

mod calls;
mod users;

mod allow;
mod arguments;
mod cap;
mod ends;
mod flood;
mod identity;
mod mixed;
mod names;
mod namespaces;
mod pidfd;
mod python;
mod rows;
