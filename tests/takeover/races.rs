//! Starters at once: one path, one owner.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;
use std::{array, fs, thread};

use crate::processes::*;
use crate::{hear, leave_stale_file, owns_file, with};
use support::*;

const MOST: usize = 8;

/// What the starters and the referee have in common.
struct Race {
    barrier: Barrier,
    /// Of all races so far.
    ready: AtomicU64,
    finished: AtomicU64,
    starters: [Starter; MOST],
}

#[derive(Default)]
struct Starter {
    result: AtomicI64,
    owns: AtomicU32,
    /// What its client said.
    heard: AtomicU64,
    /// Nanoseconds on a common clock.
    began: AtomicU64,
    ended: AtomicU64,
}

struct Course {
    path: String,
    starters: usize,
    replace: bool,
}

#[test]
fn of_starters_over_a_stale_file_or_nothing_one_wins() {
    in_own_process("races::of_starters_over_a_stale_file_or_nothing_one_wins", || {
        let count = repeat("UDSOCK_RACE_COUNT", 200);
        for starters in [2, MOST] {
            run(starters, count, false);
            eprintln!(
                "races, every second over a stale file: {count} of {starters} starters, 1 owner each"
            );
        }
    });
}

#[test]
fn of_replacing_starters_the_last_one_owns_the_path() {
    in_own_process("races::of_replacing_starters_the_last_one_owns_the_path", || {
        let count = repeat("UDSOCK_RACE_COUNT", 100);
        for starters in [2, MOST] {
            let path = run(starters, count, true);
            assert_eq!(path.absent, 0, "of {} looks at the path", path.looks);
            eprintln!(
                "races to replace: {count} of {starters} starters, 1 owner each; the path was \
                 absent in 0 of {} looks",
                path.looks
            );
        }
    });
}

/// The path as the referee saw it during the starts.
#[derive(Default)]
struct Watched {
    looks: u64,
    absent: u64,
}

fn run(starters: usize, count: u64, replace: bool) -> Watched {
    let dir = Dir::new();
    let course = Course { path: dir.path("path.sock"), starters, replace };
    let race = Shared::new(Race {
        barrier: Barrier::new(starters as u32 + 1),
        ready: AtomicU64::new(0),
        finished: AtomicU64::new(0),
        starters: array::from_fn(|_| Starter::default()),
    });
    let clock = Instant::now();
    let mut processes: Vec<Process> = (0..starters)
        .map(|index| {
            fork(|| (0..count).for_each(|number| course.start(&race, number, index, clock)))
        })
        .collect();
    let mut watched = Watched::default();
    for number in 0..count {
        course.referee(&race, number, &mut watched);
        assert_eq!(dir.list(), [""; 0], "left after race {number}");
    }
    assert!(processes.iter_mut().all(|process| process.wait().success()));
    watched
}

impl Course {
    /// All of one kind, of each in turn, and then a race of all kinds.
    fn kind(&self, number: u64, index: usize) -> u32 {
        let kinds = if self.replace { &CONNECTED_KINDS[..] } else { &KINDS[..] };
        let turn = number as usize % (kinds.len() + 1);
        kinds.get(turn).copied().unwrap_or(kinds[(number as usize / 7 + index) % kinds.len()])
    }

    /// A race as a starter sees it.
    fn start(&self, race: &Race, number: u64, index: usize, clock: Instant) {
        let starter = &race.starters[index];
        let kind = self.kind(number, index);
        let options = with(if self.replace { UDSOCK_REPLACE } else { 0 });
        race.barrier.wait();
        self.set_off_together(race, number);
        let began = clock.elapsed().as_nanos() as u64;
        let server = try_open_server(kind, &self.path, Some(&options));
        starter.began.store(began, Ordering::Relaxed);
        starter.ended.store(clock.elapsed().as_nanos() as u64, Ordering::Relaxed);
        let result = server.as_ref().map_or_else(|refusal| refusal.code, |server| server.0);
        starter.result.store(result, Ordering::Relaxed);
        race.finished.fetch_add(1, Ordering::AcqRel);

        race.barrier.wait();
        let owner = server.ok().filter(owns_file);
        starter.owns.store(owner.is_some().into(), Ordering::Relaxed);
        race.barrier.wait();
        // The referee connects here, after all others have closed.
        race.barrier.wait();
        if let Some(owner) = owner {
            let heard = hear(&owner, kind).expect("a client has connected");
            let heard = u64::from_le_bytes(heard.try_into().expect("a number"));
            starter.heard.store(heard, Ordering::Relaxed);
            assert_eq!(owner.close(), 0);
        }
        race.barrier.wait();
    }

    /// Who slept at the barrier comes late: all have to be awake, and the referee too where
    /// the path is watched.
    fn set_off_together(&self, race: &Race, number: u64) {
        let all = (number + 1) * (self.starters as u64 + u64::from(self.replace));
        race.ready.fetch_add(1, Ordering::AcqRel);
        while race.ready.load(Ordering::Acquire) < all {
            thread::yield_now();
        }
    }

    /// The same race as its referee sees it.
    fn referee(&self, race: &Race, number: u64, watched: &mut Watched) {
        let kind = KINDS[number as usize % KINDS.len()];
        let live = self.replace.then(|| open_server(kind, &self.path));
        if !self.replace && number % 2 == 0 {
            leave_stale_file(kind, &self.path);
        }
        race.barrier.wait();
        if self.replace {
            self.set_off_together(race, number);
            self.watch(race, number, watched);
        }
        race.barrier.wait();
        if let Some(live) = live {
            assert!(!owns_file(&live));
            assert_eq!(live.close(), 0);
        }
        race.barrier.wait();
        let starters = &race.starters[..self.starters];
        let owner = self.check_results(number, starters);

        let client = open_client(self.kind(number, owner), &self.path);
        assert_eq!(client.send(&number.to_le_bytes(), 0), 8);
        race.barrier.wait();
        race.barrier.wait();
        assert_eq!(starters[owner].heard.load(Ordering::Relaxed), number, "a client was lost");
    }

    /// Looks at the path until all starts have returned.
    fn watch(&self, race: &Race, number: u64, watched: &mut Watched) {
        let all = (number + 1) * self.starters as u64;
        while race.finished.load(Ordering::Acquire) < all {
            watched.looks += 1;
            watched.absent += u64::from(fs::symlink_metadata(&self.path).is_err());
            thread::yield_now();
        }
    }

    /// The one who owns the path.
    fn check_results(&self, number: u64, starters: &[Starter]) -> usize {
        let results: Vec<i64> =
            starters.iter().map(|starter| starter.result.load(Ordering::Relaxed)).collect();
        let names: Vec<String> = results.iter().map(|result| name_of(*result)).collect();
        let owners: Vec<usize> = (0..starters.len())
            .filter(|index| starters[*index].owns.load(Ordering::Relaxed) == 1)
            .collect();
        let [owner] = owners[..] else {
            panic!("race {number}: the owners are {owners:?}; the results {names:?}");
        };
        assert!(results[owner] > 0, "race {number}: {names:?}");
        for (index, starter) in starters.iter().enumerate().filter(|(index, _)| *index != owner) {
            if self.replace {
                assert!(results[index] > 0, "race {number}: {names:?}");
                let ended = starters[owner].ended.load(Ordering::Relaxed);
                let began = starter.began.load(Ordering::Relaxed);
                assert!(ended >= began, "race {number}: who started later does not own the path");
            } else {
                assert_eq!(results[index], no(libc::EADDRINUSE), "race {number}: {names:?}");
            }
        }
        owner
    }
}
