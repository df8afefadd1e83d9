//! The manual: a page for each function, an overview, and the conventions. It has no text
//! of its own: a page is what the header says, and CONVENTIONS.md.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::declaration::{Declaration, Kind, words};
use crate::header::Header;
use crate::roff::Page;

struct Manual<'a> {
    opening: &'a str,
    sections: Vec<Section<'a>>,
    /// Which have pages.
    functions: BTreeSet<String>,
    date: String,
}

struct Section<'a> {
    title: &'a str,
    /// What stands below the title, if anything.
    text: &'a str,
    declarations: Vec<Declaration>,
}

/// Writes the pages where man(1) looks for them below the directory.
pub fn write(header: &Header, to: &Path) {
    let manual = Manual::of(header);
    let _ = fs::remove_dir_all(to);
    let save = |name: &str, section: u8, page: String| {
        let directory = to.join(format!("man{section}"));
        fs::create_dir_all(&directory).expect("OUT_DIR can be written");
        fs::write(directory.join(format!("{name}.{section}")), page).expect("so can this");
    };
    for section in &manual.sections {
        for function in section.functions() {
            save(&function.name, 3, manual.function(section, function));
        }
    }
    save("udsock", 7, manual.overview());
    save("udsock_conventions", 7, manual.conventions());
}

impl<'a> Manual<'a> {
    fn of(header: &'a Header) -> Self {
        let sections: Vec<_> = header.sections.iter().map(Section::of).collect();
        let functions = sections.iter().flat_map(Section::functions);
        let functions = functions.map(|function| function.name.clone()).collect();
        Self { opening: &header.opening, sections, functions, date: date() }
    }

    fn function(&self, section: &Section, function: &Declaration) -> String {
        let mut page = self.page(&function.name, 3, &function.summary());
        page.library();
        page.prototype(&function.prototype());
        page.section("DESCRIPTION");
        page.text(&function.description());
        // The types that all calls have in common are in the overview.
        let text = format!("{}\n{}", function.comment, function.code);
        self.declare(&mut page, &text, |kind| !kind.is_named_in(self.opening));
        if let Some(value) = function.value() {
            page.section("RETURN VALUE");
            page.text(value);
        }
        if function.can_fail() {
            page.section("ERRORS");
            for error in function.errors() {
                match error.split_once(": ") {
                    Some((codes, text)) if codes.starts_with(['-', 'U']) => {
                        page.item(codes, &sentence(text))
                    }
                    _ => page.text(&error),
                }
            }
            page.text("What every call may return is in udsock(7).");
        }
        let mut others: BTreeSet<_> = section.functions().map(|other| &*other.name).collect();
        others.extend(words(&function.comment).filter(|&word| self.functions.contains(word)));
        others.remove(&*function.name);
        let others: Vec<_> = others.into_iter().map(|name| (name, 3)).collect();
        page.finish(&[&others[..], &[("udsock", 7)]].concat())
    }

    fn overview(&self) -> String {
        let (title, opening) = self.opening.split_once("\n\n").expect("a title is a paragraph");
        let (_, title) = title.split_once(": ").expect("the name of the library is first");
        let mut page = self.page("udsock", 7, title.trim_end_matches('.'));
        page.library();
        page.section("DESCRIPTION");
        page.text(opening);
        page.section("FUNCTIONS");
        for section in &self.sections {
            page.subsection(section.title);
            page.text(section.text);
            for function in section.functions() {
                page.item(&function.name, &function.summary());
            }
        }
        page.section("TYPES AND CONSTANTS");
        self.declare(&mut page, self.opening, |_| true);
        page.finish(&[("udsock_conventions", 7), ("unix", 7)])
    }

    fn conventions(&self) -> String {
        let text = fs::read_to_string("CONVENTIONS.md").expect("CONVENTIONS.md can be read");
        let (_, text) = text.split_once("\n\n").expect("a title is a paragraph");
        let (summary, _) = text.split_once(". ").expect("the first sentence is the summary");
        let mut page = self.page("udsock_conventions", 7, &summary.to_lowercase());
        page.section("DESCRIPTION");
        page.text(text);
        page.finish(&[("udsock", 7), ("unix", 7)])
    }

    fn page<'b>(&'b self, name: &'b str, section: u8, summary: &str) -> Page<'b> {
        let mut page = Page::new(name, section, &self.date, &self.functions);
        page.name(summary);
        page
    }

    /// Puts in the types and constants that the text names, or a field of these types.
    fn declare(&self, page: &mut Page, text: &str, wanted: impl Fn(&Declaration) -> bool) {
        let all = || self.sections.iter().flat_map(|section| &section.declarations);
        let types = || {
            let types = all().filter(|item| item.kind == Kind::Type && item.is_named_in(text));
            types.filter(|item| wanted(item))
        };
        for item in types() {
            page.subsection(&item.name);
            page.text(&item.comment);
            page.code(&item.bare());
            for (name, comment) in item.fields() {
                page.item(&format!("`{name}`"), &comment);
            }
        }
        let text = types().fold(text.to_owned(), |text, item| text + &item.comment + &item.code);
        let constants = all().filter(|item| item.kind == Kind::Constant && item.is_named_in(&text));
        for (index, item) in constants.enumerate() {
            if index == 0 {
                page.subsection("Constants");
            }
            page.item(&item.name, &item.comment);
        }
    }
}

impl<'a> Section<'a> {
    fn of(section: &'a crate::header::Section) -> Self {
        let (title, text) = section.text.split_once('\n').expect("a title is a line");
        let declarations = section.declarations.trim().split("\n\n");
        Self { title, text, declarations: declarations.map(Declaration::parse).collect() }
    }

    fn functions(&self) -> impl Iterator<Item = &Declaration> {
        self.declarations.iter().filter(|item| item.kind == Kind::Function)
    }
}

/// With a capital, unless it begins with a name.
fn sentence(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    let name = words(text).next().is_some_and(|word| word.contains('_'));
    if name { text.into() } else { first.to_uppercase() + rest }
}

/// Of the build, or what a reproducible build says.
fn date() -> String {
    let mut date = Command::new("date");
    date.args(["-u", "+%Y-%m-%d"]);
    if let Ok(epoch) = env::var("SOURCE_DATE_EPOCH") {
        date.args(["-d", &format!("@{epoch}")]);
    }
    let output = date.output().expect("date runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("digits").trim().into()
}
