//! A worker's shell: an executor in virtual time, a store, and the machine between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use brisk_core::{
    error::{ErrorKind, Failure as TaskFailure},
    id::{Epoch, RequestId, RunId, WorkerId},
    key::Key,
    limits::INLINE_RESULT_BYTES,
    message::WorkerToScheduler,
    time::Moment,
};
use brisk_worker::machine::{Action, Calls, Event, Worker};

use super::{Cluster, Happening, Settings, WorkerSpec, returns};
use crate::{
    failure::Failure,
    network::{LinkId, Node, Packet},
    oracle,
    properties::{confirmations, invariants, storage, storage::Stored, values},
    workload::{Behaviour, TaskIndex},
};

/// One worker.
#[derive(Debug)]
pub struct WorkerNode {
    /// How it was when it joined.
    pub spec: WorkerSpec,
    /// What decides.
    pub machine: Worker,
    /// The values it holds.
    pub store: BTreeMap<Key, Stored>,
    /// The runs that its executor has.
    running: BTreeMap<RunId, Running>,
    /// When it is to be woken.
    pub(super) tick: Option<Moment>,
    /// Keys it asked for, by request, that are not answered.
    pub(super) requests: BTreeMap<RequestId, WorkerId>,
    /// What it has said in the present event not to hold.
    dropped: BTreeSet<Key>,
    /// Calls of the actors that live here, each with the link that its answer goes by.
    pub(crate) calls: Calls<LinkId, (LinkId, RequestId)>,
}

/// Actors of one worker that are at work at once.
const AT_WORK: usize = 2;

/// A run that the executor has.
#[derive(Clone, Debug)]
pub(super) struct Running {
    task: TaskIndex,
    /// What it will return.
    outcome: Result<u64, Box<TaskFailure>>,
    /// Whether it ends its worker instead.
    kills: bool,
    wanted: bool,
    hold: Hold,
    took: Duration,
}

/// What a run holds of its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Thread,
    /// A thread, after it had given it up.
    Back,
    /// Nothing.
    Nothing,
}

impl WorkerNode {
    pub(super) fn new(spec: &WorkerSpec, id: WorkerId, epoch: Epoch, settings: &Settings) -> Self {
        WorkerNode::with(spec, Worker::new(spec.config.clone(), id, epoch), settings)
    }

    /// A worker in its next session: with what it stores, what of that it offers, and how many threads are busy with what
    /// is left of the session before.
    pub(super) fn returning(
        spec: &WorkerSpec,
        id: WorkerId,
        epoch: Epoch,
        (store, legacy, busy): (BTreeMap<Key, Stored>, &[(Key, u64)], u32),
        settings: &Settings,
    ) -> Self {
        let machine = Worker::returning(spec.config.clone(), id, epoch, legacy, busy);
        let mut node = WorkerNode { store, ..WorkerNode::with(spec, machine, settings) };
        for number in 0..node.machine.running() {
            node.running.insert(Worker::busy_run(number), Running::left_over());
        }
        node
    }

    fn with(spec: &WorkerSpec, machine: Worker, settings: &Settings) -> Self {
        #[cfg(feature = "planted")]
        let machine = crate::planted::Bug::in_worker(settings.planted, machine);
        let calls = Calls::new(AT_WORK);
        #[cfg(feature = "planted")]
        let calls = crate::planted::Bug::in_calls(settings.planted, calls);
        #[cfg(not(feature = "planted"))]
        let _ = settings;
        WorkerNode {
            calls,
            dropped: BTreeSet::new(),
            spec: spec.clone(),
            machine,
            store: BTreeMap::new(),
            running: BTreeMap::new(),
            tick: None,
            requests: BTreeMap::new(),
        }
    }

    pub(super) fn running_ids(&self) -> Vec<RunId> {
        self.running.keys().copied().collect()
    }

    /// The tasks that run here now.
    pub fn running(&self) -> impl Iterator<Item = TaskIndex> {
        self.running.iter().filter(|(run, _)| !returns::is_left_over(**run)).map(|(_, run)| run.task)
    }

    /// Those, each with its run.
    pub fn runs(&self) -> impl Iterator<Item = (TaskIndex, RunId)> {
        let own = self.running.iter().filter(|(run, _)| !returns::is_left_over(**run));
        own.map(|(run, running)| (running.task, *run))
    }

    /// How many runs hold threads that they were given, and how many go on besides.
    pub(super) fn slots(&self) -> (u32, u32) {
        let on_threads = self.running.values().filter(|run| run.hold == Hold::Thread).count() as u32;
        (on_threads, self.running.len() as u32 - on_threads)
    }
}

impl Running {
    /// What goes on from an earlier session, for nobody.
    fn left_over() -> Self {
        let outcome = Err(Box::new(TaskFailure::new(ErrorKind::Cancelled, "nobody waits for it")));
        Running { task: 0, outcome, kills: false, wanted: false, hold: Hold::Thread, took: Duration::ZERO }
    }
}

/// The value that comes with an event, and whether the report of its run carries it.
pub(super) type Incoming = (Key, Stored);

impl Cluster {
    /// Gives a worker an event, with the values that come with it, and does what it asks for.
    pub(super) fn tell_worker(&mut self, id: WorkerId, mut event: Event, incoming: &[Incoming]) -> Result<(), Failure> {
        if !self.workers.contains_key(&id) || !self.tamper.worker_event(&mut event) {
            return Ok(());
        }
        let now = self.calendar.now();
        self.trace.note(now, format_args!("{id} <- {event:?}"));
        let wanted = match &event {
            Event::Done { run, .. } => self.take_run(id, *run),
            _ => None,
        };
        let clock = self.clock(Node::Worker(id));
        let Some(node) = self.workers.get_mut(&id) else { return Ok(()) };
        let asked = confirmations::asked(node.machine.epoch(), &event);
        node.dropped.clear();
        node.machine.handle(clock, event);
        let early = self.random.chance(self.settings.trouble.early_ticks);
        self.drain_worker(id, incoming, wanted.as_ref())?;
        if let Some(node) = self.workers.get(&id) {
            confirmations::answered(id, &asked, |key| node.store.contains_key(key) || node.dropped.contains(key))?;
        }
        if early { self.tell_worker(id, Event::Tick, &[]) } else { Ok(()) }
    }

    /// Does what a worker asks for.
    pub(super) fn drain_worker(
        &mut self,
        id: WorkerId,
        incoming: &[Incoming],
        wanted: Option<&Running>,
    ) -> Result<(), Failure> {
        let now = self.calendar.now();
        let Some(node) = self.workers.get_mut(&id) else { return Ok(()) };
        let mut actions = Vec::new();
        while let Some(mut action) = node.machine.poll_action() {
            if self.tamper.worker_action(&mut action) {
                self.trace.note(now, format_args!("{id} -> {action:?}"));
                actions.push(action);
            }
        }
        for action in actions {
            self.worker_asks(id, action, incoming, wanted)?;
        }
        self.flush_or_gather();
        self.check_worker(id)
    }

    /// Arms the next tick, and checks what must be true between two events.
    fn check_worker(&mut self, id: WorkerId) -> Result<(), Failure> {
        let checks = self.checks_invariants();
        if let Some(at) = self.workers.get(&id).and_then(|node| node.machine.next_deadline()) {
            self.wake_worker(id, at);
        }
        let Some(node) = self.workers.get_mut(&id) else { return Ok(()) };
        if checks {
            invariants::of_worker(id, &node.machine)?;
            storage::check(id, &node.machine, &node.store, node.slots(), node.spec.threads)?;
        }
        Ok(())
    }

    /// A run has come back: whether a client waits for its value.
    fn take_run(&mut self, id: WorkerId, run: RunId) -> Option<Running> {
        self.workers.get_mut(&id)?.running.remove(&run)
    }

    fn worker_asks(
        &mut self,
        id: WorkerId,
        action: Action,
        incoming: &[Incoming],
        ended: Option<&Running>,
    ) -> Result<(), Failure> {
        let broken = |found: String| Err(Failure::safety("storage", format!("worker {id} {found}")));
        match action {
            Action::ToScheduler(message) => {
                if let WorkerToScheduler::Dropped(keys) = &message
                    && let Some(node) = self.workers.get_mut(&id)
                {
                    node.dropped.extend(keys);
                }
                let message = with_value(message, incoming, ended);
                if let Some(link) = self.links.get(&Node::Worker(id)).copied() {
                    self.send(link, Node::Worker(id), Packet::FromWorker(message));
                }
            }
            Action::Execute { run, key, spec, attempt, wanted, .. } => {
                let Some(task) = self.workload.called_by(&spec).filter(|t| self.workload.task(*t).key == key) else {
                    return broken(format!("executes {key} with another task's call"));
                };
                return self.execute(id, run, task, attempt, wanted);
            }
            Action::Abort { run } => self.abort(id, run),
            Action::Abandon { run } => self.abandon(id, run),
            Action::Keep { key } => {
                let Some((_, stored)) = incoming.iter().find(|(k, _)| *k == key) else {
                    return broken(format!("keeps {key}, which has not come"));
                };
                if let Some(task) = self.workload.find(key) {
                    values::check(&self.judge.oracle, task, stored.value, format_args!("worker {id}"))?;
                }
                if let Some(node) = self.workers.get_mut(&id) {
                    node.store.insert(key, *stored);
                }
            }
            Action::DropValue { key } => {
                let dropped = self.workers.get_mut(&id).and_then(|node| node.store.remove(&key));
                if dropped.is_none() {
                    return broken(format!("drops {key}, which it does not store"));
                }
            }
            Action::Fetch { request, from, keys, .. } => self.worker_fetches(id, request, from, &keys),
            Action::Disconnect { worker } => self.disconnect(Node::Worker(id), worker),
            Action::Leave { reason } => {
                let reason = format!("{reason:?}");
                if let Some(spec) = self.workers.get(&id).map(|node| node.spec.clone()) {
                    self.process_ended(&spec, &reason, true);
                }
                self.leave(id, &reason);
            }
        }
        Ok(())
    }

    /// A run begins: its inputs are looked up now, and what it returns is certain from here on.
    fn execute(
        &mut self,
        id: WorkerId,
        run: RunId,
        task: TaskIndex,
        attempt: u32,
        wanted: bool,
    ) -> Result<(), Failure> {
        let workload = self.workload.clone();
        let Some(node) = self.workers.get_mut(&id) else { return Ok(()) };
        let mut inputs = Vec::new();
        for dependency in &workload.task(task).dependencies {
            let Some(stored) = node.store.get(&workload.task(*dependency).key) else {
                let found = format!("worker {id} executes task {task} ({run}) without task {dependency}'s value");
                return Err(Failure::safety("storage", found));
            };
            inputs.push(stored.value);
        }
        let Behaviours { fails, reschedules, kills, detaches, secedes } =
            Behaviours::of(workload.task(task).behaviour, attempt);
        let outcome = if reschedules {
            Err(Box::new(TaskFailure::new(ErrorKind::Rescheduled, format!("task {task} asks in attempt {attempt}"))))
        } else if fails {
            Err(Box::new(TaskFailure::new(ErrorKind::Failed, format!("task {task} fails in attempt {attempt}"))))
        } else {
            let value = oracle::run(&workload, task, run, inputs.into_iter());
            self.judge.oracle.made(task, value);
            Ok(self.tamper.value(value))
        };
        self.judge.executions.started(task);
        self.judge.executions.check_once(&workload, &self.judge.history, task)?;
        self.judge.blame.began(run);
        let took = workload.task(task).duration;
        // A task does not always take the same time.
        let took = took + self.random.span(&(Duration::ZERO..=took / 4));
        let running = Running { task, outcome, kills, wanted, hold: Hold::Thread, took };
        if node.running.insert(run, running).is_some() {
            return Err(Failure::safety("storage", format!("worker {id} executes {run} twice")));
        }
        if detaches {
            self.calendar.enter_after(took / 2, Happening::RunDetaches { worker: id, run });
        }
        if secedes {
            self.calendar.enter_after(took / 3, Happening::RunSecedes { worker: id, run });
            // Some end without having rejoined, and then it comes too late.
            let back = took / 3 + self.random.span(&(Duration::ZERO..=took));
            self.calendar.enter_after(back, Happening::RunRejoins { worker: id, run });
        }
        self.calendar.enter_after(took, Happening::RunEnds { worker: id, run });
        Ok(())
    }

    /// A run that nobody waits for may end early, or go on to its end.
    fn abort(&mut self, id: WorkerId, run: RunId) {
        let ends_early = self.random.chance(self.settings.trouble.aborts);
        let Some(node) = self.workers.get_mut(&id) else { return };
        if let Some(running) = node.running.get_mut(&run).filter(|_| ends_early) {
            running.kills = false;
            running.outcome = Err(Box::new(TaskFailure::new(ErrorKind::Cancelled, "aborted")));
            self.calendar.enter_after(Duration::from_micros(1), Happening::RunEnds { worker: id, run });
        }
    }

    /// A run's thread is left to it.
    fn abandon(&mut self, id: WorkerId, run: RunId) {
        if let Some(running) = self.workers.get_mut(&id).and_then(|node| node.running.get_mut(&run)) {
            running.hold = Hold::Nothing;
        }
    }

    pub(super) fn run_ends(&mut self, id: WorkerId, run: RunId) -> Result<(), Failure> {
        let Some(running) = self.workers.get(&id).and_then(|node| node.running.get(&run)) else { return Ok(()) };
        if running.kills {
            self.kill(Node::Worker(id), "a task ended its process", false);
            return Ok(());
        }
        let task = self.workload.task(running.task);
        let (outcome, took, key, nbytes) = (running.outcome.clone(), running.took, task.key, task.nbytes);
        let incoming: Vec<_> = outcome.iter().map(|value| (key, Stored { value: *value, nbytes })).collect();
        self.tell_worker(id, Event::Done { run, outcome: outcome.map(|_| nbytes), took }, &incoming)
    }

    pub(super) fn run_detaches(&mut self, id: WorkerId, run: RunId) -> Result<(), Failure> {
        self.run_holds(id, run, Hold::Nothing, Event::Detached { run })
    }

    pub(super) fn run_secedes(&mut self, id: WorkerId, run: RunId) -> Result<(), Failure> {
        self.run_holds(id, run, Hold::Nothing, Event::Seceded { run })
    }

    pub(super) fn run_rejoins(&mut self, id: WorkerId, run: RunId) -> Result<(), Failure> {
        self.run_holds(id, run, Hold::Back, Event::Rejoined { run })
    }

    /// A run that has not ended holds something else from now on.
    fn run_holds(&mut self, id: WorkerId, run: RunId, hold: Hold, event: Event) -> Result<(), Failure> {
        let node = self.workers.get_mut(&id);
        let Some(running) = node.and_then(|node| node.running.get_mut(&run)) else { return Ok(()) };
        running.hold = hold;
        self.tell_worker(id, event, &[])
    }
}

/// What a behaviour means for one attempt.
struct Behaviours {
    fails: bool,
    reschedules: bool,
    kills: bool,
    detaches: bool,
    secedes: bool,
}

impl Behaviours {
    fn of(behaviour: Behaviour, attempt: u32) -> Self {
        Behaviours {
            fails: matches!(behaviour, Behaviour::Fails { attempts } if attempt <= attempts),
            reschedules: matches!(behaviour, Behaviour::Reschedules { attempts } if attempt <= attempts),
            kills: matches!(behaviour, Behaviour::Kills { attempts } if attempt <= attempts),
            detaches: behaviour == Behaviour::Detaches,
            secedes: behaviour == Behaviour::Secedes,
        }
    }
}

/// Adds a short value that a client waits for to the report of its run, as the shell does.
fn with_value(message: WorkerToScheduler, incoming: &[Incoming], ended: Option<&Running>) -> WorkerToScheduler {
    match (message, ended, incoming.first()) {
        (WorkerToScheduler::Finished { key, run, nbytes, took, .. }, Some(ended), Some((_, stored)))
            if ended.wanted && nbytes <= INLINE_RESULT_BYTES =>
        {
            let value = Some(oracle::encode(stored.value));
            WorkerToScheduler::Finished { key, run, nbytes, took, value }
        }
        (message, ..) => message,
    }
}
