//! A soak: servers and clients are opened, talk, and are closed, of all kinds, through
//! blocking calls and through pollers, in several threads; and nothing is left of it: no
//! descriptor, no memory, no file.

use support::*;
use support::{measure, poller_calls as calls};

use std::thread;

use calls::*;
use measure::{allocated, resident};

const THREADS: u64 = 4;
/// What is measured is so after each, with all threads ended.
const PHASES: u64 = 10;
const PATIENCE_MS: i32 = 20_000;

const QUESTION: &[u8] = b"what is the time?";
const ANSWER: &[u8] = b"it is late";

/// What one thread has from round to round.
struct Soaker {
    path: String,
    name: String,
    room: Room,
    buffer: [u8; 64],
}

impl Soaker {
    fn new(dir: &Dir, thread: u64) -> Self {
        let process = std::process::id();
        Self {
            path: dir.path(&thread.to_string()),
            name: format!("@udsock-soak-{process}-{thread}"),
            room: Room::new(4, 1 << 12),
            buffer: [0; 64],
        }
    }

    /// Opens, talks, closes: of each round's kinds and ways in turn.
    fn round(&mut self, number: u64) {
        let kind = CONNECTED_KINDS[number as usize % CONNECTED_KINDS.len()];
        match number / 2 % 6 {
            0 => self.connection(kind, &self.path.clone()),
            1 => self.connection(kind, &self.name.clone()),
            2 => self.served_by_a_poller(kind),
            3 => self.datagrams(),
            4 => self.datagrams_through_a_poller(),
            _ => self.pair(KINDS[number as usize % KINDS.len()]),
        }
    }

    fn connection(&mut self, kind: u32, address: &str) {
        let server = open_server(kind, address);
        let client = open_client(kind, address);
        let peer = server.accept(PATIENCE_MS).expect("a client is there");
        self.say(&client, &peer, QUESTION);
        self.say(&peer, &client, ANSWER);
        close(peer);
        assert_eq!(client.recv_into(&mut self.buffer, PATIENCE_MS), EOF);
        close(client);
        close(server);
    }

    fn served_by_a_poller(&mut self, kind: u32) {
        let server = open_server(kind, &self.path);
        let poller = open_poller(Limits::default());
        add(&poller, &server, 0);
        let client = open_client(kind, &self.path);
        assert_eq!(client.send(QUESTION, 0), QUESTION.len() as i64);
        self.answer(&poller);
        self.hear(&client, ANSWER);
        assert_eq!(client.recv_into(&mut self.buffer, PATIENCE_MS), EOF);
        close(client);
        close(poller);
        close(server);
    }

    /// Until what came is answered, and the connection closed.
    fn answer(&mut self, poller: &Sock) {
        for _ in 0..PATIENCE_MS {
            self.room.round(poller, PATIENCE_MS);
            if let Some(event) = self.room.events().iter().find(|event| event.length > 0) {
                assert_eq!(self.room.data(event), QUESTION);
                let mut items = [item(event.socket, 0, ANSWER.len(), UDSOCK_THEN_CLOSE)];
                assert_eq!(send(poller.0, &mut items, ANSWER), 1);
                return;
            }
        }
        panic!("no question comes");
    }

    fn datagrams(&mut self) {
        let server = open_datagram(Some(&self.path));
        let client = open_datagram(Some(&self.name));
        assert_eq!(client.send_to(QUESTION, &self.path, PATIENCE_MS), QUESTION.len() as i64);
        self.hear(&server, QUESTION);
        assert_eq!(server.send_to(ANSWER, &self.name, PATIENCE_MS), ANSWER.len() as i64);
        self.hear(&client, ANSWER);
        close(client);
        close(server);
    }

    fn datagrams_through_a_poller(&mut self) {
        let server = open_datagram(Some(&self.path));
        let poller = open_poller(Limits::default());
        add(&poller, &server, 0);
        let client = open_client(UDSOCK_DGRAM, &self.path);
        assert_eq!(client.send(QUESTION, PATIENCE_MS), QUESTION.len() as i64);
        assert_eq!(self.room.round(&poller, PATIENCE_MS), 1);
        assert_eq!(self.room.data(&self.room.events()[0]), QUESTION);
        close(client);
        close(server);
        close(poller);
    }

    fn pair(&mut self, kind: u32) {
        let (one, other) = pair(kind);
        self.say(&one, &other, QUESTION);
        self.say(&other, &one, ANSWER);
        close(one);
        close(other);
    }

    fn say(&mut self, from: &Sock, to: &Sock, words: &[u8]) {
        assert_eq!(from.send(words, PATIENCE_MS), words.len() as i64);
        self.hear(to, words);
    }

    fn hear(&mut self, to: &Sock, words: &[u8]) {
        let came = to.recv_into(&mut self.buffer, PATIENCE_MS);
        assert_eq!(came, words.len() as i64, "{}", name_of(came));
        assert_eq!(&self.buffer[..words.len()], words);
    }
}

/// Closing succeeds, and is done once.
fn close(socket: Sock) {
    assert_eq!(socket.close(), 0);
    std::mem::forget(socket);
}

/// Whole with UDSOCK_SOAK_COUNT=5000000.
#[test]
fn nothing_is_left_of_what_was_opened() {
    let count = repeat("UDSOCK_SOAK_COUNT", 20_000);
    let dir = Dir::new();
    let mut levels = Vec::new();
    for phase in 1..=PHASES {
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let mut soaker = Soaker::new(&dir, thread);
                scope.spawn(move || {
                    (0..count / PHASES / THREADS).for_each(|number| soaker.round(number));
                });
            }
        });
        let level = (allocated(), resident(), open_descriptors());
        println!("{} rounds: heap, resident, descriptors {level:?}", count / PHASES * phase);
        levels.push(level);
    }
    let (first, last) = (levels[0], levels[levels.len() - 1]);
    // (malloc keeps some of what was given back.)
    assert!(last.0 <= first.0 + 65_536, "the heap grows: {levels:?}");
    assert!(last.1 <= first.1 + (1 << 20), "the process grows: {levels:?}");
    // A thread that waits has an eventfd, which is kept for the next one.
    assert!(last.2 <= first.2 + THREADS as usize, "descriptors are left: {levels:?}");
    assert!(dir.list().is_empty(), "files are left: {:?}", dir.list());
}
