//! Whatever a program does with the members of two pollers, nothing that was sent is lost,
//! doubled, overtaken or cut, readiness is true, and everyone's turn comes.
//!
//! Whole with UDSOCK_POLLER_STEPS=1000000. A failure prints its seed; UDSOCK_POLLER_SEED
//! repeats it.

use std::os::fd::RawFd;
use std::thread;

use crate::calls::*;
use crate::message_calls as messages;
use crate::model::Due;
use crate::pipes::Pipe;
use crate::processes::Random;
use crate::raw;
use support::*;

/// No message is larger.
const MOST: u64 = 200_000;
/// As many steps are one program's.
const STEPS: u64 = 500;

/// A socket that is received from, in a poller or not.
struct End {
    kind: u32,
    socket: Sock,
    /// Who send to it: the address to send to, if they are not connected, and their own.
    peers: Vec<(Sock, Option<String>, String)>,
    due: Due,
    /// What was sent to its only peer, through a poller.
    answers: Due,
    is_refused: bool,
    /// Which poller it is in, and how.
    place: Option<usize>,
    flags: u32,
    token: u64,
    /// As the program has set it.
    peek_offset: i32,
    /// How many waits have not served it though something was there.
    passed_over: usize,
}

impl End {
    fn new(kind: u32, socket: Sock, peers: Vec<(Sock, Option<String>, String)>) -> Self {
        messages::take_descriptors(&socket);
        Self {
            kind,
            socket,
            peers,
            due: Due::new(kind),
            answers: Due::new(kind),
            is_refused: false,
            place: None,
            flags: 0,
            token: 0,
            peek_offset: -1,
            passed_over: 0,
        }
    }

    fn of_pair(kind: u32) -> Self {
        let (socket, peer) = pair(kind);
        Self::new(kind, socket, vec![(peer, None, String::new())])
    }

    /// A datagram socket and its senders, of whom two have names; one's text is long.
    fn of_names(number: usize) -> Self {
        let name = |what: &str| format!("@whatever-{}-{number}-{what}", std::process::id());
        let address = name("receiver");
        let socket = open_datagram(Some(&address));
        let names = [name("short"), format!("{}{}", name("long"), r"\xff\0".repeat(20))];
        let mut peers: Vec<_> = names
            .into_iter()
            .map(|name| (open_datagram(Some(&name)), Some(address.clone()), name))
            .collect();
        peers.push((open_datagram(None), Some(address), String::new()));
        Self::new(UDSOCK_DGRAM, socket, peers)
    }

    /// All that has come for its peer.
    fn drain_peer(&mut self, buffer: &mut [u8]) {
        loop {
            match usize::try_from(self.peers[0].0.recv_into(buffer, 0)) {
                Ok(size) => drop(self.answers.came(&buffer[..size])),
                Err(_) => return,
            }
        }
    }

    /// It is in no poller any more, and what was kept for it is gone.
    fn left(&mut self, buffer: &mut [u8]) {
        (self.place, self.is_refused, self.passed_over) = (None, false, 0);
        if self.peers.len() == 1 {
            self.drain_peer(buffer);
            self.answers.clear();
        }
    }

    fn is_received_from(&self, arena: usize) -> bool {
        arena > 0 && self.flags & (UDSOCK_POLLER_READINESS | UDSOCK_POLLER_PAUSED) == 0
    }
}

struct Program {
    random: Random,
    pollers: [Poller; 2],
    ends: Vec<End>,
    buffer: Vec<u8>,
    /// So many messages have been sent.
    count: u32,
    pipe: Pipe,
}

impl Program {
    fn new(seed: u64) -> Self {
        let number = seed as usize * 10;
        Self {
            random: Random::seeded(seed),
            pollers: [Poller::new(), Poller::new()],
            ends: vec![
                End::of_pair(UDSOCK_STREAM),
                End::of_pair(UDSOCK_SEQPACKET),
                End::of_pair(UDSOCK_DGRAM),
                End::of_names(number),
                End::of_pair(UDSOCK_STREAM),
                End::of_pair(UDSOCK_SEQPACKET),
                End::of_names(number + 1),
            ],
            buffer: vec![0; MOST as usize],
            count: 0,
            pipe: Pipe::new(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random.below(bound as u64) as usize
    }

    fn step(&mut self) {
        let index = self.below(self.ends.len());
        match self.below(100) {
            0..34 => self.send(index),
            34..62 => self.wait(),
            62..72 => self.receive(index),
            72..84 => self.add(index),
            84..89 => self.remove(index),
            89..94 => self.answer(index),
            94..97 => self.ends[index].drain_peer(&mut self.buffer),
            97 => self.close_a_poller(),
            _ => self.release(index),
        }
    }

    /// Something of any size, each time something else.
    fn data(&mut self, kind: u32) -> Vec<u8> {
        let most = [1, 20, 20, 20, 1_000, 1_000, 20_000, MOST as usize][self.below(8)];
        let size = self.below(most).max(usize::from(kind == UDSOCK_STREAM));
        self.count += 1;
        let mut data = vec![self.count as u8; size];
        for (place, byte) in data.iter_mut().zip(self.count.to_le_bytes()) {
            *place = byte;
        }
        data
    }

    fn send(&mut self, index: usize) {
        let data = self.data(self.ends[index].kind);
        let passes = self.ends[index].kind != UDSOCK_STREAM && self.below(4) == 0;
        let descriptors: &[RawFd] = if passes { &[self.pipe.fd()] } else { &[] };
        let peer = self.below(self.ends[index].peers.len());
        let end = &mut self.ends[index];
        let (peer, to, from) = &end.peers[peer];
        let sent = match (to, passes) {
            (None, false) => peer.send(&data, 0),
            (None, true) => messages::send_message(peer, &data, descriptors, 0),
            (Some(to), false) => peer.send_to(&data, to, 0),
            (Some(to), true) => messages::send_message_to(peer, (&data, descriptors), to, 0),
        };
        match usize::try_from(sent) {
            Ok(size) => end.due.push(&data[..size], from, descriptors.len()),
            Err(_) => is(sent, libc::EAGAIN),
        }
    }

    fn wait(&mut self) {
        let poller = self.below(2);
        let arena = match self.below(40) {
            0 => 5_000_000,
            1..6 => 0,
            6..14 => 1 + self.below(40),
            14..24 => 1 + self.below(1_000),
            24..30 => 20_000,
            _ => 300_000,
        };
        let room = Room([1, 2, 5, 64][self.below(4)], arena);
        self.wait_in(poller, room);
    }

    /// How many events came.
    fn wait_in(&mut self, poller: usize, room: Room) -> usize {
        let events = self.pollers[poller].wait_in(room, 0).expect("it does not wait");
        let mut is_untouched = true;
        let mut served = Vec::new();
        for event in &events {
            let index = self.ends.iter().position(|end| end.socket.0 == event.socket);
            let index = index.expect("one of these");
            let end = &mut self.ends[index];
            assert_eq!((end.place, end.token), (Some(poller), event.token), "a member");
            match event.kind {
                UDSOCK_EVENT_RECEIVED => {
                    assert!(end.is_received_from(room.1));
                    assert!(end.kind == UDSOCK_DGRAM || !served.contains(&index), "twice");
                    end.due.was_told(event, room.1, is_untouched);
                    is_untouched &= event.data.is_empty() && event.address.is_empty();
                }
                UDSOCK_EVENT_READY => {
                    assert!(!end.is_received_from(room.1));
                    assert_eq!(end.flags & UDSOCK_POLLER_PAUSED, 0);
                    assert!(!end.due.is_empty(), "there is nothing to receive");
                }
                UDSOCK_EVENT_DRAINED => assert!(std::mem::take(&mut end.is_refused)),
                _ => panic!("{event:?}"),
            }
            served.push(index);
            if event.kind == UDSOCK_EVENT_READY && self.below(2) == 0 {
                self.receive(index);
            }
        }
        for (index, end) in self.ends.iter_mut().enumerate() {
            let waits = end.place == Some(poller) && !end.due.is_empty();
            let served = served.contains(&index) || !waits || end.flags != 0;
            // While answers are kept for it, it has no turn.
            let served = served || !end.answers.is_empty();
            end.passed_over = if served { 0 } else { end.passed_over + 1 };
            assert!(end.passed_over < 40, "its turn does not come");
        }
        events.len()
    }

    /// Without a poller, in one of many ways.
    fn receive(&mut self, index: usize) {
        let way = self.below(5);
        let size = if self.below(2) == 0 { 1 + self.below(100) } else { MOST as usize };
        let many = 1 + self.below(4);
        let end = &mut self.ends[index];
        let is_stream = end.kind == UDSOCK_STREAM;
        let buffer = &mut self.buffer[..if is_stream { size } else { MOST as usize }];
        let room = messages::Room(buffer.len(), messages::MOST);
        let result = match way {
            0 if !is_stream => messages::recv_message(&end.socket, room, 0).map(|came| {
                let due = end.due.came(&came.data).expect("a message");
                assert_eq!(due.descriptors, came.descriptors.len());
            }),
            1 if !is_stream => {
                let rooms = vec![room; many];
                messages::recv_batch(&end.socket, &rooms, 0).map(|all| {
                    for came in all {
                        let due = end.due.came(&came.data).expect("a message");
                        assert_eq!(due.descriptors, came.descriptors.len());
                    }
                })
            }
            2 if end.kind == UDSOCK_DGRAM => {
                let mut address = [0; UDSOCK_ADDRESS_SIZE];
                let (data, text) = (buffer.as_mut_ptr().cast(), address.as_mut_ptr());
                // SAFETY: both are of these sizes.
                let result = unsafe {
                    let (size, room) = (buffer.len(), address.len());
                    udsock_recv_from(end.socket.0, data, size, text, room, 0)
                };
                usize::try_from(result).map_err(|_| result).map(|size| {
                    let due = end.due.came(&buffer[..size]).expect("a message");
                    // SAFETY: written by the call, which succeeded.
                    let text = unsafe { std::ffi::CStr::from_ptr(text) };
                    assert_eq!(text.to_str(), Ok(&due.from[..]));
                })
            }
            3 if !end.due.is_empty() => {
                let (fd, data) = (end.socket.fd(), buffer.as_mut_ptr().cast());
                // SAFETY: the buffer is of this size.
                let size = unsafe { libc::recv(fd, data, buffer.len(), libc::MSG_DONTWAIT) };
                end.due.came(&buffer[..usize::try_from(size).expect("something is due")]);
                Ok(())
            }
            _ => {
                let result = end.socket.recv_into(buffer, 0);
                usize::try_from(result)
                    .map_err(|_| result)
                    .map(|size| drop(end.due.came(&buffer[..size])))
            }
        };
        if let Err(code) = result {
            is(code, libc::EAGAIN);
            assert!(end.due.is_empty(), "something is due");
        }
    }

    fn add(&mut self, index: usize) {
        let poller = self.below(2);
        let flags = if self.below(2) == 0 { 0 } else { self.below(8) as u32 };
        self.add_to(index, poller, flags);
    }

    /// Out of another poller, if need be.
    fn add_to(&mut self, index: usize, poller: usize, flags: u32) {
        let token = self.random.below(1 << 30);
        let end = &mut self.ends[index];
        let (handle, socket) = (self.pollers[poller].0.0, end.socket.0);
        let add = || i64::from(udsock_poller_add(handle, socket, token, flags));
        if let Some(other) = end.place.filter(|place| *place != poller) {
            is(add(), libc::EBUSY);
            assert_eq!(self.pollers[other].remove(&end.socket), 0);
            end.left(&mut self.buffer);
        }
        assert_eq!(add(), 0);
        (end.place, end.flags, end.token) = (Some(poller), flags, token);
    }

    fn remove(&mut self, index: usize) {
        let end = &mut self.ends[index];
        if let Some(poller) = end.place {
            assert_eq!(self.pollers[poller].remove(&end.socket), 0);
            end.left(&mut self.buffer);
        }
    }

    /// Sends through the poller; what its peer does not take is kept.
    fn answer(&mut self, index: usize) {
        let data = self.data(self.ends[index].kind);
        let end = &mut self.ends[index];
        let Some(poller) = end.place.filter(|_| end.peers.len() == 1) else {
            return;
        };
        match self.pollers[poller].send(&[item(&end.socket, &data)]).1[0] {
            result @ 0.. => {
                assert_eq!(result, data.len() as i64);
                end.answers.push(&data, "", 0);
            }
            code => {
                is(code, libc::EAGAIN);
                end.is_refused = true;
            }
        }
    }

    fn close_a_poller(&mut self) {
        let place = self.below(2);
        self.pollers[place] = Poller::new();
        for end in self.ends.iter_mut().filter(|end| end.place == Some(place)) {
            end.left(&mut self.buffer);
        }
    }

    /// The handle goes, the socket stays, and comes in again as somebody else's.
    fn release(&mut self, index: usize) {
        let offset = self.below(4) as i32 * 5 - 5;
        let end = &mut self.ends[index];
        let fd = udsock_release(end.socket.0);
        // Receives move it, but not below 0.
        let is_looking_on = raw::option(fd, libc::SO_PEEK_OFF) >= 0;
        assert_eq!(is_looking_on, end.peek_offset >= 0, "it is as it was left");
        assert_eq!(raw::set_option(fd, libc::SO_PEEK_OFF, offset), 0);
        end.peek_offset = offset;
        let adopted = adopt(fd).unwrap_or_else(|refusal| panic!("{refusal:?}"));
        std::mem::forget(std::mem::replace(&mut end.socket, adopted));
        messages::take_descriptors(&end.socket);
        end.left(&mut self.buffer);
    }

    /// From now on everyone is received from, and all comes.
    fn settle(&mut self) {
        let poller = self.below(2);
        for index in 0..self.ends.len() {
            self.add_to(index, poller, 0);
        }
        let room = Room([1, 3, 64][self.below(3)], [100, 700, 5_000, 300_000][self.below(4)]);
        let mut idle = 0;
        loop {
            for end in self.ends.iter_mut().filter(|end| end.peers.len() == 1) {
                end.drain_peer(&mut self.buffer);
            }
            let brought = self.wait_in(poller, room);
            if self.ends.iter().all(|end| end.due.is_empty() && end.answers.is_empty()) {
                break;
            }
            idle = if brought > 0 { 0 } else { idle + 1 };
            assert!(idle < 100, "what is due does not come");
        }
        assert_eq!(self.wait_in(poller, room), 0);
        for poller in &self.pollers {
            assert_eq!(raw::poll(poller.descriptor(), libc::POLLIN), 0, "nothing is left");
        }
    }
}

/// Tells which program failed.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("UDSOCK_POLLER_SEED={} repeats it", self.0);
        }
    }
}

fn run(seed: u64) {
    let _seed = Seed(seed);
    let mut program = Program::new(seed);
    for step in 1..=STEPS {
        program.step();
        if step % 100 == 0 {
            program.settle();
        }
    }
    // Every descriptor that came has been closed.
    let mut pipe = std::mem::replace(&mut program.pipe, Pipe::new());
    drop(program);
    pipe.let_go();
    assert!(pipe.is_alone());
}

#[test]
fn whatever_a_program_does_all_comes_once_and_in_order() {
    match std::env::var("UDSOCK_POLLER_SEED") {
        Ok(seed) => run(seed.parse().expect("a number")),
        Err(_) => (1..=repeat("UDSOCK_POLLER_STEPS", 10_000) / STEPS).for_each(run),
    }
}
