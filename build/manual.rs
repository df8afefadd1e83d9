//! The manual: a page for each function, an overview, and the conventions. There is no
//! text of its own here: a page is what the header says, and CONVENTIONS.md.
//!
//! A function's comment begins with a sentence that says what it does. A paragraph that
//! begins with "Returns" is its value; one that begins with a code, or with "Errors:", are
//! its errors: a line for each, from its code to the colon.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::header::Header;
use crate::roff::{Page, escape};

/// What is declared: a function, a constant, a type, or a field of a struct.
struct Item {
    name: String,
    comment: String,
    code: String,
}

struct Section<'a> {
    /// What stands below the title, if anything.
    text: &'a str,
    title: &'a str,
    items: Vec<Item>,
}

struct Manual<'a> {
    opening: &'a str,
    sections: Vec<Section<'a>>,
    functions: BTreeSet<String>,
    date: String,
}

/// Writes the pages where man(1) looks for them below the directory.
pub fn write(header: &Header, to: &Path) {
    let manual = Manual::of(header);
    let _ = fs::remove_dir_all(to);
    for directory in ["man3", "man7"] {
        fs::create_dir_all(to.join(directory)).expect("OUT_DIR can be written");
    }
    let save = |path: String, page: Page| {
        fs::write(to.join(path), page.finish()).expect("OUT_DIR can be written");
    };
    for section in &manual.sections {
        for item in section.items.iter().filter(|item| item.is_function()) {
            save(format!("man3/{}.3", item.name), manual.function(section, item));
        }
    }
    save("man7/udsock.7".into(), manual.overview());
    save("man7/udsock_conventions.7".into(), manual.conventions());
}

impl<'a> Manual<'a> {
    fn of(header: &'a Header) -> Self {
        let sections: Vec<_> = header
            .sections
            .iter()
            .map(|section| {
                let (title, text) = section.text.split_once('\n').expect("a title is a line");
                let items = section.declarations.trim().split("\n\n").map(Item::parse).collect();
                Section { text: text.trim_matches('\n'), title, items }
            })
            .collect();
        let items = sections.iter().flat_map(|section| &section.items);
        let functions =
            items.filter(|item| item.is_function()).map(|item| item.name.clone()).collect();
        Self { opening: &header.opening, sections, functions, date: date() }
    }

    fn function<'b>(&'b self, section: &Section, item: &'b Item) -> Page<'b> {
        let mut page = self.page(&item.name, 3, &item.summary());
        page.section("LIBRARY");
        page.line("libudsock (\\-ludsock)");
        page.section("SYNOPSIS");
        page.prototype("#include <udsock.h>");
        page.prototype(&item.prototype());

        let (returns, rest): (Vec<_>, Vec<_>) =
            item.comment.split("\n\n").partition(|text| text.starts_with("Returns "));
        let (errors, description): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|text| is_error(text));
        page.section("DESCRIPTION");
        page.text(&description.join("\n\n"));
        // The types that all calls have in common are in the overview.
        let mut declared = self.declared_by(&format!("{}\n{}", item.comment, item.code));
        declared.retain(|item| !(item.is_type() && item.is_named_in(self.opening)));
        Self::declare(&mut page, &declared);
        if !returns.is_empty() {
            page.section("RETURN VALUE");
            page.text(&returns.join("\n\n"));
        }
        if item.can_fail() {
            page.section("ERRORS");
            for error in errors.iter().flat_map(|text| split_errors(text)) {
                match error.split_once(": ") {
                    Some((codes, text)) if !codes.ends_with('s') => page.item(codes, text),
                    _ => page.text(&error),
                }
            }
            page.text("What every call may return is in udsock(7).");
        }
        let neighbours = section.items.iter().filter(|item| item.is_function());
        let mut others: BTreeSet<&str> = neighbours.map(|item| item.name.as_str()).collect();
        others.extend(words(&item.comment).filter(|&word| self.functions.contains(word)));
        others.remove(item.name.as_str());
        see_also(&mut page, others.into_iter().map(|name| (name, 3)).chain([("udsock", 7)]));
        page
    }

    fn overview(&self) -> Page<'_> {
        let (title, opening) = self.opening.split_once("\n\n").expect("a title is a paragraph");
        let (_, title) = title.split_once(": ").expect("the name of the library is first");
        let mut page = self.page("udsock", 7, title.trim_end_matches('.'));
        page.section("LIBRARY");
        page.line("libudsock (\\-ludsock)");
        page.section("SYNOPSIS");
        page.prototype("#include <udsock.h>");
        page.section("DESCRIPTION");
        page.text(opening);
        page.section("FUNCTIONS");
        for section in &self.sections {
            page.subsection(section.title);
            if !section.text.is_empty() {
                page.text(section.text);
            }
            for item in section.items.iter().filter(|item| item.is_function()) {
                page.item(&item.name, &item.summary());
            }
        }
        page.section("TYPES AND CONSTANTS");
        Self::declare(&mut page, &self.declared_by(self.opening));
        see_also(&mut page, [("udsock_conventions", 7), ("unix", 7)].into_iter());
        page
    }

    fn conventions(&self) -> Page<'_> {
        let text = fs::read_to_string("CONVENTIONS.md").expect("CONVENTIONS.md can be read");
        let (_, text) = text.split_once("\n\n").expect("a title is a paragraph");
        let (summary, _) = text.split_once(". ").expect("the first sentence is the summary");
        let mut page = self.page("udsock_conventions", 7, summary);
        page.section("DESCRIPTION");
        page.text(text);
        see_also(&mut page, [("udsock", 7), ("unix", 7)].into_iter());
        page
    }

    fn page<'b>(&'b self, name: &'b str, section: u8, summary: &str) -> Page<'b> {
        let mut page = Page::new(name, section, &self.date, &self.functions);
        page.section("NAME");
        page.line(&format!("{name} \\- {}", escape(&summary.replace('`', ""))));
        page
    }

    /// The types and constants that a text names, and those that the types' fields name.
    fn declared_by(&self, text: &str) -> Vec<&Item> {
        let items = || self.sections.iter().flat_map(|section| &section.items);
        let types = items().filter(|item| item.is_type() && item.is_named_in(text));
        let text = types.fold(text.to_owned(), |text, item| text + &item.comment + &item.code);
        items().filter(|item| !item.is_function() && item.is_named_in(&text)).collect()
    }

    fn declare(page: &mut Page, items: &[&Item]) {
        let (types, constants): (Vec<&Item>, Vec<&Item>) =
            items.iter().partition(|item| item.is_type());
        for item in types {
            page.subsection(&item.name);
            page.text(&item.comment);
            page.code(&item.without_comments());
            for field in item.fields() {
                page.item(&format!("`{}`", field.name), &field.comment);
            }
        }
        if !constants.is_empty() {
            page.subsection("Constants");
        }
        for item in constants {
            page.item(&item.name, &item.comment);
        }
    }
}

impl Item {
    /// A comment and the declaration behind it.
    fn parse(text: &str) -> Self {
        let (comment, code) = text.split_once("*/").expect("each declaration has a comment");
        let comment = comment.trim_start().strip_prefix("/**").expect("each has a comment");
        let line = |line: &str| {
            let line = line.trim_start();
            let line = line.strip_prefix('*').unwrap_or(line);
            line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()
        };
        let comment = comment.lines().map(line).collect::<Vec<_>>().join("\n");
        let code = code.trim().to_owned();
        let name = match code.strip_prefix("#define ") {
            Some(constant) => constant.split(' ').next(),
            None if code.starts_with("typedef") => words(&code).last(),
            None => words(code.split(['(', '[', ';']).next().unwrap()).last(),
        };
        let name = name.expect("a declaration has a name").to_owned();
        Self { name, comment: comment.trim().to_owned(), code }
    }

    fn fields(&self) -> Vec<Self> {
        self.code.split("/**").skip(1).map(|field| Self::parse(&format!("/**{field}"))).collect()
    }

    fn is_type(&self) -> bool {
        self.code.starts_with("typedef")
    }

    fn is_function(&self) -> bool {
        !self.is_type() && !self.code.starts_with("#define")
    }

    /// Whether results below 0 are errors.
    fn can_fail(&self) -> bool {
        ["int32_t ", "int64_t ", "udsock_t "]
            .iter()
            .any(|kind| self.code.contains(&format!("{kind}udsock_")))
    }

    /// By its own name, or by its family's: "UDSOCK_EVENT_...".
    fn is_named_in(&self, text: &str) -> bool {
        words(text).any(|word| {
            word == self.name
                || (word.ends_with('_') && self.name.starts_with(word) && word != "UDSOCK_")
        })
    }

    /// The first sentence, in the form that whatis(1) shows.
    fn summary(&self) -> String {
        let text = self.comment.split("\n\n").next().unwrap().replace('\n', " ");
        let sentence = text.split(". ").next().unwrap().trim_end_matches('.');
        let (first, rest) = sentence.split_at(1);
        first.to_lowercase() + rest
    }

    /// The declaration, in lines that fit on a page.
    fn prototype(&self) -> String {
        if self.code.lines().all(|line| line.len() < 68) {
            return self.code.clone();
        }
        let indent = self.code.lines().last().unwrap().find('(').unwrap() + 1;
        self.code.replace(", ", &format!(",\n{}", " ".repeat(indent)))
    }

    fn without_comments(&self) -> String {
        let mut code = String::new();
        for part in self.code.split("    /**") {
            code += part.split_once("*/\n").map_or(part, |(_, code)| code);
        }
        code
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Whether a line, or a paragraph, begins with what is returned on an error.
fn is_error(text: &str) -> bool {
    ["-E", "UDSOCK_EOF:", "Others:", "Errors:"].iter().any(|begin| text.starts_with(begin))
}

fn split_errors(text: &str) -> Vec<String> {
    let mut errors: Vec<String> = Vec::new();
    for line in text.lines() {
        match errors.last_mut() {
            Some(error) if !is_error(line) => *error += &format!(" {line}"),
            _ => errors.push(line.into()),
        }
    }
    errors
}

fn see_also<'a>(page: &mut Page, pages: impl Iterator<Item = (&'a str, u8)>) {
    page.section("SEE ALSO");
    let pages: Vec<_> = pages.map(|(name, section)| format!(".BR {name} ({section})")).collect();
    page.line(&pages.join(",\n"));
}

/// Of the build, or what a reproducible build says.
fn date() -> String {
    let epoch =
        std::env::var("SOURCE_DATE_EPOCH").map_or("now".into(), |epoch| format!("@{epoch}"));
    let output = Command::new("date").args(["-u", "-d", &epoch, "+%Y-%m-%d"]).output();
    let output = output.expect("date runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("digits").trim().into()
}
