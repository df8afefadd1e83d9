//! What the programs serve, and the polite clients that find out whether they do.

use std::time::Instant;

use crate::running::HANG;
use support::*;

#[derive(Clone, Copy, Debug)]
pub enum Service {
    /// Streams.
    Echo {
        /// It serves many at once.
        at_once: bool,
    },
    /// Streams, many at once; its arguments say what it is to be, and where.
    EchoAt,
    /// Datagrams, a feed and questions (docs/asyncio.md).
    Board,
    /// Seqpackets (bindings/cpp/examples/chat.cpp).
    Chat,
    /// Datagrams (docs/node-datagrams.md).
    Reports,
}

/// Milliseconds, against a hang only.
fn patience() -> i32 {
    i32::try_from(HANG.as_millis()).unwrap()
}

fn join(kind: u32, address: &str) -> Sock {
    let options =
        udsock_connect_options { flags: UDSOCK_RETRY, timeout_ms: patience(), ..connect_options() };
    try_open_client(kind, address, Some(&options)).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

impl Service {
    pub fn is_at_once(self) -> bool {
        !matches!(self, Self::Echo { at_once: false })
    }

    pub fn arguments(self, dir: &Dir) -> String {
        match self {
            Self::Echo { .. } => String::new(),
            Self::EchoAt => format!("server {}", dir.path("echo.sock")),
            Self::Board => dir.path(""),
            Self::Chat => format!("serve {}", dir.path("chat.sock")),
            Self::Reports => dir.path("report.sock"),
        }
    }

    /// What it is ended with.
    pub fn signal(self) -> i32 {
        match self {
            Self::Echo { .. } => libc::SIGINT,
            Self::EchoAt | Self::Board | Self::Chat | Self::Reports => libc::SIGTERM,
        }
    }

    /// Those that clients connect to, with their kinds.
    pub fn connected(self, dir: &Dir) -> Vec<(u32, String)> {
        match self {
            Self::Echo { .. } | Self::EchoAt => vec![(UDSOCK_STREAM, dir.path("echo.sock"))],
            Self::Board => vec![
                (UDSOCK_STREAM, dir.path("feed.sock")),
                (UDSOCK_SEQPACKET, dir.path("ask.sock")),
            ],
            Self::Chat => vec![(UDSOCK_SEQPACKET, dir.path("chat.sock"))],
            Self::Reports => Vec::new(),
        }
    }

    pub fn datagrams(self, dir: &Dir) -> Option<String> {
        matches!(self, Self::Board | Self::Reports).then(|| dir.path("report.sock"))
    }

    pub fn sockets(self, dir: &Dir) -> Vec<String> {
        let connected = self.connected(dir).into_iter().map(|(_, path)| path);
        connected.chain(self.datagrams(dir)).collect()
    }

    /// Asks it for what it does, as a polite client.
    pub fn is_served(self, dir: &Dir, what: &str) {
        let start = Instant::now();
        // A rude client may have been in the queue before us, and has gone since.
        while let Err(fault) = self.ask(dir) {
            assert!(start.elapsed() < HANG, "{what}: {fault}");
        }
    }

    fn ask(self, dir: &Dir) -> Result<(), String> {
        match self {
            Self::Echo { .. } | Self::EchoAt => {
                let client = join(UDSOCK_STREAM, &dir.path("echo.sock"));
                sent(client.send(b"hello", patience()))?;
                received(&client, b"hello")
            }
            Self::Board => {
                let reporter = open_datagram(Some("@"));
                let follower = join(UDSOCK_STREAM, &dir.path("feed.sock"));
                let asker = join(UDSOCK_SEQPACKET, &dir.path("ask.sock"));
                sent(asker.send(b"nothing", patience()))?;
                received(&asker, b"unknown")?;
                // The follower may not have been accepted yet.
                until_heard(&follower, b"cellar 12\n", || {
                    let reports = dir.path("report.sock");
                    sent(reporter.send_to(b"cellar 12", &reports, patience()))?;
                    received(&reporter, b"taken")
                })?;
                sent(asker.send(b"cellar", patience()))?;
                received(&asker, b"12")
            }
            Self::Reports => {
                let reporter = open_datagram(Some("@"));
                let start = Instant::now();
                // Until it is there.
                while reporter.send_to(b"hello", &dir.path("report.sock"), patience()) < 0 {
                    assert!(start.elapsed() < HANG, "nobody takes reports");
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                received(&reporter, b"thank you")
            }
            Self::Chat => {
                let listener = join(UDSOCK_SEQPACKET, &dir.path("chat.sock"));
                let speaker = join(UDSOCK_SEQPACKET, &dir.path("chat.sock"));
                until_heard(&listener, b": a polite word", || {
                    sent(speaker.send(b"a polite word", patience()))
                })
            }
        }
    }
}

fn sent(result: i64) -> Result<(), String> {
    if result < 0 { Err(name_of(result)) } else { Ok(()) }
}

fn received(client: &Sock, expected: &[u8]) -> Result<(), String> {
    let got = client.recv(patience()).map_err(name_of)?;
    let word = String::from_utf8_lossy(&got).into_owned();
    if got == expected { Ok(()) } else { Err(format!("it answers {word:?}")) }
}

/// Says it until the other hears it, among other things.
fn until_heard(
    listener: &Sock,
    word: &[u8],
    say: impl Fn() -> Result<(), String>,
) -> Result<(), String> {
    let start = Instant::now();
    while start.elapsed() < HANG {
        say()?;
        match listener.recv(100) {
            Ok(heard) if heard.ends_with(word) => return Ok(()),
            Ok(_) => {}
            Err(code) if code == no(libc::ETIMEDOUT) => {}
            Err(code) => return Err(name_of(code)),
        }
    }
    Err("nobody hears it".to_owned())
}
