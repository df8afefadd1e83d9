//! Close wakes everyone who waits on the handle, at once and from every call, and the
//! descriptor's number is not used again under anybody (row 20 of tests/kernel_rows/README.md).

use support::waiting;
use support::*;

use waiting::*;

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, RwLock, mpsc};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

/// Against a hang only: no wait takes this long unless it is never woken.
const HANG: Duration = Duration::from_secs(600);

/// A thread in a call. Its result comes through a channel, so that a call which is
/// never woken fails the test and does not hang it.
struct Waiter {
    task: Arc<AtomicI32>,
    result: mpsc::Receiver<i64>,
}

impl Waiter {
    fn start(handle: udsock_t, call: &Call) -> Self {
        let call = call.clone();
        let task = Arc::new(AtomicI32::new(0));
        let (sender, result) = mpsc::channel();
        let its_task = task.clone();
        thread::spawn(move || {
            // SAFETY: no arguments.
            its_task.store(unsafe { libc::gettid() }, Ordering::Release);
            let _ = sender.send(call(handle, FOREVER));
        });
        Self { task, result }
    }

    /// Until it sleeps, which it does nowhere but in the call.
    fn wait_until_asleep(&self) {
        let start = Instant::now();
        loop {
            let task = self.task.load(Ordering::Acquire);
            let stat = fs::read_to_string(format!("/proc/self/task/{task}/stat"));
            if task != 0 && stat.is_ok_and(|stat| stat.contains(") S ")) {
                return;
            }
            assert!(start.elapsed() < HANG, "the call does not wait");
            thread::sleep(Duration::from_micros(50));
        }
    }

    fn result(&self, name: &str) -> i64 {
        self.result.recv_timeout(HANG).unwrap_or_else(|_| panic!("{name}: was not woken"))
    }
}

/// Which open socket a descriptor stands for: numbers of sockets are not used again.
fn inode(fd: i32) -> Option<u64> {
    // SAFETY: numbers and padding: all zero is a stat.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: room for a stat.
    (unsafe { libc::fstat(fd, &mut status) } == 0).then_some(status.st_ino)
}

#[test]
fn close_ends_every_wait() {
    let count = repeat("UDSOCK_CLOSE_COUNT", 600);
    let mut closes = 0;
    while closes < count {
        let dir = Dir::new();
        for (number, situation) in situations(&dir).into_iter().enumerate() {
            let Situation { name, socket, call, .. } = &situation;
            let threads = 1 + (number as u64 + closes) % 4;
            let waiters: Vec<Waiter> =
                (0..threads).map(|_| Waiter::start(socket.0, call)).collect();
            waiters.iter().for_each(Waiter::wait_until_asleep);
            let fd = socket.fd();
            let before = inode(fd);
            assert_eq!(socket.close(), 0, "{name}");
            for waiter in &waiters {
                assert_eq!(name_of(waiter.result(name)), "UDSOCK_CLOSED", "{name}");
            }
            assert_ne!(inode(fd), before, "{name}: its descriptor is closed");
            assert_eq!(name_of(call(socket.0, FOREVER)), "EBADF", "{name}");
            assert_eq!(name_of(socket.fd().into()), "EBADF", "{name}");
            assert_eq!(name_of(socket.close()), "EBADF", "{name}");
            closes += 1;
        }
    }
}

/// Closing while others are anywhere in the call, or just before it.
#[test]
fn close_at_any_moment_ends_every_wait() {
    let count = repeat("UDSOCK_CLOSE_COUNT", 600);
    let mut closes = 0;
    while closes < count {
        let dir = Dir::new();
        for situation in situations(&dir) {
            let Situation { name, socket, call, .. } = &situation;
            let waiters: Vec<Waiter> = (0..2).map(|_| Waiter::start(socket.0, call)).collect();
            thread::sleep(Duration::from_micros(closes % 50 * 4));
            assert_eq!(socket.close(), 0, "{name}");
            for waiter in &waiters {
                let result = name_of(waiter.result(name));
                assert!(["UDSOCK_CLOSED", "EBADF"].contains(&result.as_str()), "{name}: {result}");
            }
            closes += 1;
        }
    }
}

#[test]
fn close_ends_the_waits_of_many_threads_in_different_calls() {
    for kind in KINDS {
        for _ in 0..3 {
            let (socket, _peer) = pair(kind);
            fill(&socket);
            let mut calls = receiving_calls(kind);
            calls.extend(sending_calls());
            let waiters: Vec<(&str, Waiter)> = calls
                .into_iter()
                .cycle()
                .take(80)
                .map(|(name, call)| (name, Waiter::start(socket.0, &(Arc::new(call) as Call))))
                .collect();
            waiters.iter().for_each(|(_, waiter)| waiter.wait_until_asleep());
            assert_eq!(socket.close(), 0);
            for (name, waiter) in &waiters {
                assert_eq!(name_of(waiter.result(name)), "UDSOCK_CLOSED", "{name}, kind {kind}");
            }
        }
    }
}

#[test]
fn of_many_threads_that_close_at_once_one_succeeds() {
    for _ in 0..100 {
        let (socket, _peer) = pair(UDSOCK_STREAM);
        let results: Vec<i64> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| socket.close())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(results.iter().filter(|&&result| result == 0).count(), 1);
        assert_eq!(results.iter().filter(|&&result| result == no(libc::EBADF)).count(), 7);
    }
}

#[test]
fn release_ends_every_wait_and_hands_out_a_descriptor_that_works() {
    let dir = Dir::new();
    for situation in situations(&dir) {
        let Situation { name, socket, call, unblock, .. } = situation;
        let waiters: Vec<Waiter> = (0..3).map(|_| Waiter::start(socket.0, &call)).collect();
        waiters.iter().for_each(Waiter::wait_until_asleep);
        let (handle, before) = (socket.0, inode(socket.fd()));
        let fd = socket.release();
        assert!(fd >= 0, "{name}: {}", name_of(fd.into()));
        for waiter in &waiters {
            assert_eq!(name_of(waiter.result(&name)), "UDSOCK_CLOSED", "{name}");
        }
        assert_eq!(name_of(call(handle, FOREVER)), "EBADF", "{name}");
        assert_eq!(inode(fd), before, "{name}: it is the same socket");
        // SAFETY: no pointers.
        let (status, flags) =
            unsafe { (libc::fcntl(fd, libc::F_GETFL), libc::fcntl(fd, libc::F_GETFD)) };
        assert_eq!(status & libc::O_NONBLOCK, 0, "{name}: it blocks");
        assert_eq!(flags, libc::FD_CLOEXEC, "{name}");
        let again = adopt(fd).unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        unblock();
        let result = call(again.0, 10_000);
        assert!(result >= 0, "{name}: {}", name_of(result));
    }
}

/// The new server must get the name, and the new clients: an acceptor that the old one
/// left in the kernel would keep the one and steal the others.
#[test]
fn an_abstract_name_is_free_once_close_returns() {
    /// So long close waits for threads that were woken but get no processor.
    const GIVES_UP: Duration = Duration::from_millis(100);
    let count = repeat("UDSOCK_CLOSE_COUNT", 600) / 4;
    for kind in CONNECTED_KINDS {
        let address = format!("@udsock-test-{}-close-{kind}", std::process::id());
        let mut server = open_server(kind, &address);
        let call: Call = Arc::new(accept_one);
        for _ in 0..count / 2 {
            let waiters: Vec<Waiter> = (0..4).map(|_| Waiter::start(server.0, &call)).collect();
            waiters.iter().for_each(Waiter::wait_until_asleep);
            let start = Instant::now();
            assert_eq!(server.close(), 0);
            let gave_up = start.elapsed() >= GIVES_UP;
            let at_once = (!gave_up).then(|| open_server(kind, &address));
            for waiter in &waiters {
                assert_eq!(name_of(waiter.result(&address)), "UDSOCK_CLOSED");
            }
            server = at_once.unwrap_or_else(|| open_server(kind, &address));
            let client = open_client(kind, &address);
            assert_eq!(client.send(b"new", 0), 3);
            let connection = server.accept(10_000).expect("nobody else took the client");
            assert_eq!(connection.recv(10_000).unwrap(), b"new");
        }
    }
}

/// A connection whose every byte, in both directions, is its mark.
struct Marked {
    mark: u8,
    ends: [Sock; 2],
}

impl Marked {
    /// Marks of connections that follow each other differ; 0 is nobody's.
    fn open(number: u64) -> Self {
        let (one, other) = pair(KINDS[(number % 3) as usize]);
        Self { mark: (number % 251) as u8 + 1, ends: [one, other] }
    }
}

/// What a thread that uses a connection may be told while others close it.
fn check_hammered(result: i64) {
    let name = name_of(result);
    assert!(
        matches!(
            name.as_str(),
            "OK" | "EAGAIN"
                | "ETIMEDOUT"
                | "EBADF"
                | "UDSOCK_CLOSED"
                | "UDSOCK_EOF"
                | "EPIPE"
                | "ECONNRESET"
                | "ECONNREFUSED"
                | "ENOTCONN"
        ),
        "{name}"
    );
}

/// Row 20: with plain descriptors 20 bytes of 200,000 cycles reached a socket that had
/// got a closed one's number.
#[test]
fn no_byte_reaches_a_socket_that_got_the_number() {
    const USERS: u64 = 4;
    const CLOSERS: u64 = 2;
    let cycles = repeat("UDSOCK_REOPEN_COUNT", 30_000) / CLOSERS;
    let places: Vec<RwLock<Arc<Marked>>> =
        (0..CLOSERS * 2).map(|number| RwLock::new(Arc::new(Marked::open(number)))).collect();
    let over = AtomicBool::new(false);
    let numbers = AtomicU64::new(1_000);
    let [sent, received, strangers] = [(); 3].map(|()| AtomicU64::new(0));
    thread::scope(|scope| {
        for user in 0..USERS {
            let (places, over, sent, received) = (&places, &over, &sent, &received);
            scope.spawn(move || {
                let mut buffer = [0; 512];
                let mut round = user;
                while !over.load(Ordering::Relaxed) {
                    round += 1;
                    let place = &places[(round % places.len() as u64) as usize];
                    let Marked { mark, ends: [one, other] } = &*place.read().unwrap().clone();
                    // Some calls wait, so that closing finds them asleep.
                    let timeout_ms = (round % 8 == 0).into();
                    let result = one.send(&[*mark; 64], timeout_ms);
                    check_hammered(result);
                    sent.fetch_add(result.max(0) as u64, Ordering::Relaxed);
                    let result = other.recv_into(&mut buffer, timeout_ms);
                    check_hammered(result);
                    let got = &buffer[..result.max(0) as usize];
                    assert!(got.iter().all(|byte| byte == mark), "{mark}: {got:?}");
                    received.fetch_add(got.len() as u64, Ordering::Relaxed);
                }
            });
        }
        let (over, strangers) = (&over, &strangers);
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                strangers.fetch_add(1, Ordering::Relaxed);
                stranger();
            }
        });
        let closers: Vec<_> = (0..CLOSERS)
            .map(|closer| {
                let (places, numbers) = (&places, &numbers);
                scope.spawn(move || {
                    for cycle in 0..cycles {
                        let place = &places[(closer * 2 + cycle % 2) as usize];
                        let new = Marked::open(numbers.fetch_add(1, Ordering::Relaxed));
                        let old = std::mem::replace(&mut *place.write().unwrap(), Arc::new(new));
                        for end in &old.ends {
                            assert_eq!(end.close(), 0);
                        }
                    }
                })
            })
            .collect();
        let ended: Vec<_> = closers.into_iter().map(|closer| closer.join()).collect();
        over.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok));
    });
    let [sent, received, strangers] = [sent, received, strangers].map(AtomicU64::into_inner);
    println!("{sent} bytes sent, {received} received; {strangers} strangers got 0 of them");
    assert!(sent > 0 && received > 0 && strangers > 0);
}

/// Opens an unrelated pair of sockets, sends a 0 each way, and finds these two bytes and
/// no other: neither did one of the library's come here, nor did the library take one.
fn stranger() {
    let mut pair = [-1; 2];
    // SAFETY: room for two.
    let made = unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, pair.as_mut_ptr()) };
    assert_eq!(made, 0, "{}", io::Error::last_os_error());
    for fd in pair {
        // SAFETY: a byte.
        assert_eq!(unsafe { libc::send(fd, [0].as_ptr().cast(), 1, 0) }, 1);
    }
    thread::yield_now();
    for fd in pair {
        let mut buffer = [1_u8; 4096];
        // SAFETY: room for as many bytes.
        let count =
            unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT) };
        assert_eq!((count, buffer[0]), (1, 0), "{:?}", &buffer[..count.max(0) as usize]);
    }
    for fd in pair {
        // SAFETY: this function's own descriptors.
        unsafe { libc::close(fd) };
    }
}
