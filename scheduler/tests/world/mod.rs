//! A world for the machine: clients and workers that do what the machine says, as the protocol has it, and hold it to its
//! word. Every event is followed by a check of all invariants.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use brisk_core::{
    error::{ErrorKind, Failure},
    function::{FunctionId, FunctionInfo},
    hello::WorkerInfo,
    id::{ClientId, EnvironmentId, Epoch, Incarnation, RequestId, RunId, WantId, WorkerId},
    key::Key,
    message::{
        Assignment, ClientToScheduler, KeyNews, ScatteredValue, SchedulerToClient, SchedulerToWorker, SubmittedTask,
        WorkerToScheduler,
    },
    options::{Quantity, TaskOptions},
    payload::Payload,
    time::Moment,
};
use brisk_scheduler::machine::{Action, Config, Event, Scheduler};

pub(crate) const EPOCH: Epoch = Epoch(7);

/// Keys of one build. What a key computes and needs follows from its number, so that submissions overlap and agree.
pub(crate) const KEYS: u64 = 24;

/// From here on keys are of scattered values.
pub(crate) const SCATTERED: u64 = 800;

pub(crate) struct World {
    pub(crate) machine: Scheduler,
    pub(crate) now: Moment,
    next_incarnation: u64,
    pub(crate) clients: BTreeMap<ClientId, Client>,
    pub(crate) workers: BTreeMap<WorkerId, Worker>,
    /// Every event so far, to be repeated.
    pub(crate) history: Vec<Event>,
    /// Every action so far, in words: two equal histories must have equal ones.
    pub(crate) log: Vec<String>,
    last_run: RunId,
}

#[derive(Default)]
pub(crate) struct Client {
    pub(crate) environment: u64,
    next_request: u64,
    next_want: u64,
    pub(crate) wants: BTreeMap<Key, (WantId, Status)>,
    /// Requests that are not answered.
    pub(crate) requests: BTreeSet<RequestId>,
    knows: BTreeSet<WorkerId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Memory,
    Erred,
}

pub(crate) struct Worker {
    pub(crate) environment: u64,
    pub(crate) runs: Vec<Assignment>,
    /// Runs that were cancelled: their end may have been on its way already.
    pub(crate) ghosts: Vec<(Key, RunId)>,
    pub(crate) started: BTreeSet<RunId>,
    pub(crate) held: BTreeMap<Key, u64>,
    /// What it was asked to give up and has not answered.
    pub(crate) steals: Vec<(RequestId, Vec<(Key, RunId)>)>,
    /// What it was asked to fetch and keep and has not answered.
    pub(crate) copies: Vec<Key>,
    knows: BTreeSet<WorkerId>,
}

pub(crate) fn key(environment: u64, number: u64) -> Key {
    Key::from_u128(u128::from(environment * 1_000 + number) << 96)
}

pub(crate) fn function(number: u64) -> FunctionInfo {
    let name = ["inc", "add", "sum"][(number % 3) as usize];
    FunctionInfo {
        id: FunctionId::from_u128(u128::from(number)),
        name: name.into(),
        module: "test".into(),
        place: format!("src/main.rs:{number}").into(),
        is_async: number == 2,
    }
}

/// Numbers below that a number's task depends on.
pub(crate) fn dependencies(number: u64) -> Vec<u64> {
    let wanted = [number.wrapping_mul(7) % 5, number.wrapping_mul(3) % 4, number % 3].into_iter();
    let mut found: Vec<u64> = wanted.map(|back| number.saturating_sub(back + 1)).filter(|d| *d < number).collect();
    found.truncate((number % 4) as usize);
    found.sort_unstable();
    found.dedup();
    found
}

pub(crate) fn task(environment: u64, number: u64) -> SubmittedTask {
    let mut options = TaskOptions::default();
    options.retries = u32::from(number % 5 == 4);
    if number % 10 == 9 {
        options.retries = 2;
        options.retry_delay = Some(Duration::from_millis(20));
    }
    options.once = number % 9 == 4;
    if number % 4 == 2 {
        options.timeout = Some(Duration::from_millis(50));
    }
    options.priority = i32::from(number % 6 == 5);
    if number % 7 == 3 {
        options.resources = vec![("gpu".into(), Quantity::from_f64(1.0))];
    }
    if number % 11 == 6 {
        options.workers = vec!["odd".into()];
        options.allow_other_workers = number % 2 == 1;
    }
    if number % 9 == 2 {
        options.replicas = 2;
    }
    if number % 8 == 7 {
        options.name = Some(format!("named {number}").into());
        options.fingerprint = Some(key(environment, 500 + number));
    }
    SubmittedTask {
        key: key(environment, number),
        function: function(number % 3).id,
        spec: Payload::from_bytes(vec![number as u8]),
        dependencies: dependencies(number).into_iter().map(|d| key(environment, d)).collect(),
        options: (options != TaskOptions::default()).then(|| Box::new(options)),
    }
}

/// Lineage is cut after a few tasks, since graphs are small.
/// Every way to cancel a task, by a number.
pub(crate) fn cancel(keys: Vec<(Key, WantId)>, force: bool, number: u8) -> ClientToScheduler {
    if !force && number % 2 == 1 { ClientToScheduler::Abandon(keys) } else { ClientToScheduler::Cancel { keys, force } }
}

pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.max_lineage = 4;
    config
}

impl World {
    pub(crate) fn new() -> Self {
        World {
            machine: Scheduler::new(config(), EPOCH),
            now: Moment::ORIGIN,
            next_incarnation: 0,
            clients: BTreeMap::new(),
            workers: BTreeMap::new(),
            history: Vec::new(),
            log: Vec::new(),
            last_run: RunId(0),
        }
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.now = self.now + Duration::from_micros(10);
        self.history.push(event.clone());
        self.handle(event);
    }

    /// An event that is not new: a copy of an earlier one.
    pub(crate) fn handle(&mut self, event: Event) {
        let what = format!("{event:?}");
        self.machine.handle(self.now, event);
        while let Some(action) = self.machine.poll_action() {
            self.log.push(format!("{action:?}"));
            self.obey(action);
        }
        if let Err(violation) = self.machine.check_invariants() {
            panic!("{violation}\nafter {what}");
        }
    }

    /// Whether the same words mean something else when they are said again at once. What a worker says that it holds may have
    /// been freed for it in between; and who asks for a failed task to be tried again, and hears that it failed, decides
    /// anew. Connections bring neither twice.
    pub(crate) fn is_new_when_repeated(&self, event: &Event) -> bool {
        match event {
            Event::FromWorker { message, .. } => {
                matches!(message, WorkerToScheduler::Offered(_) | WorkerToScheduler::Received(_))
            }
            Event::FromClient { client, message: ClientToScheduler::Retry(keys), .. } => {
                let wants = self.clients.get(client).map(|state| &state.wants);
                let status = |key| wants.and_then(|wants| wants.get(key)).map(|(_, status)| *status);
                keys.iter().any(|(key, _)| status(key) == Some(Status::Erred))
            }
            _ => false,
        }
    }

    /// Two peers that are welcomed at once may join in either order: of each two numbers the higher joins first.
    fn incarnation(&mut self) -> Incarnation {
        self.next_incarnation += 1;
        Incarnation(self.next_incarnation ^ 1)
    }

    pub(crate) fn join_client(&mut self, environment: u64) -> ClientId {
        let client = ClientId(self.incarnation());
        self.clients.insert(client, Client { environment, ..Client::default() });
        let environment = EnvironmentId(u128::from(environment));
        self.event(Event::ClientJoined { client, name: "test".into(), environment, program: None });
        self.say(client, ClientToScheduler::Functions((0..3).map(function).collect()));
        client
    }

    pub(crate) fn join_worker(&mut self, environment: u64, threads: u32, gpus: u32) -> WorkerId {
        let worker = WorkerId(self.incarnation());
        let number = worker.0.0;
        let info = WorkerInfo {
            address: format!("test://w{number}").parse().unwrap(),
            host: "here".into(),
            threads,
            // Some are often short of memory, and some can't hold what others can.
            memory_limit: [200_000, 150, 200_000, 0][(number % 4) as usize],
            speed_percent: 100,
            resources: vec![("gpu".into(), Quantity::from_f64(f64::from(gpus)))],
        };
        let state = Worker {
            environment,
            runs: Vec::new(),
            ghosts: Vec::new(),
            started: BTreeSet::new(),
            held: BTreeMap::new(),
            steals: Vec::new(),
            copies: Vec::new(),
            knows: BTreeSet::new(),
        };
        self.workers.insert(worker, state);
        let name = if number % 2 == 1 { "odd" } else { "even" };
        let environment = EnvironmentId(u128::from(environment));
        self.event(Event::WorkerJoined { worker, name: name.into(), environment, info });
        worker
    }

    pub(crate) fn leave_client(&mut self, client: ClientId) {
        self.clients.remove(&client);
        self.event(Event::ClientLeft { client, reason: "test".into() });
    }

    pub(crate) fn leave_worker(&mut self, worker: WorkerId, intended: bool) {
        self.workers.remove(&worker);
        self.event(Event::WorkerLeft { worker, cause: "killed".into(), intended });
    }

    pub(crate) fn say(&mut self, client: ClientId, message: ClientToScheduler) {
        self.event(Event::FromClient { client, epoch: EPOCH, message });
    }

    pub(crate) fn report(&mut self, worker: WorkerId, message: WorkerToScheduler) {
        self.event(Event::FromWorker { worker, epoch: EPOCH, message });
    }

    /// Submits the tasks of `numbers` in chunks, and wants those of `wanted`.
    pub(crate) fn submit(&mut self, client: ClientId, numbers: &[u64], wanted: &[u64], chunks: usize) {
        let state = self.clients.get_mut(&client).unwrap();
        let environment = state.environment;
        state.next_request += 1;
        let submission = RequestId(state.next_request);
        let wants: Vec<_> = wanted.iter().map(|&number| state.want(key(environment, number))).collect();
        let size = numbers.len().div_ceil(chunks).max(1);
        let pieces: Vec<_> = if numbers.is_empty() { vec![&[][..]] } else { numbers.chunks(size).collect() };
        for (i, piece) in pieces.iter().enumerate() {
            let last = i + 1 == pieces.len();
            let tasks = piece.iter().map(|&number| task(environment, number)).collect();
            let wants = if last { wants.clone() } else { Vec::new() };
            self.say(client, ClientToScheduler::Submit { submission, chunk: i as u32, last, tasks, wants });
        }
    }

    /// As [`submit`](Self::submit), from within a run; be it one that is not there any more.
    pub(crate) fn submit_from(
        &mut self,
        client: ClientId,
        (parent, run): (Key, RunId),
        numbers: &[u64],
        chunks: usize,
    ) {
        let submission = RequestId(self.clients[&client].next_request + 1);
        self.say(client, ClientToScheduler::SubmitFrom { submission, parent, run });
        let wanted: Vec<_> = numbers.last().copied().into_iter().collect();
        self.submit(client, numbers, &wanted, chunks);
    }

    /// As [`submit`](Self::submit), for a scheduler that is said to be new.
    pub(crate) fn resubmit(&mut self, client: ClientId, numbers: &[u64], wanted: &[u64], chunks: usize) {
        let submission = RequestId(self.clients[&client].next_request + 1);
        self.say(client, ClientToScheduler::Resubmit(submission));
        self.submit(client, numbers, wanted, chunks);
    }

    /// A client puts a value into a worker's store, and says so. Scattered keys are other keys than those of calls.
    pub(crate) fn scatter(&mut self, client: ClientId, number: u64, worker: WorkerId, replicas: u32) {
        let state = self.clients.get_mut(&client).unwrap();
        let (key, want) = state.want(key(state.environment, SCATTERED + number));
        let nbytes = number % 3;
        let before = want.0 % 2 == 0;
        if before {
            self.receive(worker, number);
        }
        let holders = [worker].into_iter().collect();
        let value = ScatteredValue { key, want, is_new: true, nbytes, holders, replicas };
        self.say(client, ClientToScheduler::Scattered(vec![value]));
        if !before {
            self.receive(worker, number);
        }
    }

    /// A worker is given a value by some client, and says so.
    pub(crate) fn receive(&mut self, worker: WorkerId, number: u64) {
        let Some(state) = self.workers.get_mut(&worker) else { return };
        let key = key(state.environment, SCATTERED + number);
        let nbytes = *state.held.entry(key).or_insert(number % 3);
        self.report(worker, WorkerToScheduler::Received(vec![(key, nbytes)]));
    }

    /// A worker says that a run has started, or has given its thread up, or has taken it again: any of them at any time.
    pub(crate) fn holds(&mut self, worker: WorkerId, key: Key, run: RunId, what: u8) {
        let message = match what {
            0 => WorkerToScheduler::Started { key, run },
            1 => WorkerToScheduler::Seceded { key, run },
            _ => WorkerToScheduler::Rejoined { key, run },
        };
        self.report(worker, message);
    }

    pub(crate) fn finish(&mut self, worker: WorkerId, index: usize, nbytes: u64) {
        let state = self.workers.get_mut(&worker).unwrap();
        let Assignment { task, run, .. } = state.runs.remove(index);
        state.held.insert(task.key, nbytes);
        let took = Duration::from_micros(50 + nbytes % 100);
        self.report(worker, WorkerToScheduler::Finished { key: task.key, run, nbytes, took, value: None });
    }

    pub(crate) fn fail(&mut self, worker: WorkerId, index: usize) {
        let Assignment { task, run, .. } = self.workers.get_mut(&worker).unwrap().runs.remove(index);
        let kind = if run.0 % 4 == 0 { ErrorKind::Rescheduled } else { ErrorKind::Failed };
        let failure = Box::new(Failure::new(kind, "no"));
        let message = WorkerToScheduler::Failed { key: task.key, run, failure, took: Duration::from_micros(5) };
        self.report(worker, message);
    }

    /// A worker gets one of the copies it was asked to keep, if somebody has it; else it says that nobody does.
    pub(crate) fn copy(&mut self, worker: WorkerId, index: usize, well: bool) {
        let key = self.workers.get_mut(&worker).unwrap().copies.remove(index);
        let held = |other: &Worker| other.held.get(&key).copied();
        let Some(nbytes) = self.workers.values().find_map(held).filter(|_| well) else {
            return self.report(worker, WorkerToScheduler::Missing { key, holders: Default::default() });
        };
        let nbytes = *self.workers.get_mut(&worker).unwrap().held.entry(key).or_insert(nbytes);
        self.report(worker, WorkerToScheduler::Added(vec![(key, nbytes)]));
    }

    /// Lets every run end well until none is left, copies come and pauses pass. Whether it came to an end.
    pub(crate) fn finish_everything(&mut self) -> bool {
        let mut waited = 0;
        for _ in 0..10_000 {
            let asked = self.workers.iter().find(|(_, worker)| !worker.copies.is_empty());
            if let Some((&worker, _)) = asked {
                self.copy(worker, 0, true);
                continue;
            }
            let able = self.workers.iter().find_map(|(id, worker)| Some((*id, worker.runnable().next()?)));
            if let Some((worker, index)) = able {
                self.finish(worker, index, 10);
            } else if waited < 20 {
                waited += 1;
                self.now = self.now + Duration::from_secs(1);
                self.handle(Event::Tick);
            } else {
                return self.workers.values().all(|worker| worker.runs.is_empty());
            }
        }
        false
    }

    fn obey(&mut self, action: Action) {
        match action {
            Action::ToClient { client, message } => self.told_client(client, message),
            Action::ToWorker { worker, message } => self.told_worker(worker, message),
            Action::ToSupervisor { .. } | Action::Record(_) | Action::CloseSupervisor { .. } => {}
            Action::CloseClient { client, .. } => {
                assert!(self.clients.remove(&client).is_some(), "{client} is dead and was closed");
            }
            Action::CloseWorker { worker, .. } => {
                assert!(self.workers.remove(&worker).is_some(), "{worker} is dead and was closed");
            }
            other => panic!("an action that this world does not know: {other:?}"),
        }
    }

    fn told_client(&mut self, client: ClientId, message: SchedulerToClient) {
        let state = self.clients.get_mut(&client).expect("no message is addressed to the dead");
        match message {
            SchedulerToClient::Worker { worker, .. } => assert!(state.knows.insert(worker), "introduced twice"),
            SchedulerToClient::WorkerGone(worker) => assert!(state.knows.remove(&worker), "was never introduced"),
            SchedulerToClient::News { key, want, news } => {
                if let KeyNews::Memory { holders, .. } = &news {
                    assert!(!holders.is_empty() && holders.iter().all(|holder| state.knows.contains(holder)));
                }
                state.news(key, want, &news);
            }
            SchedulerToClient::Refused { .. } => state.refused(),
            SchedulerToClient::Answered { request, .. } => {
                // A request that comes twice may be answered twice, but not one that was never made.
                state.requests.remove(&request);
            }
            _ => {}
        }
    }

    fn told_worker(&mut self, worker: WorkerId, message: SchedulerToWorker) {
        let state = self.workers.get_mut(&worker).expect("no message is addressed to the dead");
        match message {
            SchedulerToWorker::Worker { worker, .. } => assert!(state.knows.insert(worker), "introduced twice"),
            SchedulerToWorker::WorkerGone(worker) => assert!(state.knows.remove(&worker), "was never introduced"),
            SchedulerToWorker::Run(assignment) => {
                assert!(assignment.run > self.last_run, "runs only grow");
                self.last_run = assignment.run;
                for dependency in &assignment.dependencies {
                    let made_here = state.runs.iter().any(|run| run.task.key == dependency.key);
                    assert!(!dependency.holders.is_empty() || made_here, "an input that nobody holds is not made here");
                    let known = |holder: &WorkerId| *holder == worker || state.knows.contains(holder);
                    assert!(dependency.holders.iter().all(known), "a holder was not introduced");
                }
                assert!(state.runs.iter().all(|run| run.task.key != assignment.task.key), "assigned twice");
                state.runs.push(*assignment);
            }
            SchedulerToWorker::Cancel { key, run } | SchedulerToWorker::Abandon { key, run } => {
                state.runs.retain(|assignment| assignment.run != run);
                state.ghosts.push((key, run));
            }
            SchedulerToWorker::Holders { key, holders } => {
                let awaited = state.runs.iter_mut().flat_map(|run| &mut run.dependencies);
                awaited.filter(|input| input.key == key).for_each(|input| input.holders = holders.clone());
            }
            SchedulerToWorker::Steal { request, runs } => state.steals.push((request, runs)),
            SchedulerToWorker::Acquire(copies) => {
                for copy in copies {
                    assert!(!copy.holders.is_empty(), "nobody is said to hold what is to be copied");
                    let known = |holder: &WorkerId| *holder != worker && state.knows.contains(holder);
                    assert!(copy.holders.iter().all(known), "a holder was not introduced, or is the worker itself");
                    state.copies.retain(|key| *key != copy.key);
                    state.copies.push(copy.key);
                }
            }
            SchedulerToWorker::Free(keys) => keys.iter().for_each(|key| state.freed(key)),
            _ => {}
        }
    }
}

impl Worker {
    /// The runs that could start: inputs that nobody is said to hold have been made here.
    pub(crate) fn runnable(&self) -> impl Iterator<Item = usize> + '_ {
        let has = |run: &Assignment| {
            run.dependencies.iter().all(|input| !input.holders.is_empty() || self.held.contains_key(&input.key))
        };
        let runs = self.runs.iter().enumerate();
        runs.filter(move |(_, run)| self.started.contains(&run.run) || has(run)).map(|(i, _)| i)
    }

    fn freed(&mut self, key: &Key) {
        self.held.remove(key);
        self.copies.retain(|copy| copy != key);
    }
}

impl Client {
    /// The number of a new request, which is to be answered.
    pub(crate) fn request(&mut self) -> RequestId {
        self.next_request += 1;
        self.requests.insert(RequestId(self.next_request));
        RequestId(self.next_request)
    }

    pub(crate) fn want(&mut self, key: Key) -> (Key, WantId) {
        self.next_want += 1;
        let want = WantId(self.next_want);
        self.wants.insert(key, (want, Status::Pending));
        (key, want)
    }

    fn news(&mut self, key: Key, want: WantId, news: &KeyNews) {
        let Some((current, status)) = self.wants.get_mut(&key).filter(|(current, _)| *current == want) else { return };
        match (news, *status) {
            (KeyNews::Pending, Status::Memory) => *status = Status::Pending,
            (KeyNews::Memory { .. }, _) => *status = Status::Memory,
            // Twice if it is tried again for another's sake; a settled future ignores that.
            (KeyNews::Erred(error), _) => {
                assert!(error.key().is_some(), "an error says whose it is");
                *status = Status::Erred;
            }
            (KeyNews::Cancelled(_), _) => drop(self.wants.remove(&key)),
            (news, status) => panic!("{news:?} of {key} ({current}) while it is {status:?}"),
        }
    }

    /// A submission was refused: what was wanted with it may or may not be known. This client gives up everything that is
    /// pending, by the releases that follow.
    fn refused(&mut self) {
        self.wants.retain(|_, (_, status)| *status != Status::Pending);
    }
}

pub(crate) fn difference(before: &str, after: &str) -> String {
    let mut lines = before.lines().zip(after.lines()).filter(|(a, b)| a != b).take(10);
    lines.by_ref().map(|(a, b)| format!("- {a}\n+ {b}\n")).collect()
}

/// Messages that carry what fences them off: a run, a want, a chunk's number.
pub(crate) fn is_fenced(event: &Event) -> bool {
    match event {
        Event::FromWorker { message, .. } => matches!(
            message,
            WorkerToScheduler::Started { .. }
                | WorkerToScheduler::Finished { .. }
                | WorkerToScheduler::Failed { .. }
                | WorkerToScheduler::Returned { .. }
        ),
        Event::FromClient { message, .. } => {
            matches!(message, ClientToScheduler::Submit { .. } | ClientToScheduler::Release(_))
        }
        Event::ClientLeft { .. } | Event::WorkerLeft { .. } => true,
        _ => false,
    }
}

/// The tasks below `targets`, dependencies first, and the targets. `bare`: only the targets, whose dependencies may be
/// unknown.
pub(crate) fn graph(targets: &[u8], bare: bool) -> (Vec<u64>, Vec<u64>) {
    let mut wanted: Vec<u64> = targets.iter().map(|&number| number.into()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut numbers = BTreeSet::new();
    let mut stack = wanted.clone();
    while let Some(number) = stack.pop() {
        if numbers.insert(number) && !bare {
            stack.extend(dependencies(number));
        }
    }
    (numbers.into_iter().collect(), wanted)
}
