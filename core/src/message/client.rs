//! The link between a client and the scheduler.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    address::Address,
    error::TaskError,
    function::{FunctionId, FunctionInfo},
    id::{Fence, RequestId, RunId, WantId, WorkerId},
    key::Key,
    message::{Operation, PlotUpdate, Query, Shared, Told},
    options::TaskOptions,
    payload::Payload,
    task::TaskName,
};

/// What a client says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ClientToScheduler {
    /// Functions that this client's tasks will name. Each is introduced once, before its first task.
    Functions(Vec<FunctionInfo>),
    /// A chunk of a submission, atomic and closed under dependencies: each dependency is in this chunk, in an earlier one
    /// of the same submission, or known to the scheduler. The tasks of an open submission are kept until its last chunk.
    Submit {
        /// The submission. All its chunks carry the same number; a chunk that comes twice acts once.
        submission: RequestId,
        /// The chunk's place in the submission, from 0.
        chunk: u32,
        /// Whether this is the submission's last chunk.
        last: bool,
        /// The tasks, dependencies first.
        tasks: Vec<SubmittedTask>,
        /// Keys whose results the client wants, of this chunk or known before.
        wants: Vec<(Key, WantId)>,
    },
    /// The submission of this number, whose chunks follow, was made before: to a scheduler that is gone, or over a
    /// connection that was lost. Values of it may be on offer, so nothing begins before its last chunk but for what is
    /// wanted by then.
    Resubmit(RequestId),
    /// The submission of this number, whose chunks follow, comes from within a task: its tasks go before those that were
    /// submitted beside that one and come later, with its user priority on top of their own, and at the expense of whoever
    /// pays for it, be that another client. If it does not run any more, the submission is like any other.
    SubmitFrom {
        /// The submission.
        submission: RequestId,
        /// The task.
        parent: Key,
        /// Its run.
        run: RunId,
    },
    /// The client wants these keys no more. Only the current want of a key is ended.
    Release(Vec<(Key, WantId)>),
    /// Cancel these tasks, and what depends on them. A task that another client wants stays, unless `force`.
    Cancel {
        /// The keys, with the wants that are cancelled.
        keys: Vec<(Key, WantId)>,
        /// Whether other clients lose them too.
        force: bool,
    },
    /// Try these failed tasks again, and those they failed for.
    Retry(Vec<(Key, WantId)>),
    /// Let these tasks run to their end even if nobody wants them.
    Detach(Vec<Key>),
    /// The client could not get a value from the holders it was told of.
    Missing {
        /// The key, as it is wanted.
        key: Key,
        /// The want.
        want: WantId,
        /// The holders that did not have it, or did not answer.
        holders: SmallVec<[WorkerId; 1]>,
    },
    /// Where may values of these lengths be put? Answered with [`Answer::Places`], a worker for each, or with
    /// [`Answer::Refused`] if there is none that could take one of them.
    Places {
        /// The request.
        request: RequestId,
        /// The memory that each takes.
        nbytes: Vec<u64>,
        /// Addresses, names or hosts of the workers to choose from; empty for all.
        workers: Vec<Arc<str>>,
    },
    /// Values that the client has put into workers' stores itself. Nothing can compute them again.
    Scattered(Vec<ScatteredValue>),
    /// Keep so many copies of these values, for as long as they are wanted. Answered with [`Answer::Done`] once they exist.
    Replicate {
        /// The request.
        request: RequestId,
        /// The keys, as they are wanted.
        keys: Vec<(Key, WantId)>,
        /// How many copies; 0 for one on every worker, also those that come later.
        count: u32,
        /// Addresses, names or hosts of the workers to hold them; empty for any.
        workers: Vec<Arc<str>>,
    },
    /// Even out the bytes that workers hold. Answered with [`Answer::Done`] once nothing moves any more.
    Rebalance {
        /// The request.
        request: RequestId,
        /// The values that may be moved; empty for all.
        keys: Vec<Key>,
    },
    /// Let workers go, without losing what they hold. Answered with [`Answer::Workers`], those that have gone, or with
    /// [`Answer::Refused`] if nobody could take what they hold.
    RetireWorkers {
        /// The request.
        request: RequestId,
        /// Their addresses, names or hosts.
        workers: Vec<Arc<str>>,
    },
    /// Keep these values under a name, also when every client has gone. Answered with [`Answer::Done`], or with
    /// [`Answer::Refused`] if the name is taken and is not to be replaced, or a key is not known.
    Publish {
        /// The request.
        request: RequestId,
        /// The name.
        name: Arc<str>,
        /// The keys.
        keys: Vec<Key>,
        /// What the keys make up, in words that only clients read.
        shape: Arc<str>,
        /// Whether an earlier publication of that name ends.
        replace: bool,
    },
    /// End a publication. Answered with [`Answer::Done`], or with [`Answer::Refused`] if there is none of that name.
    Unpublish {
        /// The request.
        request: RequestId,
        /// The name.
        name: Arc<str>,
    },
    /// What was published under a name. Answered with [`Answer::Dataset`], or with [`Answer::Refused`] if there is none.
    Dataset {
        /// The request.
        request: RequestId,
        /// The name.
        name: Arc<str>,
    },
    /// The names of all publications. Answered with [`Answer::Names`].
    Datasets(RequestId),
    /// Answer when at least so many workers are there, or at once with how many there are if `count` is 0.
    WaitForWorkers {
        /// The request.
        request: RequestId,
        /// How many.
        count: u32,
    },
    /// Answer once everything that this client sent before was handled.
    Sync(RequestId),
    /// The client ends its session. Everything it wants is released.
    Goodbye,
    /// Something is asked of a primitive that clients share by name. Acts once, however often it comes.
    Coordinate {
        /// The request.
        request: RequestId,
        /// What is asked, and how it is answered.
        operation: Box<Operation>,
    },
    /// Whoever asked this of a primitive waits no more. What was granted or handed over in answer to it is given back.
    Withdraw(RequestId),
    /// Which workers of the client's build there are. Answered with [`Answer::Found`], or with [`Answer::Refused`] if none
    /// has one of the names.
    FindWorkers {
        /// The request.
        request: RequestId,
        /// Addresses, names or hosts; empty for all.
        workers: Vec<Arc<str>>,
    },
    /// What this request has brought is here, and whatever the client wants of it was said before.
    Confirm(RequestId),
    /// What does the scheduler know? Answered with [`Answer::Told`].
    Ask {
        /// The request.
        request: RequestId,
        /// What about.
        query: Query,
    },
    /// Points for a plot that people watch.
    Plot(Box<PlotUpdate>),
    /// As [`Cancel`](ClientToScheduler::Cancel) without `force`; and of runs that end by it the threads are to be free at once,
    /// even where the code goes on.
    Abandon(Vec<(Key, WantId)>),
    /// Keep so many copies of these values, and once they exist forget what the values were computed from. Answered as
    /// [`Replicate`](Self::Replicate).
    Checkpoint {
        /// The request.
        request: RequestId,
        /// The keys, as they are wanted.
        keys: Vec<(Key, WantId)>,
        /// How many copies, at least one.
        count: u32,
    },
}

/// A task of a submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubmittedTask {
    /// The key.
    pub key: Key,
    /// Its function, introduced before.
    pub function: FunctionId,
    /// The call, opaque to the scheduler.
    pub spec: Payload,
    /// The keys it needs, each once.
    pub dependencies: SmallVec<[Key; 2]>,
    /// Options, if it has any.
    pub options: Option<Box<TaskOptions>>,
}

/// A value that a client has put into workers' stores itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScatteredValue {
    /// The key.
    pub key: Key,
    /// The client's want of it.
    pub want: WantId,
    /// Whether the want begins with this. If not, the client had it before, and the value has one more holder; should the
    /// want have ended meanwhile, the client is told or was told so, and this does not begin it again.
    pub is_new: bool,
    /// The value's length.
    pub nbytes: u64,
    /// The workers that hold it.
    pub holders: SmallVec<[WorkerId; 1]>,
    /// How many copies are to be kept; 0 for one on every worker.
    pub replicas: u32,
}

/// What the scheduler says to a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SchedulerToClient {
    /// A worker that later messages name, once before it is first named.
    Worker {
        /// The worker.
        worker: WorkerId,
        /// Where its data link listens.
        address: Address,
    },
    /// A worker that was introduced is gone.
    WorkerGone(WorkerId),
    /// News of a wanted key.
    News {
        /// The key.
        key: Key,
        /// The want it answers. The client drops news of an earlier want.
        want: WantId,
        /// The news.
        news: KeyNews,
    },
    /// A submission was refused. Its chunks so far stay; this one and all later ones do nothing.
    Refused {
        /// The submission.
        submission: RequestId,
        /// Why; the error of every key that the submission would have made.
        error: TaskError,
    },
    /// The answer to [`WaitForWorkers`](ClientToScheduler::WaitForWorkers).
    Workers {
        /// The request.
        request: RequestId,
        /// How many there are.
        count: u32,
    },
    /// The answer to [`Sync`](ClientToScheduler::Sync).
    Synced(RequestId),
    /// The answer to a request that names this one.
    Answered {
        /// The request.
        request: RequestId,
        /// The answer.
        answer: Answer,
    },
    /// Something the client's user should read: why nothing runs, for one.
    Notice {
        /// The tasks it is about, a few of them.
        tasks: Vec<TaskName>,
        /// The sentence.
        message: Arc<str>,
    },
    /// A lease that the client wanted to [keep](Operation::Keep) has ended.
    LeaseLost {
        /// Which.
        fence: Fence,
        /// Why.
        error: TaskError,
    },
}

/// What comes of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Answer {
    /// It was done.
    Done,
    /// It was not done, and nothing has changed.
    Refused(TaskError),
    /// These workers.
    Workers(Vec<Arc<str>>),
    /// What was published.
    Dataset {
        /// The keys.
        keys: Vec<Key>,
        /// What they make up.
        shape: Arc<str>,
    },
    /// These names.
    Names(Vec<Arc<str>>),
    /// These workers, one for each value; each was introduced before.
    Places(Vec<WorkerId>),
    /// A semaphore was acquired.
    Granted(Fence),
    /// Yes, or no.
    Flag(bool),
    /// These workers, each with its name; each was introduced before.
    Found(Vec<(WorkerId, Arc<str>)>),
    /// So many.
    Count(u64),
    /// What a queue or variable held.
    Shared(Vec<Shared>),
    /// What the scheduler knows.
    Told(Box<Told>),
}

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum KeyNews {
    /// Its value is held by these workers. A short one comes along.
    Memory {
        /// Its length.
        nbytes: u64,
        /// Who holds it.
        holders: SmallVec<[WorkerId; 1]>,
        /// The value itself, if it is short or in this process.
        value: Option<Payload>,
    },
    /// It failed.
    Erred(TaskError),
    /// It was cancelled.
    Cancelled(TaskError),
    /// Its value was lost; it is being computed again.
    Pending,
}

impl ClientToScheduler {
    pub(super) fn payloads(&self) -> impl Iterator<Item = &Payload> {
        let (tasks, shared) = match self {
            Self::Submit { tasks, .. } => (tasks.as_slice(), None),
            Self::Coordinate { operation, .. } => ([].as_slice(), operation.payload()),
            _ => ([].as_slice(), None),
        };
        tasks.iter().map(|task| &task.spec).chain(shared)
    }

    pub(super) fn payloads_mut(&mut self) -> impl Iterator<Item = &mut Payload> {
        let (tasks, shared) = match self {
            Self::Submit { tasks, .. } => (tasks.as_mut_slice(), None),
            Self::Coordinate { operation, .. } => ([].as_mut_slice(), operation.payload_mut()),
            _ => ([].as_mut_slice(), None),
        };
        tasks.iter_mut().map(|task| &mut task.spec).chain(shared)
    }
}

impl SchedulerToClient {
    pub(super) fn payloads(&self) -> impl Iterator<Item = &Payload> {
        let (value, shared) = match self {
            Self::News { news: KeyNews::Memory { value, .. }, .. } => (value.as_ref(), [].as_slice()),
            Self::Answered { answer: Answer::Shared(shared), .. } => (None, shared.as_slice()),
            Self::Answered { answer: Answer::Told(told), .. } => (told.payload(), [].as_slice()),
            _ => (None, [].as_slice()),
        };
        value.into_iter().chain(shared.iter().filter_map(Shared::payload))
    }

    pub(super) fn payloads_mut(&mut self) -> impl Iterator<Item = &mut Payload> {
        let (value, shared) = match self {
            Self::News { news: KeyNews::Memory { value, .. }, .. } => (value.as_mut(), [].as_mut_slice()),
            Self::Answered { answer: Answer::Shared(shared), .. } => (None, shared.as_mut_slice()),
            Self::Answered { answer: Answer::Told(told), .. } => (told.payload_mut(), [].as_mut_slice()),
            _ => (None, [].as_mut_slice()),
        };
        value.into_iter().chain(shared.iter_mut().filter_map(Shared::payload_mut))
    }
}
