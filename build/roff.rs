//! A manual page, written as man(7) for groff and mandoc. Text is that of the comments and
//! of Markdown files: paragraphs, code that is indented by four, tables, words in backticks.

use std::collections::BTreeSet;

pub struct Page<'a> {
    name: &'a str,
    /// The functions that have pages.
    functions: &'a BTreeSet<String>,
    out: String,
}

impl<'a> Page<'a> {
    pub fn new(name: &'a str, section: u8, date: &str, functions: &'a BTreeSet<String>) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let out = format!(".TH {name} {section} {date} \"udsock {version}\" \"udsock manual\"\n");
        Self { name, functions, out }
    }

    pub fn finish(self) -> String {
        self.out
    }

    pub fn section(&mut self, title: &str) {
        self.out += &format!(".SH {}\n", escape(title));
    }

    pub fn subsection(&mut self, title: &str) {
        self.out += &format!(".SS {}\n", escape(title));
    }

    pub fn text(&mut self, text: &str) {
        self.paragraphs(text, ".PP");
    }

    /// A term, and behind it what there is to say of it.
    pub fn item(&mut self, term: &str, text: &str) {
        self.out += &format!(".TP\n{}\n", self.inline(term));
        self.paragraphs(text, ".IP");
    }

    pub fn code(&mut self, code: &str) {
        self.lines(code, |line| escape(line).replace('\'', "\\(aq"));
    }

    /// A declaration, as manual pages print it.
    pub fn prototype(&mut self, code: &str) {
        self.lines(code, |line| {
            styled(line, |word, rest| match rest.starts_with([',', ')']) && word != "void" {
                true => italic(word),
                false => bold(word),
            })
        });
    }

    /// One line, as it is.
    pub fn line(&mut self, line: &str) {
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
        let last = self.out.lines().rev().take(2).collect::<Vec<_>>();
        if !last[0].starts_with(".S") && last.get(1) != Some(&".TP") {
            self.line(paragraph);
        }
    }

    fn paragraphs(&mut self, text: &str, begin: &str) {
        for block in text.split("\n\n") {
            let block = block.trim_matches('\n');
            if block.starts_with("    ") {
                self.code(&block.replace("\n    ", "\n")[4..]);
            } else if block.starts_with("| ") {
                self.table(block);
            } else if let Some(title) = block.strip_prefix("## ") {
                self.section(title);
            } else {
                self.begin(begin);
                // A sentence a line: so both programs see where it ends.
                for sentence in self.inline(&block.replace('\n', " ")).replace(". ", ".\n").lines()
                {
                    self.line(&protect(sentence));
                }
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
        let parts = text.split('`').enumerate();
        parts
            .map(|(at, part)| if at % 2 == 0 { self.words(part) } else { self.literal(part) })
            .collect()
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
            } else if is_function || self.is_constant(word) || is_page(rest) {
                bold(word)
            } else if word.starts_with("udsock_") {
                italic(word)
            } else {
                word.into()
            }
        })
    }

    /// A constant, the name of an error, or the beginning of a family's names.
    fn is_constant(&self, word: &str) -> bool {
        let is_capital = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        word.starts_with("UDSOCK_")
            || (word.len() > 2 && word.starts_with('E') && word.chars().all(is_capital))
            || (word.starts_with("udsock_") && word.ends_with('_'))
    }
}

/// The text with its words as `style` writes them; it is given what follows, too.
fn styled(text: &str, style: impl Fn(&str, &str) -> String) -> String {
    let mut out = String::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let end = at + rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if end == at {
            let end = at + rest.find(is_word).unwrap_or(rest.len());
            // A hyphen is one between words only; else a minus, or an option's.
            let hyphen = at > 0 && end < text.len() && &text[at..end] == "-";
            out += &if hyphen { "-".into() } else { escape(&text[at..end]) };
            at = end;
            continue;
        }
        let word = style(&text[at..end], &text[end..]);
        match word.strip_prefix("\\fBE") {
            // The minus of a code goes with its name.
            Some(code) if out.ends_with("\\-") => {
                out.truncate(out.len() - 2);
                out += &format!("\\fB\\-E{code}");
            }
            _ => out += &word,
        }
        at = end;
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
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

pub fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out += "\\e",
            '-' => out += "\\-",
            '^' => out += "\\(ha",
            '~' => out += "\\(ti",
            '`' => out += "\\(ga",
            '"' => out += "\\(dq",
            _ => out.push(c),
        }
    }
    out
}

/// A line that begins like a request is none.
fn protect(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.into() }
}
