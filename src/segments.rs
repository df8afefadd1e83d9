//! An array that grows without moving: what has been handed out stays where it
//! is, and reading takes no lock.

use crate::sys::{self, OncePointer};

/// Segment `k` holds `FIRST << k` elements.
const SEGMENTS: usize = 16;

pub(crate) struct Segments<T, const FIRST: usize> {
    segments: [OncePointer<Box<Box<[T]>>>; SEGMENTS],
}

impl<T: Default, const FIRST: usize> Segments<T, FIRST> {
    /// How many elements there can ever be.
    pub(crate) const CAPACITY: usize = FIRST * ((1 << SEGMENTS) - 1);

    pub(crate) const fn new() -> Self {
        Self { segments: [const { OncePointer::new() }; SEGMENTS] }
    }

    /// The element, if its segment exists.
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        let (segment, offset) = locate::<FIRST>(index);
        self.segments.get(segment)?.get()?.get(offset)
    }

    /// The element, its segment made if need be. `None`: the array is full, or
    /// memory is.
    pub(crate) fn grow_to(&self, index: usize) -> Option<&T> {
        let (segment, offset) = locate::<FIRST>(index);
        let cell = self.segments.get(segment)?;
        if cell.get().is_none() {
            let size = FIRST << segment;
            let mut elements = Vec::new();
            elements.try_reserve_exact(size).ok()?;
            elements.resize_with(size, T::default);
            // Another thread may have been faster. Its segment is as good.
            let _ = cell.set(sys::boxed(elements.into_boxed_slice()).ok()?);
        }
        cell.get()?.get(offset)
    }
}

fn locate<const FIRST: usize>(index: usize) -> (usize, usize) {
    let segment = (index / FIRST + 1).ilog2() as usize;
    (segment, index - FIRST * ((1 << segment) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_a_place_of_its_own() {
        let mut expected = (0, 0);
        for index in 0..10_000 {
            assert_eq!(locate::<4>(index), expected);
            expected.1 += 1;
            if expected.1 == 4 << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn grows_to_its_capacity_and_no_further() {
        type Small = Segments<u8, 1>;
        let array = Small::new();
        assert!(array.get(0).is_none());
        assert!(array.grow_to(Small::CAPACITY - 1).is_some());
        assert!(array.grow_to(Small::CAPACITY).is_none());
        assert!(array.get(Small::CAPACITY).is_none());
        assert!(array.get(usize::MAX / 2).is_none());
    }
}
