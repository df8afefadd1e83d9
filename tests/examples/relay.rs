//! examples-c/relay.c between strangers: much at once, halves that end, rude ones, and too few
//! descriptors.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::c_library;
use crate::running::{HANG, Running};
use support::*;

/// More than is on its way at once: two sockets' buffers, and what the relay keeps.
const MUCH: usize = 8_000_000;

fn is_there(test: &str) -> bool {
    has(test, &c_library::compiler()) && has(test, "sh")
}

struct Relay {
    running: Running,
    dir: Dir,
    /// How many descriptors it has without clients.
    at_rest: usize,
}

impl Relay {
    /// A relay that may have so many descriptors.
    fn start(descriptors: u32) -> Self {
        static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
        let from = c_library::source("examples-c/relay.c");
        let program = PROGRAM.get_or_init(|| c_library::build("relay", &from, &["-pthread"]));
        let dir = Dir::new();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!(
            "ulimit -n {descriptors}; exec '{}' '{}' '{}'",
            program.display(),
            dir.path("front"),
            dir.path("target"),
        ));
        let mut running = Running::start(command);
        let line = running.line();
        assert!(line.starts_with("relay: ") && line.contains(" goes to "), "{line}");
        let mut relay = Self { running, dir, at_rest: 0 };
        relay.at_rest = relay.descriptors();
        relay
    }

    fn listen(&self) -> UnixListener {
        UnixListener::bind(self.dir.path("target")).unwrap()
    }

    fn connect(&self) -> UnixStream {
        patient(UnixStream::connect(self.dir.path("front")).unwrap())
    }

    /// A client, and what the target has accepted for it.
    fn pair(&self, target: &UnixListener) -> (UnixStream, UnixStream) {
        let client = self.connect();
        (client, patient(target.accept().unwrap().0))
    }

    /// A target that echoes, until its clients end.
    fn echo(&self) {
        let listener = self.listen();
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                thread::spawn(move || echo(&client));
            }
        });
    }

    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.running.id())).unwrap().count()
    }

    /// Everybody has gone, and so has what the relay had for them.
    fn rests(&self) {
        let start = Instant::now();
        while self.descriptors() != self.at_rest {
            assert!(start.elapsed() < HANG, "{} descriptors", self.descriptors());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// It serves still, and ends when it is to. What it said.
    fn ends(self) -> Vec<String> {
        self.rests();
        self.running.signal(libc::SIGTERM);
        let (said, status) = self.running.finish();
        assert!(status.success(), "{status}: {said:?}");
        assert!(!PathBuf::from(self.dir.path("front")).exists(), "its file is gone");
        said
    }
}

/// Its waits end, if much later than any test does.
fn patient(stream: UnixStream) -> UnixStream {
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.set_write_timeout(Some(HANG)).unwrap();
    stream
}

/// Sends back what comes, one after the other: while it can't send it does not receive. How
/// many bytes came.
fn echo(mut client: &UnixStream) -> usize {
    let (mut buffer, mut came) = (vec![0; 1 << 16], 0);
    let mut listens = true;
    while let Ok(size @ 1..) = client.read(&mut buffer) {
        came += size;
        listens = listens && client.write_all(&buffer[..size]).is_ok();
    }
    came
}

/// Says this, and hears it come back.
fn converse(client: &mut UnixStream, said: &[u8]) {
    client.write_all(said).unwrap();
    let mut heard = vec![0; said.len()];
    client.read_exact(&mut heard).unwrap();
    assert!(heard == said);
}

/// Sends until nothing more is taken: how much was.
fn flood(mut client: &UnixStream) -> usize {
    client.set_nonblocking(true).unwrap();
    let (part, mut sent, mut refusals) = ([b'x'; 10_000], 0, 0);
    while refusals < 50 {
        match client.write(&part) {
            Ok(size) => (sent, refusals) = (sent + size, 0),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                refusals += 1;
                thread::sleep(Duration::from_millis(2));
            }
        }
        assert!(sent < MUCH, "somebody takes it all");
    }
    client.set_nonblocking(false).unwrap();
    sent
}

/// Bytes that no two places of a stream have in the same order.
fn random_bytes(size: usize, mut seed: u64) -> Vec<u8> {
    let words = std::iter::repeat_with(|| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()
    });
    words.take(size / 8).flatten().collect()
}

#[test]
fn relays_fifty_megabytes_both_ways_at_once() {
    const SIZE: usize = 50_000_000;
    if !is_there("relays_fifty_megabytes_both_ways_at_once") {
        return;
    }
    let relay = Relay::start(64);
    let (client, server) = relay.pair(&relay.listen());
    let sent = [random_bytes(SIZE, 7), random_bytes(SIZE, 77)];
    thread::scope(|scope| {
        for (from, to, sent) in [(&client, &server, &sent[0]), (&server, &client, &sent[1])] {
            scope.spawn(move || {
                let mut from = from;
                from.write_all(sent).unwrap();
                from.shutdown(Shutdown::Write).unwrap();
            });
            scope.spawn(move || {
                let (mut to, mut came) = (to, Vec::new());
                to.read_to_end(&mut came).unwrap();
                assert!(came == *sent, "{} bytes", came.len());
            });
        }
    });
    relay.ends();
}

#[test]
fn relays_the_end_of_each_half_alone() {
    if !is_there("relays_the_end_of_each_half_alone") {
        return;
    }
    let relay = Relay::start(64);
    let listener = relay.listen();
    for client_is_first in [true, false] {
        let (client, server) = relay.pair(&listener);
        let [mut first, mut second] =
            if client_is_first { [client, server] } else { [server, client] };
        let mut came = Vec::new();
        first.write_all(b"the question").unwrap();
        first.shutdown(Shutdown::Write).unwrap();
        second.read_to_end(&mut came).unwrap();
        assert_eq!(came, b"the question");
        // The other half goes on, with more than is on its way at once.
        let answer = random_bytes(MUCH, 3);
        thread::scope(|scope| {
            scope.spawn(|| {
                second.write_all(&answer).unwrap();
                drop(second);
            });
            came.clear();
            first.read_to_end(&mut came).unwrap();
        });
        assert!(came == answer);
        drop(first);
        relay.rests();
    }
    relay.ends();
}

#[test]
fn relays_for_two_hundred_clients_at_once() {
    if !is_there("relays_for_two_hundred_clients_at_once") {
        return;
    }
    let relay = Relay::start(1024);
    relay.echo();
    let mut clients: Vec<_> = (0..200).map(|_| relay.connect()).collect();
    for round in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            client.write_all(format!("{round}: I am {number:3}").as_bytes()).unwrap();
        }
        for (number, client) in clients.iter_mut().enumerate().rev() {
            let mut heard = [0; 11];
            client.read_exact(&mut heard).unwrap();
            assert_eq!(heard, format!("{round}: I am {number:3}").as_bytes()[..11]);
        }
    }
    drop(clients);
    assert_eq!(relay.ends(), [""; 0]);
}

#[test]
fn relay_does_not_receive_what_the_other_side_can_not_take() {
    if !is_there("relay_does_not_receive_what_the_other_side_can_not_take") {
        return;
    }
    let relay = Relay::start(64);
    let listener = relay.listen();
    let (client, server) = relay.pair(&listener);
    for (from, mut to) in [(&client, &server), (&server, &client)] {
        let sent = flood(from);
        // The others get on.
        let (mut another, served) = relay.pair(&listener);
        let echo = thread::spawn(move || echo(&served));
        converse(&mut another, b"meanwhile");
        drop(another);
        assert_eq!(echo.join().unwrap(), 9);
        let mut came = vec![0; sent];
        to.read_exact(&mut came).unwrap();
        assert!(came.iter().all(|byte| *byte == b'x'));
    }
    drop((client, server));
    relay.ends();
}

/// It sends and never receives; so its server, which waits for that, does not receive either.
/// When it dies its server has to see that, and what had been sent still comes.
#[test]
fn relay_tells_a_server_that_is_stuck_that_its_client_is_gone() {
    if !is_there("relay_tells_a_server_that_is_stuck_that_its_client_is_gone") {
        return;
    }
    let relay = Relay::start(64);
    let listener = relay.listen();
    for server_goes_too in [false, true] {
        let (client, server) = relay.pair(&listener);
        let (sender, came) = mpsc::channel();
        let handle = server.try_clone().unwrap();
        thread::spawn(move || sender.send(echo(&server)).unwrap());
        let sent = flood(&client);
        if server_goes_too {
            handle.shutdown(Shutdown::Both).unwrap();
        }
        drop((client, handle));
        let came = came.recv_timeout(HANG).expect("it is told");
        assert!(server_goes_too || came == sent, "{came} of {sent}");
        relay.rests();
    }
    relay.ends();
}

#[test]
fn relay_bears_with_rude_clients() {
    if !is_there("relay_bears_with_rude_clients") {
        return;
    }
    let relay = Relay::start(64);
    relay.echo();
    for number in 0..200 {
        let mut client = relay.connect();
        match number % 4 {
            // It connects and goes.
            0 => {}
            // It goes without its answer: a reset.
            1 => client.write_all(b"never mind").unwrap(),
            2 => {
                client.write_all(b"never mind").unwrap();
                assert_eq!(client.read(&mut [0; 1]).unwrap(), 1);
            }
            // It listens no more, and goes on talking.
            _ => {
                client.shutdown(Shutdown::Read).unwrap();
                client.write_all(&[b'x'; 50_000]).unwrap();
            }
        }
    }
    let mut polite = relay.connect();
    converse(&mut polite, &random_bytes(100_000, 9));
    drop(polite);
    assert_eq!(relay.ends(), [""; 0]);
}

/// All connect before any of them leaves, so that some wait for a descriptor.
#[test]
fn relay_serves_everybody_with_descriptors_for_few() {
    if !is_there("relay_serves_everybody_with_descriptors_for_few") {
        return;
    }
    // From room for one pair to room for a few.
    let fewest = {
        let relay = Relay::start(64);
        relay.at_rest as u32 + 2
    };
    for descriptors in fewest..fewest + 6 {
        let relay = Relay::start(descriptors);
        relay.echo();
        let clients: Vec<_> = (0..30).map(|_| relay.connect()).collect();
        thread::scope(|scope| {
            for mut client in clients {
                scope.spawn(move || converse(&mut client, b"my turn"));
            }
        });
        relay.ends();
    }
}

#[test]
fn relay_waits_for_room_in_the_target_s_queue() {
    if !is_there("relay_waits_for_room_in_the_target_s_queue") {
        return;
    }
    let relay = Relay::start(256);
    let listener = relay.listen();
    // SAFETY: no pointers; a second call changes how many may wait.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 1) }, 0);
    let mut clients: Vec<_> = (0..50).map(|_| relay.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.write_all(&[number as u8]).unwrap();
    }
    for number in 0..50 {
        let mut server = patient(listener.accept().unwrap().0);
        let mut came = [0];
        server.read_exact(&mut came).unwrap();
        assert_eq!(came, [number], "in order");
    }
    drop(clients);
    assert_eq!(relay.ends(), [""; 0]);
}

#[test]
fn relay_says_that_its_target_is_not_there_and_finds_it_later() {
    if !is_there("relay_says_that_its_target_is_not_there_and_finds_it_later") {
        return;
    }
    let mut relay = Relay::start(64);
    let target = relay.dir.path("target");
    for came_and_went in [false, true] {
        let mut client = relay.connect();
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0, "shown out");
        let line = relay.running.line();
        let why = if came_and_went { "Connection refused" } else { "No such file" };
        assert!(line.starts_with("relay: ") && line.contains(&target), "{line}");
        assert!(line.contains(why), "{line}");
        if !came_and_went {
            let listener = relay.listen();
            let (mut client, server) = relay.pair(&listener);
            thread::spawn(move || echo(&server));
            converse(&mut client, b"at last");
        }
    }
    assert_eq!(relay.ends(), [""; 0]);
}
