//! Every program in Python, C++ and JavaScript that the README, the pages of docs/ and the bindings
//! show is on a list here. Those that serve outlive rude clients, and serve the polite ones among them;
//! then a signal ends them, whoever is connected, and their files go.

use support::{bindings, c_library, node_binding, running};

#[path = "rude_clients/pages.rs"]
mod pages;
#[path = "rude_clients/polite.rs"]
mod polite;
#[path = "rude_clients/rude.rs"]
mod rude;
use std::path::Path;
use std::process::Command;

use pages::{Program, Shown};
use polite::Service;
use running::Running;
use support::*;

/// So few that clients can use them up.
const DESCRIPTORS: u32 = 40;

/// Each program, by words that are in no other, and what it does.
const SHOWN: &[(&str, &str, &str, Shown)] = &[
    ("README.md", "cpp", "stream_server server", Shown::Server(Service::Echo { at_once: false })),
    ("README.md", "python", "aio.start_server", Shown::Server(Service::Echo { at_once: true })),
    (PYTHON, "python", "import errno, threading", Shown::Server(Service::Echo { at_once: true })),
    (PYTHON, "python", "udsock.open_client(", Shown::Other),
    (PYTHON, "python", "import socket, udsock", Shown::Other),
    (PYTHON, "python", "aio.start_server", Shown::Server(Service::Echo { at_once: true })),
    (PYTHON, "python", "poller.send(", Shown::Server(Service::Echo { at_once: true })),
    (PYTHON, "python", "poller.send_raw(", Shown::Server(Service::Echo { at_once: true })),
    (CPP, "cpp", "stream_server server", Shown::Server(Service::Echo { at_once: false })),
    (CPP, "cpp", "auto n = client.recv", Shown::Other),
    (CPP, "cpp", "connection_refused) ...\n    error.what()", Shown::Other),
    (CPP, "cpp", "connection_refused) ...\nerr.message()", Shown::Other),
    ("docs/asyncio.md", "python", "class Follower", Shown::Server(Service::Board)),
    ("docs/asyncio.md", "python", "# follow.py", Shown::Other),
    ("docs/asyncio.md", "python", "# report.py", Shown::Other),
    ("docs/comparison.md", "python", "# check.py", Shown::Other),
    ("docs/ffi.md", "python", "# echo_ctypes.py", Shown::Server(Service::EchoAt)),
    ("docs/pass-a-descriptor.md", "python", "# borrow.py", Shown::Other),
    // It takes another server behind it; tests/docs.rs runs it, with clients that flood and die.
    ("docs/relay.md", "python", "# relay.py", Shown::Other),
    // They take what their frameworks let in; bindings/python/tests/test_frameworks.py runs them.
    ("docs/with-your-framework.md", "python", "", Shown::Other),
    ("README.md", "js", "createServer(", Shown::Server(Service::Echo { at_once: true })),
    ("README.md", "js", "import koffi", Shown::Other),
    (NODE, "js", "new Poller()", Shown::Server(Service::Echo { at_once: true })),
    // bindings/node/test/readme.test.mjs has rude clients for these four.
    (NODE, "js", "server.listen({ path: '/tmp/echo.sock'", Shown::Other),
    (NODE, "js", "createServer({ type: 'seqpacket' }, async", Shown::Other),
    (NODE, "js", "createSocket('dgram'", Shown::Other),
    (NODE, "js", "http.createServer(", Shown::Other),
    (NODE, "js", "other.emit('connection'", Shown::Other),
    (NODE, "js", "undici.Agent", Shown::Other),
    (NODE, "js", "await using", Shown::Other),
    ("docs/comparison.md", "js", "// check.mjs", Shown::Other),
    // The same over other FFIs; tests/docs.rs runs them.
    ("docs/ffi.md", "js", "", Shown::Other),
    // bindings/node/test/installed.test.mjs runs it.
    (NODE, "js", "// app.mjs", Shown::Other),
    (NODE, "js", "subscribe('udsock:log'", Shown::Other),
    ("docs/node-datagrams.md", "js", "// collector.mjs", Shown::Server(Service::Reports)),
    ("docs/node-datagrams.md", "js", "// report.mjs", Shown::Other),
    ("docs/node-datagrams.md", "js", "// ready.mjs", Shown::Other),
    // A bus stands between them and their clients.
    ("docs/node-descriptors.md", "js", "", Shown::Other),
    // bindings/node/test/libraries.test.mjs has rude clients for them.
    ("docs/node-with-your-library.md", "js", "", Shown::Other),
    ("docs/relay.md", "js", "// relay.mjs", Shown::Other),
];

const NODE: &str = "bindings/node/README.md";
const PYTHON: &str = "bindings/python/README.md";
const CPP: &str = "bindings/cpp/README.md";

fn can_run(test: &str) -> bool {
    has(test, "python3") && has(test, "c++") && has(test, "bash")
}

/// Whether the program is the one that this entry of the list means.
fn is_it(program: &Program, (page, language, words, _): &(&str, &str, &str, Shown)) -> bool {
    program.page == *page && program.language == *language && program.code.contains(words)
}

#[test]
fn every_program_is_known() {
    for program in pages::programs() {
        let count = SHOWN.iter().filter(|shown| is_it(&program, shown)).count();
        assert_eq!(
            count, 1,
            "{}: a program that is on the list {count} times:\n{}",
            program.page, program.code
        );
    }
}

/// The servers, each with what it does: those that can be run here.
fn servers(test: &str) -> Vec<(Program, Service)> {
    let mut programs = pages::programs();
    let runs_node =
        has(test, "node") && has(test, "npm") && node_binding::installed(test).is_some();
    programs.retain(|program| runs_node || program.language != "js");
    let mut servers: Vec<_> = SHOWN
        .iter()
        .filter_map(|entry| {
            let (page, language, words, Shown::Server(service)) = entry else { return None };
            let program = programs.iter().find(|program| is_it(program, entry));
            if program.is_none() && *language == "js" && !runs_node {
                return None;
            }
            let program = program.unwrap_or_else(|| panic!("{page}: no {words}"));
            Some((program.clone(), *service))
        })
        .collect();
    servers.push((pages::example("bindings/cpp/examples/chat.cpp"), Service::Chat));
    servers
}

/// A server that has few descriptors.
fn start(program: &Program, service: Service, dir: &Dir) -> Running {
    if program.language == "js" {
        node_binding::install_into(Path::new(&dir.path(".")), &program.page);
    }
    let command = program.command(dir, &service.arguments(dir));
    let mut bash = Command::new("bash");
    // A shell starts what runs in the background with SIGINT ignored.
    let command = format!("ulimit -n {DESCRIPTORS}; exec env --default-signal=INT {command}");
    bash.args(["-c", &command]);
    bindings::over_checkout(&mut bash).current_dir(Path::new(&dir.path(".")));
    Running::start(bash)
}

#[test]
fn the_servers_outlive_rude_clients() {
    const TEST: &str = "the_servers_outlive_rude_clients";
    if !can_run(TEST) {
        return;
    }
    for (program, service) in servers(TEST) {
        let dir = Dir::new();
        let running = start(&program, service, &dir);
        let what = format!("{} ({}) {service:?}", program.page, program.language);
        service.is_served(&dir, &what);
        for (name, behaviour) in rude::BEHAVIOURS {
            let stay = behaviour(&service, &dir);
            if service.is_at_once() {
                service.is_served(&dir, &format!("{what}, while one {name}"));
            }
            drop(stay);
            service.is_served(&dir, &format!("{what}, after one that {name}"));
        }
        // Some of them are there at the end, too.
        let _stay: Vec<_> = if service.is_at_once() {
            rude::BEHAVIOURS.iter().map(|(_, behaviour)| behaviour(&service, &dir)).collect()
        } else {
            Vec::new()
        };
        running.stop_by(service.signal());
        // A signal for which nothing was asked leaves the file; the next start removes it.
        let leaves_file = program.language != "python" && service.signal() == libc::SIGINT;
        let is_there = service.sockets(&dir).iter().any(|path| Path::new(path).exists());
        assert_eq!(is_there, leaves_file, "{what}");
    }
}

#[test]
fn the_servers_outlive_a_lack_of_descriptors() {
    const TEST: &str = "the_servers_outlive_a_lack_of_descriptors";
    if !can_run(TEST) {
        return;
    }
    for (program, service) in servers(TEST) {
        let dir = Dir::new();
        let running = start(&program, service, &dir);
        let what = format!("{} ({}) {service:?}", program.page, program.language);
        service.is_served(&dir, &what);
        for _ in 0..2 {
            rude::take_all_descriptors(&service, &dir, DESCRIPTORS as usize);
            service.is_served(&dir, &format!("{what}, after a lack of descriptors"));
        }
        running.stop_by(service.signal());
    }
}
