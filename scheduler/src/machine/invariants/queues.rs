//! Queues: what is next in each lane, what is parked, and who pays.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, ensure};
use crate::machine::{
    Scheduler,
    accounts::AccountId,
    class::KINDS,
    lane::{Lane, Standing},
    slab::{ClassIndex, EnvironmentIndex},
    task::State,
};

impl Scheduler {
    /// I14: a lane lists the heads of the queues that may go on, counts what is queued, has its accounts in order, and
    /// remembers of what waited nothing once all has gone.
    pub(super) fn i14_lanes_know_what_is_next(&self) -> Check {
        for (environment, build) in self.classes.environments.iter() {
            for kind in KINDS {
                let lane = &build.lanes[kind as usize];
                let mut expected = Lane::default();
                let classes = self.classes.slab.iter();
                for (index, class) in classes.filter(|(_, c)| c.environment == environment && c.demand.kind == kind) {
                    let queued = class.queue.iter().filter(|&t| matches!(self.tasks[t].state, State::Queued)).count();
                    expected.queued += queued as u32;
                    let nobody = self.classes.eligible(index).is_empty();
                    ensure!((class.standing == Standing::Stranded) == nobody, "{index:?} is {:?}", class.standing);
                    ensure!(class.queue.is_in_order(|t| self.as_ready(t)), "the queue of {index:?} is out of order");
                    for (account, priority) in class.queue.heads().filter(|_| class.standing == Standing::Listed) {
                        expected.list(account, priority, index);
                    }
                }
                ensure!(lane.heads == expected.heads, "{:?}, not {:?}", lane.heads, expected.heads);
                ensure!(lane.queued == expected.queued, "{} are queued, not {}", expected.queued, lane.queued);
                ensure!(
                    lane.queued > 0 || lane.looked_at.is_none(),
                    "nothing waits: {:?} is of the past",
                    lane.looked_at
                );
                let busy = self.classes.busy.contains(&(environment, kind));
                ensure!(busy == (lane.queued > 0), "{environment:?} is busy: {busy}");
                let accounts = lane.heads.keys().map(|&account| (self.accounts.given_ns(account), account));
                let order: BTreeSet<_> = accounts.filter(|_| lane.heads.len() > 1).collect();
                ensure!(lane.order == order, "{:?}, not {order:?}", lane.order);
            }
        }
        Ok(())
    }

    /// I14: a parked class has queued tasks, and stands with all and only the workers that may run it, or among those that
    /// many may run.
    pub(super) fn i14_parked_classes_are_found_again(&self) -> Check {
        let mut narrow = BTreeSet::new();
        let mut wide: BTreeMap<(EnvironmentIndex, usize), BTreeSet<ClassIndex>> = BTreeMap::new();
        for (index, class) in self.classes.slab.iter() {
            let Standing::Parked { urgency, wide: is_wide } = class.standing else { continue };
            ensure!(!class.queue.is_empty(), "{index:?} is parked without tasks");
            if is_wide {
                wide.entry((class.environment, class.demand.kind as usize)).or_default().insert(index);
            } else {
                narrow.extend(self.classes.eligible(index).iter().map(|&w| (w, urgency, index)));
            }
        }
        let listed = self.workers.slab.iter().flat_map(|(w, worker)| worker.parked.iter().map(move |p| (w, p.0, p.1)));
        let listed: BTreeSet<_> = listed.collect();
        ensure!(listed == narrow, "workers list {listed:?}, not {narrow:?}");
        for (environment, build) in self.classes.environments.iter() {
            for (kind, lane) in build.lanes.iter().enumerate() {
                let expected = wide.remove(&(environment, kind)).unwrap_or_default();
                let listed: BTreeSet<_> = lane.wide.iter().map(|(_, class)| *class).collect();
                ensure!(listed == expected, "a lane has parked {listed:?}, not {expected:?}");
                let demands = listed.iter().filter(|&&class| !self.classes.slab[class].demand.resources.is_empty());
                ensure!(lane.counts_demands(demands.count()), "a lane has miscounted what {listed:?} ask for");
            }
        }
        Ok(())
    }

    /// I24: an account is kept while its client is there or an unfinished task is charged to it, and no longer.
    pub(super) fn i24_accounts_are_somebodys(&self) -> Check {
        let mut tasks: BTreeMap<AccountId, u32> = BTreeMap::new();
        for (t, task) in self.tasks().filter(|(_, task)| task.state.is_unfinished()) {
            let account = self.accounts.get(task.account).ok_or(format!("nobody pays for {}", self.name(t)))?;
            let environment = self.classes.slab[task.class].environment;
            ensure!(account.environment == environment, "{} is charged to another build", self.name(t));
            *tasks.entry(task.account).or_default() += 1;
        }
        let owned: BTreeSet<_> = self.clients.slab.iter().map(|(_, client)| client.account).collect();
        for (id, account) in self.accounts.iter() {
            let expected = tasks.get(&id).copied().unwrap_or(0);
            ensure!(account.tasks == expected, "{id:?} counts {}, not {expected}", account.tasks);
            ensure!(account.owned == owned.contains(&id), "{id:?} is owned: {}", account.owned);
            ensure!(account.owned || account.tasks > 0, "{id:?} is kept for nobody");
        }
        let orphans = self.classes.environments.iter().filter_map(|(_, build)| build.orphans);
        ensure!(orphans.into_iter().all(|id| self.accounts.get(id).is_some()), "a build's orphans have no account");
        ensure!(owned.iter().all(|id| self.accounts.get(*id).is_some()), "a client has no account");
        Ok(())
    }
}
