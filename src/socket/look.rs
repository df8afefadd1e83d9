//! Looking at the next message before it is taken.
//!
//! By the mark of a seqpacket socket's messages ([`Settings::mark_messages`]) an empty message is
//! told from the end. But the mark is a setting of the socket, and another holder of the socket can
//! turn it off at any moment. A message that was taken without the mark is gone before anything can
//! be asked. So if others may have the socket, each message is looked at first, together with the
//! taking. Whether the socket is at its end can be asked any number of times.
//!
//! [`Settings::mark_messages`]: super::settings::Settings::mark_messages

use std::hint;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Socket;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::sys::{self, SocketName};
use crate::wait::{self, Wait};

/// So many looks have to find nothing until that is the end. Before each of them the mark is on.
const LOOKS: u32 = 64;
/// The same, if somebody turns the mark off again and again. At its fastest that leaves the mark on
/// for a sixth of the time, or more.
const LOOKS_IN_A_FIGHT: u32 = 512;
/// At the latest after so many looks the next one is delayed.
const LOOKS_IN_STEP: u32 = 8;

/// A look and what is done on its word are one thread's at a time. But whose turn it is may never
/// come to its end: to go on is better than never to answer.
const PATIENCE: Duration = Duration::from_millis(100);

impl Socket {
    /// Whether messages have to be looked at before they are taken.
    #[inline(always)]
    pub(crate) fn looks_first(&self) -> bool {
        self.kind() == Kind::Seqpacket && self.is_shared()
    }

    /// Takes what is next of a seqpacket socket, after a look. `None`: it is the end.
    #[cold]
    pub(crate) fn look_and_take<T>(
        &self,
        mut from: Option<&mut SocketName>,
        mut take: impl FnMut() -> Result<T>,
    ) -> Result<Option<T>> {
        let _turn = self.turn().hold_within(PATIENCE);
        let mut reset_seen = false;
        loop {
            let result = match self.has_message(from.as_deref_mut()) {
                Ok(true) => take().map(Some),
                Ok(false) => Ok(None),
                Err(error) => Err(error),
            };
            match result {
                // The kernel tells it before what was sent before it.
                Err(Error::ECONNRESET) if !reset_seen => {
                    reset_seen = true;
                    self.reset_is_due().store(true, Ordering::Relaxed);
                }
                Err(Error::ENOTCONN) if self.was_disconnected() => return Ok(None),
                result => return result,
            }
        }
    }

    /// Whether a message is next, and not the end.
    fn has_message(&self, mut from: Option<&mut SocketName>) -> Result<bool> {
        let (mut looks, mut fights) = (0, 0);
        loop {
            let found = sys::peek(self.fd(), &[], from.as_deref_mut())?;
            if found.size > 0 || found.has_ancillary {
                return Ok(true);
            }
            // While more can come there is no end, and this is an empty message. Once nothing
            // can, what is there stays there until it is taken.
            if looks == 0 && !wait::is_shut(self.fd())? {
                return Ok(true);
            }
            let is_a_fight = fights > 1;
            if looks == if is_a_fight { LOOKS_IN_A_FIGHT } else { LOOKS } {
                return Ok(false);
            }
            looks += 1;
            fights += u32::from(self.settings().keep_mark(self.fd())?);
            if is_a_fight || looks % LOOKS_IN_STEP == 0 {
                get_out_of_step();
            }
        }
    }

    /// Of what looks like the end: whether it was an empty message without its mark. The last
    /// message before the end alone can't be told from it any more.
    #[cold]
    pub(crate) fn was_unmarked(&self) -> Result<bool> {
        Ok(self.is_unmarked()? && self.has_more_to_come())
    }

    /// Whether messages come without their mark, though nobody else is known to have the socket.
    /// Then a stranger has it (by pidfd_getfd(2), or by a fork that the C library did not make),
    /// and from now on there is a look at each message.
    pub(crate) fn is_unmarked(&self) -> Result<bool> {
        if self.kind() != Kind::Seqpacket {
            return Ok(false);
        }
        if !self.looks_first() {
            if sys::has_time_stamps(self.fd())? {
                return Ok(false);
            }
            self.lend();
        }
        Ok(true)
    }

    /// Whether this is not the end: more has come, or can.
    pub(crate) fn has_more_to_come(&self) -> bool {
        !matches!(self.look_and_take(None, || Ok(())), Ok(None))
    }

    /// One attempt: the size of the message that is next, which stays where it is, and the name
    /// of who sent it, if that is wanted.
    pub(crate) fn peek_now(
        &self,
        mut from: Option<&mut SocketName>,
        shut_down: bool,
    ) -> Result<usize> {
        let mut peek = || sys::peek(self.fd(), &[], from.as_deref_mut());
        let found = match self.kind() {
            Kind::Seqpacket => self.in_order(peek, |&found| found)?,
            Kind::Stream | Kind::Datagram => {
                let _turn = self.turn().hold_within(PATIENCE);
                Some(self.end_if_shut(peek(), shut_down)?)
            }
        };
        found.map(|found| found.size).ok_or_else(|| self.end())
    }

    /// How many bytes of a stream one receive of so many would bring.
    pub(crate) fn count_bytes(&self, most: usize) -> Result<usize> {
        let _turn = self.turn().hold_within(PATIENCE);
        sys::count_bytes(self.fd(), most)
    }

    /// The name of who sent the message that is next, which stays where it is.
    pub(crate) fn next_sender(&self, from: &mut SocketName, wait: &mut Wait) -> Result<()> {
        self.wait_until(wait, self.readiness_to_receive(), |shut_down| match self.kind() {
            // Its bytes come without a name.
            Kind::Stream => Ok(()),
            Kind::Datagram => {
                let _turn = self.turn().hold_within(PATIENCE);
                self.end_if_shut(sys::peek(self.fd(), &[], Some(from)).map(drop), shut_down)
            }
            Kind::Seqpacket => self.look_and_take(Some(from), || Ok(()))?.ok_or_else(|| self.end()),
        })
    }
}

/// Two loops can fall into step, as each waits for the other's lock, and then every look comes at
/// the moment when the mark is off. So a look is delayed, by something else each time.
fn get_out_of_step() {
    const LONGEST: u32 = 64;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    for _ in 0..now % LONGEST {
        hint::spin_loop();
    }
}
