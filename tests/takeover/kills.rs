//! Starters that are killed at any moment of their call.

use std::hint::spin_loop;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{fs, mem, ptr, thread};

use crate::processes::*;
use crate::{hear, leave_stale_file, litter, owns_file, with};
use support::*;

/// What a starter meets, and whether it may take it over.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Situation {
    NothingThere,
    OverStale,
    OverLive,
    ReplaceNothing,
    ReplaceStale,
    ReplaceLive,
}

use Situation::*;

/// Half of the calls replace, most of them a live server.
const SITUATIONS: [Situation; 8] = [
    OverLive,
    ReplaceLive,
    OverStale,
    ReplaceStale,
    OverLive,
    ReplaceLive,
    NothingThere,
    ReplaceNothing,
];

impl Situation {
    fn flags(self) -> u32 {
        match self {
            NothingThere | OverStale | OverLive => 0,
            ReplaceNothing | ReplaceStale | ReplaceLive => UDSOCK_REPLACE,
        }
    }

    fn kinds(self) -> &'static [u32] {
        if self.flags() == 0 { &KINDS } else { &CONNECTED_KINDS }
    }

    fn has_live_server(self) -> bool {
        matches!(self, OverLive | ReplaceLive)
    }

    /// A replacement is atomic: whatever was there, or the new server.
    fn is_never_absent(self) -> bool {
        matches!(self, OverLive | ReplaceStale | ReplaceLive)
    }
}

/// The file of a live server that was replaced but not yet unlinked, which nobody sweeps
/// before that server has gone, and the file of the last starter.
const MOST_LITTER: usize = 2;

#[derive(Default)]
struct Figures {
    kills: u64,
    /// Those that came before the call had returned.
    inside: u64,
    /// Kills after which a live server had lost its path to a replacement.
    replaced: u64,
    litter: usize,
}

/// One start, as the process that is killed tells of it.
#[derive(Default)]
struct Start {
    began: AtomicBool,
    nanoseconds: AtomicU64,
    /// 0 until the call has returned.
    result: AtomicI64,
}

#[test]
fn killed_starters_stand_in_nobodys_way() {
    in_own_process("kills::killed_starters_stand_in_nobodys_way", || {
        let count = repeat("UDSOCK_KILL_COUNT", 600);
        let dir = Dir::new();
        let mut killing = Killing::new(&dir);
        let mut rounds = SITUATIONS.iter().cycle();
        while killing.figures.kills < count {
            killing.round(*rounds.next().expect("they repeat for ever"));
        }
        let Figures { kills, inside, replaced, litter } = killing.figures;
        assert!(litter <= MOST_LITTER, "{litter} private names were left at once");
        assert!(inside > count / 10, "only {inside} of {kills} kills came inside the call");
        eprintln!(
            "kills: {kills}, {inside} of them inside the call; {replaced} left the path of a \
             live server to its replacement, as asked; 0 live servers displaced otherwise; 0 \
             starts failed; private names left: {litter} at most, 0 after the next start and close"
        );
    });
}

struct Killing<'a> {
    dir: &'a Dir,
    path: String,
    /// On another path of the directory all the time.
    bystander: Sock,
    bystander_path: String,
    start: Shared<Start>,
    /// How long a start takes in each situation, about.
    durations: [u64; SITUATIONS.len()],
    random: Random,
    figures: Figures,
}

impl<'a> Killing<'a> {
    fn new(dir: &'a Dir) -> Self {
        let bystander_path = dir.path("bystander.sock");
        Self {
            dir,
            path: dir.path("path.sock"),
            bystander: open_server(UDSOCK_STREAM, &bystander_path),
            bystander_path,
            start: Shared::new(Start::default()),
            durations: [200_000; SITUATIONS.len()],
            random: Random::new(),
            figures: Figures::default(),
        }
    }

    /// Up to three kills in a row, then a start that is left alone.
    fn round(&mut self, situation: Situation) {
        let kinds = situation.kinds();
        let kind = kinds[self.random.below(kinds.len() as u64) as usize];
        let live = situation.has_live_server().then(|| open_server(kind, &self.path));
        if matches!(situation, OverStale | ReplaceStale) {
            leave_stale_file(kind, &self.path);
        }
        let mut owned = live.is_some();
        for _ in 0..=self.random.below(3) {
            self.kill_starter(situation, kind);
            self.check_paths(situation);
            if let Some(live) = &live {
                owned = self.check_live(situation, kind, live, owned);
            }
        }

        // A server that is replaced may close before the next start, or after it.
        let stays = situation == ReplaceLive && self.random.below(2) == 0;
        let live = live.filter(|_| stays);
        self.start_and_close(situation, kind);
        if let Some(live) = live {
            drop(live);
            self.start_and_close(situation, kind);
        }
        assert_eq!(self.dir.list(), ["bystander.sock"], "left after {situation:?}");
    }

    /// The bystander is never touched; the path of a server to be replaced is never empty.
    fn check_paths(&mut self, situation: Situation) {
        let bystander = (&self.bystander, self.bystander_path.as_str());
        assert!(owns_file(bystander.0) && is_reached(bystander, UDSOCK_STREAM), "displaced");
        self.figures.litter = self.figures.litter.max(litter(self.dir));
        if situation.is_never_absent() {
            let file = fs::symlink_metadata(&self.path);
            let file = file.unwrap_or_else(|error| panic!("{situation:?}: {error}"));
            assert!(file.file_type().is_socket());
        }
    }

    /// Whether the live server still has its path. If so it is reached, and protected.
    fn check_live(&mut self, situation: Situation, kind: u32, live: &Sock, owned: bool) -> bool {
        if !owns_file(live) {
            assert_eq!(situation, ReplaceLive, "a live server was displaced");
            self.figures.replaced += u64::from(owned);
            return false;
        }
        assert!(owned, "a path came back");
        assert!(is_reached((live, &self.path), kind), "another server is at the path");
        let refusal = try_open_server(kind, &self.path, None).expect_err("a live server is there");
        assert_eq!(refusal.code, no(libc::EADDRINUSE), "{refusal:?}");
        true
    }

    fn start_and_close(&self, situation: Situation, kind: u32) {
        let server = try_open_server(kind, &self.path, Some(&with(situation.flags())))
            .unwrap_or_else(|refusal| panic!("a start after {situation:?}: {refusal:?}"));
        assert!(owns_file(&server) && is_reached((&server, &self.path), kind));
        assert_eq!(server.close(), 0);
    }

    /// A start in a process which is killed before, in or just after the call, by a timer
    /// of its own or by another process.
    fn kill_starter(&mut self, situation: Situation, kind: u32) {
        let index = SITUATIONS.iter().position(|other| *other == situation).unwrap();
        let delay = 1 + self.random.below(self.durations[index] * 5 / 4);
        let by_timer = self.random.below(2) == 0;
        self.start.began.store(false, Ordering::Relaxed);
        self.start.result.store(0, Ordering::Relaxed);
        let mut process = fork(|| {
            let began = Instant::now();
            if by_timer {
                be_killed_after(delay);
            }
            self.start.began.store(true, Ordering::Release);
            let result = match try_open_server(kind, &self.path, Some(&with(situation.flags()))) {
                Ok(server) => {
                    let handle = server.0;
                    mem::forget(server);
                    handle
                }
                Err(refusal) => refusal.code,
            };
            self.start.nanoseconds.store(began.elapsed().as_nanos() as u64, Ordering::Relaxed);
            self.start.result.store(result, Ordering::Release);
            thread::sleep(Duration::from_secs(60));
        });
        if !by_timer {
            while !self.start.began.load(Ordering::Acquire) {
                thread::yield_now();
            }
            let began = Instant::now();
            while began.elapsed() < Duration::from_nanos(delay) {
                spin_loop();
            }
            process.kill();
        }
        assert_eq!(process.wait().signal(), Some(libc::SIGKILL));
        self.figures.kills += 1;

        match self.start.result.load(Ordering::Acquire) {
            0 => {
                self.figures.inside += 1;
                // Or slow calls would never be killed near their end.
                self.durations[index] = self.durations[index].max(delay);
            }
            result => {
                let refused = result == no(libc::EADDRINUSE);
                assert_eq!(refused, situation == OverLive, "{situation:?}: {}", name_of(result));
                assert!(refused || result > 0, "{situation:?}: {}", name_of(result));
                let took = self.start.nanoseconds.load(Ordering::Relaxed);
                self.durations[index] = (self.durations[index] * 7 + took) / 8;
            }
        }
    }
}

/// Whether a client of the path gets to this server.
fn is_reached((server, path): (&Sock, &str), kind: u32) -> bool {
    let client = open_client(kind, path);
    assert_eq!(client.send(b"here?", 0), 5);
    hear(server, kind).as_deref() == Ok(b"here?")
}

/// Has this process killed, whatever it is doing then.
fn be_killed_after(nanoseconds: u64) {
    // SAFETY: numbers and pointers: all zero is an empty one.
    let mut event: libc::sigevent = unsafe { mem::zeroed() };
    event.sigev_notify = libc::SIGEV_SIGNAL;
    event.sigev_signo = libc::SIGKILL;
    let mut timer = ptr::null_mut();
    let no_interval = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let once = libc::itimerspec {
        it_interval: no_interval,
        it_value: libc::timespec {
            tv_sec: (nanoseconds / 1_000_000_000) as i64,
            tv_nsec: (nanoseconds % 1_000_000_000) as i64,
        },
    };
    // SAFETY: an event, room for a timer, its times, and NULL for the former ones.
    unsafe {
        assert_eq!(libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer), 0);
        assert_eq!(libc::timer_settime(timer, 0, &once, ptr::null_mut()), 0);
    }
}
