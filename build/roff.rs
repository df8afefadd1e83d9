//! A manual page, written as man(7) for groff and mandoc. Text is that of the comments and
//! of Markdown files: paragraphs, code that is indented by four, tables, words in backticks.

use std::collections::BTreeSet;

pub struct Page<'a> {
    name: &'a str,
    /// Which have pages.
    functions: &'a BTreeSet<String>,
    out: String,
}

impl<'a> Page<'a> {
    pub fn new(name: &'a str, section: u8, date: &str, functions: &'a BTreeSet<String>) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let mut out =
            format!(".TH {name} {section} {date} \"udsock {version}\" \"udsock manual\"\n");
        // Names stay whole (there is no hyphenation), and the gaps between words narrow.
        out += ".nr HY 0\n.nh\n.ad l\n";
        Self { name, functions, out }
    }

    pub fn name(&mut self, summary: &str) {
        self.section("NAME");
        self.line(&format!("{} \\- {}", self.name, escape(summary)));
    }

    pub fn library(&mut self) {
        self.section("LIBRARY");
        self.line("libudsock (\\-ludsock)");
        self.section("SYNOPSIS");
        self.prototype("#include <udsock.h>");
    }

    pub fn section(&mut self, title: &str) {
        self.line(&format!(".SH {}", escape(title)));
    }

    pub fn subsection(&mut self, title: &str) {
        self.line(&format!(".SS {}", escape(title)));
    }

    pub fn text(&mut self, text: &str) {
        self.blocks(text, ".PP");
    }

    /// A term, and behind it what there is to say of it.
    pub fn item(&mut self, term: &str, text: &str) {
        self.line(".TP");
        self.line(&self.inline(term));
        self.blocks(text, ".IP");
    }

    pub fn code(&mut self, code: &str) {
        self.lines(code, escape);
    }

    /// A declaration, as manual pages print it.
    pub fn prototype(&mut self, code: &str) {
        let style = |word: &str, rest: &str| {
            let is_argument = rest.starts_with([',', ')']) && word != "void";
            if is_argument { italic(word) } else { bold(word) }
        };
        self.lines(code, |line| styled(line, style));
    }

    /// The whole page, with the names and sections of those that it leads to.
    pub fn finish(mut self, see_also: &[(&str, u8)]) -> String {
        self.section("SEE ALSO");
        let pages = see_also.iter().map(|(name, section)| format!(".BR {name} ({section})"));
        self.line(&pages.collect::<Vec<_>>().join(",\n"));
        self.out
    }

    fn line(&mut self, line: &str) {
        self.out += line;
        self.out.push('\n');
    }

    fn lines(&mut self, code: &str, write: impl Fn(&str) -> String) {
        self.begin(".PP");
        self.line(".in +4n\n.EX");
        for line in code.lines() {
            self.line(&protect(&write(line)));
        }
        self.line(".EE\n.in");
    }

    /// A paragraph is not announced where one begins anyway.
    fn begin(&mut self, paragraph: &str) {
        let mut last = self.out.lines().rev();
        let begins = last.next().is_some_and(|line| line.starts_with(".S"));
        if !begins && last.next() != Some(".TP") {
            self.line(paragraph);
        }
    }

    fn blocks(&mut self, text: &str, paragraph: &str) {
        for block in text.split("\n\n").map(|block| block.trim_matches('\n')) {
            if let Some(code) = block.strip_prefix("    ") {
                self.code(&code.replace("\n    ", "\n"));
            } else if let Some(title) = block.strip_prefix("## ") {
                self.section(title);
            } else if block.starts_with("| ") {
                self.table(block);
            } else if !block.is_empty() {
                self.begin(paragraph);
                // A sentence a line: so both programs see where it ends.
                let text = self.inline(&block.replace('\n', " ")).replace(". ", ".\n");
                text.lines().for_each(|line| self.line(&protect(line)));
            }
        }
    }

    /// As a list: the first column's cells are the terms.
    fn table(&mut self, table: &str) {
        for row in table.lines().filter(|row| !row.starts_with("|--")) {
            let (term, text) = row.trim_matches(['|', ' ']).split_once(" | ").expect("two columns");
            self.item(term, text);
        }
    }

    fn inline(&self, text: &str) -> String {
        let mut in_backticks = true;
        let parts = text.split('`').map(|part| {
            in_backticks = !in_backticks;
            if in_backticks { self.literal(part) } else { self.words(part) }
        });
        parts.collect()
    }

    /// What stands in backticks: a name, else text as it is typed.
    fn literal(&self, text: &str) -> String {
        match self.words(text) {
            names if names.contains("\\f") => names,
            plain if text.chars().all(is_word) => italic(&plain),
            plain => bold(&plain),
        }
    }

    fn words(&self, text: &str) -> String {
        styled(text, |word, rest| {
            let is_function = self.functions.contains(word);
            if is_function && word != self.name && !rest.starts_with('(') {
                bold(word) + "(3)"
            } else if is_function || is_constant(word) || is_page(rest) {
                bold(word)
            } else if word.starts_with("udsock_") {
                italic(word)
            } else {
                word.into()
            }
        })
    }
}

/// The text with its words as `style` writes them; it is given what follows, too.
fn styled(text: &str, style: impl Fn(&str, &str) -> String) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let in_word = is_word(first);
        let end = rest.find(|c| is_word(c) != in_word).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        let is_hyphen = part == "-" && !out.is_empty() && !behind.is_empty();
        match in_word.then(|| style(part, behind)) {
            // The minus of a code goes with its name.
            Some(word) if word.starts_with("\\fBE") && out.ends_with("\\-") => {
                out.truncate(out.len() - "\\-".len());
                out += &word.replacen('E', "\\-E", 1);
            }
            Some(word) => out += &word,
            // Between words, that is; else it is a minus.
            None if is_hyphen => out.push('-'),
            None => out += &escape(part),
        }
        rest = behind;
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A constant, the name of an error, or the beginning of a family's names.
fn is_constant(word: &str) -> bool {
    let is_error = word.len() > 2 && word.starts_with('E') && word == word.to_uppercase();
    is_error || word.starts_with("UDSOCK_") || (word.starts_with("udsock_") && word.ends_with('_'))
}

/// Whether this is what follows the name of a manual page.
fn is_page(rest: &str) -> bool {
    matches!(rest.as_bytes(), [b'(', b'1'..=b'8', b')', ..])
}

fn bold(text: &str) -> String {
    format!("\\fB{text}\\fR")
}

fn italic(text: &str) -> String {
    format!("\\fI{text}\\fR")
}

fn escape(text: &str) -> String {
    let pairs = [('-', "\\-"), ('^', "\\(ha"), ('~', "\\(ti"), ('"', "\\(dq"), ('\'', "\\(aq")];
    let text = text.replace('\\', "\\e");
    pairs.iter().fold(text, |text, (character, escape)| text.replace(*character, escape))
}

/// A line that begins like a request is none.
fn protect(line: &str) -> String {
    if line.starts_with('.') { format!("\\&{line}") } else { line.into() }
}
