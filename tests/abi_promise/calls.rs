//! What a header says about calls: the types of their results and arguments. The names of
//! arguments are for readers only.

use std::fs;
use std::path::Path;

use crate::c_library;
use crate::layouts::field;

/// A line each, in the header's order.
pub fn of(header: &Path) -> String {
    let text = fs::read_to_string(header).unwrap_or_else(|error| panic!("{header:?}: {error}"));
    let declarations = c_library::declarations(&text);
    let words: Vec<_> = declarations
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .filter(|word| *word != "UDSOCK_MUST_USE")
        .collect();
    words
        .join(" ")
        .split(';')
        // A type of functions is none.
        .filter(|declaration| !declaration.contains("(*"))
        .filter_map(|declaration| {
            let (call, arguments) = declaration.strip_suffix(')')?.split_once('(')?;
            let (result, name) = field(call);
            let arguments: Vec<_> = arguments.split(',').map(argument).collect();
            Some(format!("{name:25}  {result} ({})\n", arguments.join(", ")))
        })
        .collect()
}

fn argument(declaration: &str) -> String {
    match declaration.trim() {
        "void" => "void".into(),
        declaration => field(declaration).0,
    }
}
