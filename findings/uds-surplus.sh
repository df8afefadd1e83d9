#!/bin/sh
# uds 0.4.2 (a Rust crate), UnixSeqpacketConn::recv_fds: returns the bytes, whether the message was cut,
# and how many descriptors came. A good guess: where more came than the slice has room for, the flag
# says so. Seen: the flag is about bytes alone. The surplus is closed, and nothing tells; who takes
# one descriptor a message can't see that a peer sent two.
. "$(dirname "$0")/common.sh"
cat >main.rs <<'END'
use std::os::fd::AsRawFd;
use uds::UnixSeqpacketConn;

fn main() {
    let (one, other) = UnixSeqpacketConn::pair().unwrap();
    one.send_fds(b"x", &[one.as_raw_fd(), one.as_raw_fd(), one.as_raw_fd()]).unwrap();
    let (bytes, is_cut, count) = other.recv_fds(&mut [0; 8], &mut [-1]).unwrap();
    println!("three were sent; bytes: {bytes}, cut: {is_cut}, descriptors: {count}");
    one.send(b"next").unwrap();
    println!("then: {} bytes", other.recv(&mut [0; 8]).unwrap());
}
END
crate uds=0.4.2
verdict "$("$program")" "three were sent; bytes: 1, cut: false, descriptors: 1
then: 4 bytes"
