//! nginx: in front of a server of ours, and as the server.

use std::fs;
use std::io::BufReader;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::conversation::*;
use crate::examples::{HELLO, has_compiler, http_client, http_server};
use crate::http::{self, Wire};
use crate::peer::{GUARD_MS, Peer};
use support::*;

const GUARD: Duration = Duration::from_millis(GUARD_MS as u64);

/// One nginx process with everything it writes in the test's directory.
fn nginx(dir: &Dir, http: &str) -> Peer {
    let prefix = dir.path("");
    let configuration = dir.path("nginx.conf");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {prefix}/{name};\n"))
        .concat();
    let text = format!(
        "daemon off;\nmaster_process off;\npid {prefix}/nginx.pid;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}{http}\n}}\n"
    );
    fs::write(&configuration, text).unwrap();
    let log = dir.path("nginx.log");
    Peer::start(Command::new("nginx").args(["-p", &prefix, "-c", &configuration, "-e", &log]))
}

/// nginx as a proxy, and a connection to it that is kept, as the one behind it is.
fn in_front_of(dir: &Dir, address: &str) -> (Peer, BufReader<TcpStream>) {
    let port = free_port();
    let proxy = nginx(
        dir,
        &format!(
            "upstream ours {{ server unix:{address}; keepalive 1; }}
             server {{
                 listen 127.0.0.1:{port};
                 location / {{
                     proxy_pass http://ours;
                     proxy_http_version 1.1;
                     proxy_set_header Connection \"\";
                 }}
             }}"
        ),
    );
    (proxy, BufReader::new(connect_tcp(port)))
}

#[test]
fn nginx_keeps_its_connection_to_a_server_of_ours() {
    if !has("nginx_keeps_its_connection_to_a_server_of_ours", "nginx") {
        return;
    }
    let dir = Dir::new();
    let address = dir.path("http.sock");
    let served = http::while_serving(&address, || {
        let (_proxy, mut connection) = in_front_of(&dir, &address);
        for path in ["/nginx", "/again"] {
            let answer = http::request(&mut connection, "GET", path, b"");
            assert_eq!(answer, format!("hello from {path}").as_bytes());
        }
        assert!(http::request(&mut connection, "POST", "/", &blob()) == blob());
    });
    assert_eq!((served.requests, served.connections), (3, 1));
}

#[test]
fn nginx_in_front_of_the_http_server_in_c() {
    let test = "nginx_in_front_of_the_http_server_in_c";
    if !has(test, "nginx") || !has_compiler(test) {
        return;
    }
    let dir = Dir::new();
    let address = dir.path("http.sock");
    let _server = http_server(&address);
    let (_proxy, mut connection) = in_front_of(&dir, &address);
    for _ in 0..2 {
        assert_eq!(http::request(&mut connection, "GET", "/", b""), HELLO);
        assert!(http::request(&mut connection, "POST", "/echo", &blob()) == blob());
    }
}

/// It answers with text at /hello, and with the blob at /blob and, in chunks of which
/// the client does not know the sum, at /chunked/blob.
fn at_a_socket(dir: &Dir, address: &str) -> Peer {
    let root = dir.path("www");
    fs::create_dir(&root).unwrap();
    fs::write(format!("{root}/blob"), blob()).unwrap();
    let server = nginx(
        dir,
        &format!(
            "server {{
                 listen unix:{address};
                 root {root};
                 location = /hello {{ return 200 hello; }}
                 location /chunked/ {{ alias {root}/; ssi on; ssi_types *; }}
             }}"
        ),
    );
    // It may still be starting.
    connect(UDSOCK_STREAM, address);
    server
}

#[test]
fn a_client_of_ours_to_nginx() {
    if !has("a_client_of_ours_to_nginx", "nginx") {
        return;
    }
    let dir = Dir::new();
    let address = dir.path("nginx.sock");
    let _server = at_a_socket(&dir, &address);
    let socket = open_client(UDSOCK_STREAM, &address);
    let mut connection = BufReader::new(Wire(&socket));
    assert_eq!(http::request(&mut connection, "GET", "/hello", b""), b"hello");
    assert!(http::request(&mut connection, "GET", "/blob", b"") == blob());
}

#[test]
fn the_http_client_in_c_to_nginx() {
    let test = "the_http_client_in_c_to_nginx";
    if !has(test, "nginx") || !has_compiler(test) {
        return;
    }
    let dir = Dir::new();
    let address = dir.path("nginx.sock");
    let _server = at_a_socket(&dir, &address);
    assert_eq!(http_client(&address, "/hello").finish(), b"hello");
    for path in ["/blob", "/chunked/blob"] {
        assert!(http_client(&address, path).finish() == blob(), "{path}");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// To a server that may still be starting.
fn connect_tcp(port: u16) -> TcpStream {
    let start = Instant::now();
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(stream) => {
                stream.set_read_timeout(Some(GUARD)).unwrap();
                stream.set_write_timeout(Some(GUARD)).unwrap();
                return stream;
            }
            Err(error) => assert!(start.elapsed() < GUARD, "port {port}: {error}"),
        }
        thread::sleep(Duration::from_millis(5));
    }
}
