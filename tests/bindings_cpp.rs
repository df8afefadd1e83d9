//! udsock.hpp: every compiler takes it in every mode, its tests pass in each of them, its
//! examples do what they say, and nothing of udsock.h is missing.

use support::c_library;
use support::*;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::{fs, ptr, thread};

const TIMEOUT_MS: i32 = 20_000;
const STANDARDS: [&str; 2] = ["-std=c++17", "-std=c++20"];
const SANITIZERS: [&str; 3] =
    ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];
/// Optimizers see what may be uninitialized.
const OPTIMIZER: [&str; 3] = ["-O1", "-Wshadow", "-Wconversion"];

fn compilers(test: &str) -> Vec<&'static str> {
    ["g++", "clang++"].into_iter().filter(|compiler| has(test, compiler)).collect()
}

fn built(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cpp-{name}"))
}

/// Compiles code that comes through a pipe, together with files, if there are any.
fn compile(compiler: &str, flags: &[&str], code: &str, files: &[&Path]) -> Output {
    let mut process = Command::new(compiler)
        .args(c_library::WARNINGS)
        .args(flags)
        .args(c_library::flags("CXXFLAGS"))
        .arg("-I")
        .arg(c_library::source("include"))
        .arg("-I")
        .arg(c_library::source("bindings/cpp/tests"))
        .args(["-x", "c++", "-"])
        .args(files)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{compiler}: {error}"));
    // A compiler that gives up at once does not read it all.
    let _ = process.stdin.take().unwrap().write_all(code.as_bytes());
    process.wait_with_output().unwrap()
}

/// Builds a program with the shared library.
fn build(compiler: &str, flags: &[&str], code: &str, files: &[&Path], program: &Path) {
    let directory = c_library::directory().to_str().expect("UTF-8");
    let (search, run_path) = (format!("-L{directory}"), format!("-Wl,-rpath,{directory}"));
    let program = program.to_str().expect("UTF-8");
    let link = ["-g", "-pthread", &search, &run_path, "-Wl,--no-as-needed", "-ludsock"];
    let flags = [flags, &link, &["-o", program]].concat();
    let output = compile(compiler, &flags, code, files);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler} {flags:?}:\n{said}");
}

/// The names of the files in a directory of ours that end so.
fn files(directory: &str, end: &str) -> BTreeSet<String> {
    let files = fs::read_dir(c_library::source(directory)).expect("the directory is there");
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    files.filter(|name| name.ends_with(end)).collect()
}

fn can_sanitize(test: &str, compiler: &str) -> bool {
    let program = built(&format!("sanitized-{compiler}"));
    let flags = [&SANITIZERS[..], &["-o", program.to_str().expect("UTF-8")]].concat();
    let output = compile(compiler, &flags, "int main() { return 0; }\n", &[]);
    let works = output.status.success()
        && Command::new(&program).status().is_ok_and(|status| status.success());
    if !works {
        lacks(test, &format!("{compiler} has no sanitizers here"));
    }
    works
}

/// Builds all tests in a mode and runs them: how many passed.
///
/// There are two translation units, so that what is defined twice is noticed. It is not
/// one for each file because most of the time goes into the headers.
fn run_tests(compiler: &str, flags: &[&str]) -> usize {
    let tests = files("bindings/cpp/tests", ".cpp");
    let included = tests.iter().filter(|name| *name != "main.cpp");
    let code: String = included.map(|name| format!("#include \"{name}\"\n")).collect();
    let mode: String = flags.concat().chars().filter(|c| c.is_alphanumeric()).collect();
    let program = built(&format!("tests-{compiler}-{mode}"));
    build(compiler, flags, &code, &[&c_library::source("bindings/cpp/tests/main.cpp")], &program);
    let output = Command::new("timeout").arg("120").arg(&program).output().expect("it runs");
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{compiler} {flags:?}:\n{said}\n{complained}");
    for line in said.lines().filter(|line| line.contains(": skipped")) {
        skip("bindings_cpp", line);
    }
    let count = said.lines().last().and_then(|line| line.strip_suffix(" tests passed"));
    count.and_then(|count| count.parse().ok()).expect("it says how many passed")
}

#[test]
fn passes_its_tests_in_every_mode() {
    const TEST: &str = "passes_its_tests_in_every_mode";
    c_library::directory();
    let mut modes = Vec::new();
    for (i, compiler) in compilers(TEST).into_iter().enumerate() {
        let can_sanitize = can_sanitize(TEST, compiler);
        for (j, standard) in STANDARDS.into_iter().enumerate() {
            for (k, exceptions) in ["-fexceptions", "-fno-exceptions"].into_iter().enumerate() {
                // Each standard with and without exceptions is sanitized by one compiler and
                // optimized by the other.
                let is_sanitized = can_sanitize && (i + j + k) % 2 == 0;
                let more = if is_sanitized { &SANITIZERS } else { &OPTIMIZER };
                modes.push((compiler, [&[standard, exceptions], &more[..]].concat()));
            }
        }
    }
    let programs = modes.len();
    let (modes, passed) = (Mutex::new(modes), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some((compiler, flags)) = modes.lock().unwrap().pop() else { break };
            let count = run_tests(compiler, &flags);
            passed.lock().unwrap().push(count);
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let passed = passed.into_inner().unwrap();
    assert!(passed.iter().all(|count| *count > 40), "{passed:?}");
    let total: usize = passed.iter().sum();
    let _ = writeln!(std::io::stderr(), "bindings_cpp: {total} tests passed in {programs} modes");
}

#[test]
fn each_header_compiles_alone_and_twice() {
    const TEST: &str = "each_header_compiles_alone_and_twice";
    let mut headers = vec!["udsock.hpp".to_owned()];
    headers.extend(files("include/udsock", ".hpp").iter().map(|name| format!("udsock/{name}")));
    assert!(headers.len() > 10);
    let whole = fs::read_to_string(c_library::source("include/udsock.hpp")).unwrap();
    for compiler in compilers(TEST).into_iter().take(1) {
        for header in &headers {
            assert!(header == "udsock.hpp" || whole.contains(&format!("#include \"{header}\"")));
            let code = format!("#include \"{header}\"\n#include \"{header}\"\n");
            let output = compile(compiler, &["-std=c++17", "-fsyntax-only"], &code, &[]);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{compiler} {header}:\n{said}");
        }
    }
}

#[test]
fn an_older_standard_is_told_in_words() {
    const TEST: &str = "an_older_standard_is_told_in_words";
    for compiler in compilers(TEST) {
        for standard in ["-std=c++11", "-std=c++14"] {
            let flags = [standard, "-fsyntax-only"];
            let output = compile(compiler, &flags, "#include \"udsock.hpp\"\n", &[]);
            let said = String::from_utf8_lossy(&output.stderr);
            let first = said.lines().find(|line| line.contains("error:")).unwrap_or_default();
            assert!(first.contains("takes C++17 or later"), "{compiler} {standard}: {said}");
        }
    }
}

#[test]
fn has_every_call_and_constant_of_the_c_header() {
    let headers: String = files("include/udsock", ".hpp")
        .iter()
        .map(|name| fs::read_to_string(c_library::source("include/udsock").join(name)).unwrap())
        .collect();
    for function in c_library::declared_functions() {
        assert!(headers.contains(&format!("{function}(")), "{function} is not called");
    }
    // For the preprocessor, and for structs that have no use here.
    let only_in_c = ["UDSOCK_H", "UDSOCK_MUST_USE", "UDSOCK_ERROR_INIT", "UDSOCK_MESSAGE_SIZE"];
    let c_header = c_library::header();
    let defined = c_header.lines().filter_map(|line| line.strip_prefix("#define "));
    let names = defined.filter_map(|rest| rest.split_whitespace().next());
    let names = names.filter(|name| !name.starts_with("UDSOCK_VERSION"));
    for name in names.filter(|name| !only_in_c.contains(name)) {
        let is_whole = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        assert!(headers.split(name).skip(1).any(is_whole), "{name} is nowhere");
    }
}

/// A program under test, ended with its owner.
struct Running(Child);

impl Running {
    fn start(program: &Path, arguments: &[&str]) -> Self {
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("{program:?}: {error}")))
    }

    fn id(&self) -> i32 {
        i32::try_from(self.0.id()).expect("a process number")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A client of a server that may still have to start.
fn join(kind: u32, address: &str) -> Sock {
    let options =
        udsock_connect_options { flags: UDSOCK_RETRY, timeout_ms: TIMEOUT_MS, ..connect_options() };
    try_open_client(kind, address, Some(&options)).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

fn next_line(client: &Sock) -> String {
    String::from_utf8(client.recv(TIMEOUT_MS).expect("a line")).expect("UTF-8")
}

fn example(name: &str) -> String {
    fs::read_to_string(c_library::source("bindings/cpp/examples").join(name)).unwrap()
}

#[test]
fn the_echo_server_outlives_its_clients() {
    const TEST: &str = "the_echo_server_outlives_its_clients";
    let dir = Dir::new();
    for (compiler, standard) in compilers(TEST).into_iter().zip(STANDARDS) {
        let address = dir.path(compiler);
        let code = example("echo_server.cpp").replace("/tmp/echo.sock", &address);
        let program = built(&format!("echo-{compiler}"));
        build(compiler, &[standard], &code, &[], &program);
        let server = Running::start(&program, &[]);

        let client = join(UDSOCK_STREAM, &address);
        assert_eq!(client.send_all(b"hello", TIMEOUT_MS), (5, 5));
        assert_eq!(client.recv_exact(5, TIMEOUT_MS), (5, b"hello".to_vec()));
        let rude = join(UDSOCK_STREAM, &address);
        assert_eq!(rude.send_all(&[b'x'; 100_000], TIMEOUT_MS).0, 100_000);
        drop((client, rude));
        let client = join(UDSOCK_STREAM, &address);
        assert_eq!(client.send_all(b"again", TIMEOUT_MS), (5, 5));
        assert_eq!(client.recv_exact(5, TIMEOUT_MS), (5, b"again".to_vec()));

        let second = Command::new(&program).output().expect("it runs");
        let said = String::from_utf8_lossy(&second.stderr);
        assert_eq!(second.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("pid {}", server.id())), "{said}");
        drop(server);
    }
}

#[test]
fn the_chat_room_does_what_it_says() {
    const TEST: &str = "the_chat_room_does_what_it_says";
    let dir = Dir::new();
    for (compiler, standard) in compilers(TEST).into_iter().zip(STANDARDS) {
        let address = dir.path("chat");
        let program = built(&format!("chat-{compiler}"));
        build(compiler, &[standard], &example("chat.cpp"), &[], &program);
        let mut server = Running::start(&program, &["serve", &address]);
        let us = std::process::id();

        let first = join(UDSOCK_SEQPACKET, &address);
        let second = join(UDSOCK_SEQPACKET, &address);
        assert_eq!(next_line(&first), format!("process {us}: is here"));
        assert_eq!(second.send(b"", TIMEOUT_MS), 0);
        assert_eq!(next_line(&first), format!("process {us}: "));
        drop(second);
        assert_eq!(next_line(&first), format!("process {us}: has gone"));

        let mut guest = Running::start(&program, &["join", &address]);
        assert_eq!(next_line(&first), format!("process {}: is here", guest.id()));
        let mut typed = guest.0.stdin.take().unwrap();
        typed.write_all(b"hello\n").unwrap();
        assert_eq!(next_line(&first), format!("process {}: hello", guest.id()));
        assert_eq!(first.send(b"welcome", TIMEOUT_MS), 7);
        let mut shown = BufReader::new(guest.0.stdout.take().unwrap()).lines();
        assert_eq!(shown.next().unwrap().unwrap(), format!("process {us}: welcome"));
        drop(typed);
        assert!(guest.0.wait().unwrap().success());

        let mut successor = Running::start(&program, &["serve", &address]);
        assert!(join_until(&address, successor.id()), "the successor has the path");
        // SAFETY: no pointers. Both are children of ours that were not waited for.
        unsafe { libc::kill(server.id(), libc::SIGTERM) };
        assert_eq!(server.0.wait().unwrap().signal(), Some(libc::SIGTERM));
        assert_eq!(dir.list(), ["chat"], "it belongs to the successor");
        // SAFETY: as above.
        unsafe { libc::kill(successor.id(), libc::SIGTERM) };
        assert_eq!(successor.0.wait().unwrap().signal(), Some(libc::SIGTERM));
        assert!(dir.list().is_empty());
        let mut complaints = String::new();
        server.0.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
        assert_eq!(complaints, "");
    }
}

/// Connects until it is this process that answers.
fn join_until(address: &str, pid: i32) -> bool {
    let start = std::time::Instant::now();
    while start.elapsed().as_secs() < 20 {
        let client = join(UDSOCK_SEQPACKET, address);
        let mut who = udsock_credentials { pid: 0, uid: 0, gid: 0 };
        // SAFETY: room for credentials.
        let result = unsafe { udsock_peer_credentials(client.0, ptr::from_mut(&mut who)) };
        if result == 0 && who.pid == pid {
            return true;
        }
        thread::sleep(std::time::Duration::from_millis(5));
    }
    false
}

#[test]
fn the_readme_shows_the_echo_server_in_less_than_20_lines() {
    let code = example("echo_server.cpp");
    assert!(code.lines().count() < 20);
    let readme = fs::read_to_string(c_library::source("bindings/cpp/README.md")).unwrap();
    assert!(readme.contains(&code), "the README's is another one");
}
