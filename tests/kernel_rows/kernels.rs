//! Rows 92 to 99: where kernels differ. Each says what this one does, which has to be one of
//! the known ways, and that nothing of it comes through the library.

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, io, ptr, thread};

use udsock::abi::poller::*;

use crate::beside::{ROOM, SCM_PIDFD, SO_PASSPIDFD, receive};
use crate::calls::RECEIVES;
use crate::process::{LONG, in_child, in_fork};
use crate::raw;
use support::*;

#[test]
fn row_92_a_second_bind_leaves_no_file_behind() {
    const TEST: &str = "row_92_a_second_bind_leaves_no_file_behind";
    for kind in KINDS {
        let dir = Dir::new();
        let socket = raw::server(kind, &dir.path("first"));
        assert_eq!(raw::bind(&socket, dir.path("second")), no(libc::EINVAL));
        if dir.list() == ["first", "second"] {
            skip(TEST, "this kernel leaves a file, as 5.10 does");
            fs::remove_file(dir.path("second")).unwrap();
        }
        assert_eq!(dir.list(), ["first"]);

        let ours = create(kind);
        ours.bind(&dir.path("ours")).unwrap();
        assert_eq!(ours.bind(&dir.path("again")).unwrap_err().code, no(libc::EINVAL));
        assert_eq!(dir.list(), ["first", "ours"], "whatever this kernel does");
        // Nor do many at once: one is bound, and has one file.
        let contested = create(kind);
        let bound = AtomicU32::new(0);
        thread::scope(|scope| {
            for index in 0..8 {
                let (contested, bound, path) = (&contested, &bound, dir.path(&format!("c{index}")));
                scope.spawn(move || match contested.bind(&path) {
                    Ok(()) => drop(bound.fetch_add(1, Ordering::Relaxed)),
                    Err(refusal) => assert_eq!(refusal.code, no(libc::EINVAL), "{refusal:?}"),
                });
            }
        });
        assert_eq!(bound.into_inner(), 1);
        assert_eq!(dir.list().len(), 3, "{:?}", dir.list());
    }
}

extern "C" fn nothing(_: i32) {}

#[test]
fn row_93_a_poll_of_no_time_can_be_interrupted_and_no_call_of_ours() {
    in_child(|| {
        // SAFETY: a handler that does nothing, and sets of signals.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as extern "C" fn(i32) as usize;
            assert_eq!(libc::sigaction(libc::SIGALRM, &action, ptr::null_mut()), 0);
            let (mut alarm, mut before): (libc::sigset_t, libc::sigset_t) = std::mem::zeroed();
            libc::sigaddset(&mut alarm, libc::SIGALRM);
            assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, &alarm, &mut before), 0);
            libc::raise(libc::SIGALRM);
            let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            let result = libc::ppoll(ptr::null_mut(), 0, &now, &before);
            assert_eq!(raw::answer(result as isize), no(libc::EINTR), "the trap");
            assert_eq!(libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut()), 0);
        }
        // Signals all the time: what does not wait is not told of them.
        let interval = libc::timeval { tv_sec: 0, tv_usec: 50 };
        let storm = libc::itimerval { it_interval: interval, it_value: interval };
        let calm = libc::timeval { tv_sec: 0, tv_usec: 0 };
        let calm = libc::itimerval { it_interval: calm, it_value: calm };
        let timer = |value: &libc::itimerval| {
            // SAFETY: a timer's value, and NULL for the former one.
            let set = unsafe { libc::setitimer(libc::ITIMER_REAL, value, ptr::null_mut()) };
            assert_eq!(set, 0);
        };
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, client, _peer) = connection(kind, &dir);
            // SAFETY: NULL stands for the defaults.
            let poller = Sock(unsafe { udsock_poller_create(ptr::null()) });
            assert_eq!(udsock_poller_add(poller.0, client.0, 1, 0), 0);
            let mut arena = vec![0_u8; 1 << 16];
            timer(&storm);
            let again = no(libc::EAGAIN);
            for _ in 0..3_000 {
                for (name, receive) in RECEIVES {
                    assert_eq!(receive(&client, 0), Err(again), "{name}, kind {kind}");
                }
                assert_eq!(server.accept(0).map(drop), Err(again), "kind {kind}");
                // SAFETY: numbers, of which all zero is an event; room for it and for bytes.
                let result = unsafe {
                    let mut event: udsock_event = std::mem::zeroed();
                    let place = arena.as_mut_ptr().cast();
                    udsock_poller_wait(poller.0, &mut event, 1, place, arena.len(), 0)
                };
                assert!([0, again].contains(&result), "{}", name_of(result));
            }
            timer(&calm);
        }
    });
}

#[test]
fn row_94_a_kernel_without_the_module_for_sock_diag() {
    // It would take a machine whose unix_diag is a module that was not loaded; tests/faults.rs
    // makes the query fail with ENOENT.
    const TEST: &str = "row_94_a_kernel_without_the_module_for_sock_diag";
    let modules = fs::read_to_string("/proc/modules").unwrap_or_default();
    match modules.lines().any(|line| line.starts_with("unix_diag ")) {
        true => skip(TEST, "the module is loaded here, and stays so"),
        false => skip(TEST, "this kernel has sock_diag built in, or none, and no module of it"),
    }
}

#[test]
fn row_95_a_pidfd_of_a_process_that_was_reaped() {
    const TEST: &str = "row_95_a_pidfd_of_a_process_that_was_reaped";
    in_child(|| {
        for kind in KINDS {
            let [one, other] = raw::pair(kind);
            if raw::set_option(other.as_raw_fd(), SO_PASSPIDFD, 1) != 0 {
                return skip(TEST, "this kernel has no SO_PASSPIDFD");
            }
            assert_eq!(in_fork(|| raw::send(&one, b"x", 0) == 1), 0);
            match receive(&other, ROOM, 0) {
                Ok(came) if came.has(SCM_PIDFD) => {
                    // The kernel hands out -errno in its place, or a pidfd.
                    let number = came.numbers(SCM_PIDFD).unwrap()[0];
                    let known = number >= 0 || [-libc::EINVAL, -libc::ESRCH].contains(&number);
                    assert!(known, "kind {kind}: {number}");
                    if number >= 0 {
                        drop(raw::own(number));
                    }
                }
                Ok(_) => {}
                Err(code) => assert!([no(libc::EINVAL), no(libc::ESRCH)].contains(&code)),
            }

            let (sender, receiver) = pair(kind);
            assert_eq!(udsock_set_option(receiver.0, UDSOCK_OPTION_RECEIVE_PIDFD, 1), 0);
            assert_eq!(in_fork(|| sender.send(b"x", 0) == 1), 0);
            let mut byte = 0_u8;
            let mut message = message();
            (message.data, message.data_capacity) = ((&raw mut byte).cast(), 1);
            // SAFETY: a message with room for a byte.
            let result = unsafe { udsock_recv_message(receiver.0, &mut message, LONG) };
            assert_eq!((result, byte), (1, b'x'), "kind {kind}: the message comes, whatever");
            match message.pidfd {
                1.. => drop(raw::own(message.pidfd)),
                code => assert!(code < 0, "kind {kind}: {code}"),
            }
        }
    });
}

/// Sends until it can't: what the last one said.
fn send_until_it_fails(mut send: impl FnMut() -> i64) -> i64 {
    loop {
        match send() {
            1 => {}
            code => return code,
        }
    }
}

#[test]
fn row_96_a_seqpacket_send_that_meets_the_close() {
    const TEST: &str = "row_96_a_seqpacket_send_that_meets_the_close";
    const ROUNDS: usize = 1_500;
    let refused = no(libc::ECONNREFUSED);
    let known = [no(libc::EPIPE), no(libc::EAGAIN), no(libc::ECONNRESET), refused];
    // Of what others start here a copy of a socket could live on for a moment.
    in_child(|| {
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        let mut count = 0;
        for _ in 0..ROUNDS {
            let [one, other] = raw::pair(UDSOCK_SEQPACKET);
            let closing = thread::spawn(move || drop(other));
            let last = send_until_it_fails(|| raw::send(&one, b"x", flags));
            closing.join().unwrap();
            assert!(known.contains(&last), "{}", name_of(last));
            count += usize::from(last == refused);
        }
        if count > 0 {
            skip(TEST, &format!("this kernel says ECONNREFUSED, {count} times of {ROUNDS}"));
        }
        for _ in 0..ROUNDS {
            let (one, other) = pair(UDSOCK_SEQPACKET);
            thread::scope(|scope| {
                scope.spawn(|| assert_eq!(other.close(), 0));
                let last = send_until_it_fails(|| one.send(b"x", 0));
                assert!(known.contains(&last), "{}", name_of(last));
            });
            // What was not read is told once, be it to a send.
            let told = [(); 2].map(|()| one.send(b"x", 0));
            assert!([no(libc::EPIPE), no(libc::ECONNRESET)].contains(&told[0]), "{told:?}");
            assert_eq!(told[1], no(libc::EPIPE), "from then on");
            assert_eq!(one.recv(0), Err(EOF), "nothing had been sent to it");
        }
    });
}

#[test]
fn row_97_options_of_unix_sockets_elsewhere() {
    // SAFETY: no pointers.
    let internet =
        raw::own(unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) });
    let result = raw::set_option(internet.as_raw_fd(), libc::SO_PASSCRED, 1);
    assert!([0, no(libc::EOPNOTSUPP)].contains(&result), "{}", name_of(result));
    let refusal = adopt(internet.as_raw_fd()).unwrap_err();
    assert_eq!(refusal.code, no(libc::EAFNOSUPPORT), "{refusal:?}");

    let [one, _other] = raw::pair(UDSOCK_STREAM);
    let mut label = [0_u8; 256];
    let mut size = label.len() as u32;
    // SAFETY: room of the size that is said.
    let result = raw::answer(unsafe {
        let (fd, place) = (one.as_raw_fd(), label.as_mut_ptr().cast());
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERSEC, place, &mut size)
    } as isize);
    assert!([0, no(libc::ENOPROTOOPT)].contains(&result), "{}", name_of(result));
    let (ours, _peer) = pair(UDSOCK_STREAM);
    let mut room = [0; 256];
    // SAFETY: room of the size that is said.
    let said = unsafe { udsock_peer_label(ours.0, room.as_mut_ptr(), room.len()) };
    match result {
        0 => assert!(said > 0, "{}", name_of(said)),
        _ => assert!(said < 0, "a label that there is not: {said}"),
    }
}

#[test]
fn row_98_figures_that_differ() {
    let most: i64 = fs::read_to_string("/proc/sys/net/core/wmem_max")
        .expect("proc is mounted")
        .trim()
        .parse()
        .expect("a number");
    let socket = create(UDSOCK_STREAM);
    let set = udsock_set_option(socket.0, UDSOCK_OPTION_SEND_BUFFER, 1 << 30);
    let holds = socket.option(UDSOCK_OPTION_SEND_BUFFER);
    assert!(set == 0 || holds < 1 << 30, "{}", name_of(set.into()));
    assert!(holds <= 2 * most, "what holds is told, not what was asked for: {holds}");

    // Names that the kernel picks: five hex digits, and no two alike.
    let names: Vec<_> = (0..20)
        .map(|_| {
            let socket = raw::socket(UDSOCK_DGRAM);
            assert_eq!(raw::bind(&socket, ""), 0);
            (raw::name(socket.as_raw_fd()), socket)
        })
        .collect();
    for (index, (name, _)) in names.iter().enumerate() {
        assert_eq!(name.len(), 6, "{name:?}");
        assert!(name[1..].iter().all(u8::is_ascii_hexdigit), "{name:?}");
        assert!(names[..index].iter().all(|(other, _)| other != name));
    }
    let picked = open_datagram(Some("@"));
    let name = picked.local_address().unwrap();
    assert_eq!(open_datagram(None).send_to(b"x", &name, 0), 1);
    assert_eq!(picked.recv(LONG).unwrap(), b"x");
}

#[test]
fn row_99_memory_that_is_wiped_on_fork() {
    const TEST: &str = "row_99_memory_that_is_wiped_on_fork";
    in_child(|| {
        let (access, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a page of our own.
        unsafe {
            let page = libc::mmap(ptr::null_mut(), 4096, access, flags, -1, 0).cast::<u8>();
            if libc::madvise(page.cast(), 4096, -1) == 0 {
                return skip(TEST, "an emulator: it says yes to any advice, and may do nothing");
            }
            assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EINVAL));
            assert_eq!(libc::madvise(page.cast(), 4096, libc::MADV_WIPEONFORK), 0);
            page.write(7);
            assert_eq!(in_fork(|| page.read() == 0), 0, "wiped in the child");
            assert_eq!(page.read(), 7);
        }
        // What the library keeps there: whose files they are.
        let dir = Dir::new();
        let server = open_server(UDSOCK_STREAM, &dir.path("s"));
        assert_eq!(in_fork(|| server.close() == 0), 0);
        assert_eq!(dir.list(), ["s"]);
    });
}
