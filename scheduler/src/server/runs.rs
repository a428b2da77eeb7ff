//! The task stream: which runs there were lately, put together from the records.

use std::{collections::BTreeMap, time::Duration};

use brisk_core::{
    id::{RunId, WorkerId},
    key::Key,
    message::{RunList, RunStatus},
    state::TaskState,
    task::TaskName,
    time::Moment,
};

use super::Shared;
use crate::machine::{FunctionIndex, Record, Scheduler, What};

/// A run whose end was not come to yet.
struct Open {
    key: Key,
    function: FunctionIndex,
    begun: Moment,
    has_started: bool,
}

/// The newest `limit` runs of those that had not ended `within` so long, and before the moment `since`, in the order of their
/// beginnings.
pub(super) fn runs(
    shared: &Shared,
    machine: &Scheduler,
    (within, since): (Duration, Duration),
    limit: usize,
) -> RunList {
    let now = shared.now();
    let clock = Duration::from_nanos(now.as_nanos());
    let within = within.min(clock.saturating_sub(since));
    let records = shared.records.lock();
    // What was forgotten may be the beginning of what is told.
    let complete = records.len() < shared.config.records || records.front().is_some_and(|r| now.since(r.at) > within);
    let mut runs = put_together(records.iter(), machine, now);
    drop(records);
    runs.retain(|run| run.ended.is_none_or(|ended| ended <= within));
    runs.sort_by_key(|run| std::cmp::Reverse(run.begun));
    let surplus = runs.len().saturating_sub(limit);
    runs.drain(..surplus);
    RunList { runs, more: surplus as u64, complete, now: clock }
}

fn put_together<'a>(records: impl Iterator<Item = &'a Record>, machine: &Scheduler, now: Moment) -> Vec<RunStatus> {
    let mut open: BTreeMap<(WorkerId, RunId), Open> = BTreeMap::new();
    let mut runs = Vec::new();
    for record in records {
        match record.what {
            What::Transition { key, function, to: TaskState::Processing, run: Some(run), .. } => {
                open.insert(run, Open { key, function, begun: record.at, has_started: false });
            }
            What::Started { worker, run, .. } => {
                if let Some(open) = open.get_mut(&(worker, run)) {
                    (open.begun, open.has_started) = (record.at, true);
                }
            }
            What::Transition { from: TaskState::Processing, to, run: Some(run), .. } => {
                let has_ended = matches!(to, TaskState::Memory | TaskState::Erred);
                // What was taken back before it had started, for a worker that had nothing to do, is no run.
                if let Some(run_of) = open.remove(&run).filter(|open| open.has_started || has_ended) {
                    runs.push(told(machine, now, run.0, &run_of, Some((record.at, to))));
                }
            }
            _ => {}
        }
    }
    let going_on = open.into_iter().filter(|(_, open)| open.has_started);
    runs.extend(going_on.map(|((worker, _), open)| told(machine, now, worker, &open, None)));
    runs
}

fn told(machine: &Scheduler, now: Moment, worker: WorkerId, run: &Open, end: Option<(Moment, TaskState)>) -> RunStatus {
    let function = machine.function(run.function).map_or_else(|| "?".into(), |function| function.name.clone());
    RunStatus {
        task: TaskName::of_call(function.clone(), run.key),
        function,
        worker: machine.worker_name(worker).unwrap_or_else(|| worker.to_string().into()),
        begun: now.since(run.begun),
        ended: end.map(|(at, _)| now.since(at)),
        to: end.map_or(TaskState::Processing, |(_, to)| to),
    }
}
