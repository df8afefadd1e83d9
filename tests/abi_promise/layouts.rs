//! What a header says about memory: the size of every type, the place of every field, the
//! value of every constant. They are found in its text, and measured by the compiler.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::c_library;

/// The macros that are no numbers, and those that are others in the next version.
const NOT_CONSTANTS: [&str; 4] =
    ["UDSOCK_H", "UDSOCK_MUST_USE", "UDSOCK_ERROR_INIT", "UDSOCK_VERSION"];

/// A line each, in the header's order.
pub fn of(header: &Path) -> String {
    let name = format!("layouts-{}", header.file_stem().unwrap().to_str().unwrap());
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name).with_extension("c");
    fs::write(&source, printer(header)).expect("the directory can be written");
    let flags = [&["-std=c11"][..], &c_library::WARNINGS].concat();
    let program = c_library::build(&name, &source, &flags);
    let output = Command::new(program).output().expect("the program runs");
    assert!(output.status.success(), "{name}: {}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A C program that prints them.
fn printer(header: &Path) -> String {
    let text = fs::read_to_string(header).unwrap_or_else(|error| panic!("{header:?}: {error}"));
    let mut prints = Vec::new();
    let mut within = None;
    for line in text.lines().map(str::trim) {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["#define", name, ..] if name.starts_with("UDSOCK_") => {
                if !NOT_CONSTANTS.iter().any(|other| name.starts_with(other)) {
                    prints.push(format!("VALUE({name})"));
                }
            }
            ["typedef", "struct", name, "{"] => {
                prints.push(format!("TYPE({name}, \"struct\")"));
                within = Some(name);
            }
            ["typedef", .., last] if line.contains("(*") && last.ends_with(");") => {
                let (result, rest) = line.split_once("(*").expect("it is a function's");
                let (alias, arguments) = rest.split_once(')').expect("it is a function's");
                let of = format!(
                    "{}(*){}",
                    &result["typedef ".len()..],
                    &arguments[..arguments.len() - 1]
                );
                prints.push(format!("TYPE({alias}, \"{of}\")"));
            }
            ["typedef", .., alias] => {
                let alias = alias.trim_end_matches(';');
                let of = words[1..words.len() - 1].join(" ");
                prints.push(format!("TYPE({alias}, \"{of}\")"));
            }
            ["}", name] if within.is_some() => {
                assert_eq!(Some(name.trim_end_matches(';')), within.take());
            }
            // Comments have a line of their own.
            [first, ..] if first.starts_with(['/', '*']) => {}
            _ => {
                if let (Some(name), Some(declaration)) = (within, line.strip_suffix(';')) {
                    let (spelled, field) = field(declaration);
                    prints.push(format!("FIELD({name}, {field}, \"{spelled}\")"));
                }
            }
        }
    }
    assert!(within.is_none(), "{header:?}: {within:?} does not end");
    format!(
        r#"#include "{header}"
#include <stdio.h>

#define VALUE(name) printf("%s = %lld\n", #name, (long long)(name))
#define TYPE(name, type) printf("%-38s        %4zu  %s\n", #name, sizeof(name), type)
#define FIELD(in, name, type)                                                  \
    printf("%-38s  %4zu  %4zu  %s\n", #in "." #name, offsetof(in, name),       \
           sizeof(((in *)0)->name), type)

int main(void)
{{
    {prints};
}}
"#,
        header = header.display(),
        prints = prints.join(";\n    ")
    )
}

/// `const char *user`, `char message[SIZE]`: the type as it is spelled, and the name.
pub fn field(declaration: &str) -> (String, &str) {
    let (declaration, array) = match declaration.find('[') {
        Some(at) => declaration.split_at(at),
        None => (declaration, ""),
    };
    let is_name = |char: char| char.is_alphanumeric() || char == '_';
    let (before, name) = declaration.split_at(declaration.trim_end_matches(is_name).len());
    (format!("{}{array}", before.trim()), name)
}
