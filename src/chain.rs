//! A list that grows only at its end. No thread waits for another, and the list is whole at every
//! moment, also for a child that is forked while another thread adds to it.

use crate::error::Result;
use crate::sys::{self, OncePointer};

pub(crate) struct Chain<T> {
    first: Link<T>,
}

type Link<T> = OncePointer<Box<Node<T>>>;

pub(crate) struct Node<T> {
    value: T,
    next: Link<T>,
}

/// Memory for one more element.
pub(crate) type Room<T> = sys::Room<Node<T>>;

impl<T> Chain<T> {
    pub(crate) fn room() -> Result<Room<T>> {
        sys::room_for()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_none()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::successors(self.first.get(), |node| node.next.get()).map(|node| &node.value)
    }

    pub(crate) fn push(&self, room: Room<T>, value: T) {
        self.find_or_push(|_| false, room, value);
    }

    /// Finds the first element that is the one; if none is, adds this one at the end. If many
    /// threads look for the same one at once, all find the same.
    pub(crate) fn find_or_push(&self, is_it: impl Fn(&T) -> bool, room: Room<T>, value: T) -> &T {
        let mut new = Some(room.fill(Node { value, next: Link::new() }));
        let mut link = &self.first;
        loop {
            // What another thread has added meanwhile is looked at, too.
            if link.get().is_none() {
                new = new.and_then(|new| link.set(new).err());
            }
            let node = link.get().expect("it is set");
            if new.is_none() || is_it(&node.value) {
                return &node.value;
            }
            link = &node.next;
        }
    }
}

impl<T> Default for Chain<T> {
    fn default() -> Self {
        Self { first: Link::new() }
    }
}

/// Drops the elements one by one: to drop a long chain by recursion would need a deep stack.
impl<T> Drop for Chain<T> {
    fn drop(&mut self) {
        let mut rest = self.first.take();
        while let Some(mut node) = rest {
            rest = node.next.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(chain: &Chain<usize>, value: usize) -> usize {
        *chain.find_or_push(|there| *there == value, Chain::room().expect("memory"), value)
    }

    #[test]
    fn keeps_the_order_and_finds_what_is_there() {
        let chain = Chain::default();
        assert!(chain.is_empty());
        for value in [3, 1, 2, 1, 3] {
            assert_eq!(push(&chain, value), value);
        }
        assert!(!chain.is_empty());
        assert_eq!(chain.iter().copied().collect::<Vec<_>>(), [3, 1, 2]);
    }

    #[test]
    fn threads_that_look_for_the_same_find_the_same() {
        let chain = Chain::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..500).for_each(|value| assert_eq!(push(&chain, value), value)));
            }
        });
        let mut values: Vec<usize> = chain.iter().copied().collect();
        values.sort_unstable();
        assert!(values.into_iter().eq(0..500));
    }

    #[test]
    fn a_long_one_is_dropped_in_a_small_stack() {
        let drop_long = || {
            let mut chain = Chain::<u8>::default();
            for _ in 0..100_000 {
                // At the front: the end is far.
                let rest = std::mem::take(&mut chain.first);
                let _ = chain.first.set(Box::new(Node { value: 0, next: rest }));
            }
            drop(chain);
        };
        let thread = std::thread::Builder::new().stack_size(64 << 10).spawn(drop_long);
        thread.expect("a thread").join().expect("no overflow");
    }
}
