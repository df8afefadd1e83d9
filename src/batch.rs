//! Many messages in one call.

use crate::address::Destination;
use crate::error::{Error, Result};
use crate::socket::{Kind, Socket};
use crate::sys::{self, BATCH, Buffer, Received, SocketName};
use crate::wait::Wait;

/// A message to send, and where to, if that is not where the socket is connected to.
pub(crate) type Outgoing<'a> = (Buffer<'a>, Option<Destination>);

/// Messages to send, wherever the caller keeps them (`'a`).
pub(crate) trait Outbox<'a> {
    fn count(&self) -> usize;
    fn message(&self, index: usize) -> Result<Outgoing<'a>>;
    fn settle(&mut self, index: usize, result: Result<usize>);
}

/// Room for messages to come.
pub(crate) trait Inbox<'a> {
    fn count(&self) -> usize;
    fn room(&self, index: usize) -> Buffer<'a>;
    fn deliver(&mut self, index: usize, size: usize, from: &SocketName);
}

impl Socket {
    /// Sends what can be sent in the time: how many went. One that fails does not
    /// stop the others. An error only if none went: the first one's.
    pub(crate) fn send_batch<'a>(
        &self,
        outbox: &mut impl Outbox<'a>,
        wait: &mut Wait,
    ) -> Result<usize> {
        let mut went = 0;
        let mut first_error = None;
        let mut next = 0;
        while next < outbox.count() {
            match self.send_some(outbox, next, wait) {
                Ok(sent) => {
                    next += sent;
                    went += sent;
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                    let end = if ends_batch(error) { outbox.count() } else { next + 1 };
                    (next..end).for_each(|index| outbox.settle(index, Err(error)));
                    next = end;
                }
            }
        }
        first_error.filter(|_| went == 0).map_or(Ok(went), Err)
    }

    /// Sends messages from `first` on in one system call. An error is the first's.
    fn send_some<'a>(
        &self,
        outbox: &mut impl Outbox<'a>,
        first: usize,
        wait: &mut Wait,
    ) -> Result<usize> {
        let mut messages = [const { (Buffer::EMPTY, None) }; BATCH];
        let mut count = 0;
        for (index, place) in (first..outbox.count()).zip(&mut messages) {
            let message = outbox
                .message(index)
                .and_then(|message| self.readiness_to_send(message.1.is_some()).and(Ok(message)));
            match message {
                Ok(message) => *place = message,
                Err(error) if count == 0 => return Err(error),
                // It begins the next round, and fails there.
                Err(_) => break,
            }
            count += 1;
        }
        let readiness = self.readiness_to_send(messages[0].1.is_some())?;
        let mut sizes = [0; BATCH];
        let sent = self.wait_until(wait, readiness, |_| {
            sys::send_batch(self.fd(), &messages[..count], &mut sizes)
        })?;
        if self.kind() == Kind::Stream {
            // A stream may take half a message; no other may come in between. If
            // the rest can't go, its size says so, and the others meet the error.
            let last = sent - 1;
            let rest = messages[last].0.skip(sizes[last]);
            let mut more = 0;
            let _ = self.send_all(rest, wait, &mut more);
            sizes[last] += more;
        }
        for (index, size) in (first..).zip(&sizes[..sent]) {
            outbox.settle(index, Ok(*size));
        }
        Ok(sent)
    }

    /// Waits for a message and takes with it those that are there already. An error
    /// or the end only if it comes first; otherwise the next call tells it.
    pub(crate) fn receive_batch<'a>(
        &self,
        inbox: &mut impl Inbox<'a>,
        wait: &mut Wait,
    ) -> Result<usize> {
        let mut messages = [(Buffer::EMPTY, SocketName::EMPTY); BATCH];
        let count = inbox.count().min(BATCH);
        for (index, (room, _)) in messages[..count].iter_mut().enumerate() {
            *room = inbox.room(index);
        }
        let mut received = [Received::default(); BATCH];
        let flags = if self.kind() == Kind::Stream { 0 } else { sys::TRUE_SIZE };
        let messages = &mut messages[..count];
        let came = self.wait_until(wait, self.readiness_to_receive(), |shut_down| {
            let result =
                self.reset_last(|| sys::receive_batch(self.fd(), messages, &mut received, flags));
            self.end_if_shut(result, shut_down)
        })?;
        if self.is_end(received[0]) {
            return Err(self.end());
        }
        // After the end the kernel fills the rest of a batch with nothing.
        let came = received[..came].iter().take_while(|&&got| !self.is_end(got)).count();
        for (index, (got, (_, from))) in received[..came].iter().zip(messages).enumerate() {
            inbox.deliver(index, got.size, from);
        }
        Ok(came)
    }
}

/// Whether this error is the whole batch's, not one message's.
fn ends_batch(error: Error) -> bool {
    matches!(error, Error::WOULD_BLOCK | Error::TIMED_OUT | Error::INTERRUPTED | Error::Closed)
}
