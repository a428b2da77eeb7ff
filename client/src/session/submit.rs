//! From calls to messages: plans a graph, shares handles of keys that are wanted already, and cuts the rest into chunks.

use std::{collections::hash_map::Entry, sync::Arc};

use brisk_core::{
    error::{ErrorKind, TaskError},
    future::{Handle, Owner, Status},
    graph::{Item, Known, Node, PlanError, PlannedTask, PlannedTasks, plan},
    id::{RequestId, WantId},
    key::Key,
    limits::{CHUNK_BYTES, CHUNK_TASKS, MAX_NAME_BYTES, MAX_SPEC_BYTES},
    message::{ClientToScheduler, RunNotes, SubmittedTask},
    options::{Quantity, TaskOptions},
    payload::Payload,
    task::TaskName,
    trace::Traced,
};
use brisk_worker::server::{TaskContext, carried};
use smallvec::SmallVec;

use super::{Session, Table, Wanted, chunks, outbox};

/// Handles, one for each root: of one call most of the time.
pub(crate) type Handles = SmallVec<[Handle; 1]>;

type SubmittedTasks = SmallVec<[SubmittedTask; 1]>;
type Wants = SmallVec<[(Key, WantId); 1]>;

impl Session {
    /// Submits the graph below `roots`, and gives a handle for each root. Never blocks; what is wrong with a call is an
    /// error of its handle.
    pub(crate) fn submit(&self, roots: &[Arc<Node>]) -> Handles {
        let mut outcome = self.try_submit(roots);
        if outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::KeyConflict) {
            // The other call may live only in news of it that is being handled; the program has dropped it.
            self.finish_deliveries();
            outcome = self.try_submit(roots);
        }
        match outcome {
            Ok(handles) => handles,
            Err(error) if roots.len() == 1 => Handles::from_buf([self.failed(&roots[0], seen_by(&roots[0], error))]),
            // Only those that are wrong should fail.
            Err(_) => roots.iter().flat_map(|root| self.submit(std::slice::from_ref(root))).collect(),
        }
    }

    fn try_submit(&self, roots: &[Arc<Node>]) -> Result<Handles, TaskError> {
        let by_reference = self.is_by_reference();
        let traced = carried(by_reference);
        // Handles that turn out to be the last ones must be dropped after the lock.
        let mut spare = Vec::new();
        let (handles, waiting) = {
            let mut table = self.table.lock();
            if let Some(error) = &table.closed {
                return Err(error.clone());
            }
            let planned = table.plan(roots, &mut spare)?;
            self.check_arguments(&table, &planned)?;
            table.introduce(&planned);
            let tasks = prepare(planned, by_reference, traced.as_ref())?;
            // A call within a task is to be told whose it is, by the number of a submission of its own.
            let single = !self.of_tasks && roots.len() == 1 && matches!(&*tasks, [task] if outbox::is_single(task));
            let open = table.outbox.open_submission().filter(|_| single);
            let submission = open.unwrap_or_else(|| table.next_request());
            let mut wants = Wants::with_capacity(roots.len());
            let mut handles = Handles::with_capacity(roots.len());
            table.wanted.reserve(roots.len());
            for root in roots {
                let (handle, new) = table.want(root, submission, || self.owner(), &mut spare);
                if new {
                    wants.push((handle.key(), handle.want()));
                }
                handles.push(handle);
            }
            table.remember(&tasks, &wants);
            if !(tasks.is_empty() && wants.is_empty()) {
                self.say_whose(&mut table, submission);
            }
            table.queue(submission, single, tasks, wants);
            (handles, table.outbox.count())
        };
        drop(spare);
        self.pump_soon(waiting);
        Ok(handles)
    }

    /// Says which run a submission comes from within, if it does: what it makes goes first.
    fn say_whose(&self, table: &mut Table, submission: RequestId) {
        let parent = if self.of_tasks { TaskContext::current() } else { None };
        if let Some(parent) = parent.filter(|parent| !parent.is_cancelled()) {
            parent.has_children();
            let (parent, run) = (parent.key(), parent.run());
            table.say(ClientToScheduler::SubmitFrom { submission, parent, run });
        }
    }

    /// Wants keys that the scheduler knows from others: of a publication, for one. If one of them is gone by then, all of
    /// these handles fail.
    pub(crate) fn adopt(&self, names: Vec<TaskName>) -> Vec<Handle> {
        let owner = self.owner();
        let (mut wants, mut spare) = (Vec::new(), Vec::new());
        let (handles, closed) = {
            let mut table = self.table.lock();
            let submission = table.next_request();
            let adopted = names.into_iter().map(|name| table.adopt(name, submission, &owner, (&mut wants, &mut spare)));
            let handles: Vec<Handle> = adopted.collect();
            let closed = table.closed.clone();
            if closed.is_none() {
                table.queue_all(submission, Vec::new(), wants);
            }
            (handles, closed)
        };
        drop(spare);
        self.sent_or_failed(handles, closed)
    }

    /// New handles, whose wants go out now; or fail, if the session had ended before.
    pub(super) fn sent_or_failed(&self, handles: Vec<Handle>, closed: Option<TaskError>) -> Vec<Handle> {
        if let Some(error) = closed {
            handles.iter().for_each(|handle| handle.set_error(error.clone()));
        }
        self.pump();
        handles
    }

    /// Whether each future among the arguments of planned calls is one of this client that the cluster knows, and the names in
    /// the calls' options are names.
    ///
    /// # Errors
    /// The first that is not.
    fn check_arguments(&self, table: &Table, planned: &[PlannedTask]) -> Result<(), TaskError> {
        for (place, task) in planned.iter().enumerate() {
            for item in task.node.items() {
                let Item::Future(handle) = item else { continue };
                if !handle.is_owned_by(&self.owner()) {
                    let text = format!("the argument {} is a future of another client", handle.name());
                    return Err(named(&task.node, TaskError::new(ErrorKind::ForeignFuture, text)));
                }
                let error = match handle.error() {
                    // The scheduler has what failed, and fails what needs it. So both are there to be tried again, or to be
                    // looked into, also when the argument's future is dropped.
                    Some(_) if table.has_failed(handle) => None,
                    Some(error) => Some(error),
                    None => table.let_go(handle),
                };
                if let Some(error) = error {
                    return Err(needed_by_all(error, &planned[place..]));
                }
            }
            if let Some(options) = &task.options {
                check_options(&task.node, options)?;
            }
        }
        Ok(())
    }

    /// A handle of a call that could not be submitted.
    fn failed(&self, root: &Arc<Node>, error: TaskError) -> Handle {
        let name = root.name().unwrap_or_else(|| TaskName::of_call(root.def.info().name.clone(), Key::from_u128(0)));
        let want = self.table.lock().next_want();
        // The way ends before the root if its call is known from before and only one below it is not.
        let last = error.report().needed_by.last().map(|last| last.key).or(error.key());
        let error = if last.is_none_or(|key| key == name.key) { error } else { error.needed_by(name.clone()) };
        let handle = Handle::new(name, want, self.owner());
        handle.set_error(error);
        handle
    }
}

/// The messages of planned calls.
fn prepare(
    planned: PlannedTasks,
    by_reference: bool,
    traced: Option<&impl Fn() -> Traced>,
) -> Result<SubmittedTasks, TaskError> {
    let prepared = planned.into_iter().map(|PlannedTask { key, node, dependencies, options }| {
        let call = match traced {
            Some(traced) => Payload::from_traced_call(&node, traced()),
            None => Payload::from_call(&node),
        };
        let spec = if by_reference { call } else { sealed(&node, &call)? };
        Ok(SubmittedTask { key, function: node.def.id(), spec, dependencies, options })
    });
    prepared.collect()
}

/// The error of what a call needs, as the call sees it: if it was not planned, since it was made before and has not been
/// forgotten yet, it does not stand on the way.
fn seen_by(root: &Node, error: TaskError) -> TaskError {
    let way = &error.report().needed_by;
    match root.name() {
        Some(name) if way.last().is_some_and(|last| *last != name) => error.needed_by(name),
        _ => error,
    }
}

/// The error of an argument of the first of these calls, as the last one that needs it sees it: each call stands behind
/// those that it needs.
fn needed_by_all(mut error: TaskError, planned: &[PlannedTask]) -> TaskError {
    let mut last: Option<Key> = None;
    for task in planned {
        if last.is_none_or(|key| task.dependencies.contains(&key)) {
            last = Some(task.key);
            if let Some(name) = task.node.name() {
                error = error.needed_by(name);
            }
        }
    }
    error
}

impl Table {
    /// The calls below `roots` that the scheduler does not have. `spare` receives handles to be dropped after the lock.
    fn plan(&mut self, roots: &[Arc<Node>], spare: &mut Vec<Handle>) -> Result<PlannedTasks, TaskError> {
        let Table { keys, wanted, .. } = self;
        let spare = std::cell::RefCell::new(spare);
        plan(roots, keys, |key, fingerprint| {
            let Some((known, handle)) = wanted.get(&key).and_then(|w| Some((w, w.handle.upgrade()?))) else {
                return Known::No;
            };
            let status = handle.status();
            spare.borrow_mut().push(handle);
            match status {
                _ if known.refused || status == Status::Cancelled => Known::No,
                _ => known
                    .fingerprint(key)
                    .map_or(Known::No, |known| if known == fingerprint { Known::Yes } else { Known::Conflict }),
            }
        })
        .map_err(plan_error)
    }

    /// Whether a future is of a task that the scheduler knows as failed, and keeps.
    fn has_failed(&self, handle: &Handle) -> bool {
        let is_kept = |wanted: &Wanted| wanted.want == handle.want() && !wanted.refused;
        handle.status() == Status::Erred && self.wanted.get(&handle.key()).is_some_and(is_kept)
    }

    /// Why the cluster knows nothing of a future that has its value: it was cancelled after that had come here.
    fn let_go(&self, handle: &Handle) -> Option<TaskError> {
        if self.wanted.get(&handle.key()).is_some_and(|wanted| !wanted.refused) {
            return None;
        }
        let why = "cancelled: its value had come here before and stays, but is not on the cluster any more. Submit its call \
                   again, or scatter the value";
        Some(TaskError::new(ErrorKind::Cancelled, why).with(|report| report.task = Some(handle.name().clone())))
    }

    /// The handle of a planned root: the one there is, or a new one. Whether it is new.
    fn want(
        &mut self,
        root: &Arc<Node>,
        submission: RequestId,
        owner: impl FnOnce() -> Arc<dyn Owner>,
        spare: &mut Vec<Handle>,
    ) -> (Handle, bool) {
        let name = root.name().expect("the root was planned");
        let entry = self.wanted.entry(name.key);
        if let Entry::Occupied(known) = &entry
            && let Some(handle) = known.get().live(spare)
        {
            return (handle, false);
        }
        self.next_want += 1;
        let handle = Handle::new(name, WantId(self.next_want), owner());
        let fingerprint = Some(root.fingerprint().expect("the root was planned"));
        entry.insert_entry(Wanted::new(&handle, fingerprint, submission));
        (handle, true)
    }

    /// A handle of a key that the scheduler knows: the one there is, or a new one, whose want is added to `wants`.
    fn adopt(
        &mut self,
        name: TaskName,
        submission: RequestId,
        owner: &Arc<dyn Owner>,
        (wants, spare): (&mut Vec<(Key, WantId)>, &mut Vec<Handle>),
    ) -> Handle {
        if let Some(handle) = self.live(name.key, spare) {
            return handle;
        }
        let handle = Handle::new(name, self.next_want(), owner.clone());
        self.wanted.insert(handle.key(), Wanted::new(&handle, None, submission));
        wants.push((handle.key(), handle.want()));
        handle
    }

    /// The handle of a key that is wanted, unless the want has ended. `spare` receives handles to be dropped after the lock.
    pub(super) fn live(&self, key: Key, spare: &mut Vec<Handle>) -> Option<Handle> {
        self.wanted.get(&key)?.live(spare)
    }

    /// Tells the scheduler of functions it has not heard of.
    fn introduce(&mut self, planned: &[PlannedTask]) {
        let (mut functions, mut last) = (Vec::new(), None);
        for task in planned {
            let info = task.node.def.info();
            if last.replace(info.id) == Some(info.id) {
                continue;
            }
            if let Entry::Vacant(entry) = self.introduced.entry(info.id) {
                functions.push(entry.insert(info.clone()).clone());
            }
        }
        if !functions.is_empty() {
            self.say(ClientToScheduler::Functions(functions));
        }
    }

    /// Keeps what may have to be submitted again.
    fn remember(&mut self, tasks: &[SubmittedTask], wants: &[(Key, WantId)]) {
        if let Some(lineage) = &mut self.lineage {
            lineage.keep(tasks, wants.iter().map(|(key, _)| *key));
        }
    }

    /// Puts a submission into the outbox: by itself, or if it is a single call, with others of those.
    fn queue(&mut self, submission: RequestId, single: bool, mut tasks: SubmittedTasks, wants: Wants) {
        if self.away {
            return;
        }
        if !single {
            return self.queue_all(submission, tasks.into_vec(), wants.into_vec());
        }
        match (tasks.pop(), wants.first()) {
            (Some(task), Some(&want)) => self.outbox.push_call(submission, task, want),
            // It is wanted by another submission's number.
            (task, _) => {
                let submission = self.next_request();
                self.queue_all(submission, task.into_iter().collect(), Vec::new());
            }
        }
    }

    /// Puts a submission into the outbox, in chunks.
    pub(super) fn queue_all(&mut self, submission: RequestId, tasks: Vec<SubmittedTask>, wants: Vec<(Key, WantId)>) {
        if tasks.is_empty() && wants.is_empty() {
            return;
        }
        let all_bytes: u64 = tasks.iter().map(|task| task.spec.len()).sum();
        if tasks.len() <= CHUNK_TASKS && all_bytes <= CHUNK_BYTES as u64 {
            return self.say(ClientToScheduler::Submit { submission, chunk: 0, last: true, tasks, wants });
        }
        let chunks = chunks::cut(tasks);
        let wants = chunks::wants_of(&chunks, wants);
        let last = chunks.len() - 1;
        for (index, (tasks, wants)) in chunks.into_iter().zip(wants).enumerate() {
            let chunk = u32::try_from(index).expect("a submission has fewer than four billion chunks");
            self.say(ClientToScheduler::Submit { submission, chunk, last: index == last, tasks, wants });
        }
    }
}

/// A call as bytes, within the limit.
pub(super) fn sealed(node: &Node, call: &Payload) -> Result<Payload, TaskError> {
    let sealed = call.sealed().map_err(|error| named(node, brisk_core::error::Failure::from(error).into()))?;
    if sealed.len() > MAX_SPEC_BYTES as u64 {
        let text = format!(
            "its arguments take {} bytes, and at most {MAX_SPEC_BYTES} may travel with a call: \
             let a task make or read the large one, and pass its future",
            sealed.len()
        );
        return Err(named(node, TaskError::new(ErrorKind::TooLarge, text)));
    }
    Ok(sealed)
}

/// Whether what a call's options name is short enough to travel, beside others', in a frame, and amounts are amounts.
fn check_options(node: &Node, options: &TaskOptions) -> Result<(), TaskError> {
    /// Bytes of all names together.
    const MOST: usize = 64 << 10;
    let resources = options.resources.iter().map(|(name, _)| name);
    let names = || options.name.iter().chain(&options.workers).chain(resources.clone());
    let refused = |text: String| {
        let place = node.def.info().place.clone();
        Err(TaskError::new(ErrorKind::Refused, text).with(|report| report.place = Some(place)))
    };
    if let Some((name, _)) = options.resources.iter().find(|(_, amount)| *amount == Quantity::NO_AMOUNT) {
        let name = RunNotes::cut(name, 40);
        return refused(format!("the amount that it takes of the resource `{name}` must be a number, and 0 at least"));
    }
    if let Some(long) = names().find(|name| name.len() > MAX_NAME_BYTES) {
        let beginning = &long[..long.floor_char_boundary(40)];
        return refused(format!("the name `{beginning}…` has {} bytes: at most {MAX_NAME_BYTES} may be", long.len()));
    }
    match names().map(|name| name.len()).sum::<usize>() {
        bytes if bytes > MOST => refused(format!("the names in its options take {bytes} bytes: at most {MOST} may be")),
        _ => Ok(()),
    }
}

fn named(node: &Node, error: TaskError) -> TaskError {
    error.with(|report| {
        report.task = node.name();
        report.place = Some(node.def.info().place.clone());
    })
}

fn plan_error(error: PlanError) -> TaskError {
    let kind = match &error {
        PlanError::Argument { .. } => ErrorKind::Encode,
        PlanError::KeyConflict { .. } => ErrorKind::KeyConflict,
        _ => ErrorKind::Refused,
    };
    TaskError::new(kind, error.to_string())
}
