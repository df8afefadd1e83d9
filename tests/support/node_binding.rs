//! The Node.js binding, with what npm installs beside it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::c_library;
use crate::lacks;

/// What is copied of the binding; npm installs the rest beside it.
const PARTS: [&str; 10] = [
    "lib",
    "src",
    "scripts",
    "test",
    "types",
    "README.md",
    "npm",
    "package.json",
    "package-lock.json",
    ".npmrc",
];

/// A copy of the binding with everything that npm installs; `None`: it can't be had here.
pub fn installed(test: &str) -> Option<PathBuf> {
    static COPY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match COPY.get_or_init(install) {
        Ok(copy) => Some(copy.clone()),
        Err(reason) => {
            lacks(test, reason);
            None
        }
    }
}

/// Lets programs in this directory import 'udsock', as after npm install. Whether it can be had.
pub fn install_into(directory: &Path, test: &str) -> bool {
    let Some(binding) = installed(test) else { return false };
    let modules = directory.join("node_modules");
    fs::create_dir_all(&modules).expect("the directory can be written");
    symlink(binding, modules.join("udsock")).expect("npm has put nothing there");
    true
}

/// What docs/node-with-your-library.md imports, as npm installs it.
pub fn libraries(test: &str) -> Option<PathBuf> {
    let from = c_library::source("bindings/node/test/libraries");
    let copy = c_library::scratch().join("node-libraries");
    fs::create_dir_all(&copy).expect("the directory can be written");
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(from.join(file), copy.join(file)).expect("the directory can be written");
    }
    if let Err(reason) = install_locked(&copy) {
        lacks(test, &format!("what the page on libraries imports: {reason}"));
        return None;
    }
    Some(copy.join("node_modules"))
}

fn install() -> Result<PathBuf, String> {
    let binding = c_library::source("bindings/node");
    let copy = c_library::scratch().join("bindings-node");
    fs::create_dir_all(&copy).expect("the directory can be written");
    for part in PARTS {
        let to = copy.join(part);
        if to.is_dir() {
            fs::remove_dir_all(&to).expect("an old copy can be removed");
        }
        let (is_copied, said) = run(Command::new("cp").arg("-Rp").args([binding.join(part), to]));
        assert!(is_copied, "{said}");
    }
    install_locked(&copy)?;
    build_addon(copy)
}

/// What the lock file in this directory says, unless that is here already.
fn install_locked(directory: &Path) -> Result<(), String> {
    let lock = fs::read(directory.join("package-lock.json")).expect("the lock file is there");
    let stamp = directory.join("installed");
    if fs::read(&stamp).is_ok_and(|last| last == lock) {
        return Ok(());
    }
    let (is_installed, said) = run(Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(directory));
    if !is_installed {
        // The last line but that of the log.
        let why = said.lines().rfind(|line| !line.contains("A complete log of this run"));
        return Err(format!("npm ci: {}", why.unwrap_or_default()));
    }
    fs::write(&stamp, lock).expect("the directory can be written");
    Ok(())
}

fn build_addon(copy: PathBuf) -> Result<PathBuf, String> {
    let build = "require('./scripts/addon.cjs').built()";
    let (is_built, said) = run(Command::new("node")
        .args(["-e", build])
        .env("CPATH", c_library::source("include"))
        .current_dir(&copy));
    // Without a compiler there is no addon; what the compiler says against ours is a failure.
    if !is_built && said.contains("ENOENT") {
        return Err("no C compiler".to_owned());
    }
    assert!(is_built && !said.contains("warning:"), "the addon: {said}");
    Ok(copy)
}

/// Whether it succeeded, and what it said.
pub fn run(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}
