//! How a socket becomes a member of a poller, and how it leaves.

use std::os::fd::BorrowedFd;

use super::Poller;
use super::locked::{Locked, note_unsent};
use super::member::{Manner, Member, Role};
use crate::error::{Error, Result};
use crate::handles;
use crate::socket::Socket;
use crate::sys;

impl Poller {
    /// Adds a socket, or gives another token or manner to one that is a member already.
    pub(crate) fn add(&self, socket: i64, token: u64, manner: Manner) -> Result<()> {
        let found = handles::get(socket)?;
        let role = Role::of(&found)?;
        if role == Role::Server {
            found.never_block()?;
        }
        let mut locked = self.lock()?;
        locked.unserved.try_reserve(1)?;
        if role == Role::Server && !locked.servers.contains(&socket) {
            locked.servers.try_reserve(1)?;
            locked.servers.push(socket);
        }
        let mut member = match locked.members.remove(socket) {
            Some(member) if member.role == role => member,
            Some(member) => {
                let Locked { notes, counts, .. } = &mut *locked;
                note_unsent(&member, notes, counts);
                self.unwatch(&member, &found);
                Member::new(socket, role)
            }
            None => {
                found.begin_watching(self.handle, role == Role::Server)?;
                Member::new(socket, role)
            }
        };
        (member.token, member.manner) = (token, manner);
        let is_due_to_fail = member.is_due_to_fail();
        self.watch(&mut locked, member, &found)?;
        if is_due_to_fail {
            // It may have lost its place in line while it was paused.
            locked.unserved.push((socket, 0));
        }
        self.unlock(locked);
        Ok(())
    }

    /// Inserts the member, and has epoll watch it. If that fails, nothing watches it.
    pub(super) fn watch(&self, locked: &mut Locked, member: Member, socket: &Socket) -> Result<()> {
        let handle = member.socket;
        let is_server = member.role == Role::Server;
        let result = locked.members.insert(member).and_then(|member| {
            if is_server {
                self.watch_path(handle, socket)?;
            }
            self.follow(member, socket.fd())
        });
        result.inspect_err(|_| {
            locked.members.remove(handle);
            socket.stop_watching(self.handle);
        })
    }

    pub(crate) fn remove(&self, socket: i64) -> Result<()> {
        let found = handles::get(socket)?;
        let mut locked = self.lock()?;
        let was_member = self.leave(&mut locked, socket, &found);
        self.unlock(locked);
        was_member.ok_or(Error::ENOENT)
    }

    /// `None`: it was not a member.
    pub(super) fn leave(&self, locked: &mut Locked, handle: i64, socket: &Socket) -> Option<()> {
        let member = locked.members.remove(handle)?;
        note_unsent(&member, &mut locked.notes, &mut locked.counts);
        socket.set_kept(0);
        self.unwatch(&member, socket);
        socket.stop_watching(self.handle);
        Some(())
    }

    pub(super) fn unwatch(&self, member: &Member, socket: &Socket) {
        if member.watched != 0 {
            let _ = sys::unwatch(self.epoll(), socket.fd());
        }
        if member.role == Role::Server {
            self.unwatch_path(socket);
        }
    }

    /// Asks epoll for the events that the member needs now.
    pub(super) fn follow(&self, member: &mut Member, fd: BorrowedFd<'_>) -> Result<()> {
        let wanted = member.interest();
        let events = member.events(wanted);
        let number = member.socket as u64;
        match member.watched {
            watched if watched == wanted => return Ok(()),
            0 => sys::watch(self.epoll(), fd, events, number)?,
            _ if wanted == 0 => sys::unwatch(self.epoll(), fd)?,
            _ => sys::watch_for(self.epoll(), fd, events, number)?,
        }
        member.watched = wanted;
        Ok(())
    }
}
