//! Variables that are meant for somebody else, are missing, or make no sense.

use std::os::fd::OwnedFd;

use crate::launch::{FIRST, Start, activate, passing, variables};
use crate::{close_on_exec, nothing_is_activated, servers, serves, try_activated};
use support::*;

/// The program is started with one server and each of these values in turn.
fn each(
    variable: &'static str,
    values: &'static [&'static str],
) -> impl FnOnce(&Dir) -> Vec<Start> {
    move |dir| {
        let server = &servers(dir, &["a"])[0];
        let start = |value: &&str| passing([server.try_clone().unwrap()]).with(variable, value);
        values.iter().map(start).collect()
    }
}

/// The server is as it was passed: nobody has taken it, or changed anything.
fn the_server_is_untouched() {
    assert_eq!(close_on_exec([FIRST]), [false]);
    serves(&adopt(FIRST).expect("a socket that nobody has"));
}

/// Nobody knows what it means: all is refused, and no one else is to be misled by it.
fn is_refused(variable: &str) {
    let refusal = try_activated(8).unwrap_err();
    assert_eq!(refusal.code, no(libc::EINVAL), "{}", refusal.message);
    assert!(refusal.message.contains(variable), "{}", refusal.message);
    assert_eq!(variables(), [""; 0]);
    nothing_is_activated();
    the_server_is_untouched();
}

/// 1 is always somebody else.
#[test]
fn sockets_for_another_process_are_not_ours() {
    activate(each("LISTEN_PID", &["0", "1", "4294967295"]), || {
        nothing_is_activated();
        assert_eq!(variables(), [""; 0], "nor are they for a child of ours");
        the_server_is_untouched();
    });
}

#[test]
fn what_another_process_is_told_is_not_looked_at() {
    let starts = |dir: &Dir| {
        let server = || passing(servers(dir, &["a"])).with("LISTEN_PID", "1");
        vec![server().with("LISTEN_FDS", "many").with("LISTEN_FDNAMES", "too:many")]
    };
    activate(starts, || {
        nothing_is_activated();
        the_server_is_untouched();
    });
}

#[test]
fn without_process_or_count_nothing_was_passed() {
    let starts = |dir: &Dir| {
        let [one, two, three] = ["a", "b", "c"].map(|name| passing(servers(dir, &[name])));
        let neither = three.without("LISTEN_PID").without("LISTEN_FDS");
        vec![one.without("LISTEN_PID"), two.without("LISTEN_FDS"), neither]
    };
    activate(starts, || {
        nothing_is_activated();
        the_server_is_untouched();
    });
}

#[test]
fn a_process_that_is_no_number() {
    let values = &["", "self", "1x", " 1", "-1", "0x1", "4294967296", "99999999999999999999"];
    activate(each("LISTEN_PID", values), || is_refused("LISTEN_PID"));
}

#[test]
fn a_count_that_is_no_number() {
    let values = &["", "one", "1x", " 1", "-1", "0x1", "2147483645", "99999999999999999999"];
    activate(each("LISTEN_FDS", values), || is_refused("LISTEN_FDS"));
}

#[test]
fn names_that_are_not_as_many() {
    activate(each("LISTEN_FDNAMES", &["a:b", ":", "a:b:c"]), || is_refused("LISTEN_FDNAMES"));
}

#[test]
fn fewer_names_than_sockets() {
    let starts = |dir: &Dir| {
        let start = |value| passing(servers(dir, &["a", "b"])).with("LISTEN_FDNAMES", value);
        vec![start("a")]
    };
    activate(starts, || is_refused("LISTEN_FDNAMES"));
}

#[test]
fn a_count_of_none() {
    activate(each("LISTEN_FDS", &["0"]), || {
        nothing_is_activated();
        the_server_is_untouched();
    });
}

/// Up to the last number that a descriptor could have.
#[test]
fn fewer_descriptors_than_the_count() {
    activate(each("LISTEN_FDS", &["2", "1000000", "2147483644"]), || {
        let refusal = try_activated(8).unwrap_err();
        assert_eq!(refusal.code, no(libc::EBADF), "{}", refusal.message);
        assert_eq!(variables(), [""; 0]);
        nothing_is_activated();
        the_server_is_untouched();
    });
}

/// The same socket under two numbers: two handles for it.
#[test]
fn a_socket_twice() {
    let starts = |dir: &Dir| {
        let server: OwnedFd = servers(dir, &["a"]).remove(0);
        vec![passing([server.try_clone().unwrap(), server])]
    };
    activate(starts, || {
        let sockets = try_activated(2).unwrap();
        assert_eq!(sockets.len(), 2);
        sockets.iter().for_each(serves);
    });
}
