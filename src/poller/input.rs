//! What comes in: connections, bytes, messages, ends.

use std::ffi::CStr;
use std::time::Duration;

use super::member::{Manner, Member, Role};
use super::{Event, EventKind, Poller, Report, Round, State};
use crate::address::{self, NameText};
use crate::error::{Error, Result};
use crate::handles;
use crate::kind::Kind;
use crate::socket::Socket;
use crate::sys::SocketName;
use crate::wait;

/// How many connections, and how many datagrams, of one socket a round brings at most.
const MOST_CONNECTIONS: usize = 16;
const MOST_DATAGRAMS: usize = 32;

/// How long a server is left alone for which there is no descriptor.
pub(super) const STARVED_PAUSE: Duration = Duration::from_millis(20);

/// A message that was received and did not fit: it comes first in the next round.
pub(super) struct Held {
    socket: i64,
    /// Of the message, which is in the spill.
    size: usize,
    address: NameText,
}

impl Poller {
    pub(super) fn accept(
        &self,
        state: &mut State,
        server: &Socket,
        handle: i64,
        round: &mut Round<'_, impl Report>,
    ) -> bool {
        for attempt in 0..MOST_CONNECTIONS {
            if !round.has_room() {
                break;
            }
            let prepare = |client| {
                state.members.make_room(client)?;
                Ok(state.closing.try_reserve(1)?)
            };
            let result = match handles::accept_once(server, prepare) {
                Ok(None) => continue,
                Ok(Some(client)) => self.welcome(state, handle, client, round),
                Err(error) => Err(error),
            };
            match result {
                Ok(()) => {}
                Err(Error::WOULD_BLOCK) => {
                    // Readable for ever, and nothing to accept: somebody who shares this
                    // server shut it down.
                    if attempt == 0 && wait::is_shut(server.fd()) == Ok(true) {
                        self.fail(state, server, handle, Error::INVALID, round);
                    }
                    break;
                }
                // It is ready still.
                Err(Error::INTERRUPTED) => break,
                Err(error) if is_scarcity(error) => {
                    self.starve(state, server, handle, error, round);
                    break;
                }
                Err(error) => {
                    self.fail(state, server, handle, error, round);
                    break;
                }
            }
        }
        true
    }

    /// A new connection becomes a member.
    fn welcome(
        &self,
        state: &mut State,
        server: i64,
        client: i64,
        round: &mut Round<'_, impl Report>,
    ) -> Result<()> {
        let Some(member) = state.members.get_mut(server) else {
            return Ok(());
        };
        member.is_refusing = false;
        let (token, is_duplex) = (member.token, member.manner.is_duplex);
        let manner = Manner { is_duplex, ..Manner::default() };
        let result = handles::get(client).and_then(|socket| {
            socket.begin_watching(self.handle, false)?;
            let member = Member { token, manner, ..Member::new(client, Role::Connection) };
            self.watch(state, member, &socket)
        });
        match result {
            Ok(()) => round.report(Event::new(EventKind::Accepted, client, token)),
            Err(_) => state.closing.push(client),
        }
        result
    }

    /// Told once, and then tried again and again.
    fn starve(
        &self,
        state: &mut State,
        server: &Socket,
        handle: i64,
        error: Error,
        round: &mut Round<'_, impl Report>,
    ) {
        let Some(member) = state.members.get_mut(handle) else {
            return;
        };
        if !member.is_refusing && round.has_room() {
            member.is_refusing = true;
            let event = Event::new(EventKind::Failed, handle, member.token);
            round.report(Event { error: Some(error), ..event });
        }
        member.at_rest = true;
        let _ = self.follow(member, server.fd());
        self.pause(state, handle, STARVED_PAUSE);
    }

    /// Receives from a socket that is ready. Whether there was room to.
    pub(super) fn receive(
        &self,
        state: &mut State,
        socket: &Socket,
        handle: i64,
        shut: bool,
        round: &mut Round<'_, impl Report>,
    ) -> bool {
        let most = if socket.kind() == Kind::Datagram { MOST_DATAGRAMS } else { 1 };
        for received in 0..most {
            if !round.has_room() || round.rest().size() == 0 || state.held.is_some() {
                // Who has had something has had its turn.
                return received > 0;
            }
            let result = match socket.kind() {
                Kind::Stream => self.receive_bytes(state, socket, handle, round),
                _ => self.receive_message(state, socket, handle, shut, round),
            };
            match result {
                Ok(()) => {}
                Err(Error::WOULD_BLOCK) => {
                    self.fail_if_lost(state, socket, handle, received, round);
                    break;
                }
                // It is ready still.
                Err(Error::INTERRUPTED) => break,
                // It is told in the next round, as it lasts.
                Err(Error::End) if received > 0 => break,
                Err(Error::End) => {
                    self.end(state, socket, handle, round);
                    break;
                }
                Err(error) => {
                    self.fail(state, socket, handle, error, round);
                    break;
                }
            }
        }
        // Who is lost stays in line until that has been told.
        !state.members.get_mut(handle).is_some_and(|member| member.is_lost)
    }

    fn receive_bytes(
        &self,
        state: &mut State,
        socket: &Socket,
        handle: i64,
        round: &mut Round<'_, impl Report>,
    ) -> Result<()> {
        let room = round.rest().first(self.limits.receive);
        let size = socket.receive_now(&[room], None, false)?;
        let token = state.members.get_mut(handle).map_or(0, |member| member.token);
        let data = round.take(size);
        round.report(Event { data, ..Event::new(EventKind::Received, handle, token) });
        Ok(())
    }

    fn receive_message(
        &self,
        state: &mut State,
        socket: &Socket,
        handle: i64,
        shut: bool,
        round: &mut Round<'_, impl Report>,
    ) -> Result<()> {
        let room = round.rest();
        let mut from = SocketName::EMPTY;
        let wanted = (socket.kind() == Kind::Datagram).then_some(&mut from);
        let size = socket.receive_now(&[room, state.spill.buffer()?], wanted, shut)?;
        let address = address::text_of(&from);
        let text = if address.is_empty() { 0 } else { address.count_bytes() + 1 };
        if size + text > room.size() && !round.is_untouched() {
            state.spill.put_before(room.first(size), size.saturating_sub(room.size()));
            state.held = Some(Held { socket: handle, size, address });
            return Ok(());
        }
        self.deliver(state, handle, size, &address, round);
        Ok(())
    }

    /// Of a message as much as fits is at the beginning of what is free of the arena.
    fn deliver(
        &self,
        state: &mut State,
        handle: i64,
        size: usize,
        address: &CStr,
        round: &mut Round<'_, impl Report>,
    ) {
        let token = state.members.get_mut(handle).map_or(0, |member| member.token);
        let mut event = Event::new(EventKind::Received, handle, token);
        let fits = size.min(round.rest().size());
        event.data = round.take(fits);
        if !address.is_empty() && address.count_bytes() < round.rest().size() {
            event.address = round.take_text(address.to_bytes());
        } else if !address.is_empty() {
            event.error = Some(Error::OUT_OF_RANGE);
        }
        if fits < size {
            event.error = Some(Error::MESSAGE_SIZE);
        }
        round.report(event);
    }

    pub(super) fn deliver_held(
        &self,
        state: &mut State,
        held: Held,
        round: &mut Round<'_, impl Report>,
    ) {
        let Held { socket, size, ref address } = held;
        let Some(member) = state.members.get_mut(socket) else {
            return;
        };
        if member.tells_readiness(round.has_arena()) {
            round.report(Event::new(EventKind::Ready, socket, member.token));
            state.held = Some(held);
            return;
        }
        round.rest().write(state.spill.written(size));
        self.deliver(state, socket, size, address, round);
    }

    /// That answers were lost is told once what the peer had sent has been.
    fn fail_if_lost(
        &self,
        state: &mut State,
        socket: &Socket,
        handle: i64,
        received: usize,
        round: &mut Round<'_, impl Report>,
    ) {
        if received == 0 && state.members.get_mut(handle).is_some_and(|member| member.is_lost) {
            self.fail(state, socket, handle, Error::BROKEN_PIPE, round);
        }
    }

    /// The peer sends no more. It may still be answered.
    fn end(
        &self,
        state: &mut State,
        socket: &Socket,
        handle: i64,
        round: &mut Round<'_, impl Report>,
    ) {
        let Some(member) = state.members.get_mut(handle) else {
            return;
        };
        if member.is_lost {
            return self.fail(state, socket, handle, Error::BROKEN_PIPE, round);
        }
        member.at_rest = true;
        let _ = self.follow(member, socket.fd());
        round.report(Event::new(EventKind::Ended, handle, member.token));
    }

    /// The program is told, and it leaves the poller.
    pub(super) fn fail(
        &self,
        state: &mut State,
        socket: &Socket,
        handle: i64,
        error: Error,
        round: &mut Round<'_, impl Report>,
    ) {
        let Some(member) = state.members.get_mut(handle) else {
            return;
        };
        let event = Event::new(EventKind::Failed, handle, member.token);
        round.report(Event { error: Some(error), ..event });
        self.leave(state, handle, socket);
    }
}

/// There is not enough of something at present.
fn is_scarcity(error: Error) -> bool {
    matches!(
        error,
        Error::TOO_MANY_HANDLES
            | Error::TOO_MANY_FILES
            | Error::NO_MEMORY
            | Error::NO_BUFFERS
            | Error::NO_SPACE
    )
}
