//! Every deadline of a worker.

use std::collections::BTreeSet;

use brisk_core::{
    id::{RequestId, RunId, WorkerId},
    key::Key,
    time::Moment,
};
use serde::{Deserialize, Serialize};

/// What a deadline is for. Each thing has at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Timer {
    /// A request has made no progress.
    Request(RequestId),
    /// A want is to be looked at again.
    Want(Key),
    /// A run has taken longer than it may.
    Run(RunId),
    /// A peer may be asked again.
    Peer(WorkerId),
    /// What is held is to be reported.
    Health,
    /// What transfers have taken is to be reported.
    Transfers,
    /// The scheduler has had long enough to dismiss the worker.
    Leave,
}

/// All and only the deadlines that are set, in order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Timers(BTreeSet<(Moment, Timer)>);

impl Timers {
    pub(super) fn set(&mut self, at: Moment, timer: Timer) {
        self.0.insert((at, timer));
    }

    pub(super) fn clear(&mut self, at: Moment, timer: Timer) {
        self.0.remove(&(at, timer));
    }

    pub(super) fn next(&self) -> Option<Moment> {
        self.0.first().map(|(at, _)| *at)
    }

    pub(super) fn pop_due(&mut self, now: Moment) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, timer)| timer)
    }

    pub(super) fn contains(&self, at: Moment, timer: Timer) -> bool {
        self.0.contains(&(at, timer))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
