//! Copies that nobody needs any more.
//!
//! A worker that fetched an input keeps it, so that the next task there finds it. With time popular values would be
//! everywhere. So now and then the values whose copies or consumers have changed since are looked at, and of each those
//! copies are dropped that are more than what is declared, and more than there are tasks that wait for it: as many may
//! run at once, each on a worker of its own. This is Dask's `ReduceReplicas`, but it looks at what has changed instead of
//! at every task.
//!
//! Never dropped is the last copy; one on a worker where a task that needs it is assigned; and any copy while such a task
//! is assigned to a worker that may just be fetching it. The scheduler forgets a copy before it tells the worker to drop
//! it, so nothing is assigned on its account in between. Of those that may go, the copies of paused workers go first, then
//! those of the fullest.

use super::{
    Scheduler,
    slab::{TaskIndex, WorkerIndex},
    task::State,
    timers::Timer,
};

/// Dependents looked at in one go. What is left has to wait for [`PAUSE`].
const AT_ONCE: usize = 50_000;

/// Between two goes, while something is left.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

impl Scheduler {
    /// Sees to it that values with several copies get looked at.
    pub(super) fn arm_surplus(&mut self) {
        if self.surplus_at.is_none() && !self.copies.surplus.is_empty() {
            self.set_surplus(self.config.surplus_after);
        }
    }

    fn set_surplus(&mut self, after: std::time::Duration) {
        let at = self.now + after;
        self.surplus_at = Some(at);
        self.timers.insert(at, Timer::Surplus);
    }

    /// Looks at the values whose copies or consumers have changed.
    pub(super) fn drop_surplus(&mut self) {
        self.surplus_at = None;
        let mut looked_at = 0;
        while looked_at < AT_ONCE {
            let Some(t) = self.copies.surplus.next() else { return };
            looked_at += 1 + self.tasks.get(t).map_or(0, |task| task.dependents.len());
            self.drop_surplus_of(t);
        }
        if !self.copies.surplus.is_empty() {
            self.set_surplus(PAUSE);
        }
    }

    fn drop_surplus_of(&mut self, t: TaskIndex) {
        let Some(task) = self.tasks.get(t) else { return };
        let State::Memory { holders, .. } = &task.state else { return };
        if holders.len() < 2 || task.waiters as usize >= holders.len() || self.copies.targets(t).next().is_some() {
            // One that is under way, and a task that ends, bring it here again.
            return;
        }
        let mut using = Vec::new();
        for edge in &task.dependents {
            let Some(run) = self.tasks[edge.task].run() else { continue };
            if !task.is_held_by(run.worker) && !run.started() {
                return;
            }
            using.push(run.worker);
        }
        let kept = if planted!(self, LastCopyDropped) { 0 } else { (task.waiters as usize).max(1) };
        let mut idle: Vec<WorkerIndex> = holders.iter().map(|holder| holder.worker).collect();
        idle.retain(|w| !using.contains(w));
        idle.sort_by_key(|&w| {
            let worker = &self.workers[w];
            std::cmp::Reverse((worker.retiring, worker.paused, self.fullness(w), worker.bytes, worker.id))
        });
        let (key, mut left) = (task.key, holders.len());
        for w in idle {
            if left <= kept {
                return;
            }
            let kept_elsewhere = self.is_kept_without(t, w) || planted!(self, LastCopyDropped);
            if !self.is_declared_at(t, w) && kept_elsewhere {
                self.remove_replica(t, w);
                self.free(w, key);
                left -= 1;
            }
        }
    }

    /// Whether a worker that stays holds a value beside this one.
    pub(super) fn is_kept_without(&self, t: TaskIndex, w: WorkerIndex) -> bool {
        let holders = self.tasks[t].holders().iter().map(|holder| holder.worker);
        let mut others = holders.filter(|&other| other != w);
        others.any(|other| !self.workers[other].retiring)
    }
}
