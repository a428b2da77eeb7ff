//! Submissions: graphs that arrive in chunks.
//!
//! A chunk is atomic: its tasks are put into the table one by one, and taken out again if one of them can't be.

use brisk_core::{
    error::{ErrorKind, TaskError},
    function::FunctionInfo,
    id::{RequestId, WantId},
    key::Key,
    limits::{CHUNK_TASKS, MAX_DEPENDENCIES, MAX_NAME_BYTES},
    message::{Priority, SchedulerToClient, SubmittedTask},
    options::TaskOptions,
};
use smallvec::SmallVec;

use super::{
    Scheduler,
    accounts::AccountId,
    nested::{self, Within},
    peers::OpenSubmission,
    record::FunctionIndex,
    slab::{ClassIndex, ClientIndex, TaskIndex},
    task::{State, Task},
    unrepeatable::Unrepeatable,
};

/// The tasks that a task depends on, in the order in which it names them.
type Dependencies = SmallVec<[TaskIndex; 4]>;

/// Where a chunk stands in its submission.
pub(super) struct Place {
    pub(super) submission: RequestId,
    pub(super) chunk: u32,
    pub(super) last: bool,
}

/// A chunk whose tasks are put into the table. Kept for its memory: a chunk is bounded, and the next one comes soon.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// Each task that it names, new or not.
    named: Vec<TaskIndex>,
    /// Those that are new.
    new: Vec<TaskIndex>,
    wanted: Vec<(TaskIndex, WantId)>,
}

impl Chunk {
    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.new.is_empty() && self.wanted.is_empty()
    }

    /// None, but with the memory of this one.
    fn emptied(mut self) -> Self {
        self.named.clear();
        self.new.clear();
        self.wanted.clear();
        // A chunk may want more than it holds.
        self.wanted.shrink_to(CHUNK_TASKS);
        self
    }
}

impl Scheduler {
    /// A client introduces functions.
    pub(super) fn introduce(&mut self, c: ClientIndex, functions: Vec<FunctionInfo>) {
        for info in functions {
            let long = [&info.name, &info.module, &info.place].into_iter().any(|text| text.len() > MAX_NAME_BYTES);
            let full = self.functions.len() >= self.config.max_functions as usize;
            if long || (full && self.functions.find(info.id).is_none()) {
                let why = if long { "a function's name is too long" } else { "it knows too many functions already" };
                return self.expel_client(c, &format!("the scheduler takes no more functions: {why}"));
            }
            self.functions.introduce(info);
        }
    }

    /// A chunk of a submission has come.
    pub(super) fn submit(&mut self, c: ClientIndex, place: Place, tasks: Vec<SubmittedTask>, wants: &[(Key, WantId)]) {
        let Place { submission, chunk, last } = place;
        if !self.clients[c].open.contains_key(&submission) && !self.open_submission(c, submission, false) {
            return;
        }
        let open = &self.clients[c].open[&submission];
        if open.refused || chunk < open.next_chunk {
            self.counters.ignored_chunks += 1;
            if open.refused && last {
                self.clients[c].open.remove(&submission);
            }
            return;
        }
        let (next_chunk, first) = (open.next_chunk, (open.generation, open.next_order, open.within));
        let added = tasks.len() as u32;
        let mut inserted = std::mem::take(&mut self.chunk);
        let outcome = if chunk == next_chunk {
            self.insert_chunk(c, first, tasks, wants, &mut inserted)
        } else {
            Err(refused(format!("chunk {next_chunk} of the submission is missing: chunk {chunk} came instead")))
        };
        match outcome {
            Ok(()) => self.commit(c, &place, added, &inserted),
            Err(error) => self.refuse(c, submission, last, error),
        }
        self.chunk = inserted.emptied();
    }

    /// A submission follows that the client made before. What it names is needed only once its last chunk is here, or by
    /// a want: before that nobody can say which of its values are still there.
    pub(super) fn resubmit(&mut self, c: ClientIndex, submission: RequestId) {
        self.begin_to_gather();
        self.open_submission(c, submission, true);
    }

    /// Begins a submission that was not seen before. Whether there is one now.
    pub(super) fn open_submission(&mut self, c: ClientIndex, submission: RequestId, again: bool) -> bool {
        if !self.clients[c].seen.is_new(submission) {
            self.counters.ignored_chunks += 1;
            return false;
        }
        if self.clients[c].open.len() >= self.config.max_open_submissions as usize {
            self.expel_client(c, "it has too many submissions open at once");
            return false;
        }
        self.next_generation = nested::after(self.next_generation);
        let open = OpenSubmission {
            generation: self.next_generation,
            within: None,
            next_chunk: 0,
            next_order: 0,
            held: Vec::new(),
            refused: false,
            again,
        };
        self.clients[c].open.insert(submission, open);
        true
    }

    /// Puts a chunk's tasks into the table; all of them, or none.
    fn insert_chunk(
        &mut self,
        c: ClientIndex,
        (generation, first, within): (u64, u32, Option<Within>),
        tasks: Vec<SubmittedTask>,
        wants: &[(Key, WantId)],
        chunk: &mut Chunk,
    ) -> Result<(), TaskError> {
        if tasks.len() > CHUNK_TASKS {
            return Err(refused(format!("a chunk of {} tasks is longer than the {CHUNK_TASKS} allowed", tasks.len())));
        }
        if first.checked_add(CHUNK_TASKS as u32).is_none() {
            return Err(refused("the submission has more tasks than can be numbered".to_owned()));
        }
        let mut outcome = Ok(());
        chunk.named.reserve(tasks.len());
        let Within { account, user } = within.unwrap_or(Within { account: self.clients[c].account, user: 0 });
        for (order, task) in (first..).zip(tasks) {
            match self.insert_task(c, account, Priority { user, generation, order }, task) {
                Ok((t, is_new)) => {
                    chunk.named.push(t);
                    chunk.new.extend(is_new.then_some(t));
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        match outcome.and_then(|()| self.resolve_wants(wants, chunk)) {
            Ok(()) => {
                self.raise_ways(generation, first, &chunk.named);
                Ok(())
            }
            Err(error) => {
                for &t in chunk.new.iter().rev() {
                    self.functions.task_went(self.tasks[t].function, self.tasks[t].state.name());
                    let (_, class) = self.tasks.remove(t);
                    self.classes.part(class);
                }
                Err(error)
            }
        }
    }

    /// Finds the tasks that a chunk's wants are of: where all that it names are wanted, most likely in the same order.
    fn resolve_wants(&self, wants: &[(Key, WantId)], chunk: &mut Chunk) -> Result<(), TaskError> {
        let likely: &[TaskIndex] = if wants.len() == chunk.named.len() { &chunk.named } else { &[] };
        chunk.wanted.reserve(wants.len());
        for (place, &(key, want)) in wants.iter().enumerate() {
            let likely = likely.get(place).copied().filter(|&t| self.tasks[t].key == key);
            let Some(t) = likely.or_else(|| self.tasks.find(key)) else {
                return Err(refused(format!("the key {key} is wanted, but there is no task of that key")));
            };
            chunk.wanted.push((t, want));
        }
        Ok(())
    }

    /// Puts a task into the table, or finds that it is there. Whether it is new. Its own user priority comes on top of
    /// that of `priority`.
    fn insert_task(
        &mut self,
        c: ClientIndex,
        account: AccountId,
        priority: Priority,
        task: SubmittedTask,
    ) -> Result<(TaskIndex, bool), TaskError> {
        let SubmittedTask { key, function: id, spec, dependencies, options } = task;
        let Some(function) = self.functions.find(id) else {
            return Err(refused(format!("the task {key} is a call of a function that was not introduced")));
        };
        let dependencies = self.resolve(key, function, &dependencies)?;
        if let Some(known) = self.tasks.find(key) {
            return match self.is_same(c, known, function, &dependencies, options.as_deref()) {
                true => Ok((known, false)),
                false => Err(self.key_conflict(known, function)),
            };
        }
        if self.tasks.len() >= self.config.max_tasks as usize {
            return Err(refused(format!("the scheduler is full: it has {} tasks", self.tasks.len())));
        }
        let user = options.as_ref().map_or(0, |options| options.priority.saturating_neg());
        let class = self.class_of(c, function, options.as_deref());
        let priority = Priority { user: priority.user.saturating_add(user), ..priority };
        let task = Task::new(key, function, class, account, spec, options, priority);
        self.functions.task_came(function, task.state.name());
        Ok((self.tasks.insert(task, &dependencies), true))
    }

    fn class_of(&mut self, c: ClientIndex, function: FunctionIndex, options: Option<&TaskOptions>) -> ClassIndex {
        let (environment, kind) = (self.clients[c].environment, self.functions.kind(function));
        self.classes.join(environment, kind, options, &self.workers)
    }

    /// Finds a task's dependencies. Each must be known, so no task can depend on itself or on a later one.
    fn resolve(&self, key: Key, function: FunctionIndex, keys: &[Key]) -> Result<Dependencies, TaskError> {
        let info = self.functions.info(function);
        if keys.len() > MAX_DEPENDENCIES {
            let count = keys.len();
            return Err(refused(format!(
                "{}-{key} depends on {count} tasks; at most {MAX_DEPENDENCIES} are allowed: combine them in a tree",
                info.name
            )));
        }
        if keys.is_empty() {
            return Ok(Dependencies::new());
        }
        let mut found = Dependencies::new();
        for &dependency in keys {
            let Some(t) = self.tasks.find(dependency) else {
                let what =
                    if dependency == key { "itself".to_owned() } else { format!("{dependency}, which is not known") };
                return Err(refused(format!("{}-{key} (at {}) depends on {what}", info.name, info.place)));
            };
            found.push(t);
        }
        if found.len() == 1 {
            return Ok(found);
        }
        let mut sorted = found.clone();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(refused(format!("{}-{key} names a dependency twice", info.name)));
        }
        Ok(found)
    }

    /// Whether a known task is the one that is submitted: by fingerprint if its key was chosen by name, else by function
    /// and dependencies.
    fn is_same(
        &self,
        c: ClientIndex,
        known: TaskIndex,
        function: FunctionIndex,
        dependencies: &[TaskIndex],
        options: Option<&TaskOptions>,
    ) -> bool {
        let known = &self.tasks[known];
        let fingerprints = [known.options(), options].map(|options| options.and_then(|o| o.fingerprint));
        match fingerprints {
            [Some(a), Some(b)] => a == b,
            [None, None] => {
                known.function == function
                    && self.classes.slab[known.class].environment == self.clients[c].environment
                    // Of a cut lineage nothing is known any more; the key is of the content.
                    && (known.marks.unrepeatable() == Some(Unrepeatable::Cut)
                        || known.dependencies.iter().map(|edge| &edge.task).eq(dependencies))
            }
            _ => false,
        }
    }

    fn key_conflict(&self, known: TaskIndex, function: FunctionIndex) -> TaskError {
        let (first, second) = (self.functions.info(self.tasks[known].function), self.functions.info(function));
        let message = format!(
            "two different tasks have one key: a call of `{}` at {} is known by it, and a call of `{}` at {} was submitted \
             under it. Give them different names, or drop every handle of the first before the second is submitted",
            first.name, first.place, second.name, second.place
        );
        TaskError::new(ErrorKind::KeyConflict, message).with(|report| {
            report.task = Some(self.name(known));
            report.place = Some(second.place.clone());
        })
    }

    /// A chunk is in the table: its tasks are held until the submission's last chunk, and the wants begin.
    fn commit(&mut self, c: ClientIndex, place: &Place, added: u32, Chunk { named, wanted, .. }: &Chunk) {
        if place.last {
            let open = self.clients[c].open.remove(&place.submission);
            let held = open.map_or_else(Vec::new, |open| open.held);
            self.want_all(c, wanted);
            self.unhold(&held);
            // What is wanted is needed.
            self.work.unneeded.extend(named.iter().filter(|&&t| self.tasks[t].wants.is_empty()));
        } else {
            let again = self.clients[c].open.get(&place.submission).is_some_and(|open| open.again);
            for &t in named {
                self.hold(t, again);
            }
            if let Some(open) = self.clients[c].open.get_mut(&place.submission) {
                open.next_chunk += 1;
                open.next_order += added;
                open.held.extend(named);
            }
            self.want_all(c, wanted);
        }
        self.arm_notices_of(c);
    }

    /// A submission names a task, or a publication does, and needs it at once unless it was made before.
    pub(super) fn hold(&mut self, t: TaskIndex, again: bool) {
        let task = &mut self.tasks[t];
        task.marks.set_held_for_lineage(again && (task.holds == 0 || task.marks.held_for_lineage()));
        task.holds += 1;
        if !task.marks.held_for_lineage() && matches!(task.state, State::Released) {
            self.work.needed.push(t);
        }
    }

    fn want_all(&mut self, c: ClientIndex, wanted: &[(TaskIndex, WantId)]) {
        for &(t, want) in wanted {
            self.add_want(c, t, want);
        }
    }

    /// Refuses a submission from this chunk on. What came before is kept for as long as it is wanted.
    fn refuse(&mut self, c: ClientIndex, submission: RequestId, last: bool, error: TaskError) {
        self.counters.refused_submissions += 1;
        self.tell_client(c, SchedulerToClient::Refused { submission, error });
        let Some(open) = self.clients[c].open.get_mut(&submission) else { return };
        open.refused = true;
        let held = std::mem::take(&mut open.held);
        if last {
            self.clients[c].open.remove(&submission);
        }
        self.unhold(&held);
    }
}

fn refused(message: String) -> TaskError {
    TaskError::new(ErrorKind::Refused, message)
}
