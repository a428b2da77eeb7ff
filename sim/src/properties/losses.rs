//! What can't be made again is lost only with its last copy; and a task that is to be started once only fails with a worker
//! only if that worker had it. Gathered from what workers report and what the scheduler tells them, for
//! [`errors`](super::errors).

use std::collections::{BTreeMap, BTreeSet};

use brisk_core::{
    id::{RunId, WorkerId},
    message::{ClientToScheduler, SchedulerToWorker, WorkerToScheduler},
};
use brisk_scheduler::machine::Event;

use super::runs::Runs;
use crate::workload::{TaskIndex, Workload};

/// Who held what, and how that ended.
#[derive(Debug, Default)]
pub struct Losses {
    holders: BTreeMap<TaskIndex, BTreeSet<WorkerId>>,
    /// Tasks whose value has existed, and of which then no copy was left; or whose only start was cancelled.
    gone: BTreeSet<TaskIndex>,
    /// Tasks that some client asked to be cut off from what they were computed from.
    checkpoints: BTreeSet<TaskIndex>,
    /// Workers that were lost or left, with the tasks that they had then.
    departed: BTreeSet<(TaskIndex, WorkerId)>,
    /// Runs that were taken from their workers, with a reason that the event gives.
    taken: BTreeSet<(TaskIndex, WorkerId)>,
    /// Whether the present event may be the reason to take a run back.
    takes_back: TakesBack,
}

/// What the present event may take back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TakesBack {
    #[default]
    Nothing,
    /// Runs whose inputs were lost, or whose worker waits no longer.
    Any,
    /// The run of a chosen key of which its worker holds an older value.
    Named(TaskIndex),
}

impl Losses {
    /// Whether no copy of a task's value was left at some time after it had existed.
    pub fn was_lost(&self, task: TaskIndex) -> bool {
        self.gone.contains(&task)
    }

    /// Whether some client asked for a checkpoint of a task.
    pub fn is_checkpoint(&self, task: TaskIndex) -> bool {
        self.checkpoints.contains(&task)
    }

    /// Whether a run of a task was lost with this worker, or taken back from it.
    pub fn was_lost_with(&self, task: TaskIndex, worker: WorkerId) -> bool {
        self.departed.contains(&(task, worker)) || self.taken.contains(&(task, worker))
    }

    /// There is another scheduler: what was held is offered, or gone.
    pub fn scheduler_restarted(&mut self) {
        for (task, holders) in std::mem::take(&mut self.holders) {
            if !holders.is_empty() {
                self.gone.insert(task);
            }
        }
    }

    /// The scheduler is about to be given an event. `retirements`: whether any worker was to go so far.
    pub fn event(&mut self, workload: &Workload, runs: &Runs, retirements: bool, event: &Event) {
        self.takes_back = TakesBack::Nothing;
        match event {
            // Patience that ends.
            _ if retirements => self.takes_back = TakesBack::Any,
            Event::WorkerLeft { .. } | Event::FromSupervisor { .. } => self.takes_back = TakesBack::Any,
            Event::FromClient { message: ClientToScheduler::Missing { .. }, .. } => self.takes_back = TakesBack::Any,
            _ => {}
        }
        if let Event::FromClient { message: ClientToScheduler::Checkpoint { keys, .. }, .. } = event {
            self.checkpoints.extend(keys.iter().filter_map(|(key, _)| workload.find(*key)));
        }
        if let Event::FromClient { message: ClientToScheduler::Scattered(values), .. } = event {
            for value in values {
                let Some(task) = workload.find(value.key) else { continue };
                let live: Vec<_> = value.holders.iter().filter(|holder| runs.is_live(**holder)).collect();
                if live.is_empty() {
                    self.gone.insert(task);
                }
                live.into_iter().for_each(|holder| self.held(task, *holder));
            }
        }
        let Event::FromWorker { worker, message, .. } = event else { return };
        if let WorkerToScheduler::Dropped(keys) = message {
            keys.iter().filter_map(|key| workload.find(*key)).for_each(|task| self.dropped(task, *worker));
        }
        match message {
            WorkerToScheduler::Finished { key, run, .. } if runs.is_current(*worker, *run) => {
                workload.find(*key).into_iter().for_each(|task| self.held(task, *worker));
            }
            WorkerToScheduler::Added(values)
            | WorkerToScheduler::Offered(values)
            | WorkerToScheduler::Received(values) => {
                for task in values.iter().filter_map(|(key, _)| workload.find(*key)) {
                    self.held(task, *worker);
                    if self.takes_back == TakesBack::Nothing && workload.task(task).named {
                        self.takes_back = TakesBack::Named(task);
                    }
                }
            }
            WorkerToScheduler::Missing { .. } | WorkerToScheduler::Dropped(_) | WorkerToScheduler::Goodbye(_) => {
                self.takes_back = TakesBack::Any;
            }
            _ => {}
        }
    }

    /// The scheduler tells a worker something; `runs` are those before it.
    pub fn told(&mut self, workload: &Workload, runs: &Runs, worker: WorkerId, message: &SchedulerToWorker) {
        match message {
            SchedulerToWorker::Free(keys) => {
                keys.iter().filter_map(|key| workload.find(*key)).for_each(|task| self.dropped(task, worker));
            }
            SchedulerToWorker::Cancel { run, .. } | SchedulerToWorker::Abandon { run, .. } => {
                self.cancelled(workload, runs, worker, *run);
            }
            _ => {}
        }
    }

    /// A worker is gone; `runs` are those before it.
    pub fn left(&mut self, runs: &Runs, worker: WorkerId) {
        self.departed.extend(runs.of_worker(worker).map(|(_, task)| (task, worker)));
        let held: Vec<_> = self.holders.iter().filter(|(_, at)| at.contains(&worker)).map(|(task, _)| *task).collect();
        held.into_iter().for_each(|task| self.dropped(task, worker));
    }

    fn cancelled(&mut self, workload: &Workload, runs: &Runs, worker: WorkerId, run: RunId) {
        let Some(task) = runs.task_of(worker, run) else { return };
        if workload.task(task).once {
            // Let go when it may have been started, its value will never exist.
            self.gone.insert(task);
        }
        if self.takes_back == TakesBack::Any || self.takes_back == TakesBack::Named(task) {
            self.taken.insert((task, worker));
        }
    }

    fn held(&mut self, task: TaskIndex, worker: WorkerId) {
        self.holders.entry(task).or_default().insert(worker);
    }

    fn dropped(&mut self, task: TaskIndex, worker: WorkerId) {
        if let Some(holders) = self.holders.get_mut(&task)
            && holders.remove(&worker)
            && holders.is_empty()
        {
            self.gone.insert(task);
        }
    }
}
