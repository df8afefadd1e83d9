//! The command `udsock`, as a user meets it: what it prints, what it sends, and how it ends.

use support::{c_library, process};
mod built;
mod looks;
mod pages;
mod selftest;
mod talks;
