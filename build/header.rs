//! The header in its parts: what opens it, and the sections, as `generator.rs` has put them
//! together.

/// What a section begins with: its title follows, in the same comment.
pub const RULE: &str =
    "/* ------------------------------------------------------------------------\n";

pub const BOTTOM: &str = "
#ifdef __cplusplus
}
#endif

#endif /* UDSOCK_H */
";

pub struct Header {
    pub opening: String,
    pub sections: Vec<Section>,
}

pub struct Section {
    /// A title, and perhaps more behind an empty line.
    pub text: String,
    pub declarations: String,
}

impl Header {
    pub fn parse(text: &str) -> Self {
        let text = text.strip_suffix(BOTTOM).expect("every header ends the same");
        let mut parts = text.split(RULE);
        let opening = parts.next().and_then(|top| top.strip_prefix("/*\n")).expect("a comment");
        let (opening, _) = comment(opening);
        let sections = parts.map(|section| {
            let (text, declarations) = comment(section);
            Section { text, declarations: declarations.into() }
        });
        Self { opening, sections: sections.collect() }
    }
}

/// The text of a comment whose first line has been cut off, and what follows it.
fn comment(text: &str) -> (String, &str) {
    let (comment, rest) = text.split_once(" */\n").expect("comments end");
    let lines = comment.lines().map(|line| {
        let line = line.strip_prefix(" *").expect("each line of a comment has a star");
        line.strip_prefix(' ').unwrap_or(line).to_owned() + "\n"
    });
    (lines.collect(), rest)
}
