//! A value that is replaced now and then while others read it. No thread waits for another.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::boxed;
use crate::error::Result;

pub(crate) struct Replaced<T> {
    now: AtomicPtr<Node<T>>,
    readers: AtomicUsize,
    /// The values that were being read when they were replaced: they stay. (In a forked child the
    /// counted readers may be threads of its parent, which never leave.)
    old: AtomicPtr<Node<T>>,
}

struct Node<T> {
    value: T,
    older: *mut Node<T>,
}

/// A value, with the memory that its place in a list takes.
pub(crate) struct Replacement<T>(Box<Node<T>>);

// SAFETY: it is some Ts.
unsafe impl<T: Send> Send for Replaced<T> {}
// SAFETY: threads share the T (Sync), which one of them has put there and another one may drop
// (Send).
unsafe impl<T: Send + Sync> Sync for Replaced<T> {}

impl<T> Replacement<T> {
    pub(crate) fn new(value: T) -> Result<Self> {
        boxed(Node { value, older: ptr::null_mut() }).map(Self)
    }
}

impl<T> Replaced<T> {
    pub(crate) fn read<R>(&self, read: impl FnOnce(Option<&T>) -> R) -> R {
        let _reading = Reading::begin(&self.readers);
        // SAFETY: null, or one that was there after this reader was counted: whoever replaces
        // it sees that there is a reader, and keeps it.
        let node = unsafe { self.now.load(Ordering::SeqCst).as_ref() };
        read(node.map(|node| &node.value))
    }

    pub(crate) fn replace(&self, Replacement(node): Replacement<T>) {
        let before = self.now.swap(Box::into_raw(node), Ordering::SeqCst);
        if before.is_null() {
            return;
        }
        if self.readers.load(Ordering::SeqCst) == 0 {
            // SAFETY: it came from a Box. Who begins to read from now on reads another one.
            drop(unsafe { Box::from_raw(before) });
            return;
        }
        let mut older = self.old.load(Ordering::Relaxed);
        loop {
            // SAFETY: it is there, and nobody else writes to it: this thread took it out.
            unsafe { (&raw mut (*before).older).write(older) };
            match self.old.compare_exchange_weak(
                older,
                before,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => older = now,
            }
        }
    }
}

impl<T> Default for Replaced<T> {
    fn default() -> Self {
        let none = || AtomicPtr::new(ptr::null_mut());
        Self { now: none(), readers: AtomicUsize::new(0), old: none() }
    }
}

impl<T> Drop for Replaced<T> {
    fn drop(&mut self) {
        for mut node in [*self.now.get_mut(), *self.old.get_mut()] {
            while !node.is_null() {
                // SAFETY: it came from a Box, and is in one of the two lists only.
                node = unsafe { Box::from_raw(node) }.older;
            }
        }
    }
}

/// Counted as a reader until it is dropped.
struct Reading<'a>(&'a AtomicUsize);

impl<'a> Reading<'a> {
    fn begin(readers: &'a AtomicUsize) -> Self {
        readers.fetch_add(1, Ordering::SeqCst);
        Self(readers)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn replacement(value: &Arc<u32>) -> Replacement<Arc<u32>> {
        Replacement::new(value.clone()).expect("memory")
    }

    #[test]
    fn what_nobody_reads_is_dropped_at_once_and_the_rest_in_the_end() {
        let values = [1, 2, 3].map(Arc::new);
        let place = Replaced::default();
        place.read(|value| assert_eq!(value, None));
        place.replace(replacement(&values[0]));
        place.replace(replacement(&values[1]));
        assert_eq!(Arc::strong_count(&values[0]), 1);
        place.read(|value| {
            place.replace(replacement(&values[2]));
            assert_eq!(value, Some(&values[1]), "it is still being read");
            place.replace(replacement(&values[0]));
        });
        place.read(|value| assert_eq!(value, Some(&values[0])));
        drop(place);
        assert!(values.iter().all(|value| Arc::strong_count(value) == 1));
    }

    #[test]
    fn readers_see_whole_values_while_they_are_replaced() {
        let place = Replaced::<[usize; 8]>::default();
        std::thread::scope(|scope| {
            for n in 0..2 {
                let place = &place;
                scope.spawn(move || {
                    for m in 0..2_000 {
                        place.replace(Replacement::new([2 * m + n; 8]).expect("memory"));
                    }
                });
                scope.spawn(move || {
                    for _ in 0..2_000 {
                        place.read(|value| {
                            let all_same = |v: &[usize; 8]| v.iter().all(|n| *n == v[0]);
                            assert!(value.is_none_or(all_same));
                        });
                    }
                });
            }
        });
    }
}
