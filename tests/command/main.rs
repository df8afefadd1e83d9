//! The command `udsock`, as a user meets it: what it prints, what it sends, and how it ends.

#[path = "../support/c_library.rs"]
mod c_library;
#[path = "../support/mod.rs"]
mod support;

mod built;
mod looks;
mod pages;
mod selftest;
mod talks;
