//! A declaration of the header, and what its comment says. The comment begins with a
//! sentence that says what a function does. A paragraph that begins with "Returns" is its
//! value; one that begins with a code, or with "Errors:", are its errors: a line for each,
//! from its code to the colon.

#[derive(PartialEq)]
pub enum Kind {
    Function,
    Constant,
    Type,
}

pub struct Declaration {
    pub kind: Kind,
    pub name: String,
    pub comment: String,
    pub code: String,
}

impl Declaration {
    /// A comment and the code behind it.
    pub fn parse(text: &str) -> Self {
        let (comment, code) = text.split_once("*/").expect("each declaration has a comment");
        let (comment, code) = (comment.trim().trim_start_matches("/**"), code.trim());
        let line = |line: &str| {
            let line = line.trim_start().trim_start_matches('*');
            line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned() + "\n"
        };
        let comment: String = comment.lines().map(line).collect();
        let (kind, name) = match code {
            _ if code.starts_with("#define") => (Kind::Constant, words(code).nth(1)),
            // A function's: typedef int32_t (*name)(int32_t argument);
            _ if code.starts_with("typedef") && code.contains("(*") => {
                (Kind::Type, code.split("(*").nth(1).and_then(|rest| words(rest).next()))
            }
            _ if code.starts_with("typedef") => (Kind::Type, words(code).last()),
            _ => (Kind::Function, words(code.split('(').next().unwrap()).last()),
        };
        let name = name.expect("a declaration has a name").to_owned();
        Self { kind, name, comment: comment.trim().to_owned(), code: code.to_owned() }
    }

    /// The name and the comment of each field of a struct.
    pub fn fields(&self) -> impl Iterator<Item = (String, String)> {
        self.code.split("/**").skip(1).map(|field| {
            let Self { comment, code, .. } = Self::parse(&format!("/**{field}"));
            let declarator = code.split(['[', ';']).next().unwrap();
            (words(declarator).last().expect("a field has a name").to_owned(), comment)
        })
    }

    /// A type without the comments of its fields.
    pub fn bare(&self) -> String {
        let parts = self.code.split("    /**");
        parts.map(|part| part.split_once("*/\n").map_or(part, |(_, code)| code)).collect()
    }

    /// A function in lines that fit on a page.
    pub fn prototype(&self) -> String {
        if self.code.lines().all(|line| line.len() < 68) {
            return self.code.clone();
        }
        let indent = self.code.lines().last().and_then(|line| line.find('(')).unwrap() + 1;
        self.code.replace(", ", &format!(",\n{}", " ".repeat(indent)))
    }

    /// Whether a result below 0 is an error.
    pub fn can_fail(&self) -> bool {
        let value = self.code.strip_prefix("UDSOCK_MUST_USE").unwrap_or(&self.code).trim();
        ["int32_t", "int64_t", "udsock_t"].iter().any(|signed| value.starts_with(signed))
    }

    /// By its own name, or by its family's: "UDSOCK_EVENT_...".
    pub fn is_named_in(&self, text: &str) -> bool {
        let family = |word: &str| word.matches('_').count() > 1 && word.ends_with('_');
        words(text).any(|word| word == self.name || family(word) && self.name.starts_with(word))
    }

    /// The first sentence, in the form that whatis(1) shows.
    pub fn summary(&self) -> String {
        let text = self.comment.split("\n\n").next().unwrap().replace('\n', " ").replace('`', "");
        let sentence = text.split(". ").next().unwrap().trim_end_matches('.');
        let (first, rest) = sentence.split_at(1);
        first.to_lowercase() + rest
    }

    pub fn description(&self) -> String {
        let is_other = |text: &&str| !text.starts_with("Returns ") && !is_error(text);
        self.comment.split("\n\n").filter(is_other).collect::<Vec<_>>().join("\n\n")
    }

    pub fn value(&self) -> Option<&str> {
        self.comment.split("\n\n").find(|text| text.starts_with("Returns "))
    }

    pub fn errors(&self) -> Vec<String> {
        let mut errors: Vec<String> = Vec::new();
        for line in self.comment.split("\n\n").filter(|text| is_error(text)).flat_map(str::lines) {
            match errors.last_mut() {
                Some(error) if !is_error(line) => *error += &format!(" {line}"),
                _ => errors.push(line.into()),
            }
        }
        errors
    }
}

/// Whether a line, or a paragraph, begins with what is returned on an error.
fn is_error(text: &str) -> bool {
    ["-E", "UDSOCK_EOF:", "Others:", "Errors:"].iter().any(|begin| text.starts_with(begin))
}

pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}
