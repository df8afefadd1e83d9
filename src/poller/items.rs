//! What a caller wants to send, and the results.

use super::member::Then;
use crate::address::Destination;
use crate::error::Result;
use crate::sys::Buffer;

/// What is to be sent through one socket.
pub(crate) struct Item<'a> {
    pub(crate) data: Buffer<'a>,
    /// `None`: the peer that the socket is connected to.
    pub(crate) to: Option<Destination>,
    pub(crate) then: Then,
    /// Whether the poller keeps it if the kernel has no room for it.
    pub(crate) keeps: bool,
}

/// The caller's items.
pub(crate) trait Items<'a> {
    fn count(&self) -> usize;
    fn socket(&self, index: usize) -> i64;
    fn item(&self, index: usize) -> Result<Item<'a>>;
    fn settle(&mut self, index: usize, result: Result<usize>);
}

/// The caller's items, and how many of them were taken.
pub(super) struct Taken<'b, I> {
    pub(super) items: &'b mut I,
    pub(super) count: usize,
}

impl<'a, I: Items<'a>> Taken<'_, I> {
    pub(super) fn settle(&mut self, index: usize, result: Result<usize>) {
        self.count += usize::from(result.is_ok());
        self.items.settle(index, result);
    }
}
