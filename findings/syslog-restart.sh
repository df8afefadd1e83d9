#!/bin/sh
# syslog 7.0.0 (a Rust crate), a logger that was made by unix_custom. A syslog daemon that is started
# again makes a new socket at the same path. A good guess: the message that finds the old one gone is
# sent again to the new one, as syslog(3) does and Python's SysLogHandler; or at least the next one is.
# Seen: the first is lost (ECONNREFUSED), and so is every later one (ENOTCONN): the connection is never
# made again. Who uses it through `log` is not told. Make a new logger after an error.
. "$(dirname "$0")/common.sh"
cat >main.rs <<'END'
use std::os::unix::net::UnixDatagram;
use syslog::{Facility, Formatter3164};

fn main() {
    let formatter = Formatter3164 {
        facility: Facility::LOG_USER,
        hostname: None,
        process: "finding".into(),
        pid: 1,
    };
    let daemon = UnixDatagram::bind("s").unwrap();
    let mut logger = syslog::unix_custom(formatter, "s").unwrap();
    println!("before: {}", logger.err("one").is_ok());

    drop(daemon);
    std::fs::remove_file("s").unwrap();
    let daemon = UnixDatagram::bind("s").unwrap();
    daemon.set_nonblocking(true).unwrap();
    for message in ["two", "three", "four"] {
        match logger.err(message) {
            Ok(()) => println!("after: sent"),
            Err(syslog::Error::Write(error)) => println!("after: {:?}", error.kind()),
            Err(error) => println!("after: {error}"),
        }
    }
    println!("the daemon got one of them: {}", daemon.recv(&mut [0; 100]).is_ok());
}
END
crate syslog=7.0.0
verdict "$("$program")" "before: true
after: ConnectionRefused
after: NotConnected
after: NotConnected
the daemon got one of them: false"
