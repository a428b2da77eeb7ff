//! What a client may ask of the scheduler's knowledge, and what it is told.
//!
//! Asking changes nothing. Every answer is bounded: it says how much more there is.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    address::Address, id::WorkerId, key::Key, message::TaskProgress, payload::Payload, state::TaskState, task::TaskName,
};

/// A question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Query {
    /// The workers, and how many tasks there are. Answered with [`Told::Info`].
    Info,
    /// Some tasks. Answered with [`Told::Tasks`].
    Tasks(TaskFilter),
    /// What a task calls, to call it elsewhere. Answered with [`Told::Call`], or refused if there is no such task, or it is of
    /// another build.
    Call(Key),
    /// What happened to a task lately. Answered with [`Told::Story`].
    Story(Key),
    /// Which runs there were lately. Answered with [`Told::Runs`].
    Runs {
        /// Those that had not ended longer ago than this.
        within: Duration,
        /// Those that had not ended before this moment, as an [earlier answer](RunList::now) told it.
        since: Duration,
        /// How many at most, the newest; never more than [`MAX_TOLD`](RunList::MAX_TOLD).
        limit: u32,
    },
    /// Which facts the last run of a task has noted. Answered with [`Told::Metadata`].
    Metadata(Key),
    /// Everything that is known, as the bytes of a file, page by page: the next page of a dump, or the first of a new one.
    /// Answered with [`Told::Dump`]. A dump that is not read on for a minute is dropped.
    Dump(Option<DumpPlace>),
    /// What has to be computed before these tasks are, at most [`MAX_KEYS`](TaskFilter::MAX_KEYS), by function. Answered with
    /// [`Told::Remaining`].
    Remaining(Vec<Key>),
}

/// A place in a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpPlace {
    /// Which of the scheduler's dumps.
    pub number: u64,
    /// How many bytes are before it.
    pub offset: u64,
}

/// A part of a dump.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DumpPage {
    /// Its bytes.
    pub bytes: Payload,
    /// Where the next one begins, if there is one.
    pub next: Option<DumpPlace>,
}

/// Which tasks are asked for: those that are all that is said here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskFilter {
    /// One of these, in this order, at most [`MAX_KEYS`](TaskFilter::MAX_KEYS); any if there are none.
    pub keys: Vec<Key>,
    /// In this state.
    pub state: Option<TaskState>,
    /// Calls of the function of this name.
    pub function: Option<Arc<str>>,
    /// Assigned to this worker, or held by it: its name, address or host.
    pub worker: Option<Arc<str>>,
    /// How many are told at most; never more than [`MAX_TOLD`](TaskFilter::MAX_TOLD).
    pub limit: u32,
}

impl TaskFilter {
    /// How many keys a question may name.
    pub const MAX_KEYS: usize = 1_000;

    /// How many tasks an answer tells at most.
    pub const MAX_TOLD: usize = 1_000;
}

/// What a question is answered with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Told {
    /// To [`Query::Info`].
    Info(SchedulerInfo),
    /// To [`Query::Tasks`].
    Tasks(TaskList),
    /// To [`Query::Call`].
    Call(CallSpec),
    /// To [`Query::Story`]: what happened, the oldest first.
    Story(Vec<StoryLine>),
    /// To [`Query::Runs`].
    Runs(RunList),
    /// To [`Query::Metadata`]: names and facts, by name.
    Metadata(Vec<(Arc<str>, Arc<str>)>),
    /// To [`Query::Dump`].
    Dump(DumpPage),
    /// To [`Query::Remaining`].
    Remaining(Remaining),
}

impl Told {
    pub(super) fn payload(&self) -> Option<&Payload> {
        match self {
            Self::Call(call) => Some(&call.spec),
            Self::Dump(page) => Some(&page.bytes),
            _ => None,
        }
    }

    pub(super) fn payload_mut(&mut self) -> Option<&mut Payload> {
        match self {
            Self::Call(call) => Some(&mut call.spec),
            Self::Dump(page) => Some(&mut page.bytes),
            _ => None,
        }
    }
}

/// The cluster at one moment, as the scheduler sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SchedulerInfo {
    /// Workers, in the order in which they joined.
    pub workers: Vec<WorkerStatus>,
    /// How many more workers there are.
    pub more_workers: u64,
    /// How many tasks there are in each state that has any, in the order of a life.
    pub tasks: Vec<(TaskState, u64)>,
    /// The functions that have tasks, those with the most first.
    pub functions: Vec<FunctionStatus>,
    /// How many more functions have tasks.
    pub more_functions: u64,
    /// The length of all values, each counted once, in bytes.
    pub nbytes: u64,
}

impl SchedulerInfo {
    /// How many tasks are in `state`.
    pub fn count(&self, state: TaskState) -> u64 {
        self.tasks.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count)
    }
}

/// A worker at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its session.
    pub worker: WorkerId,
    /// Its name.
    pub name: Arc<str>,
    /// Where its data link listens.
    pub address: Address,
    /// Its host's name.
    pub host: Arc<str>,
    /// How many tasks it runs at once.
    pub threads: u32,
    /// How fast its threads are taken to be, in per cent of ordinary ones: from what was said and from what calls took there.
    pub speed_percent: u32,
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
    /// Whether it is to go once what it holds is safe.
    pub retiring: bool,
}

/// The tasks of one function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Its place in the source.
    pub place: Arc<str>,
    /// How many tasks it has in each state that has any.
    pub tasks: Vec<(TaskState, u64)>,
    /// The length of their values, in bytes.
    pub nbytes: u64,
}

/// Tasks that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskList {
    /// Some of them.
    pub tasks: Vec<TaskStatus>,
    /// How many more there are.
    pub more: u64,
}

/// A task at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskStatus {
    /// What it is called.
    pub task: TaskName,
    /// Its function's name.
    pub function: Arc<str>,
    /// Its state.
    pub state: TaskState,
    /// The worker that it is assigned to, or those that hold its value; of many holders a few.
    pub workers: Vec<Arc<str>>,
    /// The length of its value, if it has one, in bytes.
    pub nbytes: Option<u64>,
    /// How often it was assigned.
    pub attempt: u32,
    /// For how long it is being processed, if it is and that is still known.
    pub age: Option<Duration>,
    /// Why it failed, if it did, in a few words.
    pub error: Option<Arc<str>>,
    /// The number of its worker's thread that it holds, if that is known: of a task that has said something, or goes on for
    /// more than a few seconds.
    pub thread: Option<u32>,
    /// How far it is, if it is being processed and has said so.
    pub progress: Option<TaskProgress>,
}

/// The tasks that others still wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remaining {
    /// How many there are of each function, by name; the functions in the order in which they are found, from those that were
    /// asked for down to what these stand on.
    pub functions: Vec<(Arc<str>, u64)>,
    /// Whether these are all. No more than [`MAX_COUNTED`](Remaining::MAX_COUNTED) are counted.
    pub complete: bool,
}

impl Remaining {
    /// How many tasks are counted at most.
    pub const MAX_COUNTED: usize = 50_000;
}

/// A call, as whoever makes it elsewhere needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallSpec {
    /// What the task is called.
    pub task: TaskName,
    /// The call.
    pub spec: Payload,
    /// The tasks whose values it takes, each once.
    pub inputs: Vec<TaskName>,
}

/// Something that happened to a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoryLine {
    /// How long before the answer.
    pub ago: Duration,
    /// What.
    pub what: Arc<str>,
}

/// Runs of tasks, in the order of their beginnings: the task stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunList {
    /// The newest of them.
    pub runs: Vec<RunStatus>,
    /// How many older ones there are.
    pub more: u64,
    /// Whether the scheduler remembers all that were asked for. It keeps the last events only.
    pub complete: bool,
    /// When the answer was given: the time since the scheduler began.
    pub now: Duration,
}

impl RunList {
    /// How many runs an answer tells at most.
    pub const MAX_TOLD: u32 = 20_000;
}

/// One run of a task on a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStatus {
    /// What the task is called, by its function.
    pub task: TaskName,
    /// Its function's name.
    pub function: Arc<str>,
    /// The worker.
    pub worker: Arc<str>,
    /// How long before the answer it began: when the worker said so, or else when the run was assigned. The start of a short
    /// task is told with its end.
    pub begun: Duration,
    /// How long before the answer it ended; `None` if it goes on.
    pub ended: Option<Duration>,
    /// What state the task went to: memory if there is a value, erred if there is none, another if the run was taken back;
    /// processing while it goes on.
    pub to: TaskState,
}

impl RunStatus {
    /// How long it took, or has taken so far.
    pub fn took(&self) -> Duration {
        self.begun.saturating_sub(self.ended.unwrap_or_default())
    }
}

/// A line for each task, and how many more there are.
/// A line about all, and one for each worker.
impl fmt::Display for SchedulerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks: u64 = self.tasks.iter().map(|(_, count)| count).sum();
        let workers = self.workers.len() as u64 + self.more_workers;
        write!(f, "workers: {workers}; tasks: {tasks}")?;
        for (i, (state, count)) in self.tasks.iter().enumerate() {
            write!(f, "{}{state:?} {count}", if i == 0 { ", of them " } else { ", " })?;
        }
        write!(f, "; values: {} bytes", self.nbytes)?;
        self.workers.iter().try_for_each(|worker| write!(f, "\n{worker}"))?;
        match self.more_workers {
            0 => Ok(()),
            more => write!(f, "\nand {more} more workers"),
        }
    }
}

impl fmt::Display for WorkerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WorkerStatus { name, address, threads, assigned, started, bytes, .. } = self;
        write!(
            f,
            "{name} at {address}: threads {threads}, tasks {assigned}, of them started {started}, values {bytes} bytes"
        )?;
        f.write_str(if self.paused { ", paused for want of memory" } else { "" })?;
        f.write_str(if self.retiring { ", retiring" } else { "" })
    }
}

impl fmt::Display for TaskList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, status) in self.tasks.iter().enumerate() {
            write!(f, "{}{status}", if i == 0 { "" } else { "\n" })?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "{}and {more} more", if self.tasks.is_empty() { "" } else { "\n" }),
        }
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.task, self.state)?;
        if !self.workers.is_empty() {
            write!(f, " on {}", self.workers.join(", "))?;
        }
        if let Some(nbytes) = self.nbytes {
            write!(f, ", {nbytes} bytes")?;
        }
        if let Some(age) = self.age {
            write!(f, ", for {age:.1?}")?;
        }
        if let Some(thread) = self.thread {
            write!(f, ", in thread {thread}")?;
        }
        if let Some(progress) = &self.progress {
            write!(f, ": {progress}")?;
        }
        if let Some(error) = &self.error {
            let name = format!("{}: ", self.task);
            write!(f, ": {}", error.strip_prefix(&name).unwrap_or(error))?;
        }
        Ok(())
    }
}

impl fmt::Display for StoryLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3?} ago: {}", self.ago, self.what)
    }
}
