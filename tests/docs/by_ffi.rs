//! docs/ffi.md: the same echo by each way to call C, and the call that the README shows.

use std::fs;

use crate::page::Page;
use crate::{c_library, exists, has_all, has_runtime};

#[test]
fn by_ffi() {
    const TEST: &str = "by_ffi";
    if !has_all(TEST, &["node", "npm", "python3"]) {
        return;
    }
    let page = Page::open("ffi.md");
    let echoes = |command: &str, file: &str| {
        let server = page.start(&format!("{command} server"));
        assert!(page.run(&format!("{command} client")));
        server.stop();
        // Node.js has handlers of its own for the signal.
        assert!(file.is_empty() || !exists(&page, file), "{file}");
    };
    let passes_over = |command: &str| {
        page.take(&format!("{command} server"));
        page.take(&format!("{command} client"));
    };
    echoes("python3 echo_ctypes.py", "ctypes.sock");
    let koffi = "timeout 25 npm install --no-audit --no-fund --prefix . koffi@3.3.4 && node -e 'require(\"koffi\")'";
    let has_koffi = has_runtime(TEST, &page, "koffi", koffi);
    for (name, probe, command, file) in [
        ("koffi", "", "node koffi.mjs", "koffi.sock"),
        (
            "node:ffi",
            "node --experimental-ffi -e 'require(\"node:ffi\")'",
            "node --no-warnings --experimental-ffi node-ffi.mjs",
            "",
        ),
        ("bun", "bun --version", "bun bun-ffi.mjs", "bun.sock"),
        ("deno", "deno --version", "deno run --allow-all deno-ffi.mjs", "deno.sock"),
    ] {
        let is_here =
            if probe.is_empty() { has_koffi } else { has_runtime(TEST, &page, name, probe) };
        if is_here { echoes(command, file) } else { passes_over(command) }
    }
    if has_koffi {
        the_readme_by_ffi(&page);
    }
    page.is_complete();
}

/// The README's call, to a server that is there.
fn the_readme_by_ffi(page: &Page) {
    let readme = fs::read_to_string(c_library::source("README.md")).unwrap();
    let (_, rest) = readme.split_once("```js\nimport koffi").expect("the README shows a call");
    let (code, _) = rest.split_once("```").unwrap();
    let library = c_library::directory().join("libudsock.so");
    let code = code
        .replace("libudsock.so.0", library.to_str().unwrap())
        .replace("/tmp/echo.sock", &page.dir.path("readme.sock"));
    let code = format!("import koffi{code}\nprocess.exit(client > 0 ? 0 : 1);\n");
    fs::write(page.dir.path("readme.mjs"), code).unwrap();
    let mut server = page.spawn("python3 echo_ctypes.py server readme.sock");
    server.line();
    page.check("node readme.mjs");
}
