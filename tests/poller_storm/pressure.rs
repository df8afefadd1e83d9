//! Clients that do not read: what is kept for each is bounded, others are served meanwhile,
//! and whatever was taken arrives once they do read.

use std::collections::HashMap;

use crate::calls::*;
use crate::measure::resident;
use support::*;

const LIMIT: usize = 1 << 15;
const RECEIVE: usize = 1 << 12;
const ANSWERS: usize = 2;
const SILENT: usize = 40;
const LIVELY: usize = 10;
const ROUNDS: usize = 400;

/// Of what is kept: a queue grows by doubling.
const MOST_MEMORY: usize = SILENT * 2 * LIMIT + (8 << 20);

/// A client, and what the server has taken for it.
struct Client {
    socket: Sock,
    is_silent: bool,
    sent: usize,
    taken: Vec<Vec<u8>>,
    refused: usize,
    drained: usize,
}

/// Answers everything twice.
struct Server {
    poller: Sock,
    room: Room,
    /// By the handle of the server's end.
    clients: HashMap<udsock_t, Client>,
}

fn open(kind: u32, dir: &Dir) -> Server {
    let address = dir.path("server");
    let listener = open_server(kind, &address);
    let poller = open_poller(Limits { send: LIMIT as u64, receive: RECEIVE as u64 });
    add(&poller, &listener, 1);
    let mut room = Room::new(64, 4 * RECEIVE);
    let mut clients = HashMap::new();
    for number in 0..SILENT + LIVELY {
        let socket = open_client(kind, &address);
        assert_eq!(room.round(&poller, 5_000), 1);
        let event = room.events()[0];
        assert_eq!(event.kind, UDSOCK_EVENT_ACCEPTED);
        let is_silent = number < SILENT;
        let taken = Vec::new();
        let client = Client { socket, is_silent, sent: 0, taken, refused: 0, drained: 0 };
        clients.insert(event.socket, client);
    }
    // Nobody else comes.
    assert_eq!(udsock_poller_remove(poller.0, listener.0), 0);
    Server { poller, room, clients }
}

impl Server {
    /// One wait, and the answers to what it brings: whether it has brought anything.
    fn serve(&mut self, timeout_ms: i32) -> bool {
        let count = self.room.round(&self.poller, timeout_ms);
        let mut items = Vec::new();
        for event in self.room.events() {
            let client = self.clients.get_mut(&event.socket).expect("one of ours");
            match event.kind {
                UDSOCK_EVENT_RECEIVED => {
                    for _ in 0..ANSWERS {
                        let (offset, length) = (event.offset as usize, event.length as usize);
                        items.push(item(event.socket, offset, length, 0));
                    }
                }
                UDSOCK_EVENT_DRAINED => client.drained += 1,
                kind => panic!("event {kind}: {}", name_of(event.code.into())),
            }
        }
        send(self.poller.0, &mut items, &self.room.arena);
        for item in &items {
            let client = self.clients.get_mut(&item.socket).expect("one of ours");
            client.note(item, &self.room.arena);
        }
        count > 0
    }

    /// Sends to those who do not read until no more is taken.
    fn stuff(&mut self) {
        let base: Vec<_> = (0..1_000).map(|at| at as u8).collect();
        for (&handle, client) in self.clients.iter_mut().filter(|(_, client)| client.is_silent) {
            while client.refused == 0 {
                let mut items = [item(handle, 0, base.len(), 0)];
                send(self.poller.0, &mut items, &base);
                client.note(&items[0], &base);
            }
        }
    }

    /// Every client sends what it can; those that are lively also read.
    fn press(&mut self, size: usize) {
        for round in 0..ROUNDS {
            for client in self.clients.values_mut() {
                let byte = |at: usize| (client.sent + at) as u8;
                let data: Vec<_> = (0..size).map(byte).collect();
                let result = client.socket.send(&data, 0);
                assert!(result > 0 || result == no(libc::EAGAIN), "{}", name_of(result));
                client.sent += result.max(0) as usize;
            }
            while self.serve(0) {}
            for client in self.clients.values_mut().filter(|client| !client.is_silent) {
                client.read();
                assert!(client.taken.is_empty(), "round {round}: an answer has not come");
                assert_eq!(client.refused, 0);
            }
        }
        for client in self.clients.values().filter(|client| !client.is_silent) {
            assert_eq!(client.sent, ROUNDS * size, "a client that reads can always send");
        }
    }
}

impl Client {
    fn note(&mut self, item: &udsock_outgoing, base: &[u8]) {
        if item.result >= 0 {
            self.taken.push(base[item.offset as usize..][..item.length as usize].to_vec());
        } else {
            assert_eq!(name_of(item.result), "EAGAIN");
            self.refused += 1;
        }
    }

    /// Compares what there is to read with what was taken first.
    fn read(&mut self) {
        let mut came = Vec::new();
        let is_stream = self.socket.option(UDSOCK_OPTION_KIND) == UDSOCK_STREAM.into();
        let mut messages = 0;
        while let Ok(data) = self.socket.recv(0) {
            if !is_stream {
                assert_eq!(data, self.taken[messages], "message {messages}");
            }
            messages += 1;
            came.extend(data);
        }
        let mut size = 0;
        let mut rest = &came[..];
        for taken in &self.taken {
            let Some((data, behind)) = rest.split_at_checked(taken.len()) else {
                break;
            };
            assert_eq!(data, taken);
            (rest, size) = (behind, size + 1);
        }
        self.taken.drain(..size);
        if let Some(next) = self.taken.first_mut() {
            assert!(next.starts_with(rest));
            next.drain(..rest.len());
        } else {
            assert!(rest.is_empty(), "more came than was taken");
        }
    }

    fn bytes_taken(&self) -> usize {
        self.taken.iter().map(Vec::len).sum()
    }
}

fn press_and_read(kind: u32) {
    let dir = Dir::new();
    let mut server = open(kind, &dir);
    let before = resident();
    server.press(RECEIVE);
    server.stuff();
    let more = resident().saturating_sub(before);
    eprintln!("kind {kind}: {more} bytes more for {SILENT} clients that do not read");
    for client in server.clients.values().filter(|client| client.is_silent) {
        assert!(client.sent < ROUNDS * RECEIVE / 2, "nothing stopped it after {}", client.sent);
        assert_eq!(client.drained, 0);
        if kind == UDSOCK_STREAM {
            let queued = client.socket.option(UDSOCK_OPTION_READABLE_BYTES) as usize;
            let kept = client.bytes_taken() - queued;
            assert!(kept <= LIMIT, "{kept} bytes are kept for one client");
        }
    }
    // (What was taken is recorded here, too.)
    let recorded: usize = server.clients.values().map(Client::bytes_taken).sum();
    assert!(more < MOST_MEMORY + 2 * recorded, "{more} bytes more, {recorded} of them recorded");

    while server.clients.values().any(|client| !client.taken.is_empty()) {
        for client in server.clients.values_mut() {
            client.read();
        }
        server.serve(0);
    }
    // All of it may have come before the last wait could tell.
    while server.serve(0) {}
    for client in server.clients.values() {
        assert!(client.taken.is_empty());
        assert_eq!(client.drained > 0, client.refused > 0, "told when to go on, if refused");
        assert_eq!(client.socket.recv(0), Err(no(libc::EAGAIN)));
    }
    for handle in server.clients.keys() {
        assert_eq!(udsock_close(*handle), 0);
    }
}

#[test]
fn a_stream_that_nobody_reads_costs_a_bounded_amount() {
    let test = "pressure::a_stream_that_nobody_reads_costs_a_bounded_amount";
    in_own_process(test, || press_and_read(UDSOCK_STREAM));
}

#[test]
fn messages_that_nobody_reads_cost_a_bounded_amount() {
    let test = "pressure::messages_that_nobody_reads_cost_a_bounded_amount";
    in_own_process(test, || press_and_read(UDSOCK_SEQPACKET));
}
