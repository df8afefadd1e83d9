//! The state of a poller, which one thread at a time has locked.

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
    /// The members that are servers, and perhaps servers that are no longer members.
    pub(super) servers: Vec<i64>,
    /// The members that were ready when no room was left, and their events. They come first in the
    /// next round; otherwise the members before them could keep them waiting for ever.
    pub(super) unserved: Vec<(i64, u32)>,
    pub(super) turns: Turns,
    /// Memory for the part of an item that the kernel may not take at once.
    pub(super) unsent_room: UnsentRoom,
    /// The members that are left alone, and until when.
    pub(super) pauses: Vec<(Instant, i64)>,
    /// Until when those members are left alone for which `pauses` had no memory.
    pub(super) common_pause: Option<Instant>,
    /// The clock is set to run out at once because a lost member is in line. The kernel does not
    /// report that, and a program that waits for the poller's descriptor would not see it
    /// otherwise.
    pub(super) is_ringing: bool,
    /// The handles to close once the lock is given back.
    pub(super) closing: Vec<i64>,
    /// What to report to the log then.
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
    /// Fails in a forked child: a thread that does not exist there may hold the lock.
    pub(super) fn lock(&self) -> Result<MutexGuard<'_, Locked>> {
        self.check()?;
        let locked = self.lock_even_closed();
        // Under the lock, either this sees the closing, or the closing sees what is done from here
        // on.
        if self.is_closed() { Err(Error::Closed) } else { Ok(locked) }
    }

    pub(super) fn lock_even_closed(&self) -> MutexGuard<'_, Locked> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the lock back, and does what can't be done under it.
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

/// Notes that what was kept for a member is lost, as the member leaves.
pub(super) fn note_unsent(member: &Member, notes: &mut PollerNotes, counts: &mut Counts) {
    counts.kept.change(member.counted, 0);
    if let Some(unsent) = &member.unsent {
        let (handle, count) = (member.socket, unsent.bytes() as u64);
        notes.push(Note { handle, count, ..Note::of(log::Event::UnsentDropped) });
    }
}

/// Reports the notes to the log. Not while the lock is held.
pub(super) fn tell(notes: &PollerNotes) {
    for note in notes.iter() {
        // It may have been closed since.
        match handles::get(note.handle) {
            Ok(socket) => socket.tell(&note),
            Err(_) => log::tell(&note, None),
        }
    }
}
