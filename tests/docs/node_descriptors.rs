//! docs/node-descriptors.md: packages that know a protocol with descriptors, over our streams,
//! against the daemons that speak it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::node_binding;
use crate::page::Page;
use crate::running::{HANG, Running};
use crate::{has_all, until};
use support::{has, lacks};

const TEST: &str = "node_descriptors";

const PACKAGES: &str = "dbus-native@0.13.0 x11@4.2.2";

#[test]
fn node_descriptors() {
    if !has_all(TEST, &["node", "npm"]) {
        return;
    }
    let page = Page::open("node-descriptors.md");
    let install = format!("timeout 100 npm install --no-audit --no-fund --prefix . {PACKAGES}");
    let (said, status) = page.spawn(&install).finish();
    if !status.success() {
        return lacks(
            TEST,
            &format!("npm: {}", said.first().map_or("it took too long", String::as_str)),
        );
    }
    if !node_binding::install_into(Path::new(&page.dir.path(".")), TEST) {
        return;
    }
    if has(TEST, "dbus-daemon") {
        over_the_bus(&page);
    } else {
        for command in ["dbus-daemon", "node service.mjs", "node caller.mjs"] {
            page.take(command);
        }
    }
    if has(TEST, "Xvfb") {
        let display = page.start("Xvfb");
        until(&page, "[ -s display ]");
        assert!(page.run("node draw.mjs"));
        display.stop();
    } else {
        page.take("Xvfb");
        page.take("node draw.mjs");
    }
    page.is_complete();
}

fn over_the_bus(page: &Page) {
    let daemon = page.start("dbus-daemon");
    until(page, "[ -S bus ]");
    let service = page.start("node service.mjs");
    assert!(page.run("node caller.mjs"));
    let at_rest = descriptors(&service);
    many_at_once(page);
    peer_of_another_library(page);
    let start = Instant::now();
    while descriptors(&service) != at_rest {
        assert!(start.elapsed() < HANG, "it keeps {} for {at_rest}", descriptors(&service));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(service.stop(), [""; 0]);
    daemon.stop();
}

fn descriptors(service: &Running) -> usize {
    fs::read_dir(format!("/proc/{}/fd", service.id())).unwrap().count()
}

/// Each message comes with its own descriptors, however many are under way.
fn many_at_once(page: &Page) {
    const CALLER: &str = "
import assert from 'node:assert';
import fs from 'node:fs';
import { busAt } from './bus.mjs';

const bus = await busAt('bus');
const [destination, path] = ['com.example.Files', '/files'];
const to = { destination, path, interface: destination, member: 'Sign', signature: 'h', body: [0] };
const files = Array.from({ length: 200 }, (_, i) => fs.openSync(`many-${i}`, 'w+'));
const sign = (fd) => new Promise((resolve, reject) => {
  bus.invoke({ ...to, fds: [fd] }, (error) => (error ? reject(error) : resolve()));
});
await Promise.all(files.map(sign));
for (const i of files.keys()) assert.equal(fs.readFileSync(`many-${i}`, 'utf8'), 'signed\\n');
bus.close();
";
    fs::write(page.dir.path("many.mjs"), CALLER).unwrap();
    page.check("node many.mjs");
}

/// One that uses systemd's; it also sends descriptors that nobody wants.
fn peer_of_another_library(page: &Page) {
    const PEER: &str = "
import ctypes, os, tempfile

sd = ctypes.CDLL('libsystemd.so.0')
bus = ctypes.c_void_p()

def check(result):
    if result < 0:
        raise OSError(-result, os.strerror(-result))

def call(member, types, *values):
    reply = ctypes.c_void_p()
    name = b'com.example.Files'
    check(sd.sd_bus_call_method(bus, name, b'/files', name, member, None,
                                ctypes.byref(reply), types, *values))
    return reply

check(sd.sd_bus_new(ctypes.byref(bus)))
check(sd.sd_bus_set_address(bus, b'unix:path=' + os.path.abspath('bus').encode()))
check(sd.sd_bus_set_bus_client(bus, 1))
check(sd.sd_bus_negotiate_fds(bus, 1))
check(sd.sd_bus_start(bus))
with tempfile.TemporaryFile() as mine:
    call(b'Sign', b'h', mine.fileno())
    assert os.pread(mine.fileno(), 100, 0) == b'signed\\n'
    theirs = ctypes.c_int()
    check(sd.sd_bus_message_read(call(b'Open', b''), b'h', ctypes.byref(theirs)))
    assert os.pread(theirs.value, 100, 0) == b'for those who ask\\n'
    for _ in range(10):
        try:
            call(b'Nothing', b'hh', mine.fileno(), mine.fileno())
        except OSError:
            continue
        raise AssertionError('there is no such method')
";
    if !has(TEST, "python3") {
        return;
    }
    let library = "python3 -c 'import ctypes; ctypes.CDLL(\"libsystemd.so.0\")'";
    if !page.spawn(library).finish().1.success() {
        return lacks(TEST, "no libsystemd for a peer of another library");
    }
    fs::write(page.dir.path("peer.py"), PEER).unwrap();
    page.check("python3 peer.py");
}
