//! What comes in: connections, bytes, messages, ends.

use std::time::Duration;

use super::member::{Manner, Member, Role};
use super::visit::Visit;
use super::{Event, EventKind, Report, Round};
use crate::error::{Error, Result};
use crate::handles;
use crate::kind::Kind;
use crate::log::Note;
use crate::name_text::{self, NameText};
use crate::socket::Socket;
use crate::sys::{self, SocketName};
use crate::wait;

/// The most connections, and the most datagrams, that a round takes from one socket.
const MOST_CONNECTIONS: usize = 16;
const MOST_DATAGRAMS: usize = 32;

/// How long a server is left alone when there is no descriptor for its next client.
pub(super) const STARVED_PAUSE: Duration = Duration::from_millis(20);

impl Visit<'_> {
    pub(super) fn accept(&mut self, round: &mut Round<'_, impl Report>) -> bool {
        for attempt in 0..MOST_CONNECTIONS {
            if !round.has_room() {
                break;
            }
            // Mostly nobody waits behind the first client. An accept that finds nobody makes a
            // socket and a file first, in vain: it takes seven times as long as a look.
            if attempt == 1 && wait::is_readable(self.socket.fd()) == Ok(false) {
                break;
            }
            let locked = &mut *self.locked;
            let prepare = |client| {
                locked.members.make_room(client)?;
                Ok(locked.closing.try_reserve(1)?)
            };
            let mut refused = None;
            let result = match handles::accept_once(self.socket, prepare, &mut refused) {
                Ok(None) => {
                    let Self { locked, handle, .. } = self;
                    locked.counts.refused += 1;
                    let note =
                        refused.map(|client| Note { handle: *handle, ..Note::refused(client) });
                    note.into_iter().for_each(|note| locked.notes.push(note));
                    continue;
                }
                Ok(Some(client)) => self.welcome(client, round),
                Err(error) => Err(error),
            };
            match result {
                Ok(()) => {}
                Err(Error::EAGAIN) => {
                    // It is ready, but there is nothing to accept. If another process that shares
                    // this server has shut it down, it would be ready for ever.
                    if attempt == 0 && wait::is_shut(self.socket.fd()) == Ok(true) {
                        self.fail(Error::EINVAL, round);
                    }
                    break;
                }
                // It is still ready.
                Err(Error::EINTR) => break,
                Err(error) if error.is_scarcity() => {
                    self.starve(error, round);
                    break;
                }
                Err(error) => {
                    self.fail(error, round);
                    break;
                }
            }
        }
        true
    }

    /// Makes a new connection a member.
    fn welcome(&mut self, client: i64, round: &mut Round<'_, impl Report>) -> Result<()> {
        let Some(server) = self.member() else {
            return Ok(());
        };
        server.is_refusing = false;
        let (token, is_duplex) = (server.token, server.manner.is_duplex);
        let manner = Manner { is_duplex, ..Manner::default() };
        let result = handles::get(client).and_then(|socket| {
            socket.begin_watching(self.poller.handle, false)?;
            let member = Member { token, manner, ..Member::new(client, Role::Connection) };
            self.poller.watch(self.locked, member, &socket)
        });
        match result {
            Ok(()) => {
                self.locked.counts.accepted += 1;
                round.report(Event::new(EventKind::Accepted, client, token));
            }
            Err(_) => self.locked.closing.push(client),
        }
        result
    }

    /// Reports once that the server can't accept for now, and pauses before the next attempt.
    fn starve(&mut self, error: Error, round: &mut Round<'_, impl Report>) {
        let Some(server) = self.member() else {
            return;
        };
        if !server.is_refusing && round.has_room() {
            server.is_refusing = true;
            let event = Event::new(EventKind::Failed, server.socket, server.token);
            round.report(Event { error: Some(error), ..event });
        }
        server.at_rest = true;
        let _ = self.follow();
        self.pause(STARVED_PAUSE);
    }

    /// Receives from a socket that is ready. Whether it has had its turn.
    pub(super) fn receive(&mut self, shut: bool, round: &mut Round<'_, impl Report>) -> bool {
        let most = if self.socket.kind() == Kind::Datagram { MOST_DATAGRAMS } else { 1 };
        for received in 0..most {
            if !round.has_room() || round.rest().size() == 0 {
                // A member from which something was received has had its turn.
                return received > 0;
            }
            let result = match self.socket.kind() {
                Kind::Stream => self.receive_bytes(round).map(|()| true),
                _ => {
                    next_fits(self.socket, received > 0, shut, round).and_then(|fits| match fits {
                        true => self.receive_message(shut, round).map(|()| true),
                        false => Ok(false),
                    })
                }
            };
            match result {
                Ok(true) => {}
                Ok(false) => return received > 0,
                Err(Error::EAGAIN) => {
                    self.fail_if_lost(received, round);
                    break;
                }
                // It is still ready.
                Err(Error::EINTR) => break,
                // The end lasts: the next round reports it.
                Err(Error::End) if received > 0 => break,
                Err(Error::End) => {
                    self.end(round);
                    break;
                }
                Err(error) => {
                    self.fail(error, round);
                    break;
                }
            }
        }
        // A lost member stays in line until its failure has been reported.
        !self.member().is_some_and(|member| member.is_lost)
    }

    fn receive_bytes(&mut self, round: &mut Round<'_, impl Report>) -> Result<()> {
        let room = round.rest().first(self.poller.limits.receive);
        let size = self.socket.receive_bytes_now(&[room])?;
        self.locked.counts.received.add(1, size);
        let token = self.member().map_or(0, |member| member.token);
        let data = round.use_up(size);
        round.report(Event { data, ..Event::new(EventKind::Received, self.handle, token) });
        Ok(())
    }

    /// Receives a message, or as much of it as fits.
    fn receive_message(&mut self, shut: bool, round: &mut Round<'_, impl Report>) -> Result<()> {
        let mut from = SocketName::EMPTY;
        let wanted = (self.socket.kind() == Kind::Datagram).then_some(&mut from);
        let size = self.socket.receive_now(&[round.rest()], wanted, shut)?;
        self.locked.counts.received.add(1, size);
        let address = name_text::text_of(&from);
        let token = self.member().map_or(0, |member| member.token);
        let mut event = Event::new(EventKind::Received, self.handle, token);
        let fits = size.min(round.rest().size());
        event.data = round.use_up(fits);
        if !address.is_empty() && address.count_bytes() < round.rest().size() {
            event.address = round.write_text(address.to_bytes());
        } else if !address.is_empty() {
            event.error = Some(Error::ERANGE);
        }
        if fits < size {
            event.error = Some(Error::EMSGSIZE);
        }
        round.report(event);
        Ok(())
    }

    /// Reports that answers were lost, once everything that the peer had sent has been received.
    fn fail_if_lost(&mut self, received: usize, round: &mut Round<'_, impl Report>) {
        if received == 0 && self.member().is_some_and(|member| member.is_lost) {
            self.fail(Error::EPIPE, round);
        }
    }

    /// Reports that the peer sends no more. The program can still answer it.
    fn end(&mut self, round: &mut Round<'_, impl Report>) {
        let Some(member) = self.member() else {
            return;
        };
        if member.is_lost {
            return self.fail(Error::EPIPE, round);
        }
        member.at_rest = true;
        let ended = Event::new(EventKind::Ended, member.socket, member.token);
        let _ = self.follow();
        round.report(ended);
    }
}

/// Whether the next message, with its sender's address, fits into the room that is left. If not, it
/// stays in the kernel until the whole arena is free: if it were received here and could not be
/// reported yet, no other receive could get it.
fn next_fits(
    socket: &Socket,
    has_had: bool,
    shut: bool,
    round: &Round<'_, impl Report>,
) -> Result<bool> {
    let room = round.rest().size();
    let is_datagram = socket.kind() == Kind::Datagram;
    let text = if is_datagram { NameText::MOST_ROOM } else { 0 };
    if round.is_untouched() || room >= sys::LARGEST_MESSAGE + text {
        return Ok(true);
    }
    // For datagrams the kernel gives the size of the first one, for seqpackets the sum of all. 0 is
    // an empty message or none; where there is none, a large one may come at any moment.
    match sys::readable_bytes(socket.fd()).unwrap_or(0) as usize {
        // If there is a message, it is received in the member's next turn.
        0 if is_datagram && has_had => return Err(Error::EAGAIN),
        0 => {}
        bytes if bytes + text <= room => return Ok(true),
        bytes if is_datagram && bytes > room => return Ok(false),
        _ => {}
    }
    let mut from = SocketName::EMPTY;
    let size = socket.peek_now(is_datagram.then_some(&mut from), shut)?;
    Ok(size + name_text::text_of(&from).room() <= room)
}
