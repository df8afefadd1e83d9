//! What was promised, and what is: which difference is an addition, and which breaks it.
//! docs/versioning.md has the rules.

use std::collections::BTreeMap;
use std::fmt::Write;

/// What lists of symbols or of layouts have line by line.
struct Lines<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Lines<'a> {
    /// By name, which is the first word.
    fn new(text: &'a str) -> Self {
        Self(text.lines().map(|line| (name(line), line)).collect())
    }

    /// Offset and size of a field; the size alone of a type.
    fn numbers(&self, name: &str) -> Option<Vec<u64>> {
        let words = self.0.get(name)?.split_whitespace().skip(1);
        Some(words.map_while(|word| word.parse().ok()).collect())
    }

    fn size(&self, of: &str) -> u64 {
        self.numbers(of).and_then(|numbers| numbers.last().copied()).unwrap_or(0)
    }

    /// Whether a struct tells its size, so that it may grow.
    fn begins_with_size(&self, of: &str) -> bool {
        self.numbers(&format!("{of}.size")) == Some(vec![0, 4])
    }
}

/// The changes that no version with the same soname may make.
pub fn breaches(promised: &str, now: &str) -> Vec<String> {
    let (old, new) = (Lines::new(promised), Lines::new(now));
    let mut breaches = Vec::new();
    for (name, line) in &old.0 {
        match new.0.get(name) {
            None => breaches.push(format!("{name} is gone")),
            Some(same) if same == line => {}
            Some(_) if old.begins_with_size(name) && new.size(name) > old.size(name) => {}
            Some(_) => breaches.push(format!("{name} has changed")),
        }
    }
    for field in new.0.keys().filter(|name| !old.0.contains_key(*name)) {
        let Some((of, _)) = field.split_once('.') else { continue };
        let begins = new.numbers(field).and_then(|numbers| numbers.first().copied());
        if begins < Some(old.size(of)) {
            breaches.push(format!("{field} is not behind all that {of} had"));
        }
    }
    breaches
}

/// The lines that are not the same, as diff(1) marks them.
pub fn difference(promised: &str, now: &str) -> String {
    let (old, new) = (Lines::new(promised), Lines::new(now));
    let mut names: Vec<_> = promised.lines().chain(now.lines()).map(name).collect();
    names.sort_unstable();
    names.dedup();
    let mut text = String::new();
    for name in names {
        let (old, new) = (old.0.get(name), new.0.get(name));
        for (mark, line) in [('-', old), ('+', new)] {
            if let Some(line) = line.filter(|_| old != new) {
                writeln!(text, "{mark}{line}").expect("a string takes all");
            }
        }
    }
    text
}

fn name(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or(line)
}
