//! Who may connect: the users and groups that a server lets in, and how many connections of one
//! user. No lock is needed: rules are only ever added, and so are the users whose connections are
//! counted.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use crate::chain::{self, Chain};
use crate::error::{Error, Result};
use crate::log::Refused;
use crate::sys::{self, Missing, Shared, Spare};
use crate::user_namespace::{known_group, known_user};

/// A server's rules for its clients. Without rules everyone is let in.
#[derive(Default)]
pub(crate) struct Access {
    users: Chain<u32>,
    groups: Chain<u32>,
    most_per_user: AtomicU32,
    /// The users' connections, in lists by the last bits of the user's number, so that each list is
    /// short.
    connections: [Chain<Connections>; LISTS],
    refused: AtomicI64,
    /// Room for a client's groups, while nobody uses it.
    spare: Spare<Box<Groups>>,
}

const LISTS: usize = 32;

/// How many connections of one user are open.
struct Connections {
    user: u32,
    open: AtomicU32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    User(u32),
    Group(u32),
}

/// The memory that it takes to let a client in. It is allocated before the client is accepted, so
/// that none is lost for want of memory.
pub(crate) struct Room<'a> {
    access: &'a Access,
    /// `None`: it has been used.
    connections: Option<chain::Room<Connections>>,
    admission: Option<sys::Room<Admission>>,
    /// For the groups of a client, if a rule names groups. It goes back to the server, for the next
    /// client.
    groups: Option<Box<Groups>>,
}

/// The groups of a client, with room for as many as it can be in.
struct Groups(Vec<u32>);

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if let Some(groups) = self.groups.take() {
            self.access.spare.put_back(groups);
        }
    }
}

/// Counts a connection among those of its user, until this is dropped.
pub(crate) struct Admission {
    access: Shared<Access>,
    user: u32,
}

impl Access {
    /// Adds a rule. From the first rule on, only clients that a rule names are let in.
    pub(crate) fn allow(&self, rule: Rule) -> Result<()> {
        let (list, id) = match rule {
            Rule::User(id) => (&self.users, id),
            Rule::Group(id) => (&self.groups, id),
        };
        if id == u32::MAX {
            return Err(Error::EINVAL);
        }
        list.find_or_push(|there| *there == id, Chain::room()?, id);
        Ok(())
    }

    /// 0: no limit.
    pub(crate) fn set_most_per_user(&self, most: u32) {
        self.most_per_user.store(most, Ordering::Relaxed);
    }

    pub(crate) fn most_per_user(&self) -> u32 {
        self.most_per_user.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> i64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn reserve(&self) -> Result<Room<'_>> {
        let mut room = Room { access: self, connections: None, admission: None, groups: None };
        if !self.groups.is_empty() {
            room.groups = Some(self.spare.take().map_or_else(Self::room_for_groups, Ok)?);
        }
        room.connections = Some(Chain::room()?);
        room.admission = Some(sys::room_for()?);
        Ok(room)
    }

    fn room_for_groups() -> Result<Box<Groups>> {
        let mut groups = Vec::new();
        // (Memory that is never written takes no pages.)
        groups.try_reserve_exact(sys::MOST_GROUPS)?;
        sys::boxed(Groups(groups))
    }

    /// Whether there are any rules.
    fn asks(&self) -> bool {
        self.has_list() || self.most_per_user() > 0
    }

    fn has_list(&self) -> bool {
        !self.users.is_empty() || !self.groups.is_empty()
    }

    /// Lets a client in, if the rules do. Returns the user whose connection it is now.
    fn let_in(&self, client: BorrowedFd<'_>, room: &mut Room<'_>) -> Result<u32, Refused> {
        let who = sys::peer_credentials(client).map_err(unknown)?;
        if who.uid == u32::MAX {
            return Err(unknown(Error::ENODATA));
        }
        let known = known_user(who.uid);
        let pid = u32::try_from(who.pid).ok().filter(|pid| *pid > 0);
        let refused = |error| Refused { pid, uid: known, error };
        let is_listed = || known.is_some_and(|user| self.users.iter().any(|there| *there == user));
        if self.has_list() && !is_listed() && !self.names_group(client, who.gid, room) {
            return Err(refused(Error::EACCES));
        }
        // All users that have no number in this user namespace are counted as one.
        let user = known.unwrap_or(u32::MAX);
        let new = Connections { user, open: AtomicU32::new(0) };
        let is_theirs = |there: &Connections| there.user == user;
        let new_room = room.connections.take().ok_or_else(|| refused(Error::ENOMEM))?;
        let theirs = self.list_of(user).find_or_push(is_theirs, new_room, new);
        let most = match self.most_per_user() {
            0 => u32::MAX,
            most => most,
        };
        let one_more = |open| (open < most).then(|| open + 1);
        let counted = theirs.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        counted.map(|_| user).map_err(|_| refused(Error::EUSERS))
    }

    /// Whether a rule names the client's group, or one of its supplementary groups.
    fn names_group(&self, client: BorrowedFd<'_>, primary: u32, room: &mut Room<'_>) -> bool {
        if self.groups.is_empty() {
            return false;
        }
        // There is room, unless the first rule for a group was added just now.
        if room.groups.is_none() {
            room.groups = Self::room_for_groups().ok();
        }
        let Some(Groups(groups)) = room.groups.as_deref_mut() else {
            return false;
        };
        // An old kernel does not report them; the primary group counts all the same.
        if sys::peer_groups(client, groups).is_err() {
            sys::note_missing(Missing::PeerGroups);
            groups.clear();
        }
        let mut groups = groups.iter().copied().chain([primary]).filter_map(known_group);
        groups.any(|group| self.groups.iter().any(|listed| *listed == group))
    }

    fn list_of(&self, user: u32) -> &Chain<Connections> {
        &self.connections[user as usize % LISTS]
    }
}

impl Shared<Access> {
    /// `None`: there are no rules. A refused client is counted, and so is one of which nothing can
    /// be found out.
    pub(crate) fn admit(
        &self,
        client: BorrowedFd<'_>,
        room: Option<Room<'_>>,
    ) -> Result<Option<Box<Admission>>, Refused> {
        if !self.asks() {
            return Ok(None);
        }
        // There is room, unless the first rule was added just now.
        let room = room.map_or_else(|| self.reserve().map_err(unknown), Ok);
        let admission = room.and_then(|mut room| {
            let admission = room.admission.take().ok_or_else(|| unknown(Error::ENOMEM))?;
            let user = self.let_in(client, &mut room)?;
            Ok(admission.fill(Admission { access: self.clone(), user }))
        });
        admission.map(Some).inspect_err(|_| self.count_refused())
    }
}

fn unknown(error: Error) -> Refused {
    Refused { pid: None, uid: None, error }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let list = self.access.list_of(self.user);
        if let Some(theirs) = list.iter().find(|there| there.user == self.user) {
            theirs.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
