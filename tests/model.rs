//! The handle table and the sleepers under loom: every interleaving of a few threads,
//! as the memory model allows it. The two files are compiled here against loom's
//! atomics.

#![cfg(target_pointer_width = "64")] // As loom's atomics.
#![allow(dead_code, reason = "the model uses a part of each file")]

/// What `src/sync.rs` is in the library.
mod sync {
    macro_rules! const_fn {
        ($($function:tt)*) => { $($function)* };
    }
    pub(crate) use const_fn;

    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

#[path = "../src/sys/once.rs"]
mod once;

/// What they use of the library's.
mod sys {
    pub(crate) use crate::once::OncePointer;

    pub(crate) fn boxed<T>(value: T) -> Result<Box<T>, ()> {
        Ok(Box::new(value))
    }
}

#[path = "../src/handle_table.rs"]
mod handle_table;
#[path = "../src/segments.rs"]
mod segments;
#[path = "../src/sleepers.rs"]
mod sleepers;

use std::ptr;
use std::sync::Mutex;

use handle_table::HandleTable;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use sleepers::{Alarm, Sleepers};

/// The first slots are in one piece, which is made before there are threads: loom does not see how
/// pieces are shared.
type Table = HandleTable<Object, 16>;

/// Counts how often it was dropped, and is marked while it can be used.
struct Object {
    open: Arc<AtomicBool>,
    drops: Arc<AtomicUsize>,
}

impl Object {
    fn new(drops: &Arc<AtomicUsize>) -> Self {
        Self { open: Arc::new(AtomicBool::new(true)), drops: drops.clone() }
    }

    fn is_used(&self) {
        assert!(self.open.load(Ordering::Relaxed), "used after it was dropped");
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        assert!(self.open.swap(false, Ordering::Relaxed), "dropped twice");
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

fn insert(table: &Table, drops: &Arc<AtomicUsize>) -> i64 {
    table.vacancy().expect("room").fill(Object::new(drops)).get()
}

fn model(body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // Three preemptions find what there is to find; without a bound it takes a minute.
    let whole = std::env::var_os("UDSOCK_MODEL_WHOLE").is_some();
    builder.preemption_bound = (!whole).then_some(3);
    builder.check(body);
}

#[test]
fn an_object_is_never_dropped_while_it_is_used() {
    model(|| {
        let table = Arc::new(Table::new());
        let drops = Arc::new(AtomicUsize::new(0));
        let handle = insert(&table, &drops);
        let users: Vec<_> = (0..2)
            .map(|_| {
                let table = table.clone();
                thread::spawn(move || {
                    if let Some(object) = table.get(handle) {
                        object.is_used();
                    }
                })
            })
            .collect();
        table.close(handle).expect("it was open").is_used();
        assert!(table.get(handle).is_none());
        users.into_iter().for_each(|user| user.join().unwrap());
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn of_two_that_close_one_wins() {
    model(|| {
        let table = Arc::new(Table::new());
        let drops = Arc::new(AtomicUsize::new(0));
        let handle = insert(&table, &drops);
        let other = {
            let table = table.clone();
            thread::spawn(move || table.close(handle).is_some())
        };
        let here = table.close(handle).is_some();
        assert!(here != other.join().unwrap());
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_stale_handle_never_reaches_the_next_object() {
    model(|| {
        let table = Arc::new(Table::new());
        let old = Arc::new(AtomicUsize::new(0));
        let new = Arc::new(AtomicUsize::new(0));
        let stale = insert(&table, &old);
        let user = {
            let (table, old) = (table.clone(), old.clone());
            thread::spawn(move || {
                if let Some(object) = table.get(stale) {
                    object.is_used();
                    assert!(Arc::ptr_eq(&object.drops, &old), "the next object");
                }
            })
        };
        drop(table.close(stale));
        let next = insert(&table, &new);
        assert_ne!(stale, next);
        user.join().unwrap();
        assert!(table.get(next).is_some());
        drop(table.close(next));
        assert_eq!((old.load(Ordering::Relaxed), new.load(Ordering::Relaxed)), (1, 1));
    });
}

#[test]
fn a_visitor_sees_whole_objects_only() {
    model(|| {
        let table = Arc::new(Table::new());
        let drops = Arc::new(AtomicUsize::new(0));
        let visitor = {
            let table = table.clone();
            thread::spawn(move || table.iter().for_each(|(_, object)| object.is_used()))
        };
        let handle = insert(&table, &drops);
        drop(table.close(handle));
        visitor.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn no_slot_is_given_out_twice() {
    model(|| {
        let table = Arc::new(Table::new());
        let drops = Arc::new(AtomicUsize::new(0));
        // Two vacant slots, one below the other.
        drop((table.vacancy(), table.vacancy()));
        let other = {
            let (table, drops) = (table.clone(), drops.clone());
            thread::spawn(move || {
                let top = table.vacancy();
                let handle = insert(&table, &drops);
                // Back on top, as if nothing had happened below it.
                drop(top);
                handle
            })
        };
        let here = [insert(&table, &drops), insert(&table, &drops)];
        let handles = [here[0], here[1], other.join().unwrap()];
        let slots = handles.map(|handle| handle & ((1 << 21) - 1));
        assert!(slots[0] != slots[1] && slots[1] != slots[2] && slots[0] != slots[2]);
        for handle in handles {
            table.close(handle).expect("it is open").is_used();
        }
        assert_eq!(drops.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn taking_out_is_for_the_last_user_alone() {
    model(|| {
        let table = Arc::new(Table::new());
        let drops = Arc::new(AtomicUsize::new(0));
        let handle = insert(&table, &drops);
        let user = {
            let table = table.clone();
            thread::spawn(move || {
                if let Some(object) = table.get(handle) {
                    object.is_used();
                }
            })
        };
        let taken = table.close(handle).expect("it was open").try_unwrap().ok();
        user.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), if taken.is_some() { 0 } else { 1 });
        if let Some(object) = taken {
            object.is_used();
        }
    });
}

/// An alarm that only remembers.
struct Bell(AtomicBool);

impl Alarm for Bell {
    fn new() -> Option<Self> {
        Some(Self(AtomicBool::new(false)))
    }

    fn ring(&self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_sleeper_sees_the_reason_go_or_hears_the_alarm() {
    model(|| {
        const REASON: usize = 7;
        let sleepers = Arc::new(Sleepers::<Bell, 4>::new());
        let closed = Arc::new(AtomicBool::new(false));
        let sleeper = {
            let (sleepers, closed) = (sleepers.clone(), closed.clone());
            thread::spawn(move || {
                let place = sleepers.take_place(1, 0).expect("room");
                place.fall_asleep(REASON);
                let sees = closed.load(Ordering::Relaxed);
                // So that the place, with its alarm, can be had once more.
                place.leave();
                sees
            })
        };
        closed.store(true, Ordering::Relaxed);
        sleepers.ring(1, REASON);
        let sees = sleeper.join().unwrap();
        let place = sleepers.take_place(1, 0).expect("that place");
        let hears = place.alarm().0.load(Ordering::Acquire);
        assert!(sees || hears, "it sleeps for ever");
    });
}

#[test]
fn no_place_is_taken_twice() {
    model(|| {
        let sleepers = Arc::new(Sleepers::<Bell, 4>::new());
        sleepers.take_place(1, 0).expect("room").leave();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (sleepers, taken) = (sleepers.clone(), taken.clone());
                thread::spawn(move || {
                    let place = sleepers.take_place(1, 0).expect("room");
                    taken.lock().unwrap().push(ptr::from_ref(place).addr());
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let taken = taken.lock().unwrap();
        assert_ne!(taken[0], taken[1]);
    });
}

#[test]
fn a_forked_child_takes_no_place_of_its_parent() {
    model(|| {
        let sleepers = Sleepers::<Bell, 4>::new();
        let place_of = |process| sleepers.take_place(process, 0).expect("room");
        let parent = place_of(1);
        parent.leave();
        assert!(!ptr::eq(place_of(2), parent));
        assert!(ptr::eq(place_of(1), parent));
    });
}
