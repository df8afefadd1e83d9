//! The programs themselves: what the stand-ins of the other files do, HAProxy, uWSGI, PostgreSQL,
//! redis, nginx, gunicorn, uvicorn and dbus-daemon do.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::process::{in_child, in_fork, is_root, without_rights};
use support::*;

/// Against a hang only.
const LONG: i32 = 60_000;
const GUARD: Duration = Duration::from_millis(LONG as u64);

/// A program that runs, in a session of its own, as a service manager starts it. It and what it
/// has forked end with this.
struct Program {
    child: Child,
    log: String,
}

impl Program {
    fn start(command: &mut Command, dir: &Dir) -> Self {
        let log = dir.path("log");
        let file = fs::File::create(&log).expect("a log");
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        command.current_dir(dir.path(""));
        // SAFETY: setsid(2) is async-signal-safe.
        unsafe {
            command.pre_exec(|| match libc::setsid() {
                -1 => Err(io::Error::last_os_error()),
                _ => Ok(()),
            });
        }
        Self { child: command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")), log }
    }

    /// As a service manager stops it.
    fn stop(&mut self) {
        self.signal(libc::SIGTERM);
        let start = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < GUARD, "it does not end: {}", self.said());
            sleep(Duration::from_millis(5));
        }
    }

    /// Only the main process, and not what it has forked.
    fn kill_main(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn signal(&self, signal: i32) {
        // SAFETY: no pointers; it has not been waited for.
        unsafe { libc::kill(self.child.id() as i32, signal) };
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: no pointers: the process group is its own.
        unsafe { libc::kill(-(self.child.id() as i32), libc::SIGKILL) };
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// With a directory for its files, and a path.
type Start = fn(&Dir, &str) -> Command;

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn haproxy(dir: &Dir, address: &str) -> Command {
    let configuration = dir.path("haproxy.conf");
    let text = format!(
        "defaults\n mode http\n timeout client 9s\n timeout server 9s\n timeout connect 9s\n\
         frontend f\n bind {address}\n http-request return status 200\n"
    );
    fs::write(&configuration, text).unwrap();
    command("haproxy", &["-db", "-f", &configuration])
}

fn nginx(dir: &Dir, path: &str) -> Command {
    let (configuration, prefix) = (dir.path("nginx.conf"), dir.path(""));
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {prefix}/{name};\n"))
        .concat();
    let text = format!(
        "daemon off;\nworker_processes 1;\npid {prefix}/pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}server {{ listen unix:{path}; return 200; }}\n}}\n"
    );
    fs::write(&configuration, text).unwrap();
    command("nginx", &["-e", "stderr", "-p", &prefix, "-c", &configuration])
}

fn redis(path: &str) -> Command {
    command("redis-server", &["--port", "0", "--save", "", "--unixsocket", path])
}

/// What gunicorn and uvicorn serve.
fn application(dir: &Dir) {
    let text = "def wsgi(environ, start):\n    start('200 OK', [])\n    return [b'ok']\n\
                async def asgi(scope, receive, send):\n    await receive()\n";
    fs::write(dir.path("application.py"), text).unwrap();
}

fn gunicorn(dir: &Dir, path: &str) -> Command {
    application(dir);
    command(
        "gunicorn",
        &["--graceful-timeout", "1", "-b", &format!("unix:{path}"), "application:wsgi"],
    )
}

fn uvicorn(dir: &Dir, path: &str) -> Command {
    application(dir);
    command("uvicorn", &["--lifespan", "off", "--uds", path, "application:asgi"])
}

fn dbus_daemon(address: &str) -> Command {
    command("dbus-daemon", &["--session", "--nofork", &format!("--address={address}")])
}

/// A cluster of the test's own; where its sockets are is a directory.
fn postgres(test: &str, dir: &Dir, sockets: &str) -> Option<Command> {
    let found = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let Some(programs) = found.map(|version| version.path().join("bin")).max() else {
        lacks(test, "no PostgreSQL on this machine");
        return None;
    };
    let data = dir.path("data");
    fs::create_dir(&data).unwrap();
    let as_user = |program: &str| {
        let program = programs.join(program);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program);
        command
    };
    if is_root() {
        let owned = Command::new("chown").args(["postgres", &data, &dir.path("")]).status();
        assert!(owned.unwrap().success());
    }
    let made = as_user("initdb").args(["-D", &data, "-A", "trust", "--no-sync"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut command = as_user("postgres");
    let options = [
        "listen_addresses=".into(),
        format!("unix_socket_directories={sockets}"),
        "fsync=off".into(),
    ];
    command.args(["-D", &data]);
    for option in options {
        command.args(["-c", &option]);
    }
    Some(command)
}

fn retry() -> udsock_connect_options {
    udsock_connect_options { flags: UDSOCK_RETRY, timeout_ms: LONG, ..connect_options() }
}

fn with(flags: u32) -> udsock_bind_options {
    udsock_bind_options { flags, ..bind_options() }
}

/// A server with this address, once a client of ours gets through.
fn reached(program: &Program, address: &str) {
    let client = try_open_client(UDSOCK_STREAM, address, Some(&retry()));
    client.unwrap_or_else(|refusal| panic!("{refusal:?}\n{}", program.said()));
}

/// Where other users may be.
fn open_dir() -> Dir {
    let dir = Dir::new();
    fs::set_permissions(dir.path(""), PermissionsExt::from_mode(0o777)).unwrap();
    dir
}

// ---- names

/// `text` reaches it, and who asks for `@name` is told so.
fn has_the_name(program: &Program, name: &str, text: &str) {
    reached(program, text);
    let refusal = try_open_client(UDSOCK_STREAM, &format!("@{name}"), None);
    let refusal = refusal.expect_err("another name").message;
    assert!(refusal.ends_with(&format!("a socket named {text} is there: write that")), "{refusal}");
}

fn own_name(program: &str) -> String {
    format!("udsock-{program}-{}", std::process::id())
}

#[test]
fn haproxy_pads_its_names() {
    if has("haproxy_pads_its_names", "haproxy") {
        let (dir, name) = (Dir::new(), own_name("haproxy"));
        let program = Program::start(&mut haproxy(&dir, &format!("abns@{name}")), &dir);
        has_the_name(&program, &name, &format!(r"@{name}\z"));
    }
}

#[test]
fn uwsgi_has_a_nul_more() {
    if has("uwsgi_has_a_nul_more", "uwsgi-core") {
        let (dir, name) = (Dir::new(), own_name("uwsgi"));
        let mut command = command("uwsgi-core", &["--master", "--socket", &format!("@{name}")]);
        let program = Program::start(&mut command, &dir);
        has_the_name(&program, &name, &format!(r"@{name}\0"));
    }
}

#[test]
fn postgresql_has_a_file_s_name() {
    const TEST: &str = "postgresql_has_a_file_s_name";
    let (dir, name) = (open_dir(), own_name("postgres"));
    if let Some(mut command) = postgres(TEST, &dir, &format!("@{name}")) {
        let program = Program::start(&mut command, &dir);
        has_the_name(&program, &name, &format!("@{name}/.s.PGSQL.5432"));
    }
}

#[test]
fn dbus_daemon_has_the_name_that_is_written() {
    if has("dbus_daemon_has_the_name_that_is_written", "dbus-daemon") {
        let (dir, name) = (Dir::new(), own_name("dbus"));
        let program = Program::start(&mut dbus_daemon(&format!("unix:abstract={name}")), &dir);
        reached(&program, &format!("@{name}"));
    }
}

/// Of Node.js the version decides.
#[test]
fn node_pads_its_names_until_it_no_longer_does() {
    const TEST: &str = "node_pads_its_names_until_it_no_longer_does";
    if !has(TEST, "node") {
        return;
    }
    let (dir, name) = (Dir::new(), own_name("node"));
    let script = format!("require('net').createServer().listen('\\0{name}')");
    let program = Program::start(&mut command("node", &["-e", &script]), &dir);
    let version = command("node", &["-p", "process.versions.node"]).output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    match version.split('.').next().unwrap().parse().unwrap() {
        20 => has_the_name(&program, &name, &format!(r"@{name}\z")),
        22.. => reached(&program, &format!("@{name}")),
        _ => skip(TEST, &format!("Node.js {version} binds NULs alone")),
    }
}

// ---- paths

fn answers(server: &Sock, path: &str) {
    let client = open_client(UDSOCK_STREAM, path);
    let peer = server.accept(LONG).expect("the path is ours");
    assert_eq!((peer.send(b"ours", LONG), client.recv(LONG)), (4, Ok(b"ours".to_vec())));
}

/// Those that take a live server's path when they start.
#[test]
fn a_path_is_had_back_from_programs_that_take_it() {
    const TEST: &str = "a_path_is_had_back_from_programs_that_take_it";
    let starts: [(&str, Start); 4] = [
        ("redis-server", |_, path| redis(path)),
        ("haproxy", |dir, path| haproxy(dir, &format!("unix@{path}"))),
        ("gunicorn", gunicorn),
        ("dbus-daemon", |_, path| dbus_daemon(&format!("unix:path={path}"))),
    ];
    for (name, start) in starts {
        if !has(TEST, name) {
            continue;
        }
        let dir = Dir::new();
        let path = dir.path("s");
        let claim = with(UDSOCK_RESTORE_FILE);
        let server = try_open_server(UDSOCK_STREAM, &path, Some(&claim)).unwrap();
        let mut program = Program::start(&mut start(&dir, &path), &dir);
        let begin = Instant::now();
        while server.option(UDSOCK_OPTION_RESTORED) == 0 {
            let _ = server.accept(1);
            assert!(begin.elapsed() < GUARD, "{name} takes no path: {}", program.said());
        }
        answers(&server, &path);
        program.stop();
        let _ = server.accept(1);
        assert_eq!(server.option(UDSOCK_OPTION_OWNS_FILE), 1, "{name}");
        answers(&server, &path);
    }
}

/// Those that remove it when they are stopped, whoever has it by then.
#[test]
fn a_path_is_had_back_when_a_replaced_program_removes_it() {
    const TEST: &str = "a_path_is_had_back_when_a_replaced_program_removes_it";
    let starts: [(&str, Start); 4] = [
        ("redis-server", |_, path| redis(path)),
        ("nginx", nginx),
        ("gunicorn", gunicorn),
        ("dbus-daemon", |_, path| dbus_daemon(&format!("unix:path={path}"))),
    ];
    for (name, start) in starts {
        if !has(TEST, name) {
            continue;
        }
        for restore in [0, UDSOCK_RESTORE_FILE] {
            let dir = Dir::new();
            let path = dir.path("s");
            let mut program = Program::start(&mut start(&dir, &path), &dir);
            reached(&program, &path);
            // Until it knows what to do at a signal.
            sleep(Duration::from_millis(500));
            let options = with(UDSOCK_REPLACE | restore);
            let server = try_open_server(UDSOCK_STREAM, &path, Some(&options)).unwrap();
            answers(&server, &path);
            program.stop();
            let owns = server.option(UDSOCK_OPTION_OWNS_FILE);
            assert_eq!(owns, i64::from(restore != 0), "{name} does not do what the atlas says");
            if restore != 0 {
                assert_eq!(server.option(UDSOCK_OPTION_RESTORED), 1, "{name}");
                answers(&server, &path);
            }
        }
    }
}

// ---- starts

/// Those that open their file to others once it is there. The chmod is held up, as it may be.
#[test]
fn another_user_s_client_gets_through_a_start() {
    const TEST: &str = "another_user_s_client_gets_through_a_start";
    if !is_root() {
        return skip(TEST, "only root can be another user");
    }
    if !has(TEST, "strace") {
        return;
    }
    let starts: [(&str, Start); 3] = [
        ("nginx", nginx),
        ("uvicorn", uvicorn),
        ("dbus-daemon", |_, path| dbus_daemon(&format!("unix:path={path}"))),
    ];
    in_child(|| {
        for (name, start) in starts {
            if !has(TEST, name) {
                continue;
            }
            let dir = open_dir();
            let path = dir.path("s");
            let program = start(&dir, &path);
            let held_up = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=/chmod"];
            let mut command = command("strace", &held_up);
            command.args(["-e", "inject=/chmod:delay_enter=300000"]);
            command.arg(program.get_program()).args(program.get_args());
            let program = Program::start(&mut command, &dir);
            let status = in_fork(|| {
                without_rights(|| {
                    let client = try_open_client(UDSOCK_STREAM, &path, Some(&retry()));
                    client.inspect_err(|refusal| eprintln!("{refusal:?}")).is_ok()
                })
            });
            assert_eq!(status, 0, "{name}: {}", program.said());
        }
    });
}

#[test]
fn a_worker_of_nginx_that_was_left_is_told_as_one() {
    if !has("a_worker_of_nginx_that_was_left_is_told_as_one", "nginx") {
        return;
    }
    let dir = open_dir();
    let path = dir.path("s");
    let mut program = Program::start(&mut nginx(&dir, &path), &dir);
    reached(&program, &path);
    let message = || try_open_server(UDSOCK_STREAM, &path, None).expect_err("it listens").message;
    let gone = "its parent is gone";
    assert!(!message().contains(gone), "{}", message());
    // Its worker has begun.
    let begin = Instant::now();
    let children = format!("/proc/{0}/task/{0}/children", program.child.id());
    while fs::read_to_string(&children).unwrap().trim().is_empty() {
        assert!(begin.elapsed() < GUARD, "{}", program.said());
    }
    program.kill_main();
    assert!(message().contains(gone), "{}", message());
}
