//! The queue of one class, and the lane of queues that stand beside each other: data, and what keeps it in order.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map},
    sync::Arc,
};

use brisk_core::{message::Priority, options::Quantity};
use serde::{Deserialize, Serialize};

use super::{
    accounts::AccountId,
    class::Demand,
    heads::Heads,
    slab::{ClassIndex, TaskIndex, WorkerIndex},
    stretches::Asked,
    window::{Change, Ready, ReadyTasks},
};

/// The queued tasks of one class.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Queue {
    /// None is empty. Priorities are unique.
    by_account: BTreeMap<AccountId, ReadyTasks>,
}

/// The queues of the classes of one build that take the same thing.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Lane {
    /// How many tasks are queued in all of its classes.
    pub(super) queued: u32,
    /// How many there were when it was last looked whether [chains](super::abreast) can wait, if it was since there were none.
    pub(super) looked_at: Option<u32>,
    /// For each account the first of its tasks in each class that is listed, if there are any.
    pub(super) heads: BTreeMap<AccountId, Heads>,
    /// The accounts that have heads, the one that was given least first. Only kept if there are several.
    pub(super) order: BTreeSet<(u64, AccountId)>,
    /// Parked classes that many workers may run.
    pub(super) wide: BTreeSet<(Urgency, ClassIndex)>,
    /// How much of its first resource each of those asks for, with how many do.
    least: BTreeMap<Arc<str>, BTreeMap<Quantity, u32>>,
    /// How many of those classes ask for a resource at all.
    demanding: usize,
}

/// What parked classes are ordered by: what the account of the first task was given, and its priority.
pub(super) type Urgency = (u64, Priority);

/// Where a class stands in its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Standing {
    /// Its heads are among the lane's.
    Listed,
    /// No worker had room for its first task; `wide` if its workers are too many to list it with each.
    Parked { urgency: Urgency, wide: bool },
    /// No worker may run it.
    Stranded,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.by_account.is_empty()
    }

    /// All tasks, by account and priority.
    pub(super) fn iter(&self) -> impl Iterator<Item = TaskIndex> {
        self.by_account.values().flat_map(ReadyTasks::iter)
    }

    pub(super) fn contains(&self, account: AccountId, priority: Priority, t: TaskIndex) -> bool {
        self.by_account.get(&account).is_some_and(|tasks| tasks.contains(priority, t))
    }

    pub(super) fn first(&self, account: AccountId) -> Option<(Priority, TaskIndex)> {
        self.by_account.get(&account)?.first()
    }

    /// The task of an account that holds up the least; see [`ReadyTasks::least_critical`].
    pub(super) fn least_critical(&self, account: AccountId) -> Option<TaskIndex> {
        self.by_account.get(&account)?.least_critical()
    }

    /// The root that a worker gets; see [`ReadyTasks::root_for`].
    pub(super) fn root_for(
        &mut self,
        account: AccountId,
        asked: Asked,
        threads: impl Fn(WorkerIndex) -> usize,
    ) -> Option<TaskIndex> {
        self.by_account.get_mut(&account)?.root_for(asked, threads)
    }

    /// Adds a task; see [`ReadyTasks`] for `threads`. Which task of the account was the first before, and is now.
    pub(super) fn insert(&mut self, account: AccountId, priority: Priority, task: Ready, threads: usize) -> Change {
        self.by_account.entry(account).or_default().insert(priority, task, threads)
    }

    /// Takes a task out. Which task of the account was the first before, and is now.
    pub(super) fn remove(&mut self, account: AccountId, priority: Priority, threads: usize) -> Change {
        let Some(tasks) = self.by_account.get_mut(&account) else { return (None, None) };
        let change = tasks.remove(priority, threads);
        if change.1.is_none() {
            self.by_account.remove(&account);
        }
        change
    }

    /// The tasks of an account, the next first.
    pub(super) fn next(&self, account: AccountId) -> impl Iterator<Item = TaskIndex> {
        self.by_account.get(&account).into_iter().flat_map(ReadyTasks::next)
    }

    /// The tasks of an account that have inputs: those of the window first, each part by priority.
    pub(super) fn with_inputs(&self, account: AccountId) -> impl Iterator<Item = TaskIndex> {
        self.by_account.get(&account).into_iter().flat_map(ReadyTasks::with_inputs)
    }

    pub(super) fn heads(&self) -> impl Iterator<Item = (AccountId, Priority)> {
        self.by_account.iter().filter_map(|(&account, tasks)| Some((account, tasks.first()?.0)))
    }

    /// Whether all tasks are in the right order and place, given what they are.
    pub(super) fn is_in_order(&self, is: impl Fn(TaskIndex) -> Ready) -> bool {
        self.by_account.values().all(|tasks| !tasks.is_empty() && tasks.is_in_order(&is))
    }
}

impl Lane {
    /// Whether nothing waits in it, so that nothing can be overtaken.
    pub(super) fn is_empty(&self) -> bool {
        self.queued == 0
    }

    /// The account that is served next.
    pub(super) fn first_account(&self) -> Option<AccountId> {
        match self.order.first() {
            Some((_, account)) => Some(*account),
            None => self.heads.first_key_value().map(|(account, _)| *account),
        }
    }

    /// The accounts that have heads, the one that is served next first.
    pub(super) fn accounts(&self) -> impl Iterator<Item = AccountId> {
        let ordered = self.order.iter().map(|(_, account)| *account);
        ordered.chain(self.heads.keys().copied().filter(|_| self.order.is_empty()))
    }

    /// An account was given more, or less after all.
    pub(super) fn reorder(&mut self, account: AccountId, before: u64, after: u64) {
        if !self.order.is_empty() && self.order.remove(&(before, account)) {
            self.order.insert((after, account));
        }
    }

    pub(super) fn first(&self) -> Option<(AccountId, ClassIndex)> {
        let account = self.first_account()?;
        let (_, class) = self.heads.get(&account)?.first()?;
        Some((account, class))
    }

    /// Lists a head. Whether it is the account's first, in which case the account must be put in order.
    pub(super) fn list(&mut self, account: AccountId, priority: Priority, class: ClassIndex) -> bool {
        match self.heads.entry(account) {
            btree_map::Entry::Vacant(none) => {
                none.insert(Heads::One((priority, class)));
                true
            }
            btree_map::Entry::Occupied(mut heads) => {
                heads.get_mut().insert((priority, class));
                false
            }
        }
    }

    /// Another task of a class is an account's first in it now. The account keeps its place.
    pub(super) fn relist(&mut self, account: AccountId, from: Priority, to: Priority, class: ClassIndex) {
        if let Some(heads) = self.heads.get_mut(&account) {
            heads.replace((from, class), (to, class));
        }
    }

    pub(super) fn unlist(&mut self, account: AccountId, priority: Priority, class: ClassIndex, given_ns: u64) {
        let Some(heads) = self.heads.get_mut(&account) else { return };
        if heads.remove((priority, class)) {
            self.heads.remove(&account);
            self.order.remove(&(given_ns, account));
            if self.heads.len() <= 1 {
                self.order.clear();
            }
        }
    }

    pub(super) fn park(&mut self, urgency: Urgency, class: ClassIndex, demand: &Demand) {
        self.wide.insert((urgency, class));
        if let Some((name, amount)) = demand.resources.first() {
            *self.least.entry(name.clone()).or_default().entry(*amount).or_default() += 1;
            self.demanding += 1;
        }
    }

    pub(super) fn unpark(&mut self, urgency: Urgency, class: ClassIndex, demand: &Demand) {
        self.wide.remove(&(urgency, class));
        let Some((name, amount)) = demand.resources.first() else { return };
        self.demanding -= 1;
        let Some(amounts) = self.least.get_mut(name) else { return };
        if let Some(count) = amounts.get_mut(amount) {
            *count -= 1;
            if *count == 0 {
                amounts.remove(amount);
            }
        }
        if amounts.is_empty() {
            self.least.remove(name);
        }
    }

    /// Whether the counts of what parked classes ask for are those of `demanding` classes.
    pub(super) fn counts_demands(&self, demanding: usize) -> bool {
        let counted: u32 = self.least.values().flat_map(BTreeMap::values).sum();
        self.demanding == demanding && counted as usize == demanding
    }

    /// Whether what a worker has left may be enough for some parked class that many may run.
    pub(super) fn may_wake(&self, available: &[(Arc<str>, Quantity)]) -> bool {
        let fits = |(name, amounts): (&Arc<str>, &BTreeMap<Quantity, u32>)| {
            let least = amounts.first_key_value().map(|(least, _)| *least);
            least.is_some_and(|least| available.iter().any(|(n, left)| n == name && *left >= least))
        };
        self.least.iter().any(fits) || self.wide.len() > self.demanding
    }
}
