//! What docs/atlas.md says of other programs, where our behaviour depends on it: stand-ins of a
//! few lines that do the same, and the programs themselves.

#[path = "../support/mod.rs"]
mod support;

#[path = "../poller/calls.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod poller;

#[path = "../kernel_rows/process.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod process;
#[path = "../kernel_rows/raw.rs"]
#[allow(dead_code, reason = "its own test file uses the rest")]
mod raw;

mod lengths;
mod names;
mod programs;
mod starts;
mod takers;
mod workers;
