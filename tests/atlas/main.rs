//! What docs/atlas.md says of other programs, where our behaviour depends on it: stand-ins of a
//! few lines that do the same, and the programs themselves.

use support::{forked, poller, process, raw};

mod lengths;
mod names;
mod programs;
mod starts;
mod takers;
mod workers;
