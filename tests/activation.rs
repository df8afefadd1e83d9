//! Sockets that a service manager opened and passed on: as sd_listen_fds(3) has it.

use support::{peer, process, raw};

#[path = "activation/launch.rs"]
mod launch;
#[path = "activation/names.rs"]
mod names;
#[path = "activation/systemd.rs"]
mod systemd;
#[path = "activation/variables.rs"]
mod variables;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::Command;
use std::sync::Barrier;
use std::{ptr, thread};

use launch::*;
use support::*;

/// What the call says with room for so many.
fn try_activated(capacity: usize) -> Result<Vec<Sock>, Refusal> {
    let mut handles = vec![-1; capacity];
    let mut err = error();
    // SAFETY: room for as many, and an error.
    let result = unsafe { udsock_activated(handles.as_mut_ptr(), capacity, &mut err) };
    let Ok(count) = usize::try_from(result) else {
        assert_eq!(i64::from(err.code), result, "the error tells the same code");
        assert!(handles.iter().all(|handle| *handle == -1), "outputs are for success");
        return Err(Refusal { code: result, message: message_of(&err) });
    };
    let unused = handles.split_off(count);
    assert!(unused.iter().all(|handle| *handle == -1), "only {count} are written");
    Ok(handles.into_iter().map(Sock).collect())
}

/// As many sockets as the test passes.
fn activated<const N: usize>() -> [Sock; N] {
    try_activated(N + 1).unwrap().try_into().expect("as many as were passed")
}

fn nothing_is_activated() {
    assert!(try_activated(8).unwrap().is_empty());
}

fn name(socket: &Sock) -> Result<String, i64> {
    let mut buffer = [0; 256];
    // SAFETY: room for as many bytes.
    let result = unsafe { udsock_activated_name(socket.0, buffer.as_mut_ptr(), buffer.len()) };
    let length = usize::try_from(result).map_err(|_| result)?;
    // SAFETY: written by the call, which succeeded.
    let name = unsafe { std::ffi::CStr::from_ptr(buffer.as_ptr()) };
    assert_eq!(name.count_bytes(), length);
    Ok(name.to_str().expect("UTF-8").to_owned())
}

/// Servers at paths of these names.
fn servers(dir: &Dir, names: &[&str]) -> Vec<OwnedFd> {
    names.iter().map(|name| raw::server(UDSOCK_STREAM, &dir.path(name))).collect()
}

/// A client of the server is served.
fn serves(server: &Sock) {
    let client = open_client(UDSOCK_STREAM, &server.local_address().unwrap());
    let peer = server.accept(0).expect("it has connected");
    assert_eq!(client.send(b"hello", 0), 5);
    assert_eq!(peer.recv(0), Ok(b"hello".to_vec()));
}

/// Whether a child of this process gets one of the variables, or a descriptor from 3 on.
fn a_child_inherits_something() -> bool {
    let looks = r#"
        [ -n "${LISTEN_PID+set}${LISTEN_FDS+set}${LISTEN_FDNAMES+set}" ] && exit 10
        [ -e /proc/$$/fd/3 ] || [ -e /proc/$$/fd/4 ] && exit 10
        exit 0
    "#;
    let status = Command::new("sh").args(["-c", looks]).status().expect("there is a shell");
    match status.code() {
        Some(0) => false,
        Some(10) => true,
        _ => panic!("{status}"),
    }
}

fn close_on_exec(numbers: impl IntoIterator<Item = i32>) -> Vec<bool> {
    numbers.into_iter().map(raw::is_close_on_exec).collect()
}

#[test]
fn servers_of_every_kind() {
    let starts = |dir: &Dir| {
        let server = |kind: u32| raw::server(kind, &dir.path(&kind.to_string()));
        vec![passing(KINDS.map(server))]
    };
    activate(starts, || {
        let sockets: [Sock; 3] = activated();
        for (socket, kind) in sockets.iter().zip(KINDS) {
            let address = socket.local_address().unwrap();
            assert!(address.ends_with(&format!("/{kind}")), "in their order: {address}");
            assert_eq!(socket.option(UDSOCK_OPTION_KIND), kind.into());
            let client = open_client(kind, &address);
            assert_eq!(client.send(b"hello", 0), 5);
            if kind == UDSOCK_DGRAM {
                assert_eq!(socket.option(UDSOCK_OPTION_LISTENING), 0);
                assert_eq!(socket.recv(0), Ok(b"hello".to_vec()));
            } else {
                assert_eq!(socket.option(UDSOCK_OPTION_LISTENING), 1);
                let peer = socket.accept(0).expect("a client has come");
                assert_eq!(peer.recv(0), Ok(b"hello".to_vec()));
                assert_eq!(socket.accept(0).unwrap_err(), no(libc::EAGAIN), "and no other");
            }
        }
    });
}

/// As with Accept=yes.
#[test]
fn connections_of_every_kind() {
    let starts = |_: &Dir| KINDS.map(|kind| passing(raw::pair(kind))).into();
    activate(starts, || {
        let [one, other] = activated();
        assert_eq!(one.send(b"hello", 0), 5);
        assert_eq!(other.recv(0), Ok(b"hello".to_vec()));
        assert_eq!(one.option(UDSOCK_OPTION_LISTENING), 0);
    });
}

/// Sockets of other families, a pipe and a file: close-on-exec, and else as they were.
#[test]
fn other_descriptors_are_left_alone() {
    let starts = |dir: &Dir| {
        let [reader, writer] = raw::pipe();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let file = File::create_new(dir.path("file")).unwrap();
        let [first, second] = [servers(dir, &["first"]), servers(dir, &["second"])];
        let all = [vec![tcp.into()], first, vec![reader, writer], second, vec![file.into()]];
        vec![passing(all.into_iter().flatten()).with("LISTEN_FDNAMES", "t:first:r:w:second:f")]
    };
    activate(starts, || {
        let [first, second] = activated();
        assert_eq!([first.fd(), second.fd()], [4, 7]);
        assert_eq!(name(&first), Ok("first".into()));
        assert_eq!(name(&second), Ok("second".into()));
        assert_eq!(close_on_exec(3..9), [true; 6]);
        assert!((3..9).all(|number| number == 4 || number == 7 || !raw::is_nonblocking(number)));

        // SAFETY: they were passed to this process, and nobody else has them.
        let [tcp, reader, writer, file] =
            [3, 5, 6, 8].map(|number| unsafe { OwnedFd::from_raw_fd(number) });
        let address = TcpListener::from(tcp).local_addr().unwrap();
        assert!(address.ip().is_loopback());
        File::from(writer).write_all(b"through the pipe").unwrap();
        let mut came = [0; 16];
        File::from(reader).read_exact(&mut came).unwrap();
        assert_eq!(&came, b"through the pipe");
        File::from(file).write_all(b"into the file").unwrap();
    });
}

/// Only others, and none at all.
#[test]
fn without_a_unix_socket_there_are_none() {
    let starts = |_: &Dir| vec![passing(raw::pipe()), passing::<OwnedFd>([])];
    activate(starts, || {
        nothing_is_activated();
        assert_eq!(launch::variables(), [""; 0]);
    });
}

#[test]
fn once() {
    let starts =
        |dir: &Dir| vec![passing(servers(dir, &["a", "b"])).with("LISTEN_FDNAMES", "web:admin")];
    activate(starts, || {
        assert_eq!(launch::variables(), VARIABLES);
        let [web, admin] = activated();
        assert_eq!(launch::variables(), [""; 0]);
        nothing_is_activated();
        assert_eq!([name(&web), name(&admin)], [Ok("web".into()), Ok("admin".into())]);
        serves(&web);
        serves(&admin);
        assert_eq!([web.close(), admin.close()], [0; 2]);
        nothing_is_activated();
    });
}

#[test]
fn threads_that_ask_at_once_share_them() {
    let starts = |dir: &Dir| vec![passing(servers(dir, &["a", "b", "c"]))];
    activate(starts, || {
        let together = Barrier::new(8);
        let counts: Vec<usize> = thread::scope(|scope| {
            let ask = || {
                together.wait();
                try_activated(3).unwrap().len()
            };
            let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(counts.iter().filter(|count| **count == 3).count(), 1, "{counts:?}");
        assert_eq!(counts.iter().sum::<usize>(), 3);
    });
}

#[test]
fn children_inherit_nothing() {
    let starts = |dir: &Dir| vec![passing(servers(dir, &["a", "b"])).with("LISTEN_FDNAMES", "a:b")];
    activate(starts, || {
        assert_eq!(close_on_exec(3..5), [false; 2]);
        assert!(a_child_inherits_something());
        let _servers: [Sock; 2] = activated();
        assert_eq!(close_on_exec(3..5), [true; 2]);
        assert!(!a_child_inherits_something());
    });
}

/// Between fork and exec the variables still are the parent's.
#[test]
fn a_forked_child_is_not_meant() {
    let starts = |dir: &Dir| vec![passing(servers(dir, &["a"]))];
    activate(starts, || {
        let status = process::in_fork(|| try_activated(1).is_ok_and(|sockets| sockets.is_empty()));
        assert_eq!(status, 0);
        let [server] = activated();
        serves(&server);
    });
}

/// At exit, too, as after every test here.
#[test]
fn the_files_stay() {
    let starts = |dir: &Dir| vec![passing(servers(dir, &["closed", "cleaned", "left"]))];
    activate(starts, || {
        let [closed, cleaned, left] = activated();
        let path = closed.local_address().unwrap();
        assert_eq!(closed.close(), 0);
        assert!(fs::exists(path).unwrap());
        assert_eq!(udsock_cleanup(), 0);
        assert!(fs::exists(cleaned.local_address().unwrap()).unwrap());
        std::mem::forget(left);
    });
}

#[test]
fn too_little_room_changes_nothing() {
    let starts = |dir: &Dir| {
        let three = || servers(dir, &["a", "b", "c"]);
        let [reader, _] = raw::pipe();
        let among_others = three().into_iter().chain([reader]);
        vec![passing(among_others).with("LISTEN_FDNAMES", "a:b:c:pipe")]
    };
    activate(starts, || {
        let before = open_descriptors();
        for capacity in [0, 1, 2] {
            let refusal = try_activated(capacity).unwrap_err();
            assert_eq!(refusal.code, no(libc::ERANGE));
        }
        // SAFETY: NULL is no room, and no error is wanted.
        let result = unsafe { udsock_activated(ptr::null_mut(), 0, ptr::null_mut()) };
        assert_eq!(result, no(libc::ERANGE));
        assert_eq!(launch::variables(), VARIABLES);
        assert_eq!(close_on_exec(3..7), [false; 4]);
        assert_eq!(open_descriptors(), before);

        let sockets = try_activated(3).expect("the pipe takes no room");
        assert_eq!(
            sockets.iter().map(name).collect::<Vec<_>>(),
            ["a", "b", "c"].map(|n| Ok(n.into()))
        );
        sockets.iter().for_each(serves);
    });
}

#[test]
fn arguments_that_make_no_sense_change_nothing() {
    let starts = |dir: &Dir| vec![passing(servers(dir, &["a"]))];
    activate(starts, || {
        let mut err = error();
        // SAFETY: none of them is room, which the call has to see.
        unsafe {
            assert_eq!(udsock_activated(ptr::null_mut(), 1, &mut err), no(libc::EINVAL));
            let place = ptr::dangling_mut();
            assert_eq!(udsock_activated(place, usize::MAX, &mut err), no(libc::EINVAL));
            assert_eq!(udsock_activated(place, usize::MAX / 8 + 2, &mut err), no(libc::EINVAL));
        }
        assert_eq!(launch::variables(), ["LISTEN_PID", "LISTEN_FDS"]);
        assert_eq!(close_on_exec([FIRST]), [false]);
        let [server] = activated();
        serves(&server);
    });
}

/// Outside of any service manager.
#[test]
fn nothing_needs_no_room() {
    let starts = |_: &Dir| vec![passing::<OwnedFd>([]).without("LISTEN_PID").without("LISTEN_FDS")];
    activate(starts, || {
        // SAFETY: NULL is no room, and no error is wanted.
        assert_eq!(unsafe { udsock_activated(ptr::null_mut(), 0, ptr::null_mut()) }, 0);
        nothing_is_activated();
    });
}

/// One that the program has taken by itself before: all of them or none.
#[test]
fn one_that_cannot_be_taken_leaves_all() {
    let starts = |dir: &Dir| vec![passing(servers(dir, &["a", "b", "c"]))];
    activate(starts, || {
        let mine = adopt(4).expect("a socket");
        let refusal = try_activated(3).unwrap_err();
        assert_eq!(refusal.code, no(libc::EEXIST), "{}", refusal.message);
        assert_eq!(mine.close(), 0);
        for number in [3, 5] {
            assert!(!raw::is_nonblocking(number));
            serves(&adopt(number).expect("it is nobody's"));
        }
    });
}

#[test]
fn a_released_descriptor_is_as_it_came() {
    let starts = |dir: &Dir| vec![passing(servers(dir, &["a"]))];
    activate(starts, || {
        let [server] = activated();
        serves(&server);
        let number = server.release();
        assert_eq!(number, FIRST);
        assert!(!raw::is_nonblocking(number));
        let again = adopt(number).expect("a socket");
        assert_eq!(name(&again), Err(no(libc::ENODATA)), "the name was the handle's");
    });
}
