//! Handles: numbers that stand for objects and can never stand for the wrong one.
//!
//! A handle is the number of a slot and the slot's generation, which is new each time the slot is
//! filled. So a handle that is stale, doubled or made up finds nothing. Looking up takes no lock:
//! one compare-and-swap counts a user in, one subtraction counts it out. Closing forbids further
//! look-ups at once; the last user to leave drops the object. So a descriptor keeps its number
//! while any call is still using it. (The next open gets a free number, and bytes would reach the
//! wrong socket.)
//!
//! A slot whose generations are used up is retired, so no handle ever comes back. Each copy of the
//! library begins its generations elsewhere: a program may have several copies (one in each
//! plugin), and a handle of one must find nothing in another.
//!
//! A table without a lock also survives fork: a child can't inherit a lock whose holder does not
//! exist in it.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::num::NonZeroI64;
use std::ops::Deref;
use std::time::SystemTime;

use crate::segments::Segments;
use crate::sync::{AtomicU64, AtomicUsize, Ordering, UnsafeCell, const_fn};

/// Handles are exact in a double, JavaScript's number: 53 bits.
pub(crate) const INDEX_BITS: u32 = 21;
pub(crate) const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;
/// The lowest generation lifts every handle to 2^32: no `int` is one.
const LOWEST_GENERATION: u32 = 1 << (32 - INDEX_BITS);

/// The generation that this copy of the library begins with. Copies are at different addresses, or
/// are loaded one after the other at the same one. Multiplied by the golden ratio (Knuth's
/// multiplicative hash), numbers that are nearly the same come out far apart.
pub(crate) fn first_generation() -> u32 {
    const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;
    const NOT_CHOSEN: u32 = 0;
    static FIRST: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(NOT_CHOSEN);
    match FIRST.load(Ordering::Relaxed) {
        NOT_CHOSEN => {
            let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let here = (&raw const FIRST).addr() as u64 ^ time.as_nanos() as u64;
            let hash = here.wrapping_mul(GOLDEN_RATIO) >> 32;
            let first = LOWEST_GENERATION + (hash % u64::from(u32::MAX - LOWEST_GENERATION)) as u32;
            // Another thread may have been faster.
            match FIRST.compare_exchange(NOT_CHOSEN, first, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => first,
                Err(chosen) => chosen,
            }
        }
        first => first,
    }
}

/// The next generation. `None`: that was the last one.
fn generation_after(generation: u32) -> Option<u32> {
    let next = generation.checked_add(1).unwrap_or(LOWEST_GENERATION);
    (next != first_generation()).then_some(next)
}

/// A slot's state: generation (32 bits), open (1), users (31). In a vacant slot the users are the
/// number of the next vacant slot, plus 1.
const OPEN: u64 = 1 << 31;
const USERS: u64 = OPEN - 1;

const fn generation_of(state: u64) -> u32 {
    (state >> 32) as u32
}

/// Vacant slots are on a stack. Its top: a tag that changes with every push (42 bits), and slot
/// number + 1 (22 bits; 0: empty).
const TOP_BITS: u32 = INDEX_BITS + 1;
const TOP_MASK: u64 = (1 << TOP_BITS) - 1;

struct Slot<T> {
    state: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            state: AtomicU64::new(u64::from(first_generation()) << 32),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }
}

pub(crate) struct HandleTable<T, const FIRST: usize = 64> {
    slots: Segments<Slot<T>, FIRST>,
    /// Slots below this number have been in use.
    touched: AtomicUsize,
    vacant: AtomicU64,
}

// SAFETY: a value is written by the one thread that holds the slot's vacancy,
// then only shared (T: Sync) until the last user, alone, takes it out, on
// whatever thread that is (T: Send). The slot's state orders the three.
unsafe impl<T: Send + Sync, const FIRST: usize> Sync for HandleTable<T, FIRST> {}
// SAFETY: as above; nothing in the table is bound to a thread.
unsafe impl<T: Send + Sync, const FIRST: usize> Send for HandleTable<T, FIRST> {}

impl<T, const FIRST: usize> HandleTable<T, FIRST> {
    pub(crate) const CAPACITY: usize = {
        let all = Segments::<Slot<T>, FIRST>::CAPACITY;
        if all > INDEX_MASK as usize { INDEX_MASK as usize } else { all }
    };

    const_fn! {
        pub(crate) fn new() -> Self {
            let (touched, vacant) = (AtomicUsize::new(0), AtomicU64::new(0));
            Self { slots: Segments::new(), touched, vacant }
        }
    }

    /// A place for one more object, before that object exists: if there is none, nothing is lost.
    /// `None`: the table or memory is full.
    pub(crate) fn vacancy(&self) -> Option<Vacancy<'_, T, FIRST>> {
        let index = match self.pop_vacant() {
            Some(index) => index,
            None => self.touch_next()?,
        };
        Some(Vacancy { table: self, index })
    }

    /// Whether the table is full: a vacancy was lacking for that reason, and not for want of
    /// memory.
    pub(crate) fn is_full(&self) -> bool {
        self.touched.load(Ordering::Relaxed) >= Self::CAPACITY
    }

    /// The object behind the handle, counted as in use until the guard is dropped.
    pub(crate) fn get(&self, handle: i64) -> Option<InUse<'_, T, FIRST>> {
        self.count_in(handle, |state| state + 1)
    }

    /// Makes the handle invalid and returns its object. Only one of several callers gets it.
    pub(crate) fn close(&self, handle: i64) -> Option<InUse<'_, T, FIRST>> {
        self.count_in(handle, |state| (state - OPEN) + 1)
    }

    /// Every object that is open at the moment of the visit, with its handle.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, InUse<'_, T, FIRST>)> {
        (0..self.touched.load(Ordering::Acquire)).filter_map(|index| {
            let state = self.slots.get(index)?.state.load(Ordering::Relaxed);
            let handle = handle_of(index, generation_of(state));
            Some((handle, self.get(handle)?))
        })
    }

    /// For tests: lets a vacant slot be as old as if it had been used that often.
    #[cfg(test)]
    pub(crate) fn age(&self, index: usize, generation: u32) {
        let state = &self.slot(index).state;
        let next_vacant = state.load(Ordering::Relaxed) & USERS;
        state.store(u64::from(generation) << 32 | next_vacant, Ordering::Relaxed);
    }

    fn count_in(&self, handle: i64, change: impl Fn(u64) -> u64) -> Option<InUse<'_, T, FIRST>> {
        let handle = u64::try_from(handle).ok()?;
        let index = (handle & INDEX_MASK) as usize;
        let generation = u32::try_from(handle >> INDEX_BITS).ok()?;
        let slot = self.slots.get(index)?;
        let mut state = slot.state.load(Ordering::Relaxed);
        loop {
            if generation_of(state) != generation || state & OPEN == 0 {
                return None;
            }
            match slot.state.compare_exchange_weak(
                state,
                change(state),
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    return Some(InUse { table: self, slot, index });
                }
                Err(now) => state = now,
            }
        }
    }

    /// Takes the object out. Only for the last user of a closed handle.
    fn vacate(&self, slot: &Slot<T>, index: usize, state: u64) -> T {
        // SAFETY: the handle is closed, so no user can come; this is the last
        // one, and the value was written when the slot was filled.
        let value = slot.value.with_mut(|place| unsafe { (*place).assume_init_read() });
        match generation_after(generation_of(state)) {
            Some(next) => {
                slot.state.store(u64::from(next) << 32, Ordering::Release);
                self.push_vacant(index);
            }
            None => slot.state.store(0, Ordering::Release),
        }
        value
    }

    fn slot(&self, index: usize) -> &Slot<T> {
        self.slots.get(index).expect("a slot that has been handed out stays")
    }

    fn touch_next(&self) -> Option<usize> {
        let mut index = self.touched.load(Ordering::Relaxed);
        loop {
            if index >= Self::CAPACITY {
                return None;
            }
            self.slots.grow_to(index)?;
            match self.touched.compare_exchange_weak(
                index,
                index + 1,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(index),
                Err(now) => index = now,
            }
        }
    }

    fn pop_vacant(&self) -> Option<usize> {
        let mut top = self.vacant.load(Ordering::Acquire);
        loop {
            let index = ((top & TOP_MASK) as usize).checked_sub(1)?;
            // (If the slot was popped meanwhile, this is another number.)
            let next = self.slot(index).state.load(Ordering::Relaxed) & TOP_MASK;
            // A slot that was popped and pushed meanwhile has changed the tag.
            match self.vacant.compare_exchange_weak(
                top,
                (top & !TOP_MASK) | next,
                Ordering::Acquire,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(index),
                Err(now) => top = now,
            }
        }
    }

    fn push_vacant(&self, index: usize) {
        let slot = self.slot(index);
        let generation = slot.state.load(Ordering::Relaxed) & !(OPEN | USERS);
        let mut top = self.vacant.load(Ordering::Relaxed);
        loop {
            slot.state.store(generation | (top & TOP_MASK), Ordering::Relaxed);
            let tag = (top >> TOP_BITS).wrapping_add(1) << TOP_BITS;
            match self.vacant.compare_exchange_weak(
                top,
                tag | (index as u64 + 1),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }
}

/// A small number that no other open handle has: for tables of one's own.
pub(crate) fn slot_of(handle: i64) -> usize {
    (handle as u64 & INDEX_MASK) as usize
}

fn handle_of(index: usize, generation: u32) -> i64 {
    ((u64::from(generation) << INDEX_BITS) | index as u64) as i64
}

/// A slot that is not in use yet. It goes back when this is dropped.
pub(crate) struct Vacancy<'a, T, const FIRST: usize> {
    table: &'a HandleTable<T, FIRST>,
    index: usize,
}

impl<T, const FIRST: usize> Vacancy<'_, T, FIRST> {
    /// The handle that filling it will make valid.
    pub(crate) fn handle(&self) -> i64 {
        let state = self.table.slot(self.index).state.load(Ordering::Relaxed);
        handle_of(self.index, generation_of(state))
    }

    pub(crate) fn fill(self, value: T) -> NonZeroI64 {
        let slot = self.table.slot(self.index);
        // SAFETY: the vacancy was popped by this thread alone, and its state is
        // not open: no one else reads or writes the value until the store below.
        slot.value.with_mut(|place| unsafe { (*place).write(value) });
        let handle = self.handle();
        let generation = slot.state.load(Ordering::Relaxed) & !(OPEN | USERS);
        slot.state.store(generation | OPEN, Ordering::Release);
        std::mem::forget(self);
        NonZeroI64::new(handle).expect("generations start above 0")
    }
}

impl<T, const FIRST: usize> Drop for Vacancy<'_, T, FIRST> {
    fn drop(&mut self) {
        self.table.push_vacant(self.index);
    }
}

/// An object in use: it stays where it is until this guard is dropped.
pub(crate) struct InUse<'a, T, const FIRST: usize = 64> {
    table: &'a HandleTable<T, FIRST>,
    slot: &'a Slot<T>,
    index: usize,
}

impl<T, const FIRST: usize> InUse<'_, T, FIRST> {
    /// Whether this guard is the only one.
    pub(crate) fn is_alone(&self) -> bool {
        self.slot.state.load(Ordering::Acquire) & USERS == 1
    }

    /// Takes the object out of the table. `Err` while others use it, or while the
    /// handle is open, when others could come.
    pub(crate) fn try_unwrap(self) -> Result<T, Self> {
        let state = self.slot.state.load(Ordering::Acquire);
        if state & OPEN != 0 || state & USERS != 1 {
            return Err(self);
        }
        let Self { table, slot, index } = self;
        std::mem::forget(self);
        Ok(table.vacate(slot, index, state))
    }
}

impl<T, const FIRST: usize> Deref for InUse<'_, T, FIRST> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the slot was open when this user was counted in, so the value
        // is there, and it is not taken out while a user is counted.
        self.slot.value.with(|place| unsafe { (*place).assume_init_ref() })
    }
}

impl<T, const FIRST: usize> Drop for InUse<'_, T, FIRST> {
    fn drop(&mut self) {
        let before = self.slot.state.fetch_sub(1, Ordering::AcqRel);
        if before & (OPEN | USERS) == 1 {
            drop_last(self.table, self.slot, self.index, before);
        }
    }
}

/// In a function of its own, so that the way of all others, who are not the last, is short.
#[cold]
fn drop_last<T, const FIRST: usize>(
    table: &HandleTable<T, FIRST>,
    slot: &Slot<T>,
    index: usize,
    state: u64,
) {
    drop(table.vacate(slot, index, state));
}
