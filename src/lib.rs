//! libudsock: Unix domain sockets behind a C ABI.
//!
//! The layers, each of which knows only those below it:
//!
//! | layer | what it does |
//! |---|---|
//! | [`abi`] | the exported functions, a file a noun: checks what C hands in, calls, converts the result; the header is generated from it |
//! | `poller` and its parts | many sockets, few calls |
//! | `cleanup` | removing files at the end of the process |
//! | `handles`, `handle_table`, `segments` | numbers that stand for sockets and pollers |
//! | `activation` | sockets that a service manager passed |
//! | `server`, `client`, `transfer`, `batch`, `option` | what sockets do |
//! | `peer`, `access` | who is at the other end, and who may be |
//! | `socket`, `socket_file`, `address`, `watchers` | what sockets are |
//! | `inspection`, `unix_diag`, `directory`, `private_names`, `parents`, `owner` | what is at a path, who is there, and how to change it safely |
//! | `wait`, `spin`, `sleepers` | trying again, sleeping, and being woken |
//! | `sys`, `text`, `error` | system calls, C strings, and what can go wrong |
//!
//! `unsafe` stands in `abi` (what callers hand in), in `sys` (what goes to the
//! kernel) and in `handle_table`, and nowhere else.

#![deny(missing_docs, unsafe_code)]

pub mod abi;

mod access;
mod activation;
mod address;
mod batch;
mod cleanup;
mod client;
mod directory;
mod error;
mod handle_table;
#[cfg(test)]
mod handle_table_tests;
mod handles;
mod inspection;
mod option;
mod owner;
mod parents;
mod peer;
mod poller;
mod private_names;
mod segments;
mod server;
mod sleepers;
mod socket;
mod socket_file;
mod spin;
mod sync;
mod sys;
mod text;
mod transfer;
mod unix_diag;
mod wait;
mod watchers;
