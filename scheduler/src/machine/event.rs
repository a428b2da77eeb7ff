//! Everything that can happen to the scheduler.

use std::sync::Arc;

use brisk_core::{
    hello::WorkerInfo,
    id::{ClientId, EnvironmentId, Epoch, SupervisorId, WorkerId},
    message::{ClientToScheduler, ProgramSpec, SupervisorToScheduler, WorkerToScheduler},
};
use serde::{Deserialize, Serialize};

/// One thing that happened. Plain data: a recording is a list of these.
///
/// Whoever drives the machine hands out incarnations, in rising order, and says that a peer has joined before its first
/// message and that it has left after its last. What comes of a peer that is not known is dropped and counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Event {
    /// A client was taken.
    ClientJoined {
        /// Its session.
        client: ClientId,
        /// Its name, for people.
        name: Arc<str>,
        /// Its build.
        environment: EnvironmentId,
        /// Where its program can be started from, if others may start it.
        program: Option<ProgramSpec>,
    },
    /// A client's connection has ended.
    ClientLeft {
        /// Which.
        client: ClientId,
        /// Why, in words.
        reason: Arc<str>,
    },
    /// A worker was taken.
    WorkerJoined {
        /// Its session.
        worker: WorkerId,
        /// Its name, for people.
        name: Arc<str>,
        /// Its build.
        environment: EnvironmentId,
        /// What it said of itself.
        info: WorkerInfo,
    },
    /// A worker's connection has ended.
    WorkerLeft {
        /// Which.
        worker: WorkerId,
        /// Why, in words: it stands in the error of a task that has killed too many.
        cause: Arc<str>,
        /// Whether it was to end: nothing is blamed on anybody then.
        intended: bool,
    },
    /// An operator wants a worker to go, without losing what it holds. If nobody can take that, it works on.
    RetireWorker {
        /// Which.
        worker: WorkerId,
        /// Why, in words.
        reason: Arc<str>,
    },
    /// A supervisor was taken.
    SupervisorJoined {
        /// Its session.
        supervisor: SupervisorId,
        /// Its host's name.
        host: Arc<str>,
        /// How many workers it will start for each program.
        workers: u32,
    },
    /// A supervisor's connection has ended.
    SupervisorLeft {
        /// Which.
        supervisor: SupervisorId,
        /// Why, in words.
        reason: Arc<str>,
    },
    /// A client says something.
    FromClient {
        /// Which.
        client: ClientId,
        /// The scheduler's life that it believes in.
        epoch: Epoch,
        /// What it says.
        message: ClientToScheduler,
    },
    /// A worker says something.
    FromWorker {
        /// Which.
        worker: WorkerId,
        /// The scheduler's life that it believes in.
        epoch: Epoch,
        /// What it says.
        message: WorkerToScheduler,
    },
    /// A supervisor says something.
    FromSupervisor {
        /// Which.
        supervisor: SupervisorId,
        /// The scheduler's life that it believes in.
        epoch: Epoch,
        /// What it says.
        message: SupervisorToScheduler,
    },
    /// Nothing but time has passed. Early ones do nothing.
    Tick,
}
