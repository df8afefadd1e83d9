//! Every system call that makes, takes over or removes a socket file, or that serves clients
//! through a poller, fails once, with each errno that it plausibly has: strace injects them. The library's call says what happened
//! or succeeds all the same, and either way nothing is left behind, no descriptor is lost,
//! and no live server is displaced that should not be. All errnos of every call, and not one
//! of them in turn, with UDSOCK_FAULTS_WHOLE=1.

mod support;
use support::*;

#[path = "support/c_library.rs"]
mod c_library;

#[path = "faults/cell.rs"]
mod cell;
#[path = "faults/strace.rs"]
mod strace;

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::{env, fs};

use cell::{Cell, Scenario};
use strace::{Fault, SystemCall};

/// Every call and every errno; scaled down, every call with one of its errnos in turn.
fn faults(calls: &[SystemCall]) -> Vec<Fault<'_>> {
    let whole = env::var_os("UDSOCK_FAULTS_WHOLE").is_some();
    let mut faults = Vec::new();
    for (number, call) in calls.iter().filter(|call| call.can_fail()).enumerate() {
        let errnos = call.errnos();
        let some = if whole { errnos } else { &errnos[number % errnos.len()..][..1] };
        faults.extend(some.iter().map(|errno| Fault { call, errno }));
    }
    faults
}

fn prove(test: &str, scenario: &Scenario) {
    if !has(test, "cc") || !strace::works(test) {
        return;
    }
    let cell = Cell::new(scenario);
    let (report, calls) = cell.run();
    let refusal = scenario.name == "occupied";
    assert_eq!(report.failed(), refusal, "{test}: without faults: {:?}", report.facts);
    assert_eq!((&report.wrong[..], cell.remains(&report).len()), (&[][..], 0), "{test}");

    let (mut told, mut harmless, mut missed) = (0, 0, 0);
    let mut failures = Vec::new();
    let faults = faults(&calls);
    for fault in &faults {
        let mut cell = Cell::new(scenario);
        let Some(report) = cell.run_with(fault) else {
            missed += 1;
            continue;
        };
        *(if report.failed() { &mut told } else { &mut harmless }) += 1;
        let remains = cell.remains(&report);
        let complaints = cell.complaints(fault, &report).join("; ");
        if !complaints.is_empty() {
            failures.push(format!("{fault}: {complaints}\n  {:?}", report.facts));
        } else if !remains.is_empty() {
            println!("{test}: {fault}: left {remains:?}, which the next start removed");
        }
    }
    let spared: BTreeSet<&str> =
        calls.iter().filter(|call| !call.can_fail()).map(|call| call.name.as_str()).collect();
    println!(
        "{test}: {} cells: {told} were told, {harmless} did no harm; {missed} calls were not made \
         again; not made to fail: {spared:?}",
        told + harmless,
    );
    assert!(told > 0 && missed * 4 < faults.len(), "{test}: the faults hit too little");
    assert!(failures.is_empty(), "{test}: {}:\n{}", failures.len(), failures.join("\n"));
}

/// To give a file to another user takes root.
fn is_root(test: &str) -> bool {
    let root = fs::metadata("/proc/self").expect("proc is mounted").uid() == 0;
    if !root {
        skip(test, "only root can give files away");
    }
    root
}

#[test]
fn a_server_on_a_free_path() {
    prove("a_server_on_a_free_path", &Scenario::new("free"));
}

#[test]
fn a_server_of_another_kind_with_a_mode() {
    prove("a_server_of_another_kind_with_a_mode", &Scenario::new("seqpacket"));
}

#[test]
fn a_server_on_a_name_that_fits_no_address() {
    let path = "long".repeat(40);
    prove("a_server_on_a_name_that_fits_no_address", &Scenario { path, ..Scenario::new("free") });
}

#[test]
fn a_server_over_a_stale_file() {
    prove("a_server_over_a_stale_file", &Scenario::new("stale"));
}

#[test]
fn a_datagram_server_over_a_stale_file() {
    prove("a_datagram_server_over_a_stale_file", &Scenario::new("datagram"));
}

#[test]
fn a_live_server_is_not_displaced() {
    prove("a_live_server_is_not_displaced", &Scenario::occupied("occupied"));
}

#[test]
fn a_live_server_is_replaced() {
    prove("a_live_server_is_replaced", &Scenario::occupied("replace"));
}

#[test]
fn a_stale_file_is_replaced() {
    prove("a_stale_file_is_replaced", &Scenario::new("replace-stale"));
}

#[test]
fn nothing_is_replaced() {
    prove("nothing_is_replaced", &Scenario::new("replace-nothing"));
}

#[test]
fn a_server_whose_file_is_another_users() {
    const TEST: &str = "a_server_whose_file_is_another_users";
    if is_root(TEST) {
        prove(TEST, &Scenario::new("owner"));
    }
}

#[test]
fn a_live_server_is_replaced_by_another_users() {
    const TEST: &str = "a_live_server_is_replaced_by_another_users";
    if is_root(TEST) {
        prove(TEST, &Scenario::occupied("replace-owner"));
    }
}

#[test]
fn a_server_in_directories_that_it_makes() {
    let path = "made/deeper/server".into();
    let makes = &["made", "made/deeper"];
    let scenario = Scenario { path, makes, ..Scenario::new("parents") };
    prove("a_server_in_directories_that_it_makes", &scenario);
}

#[test]
fn a_bound_server_replaces_a_live_one_when_it_listens() {
    const TEST: &str = "a_bound_server_replaces_a_live_one_when_it_listens";
    prove(TEST, &Scenario { tells: None, ..Scenario::occupied("listen") });
}

#[test]
fn a_poller_serves() {
    prove("a_poller_serves", &Scenario { tells: None, ..Scenario::new("poller") });
}

#[test]
fn a_poller_serves_messages() {
    const TEST: &str = "a_poller_serves_messages";
    prove(TEST, &Scenario { tells: None, ..Scenario::new("poller-seqpacket") });
}

#[test]
fn a_server_is_closed() {
    prove("a_server_is_closed", &Scenario { tells: None, ..Scenario::new("close") });
}
