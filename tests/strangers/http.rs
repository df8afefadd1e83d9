//! As much HTTP/1.1 as it takes to talk to those who speak all of it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::thread;

use crate::peer::GUARD_MS;
use support::*;

/// A socket of ours as a Rust stream.
pub struct Wire<'a>(pub &'a Sock);

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.recv_into(buffer, GUARD_MS) {
            EOF => Ok(0),
            result => count(result),
        }
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        count(self.0.send(data, GUARD_MS))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn count(result: i64) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::other(name_of(result)))
}

/// The next message: its first line and its body. `None`: the peer has ended.
fn read(from: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).unwrap() == 0 {
            assert_eq!(head, "", "ended within a head");
            return None;
        }
    }
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().expect("a length"));
    let mut body = vec![0; length];
    from.read_exact(&mut body).unwrap();
    Some((head.lines().next().unwrap_or_default().to_owned(), body))
}

fn write(to: &mut impl Write, first_line: &str, body: &[u8]) {
    let length = body.len();
    let head = format!("{first_line}\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    to.write_all(&[head.as_bytes(), body].concat()).unwrap();
}

/// The body of the answer; the connection can be used again.
pub fn request<S: Read + Write>(
    connection: &mut BufReader<S>,
    method: &str,
    path: &str,
    body: &[u8],
) -> Vec<u8> {
    write(connection.get_mut(), &format!("{method} {path} HTTP/1.1"), body);
    let (status, body) = read(connection).expect("an answer");
    assert!(status.starts_with("HTTP/1.1 200 "), "{status}");
    body
}

#[derive(Default)]
pub struct Served {
    pub connections: usize,
    pub requests: usize,
}

/// A server that answers GET with "hello from" and the path, and everything else with
/// what it got; one connection after the other, each until the client ends it.
pub fn while_serving(address: &str, test: impl FnOnce()) -> Served {
    let server = open_server(UDSOCK_STREAM, address);
    thread::scope(|scope| {
        let serving = scope.spawn(|| serve(&server));
        test();
        assert_eq!(server.close(), 0);
        serving.join().unwrap()
    })
}

fn serve(server: &Sock) -> Served {
    let mut served = Served::default();
    loop {
        let client = match server.accept(GUARD_MS) {
            Ok(client) => client,
            Err(code) => {
                assert!(code == CLOSED || code == no(libc::EBADF), "{}", name_of(code));
                return served;
            }
        };
        served.connections += 1;
        let mut connection = BufReader::new(Wire(&client));
        while let Some((request, body)) = read(&mut connection) {
            served.requests += 1;
            let mut words = request.split(' ');
            let (method, path) = (words.next(), words.next().unwrap_or_default());
            let hello = format!("hello from {path}").into_bytes();
            let answer = if method == Some("GET") { hello } else { body };
            write(connection.get_mut(), "HTTP/1.1 200 OK", &answer);
        }
    }
}
