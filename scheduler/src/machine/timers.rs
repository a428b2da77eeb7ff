//! What is to happen when nothing else does.

use std::collections::BTreeSet;

use brisk_core::{id::EnvironmentId, time::Moment};
use serde::{Deserialize, Serialize};

use super::slab::{ClassIndex, ClientIndex, EnvironmentIndex, TaskIndex, WorkerIndex};

/// One kind of deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Timer {
    /// This task has waited too long for a worker.
    Expire(TaskIndex),
    /// The pause before this task's next run is over, or its run is overdue.
    Alarm(TaskIndex),
    /// Clients should hear why no task of this class runs.
    Notice(ClassIndex),
    /// Workers that have work ahead should be looked at.
    Watch,
    /// A worker has not got a copy of a value.
    Copy(TaskIndex, WorkerIndex),
    /// Values that may have too few copies are left to be looked at.
    Copies,
    /// Copies that nobody needs should be dropped.
    Surplus,
    /// Queued work that only paused workers may run should be looked at.
    Relief,
    /// Tasks of this build that were set aside until there is more memory should be looked at.
    Withheld(EnvironmentIndex),
    /// A worker that retires has waited long enough for its runs.
    Retire(WorkerIndex),
    /// This build has had no client for so long that its workers should end.
    Stop(EnvironmentId),
    /// Nobody has asked for what is left of this worker's offers.
    Offers(WorkerIndex),
    /// Whoever survived the last scheduler has had time to come back.
    Gathered,
    /// This client, whose connection was lost, has had time to come back.
    Departed(ClientIndex),
}

/// All deadlines, in order of time; those of one moment in the order of their kinds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Timers(BTreeSet<(Moment, Timer)>);

impl Timers {
    pub(super) fn insert(&mut self, at: Moment, timer: Timer) {
        self.0.insert((at, timer));
    }

    pub(super) fn remove(&mut self, at: Moment, timer: Timer) {
        self.0.remove(&(at, timer));
    }

    /// Whether this deadline is set. For checks.
    pub(super) fn has(&self, at: Moment, timer: Timer) -> bool {
        self.0.contains(&(at, timer))
    }

    pub(super) fn next(&self) -> Option<Moment> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes the first deadline that has passed.
    pub(super) fn pop(&mut self, now: Moment) -> Option<Timer> {
        let (at, timer) = *self.0.first()?;
        if at > now {
            return None;
        }
        self.0.pop_first();
        Some(timer)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Moment, Timer)> {
        self.0.iter().copied()
    }
}
