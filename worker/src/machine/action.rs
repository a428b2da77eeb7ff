//! Everything that a worker can ask for.

use std::{sync::Arc, time::Duration};

use brisk_core::{
    address::Address,
    id::{RequestId, RunId, WorkerId},
    key::Key,
    message::WorkerToScheduler,
    payload::Payload,
    task::TaskName,
};

/// Something to do. Carry them out in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send a message to the scheduler. The driver adds the value to a `Finished` whose run was `wanted`.
    ToScheduler(WorkerToScheduler),
    /// Run a task. Exactly one [`Done`](super::Event::Done) must follow, whatever becomes of it.
    Execute {
        /// The run.
        run: RunId,
        /// The task.
        key: Key,
        /// The call. All its inputs are stored.
        spec: Payload,
        /// The task's name, for messages.
        task: TaskName,
        /// Which attempt this is, from 1.
        attempt: u32,
        /// Whether a client waits: a short value should go along with the report.
        wanted: bool,
        /// How long it may take, from now on. The machine watches that; the task may want to know.
        limit: Option<Duration>,
    },
    /// Nobody waits for this run any more: tell its task, and end it early if that can be done. Its `Done` must still come.
    Abort {
        /// The run.
        run: RunId,
    },
    /// Leave its thread to this run, which was aborted before, and let another take its place. If there is none,
    /// [`Kept`](super::Event::Kept) must follow. Its `Done` must still come.
    Abandon {
        /// The run.
        run: RunId,
    },
    /// Store, under this key, the value that came with the event being dealt with. Replaces a value stored before. For a
    /// [`FetchDone`](super::Event::FetchDone) the keys come in the order of its outcomes. A value that is not kept is to
    /// be dropped.
    Keep {
        /// The key.
        key: Key,
    },
    /// Drop the value stored under this key.
    DropValue {
        /// The key.
        key: Key,
    },
    /// Ask a peer for values. Each key must be answered once by a [`FetchDone`](super::Event::FetchDone), or all that are
    /// left by a [`PeerLost`](super::Event::PeerLost).
    Fetch {
        /// The request.
        request: RequestId,
        /// The peer.
        from: WorkerId,
        /// Where it listens.
        address: Address,
        /// The keys, with the lengths that the scheduler announced, in bytes.
        keys: Vec<(Key, u64)>,
    },
    /// The link to this peer is of no use any more: close it.
    Disconnect {
        /// The peer.
        worker: WorkerId,
    },
    /// Leave: everything was told to the scheduler. No event is dealt with after this.
    Leave {
        /// Why.
        reason: LeaveReason,
    },
}

/// Why a worker leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaveReason {
    /// The scheduler has let it go for good, for this reason: all it ran has ended, and what it held is safe.
    Retired(Arc<str>),
    /// The scheduler sent it away, and said why.
    Dismissed(Arc<str>),
    /// It was told to stop, on this side.
    Shutdown(Arc<str>),
}
