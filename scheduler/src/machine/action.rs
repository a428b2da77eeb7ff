//! Everything the scheduler can ask for.

use std::sync::Arc;

use brisk_core::{
    id::{ClientId, SupervisorId, WorkerId},
    message::{SchedulerToClient, SchedulerToSupervisor, SchedulerToWorker},
};
use serde::{Deserialize, Serialize};

use super::record::Record;

/// One thing to do. The messages to one peer are to be sent in the order in which they come out; a peer that is closed
/// gets what came before the closing, if it still can.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Action {
    /// Tell a client.
    ToClient {
        /// Whom.
        client: ClientId,
        /// What.
        message: SchedulerToClient,
    },
    /// Tell a worker.
    ToWorker {
        /// Whom.
        worker: WorkerId,
        /// What.
        message: SchedulerToWorker,
    },
    /// Tell a supervisor.
    ToSupervisor {
        /// Whom.
        supervisor: SupervisorId,
        /// What.
        message: SchedulerToSupervisor,
    },
    /// End a client's connection. The machine has forgotten the client already; its end need not be reported.
    CloseClient {
        /// Whose.
        client: ClientId,
        /// Why; empty if the peer itself has said goodbye.
        reason: Arc<str>,
    },
    /// End a worker's connection. The machine has forgotten the worker already; its end need not be reported.
    CloseWorker {
        /// Whose.
        worker: WorkerId,
        /// Why; empty if the peer itself has said goodbye.
        reason: Arc<str>,
    },
    /// End a supervisor's connection. The machine has forgotten it already; its end need not be reported.
    CloseSupervisor {
        /// Whose.
        supervisor: SupervisorId,
        /// Why; empty if the peer itself has said goodbye.
        reason: Arc<str>,
    },
    /// Note this in the log of events.
    Record(Record),
}
