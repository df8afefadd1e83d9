//! libudsock: Unix domain sockets behind a C ABI.
//!
//! The layers, each of which knows only those below it:
//!
//! | layer | what it does |
//! |---|---|
//! | `abi` | the exported functions, one file for each noun: checks what C hands in, calls, converts the result; the header is generated from it |
//! | `poller` and its parts | many sockets, few calls |
//! | `cleanup`, `activation` | removing files at the end of the process; sockets that a service manager passed |
//! | `handles` | numbers that stand for sockets and pollers |
//! | `server`, `client`, `transfer`, `batch`, `option`, `peer` | what sockets do, and who is at the other end |
//! | `socket` and its parts | what sockets are, what they are bound to, where they lead, which of their settings are changed, and who may connect |
//! | `socket_file` and its parts | the file of a socket, from the bind to its removal |
//! | `inspection`, `unix_diag` | what is at an address, and who |
//! | `directory`, `parents`, `owner`, `address`, `kind`, `user_namespace` | places, names and numbers |
//! | `wait`, `interrupt`, `spin`, `habit`, `sleepers` | trying again, sleeping, and being woken |
//! | `counters` | what sockets and pollers count |
//! | `critical_section` | moments that a signal must not interrupt |
//! | `log` | reports of what the library does by itself |
//! | `chain`, `handle_table`, `segments`, `sync`, `process_lock` | what threads share, in a form that a forked child finds whole |
//! | `failure`, `name_text` | what went wrong in words, and names as text |
//! | `sys`, `text` | system calls, and C strings |
//! | `error`, `words` | what can go wrong, and what it is called |
//!
//! `unsafe` stands only in `abi` (what callers hand in), in `sys` (what goes to the kernel) and in
//! `handle_table`.

#![deny(missing_docs, unsafe_code)]

pub mod abi;

mod activation;
mod address;
mod batch;
mod chain;
mod cleanup;
mod client;
mod counters;
mod critical_section;
mod directory;
mod error;
mod failure;
mod habit;
mod handle_table;
#[cfg(test)]
mod handle_table_tests;
mod handles;
mod inspection;
mod interrupt;
mod kind;
mod log;
mod name_text;
mod option;
mod owner;
mod parents;
mod peer;
mod poller;
mod process_lock;
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
mod user_namespace;
mod wait;
#[cfg(test)]
mod wait_tests;
mod words;
