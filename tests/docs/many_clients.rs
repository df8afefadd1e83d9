//! docs/many-clients.md: everybody hears, and who does not listen is shown out.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use crate::page::Page;
use crate::running::HANG;
use crate::{exists, has_all};

#[test]
fn many_clients() {
    const TEST: &str = "many_clients";
    const CLIENTS: usize = 200;
    if !has_all(TEST, &["socat"]) {
        return;
    }
    let page = Page::open("many-clients.md");
    let server = page.start("./chat");
    assert!(page.run("echo"));

    let connect = || {
        let client = UnixStream::connect(page.dir.path("chat.sock")).unwrap();
        client.set_read_timeout(Some(HANG)).unwrap();
        client
    };
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| connect()).collect();
    // When the last one is in, all are.
    clients[CLIENTS - 1].write_all(b"hello\n").unwrap();
    for client in &mut clients {
        let mut heard = [0; 6];
        client.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello\n");
    }

    // Who does not listen is shown out; who does hears everything.
    let mut talker = clients.swap_remove(0);
    let deaf = clients.swap_remove(0);
    drop(clients);
    let said = [b'x'; 1000];
    let start = Instant::now();
    while !is_shown_out(&deaf) {
        assert!(start.elapsed() < HANG, "it may stay");
        let mut heard = [0; 1000];
        talker.write_all(&said).unwrap();
        talker.read_exact(&mut heard).unwrap();
        assert_eq!(heard, said);
    }
    server.stop();
    assert!(!exists(&page, "chat.sock"));
    page.is_complete();
}

/// Whether the server has closed this connection: sending to it says so.
fn is_shown_out(mut client: &UnixStream) -> bool {
    let sent = client.write(b"").map_err(|error| error.kind());
    sent == Err(ErrorKind::BrokenPipe)
}
