//! Telemetry: what happened to tasks, values and workers, in records of fixed size.
//!
//! From the records alone one can prove, for instance, that a worker was running a task when it died, that it was the
//! only holder of a value that was needed, and which tasks were computed again for it.

use brisk_core::{
    id::{ClientId, RunId, WorkerId},
    key::Key,
    state::TaskState,
    time::Moment,
};
use serde::{Deserialize, Serialize};

/// A function as records name it: an index, which
/// [`Scheduler::function`](super::Scheduler::function) turns into words. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FunctionIndex(pub u32);

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When.
    pub at: Moment,
    /// What.
    pub what: What,
}

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum What {
    /// A task went from one state to another.
    Transition {
        /// The task.
        key: Key,
        /// Its function.
        function: FunctionIndex,
        /// The state it left.
        from: TaskState,
        /// The state it is in.
        to: TaskState,
        /// The run that begins, if `to` is processing, or that ends, if `from` is.
        run: Option<(WorkerId, RunId)>,
    },
    /// A worker says that it has started a run.
    Started {
        /// The task.
        key: Key,
        /// Its function.
        function: FunctionIndex,
        /// The worker.
        worker: WorkerId,
        /// The run.
        run: RunId,
    },
    /// A worker holds a value.
    ReplicaAdded {
        /// The value.
        key: Key,
        /// The worker.
        worker: WorkerId,
        /// How many hold it now.
        holders: u32,
    },
    /// A worker holds a value no more: it was freed, dropped or lost with the worker.
    ReplicaLost {
        /// The value.
        key: Key,
        /// The worker.
        worker: WorkerId,
        /// How many still hold it.
        holders: u32,
    },
    /// The last replica of a value that is needed was lost: its task is to be computed again.
    Recompute {
        /// The task.
        key: Key,
        /// Its function.
        function: FunctionIndex,
    },
    /// A worker died while it ran a task, or presumably did.
    Suspected {
        /// The task.
        key: Key,
        /// Its function.
        function: FunctionIndex,
        /// The worker.
        worker: WorkerId,
        /// The run.
        run: RunId,
        /// How many workers have died under the task so far.
        deaths: u32,
    },
    /// A worker joined.
    WorkerJoined {
        /// Which.
        worker: WorkerId,
    },
    /// A worker left. What it ran and held is told by the records that follow.
    WorkerLeft {
        /// Which.
        worker: WorkerId,
        /// Whether it was to end.
        intended: bool,
    },
    /// A client joined.
    ClientJoined {
        /// Which.
        client: ClientId,
    },
    /// A client left.
    ClientLeft {
        /// Which.
        client: ClientId,
    },
}

/// Records for which memory is kept from event to event: one that forgets a million tasks has millions.
const KEPT: usize = 4_096;

/// What was recorded and nobody has taken yet, in order.
#[derive(Debug, Default)]
pub(super) struct Records {
    all: Vec<Record>,
    /// How many of these were taken, one by one.
    taken: usize,
}

impl Records {
    pub(super) fn push(&mut self, record: Record) {
        self.all.push(record);
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Option<Record> {
        let next = self.all.get(self.taken).copied();
        match next {
            Some(_) => self.taken += 1,
            None => self.clear(),
        }
        next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left().is_empty()
    }

    pub(super) fn left(&self) -> &[Record] {
        &self.all[self.taken..]
    }

    /// Nothing, but with the memory of these.
    pub(super) fn emptied(mut self) -> Self {
        self.clear();
        self
    }

    fn clear(&mut self) {
        self.all.clear();
        self.all.shrink_to(KEPT);
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(number: u64) -> Record {
        let client = ClientId(brisk_core::id::Incarnation(number));
        Record { at: Moment::from_nanos(number), what: What::ClientJoined { client } }
    }

    #[test]
    fn records_are_taken_once_and_in_order_one_by_one_or_together() {
        let mut records = Records::default();
        (1..=3).for_each(|number| records.push(joined(number)));
        assert_eq!(records.next(), Some(joined(1)));
        assert_eq!(records.left(), [joined(2), joined(3)]);
        let mut records = records.emptied();
        assert!(records.is_empty() && records.next().is_none());
        records.push(joined(4));
        assert_eq!((records.next(), records.next()), (Some(joined(4)), None));
        records.push(joined(5));
        assert_eq!(records.left(), [joined(5)]);
    }
}
