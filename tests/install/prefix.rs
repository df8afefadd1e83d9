//! Where the tests install to.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use crate::c_library;
use crate::readme;
use support::*;

pub struct Prefix {
    pub path: PathBuf,
    /// lib, or what the distribution has: lib/x86_64-linux-gnu, lib64.
    pub libdir: PathBuf,
}

impl Prefix {
    fn at(path: PathBuf) -> Self {
        let libdir = files(&path)
            .into_iter()
            .find(|file| file.ends_with("libudsock.a"))
            .and_then(|file| path.join(file).parent().map(Path::to_owned))
            .expect("the library is there");
        Self { path, libdir }
    }

    /// A program that finds what is in the prefix, and nothing of ours that is not.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        for name in ["PATH", "HOME"] {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
        command
            .env("PKG_CONFIG_PATH", self.libdir.join("pkgconfig"))
            .env("LD_LIBRARY_PATH", &self.libdir);
        command
    }
}

/// What is installed; `None`: it can't be done here.
pub fn installed(test: &str) -> Option<&'static Prefix> {
    static PREFIX: OnceLock<Result<Prefix, String>> = OnceLock::new();
    if !has(test, "cargo-cinstall") {
        return None;
    }
    let prefix = PREFIX.get_or_init(|| {
        for old in [image(), path()] {
            let _ = fs::remove_dir_all(old);
        }
        run_here(&readme::command("cargo cinstall"), "/")?;
        run_here(&readme::command("cp -dR"), "/")?;
        Ok(Prefix::at(path()))
    });
    match prefix {
        Ok(prefix) => Some(prefix),
        // What comes with Debian 12.
        Err(reason) if reason.contains("this version of Cargo is older than") => {
            lacks(test, "cargo-c is too old");
            None
        }
        Err(reason) => panic!("{reason}"),
    }
}

/// The same once more, elsewhere.
pub fn installed_below(root: &str) -> Prefix {
    run_here(&readme::command("cp -dR"), root).unwrap_or_else(|reason| panic!("{reason}"));
    let path = path();
    Prefix::at(Path::new(root).join(path.strip_prefix("/").expect("an absolute path")))
}

pub fn uninstall_below(root: &str) {
    run_here(&readme::command("xargs rm"), root).unwrap_or_else(|reason| panic!("{reason}"));
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("installed")
}

fn image() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("image")
}

/// A command of the README's, for our prefix, and without becoming root.
fn run_here(command: &str, root: &str) -> Result<String, String> {
    // With spaces in it, a path is one word all the same.
    let quoted = |path: &Path| format!("'{}'", path.to_str().expect("UTF-8"));
    let root = quoted(Path::new(root));
    let command = command
        .replace("sudo ", "")
        .replace("xargs ", "xargs -d '\\n' ")
        .replace("/. /", &format!("/. {root}"))
        .replace("cd /", &format!("cd {root}"))
        .replace("/usr/local", &quoted(&path()))
        .replace("target/image", &quoted(&image()));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo's layout");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &command])
        .current_dir(c_library::source("."))
        .env("CARGO_TARGET_DIR", target);
    run(&mut shell)
}

/// What it said, or what it complained of.
pub fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}\n{said}\n{complaint}", output.status))
}

/// All that is below a directory and is none, by its path from there, sorted.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let mut command = Command::new("find");
    let said = run(command.args([".", "!", "-type", "d"]).current_dir(directory));
    let said = said.unwrap_or_else(|complaint| panic!("{complaint}"));
    let mut files: Vec<_> = said.lines().map(|line| PathBuf::from(&line[2..])).collect();
    files.sort();
    files
}
