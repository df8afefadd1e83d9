//! What calls cost, as instructions in user space and as system calls: the release build's counts
//! are the same on every run, so that a detour in the path of every call is seen at once.

use std::fs;
use std::io::{Write, stderr};
use std::process::Command;

use support::*;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/run.sh");
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");

/// What `benches/run.sh instructions` prints.
struct Counts {
    compiler: String,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    /// Instructions beyond the raw calls': that doesn't depend on the C compiler.
    more: i64,
    /// System calls, in hundredths.
    calls: i64,
}

impl Counts {
    fn parse(table: &str) -> Self {
        let mut lines = table.lines();
        let compiler = lines.next().unwrap_or_default().to_owned();
        assert!(compiler.starts_with("# rustc "), "no compiler is named:\n{table}");
        Self { compiler, rows: lines.skip(1).map(Row::parse).collect() }
    }

    fn find(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }
}

impl Row {
    fn parse(line: &str) -> Self {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let mut count = || {
            let word = words.pop().unwrap_or_default().replace('.', "");
            word.parse::<i64>().unwrap_or_else(|_| panic!("{line}"))
        };
        let [calls, raw_calls, more, ours, raw] = [(); 5].map(|()| count());
        assert!(raw > 0 && ours > 0 && raw_calls > 0 && calls > 0, "nothing was counted: {line}");
        assert_eq!(ours - raw, more, "{line}");
        Self { name: words.join(" "), more, calls }
    }
}

/// By how much a count may differ from the kept one. Another compiler makes other code.
fn tolerance(kept: &Counts, now: &Counts, more: i64) -> i64 {
    let percent = if kept.compiler == now.compiler { 3 } else { 15 };
    more.abs() * percent / 100 + 10
}

/// In hundredths: now and then somebody else's timing makes a call more.
const CALLS_TOLERANCE: i64 = 4;

/// What is worse than it was.
fn complaints(kept: &Counts, now: &Counts) -> Vec<String> {
    let mut complaints = Vec::new();
    for row in &kept.rows {
        match now.find(&row.name) {
            None => complaints.push(format!("{}: not counted any more", row.name)),
            Some(new) if new.more > row.more + tolerance(kept, now, row.more) => {
                let growth = new.more - row.more;
                complaints.push(format!(
                    "{}: {} instructions beyond the raw calls, {growth} more than are kept",
                    row.name, new.more,
                ));
            }
            Some(_) => (),
        }
        if let Some(new) = now.find(&row.name).filter(|new| new.calls > row.calls + CALLS_TOLERANCE)
        {
            complaints.push(format!(
                "{}: {}.{:02} system calls, {}.{:02} are kept",
                row.name,
                new.calls / 100,
                new.calls % 100,
                row.calls / 100,
                row.calls % 100,
            ));
        }
    }
    for new in now.rows.iter().filter(|new| kept.find(&new.name).is_none()) {
        complaints.push(format!("{}: no count is kept", new.name));
    }
    complaints
}

/// What is so much better that the kept count hides the next detour.
fn gains<'a>(kept: &'a Counts, now: &'a Counts) -> impl Iterator<Item = String> + 'a {
    kept.rows.iter().filter_map(|row| {
        let new = now.find(&row.name)?;
        let is_better = new.more < row.more - tolerance(kept, now, row.more)
            || new.calls < row.calls - 2 * CALLS_TOLERANCE;
        is_better.then(|| {
            format!(
                "{}: {} instructions beyond the raw calls, {} are kept; system calls (in \
                 hundredths) {}, {} are kept",
                row.name, new.more, row.more, new.calls, row.calls
            )
        })
    })
}

#[test]
fn calls_take_no_more_instructions_than_they_took() {
    const NAME: &str = "calls_take_no_more_instructions_than_they_took";
    if !has(NAME, "valgrind") || !has(NAME, "strace") || !has(NAME, "cc") {
        return;
    }
    let output = Command::new("sh").args([SCRIPT, "instructions"]).output().expect("a shell");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{table}{}", String::from_utf8_lossy(&output.stderr));
    let kept = Counts::parse(&fs::read_to_string(KEPT).expect("the kept counts"));
    let now = Counts::parse(&table);
    for gain in gains(&kept, &now) {
        // Shown also when the test passes.
        let _ = writeln!(stderr(), "{NAME}: {gain}: keep the new counts");
    }
    let complaints = complaints(&kept, &now);
    assert!(
        complaints.is_empty(),
        "{}\n\n{table}\nIf that is worth it: benches/run.sh instructions > \
         benches/instructions.txt",
        complaints.join("\n"),
    );
}

fn counts(compiler: &str, rows: &[(&str, i64)]) -> Counts {
    let row =
        |(name, more): &(&str, i64)| Row { name: (*name).to_owned(), more: *more, calls: 200 };
    Counts { compiler: compiler.to_owned(), rows: rows.iter().map(row).collect() }
}

#[test]
fn a_system_call_more_is_seen() {
    let kept = counts("# rustc 1", &[("stream", 1000)]);
    for (calls, seen) in [(200, false), (204, false), (205, true), (300, true), (100, false)] {
        let mut now = counts("# rustc 2", &[("stream", 1000)]);
        now.rows[0].calls = calls;
        assert_eq!(!complaints(&kept, &now).is_empty(), seen, "{calls}");
    }
    let read = Counts::parse("# rustc 1\nhead\nwait, stream   51  1172  1121  2.00  3.96\n");
    assert_eq!((read.rows[0].more, read.rows[0].calls), (1121, 396));
    assert_eq!(read.rows[0].name, "wait, stream");
}

#[test]
fn a_count_that_grew_is_seen() {
    let kept = counts("# rustc 1", &[("stream", 1000)]);
    for (more, seen) in [(1000, false), (1040, false), (1041, true), (1, false)] {
        let now = counts("# rustc 1", &[("stream", more)]);
        assert_eq!(!complaints(&kept, &now).is_empty(), seen, "{more}");
    }
    for (more, seen) in [(1041, false), (1160, false), (1161, true)] {
        let now = counts("# rustc 2", &[("stream", more)]);
        assert_eq!(!complaints(&kept, &now).is_empty(), seen, "{more}, another compiler");
    }
    for (more, seen) in [(960, 0), (959, 1)] {
        let now = counts("# rustc 1", &[("stream", more)]);
        assert_eq!(gains(&kept, &now).count(), seen, "{more}");
    }
}

#[test]
fn a_row_that_only_one_side_has_is_seen() {
    let one = counts("# rustc 1", &[("stream", 300)]);
    let two = counts("# rustc 1", &[("stream", 300), ("poller, stream", 700)]);
    assert_eq!(complaints(&one, &two), ["poller, stream: no count is kept"]);
    assert_eq!(complaints(&two, &one), ["poller, stream: not counted any more"]);
}
