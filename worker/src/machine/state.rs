//! What the machine knows of keys, tasks, peers and requests.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use brisk_core::{
    address::Address,
    id::{RequestId, RunId, WorkerId},
    key::Key,
    message::{Assignment, Priority},
    time::Moment,
};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Where the worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// It takes work.
    Working,
    /// It starts nothing and waits to be dismissed, until this moment at most.
    Retiring { until: Moment },
    /// It asked to leave; everything was forgotten.
    Left,
}

/// A task's place among all tasks of this worker: lower runs first, and of equals the one that came last, whose inputs are
/// the freshest. No two tasks have the same rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Rank {
    pub(super) priority: Priority,
    /// Counts down with each task.
    pub(super) turn: u64,
}

impl Rank {
    /// That of a copy which no task waits for: after everything that tasks need, as Dask ranks `acquire-replicas`.
    pub(super) const COPY: Rank =
        Rank { priority: Priority { user: i32::MAX, generation: u64::MAX, order: u32::MAX }, turn: u64::MAX };
}

/// Everything that is known of one key. An entry without any of it does not exist.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The value, if it is held here.
    pub(super) value: Option<Held>,
    /// The current run of the key's task, if it is assigned here.
    pub(super) task: Option<u32>,
    /// Who waits for the value. There is none beside a value.
    pub(super) want: Option<Box<Want>>,
    /// The request under which the value is on its way. It may outlive the want.
    pub(super) fetching: Option<RequestId>,
}

impl Entry {
    pub(super) fn is_empty(&self) -> bool {
        self.value.is_none() && self.task.is_none() && self.want.is_none() && self.fetching.is_none()
    }
}

/// A value that is held here.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) nbytes: u64,
    /// How many runs of this worker need it, those included that ended up with nobody waiting for them.
    pub(super) pins: u32,
    /// It was freed while it was pinned, and goes with the last pin.
    pub(super) doomed: bool,
    /// The run that made it here; none for a copy.
    pub(super) made_by: Option<RunId>,
    /// Whether it was made here, by this session or an earlier one, and the key alone says what it is.
    pub(super) reproducible: bool,
}

/// The current run of a task.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) key: Key,
    pub(super) run: RunId,
    pub(super) rank: Rank,
    /// The values it needs, each once.
    pub(super) needs: SmallVec<[Key; 2]>,
    /// Whether the key alone says what the value is.
    pub(super) reproducible: bool,
    pub(super) state: TaskState,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum TaskState {
    /// Some of its values are not here.
    NeedsData {
        /// How many.
        missing: u32,
        assignment: Box<Assignment>,
    },
    /// It waits for a slot.
    Ready { assignment: Box<Assignment> },
    /// The executor has it.
    Running,
}

/// A run that the executor has.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Execution {
    pub(super) hold: Hold,
    pub(super) owner: Owner,
    /// When the executor got it.
    pub(super) started: Moment,
    /// How long it may take.
    pub(super) limit: Option<Duration>,
    /// Whether it is to hold no slot any more, if that can be had.
    pub(super) abandoned: bool,
}

/// What a run holds of the executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Hold {
    /// A thread.
    Thread,
    /// A thread again, after it had given it up: maybe one more than there should be.
    Back,
    /// Nothing: it waits for other tasks.
    Away,
    /// Nothing: it goes on asynchronously.
    Async,
    /// No slot: nobody waits for it, and its thread was left to it.
    Abandoned,
}

impl Hold {
    /// Whether it holds a thread.
    pub(super) fn is_thread(self) -> bool {
        matches!(self, Hold::Thread | Hold::Back)
    }
}

impl Execution {
    /// When its time is up. Only watched while somebody waits for it.
    pub(super) fn deadline(&self) -> Option<Moment> {
        let watched = matches!(self.owner, Owner::Task(_));
        self.limit.filter(|_| watched).map(|limit| self.started + limit)
    }
}

/// Who waits for a run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Owner {
    /// The task in this place.
    Task(u32),
    /// Nobody: it was cancelled. Its values stay pinned until it ends.
    Nobody(SmallVec<[Key; 2]>),
}

/// The wish for a value that is not here.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Want {
    /// The tasks that wait for it, by place and turn. A task that does not wait any more may still be in the list; its turn
    /// tells it from a later one in its place.
    pub(super) waiters: SmallVec<[(u32, u64); 1]>,
    /// How many of the waiters still wait.
    pub(super) waiting: u32,
    /// Whether the scheduler asked for a copy and was not answered.
    pub(super) acquired: bool,
    /// That of the most urgent waiter so far; [`Rank::COPY`] while there is none.
    pub(super) rank: Rank,
    /// Its length as announced, in bytes.
    pub(super) nbytes: u64,
    /// Who holds it, by the scheduler's word.
    pub(super) holders: SmallVec<[WorkerId; 1]>,
    /// Those of them that did not have it or did not answer.
    pub(super) tried: SmallVec<[WorkerId; 1]>,
    /// How often the scheduler was asked.
    pub(super) asked: u32,
    /// Whether the scheduler was asked for more holders, since all that are known are busy.
    pub(super) seeking: bool,
    pub(super) state: WantState,
}

impl Want {
    /// Whether nobody waits for the value any more, neither a task nor the scheduler.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting == 0 && !self.acquired
    }
}

/// What a want waits for. Each ends: by an answer, by a deadline, or with the task that makes the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum WantState {
    /// For nothing: between two states.
    Loose,
    /// For its turn at one of its holders.
    Queued,
    /// For the answer to a fetch.
    Fetching,
    /// For a task of this worker, which makes it.
    Expected,
    /// For the scheduler to name holders, until it is asked again.
    Asked(Moment),
    /// For time to pass before it is looked at again.
    Resting(Moment),
}

impl WantState {
    pub(super) fn until(self) -> Option<Moment> {
        match self {
            Self::Asked(until) | Self::Resting(until) => Some(until),
            _ => None,
        }
    }
}

/// Another worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Peer {
    pub(super) address: Address,
    pub(super) host: Arc<str>,
    /// All and only the queued wants that it could serve, the most urgent first.
    pub(super) queue: BTreeSet<(Rank, Key)>,
    /// What it is being asked. One request at a time: the next one waits and grows.
    pub(super) request: Option<RequestId>,
    /// It said that it is busy, or failed: not to be asked before this.
    pub(super) resting: Option<Moment>,
    /// How often in a row.
    pub(super) strikes: u32,
    /// Its most urgent key, if it can be asked now: so it stands among all that can.
    pub(super) askable: Option<(Rank, Key)>,
}

/// A fetch.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) peer: WorkerId,
    /// All keys it asked for.
    pub(super) keys: Vec<Key>,
    /// How many of them are unanswered.
    pub(super) open: u32,
    /// What it may bring, in bytes, as announced.
    pub(super) bytes: u64,
    pub(super) deadline: Moment,
    pub(super) asked: Moment,
    /// What has come, in bytes; `None` before the first value has.
    pub(super) came: Option<u64>,
    /// Whether the peer said of some key that it is busy.
    pub(super) busy: bool,
}
