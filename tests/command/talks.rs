//! connect and serve, with each other and with the library.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::built::{Said, command, run, run_with, udsock};
use support::*;

const LONG: Duration = Duration::from_secs(30);

/// One that runs, with its lines as they come. It ends with its owner.
struct Running {
    child: Child,
    input: ChildStdin,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let input = child.stdin.take().unwrap();
        let out = lines(child.stdout.take().unwrap());
        let err = lines(child.stderr.take().unwrap());
        Self { child, input, out, err }
    }

    fn serve(options: &[&str], address: &str) -> Self {
        let server = Self::start(&[&["serve"], options, &[address]].concat());
        assert!(server.says().starts_with("* serving at "));
        server
    }

    fn write(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    /// The next line of standard output.
    fn shows(&self) -> String {
        self.out.recv_timeout(LONG).expect("a line")
    }

    /// The next line of standard error.
    fn says(&self) -> String {
        self.err.recv_timeout(LONG).expect("a line")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // (timeout(1) hands it on, and would not be able to with SIGKILL.)
        // SAFETY: a child of ours, which nobody has waited for.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGTERM) };
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

#[test]
fn of_messages_each_is_a_line_and_empty_ones_too() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = Running::serve(&["--kind", "seqpacket", "--echo"], &path);
    let said = run_with(&["connect", &path], "hello\n\nworld\n");
    assert_eq!((said.code, said.out.as_str()), (Some(0), "hello\n\nworld\n"), "{}", said.err);
    assert_eq!([server.shows(), server.shows(), server.shows()], ["hello", "", "world"]);
    assert!(server.says().starts_with("* client 1: pid "));
    assert_eq!(server.says(), "* client 1 has ended");
}

/// It is never cut in two.
#[test]
fn a_line_that_is_too_long_for_a_message_is_an_error() {
    const MOST: usize = 1 << 16;
    let dir = Dir::new();
    let path = dir.path("s");
    let server = Running::serve(&["--kind", "seqpacket"], &path);
    for (length, code) in [(MOST, 0), (MOST + 1, 3)] {
        let said = run_with(&["connect", &path], &("a".repeat(length) + "\nend\n"));
        assert_eq!(said.code, Some(code), "{length}: {}", said.err);
        assert_eq!(
            said.err.contains("a line has more than 65536 bytes"),
            code == 3,
            "{}",
            said.err
        );
    }
    assert_eq!([server.shows().len(), server.shows().len()], [MOST, "end".len()]);
    assert!(server.out.recv_timeout(Duration::from_millis(50)).is_err(), "no other message");
    let unreadable = command(&["connect", &path])
        .stdin(std::fs::File::open("/").unwrap())
        .output()
        .expect("it runs");
    assert_eq!(unreadable.status.code(), Some(3), "{unreadable:?}");
}

/// What does not fit is cut, and no byte is shown or sent back that did not come.
#[test]
fn a_message_that_is_too_long_is_cut() {
    const MOST: usize = 1 << 16;
    let dir = Dir::new();
    for (kind, name) in [(UDSOCK_SEQPACKET, "seqpacket"), (UDSOCK_DGRAM, "dgram")] {
        let path = dir.path(name);
        let server = Running::serve(&["-k", name, "--echo"], &path);
        let client = match kind {
            UDSOCK_DGRAM => open_datagram(Some("@")),
            _ => open_client(kind, &path),
        };
        let sent = match kind {
            UDSOCK_DGRAM => client.send_to(&[b'a'; 150_000], &path, 0),
            _ => client.send(&[b'a'; 150_000], 0),
        };
        assert_eq!(sent, 150_000);
        assert!(server.says().starts_with("* "));
        assert_eq!(server.says(), "* the rest of this message is cut:");
        assert!(server.shows() == "a".repeat(MOST));
        let mut answer = vec![0; 200_000];
        assert_eq!(client.recv_into(&mut answer, 20_000), MOST as i64);
    }
}

#[test]
fn a_stream_s_bytes_are_what_they_are() {
    let dir = Dir::new();
    let path = dir.path("s");
    let _server = Running::serve(&["-e"], &path);
    let much: String = (0..60_000).map(|number| format!("{number}\n")).collect();
    let said = run_with(&["connect", &path], &much);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out == much, "{} bytes of {}", said.out.len(), much.len());
}

#[test]
fn datagrams_are_answered() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = Running::serve(&["-k", "dgram", "-e"], &path);
    let said = run_with(&["connect", "-t", "300", &path], "ask\n\n");
    assert_eq!((said.code, said.out.as_str()), (Some(0), "ask\n\n"), "{}", said.err);
    assert_eq!([server.shows(), server.shows()], ["ask", ""]);
    let said = server.says();
    assert!(said.starts_with("* from @"), "{said}");
}

#[test]
fn who_serves_can_answer_by_hand() {
    let dir = Dir::new();
    for (kind, name) in [(UDSOCK_STREAM, "stream"), (UDSOCK_SEQPACKET, "seqpacket")] {
        let path = dir.path(name);
        let mut server = Running::serve(&["-k", name], &path);
        let client = open_client(kind, &path);
        assert_eq!(client.send(b"question\n", 0), 9);
        assert!(server.shows().starts_with("question"));
        server.write("answer\n");
        let answer = client.recv(20_000).unwrap();
        let expected: &[u8] = if kind == UDSOCK_STREAM { b"answer\n" } else { b"answer" };
        assert_eq!(answer, expected);
    }
    let path = dir.path("dgram");
    let mut server = Running::serve(&["-k", "dgram"], &path);
    let asks = open_datagram(Some("@"));
    assert_eq!(asks.send_to(b"question", &path, 0), 8);
    assert_eq!(server.shows(), "question");
    server.write("answer\n");
    assert_eq!(asks.recv(20_000).unwrap(), b"answer");
}

/// Whoever types a line holds up nobody.
#[test]
fn a_line_that_has_no_end_yet_does_not_stop_the_server() {
    let dir = Dir::new();
    for (kind, name) in [(UDSOCK_STREAM, "stream"), (UDSOCK_SEQPACKET, "seqpacket")] {
        let path = dir.path(name);
        let mut server = Running::serve(&["-k", name], &path);
        server.write(if kind == UDSOCK_STREAM { "" } else { "ans" });
        let client = open_client(kind, &path);
        assert_eq!(client.send(b"question\n", 0), 9);
        assert!(server.shows().starts_with("question"));
        server.write(if kind == UDSOCK_STREAM { "answer" } else { "wer\n" });
        assert_eq!(client.recv(20_000).unwrap(), b"answer");
    }
}

/// As a program makes it that shares the pipe.
#[test]
fn an_input_that_does_not_block_is_waited_for() {
    let dir = Dir::new();
    for name in ["stream", "seqpacket"] {
        let path = dir.path(name);
        let _server = Running::serve(&["-k", name, "--echo"], &path);
        let (input, mut writer) = pipe();
        // SAFETY: a descriptor of ours, and no pointer.
        unsafe { libc::fcntl(input.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        let client = command(&["connect", &path])
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        thread::sleep(Duration::from_millis(200));
        writer.write_all(b"hel").unwrap();
        thread::sleep(Duration::from_millis(50));
        writer.write_all(b"lo\n").unwrap();
        drop(writer);
        let said = Said::from(client.wait_with_output().expect("it ends"));
        assert_eq!((said.code, said.out.as_str()), (Some(0), "hello\n"), "{}", said.err);
    }
}

#[test]
fn descriptors_and_credentials_are_shown() {
    let dir = Dir::new();
    let path = dir.path("s");
    std::fs::write(dir.path("file"), "").unwrap();
    let server = Running::serve(&["-k", "seqpacket", "-c"], &path);
    let said = run_with(&["connect", "--send-fd", &dir.path("file"), &path], "here\nmore\n");
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(server.says().starts_with("* client 1: pid "));
    assert!(server.says().starts_with("* from pid "));
    let shown = server.says();
    assert!(
        shown.starts_with(&format!("* a descriptor: {}, mode 100", dir.path("file"))),
        "{shown}"
    );
    assert!(server.says().starts_with("* from pid "));
    assert_eq!([server.shows(), server.shows()], ["here", "more"]);
    assert_eq!(server.says(), "* client 1 has ended");
}

#[test]
fn what_is_no_text_is_escaped_unless_it_is_to_be_raw() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = Running::serve(&["-k", "seqpacket"], &path);
    let client = open_client(UDSOCK_SEQPACKET, &path);
    assert_eq!(client.send(b"\x1b[31m\\\n\0", 0), 8);
    assert_eq!(server.shows(), "\\x1b[31m\\\\\\x0a\\x00");
    drop(server);
    let server = Running::serve(&["-k", "seqpacket", "--raw"], &path);
    let client = open_client(UDSOCK_SEQPACKET, &path);
    assert_eq!((client.send(b"a\\b", 0), client.send(b"c\n", 0)), (3, 2));
    assert_eq!(server.shows(), "a\\bc");
}

#[test]
fn nobody_there_is_1_and_a_server_that_is_in_the_way_3() {
    let dir = Dir::new();
    let path = dir.path("s");
    let said = run(&["connect", &path]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("No such file or directory"), "{said:?}");
    let first = Running::serve(&[], &path);
    let said = run(&["serve", &path]);
    assert_eq!(said.code, Some(3));
    assert!(said.err.contains("a live stream server is there"), "{said:?}");
    let _second = Running::serve(&["--replace"], &path);
    drop(first);
    assert_eq!(run(&["inspect", &path]).code, Some(0));
}

#[test]
fn a_signal_leaves_no_file_and_a_mode_is_what_was_asked_for() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = Running::serve(&["--mode", "600"], &path);
    let said = run(&["inspect", &path]);
    assert!(said.out.contains("mode 0600"), "{said:?}");
    drop(server);
    assert_eq!(dir.list(), [""; 0]);
    // Nor does one that ends a client which has a file.
    let server = Running::serve(&["--echo"], &path);
    let mut client = Running::start(&["connect", "--local", &dir.path("client"), &path]);
    client.write("hello\n");
    assert_eq!(client.shows(), "hello");
    assert_eq!(dir.list(), ["client", "s"]);
    drop(client);
    assert_eq!(dir.list(), ["s"]);
    drop(server);
}

#[test]
fn a_client_waits_for_a_server_that_comes_later() {
    let dir = Dir::new();
    let path = dir.path("later");
    let client = {
        let path = path.clone();
        thread::spawn(move || run_with(&["connect", "--retry", "-t", "30000", &path], "hello\n"))
    };
    thread::sleep(Duration::from_millis(200));
    let _server = Running::serve(&["--echo"], &path);
    let said = client.join().unwrap();
    assert_eq!((said.code, said.out.as_str()), (Some(0), "hello\n"), "{}", said.err);
}

#[test]
fn a_server_that_never_comes_is_nobody_and_0_waits_for_nobody() {
    let dir = Dir::new();
    let path = dir.path("never");
    let name = format!("@udsock-never-{}", std::process::id());
    for address in [&path, &name] {
        for arguments in [&["--retry", "-t", "50"][..], &["--retry", "-t", "0"], &["-t", "0"]] {
            let said = run(&[&["connect"], arguments, &[address.as_str()]].concat());
            assert_eq!(said.code, Some(1), "{arguments:?}: {said:?}");
        }
    }
    // Somebody is there, who has no time.
    let full = udsock_bind_options { backlog: 1, ..bind_options() };
    let _server = try_open_server(UDSOCK_STREAM, &path, Some(&full)).unwrap();
    let _queue = [0, 1].map(|_| open_client(UDSOCK_STREAM, &path));
    for timeout in ["0", "50"] {
        let said = run(&["connect", "--retry", "-t", timeout, &path]);
        assert_eq!(said.code, Some(3), "{timeout}: {said:?}");
    }
}

/// Who sends and does not read holds up nobody else.
#[test]
fn a_rude_client_does_not_stop_the_others() {
    let dir = Dir::new();
    let path = dir.path("s");
    let _server = Running::serve(&["--echo"], &path);
    let rude = open_client(UDSOCK_STREAM, &path);
    for _ in 0..64 {
        if rude.send(&[b'x'; 65_536], 100) < 0 {
            break;
        }
    }
    let said = run_with(&["connect", &path], "hello\n");
    assert_eq!((said.code, said.out.as_str()), (Some(0), "hello\n"), "{}", said.err);
}

#[test]
fn a_standard_stream_that_is_closed_or_full_is_told_of_and_is_no_socket() {
    let dir = Dir::new();
    let path = dir.path("s");
    let server = Running::serve(&["--echo"], &path);
    let (closed, full) = (Some("Bad file descriptor"), Some("No space left on device"));
    // Of what it said itself, or what came, nothing is sent to the server.
    for (stream, sends, error) in [
        ("<&-", false, closed),
        (">&-", true, closed),
        ("2>&-", true, None),
        (">/dev/full", true, full),
    ] {
        let script = format!("echo hello | timeout 60 \"$0\" connect \"$1\" {stream}");
        let said = Command::new("sh").args(["-c", &script]).arg(udsock()).arg(&path).output();
        let said = Said::from(said.expect("a shell"));
        assert!(server.says().starts_with("* client "), "{stream}");
        if sends {
            assert_eq!(server.shows(), "hello", "{stream}");
        }
        let end = server.says();
        assert!(end.contains("has ended"), "{stream}: {end}");
        match error {
            Some(error) => {
                assert!(said.code == Some(3) && said.err.contains(error), "{stream}: {said:?}");
            }
            None => assert_eq!((said.code, said.out.as_str()), (Some(0), "hello\n"), "{stream}"),
        }
    }
    drop(server);
    // And a server leaves no file.
    let script = "timeout 60 \"$0\" serve \"$1\" >/dev/full 2>&-";
    let server = Command::new("sh").args(["-c", script]).arg(udsock()).arg(&path).spawn();
    let said = run_with(&["connect", "--retry", "-t", "30000", &path], "hello\n");
    assert_eq!(server.expect("a shell").wait().expect("it is ours").code(), Some(3), "{said:?}");
    assert_eq!(dir.list(), [""; 0]);
}
