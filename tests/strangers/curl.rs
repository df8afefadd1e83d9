//! `curl`.

use std::process::Command;

use crate::conversation::*;
use crate::examples::{HELLO, has_compiler, http_server};
use crate::peer::Peer;
use crate::support::*;

fn curl(arguments: &[&str]) -> Peer {
    Peer::start(Command::new("curl").args(["--silent", "--show-error", "--fail"]).args(arguments))
}

#[test]
fn curl_to_the_http_server_in_c() {
    let test = "curl_to_the_http_server_in_c";
    if !has(test, "curl") || !has_compiler(test) {
        return;
    }
    let dir = Dir::new();
    for address in [dir.path("http.sock"), abstract_name(&dir)] {
        let _server = http_server(&address);
        let to = match address.strip_prefix('@') {
            Some(name) => ["--abstract-unix-socket", name],
            None => ["--unix-socket", &address],
        };
        let get = curl(&[&to[..], &["http://localhost/"]].concat());
        assert_eq!(get.finish(), HELLO);
        let twice = curl(&[&to[..], &["http://localhost/", "http://localhost/"]].concat());
        assert_eq!(twice.finish(), [HELLO, HELLO].concat());
        let post = ["--data-binary", "@-", "http://localhost/echo"];
        let mut post = curl(&[&to[..], &post[..]].concat());
        post.feed(&blob());
        assert!(post.finish() == blob());
    }
}
