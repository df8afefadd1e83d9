//! `curl`.

use std::process::Command;

use crate::conversation::*;
use crate::examples::{HELLO, has_compiler, http_server};
use crate::http;
use crate::peer::Peer;
use support::*;

fn curl(to: &[&str], rest: &[&str]) -> Peer {
    let quietly = ["--silent", "--show-error", "--fail"];
    Peer::start(Command::new("curl").args(quietly).args(to).args(rest))
}

#[test]
fn curl_to_the_http_server_in_c() {
    let test = "curl_to_the_http_server_in_c";
    if !has(test, "curl") || !has_compiler(test) {
        return;
    }
    let dir = Dir::new();
    let address = dir.path("http.sock");
    let _server = http_server(&address);
    let to = ["--unix-socket", &address];
    assert_eq!(curl(&to, &["http://localhost/"]).finish(), HELLO);
    let twice = curl(&to, &["http://localhost/", "http://localhost/"]);
    assert_eq!(twice.finish(), [HELLO, HELLO].concat());
    let mut post = curl(&to, &["--data-binary", "@-", "http://localhost/echo"]);
    post.feed(&blob());
    assert!(post.finish() == blob());
    let missing = ["--no-fail", "--head", "--write-out", "%{http_code}", "http://localhost/none"];
    assert!(curl(&to, &missing).finish().ends_with(b"404"));
}

#[test]
fn curl_to_an_abstract_name() {
    if !has("curl_to_an_abstract_name", "curl") {
        return;
    }
    let dir = Dir::new();
    let address = abstract_name(&dir);
    let served = http::while_serving(&address, || {
        let to = ["--abstract-unix-socket", &address[1..]];
        assert_eq!(curl(&to, &["http://localhost/curl"]).finish(), b"hello from /curl");
        let mut post = curl(&to, &["--data-binary", "@-", "http://localhost/"]);
        post.feed(&blob());
        assert!(post.finish() == blob());
    });
    assert_eq!(served.requests, 2);
}
