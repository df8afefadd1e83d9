//! One round of a poller: what is reported, and where the data goes.

use crate::error::Error;
use crate::sys::Buffer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Accepted,
    Received,
    Drained,
    Ended,
    Failed,
    Ready,
}

/// What happened to a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) kind: EventKind,
    pub(crate) socket: i64,
    pub(crate) token: u64,
    pub(crate) error: Option<Error>,
    pub(crate) data: Span,
    pub(crate) address: Span,
}

/// A part of the arena.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

impl Event {
    pub(crate) fn new(kind: EventKind, socket: i64, token: u64) -> Self {
        let nothing = Span::default();
        Self { kind, socket, token, error: None, data: nothing, address: nothing }
    }
}

/// The caller's events.
pub(crate) trait Report {
    /// How many events there is room for.
    fn capacity(&self) -> usize;
    fn write(&mut self, index: usize, event: Event);
}

pub(crate) struct Round<'a, R> {
    report: R,
    count: usize,
    arena: Buffer<'a>,
    used: usize,
}

impl<'a, R: Report> Round<'a, R> {
    pub(crate) fn new(report: R, arena: Buffer<'a>) -> Self {
        // A larger offset could not be reported.
        let arena = arena.first(u32::MAX as usize);
        Self { report, count: 0, arena, used: 0 }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How many more events there is room for.
    pub(crate) fn room(&self) -> usize {
        self.report.capacity() - self.count
    }

    pub(crate) fn has_room(&self) -> bool {
        self.room() > 0
    }

    pub(crate) fn report(&mut self, event: Event) {
        debug_assert!(self.has_room());
        self.report.write(self.count, event);
        self.count += 1;
    }

    pub(crate) fn has_arena(&self) -> bool {
        self.arena.size() > 0
    }

    /// Whether nothing of the arena is in use.
    pub(crate) fn is_untouched(&self) -> bool {
        self.used == 0
    }

    /// What is free of the arena.
    pub(crate) fn rest(&self) -> Buffer<'a> {
        self.arena.skip(self.used)
    }

    /// Marks the next bytes of the arena as used.
    pub(crate) fn use_up(&mut self, length: usize) -> Span {
        let span = Span { offset: self.used as u32, length: length as u32 };
        self.used += length;
        span
    }

    /// Writes the text, and a NUL after it, which is not part of the span.
    pub(crate) fn write_text(&mut self, text: &[u8]) -> Span {
        let rest = self.rest();
        rest.write(text);
        rest.skip(text.len()).write(b"\0");
        let span = self.use_up(text.len());
        self.used += 1;
        span
    }
}
