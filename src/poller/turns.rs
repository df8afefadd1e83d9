//! Puts the items of a send in order: those of each socket together.

use super::items::{Items, Taken};
use super::member::Members;
use crate::error::{Error, Result};
use crate::handles;

/// The turns to send: one for each socket, with all of its items.
#[derive(Default)]
pub(super) struct Turns {
    pub(super) turns: Vec<Turn>,
    /// For each item, the next one of the same socket.
    pub(super) next: Vec<u32>,
}

#[derive(Clone, Copy)]
pub(super) struct Turn {
    pub(super) socket: i64,
    pub(super) first: u32,
    last: u32,
}

/// What comes after the last item.
const NONE: u32 = u32::MAX;

impl Turns {
    /// Puts items for the same socket together, in their order. Items for a socket that is not a
    /// member are settled with an error.
    pub(super) fn arrange<'a>(
        &mut self,
        members: &mut Members,
        taken: &mut Taken<'_, impl Items<'a>>,
    ) -> Result<()> {
        let count = taken.items.count();
        self.turns.clear();
        self.next.clear();
        self.turns.try_reserve(count)?;
        self.next.try_reserve(count)?;
        self.next.resize(count, NONE);
        for index in 0..count {
            let socket = taken.items.socket(index);
            let Some(member) = members.get_mut(socket) else {
                let error = handles::get(socket).err().unwrap_or(Error::ENOENT);
                taken.settle(index, Err(error));
                continue;
            };
            let place = index as u32;
            match (member.turn as usize).checked_sub(1) {
                Some(turn) => {
                    let last = std::mem::replace(&mut self.turns[turn].last, place);
                    self.next[last as usize] = place;
                }
                None => {
                    self.turns.push(Turn { socket, first: place, last: place });
                    member.turn = self.turns.len() as u32;
                }
            }
        }
        Ok(())
    }
}

/// The items of one socket.
pub(super) struct Chain<'a> {
    pub(super) next: &'a [u32],
    pub(super) at: u32,
}

impl Chain<'_> {
    pub(super) fn peek(&self) -> Option<usize> {
        (self.at != NONE).then_some(self.at as usize)
    }
}

impl Iterator for Chain<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let index = self.peek()?;
        self.at = self.next[index];
        Some(index)
    }
}
