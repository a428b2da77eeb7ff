//! What the scheduler looks like at one moment, for people and programs that watch it.

use std::sync::Arc;

use brisk_core::{
    address::Address,
    id::{ClientId, EnvironmentId, SupervisorId, WorkerId},
    state::TaskState,
};
use serde::{Deserialize, Serialize};

/// The scheduler at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// How many tasks there are in each state that has any.
    pub tasks: Vec<(TaskState, u64)>,
    /// The workers, in the order in which they joined.
    pub workers: Vec<WorkerSnapshot>,
    /// The clients, in the order in which they joined.
    pub clients: Vec<ClientSnapshot>,
    /// The supervisors, in the order in which they joined.
    pub supervisors: Vec<SupervisorSnapshot>,
    /// What was dropped, and why.
    pub counters: Counters,
}

impl Snapshot {
    /// How many tasks are in `state`.
    pub fn count(&self, state: TaskState) -> u64 {
        self.tasks.iter().find(|(s, _)| *s == state).map_or(0, |(_, count)| *count)
    }

    /// How many tasks there are.
    pub fn total(&self) -> u64 {
        self.tasks.iter().map(|(_, count)| count).sum()
    }
}

/// A worker at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerSnapshot {
    /// Its session.
    pub worker: WorkerId,
    /// Its name.
    pub name: Arc<str>,
    /// Where its data link listens.
    pub address: Address,
    /// Its host's name.
    pub host: Arc<str>,
    /// Its build.
    pub environment: EnvironmentId,
    /// How many tasks it runs at once.
    pub threads: u32,
    /// How many tasks it was given that have not ended.
    pub assigned: u32,
    /// How many of those are known to have started.
    pub started: u32,
    /// How many values it is known to hold.
    pub values: u64,
    /// Their length together, in bytes.
    pub bytes: u64,
    /// How many bytes of values it may hold; 0 for no limit.
    pub memory_limit: u64,
    /// Whether it takes no work for want of memory.
    pub paused: bool,
}

/// A client at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSnapshot {
    /// Its session.
    pub client: ClientId,
    /// Its name.
    pub name: Arc<str>,
    /// Its build.
    pub environment: EnvironmentId,
    /// How many keys it wants.
    pub wants: u64,
}

/// A supervisor at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorSnapshot {
    /// Its session.
    pub supervisor: SupervisorId,
    /// Its host's name.
    pub host: Arc<str>,
    /// How many workers it starts for each program.
    pub workers: u32,
}

/// What was dropped instead of being acted on, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counters {
    /// Messages for another life of the scheduler.
    pub stale_epochs: u64,
    /// Events of peers that had left, or never joined.
    pub unknown_peers: u64,
    /// Reports of runs that are not the current run of their task on that worker.
    pub stale_runs: u64,
    /// Messages about wants that are not the current want of that client.
    pub stale_wants: u64,
    /// Chunks that came twice, or belong to a submission that was refused.
    pub ignored_chunks: u64,
    /// Submissions that were refused.
    pub refused_submissions: u64,
    /// Answers to requests that were not made.
    pub unasked_answers: u64,
    /// Replicas offered of values that are not the ones known, or of unknown keys.
    pub strange_replicas: u64,
}
