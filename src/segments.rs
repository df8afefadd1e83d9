//! An array that grows without moving: an element that was handed out stays where it is, and
//! reading takes no lock.

use crate::sys::{self, OncePointer};

/// The array doubles in so many steps, so that no more than a fourth of it is vacant.
const STEPS: usize = 4;
const STEP_BITS: u32 = STEPS.ilog2();
const SEGMENTS: usize = STEPS * 16;

/// FIRST is a power of two, and 4 at least: how many the first four segments hold together.
pub(crate) struct Segments<T, const FIRST: usize> {
    segments: [OncePointer<Box<Box<[T]>>>; SEGMENTS],
}

impl<T: Default, const FIRST: usize> Segments<T, FIRST> {
    /// How many elements there can ever be.
    pub(crate) const CAPACITY: usize = FIRST * ((1 << (SEGMENTS / STEPS)) - 1);

    pub(crate) const fn new() -> Self {
        const { assert!(FIRST.is_power_of_two() && FIRST >= STEPS) };
        Self { segments: [const { OncePointer::new() }; SEGMENTS] }
    }

    /// The element, if its segment exists.
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        let Position { segment, offset, .. } = locate::<FIRST>(index)?;
        self.segments.get(segment)?.get()?.get(offset)
    }

    /// The element; its segment is made if it does not exist. `None`: the array or memory is full.
    pub(crate) fn grow_to(&self, index: usize) -> Option<&T> {
        let Position { segment, offset, size } = locate::<FIRST>(index)?;
        let cell = self.segments.get(segment)?;
        if cell.get().is_none() {
            let mut elements = Vec::new();
            elements.try_reserve_exact(size).ok()?;
            elements.resize_with(size, T::default);
            // Another thread may have been faster. Its segment is as good.
            let _ = cell.set(sys::boxed(elements.into_boxed_slice()).ok()?);
        }
        cell.get()?.get(offset)
    }
}

/// Where an element is.
struct Position {
    segment: usize,
    offset: usize,
    /// How many elements are in that segment.
    size: usize,
}

/// Counted from FIRST on, the highest bit of an index tells how often the array has doubled, the
/// next two which step of that it is, and the rest where it is in there.
#[inline(always)]
fn locate<const FIRST: usize>(index: usize) -> Option<Position> {
    let counted = index.checked_add(FIRST)?;
    let bits = counted.ilog2() - STEP_BITS;
    let doublings = (counted.ilog2() - FIRST.ilog2()) as usize;
    let step = (counted >> bits) % STEPS;
    let size = 1 << bits;
    Some(Position { segment: doublings * STEPS + step, offset: counted % size, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_a_position_of_its_own() {
        let mut expected = (0, 0);
        for index in 0..10_000 {
            let Position { segment, offset, size } = locate::<4>(index).unwrap();
            assert_eq!((segment, offset), expected);
            assert_eq!(size, 1 << (segment / STEPS));
            expected.1 += 1;
            if expected.1 == size {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn little_of_it_is_vacant() {
        let mut room = 0;
        for index in 0..1_000_000 {
            let Position { offset, size, .. } = locate::<64>(index).unwrap();
            room += if offset == 0 { size } else { 0 };
            assert!(room <= (index + 1) * 5 / 4 + 16, "{room} for {index}");
        }
    }

    #[test]
    fn grows_to_its_capacity_and_no_further() {
        type Small = Segments<u8, 4>;
        let array = Small::new();
        assert!(array.get(0).is_none());
        assert!(array.grow_to(Small::CAPACITY - 1).is_some());
        assert!(array.grow_to(Small::CAPACITY).is_none());
        assert!(array.get(Small::CAPACITY).is_none());
        assert!(array.get(usize::MAX / 2).is_none());
    }
}
