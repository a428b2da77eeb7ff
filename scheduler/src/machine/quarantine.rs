//! Whom to suspect when a worker dies, and how to find out.
//!
//! Everything that a worker was running when it died is a *suspect*: one of them may have ended it. A suspect runs again,
//! but never beside another one: so whoever was beside a culprit once is not beside it a second time, and only the culprit
//! goes on to collect deaths. (Dask blames everything that was assigned, running or not, which fails whole graphs for one
//! bad task; Spark and HyperQueue count per task as here, without keeping suspects apart.)
//!
//! A run that waits for other tasks, without a thread, does nothing that could end its worker: it is not suspected. And a suspect
//! that does so gives its place up for good, since what it waits for may be a suspect too.
//!
//! Quarantine is a resource: every worker has one unit, and a suspect takes it while it is assigned. So suspects that wait
//! for a worker have queues of their own, by what else they ask for, and hold nobody else up; and where there are no
//! suspects nothing is done and nothing is paid.

use std::sync::Arc;

use brisk_core::{id::RunId, options::Quantity, task::TaskName};

use super::{
    Scheduler,
    class::{Demand, Kind},
    record::What,
    slab::{TaskIndex, WorkerIndex},
    task::{Death, History, Hold},
    unrepeatable::Unrepeatable,
};

/// The name of the resource. No user can declare or ask for it: what peers say is stripped of it.
const QUARANTINE: &str = "\0quarantine";

/// How many of the tasks that ran on a dead worker an error names.
const NAMED: usize = 4;

/// A run that a dying worker was in, for all that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Victim {
    pub(super) task: TaskIndex,
    pub(super) run: RunId,
    /// Whether the worker said that it had started it.
    started: bool,
}

/// What a worker has of the resource.
pub(super) fn one_place() -> (Arc<str>, Quantity) {
    (QUARANTINE.into(), Quantity(1))
}

/// Whether this is the resource that stands for quarantine.
pub(super) fn is_place(resource: &(Arc<str>, Quantity)) -> bool {
    &*resource.0 == QUARANTINE
}

/// These resources without that one.
pub(super) fn but_quarantine(
    resources: &[(Arc<str>, Quantity)],
) -> impl Iterator<Item = &(Arc<str>, Quantity)> + Clone {
    resources.iter().filter(|resource| !is_place(resource))
}

impl Scheduler {
    /// The runs that a dying worker was presumably in: those that it said it had started; and, as long as its threads are
    /// more than those, the next in its queue that had its inputs, since the report of a start may die with the worker.
    pub(super) fn victims(&self, w: WorkerIndex) -> Vec<Victim> {
        let worker = &self.workers[w];
        let mut runs: Vec<_> = worker
            .processing
            .iter()
            .filter_map(|&t| self.tasks[t].run().map(|run| (t, run)))
            .filter(|(_, run)| run.awaiting == 0 && run.hold() != Hold::Away)
            .map(|(t, run)| (!run.started(), self.tasks[t].priority, t, run.id))
            .collect();
        runs.sort_unstable();
        let mut threads = worker.threads();
        runs.retain(|&(waits, _, t, _)| {
            let thread = self.classes.slab[self.tasks[t].class].demand.kind == Kind::Thread;
            let runs = !waits || (thread && threads > 0) || planted!(self, QueuedBlamed);
            threads = threads.saturating_sub(usize::from(thread && runs));
            runs
        });
        runs.into_iter().map(|(waits, _, task, run)| Victim { task, run, started: !waits }).collect()
    }

    /// A worker died in these runs: they are suspected, and those fail for which it was one death too many.
    pub(super) fn blame(&mut self, w: WorkerIndex, victims: &[Victim], cause: &Arc<str>) {
        let worker = self.workers[w].label();
        let names: Vec<_> =
            victims.iter().take(NAMED + 1).map(|victim| (victim.task, self.name(victim.task))).collect();
        for &Victim { task: t, run, started } in victims {
            let others = names.iter().filter(|(other, _)| *other != t).take(NAMED);
            let beside = others.map(|(_, name)| name.clone()).collect::<Vec<TaskName>>();
            let more = victims.len() - 1 - beside.len();
            let attempt = self.tasks[t].attempt;
            let history = self.tasks[t].history();
            let (worker, cause) = (worker.clone(), cause.clone());
            history.deaths.push(Death { run, worker, cause, attempt, started, beside: beside.into(), more });
            let deaths = history.suspicion();
            if started || planted!(self, QueuedBlamed) {
                let (key, function) = (self.tasks[t].key, self.tasks[t].function);
                self.record(What::Suspected { key, function, worker: self.workers[w].id, run, deaths });
            }
            if deaths + u32::from(planted!(self, OneDeathTooFew)) > self.config.allowed_failures {
                let error = self.worker_died(t);
                self.enter_erred(t, error, None);
            }
        }
    }

    /// From its next run on the task is kept apart from other suspects.
    pub(super) fn quarantine(&mut self, t: TaskIndex) {
        let class = self.tasks[t].class;
        let Demand { resources, .. } = &self.classes.slab[class].demand;
        if resources.iter().any(is_place) || planted!(self, NoQuarantine) {
            return;
        }
        let mut resources = resources.clone();
        resources.push(one_place());
        resources.sort_unstable();
        self.change_demand(t, resources);
    }

    /// The task is tried again by hand, as if it had never run. It is in no queue and on no worker.
    pub(super) fn acquit(&mut self, t: TaskIndex) {
        self.tasks[t].forget_history();
        if self.tasks[t].marks.unrepeatable() == Some(Unrepeatable::Once) {
            self.tasks[t].marks.set_unrepeatable(None);
        }
        let class = self.tasks[t].class;
        let Demand { resources, .. } = &self.classes.slab[class].demand;
        if resources.iter().any(is_place) {
            let left = resources.iter().filter(|resource| !is_place(resource)).cloned().collect();
            self.change_demand(t, left);
        }
    }

    fn change_demand(&mut self, t: TaskIndex, resources: Vec<(Arc<str>, Quantity)>) {
        let before = self.tasks[t].class;
        let class = &self.classes.slab[before];
        let (environment, demand) = (class.environment, Demand { resources, ..class.demand.clone() });
        self.tasks[t].class = self.classes.join_demand(environment, demand, &self.workers);
        self.classes.part(before);
    }
}

impl History {
    /// How many deaths count against the task: those under runs that were started; and of those under runs that only may
    /// have been, all but the first. Once may be chance, and the task has been alone among suspects since.
    pub(super) fn suspicion(&self) -> u32 {
        let started = self.deaths.iter().filter(|death| death.started).count();
        let silent = self.deaths.len() - started;
        (started + silent.saturating_sub(1)) as u32
    }

    /// Whether the task must be kept apart from others like it.
    pub(super) fn is_suspect(&self) -> bool {
        !self.deaths.is_empty()
    }
}
