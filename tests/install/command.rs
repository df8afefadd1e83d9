//! The command, built and installed with the library that is installed.

use std::path::Path;

use crate::c_library::source;
use crate::prefix::{Prefix, files, installed, run};
use crate::support::*;

/// It runs, with the library of the prefix, and came with all that belongs to it.
fn works(prefix: &Prefix, root: &str) {
    let program = Path::new(root).join("bin/udsock");
    let said = run(prefix.command(program).arg("--version")).expect("it runs");
    assert_eq!(said, format!("udsock {}\n", env!("CARGO_PKG_VERSION")));
    let there: Vec<_> = files(Path::new(root)).iter().map(|it| it.display().to_string()).collect();
    assert_eq!(
        there,
        ["bin/udsock", "share/bash-completion/completions/udsock", "share/man/man1/udsock.1"]
    );
}

#[test]
fn the_command_by_make() {
    const TEST: &str = "the_command_by_make";
    if !["cc", "make", "pkg-config"].iter().all(|program| has(TEST, program)) {
        return;
    }
    let Some(prefix) = installed(TEST) else { return };
    let (build, root) = (Dir::new(), Dir::new());
    let make = |target| {
        let mut make = prefix.command("make");
        make.arg("-C").arg(source("command")).arg("INSTALLED=1");
        make.arg(format!("BUILD={}", build.path("b"))).arg(format!("PREFIX={}", root.path("")));
        run(make.arg(target)).unwrap_or_else(|complaint| panic!("{complaint}"));
    };
    make("install");
    works(prefix, &root.path(""));
    make("uninstall");
    assert_eq!(files(Path::new(&root.path(""))), [""; 0].map(Into::<std::path::PathBuf>::into));
}

#[test]
fn the_command_by_cmake() {
    const TEST: &str = "the_command_by_cmake";
    if !["cc", "make", "cmake"].iter().all(|program| has(TEST, program)) {
        return;
    }
    let Some(prefix) = installed(TEST) else { return };
    let (build, root) = (Dir::new(), Dir::new());
    let mut cmake = prefix.command("cmake");
    cmake.arg("-S").arg(source("command")).arg("-B").arg(build.path(""));
    cmake.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.path.display()));
    run(&mut cmake).unwrap_or_else(|complaint| panic!("{complaint}"));
    run(prefix.command("cmake").arg("--build").arg(build.path("")))
        .and_then(|_| {
            let mut install = prefix.command("cmake");
            run(install.arg("--install").arg(build.path("")).arg("--prefix").arg(root.path("")))
        })
        .unwrap_or_else(|complaint| panic!("{complaint}"));
    works(prefix, &root.path(""));
}
