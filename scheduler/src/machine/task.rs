//! Tasks: what the scheduler knows of each, and the table they live in.

use std::{fmt, sync::Arc};

use brisk_core::{
    error::TaskError,
    id::{RunId, WantId, WorkerId},
    key::Key,
    message::Priority,
    options::TaskOptions,
    payload::Payload,
    state::TaskState,
    task::TaskName,
    time::Moment,
};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{
    accounts::AccountId,
    chunked::ChunkedSlab,
    few::{Few, Vacant},
    key_index::KeyIndex,
    live_bytes::Effect,
    marks::Marks,
    record::FunctionIndex,
    rough::Rough,
    slab::{ClassIndex, ClientIndex, TaskIndex, WorkerIndex},
};

/// All tasks, under dense indices and by key.
pub(super) struct Tasks {
    pub(super) slab: ChunkedSlab<TaskIndex, Task, CHUNK>,
    /// All and only the slab's tasks, by key.
    by_key: KeyIndex,
}

/// Tasks in one chunk of the slab.
const CHUNK: usize = 512;

/// One task, in three lines of the cache. What is needed again and again is here; what only some tasks have is boxed.
#[derive(Debug, Serialize, Deserialize)]
#[repr(align(64))]
pub(super) struct Task {
    pub(super) key: Key,
    pub(super) function: FunctionIndex,
    /// Who may run it. The class's environment is the task's.
    pub(super) class: ClassIndex,
    /// Who pays for it while it is unfinished; before, who has submitted it, and later who has paid.
    pub(super) account: AccountId,
    pub(super) spec: Payload,
    pub(super) priority: Priority,
    pub(super) dependencies: Few<Edge, 2>,
    pub(super) dependents: Few<Edge, 2>,
    /// At most one per client.
    pub(super) wants: Few<Want, 1>,
    /// How many of the dependents are unfinished: they will need the value.
    pub(super) waiters: u32,
    /// How many times open submissions and publications name it.
    pub(super) holds: u32,
    /// How many tasks the longest known way from here to the end of the graph has, without this one.
    pub(super) way: u32,
    /// How often it was assigned.
    pub(super) attempt: u32,
    /// How deep it stands, and what is true of few.
    pub(super) marks: Marks,
    rare: Option<Box<Rare>>,
    pub(super) state: State,
}

/// What only some tasks have.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Rare {
    options: Option<Box<TaskOptions>>,
    history: Option<History>,
}

/// One end of a dependency: the other task, and where in its list the opposite end stands. So that an edge is removed in
/// constant time, however many dependents a task has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Edge {
    pub(super) task: TaskIndex,
    pub(super) slot: u32,
}

/// That a client wants a key, and where in the client's list this stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Want {
    pub(super) client: ClientIndex,
    pub(super) slot: u32,
    pub(super) id: WantId,
}

/// That a worker holds a value, and where in the worker's list this stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) worker: WorkerIndex,
    pub(super) slot: u32,
}

/// What went wrong with a task so far, and where it was moved. Most tasks have none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct History {
    /// The workers that died under it.
    pub(super) deaths: Vec<Death>,
    /// How often it failed by its own doing.
    pub(super) failures: u32,
    /// How often its value could not be fetched, or it was handed back.
    pub(super) losses: u32,
    /// How often it asked to be placed again.
    pub(super) reschedules: u32,
    /// Whether it was taken from a worker because that was short of memory. It may have been its inputs that filled it.
    pub(super) moved_by_pause: bool,
    /// How often it was given up by a worker that was asked for it, and by which to balance: it does not go back to those.
    pub(super) moves: u8,
    pub(super) taken_from: SmallVec<[WorkerId; 2]>,
    /// When the pause before its next run ends, if it waits; when its run is overdue, if it runs.
    pub(super) alarm: Option<Moment>,
}

/// A worker died under a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Death {
    pub(super) run: RunId,
    pub(super) worker: Arc<str>,
    pub(super) cause: Arc<str>,
    pub(super) attempt: u32,
    /// Whether the worker said that it had started the task; else only a thread was free for it.
    pub(super) started: bool,
    /// Some of what else ran there.
    pub(super) beside: Box<[TaskName]>,
    /// How many more did.
    pub(super) more: usize,
}

/// A task's state, with exactly its data. See [`TaskState`] for their meaning; a forgotten task is not in the table.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum State {
    Released,
    /// `missing`: how many of its dependencies are not in memory.
    Waiting {
        missing: u32,
    },
    /// `since`: when it became ready, or its last worker left.
    NoWorker {
        since: Moment,
    },
    Queued,
    Processing(Run),
    Memory {
        nbytes: u64,
        holders: Few<Holder, 2>,
    },
    /// `path`: the tasks between the failed one, which the error names, and this one, not counting either.
    Erred {
        error: TaskError,
        path: Option<Arc<[TaskName]>>,
    },
}

/// A task's current run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) worker: WorkerIndex,
    /// Where in the worker's list this task stands.
    pub(super) slot: u32,
    /// What the worker's occupancy was charged.
    pub(super) estimate: Rough,
    /// How much of its worker's prefetch budget it takes, in nanoseconds: no longer than [`LONGEST_FED`].
    pub(super) fed_ns: u32,
    /// Which of its dependents is looked at next, to be sent after it. Those before were sent, or could not be.
    pub(super) next: u32,
    /// How many of its inputs are still being made, all on this same worker; 0 once it has started. It was *sent ahead* if
    /// there are any.
    pub(super) awaiting: u8,
    /// What it presumably does to memory.
    pub(super) effect: Effect,
    /// Whether one of its dependents was sent ahead already, to take over its thread.
    pub(super) has_heir: bool,
    pub(super) stage: Stage,
}

/// How far a run has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// It was not said to have started.
    Given,
    Started,
    /// It has started, and waits for other tasks now.
    Away,
    /// It has waited, and goes on.
    Back,
}

/// What a run that takes a thread has of its worker: see [`seceding`](super::seceding).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// A thread, or a place in the queue for one.
    Thread,
    /// Nothing: it waits for other tasks.
    Away,
    /// A thread again, be it one too many.
    Back,
}

/// The longest prefetch time that runs can count with, in nanoseconds. Longer ones are cut.
pub(super) const LONGEST_FED: u64 = u32::MAX as u64;

const _: () = assert!(size_of::<Task>() <= 192, "there may be millions");

impl Run {
    /// What the worker's occupancy was charged, in nanoseconds.
    pub(super) fn estimate_ns(&self) -> u64 {
        self.estimate.ns()
    }

    pub(super) fn started(&self) -> bool {
        self.stage != Stage::Given
    }

    pub(super) fn hold(&self) -> Hold {
        match self.stage {
            Stage::Given | Stage::Started => Hold::Thread,
            Stage::Away => Hold::Away,
            Stage::Back => Hold::Back,
        }
    }
}

impl Vacant for Edge {
    const VACANT: Self = Edge { task: TaskIndex::MAX, slot: 0 };

    fn is_vacant(&self) -> bool {
        self.task == TaskIndex::MAX
    }
}

impl Vacant for Want {
    const VACANT: Self = Want { client: ClientIndex::MAX, slot: 0, id: WantId(0) };

    fn is_vacant(&self) -> bool {
        self.client == ClientIndex::MAX
    }
}

impl Vacant for Holder {
    const VACANT: Self = Holder { worker: WorkerIndex::MAX, slot: 0 };

    fn is_vacant(&self) -> bool {
        self.worker == WorkerIndex::MAX
    }
}

impl State {
    pub(super) fn name(&self) -> TaskState {
        match self {
            State::Released => TaskState::Released,
            State::Waiting { .. } => TaskState::Waiting,
            State::NoWorker { .. } => TaskState::NoWorker,
            State::Queued => TaskState::Queued,
            State::Processing(_) => TaskState::Processing,
            State::Memory { .. } => TaskState::Memory,
            State::Erred { .. } => TaskState::Erred,
        }
    }

    /// Whether the task is on its way to a value: it needs those of its dependencies.
    pub(super) fn is_unfinished(&self) -> bool {
        matches!(self, State::Waiting { .. } | State::NoWorker { .. } | State::Queued | State::Processing(_))
    }
}

impl Task {
    /// A task that nobody needs yet, without dependencies.
    #[inline]
    pub(super) fn new(
        key: Key,
        function: FunctionIndex,
        class: ClassIndex,
        account: AccountId,
        spec: Payload,
        options: Option<Box<TaskOptions>>,
        priority: Priority,
    ) -> Self {
        Task {
            key,
            function,
            class,
            account,
            spec,
            priority,
            dependencies: Few::new(),
            dependents: Few::new(),
            wants: Few::new(),
            waiters: 0,
            holds: 0,
            way: 0,
            attempt: 0,
            marks: Marks::default(),
            rare: options.map(|options| Box::new(Rare { options: Some(options), history: None })),
            state: State::Released,
        }
    }

    /// Whether somebody needs the value, now or once it exists.
    pub(super) fn is_needed(&self) -> bool {
        let held = self.holds > 0 && !self.marks.held_for_lineage();
        let kept = self.marks.checkpoint() && !self.dependents.is_empty();
        !self.wants.is_empty() || self.waiters > 0 || held || self.marks.detached() || kept
    }

    /// Whether the task must be remembered, if only to be computed again.
    pub(super) fn is_alive(&self) -> bool {
        !self.wants.is_empty() || !self.dependents.is_empty() || self.holds > 0 || self.marks.detached()
    }

    pub(super) fn want_of(&self, client: ClientIndex) -> Option<WantId> {
        self.wants.iter().find(|want| want.client == client).map(|want| want.id)
    }

    pub(super) fn run(&self) -> Option<&Run> {
        match &self.state {
            State::Processing(run) => Some(run),
            _ => None,
        }
    }

    pub(super) fn holders(&self) -> &[Holder] {
        match &self.state {
            State::Memory { holders, .. } => holders,
            _ => &[],
        }
    }

    /// The value's length; 0 while there is none.
    pub(super) fn nbytes(&self) -> u64 {
        match self.state {
            State::Memory { nbytes, .. } => nbytes,
            _ => 0,
        }
    }

    pub(super) fn is_held_by(&self, worker: WorkerIndex) -> bool {
        self.holders().iter().any(|holder| holder.worker == worker)
    }

    /// What its caller asked for, if anything.
    pub(super) fn options(&self) -> Option<&TaskOptions> {
        self.rare.as_ref()?.options.as_deref()
    }

    /// What went wrong with it so far, if anything did.
    pub(super) fn past(&self) -> Option<&History> {
        self.rare.as_ref()?.history.as_ref()
    }

    pub(super) fn past_mut(&mut self) -> Option<&mut History> {
        self.rare.as_mut()?.history.as_mut()
    }

    /// To note what goes wrong with it.
    pub(super) fn history(&mut self) -> &mut History {
        self.rare.get_or_insert_default().history.get_or_insert_default()
    }

    /// Forgets what went wrong with it.
    pub(super) fn forget_history(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.history = None;
        }
    }

    pub(super) fn retries(&self) -> u32 {
        self.options().map_or(0, |options| options.retries)
    }

    /// Whether the key was chosen by a user, so that it says nothing of what is computed.
    pub(super) fn is_named(&self) -> bool {
        self.options().is_some_and(|options| options.name.is_some())
    }
}

/// Without the index, whose order means nothing.
impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.slab.fmt(f)
    }
}

impl Tasks {
    pub(super) fn new() -> Self {
        Tasks { slab: ChunkedSlab::new(), by_key: KeyIndex::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn find(&self, key: Key) -> Option<TaskIndex> {
        self.by_key.find(key, |t| self.slab[t].key)
    }

    pub(super) fn get(&self, task: TaskIndex) -> Option<&Task> {
        self.slab.get(task)
    }

    /// A table of which the vacant places are known. `None` if there is no such table.
    pub(super) fn restore(vacancies: Vec<Option<Vec<u32>>>) -> Option<Self> {
        ChunkedSlab::restore(vacancies).map(|slab| Tasks { slab, by_key: KeyIndex::default() })
    }

    /// Puts a task that was written down back into its place. Whether it belongs there, and its key is new.
    pub(super) fn put(&mut self, index: TaskIndex, task: Task) -> bool {
        let key = task.key;
        if self.find(key).is_some() || !self.slab.put(index, task) {
            return false;
        }
        self.by_key.insert(key, index);
        true
    }

    /// Adds a task whose key is new, and the edges to its dependencies.
    pub(super) fn insert(&mut self, task: Task, dependencies: &[TaskIndex]) -> TaskIndex {
        let key = task.key;
        let index = self.slab.insert(task);
        self.by_key.insert(key, index);
        for (i, &dependency) in dependencies.iter().enumerate() {
            let dependents = &mut self.slab[dependency].dependents;
            dependents.push(Edge { task: index, slot: i as u32 });
            let slot = dependents.len() as u32 - 1;
            self.slab[index].dependencies.push(Edge { task: dependency, slot });
        }
        index
    }

    /// Takes a task without dependents out, and the edges to its dependencies. Returns those, and its class.
    pub(super) fn remove(&mut self, index: TaskIndex) -> (Few<Edge, 2>, ClassIndex) {
        let dependencies = self.sever(index);
        let Task { key, class, ref dependents, .. } = self.slab[index];
        debug_assert!(dependents.is_empty());
        self.by_key.remove(key, index);
        self.slab.remove(index);
        (dependencies, class)
    }

    /// Takes the edges to a task's dependencies out, and returns them.
    pub(super) fn sever(&mut self, index: TaskIndex) -> Few<Edge, 2> {
        let dependencies = std::mem::take(&mut self.slab[index].dependencies);
        // In reverse, so that what was just inserted is undone exactly.
        for edge in dependencies.iter().rev() {
            let dependents = &mut self.slab[edge.task].dependents;
            dependents.swap_remove(edge.slot as usize);
            if let Some(moved) = dependents.get(edge.slot as usize).copied() {
                self.slab[moved.task].dependencies[moved.slot as usize].slot = edge.slot;
            }
        }
        dependencies
    }
}

impl std::ops::Index<TaskIndex> for Tasks {
    type Output = Task;

    #[inline]
    fn index(&self, index: TaskIndex) -> &Task {
        &self.slab[index]
    }
}

impl std::ops::IndexMut<TaskIndex> for Tasks {
    #[inline]
    fn index_mut(&mut self, index: TaskIndex) -> &mut Task {
        &mut self.slab[index]
    }
}
