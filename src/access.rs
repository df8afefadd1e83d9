//! Who may come in: the users and groups that a server lets in, and how many connections
//! of one user.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::sys::{self, Shared};
use crate::user_namespace::{known_group, known_user};

/// What a server asks of its clients. Without rules everyone is let in.
#[derive(Default)]
pub(crate) struct Access {
    rules: Mutex<Rules>,
    refused: AtomicI64,
}

#[derive(Default)]
struct Rules {
    users: Vec<u32>,
    groups: Vec<u32>,
    most_per_user: u32,
    /// Users, in order, and how many connections of each are open. Those who have none are
    /// not in it.
    open: Vec<(u32, u32)>,
    /// For how many more there is memory.
    reserved: usize,
    /// Room for the groups of a client.
    of_client: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    User(u32),
    Group(u32),
}

/// Memory for one more, until it is dropped.
pub(crate) struct Reserved<'a>(&'a Shared<Access>);

/// A connection's place among those of its user, until it is dropped.
pub(crate) struct Place {
    access: Shared<Access>,
    user: u32,
}

impl Access {
    /// From the first rule on only those are let in whom a rule names.
    pub(crate) fn allow(&self, rule: Rule) -> Result<()> {
        let (Rule::User(id) | Rule::Group(id)) = rule;
        if id == u32::MAX {
            return Err(Error::INVALID);
        }
        let mut rules = self.lock();
        let list = match rule {
            Rule::User(_) => &mut rules.users,
            Rule::Group(_) => {
                // (Memory that was never written takes up none.)
                rules.of_client.clear();
                rules.of_client.try_reserve_exact(sys::MOST_GROUPS)?;
                &mut rules.groups
            }
        };
        list.try_reserve(1)?;
        list.push(id);
        Ok(())
    }

    /// 0: as many as they like.
    pub(crate) fn set_most_per_user(&self, most: u32) {
        self.lock().most_per_user = most;
    }

    pub(crate) fn most_per_user(&self) -> u32 {
        self.lock().most_per_user
    }

    pub(crate) fn refused(&self) -> i64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared<Access> {
    /// The memory that it takes to let somebody in, who is then not lost for want of it.
    pub(crate) fn reserve(&self) -> Result<Reserved<'_>> {
        let mut rules = self.lock();
        let reserved = rules.reserved + 1;
        rules.open.try_reserve(reserved)?;
        rules.reserved = reserved;
        Ok(Reserved(self))
    }

    /// `None`: refused, and counted. `Some(None)`: nothing at all is asked. Who can't be known
    /// is not let in.
    pub(crate) fn admit(&self, client: BorrowedFd<'_>) -> Option<Option<Place>> {
        let mut rules = self.lock();
        if !rules.ask() {
            return Some(None);
        }
        match rules.admit(client) {
            Some(user) => Some(Some(Place { access: self.clone(), user })),
            None => {
                self.count_refused();
                None
            }
        }
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.0.lock().reserved -= 1;
    }
}

impl Rules {
    /// Whether anything at all is asked.
    fn ask(&self) -> bool {
        self.has_list() || self.most_per_user > 0
    }

    fn has_list(&self) -> bool {
        !self.users.is_empty() || !self.groups.is_empty()
    }

    /// The user whose connection it is now.
    fn admit(&mut self, client: BorrowedFd<'_>) -> Option<u32> {
        let who = sys::peer_credentials(client).ok().filter(|who| who.uid != u32::MAX)?;
        let known = known_user(who.uid);
        let is_named = known.is_some_and(|user| self.users.contains(&user));
        if self.has_list() && !is_named && !self.names_group(client, who.gid) {
            return None;
        }
        // Those whom this user namespace has no number for are as one.
        let user = known.unwrap_or(u32::MAX);
        match self.open.binary_search_by_key(&user, |(user, _)| *user) {
            Ok(at) if self.most_per_user > 0 && self.open[at].1 >= self.most_per_user => None,
            Ok(at) => {
                self.open[at].1 += 1;
                Some(user)
            }
            Err(at) => {
                // There is, unless this was the first rule, and came just now.
                self.open.try_reserve(1).ok()?;
                self.open.insert(at, (user, 1));
                Some(user)
            }
        }
    }

    /// Whether a rule names the client's group, or one of its supplementary groups.
    fn names_group(&mut self, client: BorrowedFd<'_>, primary: u32) -> bool {
        if self.groups.is_empty() {
            return false;
        }
        // An old kernel does not tell them; the primary one counts all the same.
        if sys::peer_groups(client, &mut self.of_client).is_err() {
            self.of_client.clear();
        }
        let groups = self.of_client.iter().copied().chain([primary]);
        groups.filter_map(known_group).any(|group| self.groups.contains(&group))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let open = &mut self.access.lock().open;
        if let Ok(at) = open.binary_search_by_key(&self.user, |(user, _)| *user) {
            open[at].1 -= 1;
            if open[at].1 == 0 {
                open.remove(at);
            }
        }
    }
}
