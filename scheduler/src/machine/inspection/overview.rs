//! The whole cluster at a glance: at a cost that does not grow with the number of tasks.

use std::{sync::Arc, time::Duration};

use brisk_core::{
    message::{TaskStatus, WorkerStatus},
    task::TaskName,
};

use super::{StateCounts, status_of};
use crate::machine::{Scheduler, record::FunctionIndex};

/// The cluster at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// How many tasks there are in each state.
    pub tasks: StateCounts,
    /// The functions that clients have named, by index; no more than were asked for.
    pub functions: Vec<FunctionOverview>,
    /// The workers, in the order of their ids; `None` if they were not asked for.
    pub workers: Option<Vec<WorkerOverview>>,
    /// How many clients are connected.
    pub clients: usize,
}

/// The tasks of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionOverview {
    /// How records call it.
    pub index: FunctionIndex,
    /// Its name.
    pub name: Arc<str>,
    /// Whether its runs hold no thread.
    pub is_async: bool,
    /// How many tasks it has in each state.
    pub tasks: StateCounts,
}

/// A worker, and for how long it has work.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerOverview {
    /// What clients are told of it.
    pub status: WorkerStatus,
    /// How long what was assigned to it will take, as one thread would.
    pub occupancy: Duration,
}

/// What a worker has at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerDetail {
    /// The worker.
    pub overview: WorkerOverview,
    /// Tasks that are known to have started; of many some.
    pub running: Vec<TaskStatus>,
    /// Values, with their lengths; of many some.
    pub holds: Vec<(TaskName, u64)>,
}

impl Scheduler {
    /// The cluster at a glance: the first `functions` functions, and the workers if they are wanted.
    pub fn overview(&self, functions: usize, workers: bool) -> Overview {
        let mut tasks = StateCounts::default();
        self.functions.counted().for_each(|(_, counts)| tasks.add(counts));
        let functions = self.functions.counted().take(functions).map(|(index, counts)| {
            let info = self.functions.info(index);
            FunctionOverview { index, name: info.name.clone(), is_async: info.is_async, tasks: *counts }
        });
        Overview {
            tasks,
            functions: functions.collect(),
            workers: workers.then(|| self.workers.in_order().map(|(_, worker)| overview_of(worker)).collect()),
            clients: self.clients.in_order().count(),
        }
    }

    /// What a worker has, at most `most` tasks and values each. Looks at what is assigned to it.
    pub fn worker_detail(&self, worker: brisk_core::id::WorkerId, most: usize) -> Option<WorkerDetail> {
        let worker = &self.workers[self.workers.find(worker)?];
        let running = worker.processing.iter().filter(|&&t| self.tasks[t].run().is_some_and(|run| run.started()));
        let running = running.take(most).map(|&t| self.status_of_task(t, &self.tasks[t]));
        let holds = worker.replicas.iter().take(most).map(|&t| {
            let length = super::length(&self.tasks[t]).unwrap_or_default();
            (self.name(t), length)
        });
        Some(WorkerDetail { overview: overview_of(worker), running: running.collect(), holds: holds.collect() })
    }
}

fn overview_of(worker: &crate::machine::peers::Worker) -> WorkerOverview {
    WorkerOverview { status: status_of(worker), occupancy: Duration::from_nanos(worker.occupancy_ns) }
}
