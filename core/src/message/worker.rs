//! The link between a worker and the scheduler.

use std::{cmp::Ordering, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    address::Address,
    error::Failure,
    id::{RequestId, RunId, WorkerId},
    key::Key,
    message::RunNotes,
    options::Quantity,
    payload::Payload,
    task::TaskName,
};

/// What the scheduler says to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SchedulerToWorker {
    /// A worker that later messages name, once before it is first named.
    Worker {
        /// The worker.
        worker: WorkerId,
        /// Where its data link listens.
        address: Address,
        /// Its host's name: what is on this same host is near.
        host: Arc<str>,
    },
    /// A worker that was introduced is gone: ask it nothing more.
    WorkerGone(WorkerId),
    /// Run a task.
    Run(Box<Assignment>),
    /// Forget a run: abort it if it has not started; if it has, drop its result. Nothing is reported.
    Cancel {
        /// The task.
        key: Key,
        /// The run. A later run of the same key is not touched.
        run: RunId,
    },
    /// Drop these values. One that a running task uses is dropped when that task ends.
    Free(Vec<Key>),
    /// Who holds a key now, in answer to [`Missing`](WorkerToScheduler::Missing).
    Holders {
        /// The key.
        key: Key,
        /// Who holds it.
        holders: SmallVec<[WorkerId; 1]>,
    },
    /// Hand over tasks that have not started, in favour of another worker.
    Steal {
        /// The request, which the answer carries back.
        request: RequestId,
        /// The runs asked for.
        runs: Vec<(Key, RunId)>,
    },
    /// Fetch copies of these values and keep them, after everything that runs here needs. The answer is
    /// [`Added`](WorkerToScheduler::Added), or [`Missing`](WorkerToScheduler::Missing) when none of the holders has one.
    Acquire(Vec<DependencyInfo>),
    /// Leave now, for this reason. Nothing more will be accepted from this incarnation.
    Dismiss(Arc<str>),
    /// Leave now, for this reason, and for good: everything that ran here has ended, what was held is safe elsewhere, and
    /// whoever started this worker should start no other in its place.
    Retired(Arc<str>),
    /// Somebody says that these scattered values are there: a client that has put them there, or this worker itself. Those
    /// that are not held there, or no longer, are answered with [`Dropped`](WorkerToScheduler::Dropped): a message to free
    /// one may have crossed that word.
    Confirm(Vec<Key>),
    /// As [`Cancel`](SchedulerToWorker::Cancel); and if the run holds a thread, another is to take its place at once, since
    /// its code may not end for long.
    Abandon {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
    },
}

/// A run of a task on a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The task.
    pub task: TaskName,
    /// The run.
    pub run: RunId,
    /// Which attempt this is, from 1, for error messages.
    pub attempt: u32,
    /// Lower runs first.
    pub priority: Priority,
    /// The call, opaque to the scheduler.
    pub spec: Payload,
    /// What it needs, with those who hold it. An item without holders is made on this same worker, by a task sent before:
    /// this one starts when that value exists (it was *sent ahead*).
    pub dependencies: Vec<DependencyInfo>,
    /// What it takes of the worker's declared resources while it runs.
    pub resources: Vec<(Arc<str>, Quantity)>,
    /// Whether a client waits for the result: a short one should come along with the report.
    pub wanted: bool,
    /// Whether the key alone says which value this is, so that it may be [offered](WorkerToScheduler::Offered) to another
    /// life of the scheduler. Not so for a key that a user chose, nor for an actor's.
    pub reproducible: bool,
    /// How long the task's own code may take. A run that takes longer is reported as failed, and its result dropped.
    pub timeout: Option<Duration>,
}

/// A task's place among others: user priority, then submission, then place in the graph. Lower runs first.
///
/// Submissions are numbered in steps of [`STEP`](Self::STEP), so that one which comes from within a task has a place before
/// the one that the task came with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Priority {
    /// The user's priority, negated: a higher one runs first.
    pub user: i32,
    /// The submission: the lower one runs first.
    #[serde(with = "steps")]
    pub generation: u64,
    /// The place in the graph's depth-first order.
    pub order: u32,
}

impl Priority {
    /// How far apart two submissions are numbered, but for those from within tasks. A power of two.
    pub const STEP: u64 = 1 << 24;

    /// The three as one number that compares as they do. Queues of a million tasks are searched by it: comparing one number
    /// has no branches.
    fn rank(self) -> u128 {
        let user = (self.user as u32) ^ (1 << 31);
        u128::from(user) << 96 | u128::from(self.generation) << 32 | u128::from(self.order)
    }
}

/// How a generation goes over a wire: short, for whole steps, as small numbers are.
mod steps {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Priority;

    const BITS: u32 = Priority::STEP.trailing_zeros();

    pub(super) fn serialize<S: Serializer>(generation: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        generation.rotate_right(BITS).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        Ok(u64::deserialize(deserializer)?.rotate_left(BITS))
    }
}

impl Ord for Priority {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Priority {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A value that an assigned task needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DependencyInfo {
    /// The key.
    pub key: Key,
    /// Its length.
    pub nbytes: u64,
    /// Who holds it.
    pub holders: SmallVec<[WorkerId; 1]>,
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum WorkerToScheduler {
    /// A run has started: its task's inputs are held here until it ends. May be left out when the end is in the same
    /// batch.
    Started {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
    },
    /// A run has ended well; the value is held here.
    Finished {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
        /// The value's length.
        nbytes: u64,
        /// How long the task's own code took.
        took: Duration,
        /// The value itself, if a client waits for it and it is short or in the client's process.
        value: Option<Payload>,
    },
    /// A run has ended badly, by the task's own doing.
    Failed {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
        /// What happened. The scheduler adds the task's name, the worker and the attempt.
        failure: Box<Failure>,
        /// How long the task's own code took.
        took: Duration,
    },
    /// A run could not be started, by nobody's doing in particular, and should be assigned again.
    Returned {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
        /// Why.
        reason: Arc<str>,
    },
    /// Copies of these values were fetched and are held here too, with their lengths.
    Added(Vec<(Key, u64)>),
    /// Values that were made for an earlier life of the scheduler and are still held here, with their lengths: the first
    /// thing said after joining. Each is taken over if somebody asks for its key before long, and freed otherwise.
    Offered(Vec<(Key, u64)>),
    /// Values that clients have put here, with their lengths. Each is taken over if a client
    /// [says so](super::ClientToScheduler::Scattered) before long, and freed otherwise.
    Received(Vec<(Key, u64)>),
    /// These values are not held here, or no longer. Also the answer to [`Confirm`](SchedulerToWorker::Confirm), if any is
    /// missing.
    Dropped(Vec<Key>),
    /// A value needed by a run can't be had from these holders, or no holder is known. With no holder named: all that are
    /// known are too busy.
    Missing {
        /// The value.
        key: Key,
        /// The holders that did not have it, or did not answer.
        holders: SmallVec<[WorkerId; 1]>,
    },
    /// The answer to [`Steal`](SchedulerToWorker::Steal): the runs given up. The others have started or ended.
    Stolen {
        /// The request.
        request: RequestId,
        /// The runs given up, which this worker has forgotten.
        runs: Vec<(Key, RunId)>,
    },
    /// The worker starts nothing new for want of memory, or takes work again.
    Paused(bool),
    /// What the worker measures of itself, now and then.
    Health {
        /// Memory of all values held, in bytes.
        bytes: u64,
        /// Values held.
        values: u64,
    },
    /// The worker's process is about to end. It starts nothing more, and asks to be dismissed once what it holds is safe
    /// elsewhere; it will not wait for ever.
    Retiring(Arc<str>),
    /// What transfers have taken since the last such message.
    Transfers(Vec<Transfer>),
    /// The worker leaves by its own will; nothing is to be blamed on anybody.
    Goodbye(Arc<str>),
    /// A run that has started waits for other tasks, and has given its thread up meanwhile.
    Seceded {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
    },
    /// A run that had seceded goes on, in a thread again: at once, even if others have taken all of them.
    Rejoined {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
    },
    /// What runs say of themselves. For the scheduler's shell; its machine is not concerned.
    Notes(Vec<RunNotes>),
}

/// What one transfer between two workers has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Who sent.
    pub from: WorkerId,
    /// The length of all values that came.
    pub nbytes: u64,
    /// From the request to the last byte.
    pub took: Duration,
}

impl SchedulerToWorker {
    pub(super) fn payload(&self) -> Option<&Payload> {
        match self {
            Self::Run(assignment) => Some(&assignment.spec),
            _ => None,
        }
    }

    pub(super) fn payload_mut(&mut self) -> Option<&mut Payload> {
        match self {
            Self::Run(assignment) => Some(&mut assignment.spec),
            _ => None,
        }
    }
}

impl WorkerToScheduler {
    pub(super) fn payload(&self) -> Option<&Payload> {
        match self {
            Self::Finished { value, .. } => value.as_ref(),
            _ => None,
        }
    }

    pub(super) fn payload_mut(&mut self) -> Option<&mut Payload> {
        match self {
            Self::Finished { value, .. } => value.as_mut(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_compare_by_user_then_generation_then_order() {
        let mut all = Vec::new();
        for user in [i32::MIN, -1, 0, 1, i32::MAX] {
            for generation in [0, 1, u64::MAX] {
                all.extend([0, 1, u32::MAX].map(|order| Priority { user, generation, order }));
            }
        }
        assert!(all.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn generations_go_over_a_wire_as_short_as_they_can() {
        for (generation, length) in
            [(0, 1), (Priority::STEP, 1), (100 * Priority::STEP, 1), (Priority::STEP - 1, 10), (u64::MAX, 10)]
        {
            let priority = Priority { generation, ..Priority::default() };
            let bytes = postcard::to_allocvec(&priority).unwrap();
            assert_eq!(bytes.len(), 2 + length);
            assert_eq!(postcard::from_bytes::<Priority>(&bytes).unwrap(), priority);
        }
    }
}
