//! The Python package: its own tests, its types, `CPython`'s tests of sockets over it, and
//! its wheel.

use support::*;
use support::{bindings, c_library};

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Where the package is.
fn package() -> PathBuf {
    c_library::source("bindings/python")
}

fn in_target(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A command's output, words together, or what it complained of.
fn run(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } =
        command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&stdout).into_owned();
    if status.success() {
        return Ok(said);
    }
    Err(format!("{command:?}: {status}\n{said}\n{}", String::from_utf8_lossy(&stderr)))
}

/// One line about what ran, past the runner's capture.
fn report(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// An environment of Python's, made anew.
fn environment(place: &Path) -> Result<(), String> {
    let _ = fs::remove_dir_all(place);
    run(Command::new("python3").args(["-m", "venv"]).arg(place)).map(drop)
}

/// The Python that has what the tests need, installed if it is not there.
fn python(test: &str) -> Option<PathBuf> {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    python_with(test, "requirements", &PYTHON)
}

/// A Python with what this file of the tests names, in an environment of its own.
fn python_with(
    test: &str,
    requirements: &str,
    installed: &OnceLock<Result<PathBuf, String>>,
) -> Option<PathBuf> {
    let python = installed.get_or_init(|| {
        let place = in_target(&format!("python-{requirements}"));
        let python = place.join("bin/python");
        let file = package().join(format!("tests/{requirements}.txt"));
        let wanted = fs::read_to_string(&file).expect("the requirements are there");
        let installed = place.join("installed.txt");
        if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
            return Ok(python);
        }
        environment(&place)?;
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--requirement"]);
        run(install.arg(file))?;
        fs::write(&installed, &wanted).expect("the target directory can be written");
        Ok(python)
    });
    match python {
        Ok(python) => Some(python.clone()),
        Err(reason) => {
            lacks(test, reason);
            None
        }
    }
}

/// A Python that finds the package in the checkout, and the library that was just built. What the
/// accelerator does, ctypes does.
fn over_checkout(python: &Path) -> Command {
    let mut command = Command::new(python);
    bindings::over_checkout(&mut command).current_dir(package()).env("UDSOCK_ACCELERATOR", "");
    command
}

/// The accelerator, built for this Python.
fn accelerator(test: &str, python: &Path) -> Option<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let file = in_target("_fast.abi3.so");
        let mut build = Command::new(python);
        build.arg(package().join("accelerator/build.py")).arg(&file);
        let Output { status, stdout, stderr } = build.output().expect("Python can be started");
        match status.code() {
            Some(0) => Ok(file),
            Some(77) => Err(String::from_utf8_lossy(&stdout).trim().to_owned()),
            _ => panic!("{}", String::from_utf8_lossy(&stderr)),
        }
    });
    match built {
        Ok(file) => Some(file.clone()),
        Err(reason) => {
            lacks(test, reason);
            None
        }
    }
}

/// And its own tests call each of these with garbage.
#[test]
fn it_has_every_call() {
    let library = fs::read_to_string(package().join("src/udsock/_library.py")).unwrap();
    for function in c_library::declared_functions() {
        assert!(library.contains(&format!("\"{function}\": (")), "{function}");
    }
}

/// The names that C has for options, in the words that a `udsock_error` brings.
fn names_in_messages() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut directories = vec![c_library::source("src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("the directory is there") {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            // Below the ABI nothing else has such a name; there the constants have them.
            let is_abi = path.starts_with(c_library::source("src/abi"));
            let text = fs::read_to_string(&path).expect("UTF-8");
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                let spoken: String = line
                    .split('"')
                    .skip(usize::from(is_abi))
                    .step_by(1 + usize::from(is_abi))
                    .collect();
                let words = spoken.split(|c: char| !c.is_ascii_uppercase() && c != '_');
                names.extend(words.filter(|word| word.starts_with("UDSOCK_")).map(str::to_owned));
            }
        }
    }
    names
}

/// A binding puts its own names into them; the tests of Python's compare with the same table.
#[test]
fn every_option_that_a_message_names_has_a_name_in_the_bindings() {
    // Codes, and a variable of the environment.
    let codes = ["UDSOCK_EOF", "UDSOCK_CLOSED", "UDSOCK_PANIC", "UDSOCK_LOG"];
    let table = fs::read_to_string(c_library::source("abi/option_names.txt")).unwrap();
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    let known: BTreeSet<_> = rows.filter_map(|row| row.split_whitespace().next()).collect();
    assert!(known.contains("UDSOCK_REPLACE"));
    for name in names_in_messages().iter().filter(|name| !codes.contains(&name.as_str())) {
        assert!(known.contains(name.as_str()), "{name} is not in abi/option_names.txt");
    }
}

/// `accelerator`: a file, or nothing.
fn own_tests(python: &Path, accelerator: &Path, name: &str) {
    let mut pytest = over_checkout(python);
    pytest.env("UDSOCK_ACCELERATOR", accelerator);
    pytest.args(["-m", "pytest", "--quiet", "-p", "no:cacheprovider"]);
    // (They have an environment of their own.)
    pytest.arg("--ignore=tests/test_frameworks.py");
    pytest.arg("--basetemp").arg(in_target(name));
    let said = run(&mut pytest).unwrap_or_else(|complaint| panic!("{complaint}"));
    report(&format!("{name}: {}", said.lines().last().unwrap_or_default()));
}

#[test]
fn its_own_tests_pass() {
    let Some(python) = python("its_own_tests_pass") else { return };
    own_tests(&python, Path::new(""), "pytest");
}

#[test]
fn its_own_tests_pass_with_the_accelerator() {
    const TEST: &str = "its_own_tests_pass_with_the_accelerator";
    let Some(python) = python(TEST) else { return };
    let Some(accelerator) = accelerator(TEST, &python) else { return };
    own_tests(&python, &accelerator, "pytest-accelerated");
}

#[test]
fn frameworks_serve_over_it() {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let Some(python) = python_with("frameworks_serve_over_it", "frameworks", &PYTHON) else {
        return;
    };
    let mut pytest = over_checkout(&python);
    pytest.args(["-m", "pytest", "--quiet", "-rs", "-p", "no:cacheprovider"]);
    pytest.arg("--basetemp").arg(in_target("pytest-frameworks"));
    let said = run(pytest.arg("tests/test_frameworks.py"))
        .unwrap_or_else(|complaint| panic!("{complaint}"));
    said.lines().filter(|line| line.starts_with("SKIPPED")).for_each(report);
    report(&format!("pytest (frameworks): {}", said.lines().last().unwrap_or_default()));
}

#[test]
fn its_types_are_right() {
    let Some(python) = python("its_types_are_right") else { return };
    let mut mypy = over_checkout(&python);
    mypy.args(["-m", "mypy", "--strict", "--cache-dir"]).arg(in_target("mypy"));
    let said = run(&mut mypy).unwrap_or_else(|complaint| panic!("{complaint}"));
    report(&format!("mypy --strict: {}", said.trim()));
}

/// Runs `CPython`'s tests `module` over the package, by `program`; and once more with the
/// accelerator.
fn standard_tests(test: &str, module: &str, program: &str) {
    let Some(python) = python(test) else { return };
    if run(over_checkout(&python).arg("-c").arg(format!("import test.{module}"))).is_err() {
        return lacks(test, "this Python comes without its tests");
    }
    // The tests make their files where they are run.
    let place = in_target(program);
    fs::create_dir_all(&place).expect("the target directory can be written");
    for file in [Some(PathBuf::new()), accelerator(test, &python)].into_iter().flatten() {
        let mut tests = over_checkout(&python);
        tests.env("UDSOCK_ACCELERATOR", &file).current_dir(&place);
        tests.arg(package().join("tests").join(program));
        let said = run(&mut tests).unwrap_or_else(|complaint| panic!("{complaint}"));
        let how = if file.as_os_str().is_empty() { "" } else { "with the accelerator: " };
        said.lines()
            .filter(|line| line.starts_with(module))
            .for_each(|line| report(&format!("{how}{line}")));
    }
}

#[test]
fn the_standard_librarys_tests_pass_over_it() {
    const TEST: &str = "the_standard_librarys_tests_pass_over_it";
    standard_tests(TEST, "test_socket", "run_test_socket.py");
}

#[test]
fn the_standard_librarys_tests_of_asyncio_pass_over_it() {
    const TEST: &str = "the_standard_librarys_tests_of_asyncio_pass_over_it";
    standard_tests(TEST, "test_asyncio", "run_test_asyncio.py");
}

/// The tests of a package, which it does not install: they are in its source. The directory, and
/// a Python that has the package.
fn tests_of(test: &str, name: &str) -> Option<(PathBuf, PathBuf)> {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let python = python_with(test, "borrowed", &PYTHON)?;
    let wanted = fs::read_to_string(package().join("tests/borrowed.txt")).unwrap();
    let version = wanted.lines().find(|line| line.starts_with(&format!("{name}==")));
    let version = version.expect("it is among the requirements");
    let place = in_target(&format!("tests-of-{version}"));
    if place.join("tests").is_dir() {
        return Some((place, python));
    }
    let download = in_target(&format!("source-of-{version}"));
    fs::create_dir_all(&download).expect("the target directory can be written");
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name, "--dest"]);
    if let Err(reason) = run(pip.arg(&download).arg(version)) {
        lacks(test, &reason);
        return None;
    }
    let archive = fs::read_dir(&download).unwrap().next().expect("it came").unwrap().path();
    let unpacked = in_target(&format!("unpacked-{version}"));
    let _ = fs::remove_dir_all(&unpacked);
    fs::create_dir_all(&unpacked).expect("the target directory can be written");
    let mut tar = Command::new("tar");
    // (Some look at the README beside them.) The package itself is as it is installed.
    tar.args(["--strip-components=1", "--wildcards", "-xf"]).arg(archive).arg("-C").arg(&unpacked);
    run(tar.args(["*/tests", "*/README.rst"])).unwrap_or_else(|complaint| panic!("{complaint}"));
    fs::rename(&unpacked, &place).expect("both are in the target directory");
    Some((place, python))
}

/// Runs these tests over the package, and says the lines that begin so.
fn run_tests_of(test: &str, name: &str) {
    let Some((tests, python)) = tests_of(test, name) else { return };
    let program = package().join(format!("tests/run_test_{name}.py"));
    let said = run(over_checkout(&python).arg(program).arg(tests))
        .unwrap_or_else(|complaint| panic!("{complaint}"));
    let counts = format!("{name}'s test");
    said.lines().filter(|line| line.starts_with(&counts)).for_each(report);
}

#[test]
fn uvloops_tests_pass_over_it() {
    run_tests_of("uvloops_tests_pass_over_it", "uvloop");
}

#[test]
fn aiohttps_tests_pass_over_it() {
    run_tests_of("aiohttps_tests_pass_over_it", "aiohttp");
}

#[test]
fn the_wheel_needs_no_checkout() {
    const TEST: &str = "the_wheel_needs_no_checkout";
    if !has(TEST, "python3") {
        return;
    }
    let place = in_target("python-installed");
    if let Err(reason) = environment(&place) {
        return lacks(TEST, &reason);
    }
    let python = place.join("bin/python");
    let target = c_library::directory().parent().expect("cargo's layout");
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "--quiet"])
        .arg(package())
        .env_remove("UDSOCK_LIBRARY")
        .env("CARGO", env!("CARGO"))
        .env("CARGO_TARGET_DIR", target);
    // What cargo has built for this test is there already.
    if c_library::directory().ends_with("debug") {
        install.env("UDSOCK_BUILD_PROFILE", "dev");
    }
    match run(&mut install) {
        Ok(_) => {}
        Err(complaint) if complaint.contains("No matching distribution found for hatchling") => {
            return lacks(TEST, &complaint);
        }
        Err(complaint) => panic!("{complaint}"),
    }
    let dir = Dir::new();
    let mut program = Command::new(&python);
    program
        .arg(package().join("tests/installed.py"))
        .arg(dir.path("socket"))
        .current_dir("/")
        .env_remove("UDSOCK_LIBRARY")
        .env_remove("PYTHONPATH");
    let said = run(&mut program).unwrap_or_else(|complaint| panic!("{complaint}"));
    report(said.trim());
}
