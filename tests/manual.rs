//! The manual pages that the build makes: one for each function, with all that the header
//! says of it, in a form that both programs which show manual pages take.

use support::c_library;
use support::*;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn directory() -> &'static Path {
    Path::new(concat!(env!("OUT_DIR"), "/man"))
}

/// The files of all pages, by their names: "udsock_bind(3)".
fn pages() -> BTreeMap<String, PathBuf> {
    let mut pages = BTreeMap::new();
    for section in [3, 7] {
        let entries = fs::read_dir(directory().join(format!("man{section}"))).unwrap();
        for path in entries.map(|entry| entry.unwrap().path()) {
            let file = path.file_name().unwrap().to_str().unwrap();
            let name = file.strip_suffix(&format!(".{section}")).expect("its section's number");
            pages.insert(format!("{name}({section})"), path);
        }
    }
    pages
}

/// A page as it is read, but for its lines' ends: requests and escapes undone.
fn text(path: &Path) -> String {
    let page = fs::read_to_string(path).unwrap();
    assert!(page.is_ascii(), "{path:?}");
    let mut text = String::new();
    for line in page.lines() {
        let line = match line.strip_prefix('.').map(|request| request.split_once(' ')) {
            None => line.into(),
            Some(Some(("BR", page))) => page.replace(' ', ""),
            Some(Some(("SH" | "SS", title))) => title.into(),
            Some(_) => continue,
        };
        text += &line;
        text.push('\n');
    }
    for (escape, meaning) in [
        ("\\fB", ""),
        ("\\fI", ""),
        ("\\fR", ""),
        ("\\&", ""),
        ("\\-", "-"),
        ("\\(ha", "^"),
        ("\\(ti", "~"),
        ("\\(dq", "\""),
        ("\\(aq", "'"),
        ("\\e", "\\"),
    ] {
        text = text.replace(escape, meaning);
    }
    text
}

/// Words and numbers, whatever marks stand between them.
fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    parts.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// The comments of the header that belong to something, each with what it belongs to.
fn comments() -> Vec<(String, String)> {
    let header = c_library::header();
    let parts = header.split("/**").skip(1).map(|part| part.split_once("*/").unwrap());
    let plain = |comment: &str| {
        let lines = comment.lines();
        lines.map(|line| line.trim().trim_start_matches('*').to_owned() + "\n").collect()
    };
    parts.map(|(comment, code)| (plain(comment), declaration(code))).collect()
}

/// The first declaration of what follows a comment.
fn declaration(code: &str) -> String {
    let end = if code.trim().starts_with("#define") { "\n" } else { ";" };
    let code = code.trim_start();
    code.split_inclusive(end).next().unwrap().trim().to_owned()
}

fn name_of_function(declaration: &str) -> Option<String> {
    let (before, _) = declaration.split_once('(')?;
    let name = words(before).pop()?;
    c_library::declared_functions().contains(&name).then_some(name)
}

#[test]
fn every_function_has_a_page_and_nothing_else_has() {
    let symbols = fs::read_to_string(c_library::source("abi/symbols.txt")).unwrap();
    let functions = symbols.lines().filter(|line| line.starts_with("udsock_"));
    let mut expected: BTreeSet<String> = functions.map(|name| format!("{name}(3)")).collect();
    assert!(expected.len() > 50, "that is what abi/symbols.txt looks like");
    expected.extend(["udsock(7)", "udsock_conventions(7)"].map(Into::into));
    assert_eq!(pages().into_keys().collect::<BTreeSet<_>>(), expected);
}

/// The words of a text in a row.
fn squeezed(text: &str) -> String {
    words(&text.replace("(3)", "")).join(" ")
}

#[test]
fn a_page_says_all_that_its_comment_says() {
    let pages = pages();
    let text_of = |page: &str| squeezed(&text(&pages[page])) + "\n";
    let all: String = pages.keys().map(|page| text_of(page)).collect();
    let comments = comments();
    assert!(comments.len() > 150, "that is what the header looks like");
    for (comment, declaration) in comments {
        let function = name_of_function(&declaration);
        let page = function.map_or(all.clone(), |name| text_of(&format!("{name}(3)")));
        for paragraph in comment.split("\n\n") {
            assert!(page.contains(&squeezed(paragraph)), "{declaration} lacks\n{paragraph}");
        }
    }
}

#[test]
fn the_overview_and_the_conventions_are_what_the_project_says() {
    let pages = pages();
    let header = c_library::header();
    let opening = header.split("*/").next().unwrap().split_once("Linux.").unwrap().1;
    let opening: Vec<_> = opening.lines().map(|line| line.trim().trim_start_matches('*')).collect();
    let overview = squeezed(&text(&pages["udsock(7)"]));
    assert!(overview.contains(&squeezed(&opening.join("\n"))), "udsock(7) begins like the header");
    let conventions = fs::read_to_string(c_library::source("CONVENTIONS.md")).unwrap();
    let page = squeezed(&text(&pages["udsock_conventions(7)"]));
    for paragraph in conventions.split("\n\n").skip(1) {
        assert!(page.contains(&squeezed(paragraph)), "not in the manual: {paragraph}");
    }
}

#[test]
fn a_page_has_the_prototype_of_the_header_and_what_it_returns() {
    let pages = pages();
    let code = |text: &str| text.split_whitespace().collect::<String>();
    for (comment, declaration) in comments() {
        let Some(name) = name_of_function(&declaration) else { continue };
        let page = text(&pages[&format!("{name}(3)")]);
        let (_, synopsis) = page.split_once("\nSYNOPSIS\n").expect("a section");
        let (synopsis, body) = synopsis.split_once("\nDESCRIPTION\n").expect("a section");
        assert_eq!(code(synopsis), code("#include <udsock.h>") + &code(&declaration));
        assert!(
            body.contains("\nRETURN VALUE\nReturns "),
            "{name}: its comment has no \"Returns\""
        );
        assert_eq!(
            body.contains("\nERRORS\n"),
            !["const char *", "uint32_t "].iter().any(|type_| declaration.starts_with(type_)),
            "{name}"
        );
        assert!(!comment.contains(". -E"), "{name}: an error begins a line: {comment}");
    }
}

#[test]
fn a_page_leads_to_pages_that_there_are() {
    let pages = pages();
    for (name, path) in &pages {
        let page = text(path);
        let mut leads = 0;
        for (at, _) in page.match_indices("udsock") {
            let rest = &page[at..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let is_page = ["(3)", "(7)"].iter().any(|section| rest[end..].starts_with(section));
            if is_page && !page[..at].ends_with('_') {
                let other = &rest[..end + "(3)".len()];
                assert!(pages.contains_key(other), "{name}: {other}");
                leads += 1;
            }
        }
        let (_, see_also) = page.split_once("\nSEE ALSO\n").expect("a section");
        assert!(
            !see_also.lines().any(|other| other.trim_end_matches(',') == name),
            "{name}: itself"
        );
        assert!(leads > 0, "{name}");
    }
}

#[test]
fn mandoc_and_groff_have_nothing_to_say() {
    const TEST: &str = "mandoc_and_groff_have_nothing_to_say";
    for (program, arguments) in
        [("mandoc", &["-Tlint", "-Wwarning"][..]), ("groff", &["-ww", "-man", "-Tascii", "-z"])]
    {
        if !has(TEST, program) {
            continue;
        }
        for (name, path) in pages() {
            let output = Command::new(program).args(arguments).arg(path).output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            assert!(output.status.success() && said.is_empty(), "{program}, {name}: {}", {
                String::from_utf8_lossy(&said)
            });
        }
    }
}
