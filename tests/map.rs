//! The map that opens src/lib.rs is true: every module stands in it, and uses only what is in its
//! own line or below. No file uses one that uses it, by whatever way round.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("the sources are here") {
        let path = entry.expect("an entry").path();
        match path.extension() {
            None => files(&path, found),
            Some(extension) if extension == "rs" => found.push(path),
            Some(_) => {}
        }
    }
}

/// The sources by their paths as modules (`sys::memory`), without their tests.
fn modules() -> BTreeMap<String, String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&top, &mut found);
    let module = |file: &PathBuf| {
        let path = file.strip_prefix(&top).unwrap().with_extension("");
        let path = path.to_str().expect("UTF-8").replace('/', "::");
        let text = fs::read_to_string(file).expect("a source");
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        let code = code.lines().filter(is_code).collect::<Vec<_>>().join("\n");
        (path.trim_end_matches("::mod").to_owned(), code)
    };
    let mut modules: BTreeMap<_, _> = found.iter().map(module).collect();
    modules.retain(|path, _| path != "lib" && !path.ends_with("_tests"));
    modules
}

/// The paths that code names: `crate::sys::Buffer`, and each of `super::{input, unsent::Unsent}`.
fn named(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let path: String = code[at..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':'))
                .collect();
            match code[at + path.len()..].strip_prefix('{') {
                Some(rest) => {
                    let mut depth = 1;
                    let inside = rest.find(|c| {
                        depth += i32::from(c == '{') - i32::from(c == '}');
                        depth == 0
                    });
                    let inside = &rest[..inside.expect("braces are closed")];
                    paths.extend(inside.split(',').map(|item| format!("{path}{}", item.trim())));
                }
                None => paths.push(path),
            }
        }
    }
    paths
}

/// The modules that each module uses; not its own parts, which it brings together.
fn uses(modules: &BTreeMap<String, String>) -> BTreeMap<&str, BTreeSet<&str>> {
    let resolve = |of: &str, path: &str| {
        let parent = of.rsplit_once("::").map_or("", |(parent, _)| parent);
        let (base, rest) = match path.split_once("::") {
            Some(("crate", rest)) => ("", rest),
            Some(("super", rest)) => (parent, rest),
            _ => return None,
        };
        let mut at = base.to_owned();
        let mut found = None;
        for part in rest.split("::") {
            at = if at.is_empty() { part.to_owned() } else { format!("{at}::{part}") };
            found = modules.get_key_value(&at).map(|(name, _)| name.as_str()).or(found);
        }
        found.filter(|found| *found != of)
    };
    let of = |(name, code): (&'static str, &str)| {
        (name, named(code).iter().filter_map(|path| resolve(name, path)).collect())
    };
    // Leaked: as long as the test, which is all of the process.
    modules.iter().map(|(name, code)| (&*name.clone().leak(), code.as_str())).map(of).collect()
}

/// The lines of the map, from the top.
fn map() -> Vec<Vec<String>> {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    lib.lines()
        .filter_map(|line| line.strip_prefix("//! | `"))
        .map(|line| {
            let cell = line.split('|').next().unwrap();
            cell.split('`').step_by(2).map(str::to_owned).filter(|name| !name.is_empty()).collect()
        })
        .collect()
}

#[test]
fn every_module_knows_only_those_below_it() {
    let map = map();
    let line = |module: &str| {
        let room = module.split("::").next().unwrap();
        map.iter()
            .position(|line| line.iter().any(|name| name == room))
            .unwrap_or_else(|| panic!("{room} is not in the map of src/lib.rs"))
    };
    let modules = modules();
    assert!(modules.len() > 50 && map.len() > 10, "{map:?}");
    for (module, used) in uses(&modules) {
        for used in used {
            assert!(line(used) >= line(module), "{module} uses {used}, which is above it");
        }
    }
}

#[test]
fn no_file_uses_one_that_uses_it() {
    let modules = modules();
    let mut left = uses(&modules);
    assert!(left["abi::error"].contains("abi::guard"), "this test sees what is used");
    loop {
        let none: Vec<&str> =
            left.iter().filter(|(_, used)| used.is_empty()).map(|(name, _)| *name).collect();
        if none.is_empty() {
            break;
        }
        for name in none {
            left.remove(name);
            for used in left.values_mut() {
                used.remove(name);
            }
        }
    }
    assert!(left.is_empty(), "a circle is in: {left:#?}");
}
