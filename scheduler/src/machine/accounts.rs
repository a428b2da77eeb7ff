//! Fair share between clients: whoever has been given least is served next.
//!
//! Each client has an account of the time that its tasks were given on workers, in nanoseconds: the estimate when a task is
//! assigned, put right when it ends. Where there is room for one of many tasks, it goes to the client whose account is
//! lowest, and within a client by priority: what one calls urgent is no concern of the others. A client that had nothing to
//! do for a while does not come back with credit: its account is raised to where the build's clock is, which is the account
//! of whoever was served last. That is start-time fair queueing (Goyal, Vin and Cheng, 1996), with equal weights.
//!
//! A task is charged to who first needed it: to a client that wants it, else to whoever pays for a task that depends on it.
//! What was submitted from within a task is charged to whom that task is charged to, as long as they are there.
//! So a value that was lost is computed again at the expense of those who still want it. An account lives as long as its
//! client, and longer only while tasks charged to it are unfinished: detached ones, and those that others share.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Scheduler,
    class::Kind,
    functions::nanos,
    nested::is_nested,
    slab::{EnvironmentIndex, TaskIndex},
};

/// One account. Never used again, so that a task may name one that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct AccountId(u32);

/// All accounts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Accounts {
    /// By number. New ones have the highest, so they come last, and of the few there are one is found sooner than in a tree.
    list: Vec<(AccountId, Account)>,
    next: u32,
}

/// What one client was given so far.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) environment: EnvironmentIndex,
    /// Whether its client is still there.
    pub(super) owned: bool,
    /// How many unfinished tasks are charged to it.
    pub(super) tasks: u32,
    pub(super) given_ns: u64,
}

/// The least that a task is charged: what handing it out costs, so that nobody's tasks are for nothing.
const LEAST_NS: u64 = 1_000;

/// How many calls that hold no thread count as much as one that does.
const ASYNC_SHARE: u64 = 1_024;

impl Accounts {
    pub(super) fn open(&mut self, environment: EnvironmentIndex, owned: bool) -> AccountId {
        self.next += 1;
        let id = AccountId(self.next);
        self.list.push((id, Account { environment, owned, tasks: 0, given_ns: 0 }));
        id
    }

    pub(super) fn get(&self, id: AccountId) -> Option<&Account> {
        self.position(id).map(|position| &self.list[position].1)
    }

    pub(super) fn given_ns(&self, id: AccountId) -> u64 {
        self.get(id).map_or(0, |account| account.given_ns)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (AccountId, &Account)> {
        self.list.iter().map(|(id, account)| (*id, account))
    }

    fn get_mut(&mut self, id: AccountId) -> &mut Account {
        let position = self.position(id).expect("an account is kept while tasks are charged to it");
        &mut self.list[position].1
    }

    /// Forgets an account that nobody will use any more. Whether it has.
    fn close_if_unused(&mut self, id: AccountId) -> bool {
        let Some(position) = self.position(id) else { return false };
        let Account { owned, tasks, .. } = self.list[position].1;
        let unused = !owned && tasks == 0;
        if unused {
            self.list.remove(position);
        }
        unused
    }

    fn position(&self, id: AccountId) -> Option<usize> {
        self.list.binary_search_by_key(&id, |(other, _)| *other).ok()
    }
}

/// What a task is charged for so much time.
fn charge_ns(kind: Kind, ns: u64) -> u64 {
    match kind {
        Kind::Thread => ns,
        Kind::Async => ns / ASYNC_SHARE,
    }
    .max(LEAST_NS)
}

impl Scheduler {
    /// A client has gone. What it has begun and others need, or what is detached, goes on at its expense.
    pub(super) fn close_account(&mut self, account: AccountId) {
        self.accounts.get_mut(account).owned = false;
        self.accounts.close_if_unused(account);
    }

    /// A task is needed from now on: somebody pays for it.
    pub(super) fn begin_account(&mut self, t: TaskIndex) {
        let account = self.payer(t);
        self.tasks[t].account = account;
        self.accounts.get_mut(account).tasks += 1;
    }

    /// A task has ended, or is not needed any more.
    pub(super) fn end_account(&mut self, t: TaskIndex) {
        let id = self.tasks[t].account;
        let account = self.accounts.get_mut(id);
        account.tasks -= 1;
        if account.owned || account.tasks > 0 {
            return;
        }
        let orphans = &mut self.classes.environments[account.environment].orphans;
        if *orphans == Some(id) {
            *orphans = None;
        }
        self.accounts.close_if_unused(id);
    }

    /// Who pays for a task that is needed from now on.
    fn payer(&mut self, t: TaskIndex) -> AccountId {
        /// Dependents looked at, before it is left to who submitted the task.
        const LOOKED_AT: usize = 64;
        let task = &self.tasks[t];
        // What came from within a task is at the expense of whose that is, whoever has said so.
        if is_nested(&task.priority) && self.accounts.get(task.account).is_some() {
            return task.account;
        }
        if let Some(want) = task.wants.first() {
            return self.clients[want.client].account;
        }
        let mut dependents = task.dependents.iter().take(LOOKED_AT).map(|edge| &self.tasks[edge.task]);
        if let Some(dependent) = dependents.find(|dependent| dependent.state.is_unfinished()) {
            return dependent.account;
        }
        if self.accounts.get(task.account).is_some() {
            return task.account;
        }
        let environment = self.classes.slab[task.class].environment;
        let orphans = &mut self.classes.environments[environment].orphans;
        *orphans.get_or_insert_with(|| self.accounts.open(environment, false))
    }

    /// A task is assigned: its account is charged what it will presumably take.
    pub(super) fn charge(&mut self, id: AccountId, kind: Kind, presumed_ns: u64) {
        let Some(account) = self.accounts.get(id) else { return };
        let build = &mut self.classes.environments[account.environment];
        let start = account.given_ns.max(build.clock_ns);
        // The clock is where the lowest is of those who wait: it must not run away from them.
        let waiting = build.lanes.iter().filter_map(|lane| lane.first_account());
        let lowest = waiting.map(|waiting| self.accounts.given_ns(waiting)).min();
        build.clock_ns = build.clock_ns.max(lowest.map_or(start, |lowest| lowest.min(start)));
        self.set_given(id, start.saturating_add(charge_ns(kind, presumed_ns)));
    }

    /// A run has ended: what it took is learnt, and charged.
    pub(super) fn measure(&mut self, t: TaskIndex, took: Duration) {
        let (task, took_ns) = (&self.tasks[t], nanos(took));
        let Some(&run) = task.run() else { return };
        self.functions.measure(task.function, self.workers[run.worker].speed.step().ordinary(took_ns));
        self.correct_charge(t, run.estimate_ns(), Some(took_ns));
    }

    /// A run has ended, and has taken another time than it was charged; or none, if it never began.
    pub(super) fn correct_charge(&mut self, t: TaskIndex, presumed_ns: u64, took_ns: Option<u64>) {
        let task = &self.tasks[t];
        let (account, kind) = (task.account, self.classes.slab[task.class].demand.kind);
        let (less_ns, more_ns) = (charge_ns(kind, presumed_ns), took_ns.map_or(0, |ns| charge_ns(kind, ns)));
        // Mostly it took what it was charged, near enough.
        if less_ns != more_ns {
            let given_ns = self.accounts.given_ns(account).saturating_sub(less_ns);
            self.set_given(account, given_ns.saturating_add(more_ns));
        }
    }

    /// An account that had nothing queued has something now.
    pub(super) fn catch_up(&mut self, account: AccountId) {
        let environment = self.accounts.get_mut(account).environment;
        let clock_ns = self.classes.environments[environment].clock_ns;
        let given_ns = self.accounts.given_ns(account);
        if given_ns < clock_ns {
            self.set_given(account, clock_ns);
        }
    }

    fn set_given(&mut self, id: AccountId, given_ns: u64) {
        let account = self.accounts.get_mut(id);
        let before = std::mem::replace(&mut account.given_ns, given_ns);
        for lane in &mut self.classes.environments[account.environment].lanes {
            lane.reorder(id, before, given_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_thread_is_charged_a_small_part_and_nothing_is_for_nothing() {
        assert_eq!((charge_ns(Kind::Thread, 5_000_000), charge_ns(Kind::Thread, 7)), (5_000_000, LEAST_NS));
        assert_eq!((charge_ns(Kind::Async, 5_120_000), charge_ns(Kind::Async, 1_025)), (5_000, LEAST_NS));
    }
}
