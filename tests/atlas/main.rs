//! What docs/atlas.md says of other programs, where our behaviour depends on it: stand-ins of a
//! few lines that do the same, and the programs themselves.

use support::{poller, process, raw};

mod names;
mod starts;
mod takers;
mod workers;
