//! One scenario with one fault: what it finds, what came of it, and what is wrong with that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::c_library;
use crate::strace::{self, Fault, SystemCall, Traced};
use support::{Dir, name_of};

#[derive(Clone)]
pub struct Scenario {
    /// Its name in faults.c.
    pub name: String,
    /// Of the socket file, in the cell's directory.
    pub path: String,
    /// Whether a live server is there already.
    pub occupied: bool,
    /// The directories that it makes, which stay.
    pub makes: &'static [&'static str],
    /// A call that fails in any case, by a part of what strace shows of it.
    pub given: Option<(&'static str, &'static str)>,
}

impl Scenario {
    pub fn new(name: &str) -> Self {
        let (name, path) = (name.into(), "server".into());
        Self { name, path, occupied: false, makes: &[], given: None }
    }

    pub fn occupied(name: &str) -> Self {
        Self { occupied: true, ..Self::new(name) }
    }

    pub fn given(name: &str, call: &'static str, errno: &'static str) -> Self {
        Self { given: Some((call, errno)), ..Self::new(name) }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.given {
            Some((call, errno)) => write!(out, "{}, with {errno} for {call}", self.name),
            None => write!(out, "{}", self.name),
        }
    }
}

/// The scenarios of faults.c that are about this.
pub fn scenarios_of(noun: &str) -> Vec<Scenario> {
    let output = output_of(Command::new(program()).args(["list", noun]));
    assert!(output.status.success(), "{noun}");
    let names = String::from_utf8(output.stdout).expect("UTF-8");
    names.lines().map(Scenario::new).collect()
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let flags = [&["-std=c11", "-g"][..], &c_library::WARNINGS].concat();
        c_library::build("faults", &c_library::source("tests/faults.c"), &flags)
    })
}

/// A directory of its own, and in it what the scenario finds.
pub struct Cell<'a> {
    scenario: &'a Scenario,
    dir: Dir,
    live: Option<UnixListener>,
    before: BTreeMap<String, u64>,
}

/// What the program printed: facts by their names, and those that can come many times.
pub struct Report {
    pub facts: BTreeMap<String, String>,
    pub wrong: Vec<String>,
    /// What it lets the call answer instead of the errno.
    instead: Vec<String>,
    /// What it was told of a part of the call: a message of a batch, a member of a poller.
    named: Vec<String>,
}

impl Report {
    fn new(printed: &str) -> Self {
        let facts = BTreeMap::new();
        let mut report = Self { facts, wrong: Vec::new(), instead: Vec::new(), named: Vec::new() };
        for line in printed.lines() {
            let (name, fact) = line.split_once(' ').expect("a name and a fact");
            match name {
                "wrong" => report.wrong.push(fact.into()),
                "instead" => report.instead.push(fact.into()),
                "named" => report.named.push(fact.into()),
                _ => drop(report.facts.insert(name.into(), fact.into())),
            }
        }
        report
    }

    fn fact(&self, name: &str) -> &str {
        self.facts.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str) -> i64 {
        self.fact(name).parse().unwrap_or_else(|_| panic!("no {name}: {:?}", self.facts))
    }

    pub fn failed(&self) -> bool {
        self.number("result") < 0
    }

    /// Whether what came is what comes without faults.
    pub fn is_as_expected(&self) -> bool {
        let expected = self.number("expected");
        if expected < 0 { self.number("result") == expected } else { !self.failed() }
    }

    pub fn is_told(&self) -> bool {
        !self.is_as_expected() || !self.named.is_empty()
    }
}

impl<'a> Cell<'a> {
    pub fn new(scenario: &'a Scenario) -> Self {
        let dir = Dir::new();
        fs::create_dir(dir.path("files")).unwrap();
        let mut cell = Self { scenario, dir, live: None, before: BTreeMap::new() };
        if scenario.occupied {
            let live = UnixListener::bind(cell.path()).expect("the path is free");
            live.set_nonblocking(true).unwrap();
            cell.live = Some(live);
        }
        cell.before = cell.files();
        cell
    }

    fn path(&self) -> String {
        self.dir.path(&format!("files/{}", self.scenario.path))
    }

    /// Every file by its name, with its inode.
    fn files(&self) -> BTreeMap<String, u64> {
        let root = self.dir.path("files/");
        let mut files = BTreeMap::new();
        let mut directories = vec![PathBuf::from(&root)];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("it is there") {
                let path = entry.unwrap().path();
                let status = path.symlink_metadata().expect("it is there");
                let name = path.strip_prefix(&root).unwrap().to_str().expect("UTF-8");
                files.insert(name.into(), status.ino());
                if status.is_dir() {
                    directories.push(path);
                }
            }
        }
        files
    }

    /// A cell in which this was done. Each attempt that came to nothing is made in a new one.
    pub fn after<T>(scenario: &'a Scenario, attempt: impl Fn(&Self) -> Option<T>) -> (Self, T) {
        const ATTEMPTS: usize = 5;
        (0..ATTEMPTS)
            .find_map(|_| {
                let cell = Self::new(scenario);
                let done = attempt(&cell)?;
                Some((cell, done))
            })
            .unwrap_or_else(|| panic!("{scenario}: strace does not come to trace"))
    }

    /// The program's report, and strace's log. `None`: it came to nothing.
    fn trace(
        &self,
        what: Traced,
        faults: &[&Fault],
        arguments: &[&str],
    ) -> Option<(Report, String)> {
        let log = self.dir.path("log");
        let mut command = strace::command(&log, what, faults);
        command.arg(program()).args([&self.scenario.name, &self.path()]).args(arguments);
        let output = output_of(&mut command);
        let log = fs::read_to_string(log).unwrap_or_default();
        (!strace::is_lost(&output, &log)).then(|| (report_from(&command, output), log))
    }

    /// The program's report, and its system calls, with what is given.
    pub fn run(&self, given: Option<&Fault>) -> Option<(Report, Vec<SystemCall>)> {
        let (report, log) = self.trace(Traced::All, given.as_slice(), &[])?;
        Some((report, strace::calls(&log)))
    }

    /// The program's report. `Some(None)`: the call that was to fail was not made this time.
    pub fn run_with(&self, fault: &Fault, given: Option<&Fault>) -> Option<Option<Report>> {
        let faults: Vec<&Fault> = given.into_iter().chain([fault]).collect();
        let unclosed: Vec<&str> = fault.call.closed_descriptor().into_iter().collect();
        let (report, log) = self.trace(Traced::Faults, &faults, &unclosed)?;
        Some(strace::is_injected(&log, fault).then_some(report))
    }

    /// What came that should not have, with what the fault did.
    pub fn complaints(&mut self, fault: &Fault, report: &Report) -> Vec<String> {
        let mut complaints = report.wrong.clone();
        complaints.extend(self.complaints_of_result(fault, report));
        let remains = self.remains(report);
        let excused = self.excused(fault, report);
        for name in &remains {
            if !excused.contains(name) {
                complaints.push(format!("{name} was left behind"));
            }
        }
        if report.failed() {
            complaints.extend(self.complaints_of_live_server());
        }
        if !remains.is_empty() {
            complaints.extend(self.complaints_of_next_start());
        }
        complaints
    }

    fn complaints_of_result(&self, fault: &Fault, report: &Report) -> Vec<String> {
        let mut complaints = Vec::new();
        for name in report.named.iter().filter(|name| **name != fault.errno) {
            complaints.push(format!("{name} is not what happened"));
        }
        if report.failed() {
            let code = name_of(report.number("result"));
            let unknown = code == "EINVAL" && is_unknown(report.fact("message"));
            let given = self.scenario.given.is_some_and(|(_, errno)| code == errno);
            let may_be = code == fault.errno || report.is_as_expected() || unknown || given;
            if !may_be && !report.instead.contains(&code) {
                complaints.push(format!("{code} is not what happened"));
            }
            complaints.extend(complaint_of_message(report));
        } else if !report.is_as_expected() {
            complaints.push("it succeeded, which it can't".into());
        }
        // Who may not connect, and is not told of the kernel's sockets either, takes it for live.
        if !report.fact("doubt").is_empty() && !fault.call.is_of_netlink() {
            complaints.push("what nobody has open was said to be alive".into());
        }
        complaints
    }

    /// What is there that was not there before the call.
    pub fn remains(&self, report: &Report) -> BTreeSet<String> {
        let made = if report.failed() { &[] } else { self.scenario.makes };
        let stale = (self.scenario.path.clone(), report.fact("stale").parse().unwrap_or(0));
        self.files()
            .into_iter()
            .filter(|(name, inode)| self.before.get(name) != Some(inode))
            .filter(|(name, _)| !made.contains(&name.as_str()))
            .filter(|file| !(report.failed() && *file == stale))
            .map(|(name, _)| name)
            .collect()
    }

    /// What may be left: what could not be removed because the removal itself failed.
    fn excused(&self, fault: &Fault, report: &Report) -> BTreeSet<String> {
        let mut excused: BTreeSet<String> = fault.call.removed_name().into_iter().collect();
        if self.scenario.name == "close" && report.failed() {
            excused.insert(self.scenario.path.clone());
        }
        if fault.call.removes_directory() {
            excused.extend(self.scenario.makes.iter().map(|name| (*name).into()));
        }
        excused
    }

    /// The live server has its path, saw nothing, and can be reached.
    fn complaints_of_live_server(&self) -> Option<String> {
        let live = self.live.as_ref()?;
        let path = self.path();
        if self.files().get(&self.scenario.path) != self.before.get(&self.scenario.path) {
            return Some("the live server was displaced".into());
        }
        if live.accept().is_ok() {
            return Some("the live server saw a client".into());
        }
        let _client = match UnixStream::connect(path) {
            Ok(client) => client,
            Err(error) => return Some(format!("the live server can't be reached: {error}")),
        };
        live.accept().err().map(|error| format!("the live server has no client: {error}"))
    }

    /// The next start succeeds and takes away what is left, once its server has gone. That
    /// may take a moment: what another test is about to spawn has a copy of the server.
    fn complaints_of_next_start(&mut self) -> Vec<String> {
        self.live = None;
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let mut command = Command::new(program());
            command.args([&self.scenario.name, &self.path()]);
            let report = report_of(command);
            let mut complaints = report.wrong.clone();
            if report.failed() {
                complaints.push(format!("the next start failed: {}", report.fact("message")));
            }
            let remains = self.remains(&report);
            complaints.extend(remains.iter().map(|name| format!("{name} was not swept")));
            if complaints.is_empty() || Instant::now() > deadline {
                return complaints;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A message says which call, of what, and why. A long address is shown by its ends.
fn complaint_of_message(report: &Report) -> Option<String> {
    let (call, address) = (report.fact("tells"), report.fact("address"));
    if call.is_empty() {
        return None;
    }
    if report.fact("code") != report.fact("result") {
        return Some(format!("the error says {}", report.fact("code")));
    }
    let end = &address[address.len().saturating_sub(40)..];
    let message = report.fact("message");
    let reason = message.split_once(&format!("{end}: ")).map_or("", |(_, reason)| reason);
    let is_good = message.starts_with(call) && !reason.is_empty();
    (!is_good).then(|| format!("the message is \"{message}\""))
}

/// An argument is refused because what it means can't be found out. (What getpwnam(3) can't
/// read, to it is not there.)
fn is_unknown(message: &str) -> bool {
    ["there is no such user", "there is no such group", "the umask is not known"]
        .iter()
        .any(|reason| message.contains(reason))
}

fn report_of(mut command: Command) -> Report {
    let output = output_of(&mut command);
    report_from(&command, output)
}

fn output_of(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn report_from(command: &Command, output: Output) -> Report {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    Report::new(&String::from_utf8(output.stdout).expect("UTF-8"))
}
