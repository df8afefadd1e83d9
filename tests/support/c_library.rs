//! The library as C programs get it: `libudsock.a`, `libudsock.so` and the header, and
//! a compiler to build a program with them.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

use crate::has;

/// What a program needs beside a static library that is written in Rust.
const SYSTEM_LIBRARIES: [&str; 4] = ["-lpthread", "-ldl", "-lm", "-lgcc_s"];

pub const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// A file of the repository.
pub fn source(path: &str) -> PathBuf {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    top.expect("this crate is in tests/support").join(path)
}

/// The directory for what tests make and leave: CARGO_TARGET_TMPDIR, which only they are built with.
pub fn scratch() -> PathBuf {
    // <target>/<profile>/deps/<test>
    let test = env::current_exe().expect("a test is a file");
    test.ancestors().nth(3).expect("cargo's layout").join("tmp")
}

pub fn header() -> String {
    fs::read_to_string(source("include/udsock.h")).expect("the header is there")
}

/// A header without its comments.
pub fn declarations(header: &str) -> String {
    let mut code = String::new();
    let mut rest = header;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").expect("comments end").1;
    }
    code + rest
}

/// The functions that the header declares.
pub fn declared_functions() -> BTreeSet<String> {
    declarations(&header())
        .split('(')
        .filter_map(|before| before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next())
        .filter(|name| name.starts_with("udsock_"))
        .map(Into::into)
        .collect()
}

/// The C compiler: what the environment says, as for make.
pub fn compiler() -> String {
    env::var("CC").unwrap_or_else(|_| "cc".into())
}

/// Flags for every program: what CFLAGS or CXXFLAGS says, as for make.
pub fn flags(variable: &str) -> Vec<String> {
    let flags = env::var(variable).unwrap_or_default();
    flags.split_whitespace().map(Into::into).collect()
}

/// Compiles the code, for its warnings and errors only, with every compiler there is.
pub fn check(test: &str, language: &str, standards: &[&str], code: &str) {
    let compilers = if language == "c" { ["gcc", "clang"] } else { ["g++", "clang++"] };
    for compiler in compilers.into_iter().filter(|compiler| has(test, compiler)) {
        for standard in standards {
            let mut process = Command::new(compiler)
                .args(WARNINGS)
                .args([standard, "-fsyntax-only", "-x", language, "-I"])
                .arg(source("include"))
                .arg("-")
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap_or_else(|error| panic!("{compiler}: {error}"));
            process.stdin.take().unwrap().write_all(code.as_bytes()).expect("the compiler reads");
            let output = process.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{compiler} {standard}:\n{code}\n{said}");
        }
    }
}

/// The directory with both libraries, which are built first: cargo builds them for a
/// test only under the names of its own. UDSOCK_BUILT: the directory of libraries that were
/// built already, perhaps otherwise (scripts/glibc-2.17.sh).
pub fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        if let Some(built) = env::var_os("UDSOCK_BUILT") {
            return built.into();
        }
        // <target>/<profile>/deps/<test>
        let test = env::current_exe().expect("a test is a file");
        let directory = test.ancestors().nth(2).expect("cargo's layout");
        let profile = match directory.file_name().and_then(|name| name.to_str()) {
            Some("debug") => "dev",
            Some(other) => other,
            None => panic!("{directory:?} is no profile's directory"),
        };
        let mut target = directory.parent().expect("cargo's layout");
        // Cargo adds that of the platform, if it is named.
        if env::var("CARGO_BUILD_TARGET").is_ok_and(|platform| target.ends_with(platform)) {
            target = target.parent().expect("cargo's layout");
        }
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--lib", "--profile", profile, "--target-dir"])
            .arg(target)
            .arg("--manifest-path")
            .arg(source("Cargo.toml"))
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the library could not be built");
        directory.into()
    })
}

/// Builds a program in C, or in C++, with the static library.
pub fn build(program: &str, from: &Path, flags: &[&str]) -> PathBuf {
    let output = scratch().join(program);
    let library = directory().join("libudsock.a");
    let mut inputs = vec![from, &library];
    if from.extension().is_some_and(|end| end == "cpp") {
        inputs.push(Path::new("-lstdc++"));
    }
    compile(&output, flags, &inputs).unwrap_or_else(|message| panic!("{message}"));
    output
}

/// The same with the shared library, which is found where it was built.
pub fn build_shared(program: &str, from: &Path, flags: &[&str]) -> PathBuf {
    let output = scratch().join(program);
    let library = directory().join("libudsock.so");
    let path = format!("-Wl,-rpath,{}", directory().display());
    let flags = [flags, &[path.as_str()]].concat();
    compile(&output, &flags, &[from, &library]).unwrap_or_else(|message| panic!("{message}"));
    output
}

/// Whether the compiler, and the machine, can do with these flags. `Err`: why not.
pub fn supports(flags: &[&str]) -> Result<(), String> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("supports-{}-{count}", std::process::id());
    let program = scratch().join(name);
    let code = program.with_extension("c");
    fs::write(&code, "int main(void) { return 0; }\n").expect("the directory can be written");
    let result = compile(&program, flags, &[&code]).and_then(|()| {
        let ran = Command::new(&program).output().map_err(|error| error.to_string())?;
        let why = String::from_utf8_lossy(&ran.stderr).into_owned();
        if ran.status.success() { Ok(()) } else { Err(why) }
    });
    let _ = fs::remove_file(&code);
    let _ = fs::remove_file(&program);
    result
}

/// Builds a program of these inputs, with the libraries of the system. `Err`: what the compiler says.
pub fn compile(output: &Path, flags: &[&str], inputs: &[&Path]) -> Result<(), String> {
    let ran = Command::new(compiler())
        .args(flags)
        .args(self::flags("CFLAGS"))
        .arg("-I")
        .arg(source("include"))
        .arg("-o")
        .arg(output)
        .args(inputs)
        .args(SYSTEM_LIBRARIES)
        .output()
        .map_err(|error| format!("{}: {error}", compiler()))?;
    if ran.status.success() {
        return Ok(());
    }
    Err(format!("{} {flags:?} {inputs:?}:\n{}", compiler(), String::from_utf8_lossy(&ran.stderr)))
}
