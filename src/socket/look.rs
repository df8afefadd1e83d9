//! Looking at the next message before it is taken.
//!
//! The mark of a seqpacket socket's messages ([`Settings::mark_messages`]) tells an empty message
//! from the end. But the mark is a setting of the socket, and another holder of the socket can turn
//! it off at any moment. A message that was taken without the mark is gone before anything can be
//! asked. So if others may have the socket, each message is looked at before it is taken, and no
//! other thread takes one in between. Whether the socket is at its end can be asked any number of
//! times.
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

/// How many looks in a row have to find nothing until that counts as the end. The mark is on before
/// each of them.
const LOOKS: u32 = 64;
/// The same, if another holder turns the mark off again and again. Even the fastest one leaves it on
/// for a part of the time.
const LOOKS_IN_A_FIGHT: u32 = 512;
/// After so many looks the next one is delayed, also without a fight.
const LOOKS_IN_STEP: u32 = 8;

/// How long a thread waits for its turn to look and take. The thread that has the turn may be held
/// up for ever: to go on is better than never to return.
const PATIENCE: Duration = Duration::from_millis(100);

impl Socket {
    /// Whether messages have to be looked at before they are taken.
    #[inline(always)]
    pub(crate) fn looks_first(&self) -> bool {
        self.kind() == Kind::Seqpacket && self.is_shared()
    }

    /// Takes the next message of a seqpacket socket, after a look. `None`: it is the end.
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
                // The kernel reports the reset before what was sent before it.
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
            // While more can come there is no end, so this is an empty message. Once nothing can
            // come, what is in the queue stays there until it is taken.
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

    /// Whether what looked like the end was an empty message without its mark. Only the last
    /// message before the end can't be told from it any more.
    #[cold]
    pub(crate) fn was_unmarked(&self) -> Result<bool> {
        Ok(self.is_unmarked()? && self.has_more_to_come())
    }

    /// Whether messages come without their mark, though nobody else is known to have the socket.
    /// Then a stranger has it (by pidfd_getfd(2), or by a fork that the C library did not make),
    /// and from now on each message is looked at first.
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

    /// One attempt: the size of the next message, which stays in the queue, and its sender's name,
    /// if that is wanted.
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

    /// How many bytes of a stream one receive of at most so many would return.
    pub(crate) fn count_bytes(&self, most: usize) -> Result<usize> {
        let _turn = self.turn().hold_within(PATIENCE);
        sys::count_bytes(self.fd(), most)
    }

    /// The name of the next message's sender. The message stays in the queue.
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

/// Delays the next look, each time for another while. Two loops that wait for each other's lock can
/// fall into step, and then each look comes at a moment when the mark is off.
fn get_out_of_step() {
    const LONGEST: u32 = 64;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    for _ in 0..now % LONGEST {
        hint::spin_loop();
    }
}
