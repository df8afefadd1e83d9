//! What Linux does under a Unix socket library, by the rows of the list that was found
//! by experiment (README.md), and what this library makes of it. Each test is named after its row.
//! Where it is short, the kernel's trap is shown first, by raw system calls.

use support::{forked, process, raw};

mod beside;
mod calls;
mod diag;

mod bind;
mod connect;
mod cores;
mod data;
mod datagrams;
mod descriptors;
mod ends;
mod files;
mod fuse;
mod idmapped;
mod kernels;
mod landlock;
mod limits;
mod mounts;
mod names;
mod namespaces;
mod permissions;
mod pieces;
mod queues;
mod rings;
mod servers;
mod starts;
mod stops;
mod strangers_options;
mod urgent;
