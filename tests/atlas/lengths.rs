//! Paths that others can't reach: told by udsock_inspect, whatever is there.

use udsock::abi::inspection::*;

use crate::names::inspect;
use support::*;

#[test]
fn who_reaches_a_path_is_told() {
    let dir = Dir::new();
    let path = |length: usize| {
        let base = dir.path("");
        format!("{base}{}", "p".repeat(length - base.len()))
    };
    let lengths = [(97, UDSOCK_REACH_ALL), (98, UDSOCK_REACH_MOST), (107, UDSOCK_REACH_MOST)];
    for (length, reach) in
        lengths.into_iter().chain([(108, UDSOCK_REACH_FEW), (200, UDSOCK_REACH_FEW)])
    {
        let path = path(length);
        assert_eq!(
            (inspect(&path).state, inspect(&path).reach),
            (UDSOCK_ABSENT, reach),
            "{length}"
        );
        let _server = open_server(UDSOCK_STREAM, &path);
        assert_eq!((inspect(&path).state, inspect(&path).reach), (UDSOCK_LIVE, reach), "{length}");
    }
    let name = format!("@{}", "n".repeat(107));
    assert_eq!(inspect(&name).reach, UDSOCK_REACH_ALL);
}
