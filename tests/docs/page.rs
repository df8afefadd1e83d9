//! A page of docs/: what its fenced blocks hold. A block whose first line is a comment that
//! begins with a file's name is that file; a `console` block has commands, with what they say
//! below them. All of it runs in a directory that stands for /run/app, on ports of its own.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;
use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::bindings::over_checkout;
use crate::c_library;
use crate::running::Running;
use support::Dir;

/// What a reader of the pages compiles with.
const FLAGS: [&str; 6] = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-s"];

pub struct Page {
    pub dir: Dir,
    /// What the page shows, and what stands for it here.
    stand_ins: Vec<(&'static str, String)>,
    commands: Vec<Shown>,
    unused: RefCell<BTreeSet<usize>>,
}

/// A command, and what the page shows below it.
pub struct Shown {
    pub command: String,
    pub says: Vec<String>,
}

impl Page {
    /// Writes the page's files, and builds its programs.
    pub fn open(name: &str) -> Self {
        let dir = Dir::new();
        // Other users are to get to the sockets.
        fs::set_permissions(dir.path("."), Permissions::from_mode(0o755)).unwrap();
        let mut stand_ins = vec![("/run/app", dir.path("").trim_end_matches('/').to_owned())];
        stand_ins.extend(free_ports().map(|(shown, free)| (shown, free.to_string())));
        let mut page = Self { dir, stand_ins, commands: Vec::new(), unused: RefCell::default() };
        let text = fs::read_to_string(c_library::source("docs").join(name)).unwrap();
        let text = page.here(&text);
        for (language, block) in blocks(&text) {
            if language == "console" {
                page.commands.extend(shown(block));
            } else if let Some(file) = file_name(block) {
                let path = page.dir.path(file);
                fs::write(&path, format!("{block}\n")).unwrap();
                if let Some(program) = file.strip_suffix(".c") {
                    let built = format!("docs-{}-{program}", name.trim_end_matches(".md"));
                    let built = c_library::build(&built, Path::new(&path), &FLAGS);
                    fs::copy(built, page.dir.path(program)).unwrap();
                }
            }
        }
        page.unused = RefCell::new((0..page.commands.len()).collect());
        page
    }

    /// The page's next command that begins so, which counts as run.
    pub fn take(&self, command: &str) -> &Shown {
        let command = self.here(command);
        let mut unused = self.unused.borrow_mut();
        let index = *unused
            .iter()
            .find(|index| self.commands[**index].command.starts_with(&command))
            .unwrap_or_else(|| panic!("the page does not (again) show {command}"));
        unused.remove(&index);
        &self.commands[index]
    }

    /// Starts a command, of the page or another.
    pub fn spawn(&self, command: &str) -> Running {
        let mut bash = Command::new("bash");
        bash.args(["-c", &self.here(command)]).current_dir(self.dir.path("."));
        over_checkout(&mut bash);
        // What the system has comes first: a user's own programs are not for other users.
        let path = env::var("PATH").unwrap_or_default();
        bash.env("PATH", format!("/usr/sbin:/usr/bin:/sbin:/bin:{path}"));
        bash.env("GO111MODULE", "off").env("GOFLAGS", "");
        bash.env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-cache"));
        Running::start(bash)
    }

    /// Starts the page's next command that begins so; it has to say what the page shows.
    pub fn start(&self, command: &str) -> Running {
        let shown = self.take(command);
        let mut running = self.spawn(&shown.command);
        for line in &shown.says {
            assert_eq!(running.line(), *line, "{}", shown.command);
        }
        running
    }

    /// Runs it to its end, with exactly that output. Whether it succeeded.
    pub fn run(&self, command: &str) -> bool {
        let shown = self.take(command);
        let (said, status) = self.spawn(&shown.command).finish();
        assert_eq!(said, shown.says, "{}: {status}", shown.command);
        status.success()
    }

    /// Runs a command that is not on the page, which has to succeed.
    pub fn check(&self, command: &str) {
        let (said, status) = self.spawn(command).finish();
        assert!(status.success(), "{command}: {status}: {said:#?}");
    }

    /// No command of the page was forgotten.
    pub fn is_complete(&self) {
        let unused = self.unused.borrow();
        let forgotten: Vec<_> = unused.iter().map(|index| &self.commands[*index].command).collect();
        assert!(forgotten.is_empty(), "{forgotten:#?}");
    }

    fn here(&self, text: &str) -> String {
        self.stand_ins.iter().fold(text.to_owned(), |text, (shown, here)| text.replace(shown, here))
    }
}

/// For the ports that the pages show, different ones, as long as nobody takes them.
fn free_ports() -> [(&'static str, u16); 3] {
    let listeners = ["8080", "8081", "8082"]
        .map(|shown| (shown, TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()));
    listeners.map(|(shown, listener)| (shown, listener.local_addr().unwrap().port()))
}

/// The fenced blocks, each with its language.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    let fences: Vec<&str> = text.split("\n```").collect();
    assert!(fences.len() % 2 == 1, "every block ends");
    let opened = fences.into_iter().skip(1).step_by(2);
    opened.map(|block| block.split_once('\n').expect("a block has lines")).collect()
}

/// The name with which its first line, a comment, begins.
fn file_name(block: &str) -> Option<&str> {
    let comment = ["/* ", "# ", "// "].iter().find_map(|begin| block.strip_prefix(begin))?;
    let name = comment.split([':', '\n']).next()?;
    (name.contains('.') && !name.contains(' ')).then_some(name)
}

fn shown(block: &str) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            let command = command.trim_end_matches(" &").to_owned();
            all.push(Shown { command, says: Vec::new() });
        } else {
            all.last_mut().expect("a command comes first").says.push(line.to_owned());
        }
    }
    all
}
