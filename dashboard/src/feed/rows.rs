//! The rows of the page's tables.

use std::{sync::Arc, time::Duration};

use brisk_core::{key::Key, state::TaskState, time::Moment};
use brisk_scheduler::{
    machine::{FunctionOverview, StateCounts, WorkerOverview},
    server::{ErrorGroup, FunctionRuns, RunTotals, WorkerRuns},
};
use serde::{Serialize, Serializer};

/// Bytes of an error's message in its row.
const MESSAGE_BYTES: usize = 400;

/// Seconds since the scheduler began, to the microsecond.
pub(crate) fn seconds(at: Moment) -> f64 {
    micros(at.as_nanos() / 1_000)
}

pub(super) fn micros(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// A key as the page names it: all of it, in hexadecimal digits.
pub(crate) struct Hex(pub(crate) Key);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0.as_u128()))
    }
}

#[derive(Serialize)]
pub(super) struct Cluster {
    scheduler: Arc<str>,
    name: Arc<str>,
    brisk: &'static str,
    started: f64,
}

impl Cluster {
    pub(super) fn new(name: Arc<str>, started: Duration) -> Self {
        Cluster { scheduler: name.clone(), name, brisk: env!("CARGO_PKG_VERSION"), started: started.as_secs_f64() }
    }
}

/// Tasks by state, as people count them: what is ready and has no worker is queued, whatever it waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct States {
    waiting: u64,
    queued: u64,
    processing: u64,
    memory: u64,
    erred: u64,
    released: u64,
}

impl From<&StateCounts> for States {
    fn from(counts: &StateCounts) -> Self {
        States {
            waiting: counts[TaskState::Waiting],
            queued: counts[TaskState::Queued] + counts[TaskState::NoWorker],
            processing: counts[TaskState::Processing],
            memory: counts[TaskState::Memory],
            erred: counts[TaskState::Erred],
            released: counts[TaskState::Released],
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Totals {
    #[serde(flatten)]
    states: States,
    pub(super) finished: u64,
    failed: u64,
    transferred: u64,
    clients: usize,
    pub(super) wanted_workers: u64,
}

impl Totals {
    pub(super) fn new(tasks: &StateCounts, runs: RunTotals, clients: usize) -> Self {
        Totals {
            states: tasks.into(),
            finished: runs.finished,
            failed: runs.failed,
            transferred: runs.transferred,
            clients,
            wanted_workers: 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Running,
    Paused,
    Retiring,
    Gone,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct WorkerRow {
    pub(crate) id: u64,
    name: Arc<str>,
    address: String,
    host: Arc<str>,
    pub(crate) threads: u32,
    status: Status,
    memory: u64,
    limit: Option<u64>,
    assigned: u32,
    running: u32,
    held: u64,
    occupancy: f64,
    finished: u64,
    failed: u64,
}

pub(crate) fn worker_row(worker: &WorkerOverview, runs: WorkerRuns) -> WorkerRow {
    let status = &worker.status;
    WorkerRow {
        id: status.worker.0.0,
        name: status.name.clone(),
        address: status.address.to_string(),
        host: status.host.clone(),
        threads: status.threads,
        status: match status {
            status if status.retiring => Status::Retiring,
            status if status.paused => Status::Paused,
            _ => Status::Running,
        },
        memory: status.bytes,
        limit: (status.memory_limit > 0).then_some(status.memory_limit),
        assigned: status.assigned,
        running: status.started,
        held: status.values,
        occupancy: micros(u64::try_from(worker.occupancy.as_micros()).unwrap_or(u64::MAX)),
        finished: runs.finished,
        failed: runs.failed,
    }
}

impl WorkerRow {
    /// The row of a worker that has left.
    pub(super) fn gone(self) -> Self {
        WorkerRow { status: Status::Gone, assigned: 0, running: 0, held: 0, memory: 0, occupancy: 0.0, ..self }
    }
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct FunctionRow {
    id: u32,
    name: Arc<str>,
    #[serde(flatten)]
    states: States,
    finished: u64,
    seconds: f64,
}

impl FunctionRow {
    pub(super) fn new(function: &FunctionOverview, runs: FunctionRuns) -> Self {
        FunctionRow {
            id: function.index.0,
            name: function.name.clone(),
            states: (&function.tasks).into(),
            finished: runs.finished,
            seconds: micros(runs.took_ns / 1_000),
        }
    }
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct ErrorRow {
    pub(super) id: u64,
    function: u32,
    message: String,
    count: u64,
    key: String,
    worker: Arc<str>,
    time: f64,
}

impl ErrorRow {
    pub(super) fn new(group: &ErrorGroup) -> Self {
        let report = group.error.report();
        let mut message = report.failure.message.clone();
        if message.len() > MESSAGE_BYTES {
            message.truncate(message.floor_char_boundary(MESSAGE_BYTES));
            message.push('…');
        }
        ErrorRow {
            id: group.id,
            function: group.function.0,
            message,
            count: group.count,
            key: format!("{:032x}", group.key.as_u128()),
            worker: report.worker.clone().unwrap_or_default(),
            time: seconds(group.at),
        }
    }
}
