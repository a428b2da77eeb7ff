//! Runs of tasks: assigned, started, ended, cancelled, stolen.

use std::{sync::Arc, time::Duration};

use brisk_core::{
    error::Failure,
    id::{RequestId, RunId},
    key::Key,
    message::{Assignment, WorkerToScheduler},
};

use super::{
    Action, Worker,
    state::{Execution, Hold, Owner, Phase, Rank, Task, TaskState},
    time_limit,
};

impl Worker {
    /// The scheduler wants a task run here.
    pub(super) fn on_assignment(&mut self, mut assignment: Box<Assignment>) {
        let (key, run) = (assignment.task.key, assignment.run);
        let current = self.entries.get(&key).and_then(|entry| entry.task);
        if current.and_then(|place| self.tasks.get(place)).is_some_and(|task| task.run == run) {
            self.counters.stale_assignments += 1;
            return;
        }
        if self.phase != Phase::Working {
            return self.give_back(key, run, "the worker is retiring");
        }
        if run <= self.last_run {
            // A copy of an assignment that has ended here. If the scheduler does mean it, it will assign it again.
            self.counters.stale_assignments += 1;
            return self.give_back(key, run, "the assignment is older than another that came before it");
        }
        self.last_run = run;
        if let Some(place) = current {
            self.forget(place);
        }
        let mut dependencies = std::mem::take(&mut assignment.dependencies);
        if dependencies.iter().any(|dependency| dependency.key == key) {
            return self.give_back(key, run, "the task depends on itself");
        }
        if dependencies.len() > 1 {
            dependencies.sort_unstable_by_key(|dependency| dependency.key);
            dependencies.dedup_by_key(|dependency| dependency.key);
        }
        self.accepted += 1;
        let rank = Rank { priority: assignment.priority, turn: u64::MAX - self.accepted };
        let needs = dependencies.iter().map(|dependency| dependency.key).collect();
        let reproducible = assignment.reproducible;
        let state = TaskState::NeedsData { missing: 0, assignment };
        let place = self.tasks.insert(Task { key, run, rank, needs, reproducible, state });
        self.entries.entry(key).or_default().task = Some(place);
        self.expect(key);
        let waits = dependencies.into_iter().map(|dependency| u32::from(self.need(dependency, place, rank)));
        let count: u32 = waits.sum();
        if count == 0 {
            return if self.ready.is_empty() && self.may_start() {
                // Nothing is more urgent: no need to queue.
                self.take_up(place);
                self.start(place);
            } else {
                self.make_ready(place);
            };
        }
        let task = self.tasks.get_mut(place).expect("it was inserted above");
        if let TaskState::NeedsData { missing, .. } = &mut task.state {
            *missing = count;
        }
    }

    /// Starts ready tasks, the most urgent first, while there are slots for them.
    pub(super) fn start_runs(&mut self) {
        while self.may_start() {
            let Some((_, place)) = self.ready.pop_first() else { return };
            self.start(place);
        }
    }

    /// Whether a task may start now. A paused worker starts one when no other does: it may be just the one whose result
    /// lets the scheduler free its inputs, and nothing else here will. What was cancelled and goes on all the same lets
    /// nobody free anything, and does not count.
    pub(super) fn may_start(&self) -> bool {
        self.phase == Phase::Working
            && self.slots.threads < self.config.threads.max(1)
            && self.slots.detached < self.config.async_limit.max(1)
            && (!self.held.paused || self.slots.busy == 0)
    }

    /// A value that a task waited for is here; `place` may be one that needs no more.
    pub(super) fn one_less_missing(&mut self, place: u32) {
        let task = self.tasks.get_mut(place).expect("waiters that are gone were sorted out");
        if let TaskState::NeedsData { missing, .. } = &mut task.state {
            *missing -= 1;
            if *missing == 0 {
                self.make_ready(place);
            }
        }
    }

    /// A run has come back from the executor.
    pub(super) fn on_done(&mut self, run: RunId, outcome: Result<u64, Box<Failure>>, took: Duration) {
        self.unwatch(run);
        let Some(execution) = self.executions.remove(&run) else {
            self.counters.stale_runs += 1;
            return;
        };
        if !(planted!(self, LeakedThread) && matches!(execution.owner, Owner::Nobody(_))) {
            self.let_go(execution.hold);
        }
        let place = match execution.owner {
            Owner::Task(place) => place,
            Owner::Nobody(needs) => {
                self.counters.stale_runs += 1;
                return needs.into_iter().for_each(|key| self.unpin(key));
            }
        };
        self.slots.current -= 1;
        self.slots.busy -= u32::from(execution.hold.is_thread());
        let task = self.tasks.remove(place).expect("an execution's task is there until it ends");
        let key = task.key;
        self.entries.get_mut(&key).expect("a task has an entry").task = None;
        match outcome.and_then(|nbytes| self.acceptable(nbytes, took, execution.limit)) {
            Ok(nbytes) => {
                self.keep(key, nbytes, Some(run), task.reproducible);
                if !planted!(self, EndNotTold) {
                    self.tell(WorkerToScheduler::Finished { key, run, nbytes, took, value: None });
                }
            }
            Err(failure) => {
                self.tell(WorkerToScheduler::Failed { key, run, failure, took });
                self.maker_gone(key);
            }
        }
        if !planted!(self, LeakedPin) {
            task.needs.into_iter().for_each(|key| self.unpin(key));
        }
        self.prune(key);
    }

    /// What was returned, unless that came too late or is too much.
    fn acceptable(&self, nbytes: u64, took: Duration, limit: Option<Duration>) -> Result<u64, Box<Failure>> {
        match limit {
            // Its end came before the tick that would have told of it.
            Some(limit) if took > limit => Err(time_limit::overdue(limit)),
            _ => self.fits(nbytes),
        }
    }

    /// A run goes on without a thread.
    pub(super) fn on_detached(&mut self, run: RunId) {
        match self.executions.get_mut(&run) {
            // It may have others to wait for already.
            Some(execution) if execution.hold == Hold::Away => {}
            Some(execution) if execution.hold != Hold::Async => {
                let before = std::mem::replace(&mut execution.hold, Hold::Async);
                self.slots.busy -= u32::from(before.is_thread() && matches!(execution.owner, Owner::Task(_)));
                self.let_go(before);
                self.slots.detached += 1;
            }
            _ => self.counters.stale_runs += 1,
        }
    }

    /// The scheduler does not want a run any more. If it has ended here in the meantime, its value goes.
    pub(super) fn on_cancel(&mut self, key: Key, run: RunId) {
        let Some(entry) = self.entries.get(&key) else {
            self.counters.stale_runs += 1;
            return;
        };
        let current = entry.task.filter(|place| self.tasks.get(*place).is_some_and(|task| task.run == run));
        if let Some(place) = current {
            self.forget(place);
        } else if entry.value.as_ref().is_some_and(|value| value.made_by == Some(run)) {
            self.free(key);
        } else {
            self.counters.stale_runs += 1;
        }
    }

    /// The scheduler would rather have these runs elsewhere. Those that have not started are given up.
    pub(super) fn on_steal(&mut self, request: RequestId, mut runs: Vec<(Key, RunId)>) {
        runs.retain(|(key, run)| {
            let place = self.entries.get(key).and_then(|entry| entry.task);
            let waits = |task: &&Task| task.run == *run && !matches!(task.state, TaskState::Running);
            let given = place.filter(|place| self.tasks.get(*place).as_ref().is_some_and(waits));
            given.is_some_and(|place| {
                self.forget(place);
                true
            })
        });
        self.tell(WorkerToScheduler::Stolen { request, runs });
    }

    /// A task has failed without its run having come back, or before it began.
    pub(super) fn fail(&mut self, place: u32, failure: Box<Failure>, took: Duration) {
        let (key, run) = self.forget(place);
        self.tell(WorkerToScheduler::Failed { key, run, failure, took });
    }

    /// Says that a run was not, and will not be, started.
    pub(super) fn give_back(&mut self, key: Key, run: RunId, reason: &str) {
        self.tell(WorkerToScheduler::Returned { key, run, reason: Arc::from(reason) });
    }

    /// Forgets the current run of a task, wherever it is. One that the executor has ends there, for nobody.
    pub(super) fn forget(&mut self, place: u32) -> (Key, RunId) {
        let Task { key, run, rank, needs, state, .. } = self.tasks.remove(place).expect("only tasks that are there go");
        self.entries.get_mut(&key).expect("a task has an entry").task = None;
        match state {
            TaskState::Running => {
                self.unwatch(run);
                let execution = self.executions.get_mut(&run).expect("a running task has an execution");
                execution.owner = Owner::Nobody(needs);
                self.slots.current -= 1;
                self.slots.busy -= u32::from(execution.hold.is_thread());
                self.actions.push_back(Action::Abort { run });
            }
            TaskState::Ready { .. } => {
                self.ready.remove(&(rank, place));
                needs.into_iter().for_each(|key| self.unpin(key));
            }
            TaskState::NeedsData { .. } => needs.into_iter().for_each(|key| self.need_no_more(key)),
        }
        self.maker_gone(key);
        self.prune(key);
        (key, run)
    }

    fn make_ready(&mut self, place: u32) {
        let rank = self.take_up(place);
        self.ready.insert((rank, place));
    }

    /// A task has all its data. It must be started, or queued under the rank that this answers.
    fn take_up(&mut self, place: u32) -> Rank {
        let task = self.tasks.get_mut(place).expect("only tasks that are there become ready");
        // A state that costs nothing stands in while the assignment moves.
        if let TaskState::NeedsData { assignment, .. } = std::mem::replace(&mut task.state, TaskState::Running) {
            task.state = TaskState::Ready { assignment };
        }
        task.rank
    }

    fn start(&mut self, place: u32) {
        let task = self.tasks.get_mut(place).expect("ready tasks are there");
        let (key, run) = (task.key, task.run);
        let TaskState::Ready { assignment } = std::mem::replace(&mut task.state, TaskState::Running) else {
            unreachable!("the ready queue holds ready tasks only")
        };
        let (owner, started, limit) = (Owner::Task(place), self.now, assignment.timeout);
        self.executions.insert(run, Execution { hold: Hold::Thread, owner, started, limit, abandoned: false });
        self.watch(run);
        self.slots.threads += 1;
        self.slots.current += 1;
        self.slots.busy += 1;
        self.tell(WorkerToScheduler::Started { key, run });
        let Assignment { task, spec, attempt, wanted, .. } = *assignment;
        self.actions.push_back(Action::Execute { run, key, spec, task, attempt, wanted, limit });
    }
}
