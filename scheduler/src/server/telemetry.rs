//! What readers may follow: runs that have ended, what failed, and how often. Kept beside the machine, from its records and
//! from what workers report.
//!
//! Whoever drives the machine notes numbers of fixed size, and hands them over once a round; nothing is formatted there, and
//! each list has a limit. A reader follows the runs by number and is told how many it has missed, so none holds up the
//! scheduler by being slow.

use brisk_core::{
    id::{RunId, WorkerId},
    key::Key,
    message::WorkerToScheduler,
    state::TaskState,
    time::Moment,
};
use rustc_hash::FxHashMap;

use crate::machine::{Event, FunctionIndex, Record, Scheduler, What};

mod errors;
mod longest;
mod ring;

pub use errors::ErrorGroup;
pub(super) use longest::Longest;
pub use ring::EndedRun;

use errors::{Errors, Failed};
use ring::Ring;

/// What is kept for readers.
#[derive(Default)]
pub(super) struct Telemetry {
    pub(super) runs: Ring,
    pub(super) errors: Errors,
    pub(super) totals: RunTotals,
    /// By function.
    pub(super) functions: Vec<FunctionRuns>,
    /// All and only live workers.
    pub(super) workers: FxHashMap<WorkerId, WorkerRuns>,
}

/// What came of all runs since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunTotals {
    /// Runs that ended well.
    pub finished: u64,
    /// Runs that ended badly by their own doing; a task that is tried again has one for each try.
    pub failed: u64,
    /// Bytes that workers have fetched from each other.
    pub transferred: u64,
}

/// What came of a function's runs since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FunctionRuns {
    /// Runs that ended well.
    pub finished: u64,
    /// What they took together, in nanoseconds.
    pub took_ns: u64,
}

/// What came of a worker's runs since it joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerRuns {
    /// When it joined.
    pub joined: Moment,
    /// Runs that ended well.
    pub finished: u64,
    /// Runs that ended badly by their own doing.
    pub failed: u64,
}

/// What was noted in one round and not handed over yet.
#[derive(Default)]
pub(super) struct Tally {
    /// What the event that is being handled reports, if it is the end of a run.
    report: Option<Report>,
    runs: Vec<EndedRun>,
    failed: Vec<Failed>,
    /// Workers that have joined, or left, in this order.
    came_or_went: Vec<(WorkerId, Option<Moment>)>,
    transferred: u64,
}

struct Report {
    worker: WorkerId,
    run: RunId,
    took_ns: u64,
    nbytes: u64,
    ok: bool,
}

impl Tally {
    /// The machine is about to handle this event.
    pub(super) fn hear(&mut self, event: &Event) {
        self.report = None;
        let Event::FromWorker { worker, message, .. } = event else { return };
        let (run, took, nbytes, ok) = match message {
            WorkerToScheduler::Finished { run, took, nbytes, .. } => (*run, took, *nbytes, true),
            WorkerToScheduler::Failed { run, took, .. } => (*run, took, 0, false),
            WorkerToScheduler::Transfers(transfers) => {
                let sum = transfers.iter().map(|transfer| transfer.nbytes).fold(0, u64::saturating_add);
                self.transferred = self.transferred.saturating_add(sum);
                return;
            }
            _ => return,
        };
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.report = Some(Report { worker: *worker, run, took_ns, nbytes, ok });
    }

    /// The machine has recorded this, while it handled the event.
    pub(super) fn recorded(&mut self, record: &Record, machine: &Scheduler) {
        match record.what {
            What::Transition { key, function, from, to, run } => {
                if from == TaskState::Processing
                    && let Some(report) = self.report.take_if(|report| run == Some((report.worker, report.run)))
                {
                    let Report { worker, took_ns, nbytes, ok, .. } = report;
                    self.runs.push(EndedRun { key, function, worker, ended: record.at, took_ns, nbytes, ok });
                }
                if to == TaskState::Erred {
                    self.has_failed(key, function, record.at, machine);
                }
            }
            What::WorkerJoined { worker } => self.came_or_went.push((worker, Some(record.at))),
            What::WorkerLeft { worker, .. } => self.came_or_went.push((worker, None)),
            _ => {}
        }
    }

    /// A task has failed. What it pulls down with it is no error of its own.
    fn has_failed(&mut self, key: Key, function: FunctionIndex, at: Moment, machine: &Scheduler) {
        if let Some(error) = machine.task_error(key)
            && error.key().is_none_or(|of| of == key)
        {
            self.failed.push(Failed { key, function, at, error: error.clone() });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.failed.is_empty() && self.came_or_went.is_empty() && self.transferred == 0
    }
}

impl Telemetry {
    pub(super) fn new(runs: usize) -> Self {
        Telemetry { runs: Ring::new(runs), ..Telemetry::default() }
    }

    /// Takes over what was noted.
    pub(super) fn take(&mut self, tally: &mut Tally) {
        self.totals.transferred = self.totals.transferred.saturating_add(std::mem::take(&mut tally.transferred));
        for (worker, joined) in tally.came_or_went.drain(..) {
            match joined {
                Some(joined) => self.workers.insert(worker, WorkerRuns { joined, ..WorkerRuns::default() }),
                None => self.workers.remove(&worker),
            };
        }
        for run in tally.runs.drain(..) {
            self.count(&run);
            self.runs.push(run);
        }
        tally.failed.drain(..).for_each(|failed| self.errors.add(failed));
    }

    fn count(&mut self, run: &EndedRun) {
        let (finished, failed) = (u64::from(run.ok), u64::from(!run.ok));
        self.totals.finished += finished;
        self.totals.failed += failed;
        // One that has left in this same round is known no more.
        if let Some(worker) = self.workers.get_mut(&run.worker) {
            worker.finished += finished;
            worker.failed += failed;
        }
        let index = run.function.0 as usize;
        if index >= self.functions.len() {
            self.functions.resize(index + 1, FunctionRuns::default());
        }
        if run.ok {
            self.functions[index].finished += 1;
            self.functions[index].took_ns = self.functions[index].took_ns.saturating_add(run.took_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::{
        error::{ErrorKind, TaskError},
        id::Incarnation,
    };

    use super::*;

    /// Far more of everything than there is room for: runs, failures of ever other words, workers that come and go.
    #[test]
    fn what_is_kept_for_readers_has_bounds() {
        const KEPT: usize = 1_000;
        let mut telemetry = Telemetry::new(KEPT);
        let mut tally = Tally::default();
        for round in 0..1_000_u64 {
            let worker = WorkerId(Incarnation(round));
            let at = Moment::from_nanos(round);
            tally.came_or_went.push((worker, Some(at)));
            if let Some(long_gone) = round.checked_sub(3) {
                tally.came_or_went.push((WorkerId(Incarnation(long_gone)), None));
            }
            let key = Key::from_u128(round.into());
            let function = FunctionIndex((round % 5) as u32);
            let ended = EndedRun { key, function, worker, ended: at, took_ns: 10, nbytes: 8, ok: true };
            tally.runs.extend([ended; 100]);
            let error = TaskError::new(ErrorKind::Failed, format!("it was {round}"));
            tally.failed.push(Failed { key, function, at, error });
            telemetry.take(&mut tally);
        }
        assert!(tally.is_empty() && tally.runs.capacity() < KEPT);
        let mut runs = Longest::new(usize::MAX);
        let (lost, next) = telemetry.runs.read(0, usize::MAX, &mut runs);
        assert_eq!((runs.end().0.len(), lost, next), (KEPT, 99_000, 100_000));
        assert_eq!((telemetry.functions.len(), telemetry.workers.len()), (5, 3));
        assert!(telemetry.errors.groups().len() <= 200);
        assert_eq!(telemetry.totals.finished, 100_000);
    }
}
