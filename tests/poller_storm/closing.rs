//! Pollers that are closed while other threads wait in them, send through them, and add
//! and remove members. Whole with UDSOCK_POLLER_CLOSE_COUNT=10000.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::calls::*;
use support::*;

const MEMBERS: usize = 12;
const WAITERS: u64 = 2;
/// Against a hang only.
const LET_GO: Duration = Duration::from_secs(5);

struct Storm {
    dir: Dir,
    server: Sock,
    members: Vec<(Sock, Sock)>,
    poller: AtomicI64,
    over: AtomicBool,
    /// Waits that a close ended.
    ended: AtomicU64,
    accepted: AtomicU64,
    /// Connections that were accepted, each with its poller.
    clients: Mutex<Vec<(udsock_t, Sock)>>,
}

/// Codes that a call may have if the poller is closed before it or under it.
fn is_gone(result: i64) -> bool {
    [no(libc::EBADF), CLOSED].contains(&result)
}

impl Storm {
    fn new() -> Self {
        let dir = Dir::new();
        Self {
            server: open_server(UDSOCK_STREAM, &dir.path("server")),
            dir,
            members: (0..MEMBERS).map(|number| pair(KINDS[number % KINDS.len()])).collect(),
            poller: AtomicI64::new(0),
            over: AtomicBool::new(false),
            ended: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            clients: Mutex::default(),
        }
    }

    /// The poller of the moment, which may be closed already.
    fn poller(&self) -> Option<udsock_t> {
        (!self.over.load(Ordering::Acquire)).then(|| self.poller.load(Ordering::Acquire))
    }

    fn wait(&self, number: u64) {
        let random = &mut Random::new(number);
        let mut room = Room::new(8, 4_096);
        while let Some(poller) = self.poller() {
            let timeout_ms = if random.chance(4) { 0 } else { FOREVER };
            let result = room.wait(poller, timeout_ms);
            if is_gone(result) {
                self.ended.fetch_add((result == CLOSED).into(), Ordering::Relaxed);
                continue;
            }
            assert!(result >= 0, "{}", name_of(result));
            let mut items = Vec::new();
            for event in room.events() {
                match event.kind {
                    UDSOCK_EVENT_ACCEPTED => {
                        self.accepted.fetch_add(1, Ordering::Relaxed);
                        self.clients.lock().unwrap().push((poller, Sock(event.socket)));
                    }
                    UDSOCK_EVENT_RECEIVED => {
                        let (offset, length) = (event.offset as usize, event.length as usize);
                        items.push(item(event.socket, offset, length, 0));
                    }
                    UDSOCK_EVENT_ENDED | UDSOCK_EVENT_DRAINED => {}
                    kind => panic!("event {kind}: {}", name_of(event.code.into())),
                }
            }
            send(poller, &mut items, &room.arena);
            for item in items.iter().filter(|item| item.result < 0 && item.result != i64::MIN) {
                let codes = [libc::EAGAIN, libc::ENOENT, libc::EPIPE].map(no);
                assert!(codes.contains(&item.result), "{}", name_of(item.result));
            }
        }
    }

    /// What keeps the waiters awake, and what they answer goes away again.
    fn talk(&self) {
        let random = &mut Random::new(11);
        while self.poller().is_some() {
            let (_, peer) = &self.members[random.below(MEMBERS)];
            peer.send(b"hello", 0);
            peer.recv_into(&mut [0; 64], 0);
            if random.chance(20) {
                thread::sleep(Duration::from_micros(100));
            }
        }
    }

    fn send(&self) {
        let random = &mut Random::new(12);
        while let Some(poller) = self.poller() {
            let members = (0..4).map(|_| &self.members[random.below(MEMBERS)].0);
            let mut items: Vec<_> = members.map(|member| item(member.0, 0, 5, 0)).collect();
            send(poller, &mut items, b"again");
            for item in items.iter().filter(|item| item.result < 0 && item.result != i64::MIN) {
                let codes = [libc::EAGAIN, libc::ENOENT].map(no);
                assert!(codes.contains(&item.result), "{}", name_of(item.result));
            }
            thread::sleep(Duration::from_micros(random.below(50) as u64));
        }
    }

    fn add_and_remove(&self) {
        let random = &mut Random::new(13);
        while let Some(poller) = self.poller() {
            let member = match random.below(MEMBERS + 4) {
                number if number < MEMBERS => &self.members[number].0,
                _ => &self.server,
            };
            let (result, codes) = if random.chance(4) {
                (udsock_poller_remove(poller, member.0), [libc::ENOENT, libc::ENOENT])
            } else {
                // The poller before this one may not have let it go yet.
                (udsock_poller_add(poller, member.0, 5, 0), [libc::EBUSY, libc::ENOENT])
            };
            let result = i64::from(result);
            let is_expected = is_gone(result) || codes.map(no).contains(&result);
            assert!(result == 0 || is_expected, "{}", name_of(result));
        }
    }

    /// Clients that connect, and go at once.
    fn connect(&self) {
        let mut options = connect_options();
        options.flags = UDSOCK_DONT_WAIT;
        let address = self.dir.path("server");
        while self.poller().is_some() {
            drop(try_open_client(UDSOCK_STREAM, &address, Some(&options)));
            thread::sleep(Duration::from_micros(200));
            self.close_some();
        }
    }

    /// All but a few of the connections that were accepted.
    fn close_some(&self) {
        let mut clients = self.clients.lock().unwrap();
        let old = clients.len().saturating_sub(64);
        let old: Vec<_> = clients.drain(..old).collect();
        drop(clients);
        for (poller, client) in old {
            if udsock_poller_wake(poller) == -libc::EBADF {
                assert_still_usable(&client);
            }
        }
    }

    fn open_and_close(&self, count: u64) {
        let random = &mut Random::new(14);
        for _ in 0..count {
            let poller = open_poller(Limits { send: 4_096, receive: 0 });
            for (member, _) in &self.members {
                let result = udsock_poller_add(poller.0, member.0, 4, 0);
                assert!([0, -libc::EBUSY].contains(&result), "{}", name_of(result.into()));
            }
            add(&poller, &self.server, 3);
            self.poller.store(poller.0, Ordering::Release);
            match random.below(4) {
                0 => {}
                1 => thread::yield_now(),
                _ => thread::sleep(Duration::from_micros(random.below(400) as u64)),
            }
            assert_eq!(poller.close(), 0);
            assert_eq!(udsock_poller_wake(poller.0), -libc::EBADF);
        }
    }
}

/// No poller that is gone still has it. (One that is just being closed may for a moment.)
fn assert_still_usable(socket: &Sock) {
    let poller = open_poller(Limits::default());
    let start = Instant::now();
    loop {
        let result = udsock_poller_add(poller.0, socket.0, 0, 0);
        if result == 0 {
            return;
        }
        assert_eq!(name_of(result.into()), "EBUSY");
        assert!(start.elapsed() < LET_GO, "a poller that is gone still has it");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_poller_may_be_closed_at_any_time() {
    in_own_process("closing::a_poller_may_be_closed_at_any_time", || {
        let before = open_descriptors();
        let count = repeat("UDSOCK_POLLER_CLOSE_COUNT", 1_000);
        let storm = Storm::new();
        let with_storm = open_descriptors();
        thread::scope(|scope| {
            let storm = &storm;
            for number in 0..WAITERS {
                scope.spawn(move || storm.wait(number));
            }
            scope.spawn(|| storm.send());
            scope.spawn(|| storm.talk());
            scope.spawn(|| storm.add_and_remove());
            scope.spawn(|| storm.connect());
            storm.open_and_close(count);
            storm.over.store(true, Ordering::Release);
        });
        let ended = storm.ended.load(Ordering::Relaxed);
        let accepted = storm.accepted.load(Ordering::Relaxed);
        eprintln!("{count} pollers closed ended {ended} waits; {accepted} clients were accepted");
        assert!(ended > count / 20, "hardly a wait was ended: {ended}");
        assert!(accepted > 0);
        for (_, client) in storm.clients.lock().unwrap().drain(..) {
            assert_still_usable(&client);
        }
        assert_still_usable(&storm.server);
        for (member, _) in &storm.members {
            assert_still_usable(member);
        }
        assert_eq!(open_descriptors(), with_storm);
        drop(storm);
        assert_eq!(open_descriptors(), before);
    });
}
