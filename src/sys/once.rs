//! A pointer that is set once. No thread waits for the one that sets it: that one may be a thread
//! that a forked child does not have.

use std::marker::PhantomData;
use std::mem::{ManuallyDrop, transmute_copy};
use std::ops::Deref;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::sys;

/// A type that owns a value, and is one word, which is never null.
///
/// # Safety
///
/// Its values have to be so.
pub(crate) unsafe trait Pointer: Deref + Sized {}

// SAFETY: a Box of a type whose size is known is a pointer to memory, or is dangling.
unsafe impl<T> Pointer for Box<T> {}

pub(crate) struct OncePointer<P: Pointer> {
    place: AtomicPtr<()>,
    owns: PhantomData<*mut P>,
}

// SAFETY: it is a P, or nothing.
unsafe impl<P: Pointer + Send> Send for OncePointer<P> {}
// SAFETY: threads share the P (Sync), which one of them has put there and another one may drop
// (Send).
unsafe impl<P: Pointer + Send + Sync> Sync for OncePointer<P> {}

impl<P: Pointer> OncePointer<P> {
    pub(crate) const fn new() -> Self {
        Self { place: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    /// What it points to. The pointer itself is read by an atomic load alone: another thread may
    /// be trying to set it.
    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&P::Target> {
        let word = self.place.load(Ordering::Acquire);
        // SAFETY: the word was made from a P. That stays, with what it points to, as long as
        // this is borrowed.
        (!word.is_null()).then(|| unsafe { &*ptr::from_ref(pointer_of::<P>(&word).deref()) })
    }

    /// Makes one more owner of what it points to.
    pub(crate) fn share(&self) -> Option<P>
    where
        P: Clone,
    {
        let word = self.place.load(Ordering::Acquire);
        // SAFETY: the word was made from a P, which stays as long as this is borrowed.
        (!word.is_null()).then(|| unsafe { pointer_of::<P>(&word) }.clone())
    }

    /// `Err`: another one is there already.
    pub(crate) fn set(&self, pointer: P) -> Result<(), P> {
        const { assert!(size_of::<P>() == size_of::<*mut ()>()) };
        let pointer = ManuallyDrop::new(pointer);
        // SAFETY: it is one word, and not dropped here.
        let word = unsafe { transmute_copy(&pointer) };
        match self.place.compare_exchange(
            ptr::null_mut(),
            word,
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => Ok(()),
            Err(_) => Err(ManuallyDrop::into_inner(pointer)),
        }
    }

    /// The value, which is made if there is none. If many threads do this at once, all get the same
    /// one.
    pub(crate) fn get_or_make<E>(
        &self,
        make: impl FnOnce() -> Result<P, E>,
    ) -> Result<&P::Target, E> {
        if self.get().is_none() {
            // Another thread may have been faster: then that one's stays.
            let _ = self.set(make()?);
        }
        Ok(self.get().expect("it is set"))
    }

    pub(crate) fn take(&mut self) -> Option<P> {
        let word = std::mem::replace(self.place.get_mut(), ptr::null_mut());
        // SAFETY: it was made from a P, which nobody else has any more.
        (!word.is_null()).then(|| unsafe { transmute_copy(&word) })
    }
}

/// # Safety
///
/// The word was made from a P that is still there.
unsafe fn pointer_of<P: Pointer>(word: &*mut ()) -> &P {
    // SAFETY: a P is one word, and this is it.
    unsafe { &*ptr::from_ref(word).cast::<P>() }
}

/// A value that few need. Its memory is allocated at the first use; `None`: there was none.
pub(crate) struct OnceUsed<T>(OncePointer<Box<T>>);

impl<T> Default for OnceUsed<T> {
    fn default() -> Self {
        Self(OncePointer::new())
    }
}

impl<T: Default> OnceUsed<T> {
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.get()
    }

    pub(crate) fn get_or_make(&self) -> Option<&T> {
        self.0.get_or_make(|| sys::boxed(T::default())).ok()
    }
}

/// A place for something that is taken for a while and put back. No thread waits for it: one that
/// finds the place empty makes another, and so does a child that was forked while it was taken.
pub(crate) struct Spare<P: Pointer>(OncePointer<P>);

impl<P: Pointer> Spare<P> {
    pub(crate) fn take(&self) -> Option<P> {
        let word = self.0.place.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: it was made from a P, which nobody else has any more. (Nothing borrows what is
        // in here.)
        (!word.is_null()).then(|| unsafe { transmute_copy(&word) })
    }

    /// Puts it back; if another one is there already, it is dropped.
    pub(crate) fn put_back(&self, pointer: P) {
        drop(self.0.set(pointer));
    }
}

impl<P: Pointer> Default for Spare<P> {
    fn default() -> Self {
        Self(OncePointer::new())
    }
}

impl<P: Pointer> Default for OncePointer<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Pointer + Clone> Clone for OncePointer<P> {
    fn clone(&self) -> Self {
        let copy = Self::new();
        if let Some(pointer) = self.share() {
            let _ = copy.set(pointer);
        }
        copy
    }
}

impl<P: Pointer> Drop for OncePointer<P> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_first_one_stays_and_all_are_dropped() {
        let [first, second] = [(); 2].map(Arc::new);
        let mut place = OncePointer::new();
        assert!(place.get().is_none() && place.take().is_none());
        assert!(place.set(Box::new(first.clone())).is_ok());
        assert!(place.set(Box::new(second.clone())).is_err());
        assert!(Arc::ptr_eq(place.get().unwrap(), &first));
        let copy = place.clone();
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (3, 1));
        assert!(place.take().is_some() && place.get().is_none());
        drop(copy);
        assert_eq!(Arc::strong_count(&first), 1);
    }

    #[test]
    fn a_spare_one_is_one_threads_at_a_time() {
        let spare = Spare::default();
        let made = std::sync::atomic::AtomicUsize::new(0);
        assert!(spare.take().is_none());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let mut mine: Box<usize> = spare.take().unwrap_or_else(|| {
                            made.fetch_add(1, Ordering::Relaxed);
                            Box::default()
                        });
                        *mine += 1;
                        let before = *mine;
                        std::thread::yield_now();
                        assert_eq!(*mine, before);
                        spare.put_back(mine);
                    }
                });
            }
        });
        assert!(spare.take().is_some() && spare.take().is_none());
        assert!(made.load(Ordering::Relaxed) >= 1);
    }

    #[test]
    fn of_many_threads_one_sets_it_and_all_see_the_same() {
        let place = OncePointer::new();
        let seen: Vec<usize> = std::thread::scope(|scope| {
            let (place, threads) = (&place, 0..4_usize);
            let threads: Vec<_> = threads
                .map(|n| {
                    scope.spawn(move || {
                        let _ = place.set(Box::new(n));
                        *place.get().expect("it is set")
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(seen.iter().all(|n| *n == seen[0]), "{seen:?}");
    }
}
