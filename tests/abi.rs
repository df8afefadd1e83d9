//! The contract of the header: conventions that hold for every call.

mod support;
use support::*;

#[test]
fn echo_over_every_kind_with_a_connection() {
    for kind in CONNECTED_KINDS {
        let dir = Dir::new();
        let (server, client, peer) = connection(kind, &dir);
        assert_eq!(client.send(b"hello", FOREVER), 5);
        assert_eq!(peer.recv(FOREVER).unwrap(), b"hello");
        assert_eq!(client.close(), 0);
        assert_eq!(peer.recv(FOREVER), Err(EOF));
        assert_eq!(server.close(), 0);
        assert_eq!(dir.list(), [""; 0]);
    }
}
