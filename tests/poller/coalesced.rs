//! Items for one stream leave together: what the kernel is asked, strace tells.

use crate::calls::*;
use crate::traced;
use crate::waiting::fill;
use support::*;

/// The system calls that send between the marks of the calling test. `None`: strace can't
/// tell; or this is the process that it looks at.
fn sends_of(test: &str, body: impl FnOnce()) -> Option<Vec<String>> {
    let log = traced::log_of(test, body)?;
    let between =
        log.split_once("/udsock-begin").and_then(|(_, rest)| rest.split_once("/udsock-end"));
    let (calls, _) = between.unwrap_or_else(|| panic!("no marks:\n{log}"));
    let names = ["sendmsg(", "sendmmsg(", "sendto(", "writev(", "write("];
    let is_send = |line: &&str| names.iter().any(|name| line.contains(name));
    Some(calls.lines().filter(is_send).map(Into::into).collect())
}

/// What the log shows of it.
fn marked<T>(body: impl FnOnce() -> T) -> T {
    // SAFETY: C strings.
    unsafe { libc::access(c"/udsock-begin".as_ptr(), 0) };
    let result = body();
    // SAFETY: as above.
    unsafe { libc::access(c"/udsock-end".as_ptr(), 0) };
    result
}

/// What five items for two sockets, mixed, take.
fn mixed(kind: u32) {
    let poller = Poller::new();
    let ((one, peer), (two, other_peer)) = (pair(kind), pair(kind));
    assert_eq!((poller.add(&one, 1), poller.add(&two, 2)), (0, 0));
    let mut items: Vec<_> = [&one, &two, &one, &one, &two]
        .iter()
        .zip([2, 8, 0, 4, 6])
        .map(|(socket, offset)| udsock_outgoing { offset, length: 2, ..outgoing(socket.0) })
        .collect();
    assert_eq!(marked(|| poller.send_raw(&mut items, b"abcdefghij")), 5);
    assert_eq!(drain(&peer).concat(), b"cdabef");
    assert_eq!(drain(&other_peer).concat(), b"ijgh");
}

fn one_call_each(test: &str, kind: u32) {
    if let Some(sends) = sends_of(test, || mixed(kind)) {
        assert_eq!(sends.len(), 2, "one for each socket: {sends:#?}");
    }
}

#[test]
fn items_for_one_stream_leave_in_one_call() {
    one_call_each("coalesced::items_for_one_stream_leave_in_one_call", UDSOCK_STREAM);
}

#[test]
fn seqpackets_for_one_socket_leave_in_one_call() {
    one_call_each("coalesced::seqpackets_for_one_socket_leave_in_one_call", UDSOCK_SEQPACKET);
}

#[test]
fn datagrams_for_one_socket_leave_in_one_call() {
    one_call_each("coalesced::datagrams_for_one_socket_leave_in_one_call", UDSOCK_DGRAM);
}

#[test]
fn what_is_kept_of_a_stream_goes_out_in_one_call_too() {
    let test = "coalesced::what_is_kept_of_a_stream_goes_out_in_one_call_too";
    let sends = sends_of(test, || {
        let (poller, socket, peer) = member(UDSOCK_STREAM, 1);
        fill(&socket);
        for _ in 0..20 {
            poller.send_one(&socket, b"later");
        }
        drain(&peer);
        assert_eq!(marked(|| poller.wait(0)), Ok(vec![]));
        assert_eq!(drain(&peer).concat(), b"later".repeat(20));
    });
    if let Some(sends) = sends {
        assert_eq!(sends.len(), 1, "{sends:#?}");
    }
}
