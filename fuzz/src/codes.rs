//! The codes that each call may return: those of tests/garbage/codes.h.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use support::name_of;

const HEADER: &str = include_str!("../../tests/garbage/codes.h");

type Codes = HashSet<String>;

/// The result, which must be no error or one of this call's. The name is without `udsock_`.
#[track_caller]
pub fn check(call: &str, result: i64) -> i64 {
    static ALLOWED: OnceLock<HashMap<&str, Codes>> = OnceLock::new();
    if result < 0 {
        let allowed = &ALLOWED.get_or_init(parse)[call];
        let name = name_of(result);
        assert!(allowed.contains(&name), "udsock_{call}: an undocumented code: {name} ({result})");
    }
    result
}

/// `#define SOME_CODES -EBADF, ...`, then `{ "call", { SOME_CODES, -EINVAL } }`.
fn parse() -> HashMap<&'static str, Codes> {
    let mut groups: HashMap<&str, Codes> = HashMap::new();
    let mut calls = HashMap::new();
    let joined: &'static str = HEADER.replace("\\\n", " ").leak();
    for line in joined.lines() {
        if let Some((name, codes)) =
            line.strip_prefix("#define ").and_then(|rest| rest.split_once(' '))
        {
            groups.insert(name, expand(codes, &groups));
        } else if let Some((name, codes)) =
            line.trim().strip_prefix("{ \"").and_then(|rest| rest.split_once("\", {"))
        {
            calls.insert(name, expand(codes, &groups));
        }
    }
    assert!(calls.len() > 50, "codes.h is read");
    calls
}

fn expand(codes: &str, groups: &HashMap<&str, Codes>) -> Codes {
    let words = codes.split(|c: char| !c.is_alphanumeric() && c != '_');
    words
        .filter(|word| !word.is_empty())
        .flat_map(|word| match groups.get(word) {
            Some(codes) => codes.iter().cloned().collect(),
            None => vec![word.to_owned()],
        })
        .collect()
}
