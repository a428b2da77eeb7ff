//! A client, reduced to its protocol: what it wants, what it has said, and what it was told.
//!
//! It behaves as `brisk-client` does: a submission leaves out what the scheduler knows because of this client's own wants;
//! a cancelled handle settles at once; holders are asked one after the other, and the scheduler when none is left. What is
//! to be sent is gathered in [`Client::outbox`] and [`Client::asks`].

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use brisk_core::{
    error::{ErrorKind, TaskError},
    id::{ClientId, Epoch, RequestId, RunId, WantId, WorkerId},
    key::Key,
    message::{ClientToScheduler, FetchOutcome, KeyNews, ScatteredValue},
};
use smallvec::SmallVec;

use crate::{
    oracle,
    workload::{self, Build, Task, TaskIndex, Workload},
};

mod puts;
mod sharing;

pub(crate) use sharing::waits;

/// One client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its session.
    pub id: ClientId,
    /// The program that it is of.
    pub build: Build,
    /// The life of the scheduler that its session is with.
    pub epoch: Epoch,
    /// Messages for the scheduler, in order.
    pub outbox: VecDeque<ClientToScheduler>,
    /// Values to ask of workers.
    pub asks: Vec<(WorkerId, TaskIndex)>,
    /// Values to put on workers.
    pub parcels: Vec<(WorkerId, Vec<TaskIndex>)>,
    /// Which workers have which of the values that it may announce.
    pub places: BTreeMap<TaskIndex, Vec<WorkerId>>,
    /// All and only the keys that it wants, cancelled ones included until they are dropped.
    handles: BTreeMap<TaskIndex, Handle>,
    /// Requests that are not answered, with how many workers each waits for.
    requests: BTreeMap<RequestId, u32>,
    /// Values that the scheduler was asked places for.
    unplaced: BTreeMap<RequestId, Vec<TaskIndex>>,
    sharing: sharing::Sharing,
    /// Where actors live, as far as it was told.
    homes: BTreeMap<TaskIndex, WorkerId>,
    introduced: bool,
    last_want: u64,
    last_request: u64,
}

/// One wanted key.
#[derive(Clone, Debug)]
pub struct Handle {
    /// The want.
    pub want: WantId,
    /// The submission that named it.
    pub submission: RequestId,
    /// Whether the value is brought here as soon as there is one.
    pub gathers: bool,
    /// How far it is.
    pub state: State,
    /// Whether the scheduler does not have the want any more: it was refused, or cancelled, be it after it had failed.
    ended: bool,
}

/// How far a handle is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Nothing is known yet, or the value was lost.
    Pending,
    /// The value is elsewhere.
    Finished {
        /// Who has it.
        holders: SmallVec<[WorkerId; 1]>,
        /// Who was asked in vain.
        tried: SmallVec<[WorkerId; 1]>,
        /// Whether somebody is being asked.
        asking: bool,
    },
    /// The value is here.
    Here(u64),
    /// It failed.
    Erred(TaskError),
    /// It was cancelled.
    Cancelled,
}

impl State {
    /// Whether it will not change by itself.
    pub fn is_settled(&self) -> bool {
        matches!(self, State::Here(_) | State::Erred(_) | State::Cancelled)
    }
}

impl Client {
    /// A client that wants nothing.
    pub fn new(id: ClientId, build: Build, epoch: Epoch) -> Self {
        Client {
            id,
            build,
            epoch,
            outbox: VecDeque::new(),
            asks: Vec::new(),
            parcels: Vec::new(),
            places: BTreeMap::new(),
            handles: BTreeMap::new(),
            requests: BTreeMap::new(),
            unplaced: BTreeMap::new(),
            sharing: sharing::Sharing::default(),
            homes: BTreeMap::new(),
            introduced: false,
            last_want: 0,
            last_request: 0,
        }
    }

    /// All handles, by task.
    pub fn handles(&self) -> impl Iterator<Item = (TaskIndex, &Handle)> {
        self.handles.iter().map(|(task, handle)| (*task, handle))
    }

    /// The worker where an actor lives, if this client knows and wants it.
    pub fn home_of(&self, actor: TaskIndex) -> Option<WorkerId> {
        self.homes.get(&actor).copied().filter(|_| self.handles.contains_key(&actor))
    }

    /// The handle of a task, if it is wanted.
    pub fn handle(&self, task: TaskIndex) -> Option<&Handle> {
        self.handles.get(&task)
    }

    /// Whether some request is not answered that could be, with so many workers.
    pub fn is_waiting_for_answers(&self, workers: u32) -> bool {
        self.requests.values().any(|count| *count <= workers)
    }

    /// Wants these tasks: submits what they need, in chunks of at most so many tasks, and from within a run if there is one.
    /// Returns the submission.
    pub fn submit(
        &mut self,
        workload: &Workload,
        roots: &[TaskIndex],
        chunk: usize,
        gathers: bool,
        from: Option<(Key, RunId)>,
    ) -> RequestId {
        let needed = workload.needed_for(roots, |task| self.knows(task));
        let (scattered, tasks): (Vec<_>, Vec<_>) = needed.into_iter().partition(|task| workload.task(*task).scattered);
        let submission = self.request();
        if scattered.iter().any(|task| self.places.get(task).is_none_or(Vec::is_empty)) {
            // Nobody has brought that along.
            return submission;
        }
        let (mut wants, mut replaced) = (Vec::new(), Vec::new());
        let announced = self.announce(workload, &scattered, (submission, gathers), &mut replaced);
        for root in roots {
            if !self.knows(*root) {
                let want = self.next_want();
                let handle = Handle { want, submission, gathers, state: State::Pending, ended: false };
                replaced.extend(self.handles.insert(*root, handle).map(|old| (workload.task(*root).key, old.want)));
                wants.push((*root, want));
            }
        }
        if !std::mem::replace(&mut self.introduced, true) {
            self.outbox.push_back(ClientToScheduler::Functions(workload::functions()));
        }
        self.outbox.extend(announced);
        if let Some((parent, run)) = from.filter(|_| !tasks.is_empty()) {
            self.outbox.push_back(ClientToScheduler::SubmitFrom { submission, parent, run });
        }
        let chunks: Vec<_> = tasks.chunks(chunk.max(1)).collect();
        let last = chunks.len().saturating_sub(1);
        for (i, tasks) in chunks.into_iter().enumerate() {
            // A want stands in the chunk of its task.
            let wants = wants.iter().filter(|(task, _)| tasks.binary_search(task).is_ok());
            self.outbox.push_back(ClientToScheduler::Submit {
                submission,
                chunk: i as u32,
                last: i == last,
                tasks: tasks.iter().map(|task| workload.submitted(*task)).collect(),
                wants: wants.map(|(task, want)| (workload.task(*task).key, *want)).collect(),
            });
        }
        if !replaced.is_empty() {
            // Nobody holds the old handles any more. The scheduler may still have their wants, if it refused only a later
            // chunk of their submissions.
            self.outbox.push_back(ClientToScheduler::Release(replaced));
        }
        submission
    }

    /// Says where values are that workers have brought along, and wants them. What is said.
    fn announce(
        &mut self,
        workload: &Workload,
        scattered: &[TaskIndex],
        (submission, gathers): (RequestId, bool),
        replaced: &mut Vec<(Key, WantId)>,
    ) -> Option<ClientToScheduler> {
        let mut values = Vec::new();
        for task in scattered {
            let want = self.next_want();
            let handle = Handle { want, submission, gathers, state: State::Pending, ended: false };
            replaced.extend(self.handles.insert(*task, handle).map(|old| (workload.task(*task).key, old.want)));
            values.push(self.announced(workload, *task, want));
        }
        (!values.is_empty()).then_some(ClientToScheduler::Scattered(values))
    }

    fn announced(&self, workload: &Workload, task: TaskIndex, want: WantId) -> ScatteredValue {
        let Task { key, nbytes, .. } = *workload.task(task);
        let holders = self.places.get(&task).into_iter().flatten().copied().collect();
        ScatteredValue { key, want, is_new: true, nbytes, holders, replicas: 1 }
    }

    /// Whether another handle needs a value that was announced: it would have to be announced again with it.
    fn is_input(&self, workload: &Workload, task: TaskIndex) -> bool {
        let others = self.handles.iter().filter(|(other, handle)| **other != task && !handle.ended);
        let roots: Vec<_> = others.map(|(other, _)| *other).collect();
        workload.needed_for(&roots, |_| false).binary_search(&task).is_ok()
    }

    /// Drops a handle; that of an announced value only if no other needs it.
    pub fn release(&mut self, workload: &Workload, task: TaskIndex) {
        if workload.task(task).scattered && self.is_input(workload, task) {
            return;
        }
        if let Some(handle) = self.handles.remove(&task) {
            self.outbox.push_back(ClientToScheduler::Release(vec![(workload.task(task).key, handle.want)]));
        }
    }

    /// Drops all handles.
    pub fn release_all(&mut self, workload: &Workload) {
        // Inputs last.
        let tasks: Vec<_> = self.handles.keys().rev().copied().collect();
        tasks.into_iter().for_each(|task| self.release(workload, task));
    }

    /// Cancels a task for this client.
    pub fn cancel(&mut self, workload: &Workload, task: TaskIndex) {
        self.cancel_by(workload, task, |keys| ClientToScheduler::Cancel { keys, force: false });
    }

    /// Cancels a task, with this message. Its handle settles at once, unless it has settled.
    pub fn cancel_by(
        &mut self,
        workload: &Workload,
        task: TaskIndex,
        message: impl FnOnce(Vec<(Key, WantId)>) -> ClientToScheduler,
    ) {
        let Some(handle) = self.handles.get_mut(&task) else { return };
        if !handle.state.is_settled() {
            handle.state = State::Cancelled;
            handle.ended = true;
            self.outbox.push_back(message(vec![(workload.task(task).key, handle.want)]));
        }
    }

    /// Tries a failed task again. Whether it was one, and the scheduler has it: a call that was refused can't be.
    pub fn retry(&mut self, workload: &Workload, task: TaskIndex) -> bool {
        let known = self.knows(task);
        let Some(handle) = self.handles.get_mut(&task) else { return false };
        let failed = known && matches!(handle.state, State::Erred(_));
        if failed {
            handle.state = State::Pending;
            self.outbox.push_back(ClientToScheduler::Retry(vec![(workload.task(task).key, handle.want)]));
        }
        failed
    }

    /// Lets a task run to its end.
    pub fn detach(&mut self, workload: &Workload, task: TaskIndex) {
        self.outbox.push_back(ClientToScheduler::Detach(vec![workload.task(task).key]));
    }

    /// Asks to be answered once everything before was handled.
    pub fn sync(&mut self) -> RequestId {
        let request = self.request();
        self.requests.insert(request, 0);
        self.outbox.push_back(ClientToScheduler::Sync(request));
        request
    }

    /// Wants copies of a task's value kept.
    pub fn replicate(&mut self, workload: &Workload, task: TaskIndex, count: u32) {
        let Some(want) = self.handles.get(&task).map(|handle| handle.want) else { return };
        let request = self.request();
        self.requests.insert(request, 0);
        let (keys, workers) = (vec![(workload.task(task).key, want)], Vec::new());
        self.outbox.push_back(ClientToScheduler::Replicate { request, keys, count, workers });
    }

    /// Wants a task's value kept, and what it was computed from forgotten.
    pub fn checkpoint(&mut self, workload: &Workload, task: TaskIndex, count: u32) {
        let Some(want) = self.handles.get(&task).map(|handle| handle.want) else { return };
        let request = self.request();
        self.requests.insert(request, 0);
        let keys = vec![(workload.task(task).key, want)];
        self.outbox.push_back(ClientToScheduler::Checkpoint { request, keys, count });
    }

    /// Wants the bytes that workers hold evened out.
    pub fn rebalance(&mut self) {
        let request = self.request();
        self.requests.insert(request, 0);
        self.outbox.push_back(ClientToScheduler::Rebalance { request, keys: Vec::new() });
    }

    /// Keeps these tasks, which it wants, under a name.
    pub fn publish(&mut self, workload: &Workload, name: Arc<str>, tasks: &[TaskIndex], replace: bool) {
        let request = self.request();
        self.requests.insert(request, 0);
        let keys = tasks.iter().map(|task| workload.task(*task).key).collect();
        self.outbox.push_back(ClientToScheduler::Publish { request, name, keys, shape: "list".into(), replace });
    }

    /// Asks what is kept under a name. It then wants that.
    pub fn dataset(&mut self, name: Arc<str>) {
        let request = self.request();
        self.requests.insert(request, 0);
        self.outbox.push_back(ClientToScheduler::Dataset { request, name });
    }

    /// Ends a publication.
    pub fn unpublish(&mut self, name: Arc<str>) {
        let request = self.request();
        self.requests.insert(request, 0);
        self.outbox.push_back(ClientToScheduler::Unpublish { request, name });
    }

    /// Wants tasks that were published, of which it knows no more than their keys.
    pub fn want_published(&mut self, workload: &Workload, tasks: &[TaskIndex]) {
        let submission = self.request();
        let mut wants = Vec::new();
        for task in tasks.iter().filter(|task| !self.handles.contains_key(task)).copied().collect::<BTreeSet<_>>() {
            let want = self.next_want();
            let handle = Handle { want, submission, gathers: false, state: State::Pending, ended: false };
            self.handles.insert(task, handle);
            wants.push((workload.task(task).key, want));
        }
        if !wants.is_empty() {
            let (chunk, last, tasks) = (0, true, Vec::new());
            self.outbox.push_back(ClientToScheduler::Submit { submission, chunk, last, tasks, wants });
        }
    }

    /// Wants workers gone, by their addresses, names or hosts.
    pub fn retire_workers(&mut self, workers: Vec<Arc<str>>) {
        let request = self.request();
        self.requests.insert(request, 0);
        self.outbox.push_back(ClientToScheduler::RetireWorkers { request, workers });
    }

    /// Asks to be answered once there are so many workers.
    pub fn wait_for_workers(&mut self, count: u32) -> RequestId {
        let request = self.request();
        self.requests.insert(request, count);
        self.outbox.push_back(ClientToScheduler::WaitForWorkers { request, count });
        request
    }

    /// Says that it ends, and forgets everything.
    pub fn say_goodbye(&mut self) {
        self.handles.clear();
        self.outbox.push_back(ClientToScheduler::Goodbye);
    }

    /// The session was lost: in the next one everything that can be had again is asked for again.
    pub fn say_all_again(&mut self, id: ClientId, epoch: Epoch, workload: &Workload) {
        self.id = id;
        let same = std::mem::replace(&mut self.epoch, epoch) == epoch;
        self.outbox.clear();
        self.asks.clear();
        // Asked of another session.
        self.parcels.clear();
        self.unplaced.clear();
        self.introduced = true;
        self.outbox.push_back(ClientToScheduler::Functions(workload::functions()));
        let (mut wants, mut scattered) = (Vec::new(), Vec::new());
        self.end_what_lacks_inputs(workload);
        for (task, handle) in &mut self.handles {
            if handle.ended || matches!(handle.state, State::Erred(_) | State::Cancelled) {
                // Unknown there from now on.
                handle.ended = true;
                continue;
            }
            if !matches!(handle.state, State::Here(_)) {
                handle.state = State::Pending;
            }
            let of_kind = if workload.task(*task).scattered { &mut scattered } else { &mut wants };
            of_kind.push((*task, handle.want));
        }
        if !scattered.is_empty() {
            let values = scattered.iter().map(|(task, want)| self.announced(workload, *task, *want)).collect();
            self.outbox.push_back(ClientToScheduler::Scattered(values));
        }
        if !wants.is_empty() {
            let submission = self.request();
            let roots: Vec<_> = wants.iter().map(|(task, _)| *task).collect();
            for root in &roots {
                if let Some(handle) = self.handles.get_mut(root) {
                    handle.submission = submission;
                }
            }
            self.outbox.push_back(ClientToScheduler::Resubmit(submission));
            self.outbox.push_back(ClientToScheduler::Submit {
                submission,
                chunk: 0,
                last: true,
                tasks: workload
                    .needed_for(&roots, |_| false)
                    .into_iter()
                    .filter(|task| !workload.task(*task).scattered)
                    .map(|task| workload.submitted(task))
                    .collect(),
                wants: wants.iter().map(|(task, want)| (workload.task(*task).key, *want)).collect(),
            });
        }
        for (request, count) in &self.requests {
            let (request, count) = (*request, *count);
            self.outbox.push_back(match count {
                0 => ClientToScheduler::Sync(request),
                _ => ClientToScheduler::WaitForWorkers { request, count },
            });
        }
        self.share_again(same);
    }

    /// The session was lost, and with it the announcements that this client does not hold itself, or that have failed: what
    /// needs them can't be asked for again.
    fn end_what_lacks_inputs(&mut self, workload: &Workload) {
        let lacks = |task: &TaskIndex| {
            let needed = workload.needed_for(&[*task], |_| false);
            let mut announced = needed.into_iter().filter(|input| workload.task(*input).scattered);
            announced.any(|input| {
                let handle = self.handles.get(&input).filter(|handle| !handle.ended);
                handle.is_none_or(|handle| matches!(handle.state, State::Erred(_) | State::Cancelled))
            })
        };
        let ended: Vec<_> = self.handles.keys().filter(|task| lacks(task)).copied().collect();
        for task in ended {
            let Some(handle) = self.handles.get_mut(&task) else { continue };
            handle.ended = true;
            if !handle.state.is_settled() {
                handle.state =
                    State::Erred(TaskError::new(ErrorKind::DataLost, "what it needs is not announced any more"));
            }
        }
    }

    /// Brings every value here that is not.
    pub fn gather_all(&mut self, workload: &Workload) {
        let tasks: Vec<_> = self.handles.keys().copied().collect();
        for task in tasks {
            if let Some(handle) = self.handles.get_mut(&task) {
                handle.gathers = true;
            }
            self.fetch(workload, task);
        }
    }

    /// The scheduler answers a request. Whether it was asked.
    pub fn answered(&mut self, request: RequestId) -> bool {
        self.requests.remove(&request).is_some()
    }

    /// The scheduler has news of a key. Returns whether it is about the current want.
    pub fn hear(&mut self, workload: &Workload, task: TaskIndex, want: WantId, news: KeyNews) -> bool {
        let Some(handle) = self.handles.get_mut(&task).filter(|handle| handle.want == want) else { return false };
        let open = matches!(handle.state, State::Pending | State::Finished { .. });
        handle.ended |= matches!(news, KeyNews::Cancelled(_));
        let home = match &news {
            KeyNews::Memory { holders, .. } => holders.first().filter(|_| workload.is_actor(task)),
            _ => None,
        };
        match home {
            Some(home) => drop(self.homes.insert(task, *home)),
            None => drop(self.homes.remove(&task)),
        }
        match news {
            _ if !open => {}
            KeyNews::Memory { value: Some(value), .. } => match oracle::decode(&value) {
                Some(value) => handle.state = State::Here(value),
                None => handle.state = State::Erred(TaskError::new(ErrorKind::Decode, "no value of this simulation")),
            },
            KeyNews::Memory { holders, .. } => {
                let asking = matches!(handle.state, State::Finished { asking: true, .. });
                handle.state = State::Finished { holders, tried: SmallVec::new(), asking };
                if handle.gathers {
                    self.fetch(workload, task);
                }
            }
            KeyNews::Erred(error) => handle.state = State::Erred(error),
            KeyNews::Cancelled(_) => handle.state = State::Cancelled,
            KeyNews::Pending => handle.state = State::Pending,
            _ => {}
        }
        true
    }

    /// A submission was refused: its handles fail.
    pub fn refused(&mut self, submission: RequestId, error: &TaskError) {
        for handle in self.handles.values_mut().filter(|handle| handle.submission == submission) {
            if !handle.state.is_settled() {
                handle.state = State::Erred(error.clone());
                handle.ended = true;
            }
        }
    }

    /// A worker answers, or (as `Missing`) can't be asked.
    pub fn fetched(&mut self, workload: &Workload, worker: WorkerId, task: TaskIndex, outcome: FetchOutcome) {
        let Some(handle) = self.handles.get_mut(&task) else { return };
        if handle.state.is_settled() {
            return;
        }
        match outcome {
            FetchOutcome::Value(payload) => match oracle::decode(&payload) {
                Some(value) => handle.state = State::Here(value),
                None => handle.state = State::Erred(TaskError::new(ErrorKind::Decode, "no value of this simulation")),
            },
            FetchOutcome::Failed(failure) => {
                let error = TaskError::from(failure);
                handle.state = State::Erred(error.with(|report| {
                    let key = workload.task(task).key;
                    report.task = Some(brisk_core::task::TaskName::of_call("fetched".into(), key));
                }));
            }
            outcome => {
                if let State::Finished { holders, tried, asking } = &mut handle.state {
                    *asking = false;
                    if !matches!(outcome, FetchOutcome::Busy) {
                        holders.retain(|holder| *holder != worker);
                        tried.push(worker);
                    }
                    self.fetch(workload, task);
                }
            }
        }
    }

    /// Asks the next holder, or tells the scheduler that none is left.
    fn fetch(&mut self, workload: &Workload, task: TaskIndex) {
        let Some(handle) = self.handles.get_mut(&task) else { return };
        let State::Finished { holders, tried, asking } = &mut handle.state else { return };
        if *asking {
            return;
        }
        if let Some(worker) = holders.first() {
            *asking = true;
            self.asks.push((*worker, task));
        } else {
            let (key, want, holders) = (workload.task(task).key, handle.want, std::mem::take(tried));
            handle.state = State::Pending;
            self.outbox.push_back(ClientToScheduler::Missing { key, want, holders });
        }
    }

    /// Whether the scheduler knows a task because this client wants it.
    fn knows(&self, task: TaskIndex) -> bool {
        self.handles.get(&task).is_some_and(|handle| !handle.ended)
    }

    fn next_want(&mut self) -> WantId {
        self.last_want += 1;
        WantId(self.last_want)
    }

    fn request(&mut self) -> RequestId {
        self.last_request += 1;
        RequestId(self.last_request)
    }
}
