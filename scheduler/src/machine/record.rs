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
