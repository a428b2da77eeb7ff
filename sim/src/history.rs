//! What has happened so far that may excuse an error, gathered from the events that the scheduler was given.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use brisk_core::{
    id::{Incarnation, WorkerId},
    key::Key,
    message::{ClientToScheduler, WorkerToScheduler},
    time::Moment,
};
use brisk_scheduler::machine::Event;

use crate::{
    presence::Presence,
    properties::runs::Runs,
    workload::{TaskIndex, Workload},
};

/// The facts.
#[derive(Debug)]
pub struct History {
    tasks: BTreeMap<TaskIndex, Facts>,
    /// Whether any client has cancelled anything.
    pub cancelled: bool,
    /// Whether any client has tried anything again.
    pub retried: bool,
    /// Workers that were lost or left.
    pub departures: u32,
    /// Handles that were dropped, and clients that left.
    pub releases: u32,
    /// Times that a worker said that it has too little memory: what it has not started is taken elsewhere.
    pub pauses: u32,
    /// The least memory that a worker had; all there is, if none has a limit.
    pub least_memory: u64,
    /// Whether anything stood still: then time limits may be missed by whatever ran.
    pub stood_still: bool,
    /// Times that a worker was to go.
    pub retirements: u32,
    /// How often there was another scheduler.
    pub restarts: u32,
    now: Moment,
    presence: Presence,
    /// Who was called what: processes that take each other's place have one name.
    names: BTreeSet<(Arc<str>, WorkerId)>,
}

/// What has happened to one task.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// Workers that died, unintended, while the task was assigned to them. Whether a run of it had begun that was not yet
    /// said to have nobody but the dead can know.
    pub deaths: u32,
    /// Times that somebody cancelled just this task.
    pub cancels: u32,
    /// Runs that failed by their own doing.
    pub failures: u32,
    /// Submissions that named it.
    pub submissions: u32,
    /// Times that a client has said where it is, being no call.
    pub announcements: u32,
    /// Runs that were handed back, and times that somebody could not fetch the value.
    pub losses: u32,
}

impl Default for History {
    fn default() -> Self {
        History {
            tasks: BTreeMap::new(),
            cancelled: false,
            retried: false,
            departures: 0,
            releases: 0,
            pauses: 0,
            least_memory: u64::MAX,
            stood_still: false,
            retirements: 0,
            restarts: 0,
            now: Moment::ORIGIN,
            presence: Presence::default(),
            names: BTreeSet::new(),
        }
    }
}

impl History {
    /// What has happened to a task.
    pub fn of(&self, task: TaskIndex) -> Facts {
        self.tasks.get(&task).copied().unwrap_or_default()
    }

    /// The longest time without any worker that could run a task, in one life of the scheduler.
    pub fn longest_absence(&self, workload: &Workload, task: TaskIndex) -> Duration {
        self.presence.longest_absence(workload, task, self.now)
    }

    /// The workers that are or were called so, in any life of the scheduler.
    pub fn workers_called(&self, name: &Arc<str>) -> impl Iterator<Item = WorkerId> {
        let first = (name.clone(), WorkerId(Incarnation(0)));
        self.names.range(first..).take_while(move |(called, _)| called == name).map(|(_, worker)| *worker)
    }

    /// There is another scheduler, without workers.
    pub fn scheduler_restarted(&mut self, now: Moment) {
        self.now = now;
        self.restarts += 1;
        self.departures += self.presence.count();
        self.presence.scheduler_restarted(now);
    }

    /// Notes an event. `runs` are those before it.
    pub fn event(&mut self, now: Moment, workload: &Workload, runs: &Runs, event: &Event) {
        self.now = now;
        match event {
            Event::WorkerJoined { worker, name, info, environment } => {
                if info.memory_limit > 0 {
                    self.least_memory = self.least_memory.min(info.memory_limit);
                }
                let called = if name.is_empty() { info.address.as_str().into() } else { name.clone() };
                self.names.insert((called, *worker));
                self.presence.joined(now, *worker, name, *environment, info);
            }
            Event::WorkerLeft { worker, intended, .. } => self.left(runs, *worker, *intended),
            Event::ClientLeft { .. } => self.releases += 1,
            Event::FromWorker { worker, message, .. } => match message {
                WorkerToScheduler::Failed { key, .. } => self.note(workload, *key, |facts| facts.failures += 1),
                WorkerToScheduler::Returned { key, .. } | WorkerToScheduler::Missing { key, .. } => {
                    self.note(workload, *key, |facts| facts.losses += 1);
                }
                WorkerToScheduler::Paused(true) => self.pauses += 1,
                WorkerToScheduler::Goodbye(_) => self.left(runs, *worker, true),
                _ => {}
            },
            Event::FromClient { message, .. } => match message {
                ClientToScheduler::Missing { key, .. } => self.note(workload, *key, |facts| facts.losses += 1),
                ClientToScheduler::Submit { tasks, .. } => {
                    for task in tasks {
                        self.note(workload, task.key, |facts| facts.submissions += 1);
                    }
                }
                ClientToScheduler::Scattered(values) => {
                    for value in values {
                        self.note(workload, value.key, |facts| facts.announcements += 1);
                    }
                }
                ClientToScheduler::Cancel { keys, .. } | ClientToScheduler::Abandon(keys) => {
                    self.cancelled = true;
                    for (key, _) in keys {
                        self.note(workload, *key, |facts| facts.cancels += 1);
                    }
                }
                ClientToScheduler::Retry(_) => self.retried = true,
                ClientToScheduler::Release(_) | ClientToScheduler::Goodbye => self.releases += 1,
                _ => {}
            },
            _ => {}
        }
    }

    /// A worker is gone.
    pub(crate) fn left(&mut self, runs: &Runs, worker: WorkerId, intended: bool) {
        if !runs.is_live(worker) {
            return;
        }
        self.departures += 1;
        self.presence.left(self.now, worker);
        for (_, task) in runs.of_worker(worker).filter(|_| !intended) {
            self.tasks.entry(task).or_default().deaths += 1;
        }
    }

    fn note(&mut self, workload: &Workload, key: Key, change: impl FnOnce(&mut Facts)) {
        if let Some(task) = workload.find(key) {
            change(self.tasks.entry(task).or_default());
        }
    }
}
