//! The programs on the pages.

use std::fs;
use std::path::Path;

use crate::c_library;
use crate::polite::Service;
use support::*;

/// What a program that is shown does.
pub enum Shown {
    Server(Service),
    /// It is a client, or a part of a program: docs.rs runs it, or it is no program.
    Other,
}

#[derive(Clone)]
pub struct Program {
    /// Where it is shown.
    pub page: String,
    pub language: String,
    pub code: String,
}

fn page(name: &str) -> Vec<Program> {
    let text = fs::read_to_string(c_library::source(name)).expect("the page is there");
    let opened = text.split("\n```").skip(1).step_by(2);
    opened
        .filter_map(|block| block.split_once('\n'))
        .filter(|(language, _)| ["python", "cpp", "js"].contains(language))
        .map(|(language, code)| Program {
            page: name.to_owned(),
            language: language.to_owned(),
            code: format!("{code}\n"),
        })
        .collect()
}

/// All that are in Python, C++ or JavaScript.
pub fn programs() -> Vec<Program> {
    let docs = fs::read_dir(c_library::source("docs")).expect("the directory is there");
    let docs = docs.map(|file| file.unwrap().file_name().into_string().unwrap());
    let docs = docs.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}"));
    let bindings = ["cpp", "node", "python"].map(|name| format!("bindings/{name}/README.md"));
    let readme = std::iter::once("README.md".to_owned());
    readme.chain(bindings).chain(docs).flat_map(|name| page(&name)).collect()
}

/// A whole file.
pub fn example(name: &str) -> Program {
    let code = fs::read_to_string(c_library::source(name)).expect("the example is there");
    Program { page: name.to_owned(), language: "cpp".to_owned(), code }
}

impl Program {
    /// Written to the directory, and built: how bash starts it.
    pub fn command(&self, dir: &Dir, arguments: &str) -> String {
        let code = self.code.replace("/tmp/echo.sock", &dir.path("echo.sock"));
        if self.language == "python" {
            let path = dir.path("program.py");
            fs::write(&path, code).unwrap();
            return format!("python3 {path} {arguments}");
        }
        if self.language == "js" {
            let path = dir.path("program.mjs");
            fs::write(&path, code).unwrap();
            return format!("node {path} {arguments}");
        }
        let path = dir.path("program.cpp");
        fs::write(&path, code).unwrap();
        // Another test builds the same one, with another directory's name in it.
        let name = format!("rude-{}", dir.path("").replace('/', "-"));
        let built = c_library::build(&name, Path::new(&path), &["-std=c++17"]);
        let program = dir.path("program");
        fs::copy(&built, &program).unwrap();
        fs::remove_file(built).unwrap();
        format!("{program} {arguments}")
    }
}
