//! Clients without manners. What they return stays connected until it is dropped.

use std::thread;
use std::time::Duration;

use crate::polite::Service;
use support::*;

const SOME: usize = 20;
static LARGE: [u8; 60_000] = [b'x'; 60_000];
/// Milliseconds: so long a rude client takes to find that nobody serves it.
const MOMENT: i32 = 200;

type Behaviour = fn(&Service, &Dir) -> Vec<Sock>;

pub const BEHAVIOURS: &[(&str, Behaviour)] = &[
    ("comes and goes", come_and_go),
    ("asks and goes", ask_and_go),
    ("sends half a request", send_half),
    ("sends nothing", send_nothing),
    ("never reads", never_read),
    ("leaves much unread", leave_unread),
    ("floods", flood),
    ("shuts down, and stays", shut_down),
    ("has no name", have_no_name),
    ("sends datagrams and does not read", do_not_read_datagrams),
    ("sends descriptors", send_descriptors),
];

/// A client at each socket that takes connections, while there is room in its queue.
fn clients(service: &Service, dir: &Dir) -> Vec<Sock> {
    let options =
        udsock_connect_options { flags: UDSOCK_RETRY, timeout_ms: 10_000, ..connect_options() };
    let connect = |(kind, path): (u32, String)| try_open_client(kind, &path, Some(&options)).ok();
    service.connected(dir).into_iter().filter_map(connect).collect()
}

fn come_and_go(service: &Service, dir: &Dir) -> Vec<Sock> {
    (0..SOME).for_each(|_| drop(clients(service, dir)));
    Vec::new()
}

fn ask_and_go(service: &Service, dir: &Dir) -> Vec<Sock> {
    for number in 0..SOME {
        for client in clients(service, dir) {
            client.send(b"hello", MOMENT);
            if number % 2 == 0 {
                // In the midst of its answer.
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
    Vec::new()
}

fn send_half(service: &Service, dir: &Dir) -> Vec<Sock> {
    let clients = clients(service, dir);
    for client in &clients {
        client.send(b"hel", MOMENT);
    }
    clients
}

fn send_nothing(service: &Service, dir: &Dir) -> Vec<Sock> {
    clients(service, dir)
}

/// Sends until nobody takes any more.
fn fill(client: &Sock) {
    for _ in 0..1000 {
        if client.send(&LARGE, MOMENT) < 0 {
            break;
        }
    }
}

fn never_read(service: &Service, dir: &Dir) -> Vec<Sock> {
    let clients = clients(service, dir);
    clients.iter().for_each(fill);
    clients
}

fn leave_unread(service: &Service, dir: &Dir) -> Vec<Sock> {
    drop(never_read(service, dir));
    Vec::new()
}

fn flood(service: &Service, dir: &Dir) -> Vec<Sock> {
    let clients = clients(service, dir);
    for client in &clients {
        for _ in 0..2000 {
            // An empty message, too, where there are messages.
            if client.send(b"", 0) < 0 || client.send(b"x", 0) < 0 {
                break;
            }
        }
    }
    if let Some(path) = service.datagrams(dir) {
        let sender = open_datagram(Some("@"));
        for number in 0..2000 {
            let message = if number % 2 == 0 { &b""[..] } else { &LARGE[..] };
            sender.send_to(message, &path, 0);
        }
    }
    clients
}

fn shut_down(service: &Service, dir: &Dir) -> Vec<Sock> {
    let clients = clients(service, dir);
    for client in &clients {
        client.send(b"hello", MOMENT);
        client.shutdown(UDSOCK_READ | UDSOCK_WRITE);
    }
    clients
}

fn have_no_name(service: &Service, dir: &Dir) -> Vec<Sock> {
    if let Some(path) = service.datagrams(dir) {
        let nameless = open_datagram(None);
        for _ in 0..SOME {
            nameless.send_to(b"name value", &path, MOMENT);
        }
        // And one whose name goes before its answer comes.
        for _ in 0..SOME {
            open_datagram(Some(&dir.path("gone"))).send_to(b"name value", &path, MOMENT);
        }
    }
    Vec::new()
}

fn do_not_read_datagrams(service: &Service, dir: &Dir) -> Vec<Sock> {
    let Some(path) = service.datagrams(dir) else { return Vec::new() };
    let deaf = open_datagram(Some("@"));
    for _ in 0..1000 {
        deaf.send_to(b"name value", &path, MOMENT);
    }
    vec![deaf]
}

fn send_descriptors(service: &Service, dir: &Dir) -> Vec<Sock> {
    let clients = clients(service, dir);
    for client in &clients {
        let mut descriptors = [0; 3];
        let mut given = message();
        (given.data, given.data_size) = (LARGE.as_ptr().cast_mut().cast(), 5);
        (given.descriptors, given.descriptors_count) = (descriptors.as_mut_ptr(), 3);
        // SAFETY: memory that outlives the call.
        unsafe { udsock_send_message(client.0, &raw mut given, MOMENT) };
    }
    clients
}

/// Until the server can't accept any more; for a while.
pub fn take_all_descriptors(service: &Service, dir: &Dir, most: usize) {
    let mut all = Vec::new();
    let options = udsock_connect_options { timeout_ms: MOMENT, ..connect_options() };
    for (kind, path) in service.connected(dir) {
        for _ in 0..most {
            let Ok(client) = try_open_client(kind, &path, Some(&options)) else { break };
            client.send(b"x", MOMENT);
            all.push(client);
        }
    }
    thread::sleep(Duration::from_millis(500));
}
