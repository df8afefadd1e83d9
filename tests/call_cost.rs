//! What a call costs in user space, as instructions: the release build's count is the
//! same on every run, so that a detour in the path of every call is seen at once.

mod support;
use std::process::Command;

use support::*;

/// The most instructions that a send and a receive may take beyond the raw calls: 15 %
/// above what they take.
const MOST: [(&str, i64); 4] =
    [("stream", 285), ("seqpacket", 320), ("dgram", 290), ("descriptor", 890)];

#[test]
fn a_call_takes_few_instructions() {
    const NAME: &str = "a_call_takes_few_instructions";
    if !has(NAME, "valgrind") || !has(NAME, "cc") {
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/run.sh");
    let output = Command::new("sh").args([script, "instructions"]).output().expect("a shell");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{table}{}", String::from_utf8_lossy(&output.stderr));
    for (kind, most) in MOST {
        let row = table.lines().find(|line| line.starts_with(kind));
        let columns: Vec<&str> = row.unwrap_or_default().split_whitespace().collect();
        let [_, raw, ours, more] = columns[..] else { panic!("no row for {kind}:\n{table}") };
        assert!(raw.parse::<i64>().unwrap() > 0, "nothing was counted:\n{table}");
        assert!(ours.parse::<i64>().unwrap() > 0, "nothing was counted:\n{table}");
        let more: i64 = more.parse().unwrap();
        assert!(more <= most, "{kind}: {more} instructions, at most {most}:\n{table}");
    }
}
