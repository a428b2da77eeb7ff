//! Every message of every link, and the batches they travel in.
//!
//! There are four links: client and scheduler, worker and scheduler, supervisor and scheduler, and the data link from
//! whoever needs a value (a worker or a client) to the worker that holds it. A message names what it belongs to: a run, a
//! request, a want; its batch names the epoch and the incarnation. What is stale is dropped and counted, never acted on.
//!
//! Messages hold no values: where one travels with a message there is a [`Payload`].

use serde::{Deserialize, Serialize};

use crate::{
    id::{Epoch, Incarnation},
    payload::Payload,
};

mod client;
mod coordination;
mod data;
mod inspection;
mod notes;
mod plot;
mod supervisor;
mod worker;

pub use client::{Answer, ClientToScheduler, KeyNews, ScatteredValue, SchedulerToClient, SubmittedTask};
pub use coordination::{Operation, Shared};
pub use data::{DataMessage, FetchOutcome};
pub use inspection::{
    CallSpec, DumpPage, DumpPlace, FunctionStatus, Query, Remaining, RunList, RunStatus, SchedulerInfo, StoryLine,
    TaskFilter, TaskList, TaskStatus, Told, WorkerStatus,
};
pub use notes::{Extent, LogLine, RunNotes, TaskProgress};
pub use plot::{PlotGrid, PlotKind, PlotPoints, PlotSpec, PlotUpdate};
pub use supervisor::{Exit, ProgramSpec, SchedulerToSupervisor, SupervisorToScheduler};
pub use worker::{Assignment, DependencyInfo, Priority, SchedulerToWorker, Transfer, WorkerToScheduler};

/// Messages that one peer has for another, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The scheduler's life that both ends believe in.
    pub epoch: Epoch,
    /// On links with the scheduler: the other peer's session. On data links: the session of the worker that is asked, so
    /// that a worker never answers for a dead one whose address it took over.
    pub incarnation: Incarnation,
    /// The messages.
    pub messages: Messages,
}

/// The messages of one link, in one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Messages {
    /// From a client.
    ClientToScheduler(Vec<ClientToScheduler>),
    /// To a client.
    SchedulerToClient(Vec<SchedulerToClient>),
    /// From a worker.
    WorkerToScheduler(Vec<WorkerToScheduler>),
    /// To a worker.
    SchedulerToWorker(Vec<SchedulerToWorker>),
    /// From a supervisor.
    SupervisorToScheduler(Vec<SupervisorToScheduler>),
    /// To a supervisor.
    SchedulerToSupervisor(Vec<SchedulerToSupervisor>),
    /// On a data link, either way.
    Data(Vec<DataMessage>),
}

impl Messages {
    /// How many messages there are.
    pub fn len(&self) -> usize {
        match self {
            Self::ClientToScheduler(messages) => messages.len(),
            Self::SchedulerToClient(messages) => messages.len(),
            Self::WorkerToScheduler(messages) => messages.len(),
            Self::SchedulerToWorker(messages) => messages.len(),
            Self::SupervisorToScheduler(messages) => messages.len(),
            Self::SchedulerToSupervisor(messages) => messages.len(),
            Self::Data(messages) => messages.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which link and direction this is, for messages about messages.
    pub fn link(&self) -> &'static str {
        match self {
            Self::ClientToScheduler(_) => "client to scheduler",
            Self::SchedulerToClient(_) => "scheduler to client",
            Self::WorkerToScheduler(_) => "worker to scheduler",
            Self::SchedulerToWorker(_) => "scheduler to worker",
            Self::SupervisorToScheduler(_) => "supervisor to scheduler",
            Self::SchedulerToSupervisor(_) => "scheduler to supervisor",
            Self::Data(_) => "data",
        }
    }

    /// Every payload, in the order in which the codec lays them beside the messages.
    pub fn for_each_payload<E>(&self, mut visit: impl FnMut(&Payload) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::ClientToScheduler(messages) => {
                messages.iter().flat_map(ClientToScheduler::payloads).try_for_each(visit)
            }
            Self::SchedulerToClient(messages) => {
                messages.iter().flat_map(SchedulerToClient::payloads).try_for_each(visit)
            }
            Self::WorkerToScheduler(messages) => {
                messages.iter().filter_map(WorkerToScheduler::payload).try_for_each(visit)
            }
            Self::SchedulerToWorker(messages) => {
                messages.iter().filter_map(SchedulerToWorker::payload).try_for_each(visit)
            }
            Self::SupervisorToScheduler(_) | Self::SchedulerToSupervisor(_) => Ok(()),
            Self::Data(messages) => messages.iter().flat_map(DataMessage::payloads).try_for_each(&mut visit),
        }
    }

    /// As [`for_each_payload`](Messages::for_each_payload), to change them.
    pub(crate) fn for_each_payload_mut<E>(
        &mut self,
        mut visit: impl FnMut(&mut Payload) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::ClientToScheduler(messages) => {
                messages.iter_mut().flat_map(ClientToScheduler::payloads_mut).try_for_each(visit)
            }
            Self::SchedulerToClient(messages) => {
                messages.iter_mut().flat_map(SchedulerToClient::payloads_mut).try_for_each(visit)
            }
            Self::WorkerToScheduler(messages) => {
                messages.iter_mut().filter_map(WorkerToScheduler::payload_mut).try_for_each(visit)
            }
            Self::SchedulerToWorker(messages) => {
                messages.iter_mut().filter_map(SchedulerToWorker::payload_mut).try_for_each(visit)
            }
            Self::SupervisorToScheduler(_) | Self::SchedulerToSupervisor(_) => Ok(()),
            Self::Data(messages) => messages.iter_mut().flat_map(DataMessage::payloads_mut).try_for_each(&mut visit),
        }
    }

    /// The length of all payloads together, in bytes.
    pub fn payload_bytes(&self) -> u64 {
        let mut bytes = 0u64;
        let counted: Result<(), std::convert::Infallible> = self.for_each_payload(|payload| {
            bytes = bytes.saturating_add(payload.len());
            Ok(())
        });
        match counted {
            Ok(()) => bytes,
        }
    }
}
