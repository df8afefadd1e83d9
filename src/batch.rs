//! Many messages in one call.

use std::ops::Range;
use std::os::fd::RawFd;
use std::sync::atomic::Ordering;

use crate::address::Destination;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::socket::Socket;
use crate::sys::{self, Ancillary, BATCH, Buffer, Incoming, Received, SocketName};
use crate::wait::{Timeout, Wait};

/// How many messages one call receives at most.
pub(crate) const MOST: usize = 64;

/// A message to send.
pub(crate) struct Outgoing<'a> {
    pub(crate) buffer: Buffer<'a>,
    /// `None`: the peer that the socket is connected to.
    pub(crate) to: Option<Destination>,
    pub(crate) descriptors: &'a [RawFd],
}

impl<'a> Outgoing<'a> {
    const EMPTY: Self = Self { buffer: Buffer::EMPTY, to: None, descriptors: &[] };

    fn as_call(&self) -> sys::Outgoing<'_> {
        let to = self.to.as_ref().map(AsRef::as_ref);
        sys::Outgoing { buffer: self.buffer, to, descriptors: self.descriptors }
    }
}

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
    fn deliver(&mut self, index: usize, message: Delivery<'_>);
}

/// A message that was received; its bytes are in its room.
pub(crate) struct Delivery<'a> {
    /// The size of all of it, whatever the room.
    pub(crate) size: usize,
    /// `None`: it was not asked for.
    pub(crate) from: Option<&'a SocketName>,
    pub(crate) ancillary: &'a mut Ancillary,
    /// Whether descriptors that came are for the program.
    pub(crate) with_descriptors: bool,
}

impl Socket {
    /// Sends one message, with all that goes with it.
    pub(crate) fn send_message(&self, message: &Outgoing<'_>, wait: &mut Wait) -> Result<usize> {
        let readiness = self.readiness_to_send(message.to.is_some())?;
        self.check_outgoing(message)?;
        let size = self.wait_until(wait, readiness, |_| {
            self.sent(sys::send_message(self.fd(), &message.as_call()))
        })?;
        self.count_sent(1, size);
        Ok(size)
    }

    /// On a stream, the kernel would lose descriptors that go without a byte.
    fn check_outgoing(&self, message: &Outgoing<'_>) -> Result<()> {
        let lost = !message.descriptors.is_empty() && message.buffer.size() == 0;
        if lost && self.kind() == Kind::Stream { Err(Error::EINVAL) } else { Ok(()) }
    }

    /// Receives one message, with all that comes with it. Returns its true size.
    pub(crate) fn receive_message(
        &self,
        room: Buffer<'_>,
        mut from: Option<&mut SocketName>,
        ancillary: &mut Ancillary,
        wait: &mut Wait,
    ) -> Result<usize> {
        let flags = if self.kind() == Kind::Stream { 0 } else { sys::TRUE_SIZE };
        let size = self.wait_until(wait, self.readiness_to_receive(), |shut_down| {
            let result = self.in_order(
                || sys::receive_message(self.fd(), room, from.as_deref_mut(), ancillary, flags),
                |&got| got,
            );
            let got = self.end_if_shut(result, shut_down)?;
            got.map(|got| got.size).ok_or_else(|| self.end())
        })?;
        self.count_received(1, size);
        Ok(size)
    }

    /// Sends what can be sent in the time. Returns how many were sent. A message that fails does
    /// not stop the others. An error is returned only if none was sent: that of the first one.
    pub(crate) fn send_batch<'a>(
        &self,
        outbox: &mut impl Outbox<'a>,
        wait: &mut Wait,
    ) -> Result<usize> {
        let mut went = 0;
        let mut first_error = None;
        let mut next = 0;
        let mut fits = None;
        while next < outbox.count() {
            match self.send_some(outbox, next, &mut fits, wait) {
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

    /// Sends messages from `first` on in one system call. An error is that of the first one.
    ///
    /// `fits`: the size of the last message that was sent, if the one after it was not, and the state
    /// of the interrupt before that. Most often there was no room for the next one. So a message that
    /// is not larger begins with the wait for room: it has no error of its own that would have to be
    /// returned first. Unless the socket was shut down meanwhile: poll does not report that to a
    /// thread that waits for room.
    fn send_some<'a>(
        &self,
        outbox: &mut impl Outbox<'a>,
        first: usize,
        fits: &mut Option<(usize, u32)>,
        wait: &mut Wait,
    ) -> Result<usize> {
        let mut messages = [const { Outgoing::EMPTY }; BATCH];
        let mut count = 0;
        for (index, place) in (first..outbox.count()).zip(&mut messages) {
            let message = outbox.message(index).and_then(|message| {
                self.readiness_to_send(message.to.is_some())?;
                self.check_outgoing(&message)?;
                Ok(message)
            });
            match message {
                Ok(message) => *place = message,
                Err(error) if count == 0 => return Err(error),
                // This message begins the next round, and fails there.
                Err(_) => break,
            }
            count += 1;
        }
        let readiness = self.readiness_to_send(messages[0].to.is_some())?;
        let calls = messages.each_ref().map(Outgoing::as_call);
        let mut sizes = [0; BATCH];
        let is_plain = messages[0].to.is_none() && messages[0].descriptors.is_empty();
        let mut full_since = fits
            .take()
            .filter(|(fits, _)| is_plain && !wait.is_none() && messages[0].buffer.size() <= *fits);
        let mut before = 0;
        let sent = self.wait_until(wait, readiness, |_| {
            let now = self.interrupt_state();
            if full_since.take().is_some_and(|(_, state)| state == now) {
                return Err(Error::EAGAIN);
            }
            before = now;
            self.sent(sys::send_batch(self.fd(), &calls[..count], &mut sizes))
        })?;
        let is_short = sent < count && self.kind() != Kind::Stream;
        *fits = is_short.then(|| (sizes[sent - 1], before));
        self.count_sent(sent, sizes[..sent].iter().sum());
        if self.kind() == Kind::Stream {
            // A stream may take a part of a message; no other message may come in between. If the
            // rest can't be sent, the size says so, and the other messages meet the error.
            let last = sent - 1;
            let rest = messages[last].buffer.skip(sizes[last]);
            let mut more = 0;
            let _ = self.send_all(rest, wait, &mut more);
            sizes[last] += more;
        }
        for (index, size) in (first..).zip(&sizes[..sent]) {
            outbox.settle(index, Ok(*size));
        }
        Ok(sent)
    }

    /// Waits for a message, and takes with it those that are there already. An error or the end is
    /// returned only if it comes first; otherwise the next call returns it, from the kernel or from
    /// what is kept for the end.
    pub(crate) fn receive_batch<'a>(
        &self,
        inbox: &mut impl Inbox<'a>,
        wait: &mut Wait,
    ) -> Result<usize> {
        let most = inbox.count().min(MOST);
        let step = if self.looks_first() { 1 } else { BATCH };
        let mut came = self.receive_some(inbox, 0..step.min(most), wait)?;
        let mut wait = Wait::new(Timeout::NONE);
        // A datagram socket returns an error only once.
        while self.kind() != Kind::Datagram && came % step == 0 && came < most {
            match self.receive_some(inbox, came..most.min(came + step), &mut wait) {
                Ok(more) => came += more,
                Err(error) => {
                    let reset = error == Error::ECONNRESET;
                    self.reset_is_due().fetch_or(reset, Ordering::Relaxed);
                    break;
                }
            }
        }
        Ok(came)
    }

    /// The same in one system call, into these places.
    fn receive_some<'a>(
        &self,
        inbox: &mut impl Inbox<'a>,
        places: Range<usize>,
        wait: &mut Wait,
    ) -> Result<usize> {
        let mut messages = [const {
            Incoming { buffer: Buffer::EMPTY, from: SocketName::EMPTY, received: Received::NOTHING }
        }; BATCH];
        let messages = &mut messages[..places.len()];
        let mut beside = sys::ancillaries(places.len())?;
        for (index, message) in places.clone().zip(messages.iter_mut()) {
            message.buffer = inbox.room(index);
        }
        let flags = if self.kind() == Kind::Stream { 0 } else { sys::TRUE_SIZE };
        let found = self.wait_until(wait, self.readiness_to_receive(), |shut_down| {
            let result = self.in_order(
                || {
                    let came = sys::receive_batch(self.fd(), messages, &mut beside, flags)?;
                    let is_message = |message: &&Incoming<'_>| !self.is_end(message.received);
                    let first = messages[..came].iter().find(is_message).unwrap_or(&messages[0]);
                    Ok((came, first.received))
                },
                |(_, first)| *first,
            );
            self.end_if_shut(result, shut_down)
        })?;
        let Some((came, _)) = found else { return Err(self.end()) };
        let came = self.without_ends(&mut messages[..came], &mut beside);
        let sizes = messages[..came].iter().map(|message| message.received.size);
        self.count_received(came, sizes.sum());
        let with_descriptors = self.receives_descriptors();
        for ((index, message), ancillary) in places.zip(&messages[..came]).zip(&mut beside) {
            let (size, from) = (message.received.size, Some(&message.from));
            inbox.deliver(index, Delivery { size, from, ancillary, with_descriptors });
        }
        Ok(came)
    }

    /// Moves the messages to the front, to where they would be if the kernel had not returned the
    /// end in between. Returns how many there are, at least one. The kernel fills the rest of a
    /// batch with the end, and while a peer sends and leaves, it may return the end once too early
    /// (see [`Self::in_order`]).
    fn without_ends(&self, messages: &mut [Incoming<'_>], beside: &mut [Ancillary]) -> usize {
        let looks_like_end = |message: &Incoming<'_>| self.is_end(message.received);
        if messages.len() == 1 || !messages.iter().any(looks_like_end) {
            return messages.len();
        }
        let last = messages.iter().rposition(|message| !looks_like_end(message)).unwrap_or(0);
        // Or they are empty messages that nothing tells from the end.
        let are_unmarked = self.is_unmarked() == Ok(true);
        let rest_counts = are_unmarked && self.has_more_to_come();
        let mut count = 0;
        for index in 0..messages.len() {
            let counts = match index {
                _ if !looks_like_end(&messages[index]) => true,
                _ if index < last => are_unmarked,
                _ => index == last || rest_counts,
            };
            if counts {
                if count < index {
                    let Incoming { buffer, from, received } = messages[index];
                    messages[count].buffer.copy_from(buffer, received.size);
                    (messages[count].from, messages[count].received) = (from, received);
                    beside.swap(count, index);
                }
                count += 1;
            }
        }
        count
    }
}

/// Whether this error concerns the whole batch, not one message.
fn ends_batch(error: Error) -> bool {
    matches!(error, Error::EAGAIN | Error::ETIMEDOUT | Error::EINTR | Error::Closed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ConnectOptions;
    use crate::socket::Side;
    use crate::socket_file::FileOptions;
    use crate::text::c_string;

    const END: Received = Received::NOTHING;

    /// As many as there are results. Another thread shuts the socket down after this many.
    struct ShutDown<'a> {
        socket: &'a Socket,
        after: usize,
        results: Vec<Option<Result<usize>>>,
    }

    impl<'a> Outbox<'a> for ShutDown<'_> {
        fn count(&self) -> usize {
            self.results.len()
        }

        fn message(&self, _: usize) -> Result<Outgoing<'a>> {
            let buffer = Buffer::from_raw(c"1".as_ptr().cast_mut().cast(), 1);
            Ok(Outgoing { buffer, ..Outgoing::EMPTY })
        }

        fn settle(&mut self, index: usize, result: Result<usize>) {
            if index + 1 == self.after {
                std::thread::scope(|scope| {
                    let shut_down = || self.socket.shutdown(Side::Write);
                    assert_eq!(scope.spawn(shut_down).join().expect("no panic"), Ok(()));
                });
            }
            self.results[index] = Some(result);
        }
    }

    #[test]
    fn a_shutdown_is_told_to_the_rest_of_a_batch_that_found_no_room() {
        let name = c_string(format!("@batch-{}", std::process::id()).as_bytes()).expect("memory");
        let receiver = Socket::create(Kind::Datagram).expect("a socket");
        receiver.bind_new(&name, &FileOptions::default()).expect("a free name");
        let timeout = Timeout::Milliseconds(2000);
        let options =
            ConnectOptions { retry: false, timeout, local_address: None, explains: false };
        let socket = Socket::open_client(Kind::Datagram, &name, options).expect("a receiver");
        let most = std::fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").expect("/proc");
        // Its queue is full then, in the middle of a system call.
        let after = most.trim().parse::<usize>().expect("a number") + 1;
        assert_ne!(after % BATCH, 0);
        let results = vec![None; after + 2 * BATCH];
        let mut outbox = ShutDown { socket: &socket, after, results };
        assert_eq!(socket.send_batch(&mut outbox, &mut Wait::new(timeout)), Ok(after));
        let rest = &outbox.results[after..];
        assert!(rest.iter().all(|result| *result == Some(Err(Error::EPIPE))), "{rest:?}");
        assert_eq!(socket.counts().sleeps, 0, "it was told late");
    }

    const fn message(size: usize) -> Received {
        Received { size, has_ancillary: true }
    }

    /// What is left of a batch that the kernel has returned, with two bytes of room for each
    /// message.
    fn left_of(told: [Received; 4]) -> Result<Vec<(usize, u8)>> {
        let [socket, _peer] = Socket::pair(Kind::Seqpacket)?;
        let mut rooms = [[1_u8; 2], [2; 2], [3; 2], [4; 2]];
        let mut messages: Vec<_> = rooms
            .iter_mut()
            .zip(told)
            .map(|(room, received)| Incoming {
                buffer: Buffer::from_raw(room.as_mut_ptr().cast(), room.len()),
                from: SocketName::EMPTY,
                received,
            })
            .collect();
        let mut beside = sys::ancillaries(messages.len())?;
        let count = socket.without_ends(&mut messages, &mut beside);
        let first_byte = |message: &Incoming<'_>| {
            let mut bytes = Vec::new();
            message.buffer.copy_to(&mut bytes);
            (message.received.size, bytes[0])
        };
        Ok(messages[..count].iter().map(first_byte).collect())
    }

    #[test]
    fn what_is_behind_an_end_that_was_told_too_early_moves_up() {
        let left = |told| left_of(told).expect("sockets");
        assert_eq!(left([message(1), message(0), END, END]), [(1, 1), (0, 2)]);
        assert_eq!(left([END, message(1), END, END]), [(1, 2)]);
        assert_eq!(left([message(2), END, message(0), message(2)]), [(2, 1), (0, 2), (2, 4)]);
        // Larger than its room.
        assert_eq!(left([END, message(9), message(2), END]), [(9, 2), (2, 3)]);
    }
}
