//! One text, several names: with NULs behind it, with one more, with a file's name.

use std::os::fd::{AsRawFd, IntoRawFd};
use std::sync::atomic::{AtomicU32, Ordering};

use udsock::abi::inspection::*;

use crate::process::in_child;
use crate::raw;
use support::*;

/// Longer than any name.
const SUN_PATH: usize = 108;

/// Nobody else's, without its `@`; nor is its beginning.
fn own_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("udsock-atlas-{}-{count}.", std::process::id())
}

fn padded(name: &str, length: usize) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(name.as_bytes());
    bytes.resize(length, 0);
    bytes
}

/// As the program binds it, and as the text says it.
///
/// In a process that forks a socket's name may stay for a moment after its close: a child of
/// another test's has it until it executes its program. So who needs a name to be free again runs
/// in a process of its own.
fn programs(name: &str) -> [(&'static str, Vec<u8>, String); 3] {
    let database = format!("\0{name}/.s.PGSQL.5432").into_bytes();
    [
        ("HAProxy's abns@, Node 20", padded(name, SUN_PATH), format!(r"@{name}\z")),
        ("uWSGI", padded(name, name.len() + 2), format!(r"@{name}\0")),
        ("PostgreSQL", database, format!("@{name}/.s.PGSQL.5432")),
    ]
}

#[test]
fn each_is_reached_by_a_short_text_which_is_told_as_it_is() {
    in_child(|| {
        for (program, bytes, text) in programs(&own_name()) {
            for kind in CONNECTED_KINDS {
                let server = raw::socket(kind);
                assert_eq!(raw::bind(&server, &bytes), 0, "{program}");
                assert_eq!(raw::listen(&server, 5), 0);

                let client = open_client(kind, &text);
                assert_eq!(client.remote_address(), Ok(text.clone()), "{program}");
                // Where nothing was given, the kernel's bytes are what is told.
                let copy = raw::copy(server.as_raw_fd()).into_raw_fd();
                let served = adopt(copy).expect("it is a Unix socket");
                assert_eq!(served.local_address(), Ok(text.clone()), "{program}");
                assert_eq!(inspect(&text).state, UDSOCK_LIVE, "{program}");
                assert_eq!(inspect(&text).kind, kind);
            }
        }
    });
}

#[test]
fn each_can_be_bound_and_is_the_name_that_the_program_asks_for() {
    for (program, bytes, text) in programs(&own_name()) {
        let server = open_server(UDSOCK_STREAM, &text);
        assert_eq!(raw::name(server.fd()), bytes, "{program}");
        assert_eq!(server.local_address(), Ok(text.clone()));
        let client = raw::socket(UDSOCK_STREAM);
        assert_eq!(raw::connect(&client, &bytes), 0, "{program}");
        let accepted = server.accept(1000).expect("it has connected");
        assert_eq!(accepted.local_address(), Ok(text));
    }
}

#[test]
fn datagrams_come_from_a_padded_name_and_go_back_to_it() {
    let name = own_name();
    let receiver = open_datagram(Some("@"));
    let address = receiver.local_address().unwrap();
    let sender = raw::socket(UDSOCK_DGRAM);
    assert_eq!(raw::bind(&sender, padded(&name, SUN_PATH)), 0);
    assert_eq!(raw::connect(&sender, format!("\0{}", &address[1..])), 0, "{address}");
    assert_eq!(raw::send(&sender, b"hello", 0), 5);
    let (data, from) = receiver.recv_from(1000).unwrap();
    assert_eq!((data, from.clone()), (b"hello".to_vec(), format!(r"@{name}\z")));
    assert_eq!(receiver.send_to(b"back", &from, 1000), 4);
    assert_eq!(raw::recv(&sender, 0), Ok(b"back".to_vec()));
}

#[test]
fn who_asks_for_the_wrong_one_is_told_the_right_one() {
    in_child(|| {
        let name = own_name();
        let plain = format!("@{name}");
        for (program, bytes, text) in programs(&name) {
            let server = raw::socket(UDSOCK_STREAM);
            assert_eq!(raw::bind(&server, &bytes), 0);
            assert_eq!(raw::listen(&server, 5), 0);
            let advice = format!("a socket named {text} is there: write that");

            let refusal = try_open_client(UDSOCK_STREAM, &plain, None).expect_err(program);
            assert_eq!(refusal.code, no(libc::ECONNREFUSED));
            assert!(refusal.message.ends_with(&advice), "{refusal:?}");

            let retry =
                udsock_connect_options { flags: UDSOCK_RETRY, timeout_ms: 30, ..connect_options() };
            let refusal = try_open_client(UDSOCK_STREAM, &plain, Some(&retry)).expect_err(program);
            assert_eq!(refusal.code, no(libc::ETIMEDOUT));
            assert!(refusal.message.contains("timed out"), "{refusal:?}");
            assert!(refusal.message.ends_with(&advice), "{refusal:?}");

            // Of another kind nobody could connect to it.
            let refusal = try_open_client(UDSOCK_SEQPACKET, &plain, None).expect_err(program);
            assert!(
                refusal.message.ends_with(&format!("{plain}: Connection refused")),
                "{refusal:?}"
            );
            // Nor is it a name that merely begins so.
            let part = &plain[..plain.len() - 1];
            let refusal = try_open_client(UDSOCK_STREAM, part, None).expect_err(program);
            assert!(
                refusal.message.ends_with(&format!("{part}: Connection refused")),
                "{refusal:?}"
            );
        }
    });
}

/// A message has 255 bytes: of two names that are longer both are cut, the advice is not.
#[test]
fn the_advice_is_there_whole_also_for_the_longest_names() {
    let own = own_name();
    let rest = r"\xe9".repeat(SUN_PATH - 1 - own.len() - 10);
    let asked = format!("@{own}{rest}");
    let server = open_server(UDSOCK_STREAM, &format!(r"{asked}\z"));
    for (timeout_ms, told) in [(0, ": Connection refused; "), (30, ": timed out; ")] {
        let flags = if timeout_ms > 0 { UDSOCK_RETRY } else { 0 };
        let options = udsock_connect_options { flags, timeout_ms, ..connect_options() };
        let refusal = try_open_client(UDSOCK_STREAM, &asked, Some(&options)).expect_err("padded");
        let message = refusal.message;
        assert!(message.starts_with("open client @udsock-") && message.contains(told), "{message}");
        assert!(message.ends_with(r"\xe9\z is there: write that"), "{message}");
        assert_eq!(message.matches("...").count(), 2, "{message}");
    }
    drop(server);
}

/// A client from the days of Node 20, and a server with Node 22.
#[test]
fn who_asks_for_a_padded_name_is_told_the_tight_one() {
    let name = own_name();
    let _server = open_server(UDSOCK_STREAM, &format!("@{name}"));
    let refusal = try_open_client(UDSOCK_STREAM, &format!(r"@{name}\z"), None).expect_err("tight");
    let advice = format!("a socket named @{name} is there: write that");
    assert!(refusal.message.ends_with(&advice), "{refusal:?}");
}

/// Who can't be connected to is not named: one that does not listen, or a connection that has
/// outlived its server; least of all by the name that was asked for.
#[test]
fn nobody_is_told_a_name_that_leads_nowhere() {
    in_child(|| {
        let refusal_of =
            |kind, address: &str| try_open_client(kind, address, None).expect_err(address).message;
        for kind in CONNECTED_KINDS {
            let name = own_name();
            let (plain, padded) = (format!("@{name}"), format!(r"@{name}\z"));
            let check = |what| {
                for address in [&plain, &padded] {
                    let refusal = refusal_of(kind, address);
                    let expected = format!("{address}: Connection refused");
                    assert!(refusal.ends_with(&expected), "{what}: {refusal}");
                }
            };
            let server = open_server(kind, &plain);
            let client = open_client(kind, &plain);
            let connection = server.accept(1000).expect("a client");
            drop(server);
            check("connections only");
            drop((client, connection));

            let bound = create(kind);
            bound.bind(&plain).expect("the name is free");
            check("bound only");
        }
        // A receiver that is connected takes nothing from others.
        let name = own_name();
        let receiver = open_datagram(Some(&format!("@{name}")));
        let _other = open_datagram(Some(&format!("@{name}-other")));
        receiver.connect(&format!("@{name}-other"), None).expect("it is there");
        let refusal = refusal_of(UDSOCK_DGRAM, &format!(r"@{name}\z"));
        assert!(refusal.ends_with(": Connection refused"), "{refusal}");
    });
}

pub fn inspect(address: &str) -> udsock_inspection {
    // SAFETY: numbers.
    let mut found: udsock_inspection = unsafe { std::mem::zeroed() };
    found.size = size_of::<udsock_inspection>() as u32;
    let mut err = error();
    // SAFETY: valid arguments.
    let code = unsafe { udsock_inspect(c(address).as_ptr(), &mut found, &mut err) };
    assert_eq!(code, 0, "{}", message_of(&err));
    found
}
