//! What Linux does under a Unix socket library, by the rows of the list that was found
//! by experiment (README.md), and what this library makes of it. Each test is named after its row.
//! Where it is short, the kernel's trap is shown first, by raw system calls.

#[path = "../support/mod.rs"]
mod support;

mod calls;
mod process;
mod raw;

mod bind;
mod connect;
mod data;
mod datagrams;
mod descriptors;
mod ends;
mod files;
mod limits;
mod names;
mod permissions;
mod servers;
mod starts;
