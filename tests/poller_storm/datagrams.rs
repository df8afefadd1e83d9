//! A datagram server and many clients with names, some of which do not read: the others get
//! their answers, each in order, and what could not go is kept and arrives.

use std::collections::HashMap;

use crate::calls::*;
use support::*;

const CLIENTS: usize = 60;
const SILENT: usize = 12;
const ANSWERS: usize = 40;

/// What the server's own buffer may hold for those who read: fewer at once than it takes.
const AT_ONCE: usize = 8;

struct Client {
    socket: Sock,
    address: String,
    is_silent: bool,
    questions: usize,
    answers: usize,
}

/// Fills the client's queue, from sockets that are not the server: how many messages. They
/// are closed again, but not what they sent.
fn fill(client: &Client) -> usize {
    for count in 0.. {
        // Each has a buffer of its own.
        match open_datagram(None).send_to(b"filling", &client.address, 0) {
            7 => {}
            code => {
                assert_eq!(name_of(code), "EAGAIN");
                return count;
            }
        }
    }
    unreachable!("the count goes on for ever")
}

fn clients(dir: &Dir) -> Vec<Client> {
    (0..CLIENTS)
        .map(|number| {
            let address = dir.path(&format!("client-{number}"));
            let socket = open_datagram(Some(&address));
            let is_silent = number % (CLIENTS / SILENT) == 0;
            Client { socket, address, is_silent, questions: 0, answers: 0 }
        })
        .collect()
}

/// An answer, from the address of the event to whom it came from.
fn answer(event: &udsock_event, flags: u32) -> udsock_outgoing {
    udsock_outgoing {
        address_offset: event.address_offset,
        address_length: event.address_length,
        ..item(event.socket, event.offset as usize, event.length as usize, flags)
    }
}

/// Answers what has come. Every answer is taken, at once or for later.
fn serve(poller: &Sock, room: &mut Room, addresses: &HashMap<String, usize>) -> usize {
    let count = room.round(poller, 0);
    let mut items = Vec::new();
    for event in room.events() {
        assert_eq!((event.kind, event.code), (UDSOCK_EVENT_RECEIVED, 0));
        assert!(addresses.contains_key(room.address(event)));
        items.push(answer(event, 0));
    }
    assert_eq!(send(poller.0, &mut items, &room.arena), count as i64, "kept, if it can't go");
    count
}

fn ask(client: &mut Client, number: usize, server: &str) {
    let question = format!("{number}: {}", client.questions);
    let size = question.len() as i64;
    assert_eq!(client.socket.send_to(question.as_bytes(), server, 0), size);
    client.questions += 1;
}

/// Whether it has read anything, which is in order.
fn hear(client: &mut Client, number: usize) -> bool {
    let Ok(data) = client.socket.recv(0) else {
        return false;
    };
    if data != b"filling" {
        let expected = format!("{number}: {}", client.answers);
        assert_eq!(String::from_utf8(data).unwrap(), expected);
        client.answers += 1;
    }
    true
}

#[test]
fn some_that_do_not_read_hold_up_nobody_else() {
    let dir = Dir::new();
    let server_address = dir.path("server");
    let server = open_server(UDSOCK_DGRAM, &server_address);
    let poller = open_poller(Limits::default());
    add(&poller, &server, 0);
    let mut clients = clients(&dir);
    let numbers = 0..CLIENTS;
    let addresses: HashMap<_, _> =
        clients.iter().map(|client| client.address.clone()).zip(numbers).collect();
    let mut room = Room::new(64, 1 << 16);
    let filled: usize = clients.iter().filter(|client| client.is_silent).map(fill).sum();
    assert!(filled >= SILENT);

    // Those who read get every answer, while nothing gets through to the others.
    for _ in 0..ANSWERS {
        for few in (0..CLIENTS).collect::<Vec<_>>().chunks(AT_ONCE) {
            for &number in few {
                ask(&mut clients[number], number, &server_address);
            }
            while serve(&poller, &mut room, &addresses) > 0 {}
            for &number in few {
                let client = &mut clients[number];
                if client.is_silent {
                    continue;
                }
                while hear(client, number) {}
                assert_eq!(client.answers, client.questions, "{number} waits for an answer");
            }
        }
    }

    // What was kept for the others is tried again and again: no event asks for that.
    let mut last = std::time::Instant::now();
    while clients.iter().any(|client| client.answers < client.questions) {
        for (number, client) in clients.iter_mut().enumerate() {
            while hear(client, number) {
                last = std::time::Instant::now();
            }
        }
        let waited = room.wait(poller.0, 1);
        assert!([0, no(libc::ETIMEDOUT)].contains(&waited), "{}", name_of(waited));
        let lacking: Vec<_> =
            clients.iter().map(|client| client.questions - client.answers).collect();
        assert!(last.elapsed().as_secs() < 20, "these are not tried again: {lacking:?}");
    }
    for client in &clients {
        assert_eq!((client.answers, client.socket.recv(0)), (ANSWERS, Err(no(libc::EAGAIN))));
    }
}

#[test]
fn what_is_kept_for_those_who_do_not_read_is_bounded() {
    const LIMIT: u64 = 1 << 15;
    const SIZE: usize = 512;
    let dir = Dir::new();
    let server = open_datagram(None);
    let poller = open_poller(Limits { send: LIMIT, receive: 0 });
    add(&poller, &server, 9);
    let [silent, other] = [dir.path("silent"), dir.path("other")].map(|address| {
        let socket = open_datagram(Some(&address));
        Client { socket, address, is_silent: true, questions: 0, answers: 0 }
    });
    let mut expected = fill(&silent);
    let to = |client: &Client, byte: u8| {
        let mut base = client.address.clone().into_bytes();
        let length = base.len();
        base.extend([byte; SIZE]);
        let mut items = [udsock_outgoing {
            address_offset: 0,
            address_length: length as u32,
            ..item(server.0, length, SIZE, 0)
        }];
        send(poller.0, &mut items, &base);
        items[0].result
    };
    let mut kept = 0;
    let result = loop {
        match to(&silent, kept as u8) {
            result if result < 0 => break result,
            _ => kept += 1,
        }
        assert!(kept * SIZE <= LIMIT as usize, "{kept} messages are kept");
    };
    assert_eq!(name_of(result), "EAGAIN");
    assert!(kept > 8, "{kept} messages fill a limit of {LIMIT} bytes");
    // For this one nothing has to be kept.
    assert_eq!(to(&other, 1), SIZE as i64);
    assert_eq!(other.socket.recv(0).unwrap(), [1; SIZE]);

    // All of it comes, and then the program is told that it can go on.
    let mut room = Room::new(4, 4_096);
    let mut next = 0;
    let mut drained = false;
    let start = std::time::Instant::now();
    while !drained || next < kept {
        assert!(start.elapsed().as_secs() < 20, "drained: {drained}, {next} of {kept} came");
        while let Ok(data) = silent.socket.recv(0) {
            match data == b"filling" {
                true => expected -= 1,
                false => {
                    assert_eq!(data, [next as u8; SIZE]);
                    next += 1;
                }
            }
        }
        let result = room.wait(poller.0, 1);
        assert!(result >= 0 || result == no(libc::ETIMEDOUT), "{}", name_of(result));
        for event in room.events() {
            assert_eq!((event.kind, event.token), (UDSOCK_EVENT_DRAINED, 9));
            drained = true;
        }
    }
    assert_eq!(expected, 0);
    assert_eq!(to(&silent, 2), SIZE as i64);
}
