//! Sending and receiving.
//!
//! What a receive makes of an end, a reset or an empty message depends on the socket's kind, and
//! the kernel's own answers mix them up. Here they are told apart, once for all calls.

use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::socket::Socket;
use crate::sys::{self, Buffer, Received, SocketName};
use crate::wait::{Attempt, Readiness, Wait};

struct Sending<'a> {
    socket: &'a Socket,
    buffers: &'a [Buffer<'a>],
    to: Option<&'a SocketName>,
}

impl Attempt for Sending<'_> {
    type Done = usize;

    #[inline(always)]
    fn make(&mut self, _: bool) -> Result<usize> {
        self.socket.sent(sys::send(self.socket.fd(), self.buffers, self.to))
    }
}

struct Receiving<'a> {
    socket: &'a Socket,
    buffers: &'a [Buffer<'a>],
}

impl Attempt for Receiving<'_> {
    type Done = usize;

    #[inline(always)]
    fn make(&mut self, shut_down: bool) -> Result<usize> {
        self.socket.receive_now(self.buffers, None, shut_down)
    }
}

impl Socket {
    /// Sends at least one byte of a stream, or a whole message. With a name: datagrams only.
    #[inline(always)]
    pub(crate) fn send(
        &self,
        buffers: &[Buffer<'_>],
        to: Option<&SocketName>,
        wait: &mut Wait,
    ) -> Result<usize> {
        let readiness = self.readiness_to_send(to.is_some())?;
        let size = self.wait_until(wait, readiness, Sending { socket: self, buffers, to })?;
        self.count_sent(1, size);
        Ok(size)
    }

    /// The result of a send. When the send of a seqpacket meets the peer's close, older kernels
    /// (5.10) return what they return for a datagram, and disconnect the socket.
    #[inline(always)]
    pub(crate) fn sent<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Err(Error::ECONNREFUSED) if self.kind() == Kind::Seqpacket => Err(Error::EPIPE),
            Err(Error::ENOTCONN) if self.was_disconnected() => Err(Error::EPIPE),
            result => result,
        }
    }

    /// Whether it is a seqpacket that had a peer, and is not connected any more (see `sent`).
    #[cold]
    pub(crate) fn was_disconnected(&self) -> bool {
        let had_peer = || sys::peer_credentials(self.fd()).is_ok_and(|who| who.uid != u32::MAX);
        // A server that listens has itself for its peer.
        self.kind() == Kind::Seqpacket && had_peer() && self.is_listening() == Ok(false)
    }

    /// Sends everything. `sent` is how much was sent, also after an error.
    pub(crate) fn send_all(
        &self,
        buffer: Buffer<'_>,
        wait: &mut Wait,
        sent: &mut usize,
    ) -> Result<()> {
        if self.kind() != Kind::Stream {
            *sent = self.send(&[buffer], None, wait)?;
            return Ok(());
        }
        while *sent < buffer.size() {
            *sent += self.send(&[buffer.skip(*sent)], None, wait)?;
        }
        Ok(())
    }

    /// Receives some bytes of a stream, or a message.
    #[inline(always)]
    pub(crate) fn receive(&self, buffers: &[Buffer<'_>], wait: &mut Wait) -> Result<usize> {
        let receiving = Receiving { socket: self, buffers };
        whole(self.wait_until(wait, self.readiness_to_receive(), receiving)?, buffers)
    }

    /// The same, with the sender's name.
    pub(crate) fn receive_from(
        &self,
        buffers: &[Buffer<'_>],
        from: &mut SocketName,
        wait: &mut Wait,
    ) -> Result<usize> {
        let size = self.wait_until(wait, self.readiness_to_receive(), |shut_down| {
            self.receive_now(buffers, Some(from), shut_down)
        })?;
        whole(size, buffers)
    }

    /// Receives exactly as many bytes as the buffer holds. `received` is how many have come, also
    /// after an error. Streams only: messages have bounds.
    pub(crate) fn receive_exact(
        &self,
        buffer: Buffer<'_>,
        wait: &mut Wait,
        received: &mut usize,
    ) -> Result<()> {
        if self.kind() != Kind::Stream {
            return Err(Error::EOPNOTSUPP);
        }
        while *received < buffer.size() {
            *received += self.receive(&[buffer.skip(*received)], wait)?;
        }
        Ok(())
    }

    /// How many bytes a message can have; the kernel needs some of the buffer for itself.
    pub(crate) fn largest_message(&self) -> Result<usize> {
        const OVERHEAD: i32 = 32;
        let buffer = sys::option(self.fd(), libc::SO_SNDBUF)?;
        Ok(usize::try_from(buffer - OVERHEAD).unwrap_or(0).min(sys::LARGEST_MESSAGE))
    }

    /// What to wait for when a send finds no room.
    pub(crate) fn readiness_to_send(&self, named: bool) -> Result<Readiness> {
        match (self.kind(), named) {
            // Poll looks at our own buffer, but it is the receiver's queue that is full.
            (Kind::Datagram, true) => Ok(Readiness::Unpollable),
            // The kernel would ignore a seqpacket's address, and send it to the peer.
            (_, true) => Err(Error::EOPNOTSUPP),
            (_, false) => Ok(Readiness::Writable),
        }
    }

    /// How many bytes of a stream a receive would bring, or how large the message is that is next.
    /// Nothing is received, and no reset is taken from a thread that receives.
    pub(crate) fn readable_bytes(&self) -> Result<usize> {
        let queued = sys::readable_bytes(self.fd())? as usize;
        let result = match self.kind() {
            // FIONREAD goes on counting urgent bytes that were passed over.
            Kind::Stream if queued > 0 => self.count_bytes(queued),
            // FIONREAD is the sum of all messages.
            Kind::Seqpacket if queued > 0 => self.peek_now(None, false),
            _ => Ok(queued),
        };
        match result {
            Err(Error::EAGAIN | Error::End) => Ok(0),
            Err(Error::ECONNRESET) => {
                self.reset_is_due().store(true, Ordering::Relaxed);
                Ok(0)
            }
            result => result,
        }
    }

    pub(crate) fn readiness_to_receive(&self) -> Readiness {
        match self.kind() {
            Kind::Stream | Kind::Seqpacket => Readiness::Readable,
            Kind::Datagram => Readiness::ReadableOrShut,
        }
    }

    /// One attempt: the true size of what came. `shut_down`: poll has said that nothing more
    /// will come.
    #[inline(always)]
    pub(crate) fn receive_now(
        &self,
        buffers: &[Buffer<'_>],
        from: Option<&mut SocketName>,
        shut_down: bool,
    ) -> Result<usize> {
        let size = match self.kind() {
            Kind::Stream => return self.receive_bytes_now(buffers),
            Kind::Datagram if from.is_none() => {
                self.end_if_shut(sys::receive(self.fd(), buffers, sys::TRUE_SIZE), shut_down)
            }
            _ => self.receive_with_header(buffers, from, shut_down),
        }?;
        self.count_received(1, size);
        Ok(size)
    }

    /// The same, of a stream.
    #[inline(always)]
    pub(crate) fn receive_bytes_now(&self, buffers: &[Buffer<'_>]) -> Result<usize> {
        let size = sys::receive(self.fd(), buffers, 0)?;
        if size == 0 {
            return Err(self.end());
        }
        self.count_received(1, size);
        Ok(size)
    }

    /// Receives by recvmsg(2).
    fn receive_with_header(
        &self,
        buffers: &[Buffer<'_>],
        mut from: Option<&mut SocketName>,
        shut_down: bool,
    ) -> Result<usize> {
        let mut receive =
            || sys::receive_from(self.fd(), buffers, from.as_deref_mut(), sys::TRUE_SIZE);
        if self.kind() == Kind::Datagram {
            return self.end_if_shut(receive().map(|got| got.size), shut_down);
        }
        let got = self.in_order(receive, |&got| got)?;
        got.map(|got| got.size).ok_or_else(|| self.end())
    }

    /// Tells the end from an empty message, while no other holder of the socket has a say.
    pub(crate) fn is_end(&self, got: Received) -> bool {
        match self.kind() {
            Kind::Stream => got.size == 0,
            Kind::Seqpacket => got.size == 0 && !got.has_ancillary,
            Kind::Datagram => false,
        }
    }

    /// The end, or the reset that was kept for it.
    #[cold]
    pub(crate) fn end(&self) -> Error {
        if self.reset_is_due().swap(false, Ordering::Relaxed) {
            Error::ECONNRESET
        } else {
            Error::End
        }
    }

    /// After a shutdown the kernel returns EAGAIN for a datagram socket for ever, while poll says
    /// that it is readable.
    pub(crate) fn end_if_shut<T>(&self, result: Result<T>, shut_down: bool) -> Result<T> {
        match result {
            Err(Error::EAGAIN)
                if self.kind() == Kind::Datagram && (shut_down || self.read_is_shut()) =>
            {
                Err(Error::End)
            }
            result => result,
        }
    }

    /// Receives, and puts what the kernel reports too early behind what came before it. `None`: the
    /// end.
    ///
    /// The kernel reports a reset before what was sent before the reset (on a stream, only if it is
    /// asked for many messages). And on a seqpacket socket it looks at the queue first and for the
    /// end later: a message that comes in between is then behind "the end". But after an end
    /// nothing more comes, so a second look is right.
    #[inline(always)]
    pub(crate) fn in_order<T>(
        &self,
        mut receive: impl FnMut() -> Result<T>,
        first: impl Fn(&T) -> Received,
    ) -> Result<Option<T>> {
        if self.looks_first() {
            return self.look_and_take(None, receive);
        }
        let mut reset_seen = self.kind() == Kind::Datagram;
        let mut end_seen = self.kind() != Kind::Seqpacket;
        loop {
            match receive() {
                Err(Error::ECONNRESET) if !reset_seen => {
                    reset_seen = true;
                    // Kept for the end.
                    self.reset_is_due().store(true, Ordering::Relaxed);
                }
                Ok(got) if self.is_end(first(&got)) => {
                    if end_seen {
                        return Ok(None);
                    }
                    if self.was_unmarked()? {
                        return Ok(Some(got));
                    }
                    end_seen = true;
                    reset_seen = false;
                }
                Err(Error::ENOTCONN) if self.was_disconnected() => return Ok(None),
                result => return result.map(Some),
            }
        }
    }
}

/// Fails if a message was larger than its buffers: it was cut, and must not pass for whole.
fn whole(size: usize, buffers: &[Buffer<'_>]) -> Result<usize> {
    let room = buffers.iter().map(Buffer::size).sum();
    if size > room { Err(Error::EMSGSIZE) } else { Ok(size) }
}
