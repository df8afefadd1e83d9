//! What the documents name is there: pages, files, headings, tests, calls.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::c_library::{declared_functions, header, source};

/// Where there are documents, from the top.
const DIRECTORIES: [&str; 8] = [
    ".",
    "docs",
    "benches",
    "bindings/cpp",
    "bindings/node",
    "bindings/python",
    "fuzz",
    "tests/kernel_rows",
];

/// Every document, and its text.
fn documents() -> impl Iterator<Item = (PathBuf, String)> {
    let directories = DIRECTORIES.map(source).into_iter().filter(|directory| directory.exists());
    let files = directories.flat_map(|directory| fs::read_dir(directory).unwrap());
    let paths = files.map(|file| file.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "md")).map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    })
}

/// The targets of a document's links that lead to something of ours.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0);
    targets.filter(|target| !target.contains("://"))
}

/// What stands between backticks in a line.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// What a heading is called in links.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_matches(['#', ' ']).to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn every_link_leads_somewhere() {
    for (document, text) in documents() {
        for link in links(&text) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => document.clone(),
                file => document.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{document:?}: {link}");
            let has_it = heading.is_empty()
                || fs::read_to_string(&target)
                    .unwrap()
                    .lines()
                    .any(|line| line.starts_with('#') && anchor(line) == heading);
            assert!(has_it, "{document:?}: {link}");
        }
    }
}

#[test]
fn the_index_has_every_page() {
    let index = fs::read_to_string(source("docs/README.md")).unwrap();
    let indexed: BTreeSet<_> = links(&index).map(Into::into).collect();
    let pages = fs::read_dir(source("docs")).unwrap();
    let pages: BTreeSet<_> =
        pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    let missing: Vec<_> = pages.difference(&indexed).filter(|name| *name != "README.md").collect();
    assert!(missing.is_empty(), "the index lacks {missing:?}");
}

/// A path begins with what the top of the tree has; NOUN in one stands for any.
#[test]
fn every_path_that_is_named_exists() {
    let top: Vec<_> = fs::read_dir(source(".")).unwrap().map(|entry| entry.unwrap()).collect();
    let is_ours =
        |name: &str| name != "target" && top.iter().any(|entry| entry.file_name() == name);
    for (document, text) in documents() {
        let here = document.parent().unwrap();
        for name in quoted(&text).filter(|name| !name.contains([' ', '*', '<', '{'])) {
            let first = name.split('/').next().unwrap();
            let is_path = name.contains('/') && is_ours(first) && !name.contains("NOUN");
            let is_file = name.ends_with(".md") || name.ends_with(".toml") || name.ends_with(".rs");
            let is_named = is_path || is_file && !name.contains('/');
            let exists = source(name).exists() || here.join(name).exists();
            assert!(!is_named || exists, "{document:?}: {name}");
        }
    }
}

#[test]
fn every_test_and_every_call_that_is_named_exists() {
    let header = header();
    let has_test = |name: &str| {
        let path = source("tests").join(name);
        path.with_extension("rs").exists() || path.join("main.rs").exists()
    };
    for (document, text) in documents() {
        for rest in text.split("--test ").skip(1) {
            let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            assert!(name == "NAME" || has_test(name), "{document:?}: --test {name}");
        }
        for name in words(&text).filter(|word| word.starts_with("udsock_")) {
            let is_there = name.ends_with('_')
                || name == "udsock_conventions"
                || words(&header).any(|word| word == name);
            assert!(is_there, "{document:?}: {name}");
        }
    }
}

#[test]
fn every_row_of_what_linux_does_has_its_test() {
    let directory = source("tests/kernel_rows");
    let files = fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path());
    let files = files.chain(["tests/messages/rows.rs", "tests/peers/rows.rs"].map(source));
    let code: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    let rows = fs::read_to_string(directory.join("README.md")).unwrap();
    let mut count = 0;
    for line in rows.lines() {
        let Some((number, _)) = line.split_once(". ") else { continue };
        let Ok(row) = number.parse::<u32>() else { continue };
        count += 1;
        // What row 4 is about is not used.
        assert!(row == 4 || code.contains(&format!("fn row_{row:02}_")), "row {row}");
    }
    assert_eq!(count, 100);
}

#[test]
fn the_readme_has_every_call() {
    let readme = fs::read_to_string(source("README.md")).unwrap();
    let (_, calls) = readme.split_once("\n## The calls\n").unwrap();
    let named: BTreeSet<_> = quoted(calls.split("\n## ").next().unwrap()).collect();
    for function in declared_functions() {
        assert!(named.contains(&*function), "{function}");
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}
