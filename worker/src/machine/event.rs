//! Everything that can happen to a worker.

use std::{sync::Arc, time::Duration};

use brisk_core::{
    error::Failure,
    id::{Epoch, RequestId, RunId, WorkerId},
    key::Key,
    message::SchedulerToWorker,
};
use serde::{Deserialize, Serialize};

/// Something that happened. Values stay outside: an event tells of them by key and length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The scheduler said something.
    FromScheduler {
        /// The scheduler's life, from the batch.
        epoch: Epoch,
        /// What it said.
        message: SchedulerToWorker,
    },
    /// A run that was handed to the executor has ended, for better or worse. Comes once for each
    /// [`Execute`](super::Action::Execute).
    Done {
        /// The run.
        run: RunId,
        /// The value's length in bytes, or what went wrong.
        outcome: Result<u64, Box<Failure>>,
        /// How long the task's own code took.
        took: Duration,
    },
    /// A run gave its thread back and goes on asynchronously.
    Detached {
        /// The run.
        run: RunId,
    },
    /// A run waits for other tasks, and has given its thread up meanwhile.
    Seceded {
        /// The run.
        run: RunId,
    },
    /// A run that had seceded goes on, in a thread again.
    Rejoined {
        /// The run.
        run: RunId,
    },
    /// A run was [abandoned](super::Action::Abandon), and there is no thread to take the place of its own.
    Kept {
        /// The run.
        run: RunId,
    },
    /// A peer answered some keys of a request.
    FetchDone {
        /// The request.
        request: RequestId,
        /// The answers.
        outcomes: Vec<(Key, FetchResult)>,
    },
    /// The link to a peer failed or could not be made. What it was asked for will not be answered.
    PeerLost {
        /// The peer.
        worker: WorkerId,
    },
    /// A client has sent values to be kept, with the memory they take. The values come along, in this order.
    Put {
        /// The keys, with the lengths in bytes.
        values: Vec<(Key, u64)>,
    },
    /// A deadline may have passed.
    Tick,
    /// The worker is to leave soon, by its own process's will, once what it holds is safe elsewhere.
    Retire {
        /// Why, for people.
        reason: Arc<str>,
    },
    /// The worker is to leave at once, by its own process's will.
    Shutdown {
        /// Why, for people.
        reason: Arc<str>,
    },
}

/// What became of one key of a fetch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FetchResult {
    /// It came.
    Stored {
        /// Its length in bytes.
        nbytes: u64,
    },
    /// The peer does not have it.
    Missing,
    /// The peer has too much to send: ask again later.
    Busy,
    /// The peer has it, but it can't leave the peer's process.
    Failed(Box<Failure>),
}
