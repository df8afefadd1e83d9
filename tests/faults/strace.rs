//! strace: which system calls a program makes, and some of them made to fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::process::{Command, Output};

use crate::errnos;
use support::{has, skip};

#[derive(Clone)]
pub struct SystemCall {
    pub name: String,
    /// As strace shows it.
    pub line: String,
    /// Which one of its name it is in this process, from 1.
    number: u32,
}

impl SystemCall {
    pub fn can_fail(&self) -> bool {
        errnos::can_fail(self)
    }

    pub fn fits(&self, name: &str, part: &str) -> bool {
        self.name == name && self.line.contains(part)
    }

    /// What a close(2) closes.
    pub fn closed_descriptor(&self) -> Option<&str> {
        let arguments = self.line.strip_prefix("close(")?;
        arguments.split_once(')').map(|(descriptor, _)| descriptor)
    }

    pub fn is_of_netlink(&self) -> bool {
        ["NETLINK", "nlmsg_"].iter().any(|part| self.line.contains(part))
    }

    pub fn removes_directory(&self) -> bool {
        self.name == "rmdir" || self.line.contains("AT_REMOVEDIR")
    }

    /// What is removed: the last part of the path.
    pub fn removed_name(&self) -> Option<String> {
        let path = self.line.strip_prefix("unlinkat(")?.split('"').nth(1)?;
        path.rsplit('/').next().map(Into::into)
    }
}

#[derive(Clone)]
pub struct Fault {
    pub call: SystemCall,
    pub errno: &'static str,
}

impl Fault {
    /// For strace.
    pub fn as_options(&self) -> [String; 2] {
        let Self { call: SystemCall { name, number, .. }, errno } = self;
        ["-e".into(), format!("inject={name}:error={errno}:when={number}")]
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} for {}", self.errno, self.call.line)
    }
}

/// Whether strace is here and may trace; if not, says that the test is skipped.
pub fn works(test: &str) -> bool {
    if !has(test, "strace") || !has(test, "timeout") {
        return false;
    }
    let tried =
        command("/dev/null", Traced::All, &[]).arg("/bin/true").output().expect("strace is here");
    if !tried.status.success() {
        let said = String::from_utf8_lossy(&tried.stderr);
        skip(test, &format!("strace can't trace: {}", said.trim()));
    }
    tried.status.success()
}

/// What strace is to show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Traced {
    All,
    /// The calls of which one is to fail, and the marks.
    Faults,
}

/// strace, but for what it is to run. It follows the main thread only: what a helper in
/// another thread does meanwhile is neither counted nor made to fail.
pub fn command(log: &str, what: Traced, faults: &[&Fault]) -> Command {
    // Against a hang only; the program has a guard of its own.
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", "60", "strace", "-qq", "-o", log]);
    if what == Traced::Faults {
        let names: BTreeSet<&str> = faults.iter().map(|fault| &*fault.call.name).collect();
        let names: Vec<&str> = names.into_iter().collect();
        command.args(["-e", &format!("trace=?access,?faccessat,?faccessat2,{}", names.join(","))]);
    }
    command.args(faults.iter().flat_map(|fault| fault.as_options()));
    command
}

/// Whether it never came to trace: the program stops for strace when it begins, and a SIGCONT
/// from elsewhere in that moment lets it run without, or lets strace wait for ever.
pub fn is_lost(output: &Output, log: &str) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    !output.status.success() && log.is_empty() && (said.is_empty() || said.starts_with("strace:"))
}

/// The system calls between the program's marks. Of a search through all processes, which
/// come and go, no more than how it begins; and of calls that differ in numbers only (tries,
/// pauses) no more than some.
pub fn calls(log: &str) -> Vec<SystemCall> {
    const BEGINNING: usize = 10;
    const MOST_ALIKE: u32 = 16;
    let mut calls = window(log);
    if let Some(search) = calls.iter().position(|call| call.line.contains("\"/proc\"")) {
        calls.truncate(search + BEGINNING);
    }
    let mut alike: BTreeMap<String, u32> = BTreeMap::new();
    calls.retain(|call| {
        let text = call.line.replace(|letter: char| letter.is_ascii_digit(), "");
        let count = alike.entry(text).or_default();
        *count += 1;
        *count <= MOST_ALIKE
    });
    calls
}

fn window(log: &str) -> Vec<SystemCall> {
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    let mut window = None;
    for line in log.lines() {
        // "name(arguments) = result"; signals are told as "--- ... ---".
        let Some((name, _)) = line.split_once('(').filter(|_| !line.starts_with("---")) else {
            continue;
        };
        let number = numbers.entry(name).or_default();
        *number += 1;
        if line.contains("\"/udsock-begin\"") {
            window = Some(Vec::new());
        } else if line.contains("\"/udsock-end\"") {
            break;
        } else if let Some(calls) = &mut window {
            calls.push(SystemCall { name: name.into(), number: *number, line: line.into() });
        }
    }
    window.unwrap_or_else(|| panic!("no mark:\n{log}"))
}

/// Whether the fault came, once, and between the marks. Not every run makes the same
/// calls: how many receive the kernel's list of sockets depends on its length.
pub fn is_injected(log: &str, fault: &Fault) -> bool {
    let name = format!("{}(", fault.call.name);
    let injected = |line: &str| line.starts_with(&name) && line.ends_with("(INJECTED)");
    let within = window(log).iter().filter(|call| injected(&call.line)).count();
    within == 1 && log.lines().filter(|line| injected(line)).count() == 1
}
