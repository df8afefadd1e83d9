//! The pages of docs/: every program, configuration and command on them, at work next to
//! the programs that they speak of.

use support::{bindings, c_library, node_binding, running};

#[path = "docs/by_ffi.rs"]
mod by_ffi;
#[path = "docs/links.rs"]
mod links;
#[path = "docs/many_clients.rs"]
mod many_clients;
#[path = "docs/node_descriptors.rs"]
mod node_descriptors;
#[path = "docs/page.rs"]
mod page;
#[path = "docs/relay.rs"]
mod relay;

use std::fs;
use std::path::Path;

use page::Page;
use running::HANG;
use support::*;

/// Whether a page can be tried: with a compiler, a shell and these.
fn has_all(test: &str, programs: &[&str]) -> bool {
    let compiler = c_library::compiler();
    [&compiler, "bash"].iter().chain(programs).all(|program| has(test, program))
}

/// Whether this is root, who may act for others; if not, says what is left out.
fn is_root(test: &str, part: &str) -> bool {
    // SAFETY: no arguments.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        skip(test, &format!("{part}: only root can"));
    }
    root
}

fn exists(page: &Page, name: &str) -> bool {
    Path::new(&page.dir.path(name)).exists()
}

/// Waits until this succeeds: until something has started.
fn until(page: &Page, command: &str) {
    let again =
        format!("timeout {} bash -c 'until {command}; do sleep 0.01; done'", HANG.as_secs() / 2);
    page.check(&again);
}

#[test]
fn serve_http_behind_nginx() {
    const TEST: &str = "serve_http_behind_nginx";
    if !has_all(TEST, &["nginx", "curl", "setpriv"]) {
        return;
    }
    let page = Page::open("serve-http-behind-nginx.md");
    // The page's nginx is the machine's; this one keeps its files to itself.
    let configuration = page.dir.path("nginx.conf");
    let text = fs::read_to_string(&configuration).unwrap();
    let directories = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};\n", page.dir.path(name)))
        .concat();
    let text = text.replace("http {\n", &format!("http {{\naccess_log off;\n{directories}"));
    let text = format!("pid {};\nerror_log stderr;\n{text}", page.dir.path("nginx.pid"));
    fs::write(&configuration, text).unwrap();

    let root = is_root(TEST, "give the file to nginx's group");
    let server = if root {
        page.start("./http")
    } else {
        page.take("./http");
        let mut server = page.spawn("./http /run/app/app.sock");
        server.line();
        server
    };
    page.check("[ $(stat -c %a app.sock) = 660 ]");
    let nginx = page.start("nginx");
    until(&page, "(: < /dev/tcp/127.0.0.1/8080) 2> /dev/null");
    assert!(page.run("curl"));
    // A body, which the server does not want, does not cost the client its answer.
    let post = "curl --silent --show-error --fail --data-binary @- http://127.0.0.1:8080/";
    page.check(&format!("head -c 900000 /dev/zero | {post} | grep -qx hello"));
    if root {
        let other = "setpriv --reuid=65534 --regid=65534";
        let direct = "curl --silent --unix-socket app.sock http://localhost/";
        page.check(&format!("{other} --groups=$(stat -c %g app.sock) {direct} | grep -qx hello"));
        page.check(&format!("! {other} --clear-groups {direct}"));
    }
    nginx.stop();
    assert_eq!(server.stop(), [""; 0]);
    assert!(!exists(&page, "app.sock"));
    page.is_complete();
}

#[test]
fn let_in_one_group() {
    const TEST: &str = "let_in_one_group";
    if !has_all(TEST, &["socat", "setpriv"]) || !is_root(TEST, "act for others") {
        return;
    }
    let page = Page::open("let-in-one-group.md");
    let mut server = page.start("./members");
    for _ in 0..2 {
        page.run("setpriv");
    }
    assert_eq!(server.line(), "user 70003 came in, refused so far: 1");
    server.stop();
    assert!(!exists(&page, "members.sock"));

    // An abstract name, which everyone can connect to.
    let name = format!("@{}", page.dir.path("members"));
    let mut server = page.spawn(&format!("./members {name} 70001"));
    server.line();
    let call =
        format!("--reuid=70003 --regid=70001 --clear-groups socat -u ABSTRACT:{} -", &name[1..]);
    page.check(&format!("setpriv {call} | grep -q welcome"));
    page.check(&format!("[ -z \"$(socat -u ABSTRACT:{} -)\" ]", &name[1..]));
    page.is_complete();
}

#[test]
fn restart_without_losing_a_client() {
    if !has_all("restart_without_losing_a_client", &["python3"]) {
        return;
    }
    let page = Page::open("restart-without-losing-a-client.md");
    let mut old = page.start("./service /run/app/app.sock 1.0");
    let client = page.spawn(&page.take("./knock").command);
    let mut last_words = Vec::new();
    for version in ["2.0", "3.0"] {
        let shown = page.take(&format!("./service /run/app/app.sock {version}"));
        let mut new = page.spawn(&shown.command);
        assert_eq!(new.line(), shown.says[0]);
        let (said, status) = std::mem::replace(&mut old, new).finish();
        assert_eq!(said, shown.says[1..2], "{status}");
        last_words = shown.says[2..].to_vec();
    }
    let (said, status) = client.finish();
    assert_eq!(said, last_words, "{status}");
    old.stop();
    assert!(!exists(&page, "app.sock"));

    let keeper = page.start("./keeper");
    assert!(page.run("python3 -c"));
    assert!(page.run("./knock /run/app/kept.sock"));
    let shown = page.take("./service /run/app/kept.sock");
    let mut service = page.spawn(&shown.command);
    let (said, status) = keeper.finish();
    assert_eq!(said, shown.says[..1], "{status}");
    assert_eq!(service.line(), shown.says[1]);
    service.stop();
    assert!(!exists(&page, "kept.sock"));
    page.is_complete();
}

#[test]
fn see_what_it_does() {
    const TEST: &str = "see_what_it_does";
    if !has_all(TEST, &["socat"]) {
        return;
    }
    let page = Page::open("see-what-it-does.md");
    let first = page.start("./watched");
    page.take("kill");
    first.stop_by(libc::SIGKILL);
    let mut server = page.start("./watched");
    assert!(page.run("echo"));
    assert_eq!(server.line(), "6 bytes came and 6 went, client 1; 0 refused");
    page.is_complete();
}

#[test]
fn socket_activation() {
    const TEST: &str = "socket_activation";
    if !has_all(TEST, &["systemd-socket-activate", "systemd-analyze", "socat"]) {
        return;
    }
    let page = Page::open("socket-activation.md");
    let program = page.start("systemd-socket-activate");
    until(&page, "[ -S app.sock ]");
    assert!(page.run("socat"));
    program.stop();
    assert!(exists(&page, "app.sock"), "it is systemd's");

    // By hand, over that file, which is a dead server's now.
    let by_hand = page.spawn("./greeter /run/app/app.sock");
    until(&page, "socat -u UNIX:app.sock - 2> /dev/null | grep -q good");
    by_hand.stop();
    assert!(!exists(&page, "app.sock"));
    verify_units(&page, "greeter.socket greeter.service");
    page.is_complete();
}

/// With the programs of this machine for those that the units name.
fn verify_units(page: &Page, units: &str) {
    page.check(&format!("sed -i s#=/usr/local/bin/#=/run/app/# {units}"));
    page.check(&format!(
        "said=$(systemd-analyze verify --man=no {units} 2>&1); echo \"$said\"; [ -z \"$said\" ]"
    ));
}

#[test]
fn pass_a_descriptor() {
    const TEST: &str = "pass_a_descriptor";
    if !has_all(TEST, &["python3", "setpriv"]) || !is_root(TEST, "act for others") {
        return;
    }
    let page = Page::open("pass-a-descriptor.md");
    assert!(page.run("umask"));
    let lender = page.start("./lend");
    assert!(!page.run("setpriv --reuid=65534 --clear-groups cat"));
    assert!(page.run("setpriv --reuid=65534 --clear-groups ./borrow"));
    let nobody = "setpriv --reuid=65534 --clear-groups";
    let python = format!("{nobody} python3 -c 'import socket; socket.recv_fds'");
    if page.spawn(&python).finish().1.success() {
        assert!(page.run(&format!("{nobody} python3")));
    } else {
        lacks(TEST, "no Python 3.9 that nobody may run");
        page.take(&format!("{nobody} python3"));
    }
    assert_eq!(lender.stop(), [""; 0]);
    assert!(!exists(&page, "lend.sock"));
    page.is_complete();
}

#[test]
fn bridge_to_another_machine() {
    const TEST: &str = "bridge_to_another_machine";
    const PROXY: &str = "/usr/lib/systemd/systemd-socket-proxyd";
    if !has_all(TEST, &["socat", "systemd-socket-activate", "systemd-analyze", PROXY]) {
        return;
    }
    let page = Page::open("bridge-to-another-machine.md");
    let _server = page.start("./whoami");
    assert!(page.run("socat -u UNIX:/run/app/app.sock"));
    let listening =
        |port: &str| until(&page, &format!("(: < /dev/tcp/127.0.0.1/{port}) 2> /dev/null"));

    let _to_tcp = page.start("socat TCP-LISTEN");
    listening("8080");
    assert!(page.run("socat -u TCP:127.0.0.1:8080"));
    let _from_tcp = page.start("socat UNIX-LISTEN");
    until(&page, "[ -S remote.sock ]");
    assert!(page.run("socat -u UNIX:/run/app/remote.sock"));

    let _proxy = page.start("systemd-socket-activate");
    listening("8081");
    assert!(page.run("socat -u TCP:127.0.0.1:8081"));
    verify_units(&page, "app-proxy.socket app-proxy.service");

    if page.spawn("command -v haproxy").finish().1.success() {
        let _haproxy = page.start("haproxy");
        listening("8082");
        assert!(page.run("socat -u TCP:127.0.0.1:8082"));
    } else {
        skip(TEST, "HAProxy: no haproxy on this machine");
        page.take("haproxy");
        page.take("socat -u TCP:127.0.0.1:8082");
    }
    page.is_complete();
}

#[test]
fn containers() {
    const TEST: &str = "containers";
    if !has_all(TEST, &["unshare", "mount"]) {
        return;
    }
    let page = Page::open("containers.md");
    let (said, status) = page.spawn("unshare --map-root-user --mount mount --bind . .").finish();
    if !status.success() {
        return skip(TEST, &format!("no namespaces here: {said:?}"));
    }
    let server = page.start("./greet");
    let mut guest = page.start("unshare");
    server.stop();
    let shown = page.take("./greet");
    let mut server = page.spawn(&shown.command);
    assert_eq!(server.line(), shown.says[0]);
    guest.press_return();
    let (said, status) = guest.finish();
    assert_eq!(said, shown.says[1..], "{status}");
    page.is_complete();
}

/// What runs the programs of a runtime, if it is there, and says so if not.
fn has_runtime(test: &str, page: &Page, name: &str, probe: &str) -> bool {
    let (said, status) = page.spawn(probe).finish();
    if !status.success() {
        skip(test, &format!("{name}: {}", said.last().map_or("not here", String::as_str)));
    }
    status.success()
}

#[test]
fn asyncio() {
    const TEST: &str = "asyncio";
    const FILES: [&str; 3] = ["report.sock", "feed.sock", "ask.sock"];
    if !has_all(TEST, &["python3", "socat"]) {
        return;
    }
    let page = Page::open("asyncio.md");
    let board = page.start("python3 board.py");
    let mut follower = page.start("python3 follow.py");
    assert!(page.run("python3 report.py"));
    assert_eq!(follower.line(), "kitchen 21.5");
    assert!(page.run("printf"));
    assert_eq!(follower.line(), "cellar 12");
    assert!(FILES.iter().all(|name| exists(&page, name)));
    assert_eq!(board.stop(), [""; 0]);
    assert_eq!(follower.finish().0, [""; 0]);
    assert!(!FILES.iter().any(|name| exists(&page, name)));
    page.is_complete();
}

#[test]
fn node_datagrams() {
    const TEST: &str = "node_datagrams";
    if !has_all(TEST, &["node", "npm", "socat", "setpriv"]) {
        return;
    }
    let page = Page::open("node-datagrams.md");
    if !node_binding::install_into(Path::new(&page.dir.path(".")), TEST) {
        return;
    }
    let mut collector = page.start("node collector.mjs");
    assert!(page.run("node report.mjs"));
    assert_eq!(collector.line(), "mine: the disk is full");
    assert!(page.run("NOTIFY_SOCKET="));
    assert_eq!(collector.line(), "mine: READY=1");
    let shown = page.take("echo -n good morning");
    if is_root(TEST, "act for others") {
        page.check(&shown.command);
        assert_eq!(collector.line(), "user 65534's: good morning");
    }
    assert_eq!(collector.stop(), [""; 0]);
    assert!(!exists(&page, "reports.sock"));
    page.run("node report.mjs");
    page.is_complete();
}

#[test]
fn comparison() {
    if !has_all("comparison", &["go", "node", "python3"]) {
        return;
    }
    let page = Page::open("comparison.md");
    assert!(page.run("for"));
    for program in ["./check", "go", "node", "python3"] {
        assert!(page.run(program));
    }
    page.is_complete();
}
