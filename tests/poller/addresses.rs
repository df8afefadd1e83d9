//! Who sent a datagram, and how to answer.

use crate::calls::*;
use support::*;

/// A receiver in a poller, and its address.
fn receiver(dir: &Dir) -> (Poller, Sock, String) {
    let address = dir.path("receiver");
    let (poller, socket) = (Poller::new(), open_datagram(Some(&address)));
    assert_eq!(poller.add(&socket, 1), 0);
    (poller, socket, address)
}

/// Senders with every kind of name.
fn senders(dir: &Dir) -> Vec<Sock> {
    let this = std::process::id();
    let unique = dir.path("x").replace('/', "-");
    let odd = format!(r"@{this}{unique}\0\x01\\\xff end");
    let names = [dir.path("sender"), format!("@{this}{unique}"), odd, "@".into()];
    names.iter().map(|name| open_datagram(Some(name))).collect()
}

#[test]
fn a_datagram_tells_who_sent_it() {
    let dir = Dir::new();
    let (poller, _socket, address) = receiver(&dir);
    for sender in senders(&dir) {
        for message in [&b"hello"[..], b""] {
            assert_eq!(sender.send_to(message, &address, 0), message.len() as i64);
            let event = poller.next();
            assert_eq!((&event.data[..], event.code), (message, 0));
            assert_eq!(Ok(event.address), sender.local_address());
        }
    }
}

#[test]
fn who_has_no_name_has_no_address() {
    let dir = Dir::new();
    let (poller, _socket, address) = receiver(&dir);
    assert_eq!(open_datagram(None).send_to(b"anonymous", &address, 0), 9);
    let Brought { events, .. } = poller.wait_raw(ENOUGH, LONG).unwrap();
    assert_eq!((events.len(), events[0].length, events[0].address_length), (1, 9, 0));
}

#[test]
fn connections_have_no_addresses() {
    for kind in CONNECTED_KINDS {
        let (dir, poller) = (Dir::new(), Poller::new());
        let path = dir.path("s");
        let _server = serving(&poller, kind, &path, 1);
        let name = c(&dir.path("client"));
        let options = udsock_connect_options { local_address: name.as_ptr(), ..connect_options() };
        let client = try_open_client(kind, &path, Some(&options)).unwrap();
        let _connection = Sock(poller.next().socket);
        assert_eq!(client.send(b"hello", 0), 5);
        assert_eq!(poller.next().address, "");
    }
}

#[test]
fn answers_go_back_out_of_the_arena() {
    let dir = Dir::new();
    let (poller, socket, address) = receiver(&dir);
    let senders = senders(&dir);
    for (number, sender) in senders.iter().enumerate() {
        let text = format!("question {number}");
        assert_eq!(sender.send_to(text.as_bytes(), &address, 0), text.len() as i64);
    }
    let Brought { events, arena } = poller.wait_raw(ENOUGH, LONG).unwrap();
    assert_eq!(events.len(), senders.len());
    let mut items: Vec<_> = events
        .iter()
        .map(|event| udsock_outgoing {
            offset: event.offset,
            length: event.length,
            address_offset: event.address_offset,
            address_length: event.address_length,
            ..outgoing(event.socket)
        })
        .collect();
    assert_eq!(poller.send_raw(&mut items, &arena), senders.len() as i64);
    for (number, sender) in senders.iter().enumerate() {
        assert_eq!(items[number].result, 10);
        let (data, from) = sender.recv_from(0).unwrap();
        assert_eq!((data, from), (format!("question {number}").into_bytes(), address.clone()));
    }
    assert_eq!(socket.local_address(), Ok(address));
}

#[test]
fn an_address_may_be_longer_than_the_kernel_has_room_for() {
    let dir = Dir::new();
    let directory = dir.path(&"d".repeat(120));
    std::fs::create_dir(&directory).unwrap();
    let far = format!("{directory}/far");
    let receiver = open_datagram(Some(&far));
    let (poller, socket) = (Poller::new(), open_datagram(None));
    assert_eq!(poller.add(&socket, 1), 0);
    assert_eq!(poller.send(&[item_to(&socket, b"hello", &far)]), (1, vec![5]));
    assert_eq!(receiver.recv(0).unwrap(), b"hello");
}

#[test]
fn an_address_that_leads_nowhere_harms_no_other_item() {
    let dir = Dir::new();
    let (poller, socket, _) = receiver(&dir);
    let good = dir.path("good");
    let other = open_datagram(Some(&good));
    let server = open_server(UDSOCK_STREAM, &dir.path("stream"));
    let dead = dir.path("dead");
    let gone = open_datagram(Some(&dead));
    assert_eq!(udsock_disown(gone.0), 0);
    drop(gone);
    let (absent, stream, long) = (dir.path("absent"), dir.path("stream"), "/".repeat(4096));
    let items = [
        item_to(&socket, b"1", &good),
        item_to(&socket, b"2", &absent),
        item_to(&socket, b"3", &good),
        item_to(&socket, b"4", &dead),
        item_to(&socket, b"5", &stream),
        item_to(&socket, b"6", &long),
        item_to(&socket, b"7", r"@\x"),
        item_to(&socket, b"8", "a\0b"),
        item(&socket, b"9"),
        item_to(&socket, b"0", &good),
    ];
    let (result, each) = poller.send(&items);
    assert_eq!(result, 3);
    let errors = [
        libc::ENOENT,
        libc::ECONNREFUSED,
        libc::EPROTOTYPE,
        libc::ENAMETOOLONG,
        libc::EINVAL,
        libc::EINVAL,
        libc::ENOTCONN,
    ];
    let failed = [1, 3, 4, 5, 6, 7, 8];
    for (index, errno) in failed.into_iter().zip(errors) {
        is(each[index], errno);
    }
    assert_eq!(drain(&other), [b"1", b"3", b"0"]);
    drop(server);
}

#[test]
fn only_datagrams_have_somewhere_else_to_go() {
    for kind in CONNECTED_KINDS {
        let (poller, socket, peer) = member(kind, 1);
        let items = [item(&socket, b"a"), item_to(&socket, b"b", "@x"), item(&socket, b"c")];
        assert_eq!(poller.send(&items), (2, vec![1, no(libc::EOPNOTSUPP), 1]));
        assert_eq!(drain(&peer).concat(), b"ac", "kind {kind}");
    }
}

#[test]
fn a_connected_datagram_socket_sends_where_it_is_connected_to_and_elsewhere() {
    let dir = Dir::new();
    let (poller, socket, peer) = member(UDSOCK_DGRAM, 1);
    let address = dir.path("elsewhere");
    let elsewhere = open_datagram(Some(&address));
    let items = [item(&socket, b"a"), item_to(&socket, b"b", &address), item(&socket, b"c")];
    assert_eq!(poller.send(&items), (3, vec![1; 3]));
    assert_eq!((drain(&peer), drain(&elsewhere)), (vec![vec![b'a'], vec![b'c']], vec![vec![b'b']]));
}
