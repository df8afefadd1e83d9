//! The library from another language by its bare ABI.

use std::process::Command;
use support::c_library;

#[test]
fn python_s_ctypes_converses_over_every_kind() {
    if !support::has("python_s_ctypes_converses_over_every_kind", "python3") {
        return;
    }
    let output = Command::new("python3")
        .arg(c_library::source("tests/foreign/conversation.py"))
        .arg(c_library::directory().join("libudsock.so"))
        .output()
        .expect("it is there");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}
