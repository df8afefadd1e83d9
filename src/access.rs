//! Who may come in: the users and groups that a server lets in, and how many connections
//! of one user.

use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::peer;
use crate::sys;

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
    open: Open,
}

/// How many connections of each user are open. Those who have none are not in it.
type Open = Arc<Mutex<HashMap<u32, u32>>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    User(u32),
    Group(u32),
}

/// A connection's place among those of its user, until it is dropped.
pub(crate) struct Place {
    open: Open,
    user: u32,
}

impl Access {
    /// From the first rule on only those are let in whom a rule names.
    pub(crate) fn allow(&self, rule: Rule) -> Result<()> {
        let (Rule::User(id) | Rule::Group(id)) = rule;
        if id == u32::MAX {
            return Err(Error::INVALID);
        }
        let mut rules = lock(&self.rules);
        let list = match rule {
            Rule::User(_) => &mut rules.users,
            Rule::Group(_) => &mut rules.groups,
        };
        list.try_reserve(1).map_err(|_| Error::NO_MEMORY)?;
        list.push(id);
        Ok(())
    }

    /// 0: as many as they like.
    pub(crate) fn set_most_per_user(&self, most: u32) {
        lock(&self.rules).most_per_user = most;
    }

    pub(crate) fn most_per_user(&self) -> u32 {
        lock(&self.rules).most_per_user
    }

    pub(crate) fn refused(&self) -> i64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether anything at all is asked.
    pub(crate) fn asks(&self) -> bool {
        let rules = lock(&self.rules);
        rules.has_list() || rules.most_per_user > 0
    }

    /// `None`: refused, and counted. Who can't be known is not let in.
    pub(crate) fn admit(&self, client: BorrowedFd<'_>) -> Option<Place> {
        let place = self.place_for(client);
        if place.is_none() {
            self.count_refused();
        }
        place
    }

    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn place_for(&self, client: BorrowedFd<'_>) -> Option<Place> {
        let who = sys::peer_credentials(client).ok()?;
        let user = peer::known_user(who.uid)?;
        // An old kernel does not tell them; the primary one counts all the same.
        let mut groups = sys::peer_groups(client).unwrap_or_default();
        groups.push(who.gid);
        groups.retain(|&group| peer::known_group(group).is_some());
        lock(&self.rules).admit(user, &groups)
    }
}

impl Rules {
    fn has_list(&self) -> bool {
        !self.users.is_empty() || !self.groups.is_empty()
    }

    fn admit(&self, user: u32, groups: &[u32]) -> Option<Place> {
        let is_member = |group| groups.contains(group);
        if self.has_list() && !self.users.contains(&user) && !self.groups.iter().any(is_member) {
            return None;
        }
        let mut open = lock(&self.open);
        let count = open.get(&user).copied().unwrap_or(0);
        if self.most_per_user > 0 && count >= self.most_per_user {
            return None;
        }
        open.try_reserve(1).ok()?;
        open.insert(user, count + 1);
        Some(Place { open: self.open.clone(), user })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        if let Some(count) = open.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
