//! What the scheduler looks like at one moment, for people and programs that watch it.

use std::sync::Arc;

use brisk_core::{
    address::Address,
    id::{ClientId, EnvironmentId, SupervisorId, WorkerId},
    state::TaskState,
};
use serde::{Deserialize, Serialize};

use super::{Scheduler, target::Target};

/// The scheduler at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// How many tasks there are in each state that has any, in the order of a life.
    pub tasks: Vec<(TaskState, u64)>,
    /// The workers, in the order of their ids, which is about that of their joining.
    pub workers: Vec<WorkerSnapshot>,
    /// The clients, in the order of their ids, which is about that of their joining.
    pub clients: Vec<ClientSnapshot>,
    /// The supervisors, in the order of their ids, which is about that of their joining.
    pub supervisors: Vec<SupervisorSnapshot>,
    /// How many workers the present work wants, for each build.
    pub targets: Vec<Target>,
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
    /// How many of those have given their threads up, since they wait for other tasks.
    pub away: u32,
    /// How many values it is known to hold.
    pub values: u64,
    /// Their length together, in bytes.
    pub bytes: u64,
    /// What it last said that its values take, in bytes.
    pub reported_bytes: u64,
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
    /// Submissions from within runs that were no longer those of their tasks, or whose tasks are too old.
    pub late_parents: u64,
    /// Submissions that were refused.
    pub refused_submissions: u64,
    /// Answers to requests that were not made.
    pub unasked_answers: u64,
    /// Replicas offered of values that are not the ones known, or of unknown keys.
    pub strange_replicas: u64,
    /// Requests to primitives that came twice.
    pub repeated_requests: u64,
}

impl Scheduler {
    /// What the scheduler looks like now. Looks at every task.
    pub fn snapshot(&self) -> Snapshot {
        let mut counts = std::collections::BTreeMap::<TaskState, u64>::new();
        for (_, task) in self.tasks.slab.iter() {
            *counts.entry(task.state.name()).or_default() += 1;
        }
        let workers = self.workers.in_order().map(|(_, worker)| WorkerSnapshot {
            worker: worker.id,
            name: worker.name.clone(),
            address: worker.info.address.clone(),
            host: worker.info.host.clone(),
            environment: self.classes.environments[worker.environment].id,
            threads: worker.info.threads,
            assigned: worker.processing.len() as u32,
            started: worker.started,
            away: worker.away,
            values: worker.replicas.len() as u64,
            bytes: worker.bytes,
            reported_bytes: worker.reported_bytes,
            memory_limit: worker.info.memory_limit,
            paused: worker.paused,
        });
        let clients = self.clients.in_order().map(|(_, client)| ClientSnapshot {
            client: client.id,
            name: client.name.clone(),
            environment: self.classes.environments[client.environment].id,
            wants: client.wants.len() as u64,
        });
        let supervisors = self.supervisors.values().map(|supervisor| SupervisorSnapshot {
            supervisor: supervisor.id,
            host: supervisor.host.clone(),
            workers: supervisor.workers,
        });
        Snapshot {
            tasks: counts.into_iter().collect(),
            workers: workers.collect(),
            clients: clients.collect(),
            supervisors: supervisors.collect(),
            targets: self.targets(),
            counters: self.counters,
        }
    }
}
