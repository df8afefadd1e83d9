//! A path changes hands: killed starters, starters at once, and replacements under
//! clients. Each proof runs in processes of its own, since it kills and forks.

use support::processes;

mod kills;
mod races;
mod replacements;

use support::*;

/// Options with these flags.
fn with(flags: u32) -> udsock_bind_options {
    udsock_bind_options { flags, ..bind_options() }
}

/// A socket file that nobody has open.
fn leave_stale_file(kind: u32, address: &str) {
    try_open_server(kind, address, Some(&with(UDSOCK_KEEP_FILE))).expect("the path is free");
}

fn owns_file(server: &Sock) -> bool {
    match server.option(UDSOCK_OPTION_OWNS_FILE) {
        0 => false,
        1 => true,
        code => panic!("{}", name_of(code)),
    }
}

/// The private names that replacing starters use for a moment.
fn litter(dir: &Dir) -> usize {
    dir.list().iter().filter(|name| name.starts_with(".udsock-")).count()
}

/// Receives the next message, of the next client where there are connections.
fn hear(server: &Sock, kind: u32) -> Result<Vec<u8>, i64> {
    const LONG: i32 = 20_000;
    if kind == UDSOCK_DGRAM { server.recv(LONG) } else { server.accept(LONG)?.recv(LONG) }
}
