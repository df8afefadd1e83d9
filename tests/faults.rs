//! Every system call of the library fails once, with each errno that it plausibly has: strace
//! injects them. The library's call says what happened or succeeds all the same, and either
//! way nothing is left behind, no descriptor is lost, nothing that was there is changed, and
//! no live server is displaced that should not be. All errnos of every call, and not some of
//! them, with UDSOCK_FAULTS_WHOLE=1.

use support::c_library;
use support::*;

#[path = "faults/cell.rs"]
mod cell;
#[path = "faults/errnos.rs"]
mod errnos;
#[path = "faults/sites.rs"]
mod sites;
#[path = "faults/strace.rs"]
mod strace;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::{env, fs};

use cell::{Cell, Scenario, scenarios_of};
use strace::{Fault, SystemCall};

/// Every call and every errno; scaled down, one of all that can befall a scenario's calls of
/// one name.
fn faults(scenario: &Scenario, calls: Vec<SystemCall>) -> Vec<Fault> {
    let whole = env::var_os("UDSOCK_FAULTS_WHOLE").is_some();
    let calls = calls.into_iter().filter(SystemCall::can_fail);
    let all = calls.flat_map(|call| {
        errnos::of(&call).iter().map(move |errno| Fault { call: call.clone(), errno })
    });
    if whole {
        return all.collect();
    }
    let mut of_name: BTreeMap<String, Vec<Fault>> = BTreeMap::new();
    for fault in all {
        of_name.entry(fault.call.name.clone()).or_default().push(fault);
    }
    // Another in every scenario, and the same in every run.
    let turn = scenario.name.bytes().map(usize::from).sum::<usize>();
    of_name.into_values().map(|mut faults| faults.swap_remove(turn % faults.len())).collect()
}

/// The scenario without faults, but with what is given: its calls.
fn calls_of(scenario: &Scenario) -> (Option<Fault>, Vec<SystemCall>) {
    let (cell, (report, calls)) = Cell::after(scenario, |cell| cell.run(None));
    assert!(report.is_as_expected(), "{scenario}: without faults: {:?}", report.facts);
    assert_eq!((&report.wrong[..], cell.remains(&report).len()), (&[][..], 0), "{scenario}");
    let Some((part, errno)) = scenario.given else {
        return (None, calls);
    };
    let call = calls.into_iter().find(|call| call.line.contains(part));
    let given = Fault { call: call.unwrap_or_else(|| panic!("{scenario}: no {part}")), errno };
    let (_, (_, mut calls)) = Cell::after(scenario, |cell| cell.run(Some(&given)));
    // Another fault of the same name would take its place.
    calls.retain(|call| call.name != given.call.name);
    (Some(given), calls)
}

#[derive(Default)]
struct Tally {
    told: usize,
    harmless: usize,
    missed: usize,
    failures: Vec<String>,
}

impl Tally {
    fn prove(&mut self, scenario: &Scenario) {
        let (given, calls) = calls_of(scenario);
        for fault in faults(scenario, calls) {
            let attempt = |cell: &Cell<'_>| cell.run_with(&fault, given.as_ref());
            let (mut cell, Some(report)) = Cell::after(scenario, attempt) else {
                self.missed += 1;
                continue;
            };
            *(if report.is_told() { &mut self.told } else { &mut self.harmless }) += 1;
            let complaints = cell.complaints(&fault, &report).join("; ");
            if !complaints.is_empty() {
                let facts = &report.facts;
                self.failures.push(format!("{scenario}: {fault}: {complaints}\n  {facts:?}"));
            }
        }
    }
}

fn prove(test: &str, scenarios: &[Scenario]) {
    let mut tally = Tally::default();
    for scenario in scenarios {
        tally.prove(scenario);
    }
    let Tally { told, harmless, missed, failures } = tally;
    println!(
        "{test}: {} cells: {told} were told, {harmless} did no harm; {missed} calls were not made \
         again",
        told + harmless,
    );
    // Whoever has a socket is looked for among all processes, and on a busy machine these are
    // others the second time.
    assert!(told > 0 && missed < told + harmless, "{test}: the faults hit too little");
    assert!(failures.is_empty(), "{test}: {}:\n{}", failures.len(), failures.join("\n"));
}

fn can_inject(test: &str) -> bool {
    has(test, "cc") && strace::works(test)
}

/// To give a file to another user, or to become one, takes root.
fn is_root(test: &str) -> bool {
    let root = fs::metadata("/proc/self").expect("proc is mounted").uid() == 0;
    if !root {
        skip(test, "only root can give files away");
    }
    root
}

/// Servers, which find what the test puts at their path.
fn openings() -> Vec<Scenario> {
    let long = |name| Scenario { path: "long".repeat(40), ..Scenario::new(name) };
    vec![
        Scenario::new("free"),
        Scenario::new("free-with-signal"),
        long("free"),
        // Many file systems know no rename with flags.
        Scenario { given: Some(("RENAME_NOREPLACE", "EINVAL")), ..long("free") },
        // A process that can't note its number asks for it each time.
        Scenario::given("free", "mmap(NULL, 4096", "ENOMEM"),
        Scenario::given("free", "MADV_WIPEONFORK", "EINVAL"),
        Scenario::new("mode"),
        Scenario::new("wide"),
        // Without /proc.
        Scenario::given("wide", "chmod(\"/proc", "ENOENT"),
        Scenario::new("stale"),
        Scenario::new("stale-told"),
        Scenario::new("stale-datagram"),
        Scenario::new("no-reclaim"),
        Scenario::new("abstract"),
        Scenario::new("datagram"),
        Scenario::new("datagram-any"),
        Scenario::new("datagram-unnamed"),
        Scenario::new("pair"),
        Scenario::new("pair-seqpacket"),
        Scenario::new("close"),
        Scenario::new("restore"),
        Scenario::new("restored"),
    ]
}

fn replacements() -> Vec<Scenario> {
    vec![
        Scenario::occupied("occupied"),
        Scenario::occupied("replace"),
        Scenario::new("replace-stale"),
        Scenario::new("replace"),
        Scenario::occupied("replace-restore"),
        Scenario::occupied("listen"),
        // Not every file system can exchange names.
        Scenario { given: Some(("RENAME_EXCHANGE", "EINVAL")), ..Scenario::occupied("listen") },
        Scenario { given: Some(("RENAME_EXCHANGE", "ENOSYS")), ..Scenario::occupied("listen") },
        Scenario { given: Some(("RENAME_NOREPLACE", "EPERM")), ..Scenario::new("replace") },
    ]
}

fn made_directories() -> Vec<Scenario> {
    let path = "made/deeper/server";
    let makes: &[_] = &["made", "made/deeper"];
    let parents = || Scenario { path: path.into(), makes, ..Scenario::new("parents") };
    // What was made goes again.
    vec![parents(), Scenario { given: Some(("bind(", "EACCES")), ..parents() }]
}

fn others_files() -> Vec<Scenario> {
    let mut scenarios = scenarios_of("accept-as-root");
    scenarios.extend([Scenario::new("owner"), Scenario::occupied("replace-owner")]);
    scenarios.push(Scenario::new("owner-only"));
    scenarios
}

fn inspections() -> Vec<Scenario> {
    let mut scenarios = scenarios_of("inspect");
    // Who may not connect looks elsewhere.
    scenarios.push(Scenario::given("inspect-live", "connect(", "EACCES"));
    scenarios.push(Scenario::given("inspect-stale", "connect(", "EACCES"));
    scenarios
}

/// The nouns of faults.c whose scenarios need nothing from here.
const NOUNS: [&str; 9] = [
    "accept",
    "connect",
    "data",
    "message",
    "property",
    "descriptor",
    "threads",
    "member",
    "poller",
];

macro_rules! tests {
    ($($test:ident => $scenarios:expr;)*) => {
        $(#[test]
        fn $test() {
            if can_inject(stringify!($test)) {
                prove(stringify!($test), &$scenarios);
            }
        })*
    };
}

tests! {
    servers_open => openings();
    servers_replace_others => replacements();
    servers_make_directories => made_directories();
    servers_accept => scenarios_of("accept");
    clients_connect => scenarios_of("connect");
    data_is_sent_and_received => scenarios_of("data");
    messages_are_sent_and_received => scenarios_of("message");
    properties_are_asked_and_set => scenarios_of("property");
    descriptors_come_and_go => scenarios_of("descriptor");
    addresses_are_inspected => inspections();
    threads_are_woken => scenarios_of("threads");
    pollers_have_members => scenarios_of("member");
    a_poller_serves => scenarios_of("poller");
}

#[test]
fn other_users_are_served() {
    const TEST: &str = "other_users_are_served";
    if is_root(TEST) && can_inject(TEST) {
        prove(TEST, &others_files());
    }
}

#[test]
fn every_system_call_site_is_reached() {
    const TEST: &str = "every_system_call_site_is_reached";
    if !is_root(TEST) || !can_inject(TEST) {
        return;
    }
    let mut scenarios = [openings(), replacements(), made_directories(), others_files()].concat();
    scenarios.extend(inspections());
    scenarios.extend(NOUNS.iter().flat_map(|noun| scenarios_of(noun)));
    // What /proc does not tell of the umask is seen at a file without a name. (With another
    // fault before it, this one would hit what looks at the server afterwards.)
    scenarios.push(Scenario::given("owner-only", "\"Name:", "EIO"));
    let calls: Vec<_> = scenarios.iter().flat_map(|scenario| calls_of(scenario).1).collect();
    sites::check(&calls);
}
