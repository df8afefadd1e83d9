#!/bin/sh
# sendfd 0.4.4 (a Rust crate), RecvWithFd. What std opens in Rust is close-on-exec, so a good guess is
# that received descriptors are, too. Seen: they are not (recvmsg without MSG_CMSG_CLOEXEC), and
# setting it afterwards leaves a gap for another thread's fork and exec.
. "$(dirname "$0")/common.sh"
cat >main.rs <<'END'
use sendfd::{RecvWithFd, SendWithFd};
use std::os::{fd::AsRawFd, unix::net::UnixStream};

fn main() {
    let (one, other) = UnixStream::pair().unwrap();
    one.send_with_fd(b"x", &[one.as_raw_fd()]).unwrap();
    let mut descriptors = [-1];
    other.recv_with_fd(&mut [0], &mut descriptors).unwrap();
    let flags = |fd| unsafe { libc::fcntl(fd, libc::F_GETFD) };
    println!("opened by std: close-on-exec: {}", flags(one.as_raw_fd()) & libc::FD_CLOEXEC != 0);
    println!("received: close-on-exec: {}", flags(descriptors[0]) & libc::FD_CLOEXEC != 0);
}
END
crate sendfd=0.4.4
verdict "$("$program")" "opened by std: close-on-exec: true
received: close-on-exec: false"
