//! Python's `send_fds` and `recv_fds`, Go's `WriteMsgUnix` and `ReadMsgUnix`: descriptors
//! to them and from them, and who sent it.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::calls::*;
use crate::peer::{GUARD_MS, Peer, Start, build_go};
use support::*;

const ALL: [(u32, &str); 3] =
    [(UDSOCK_STREAM, "stream"), (UDSOCK_DGRAM, "dgram"), (UDSOCK_SEQPACKET, "seqpacket")];

fn source(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages/peers").join(file);
    path.into_os_string().into_string().expect("UTF-8")
}

fn python(arguments: &[&str]) -> Peer {
    Peer::start(Command::new("python3").arg(source("passing.py")).args(arguments))
}

fn go(arguments: &[&str]) -> Peer {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    Peer::start(
        Command::new(PROGRAM.get_or_init(|| build_go("passing-in-go", &source("passing.go"))))
            .args(arguments),
    )
}

/// A server, and a peer that calls it.
struct Meeting {
    dir: Dir,
    kind: u32,
    server: Sock,
    peer: Peer,
    /// The server's end of the connection, once the peer has said something.
    connection: Option<Sock>,
}

impl Meeting {
    fn new(start: Start, role: &str, (kind, name): (u32, &str), files: usize) -> Self {
        let dir = Dir::new();
        let server = open_server(kind, &dir.path("server.sock"));
        take_descriptors(&server);
        tell_senders(&server);
        let (address, local) = (dir.path("server.sock"), dir.path("peer.sock"));
        let mut arguments = vec![role.to_owned(), name.to_owned(), address, local];
        for index in 0..files {
            let path = dir.path(&format!("file-{index}"));
            fs::write(&path, format!("file {index}")).unwrap();
            arguments.push(path);
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let peer = start(&arguments);
        Self { dir, kind, server, peer, connection: None }
    }

    fn receive(&mut self) -> Came {
        if self.kind == UDSOCK_DGRAM {
            return recv_message(&self.server, ENOUGH, GUARD_MS).unwrap();
        }
        let connection = self.server.accept(GUARD_MS).unwrap();
        recv_message(self.connection.insert(connection), ENOUGH, GUARD_MS).unwrap()
    }

    fn answer(&self, data: &[u8], descriptors: &[i32]) {
        let result = match &self.connection {
            Some(connection) => send_message(connection, data, descriptors, GUARD_MS),
            None => {
                let post = (data, descriptors);
                send_message_to(&self.server, post, &self.dir.path("peer.sock"), GUARD_MS)
            }
        };
        assert_eq!(result, data.len() as i64, "{}", name_of(result));
    }

    /// What the peer printed.
    fn said(self) -> String {
        String::from_utf8(self.peer.finish()).expect("UTF-8")
    }
}

fn they_give(start: Start) {
    for kind in ALL {
        for count in [1, 3, MOST] {
            let mut meeting = Meeting::new(start, "give", kind, count);
            let came = meeting.receive();
            assert_eq!((&came.data[..], came.flags), (&b"take these"[..], 0), "{kind:?}");
            assert_eq!(came.descriptors.len(), count, "{kind:?}");
            for (index, descriptor) in came.descriptors.into_iter().enumerate() {
                let mut content = String::new();
                File::from(descriptor).read_to_string(&mut content).unwrap();
                assert_eq!(content, format!("file {index}"), "{kind:?}");
            }
            assert_eq!(meeting.said(), "");
        }
    }
}

fn they_take(start: Start) {
    for kind in ALL {
        for count in [1, 3, MOST] {
            let mut meeting = Meeting::new(start, "take", kind, count);
            assert_eq!(meeting.receive().data, b"hello", "{kind:?}");
            let path = |index: usize| meeting.dir.path(&format!("file-{index}"));
            let files: Vec<_> = (0..count).map(|index| File::open(path(index)).unwrap()).collect();
            let passed: Vec<_> = files.iter().map(AsRawFd::as_raw_fd).collect();
            meeting.answer(b"these are for you", &passed);
            let contents: String = (0..count).map(|index| format!("file {index}\n")).collect();
            assert_eq!(meeting.said(), format!("these are for you\n{contents}"), "{kind:?}");
        }
    }
}

fn both_are_told_who_sent_it(start: Start) {
    for kind in ALL {
        let mut meeting = Meeting::new(start, "who", kind, 0);
        let came = meeting.receive();
        let (pid, uid, gid) = came.sender;
        let me = myself();
        assert_eq!((&came.data[..], uid, gid), (&b"hello"[..], me.1, me.2), "{kind:?}");
        // It is a child of this process, or of a script that starts it.
        assert!(pid > 0 && pid != me.0, "{kind:?}");
        assert!(Path::new(&format!("/proc/{pid}")).exists(), "it waits for its answer");
        meeting.answer(b"it is me", &[]);
        assert_eq!(meeting.said(), format!("it is me\n{} {} {}\n", me.0, me.1, me.2), "{kind:?}");
    }
}

#[test]
fn python_gives_descriptors() {
    if has("python_gives_descriptors", "python3") {
        they_give(python);
    }
}

#[test]
fn python_takes_descriptors() {
    if has("python_takes_descriptors", "python3") {
        they_take(python);
    }
}

#[test]
fn python_and_we_are_told_who_sent_it() {
    if has("python_and_we_are_told_who_sent_it", "python3") {
        both_are_told_who_sent_it(python);
    }
}

#[test]
fn go_gives_descriptors() {
    if has("go_gives_descriptors", "go") {
        they_give(go);
    }
}

#[test]
fn go_takes_descriptors() {
    if has("go_takes_descriptors", "go") {
        they_take(go);
    }
}

#[test]
fn go_and_we_are_told_who_sent_it() {
    if has("go_and_we_are_told_who_sent_it", "go") {
        both_are_told_who_sent_it(go);
    }
}
