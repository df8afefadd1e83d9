//! Who is at the other end, and who may be: what the kernel vouches for, lists of who is
//! let in, and caps. Other users are real ones: processes that root has given away.

use support::{forked, peer, process, processes, raw};

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
