//! What a poller knows and is about to do: for one thread at a time, which has it locked.

use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

use super::Poller;
use super::member::{Member, Members};
use super::turns::Turns;
use super::unsent::UnsentRoom;
use crate::counters::Counts;
use crate::error::{Error, Result};
use crate::handles;
use crate::log::{self, Note, Notes};

pub(super) type PollerNotes = Notes<16>;

#[derive(Default)]
pub(super) struct Locked {
    pub(super) members: Members,
    /// Those of them who accept, and perhaps some who are members no more.
    pub(super) servers: Vec<i64>,
    /// Who was ready when there was no room left, and for what. They come first in the next
    /// round: else those before them could keep them waiting for ever.
    pub(super) unserved: Vec<(i64, u32)>,
    pub(super) turns: Turns,
    /// Room for what of an item may not go at once.
    pub(super) unsent_room: UnsentRoom,
    /// Who is left alone until when.
    pub(super) pauses: Vec<(Instant, i64)>,
    /// Until when those are left alone whom there was no memory to note.
    pub(super) common_pause: Option<Instant>,
    /// The clock has run out because somebody is in line who is lost: the kernel does not tell
    /// of that, and who waits for the descriptor of the poller would not see it otherwise.
    pub(super) is_ringing: bool,
    /// To be closed once nothing is locked.
    pub(super) closing: Vec<i64>,
    /// To be told then.
    pub(super) notes: PollerNotes,
    pub(super) counts: Counts,
}

impl Locked {
    pub(super) fn has_lost_in_line(&mut self) -> bool {
        let Self { unserved, members, .. } = self;
        unserved.iter().any(|(handle, _)| {
            members.get_mut(*handle).is_some_and(|member| member.is_due_to_fail())
        })
    }
}

impl Poller {
    /// In a forked child somebody could have it locked who does not exist there.
    pub(super) fn lock(&self) -> Result<MutexGuard<'_, Locked>> {
        self.check()?;
        let locked = self.lock_even_closed();
        // Now that nobody else can, closing has been seen, or will see what is done.
        if self.is_closed() { Err(Error::Closed) } else { Ok(locked) }
    }

    pub(super) fn lock_even_closed(&self) -> MutexGuard<'_, Locked> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// And does what can't be done under the lock.
    pub(super) fn unlock(&self, mut locked: MutexGuard<'_, Locked>) {
        let rings = locked.has_lost_in_line();
        if rings != locked.is_ringing {
            locked.is_ringing = rings;
            self.set_clock(&locked);
        }
        if locked.closing.len() | locked.notes.count() == 0 {
            return;
        }
        let closing = std::mem::take(&mut locked.closing);
        let notes = std::mem::take(&mut locked.notes);
        drop(locked);
        tell(&notes);
        for handle in closing {
            let _ = handles::close(handle);
        }
    }
}

/// What is kept for a member that leaves is lost.
pub(super) fn note_unsent(member: &Member, notes: &mut PollerNotes, counts: &mut Counts) {
    counts.kept.change(member.counted, 0);
    if let Some(unsent) = &member.unsent {
        let (handle, count) = (member.socket, unsent.bytes() as u64);
        notes.push(Note { handle, count, ..Note::of(log::Event::UnsentDropped) });
    }
}

/// Once nothing is locked.
pub(super) fn tell(notes: &PollerNotes) {
    for note in notes.iter() {
        // It may have been closed since.
        match handles::get(note.handle) {
            Ok(socket) => socket.tell(&note),
            Err(_) => log::tell(&note, None),
        }
    }
}
