#!/bin/sh
# sd-notify 0.5.0 (a Rust crate), notify: sends to the socket that NOTIFY_SOCKET names. sd_notify(3)
# allows two forms there: a path, and "@" before an abstract name, which container managers use. A good
# guess: the crate knows both. Seen: "@name" is taken for a path, of a file "@name" in the current
# directory. The message does not arrive, and the error says that no such file is there; where one
# is, it gets the message.
. "$(dirname "$0")/common.sh"
cat >main.rs <<'END'
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use sd_notify::{NotifyState, notify};

fn main() {
    let name = format!("finding-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = UnixDatagram::bind_addr(&address).unwrap();
    manager.set_nonblocking(true).unwrap();
    std::env::set_var("NOTIFY_SOCKET", format!("@{name}"));
    println!("told: {:?}", notify(&[NotifyState::Ready]).map_err(|error| error.kind()));
    println!("the manager: {:?}", manager.recv(&mut [0; 64]).map_err(|error| error.kind()));

    let file = UnixDatagram::bind(format!("@{name}")).unwrap();
    println!("told: {:?}", notify(&[NotifyState::Ready]).map_err(|error| error.kind()));
    println!("a file of that name: {:?}", file.recv(&mut [0; 64]));
}
END
crate sd-notify=0.5.0
verdict "$("$program")" "told: Err(NotFound)
the manager: Err(WouldBlock)
told: Ok(())
a file of that name: Ok(8)"
