//! docs/relay.md: what the relays carry, in C, Python and JavaScript, and whom they outlive.

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::page::Page;
use crate::running::HANG;
use crate::{c_library, exists, has_all, node_binding, until};
use support::*;

#[test]
fn relay() {
    const TEST: &str = "relay";
    if !has_all(TEST, &["python3", "socat"]) {
        return;
    }
    let page = Page::open("relay.md");
    let example = c_library::source("examples-c/relay.c");
    let code = fs::read_to_string(&example).unwrap();
    let text = fs::read_to_string(c_library::source("docs/relay.md")).unwrap();
    let shown = text.split("\n```c\n").nth(1).and_then(|rest| rest.split("\n```").next()).unwrap();
    for part in shown.split("\n\n") {
        assert!(code.contains(part), "the page shows what the example has not:\n{part}");
    }
    let built = c_library::build("docs-relay", &example, &["-pthread"]);
    fs::copy(built, page.dir.path("relay")).unwrap();
    let relay = page.start("./relay ");
    let _target = page.start("socat UNIX-LISTEN");
    until(&page, "[ -S app.sock ]");
    assert!(page.run("echo hello | socat -t5 - UNIX:/run/app/front.sock"));
    assert_eq!(relay.stop(), [""; 0]);

    holds_out(&page, "python3 relay.py", "python.sock");
    if has(TEST, "node") && node_binding::install_into(Path::new(&page.dir.path(".")), TEST) {
        holds_out(&page, "node relay.mjs", "node.sock");
    } else {
        page.take("node relay.mjs");
        page.take("echo hello | socat -t5 - UNIX:/run/app/node.sock");
    }
    passes_descriptors(&page);
    page.is_complete();
}

/// A relay with much on its way at once, both ways; with clients that go, and one that floods.
fn holds_out(page: &Page, command: &str, socket: &str) {
    let relay = page.start(command);
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", relay.id())).unwrap().count();
    let at_rest = descriptors();
    assert!(page.run(&format!("echo hello | socat -t5 - UNIX:/run/app/{socket}")));
    page.check(&format!(
        "head -c 20000000 /dev/urandom | tr a-z A-Z > much; \
         socat -t60 - UNIX:{socket} < much | cmp - much",
    ));
    page.check(&format!("for i in 1 2 3; do socat -u OPEN:/dev/null UNIX:{socket}; done"));
    page.check(&format!(
        "head -c 9000000 /dev/zero | timeout 2 socat -u - UNIX:{socket}; [ $? = 124 ]"
    ));
    page.check(&format!("[ $(echo hello | socat -t60 - UNIX:{socket}) = HELLO ]"));
    let start = Instant::now();
    while descriptors() != at_rest {
        assert!(start.elapsed() < HANG, "it has forgotten somebody");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(relay.stop(), [""; 0]);
    assert!(!exists(page, socket));
}

/// The relay with descriptors, between programs that do not know this library.
fn passes_descriptors(page: &Page) {
    const LENDER: &str = "
import socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.bind('lend.sock')
    server.listen()
    for _ in range(3):
        client = server.accept()[0]
        with client, open('much') as file:
            while client.recv(300000) not in (b'', b'please'):
                pass
            socket.send_fds(client, [b'two files'], [file.fileno(), file.fileno()])
            client.sendall(b'x' * 100000)
";
    const BORROWER: &str = "
import os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as lender:
    lender.connect('fds.sock')
    lender.sendall(b'please') if sys.argv[1] == 'asks' else lender.shutdown(socket.SHUT_WR)
    message, files, flags, _ = socket.recv_fds(lender, 4096, 9)
    assert (message, len(files)) == (b'two files', 2), (message, files)
    assert len(os.pread(files[1], 100, 0)) == 100
    assert len(lender.recv(300000)) == 100000
    assert lender.recv(1) == b''
";
    let python = page.spawn("python3 -c 'import socket; socket.recv_fds'");
    if !python.finish().1.success() {
        page.take("./relay_fds");
        return lacks("relay", "no Python 3.9");
    }
    fs::write(page.dir.path("lender.py"), LENDER).unwrap();
    fs::write(page.dir.path("borrower.py"), BORROWER).unwrap();
    let relay = page.start("./relay_fds");
    let lender = page.spawn("python3 lender.py");
    until(page, "[ -S lend.sock ]");
    for how in ["asks", "ends", "asks"] {
        page.check(&format!("python3 borrower.py {how}"));
    }
    let (said, status) = lender.finish();
    assert!(status.success(), "{said:?}");
    assert_eq!(relay.stop(), [""; 0]);
    assert!(!exists(page, "fds.sock"));
}
