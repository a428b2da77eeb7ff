//! A worker's surroundings, as simple as can be: an executor, a network and a scheduler that are driven by [`Op`]s, and
//! that watch what the worker asks of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use brisk_core::{
    error::{ErrorKind, Failure},
    id::{Epoch, Incarnation, RequestId, RunId, WorkerId},
    key::Key,
    lines::{LineReader, LineWriter, Next},
    message::{Assignment, DependencyInfo, Priority, SchedulerToWorker, WorkerToScheduler},
    payload::Payload,
    task::TaskName,
    time::Moment,
};
use brisk_worker::machine::{Action, Assembly, Config, Event, FetchResult, Worker};
use proptest::{prelude::*, sample::Index};

pub(crate) mod nonsense;
mod ops;

pub(crate) use ops::{Answer, Op, op};

const EPOCH: Epoch = Epoch(3);
const ME: WorkerId = WorkerId(Incarnation(1));
const KEYS: u8 = 10;
const PEERS: u8 = 4;

pub(crate) struct Model {
    worker: Worker,
    now: Moment,
    /// What was handed to the executor and has not come back, and when it was.
    executing: BTreeMap<RunId, Moment>,
    /// How long a run may take.
    limits: BTreeMap<RunId, Duration>,
    detached: BTreeSet<RunId>,
    /// Runs that have given their thread up, now or before.
    seceded: BTreeSet<RunId>,
    threads: u32,
    /// Requests with the keys that are unanswered.
    requests: BTreeMap<RequestId, (WorkerId, Vec<Key>)>,
    /// What is stored, with its length.
    store: BTreeMap<Key, u64>,
    /// What the scheduler believes to be stored, and under which run it was made.
    believed: BTreeMap<Key, Option<RunId>>,
    /// Runs that the scheduler waits for.
    assigned: BTreeMap<RunId, Key>,
    ended: BTreeSet<RunId>,
    introduced: BTreeSet<WorkerId>,
    sent: Vec<SchedulerToWorker>,
    last_run: u64,
    /// Questions that are not answered.
    missing: BTreeSet<Key>,
    left: bool,
    retiring: bool,
    /// Whether the scheduler makes sense, and its beliefs with it.
    believes: bool,
    /// Whether each message is delivered twice.
    pub(crate) twice: bool,
    /// Everything that was asked for.
    pub(crate) trace: Vec<Action>,
}

impl Model {
    pub(crate) fn new(threads: u32, memory_limit: u64) -> Self {
        let config = Config {
            host: "here".into(),
            fetch_keys: 3,
            fetch_bytes: 200,
            fetch_peers: 2,
            incoming_bytes: 300,
            ..Config::new(threads, memory_limit)
        };
        let mut model = Model {
            worker: Worker::new(Config { async_limit: 2, ..config }, ME, EPOCH),
            now: Moment::ORIGIN,
            executing: BTreeMap::new(),
            limits: BTreeMap::new(),
            detached: BTreeSet::new(),
            seceded: BTreeSet::new(),
            threads,
            requests: BTreeMap::new(),
            store: BTreeMap::new(),
            believed: BTreeMap::new(),
            assigned: BTreeMap::new(),
            ended: BTreeSet::new(),
            introduced: BTreeSet::new(),
            sent: Vec::new(),
            last_run: 0,
            missing: BTreeSet::new(),
            left: false,
            retiring: false,
            believes: true,
            twice: false,
            trace: Vec::new(),
        };
        (0..PEERS - 1).for_each(|n| model.apply(Op::Introduce(n)));
        model
    }

    pub(crate) fn apply(&mut self, op: Op) {
        match op {
            Op::Assign { key: n, needs, priority, limit } => self.assign(n, needs, priority, limit),
            Op::Again(index) if !self.sent.is_empty() => self.deliver(index.get(&self.sent).clone()),
            Op::Foreign(index) if !self.sent.is_empty() => {
                let message = index.get(&self.sent).clone();
                let before = self.trace.len();
                self.event(Event::FromScheduler { epoch: Epoch(2), message }, &[]);
                assert_eq!(self.trace.len(), before, "a message of another epoch does nothing");
            }
            Op::Cancel(index) => {
                // Of all runs there ever were.
                if let Some(run) = pick(&(1..=self.last_run).collect::<Vec<_>>(), index) {
                    self.cancel(RunId(run));
                }
            }
            Op::Free(n) => self.free(key(n)),
            Op::Acquire(n, holders) => {
                let holders = workers(holders).collect();
                self.say(SchedulerToWorker::Acquire(vec![DependencyInfo { key: key(n), nbytes: 20, holders }]));
            }
            Op::Holders(n, holders) => self.holders(key(n), holders),
            Op::Steal(indices) => {
                let all: Vec<_> = self.assigned.iter().map(|(run, key)| (*key, *run)).collect();
                let runs: Vec<_> = indices.into_iter().filter_map(|index| pick(&all, index)).collect();
                self.say(SchedulerToWorker::Steal { request: RequestId(1), runs });
            }
            Op::Gone(n) => self.say(SchedulerToWorker::WorkerGone(peer(n))),
            Op::Introduce(n) => {
                let (address, host) = ("inproc://x".parse().unwrap(), if n % 2 == 0 { "here" } else { "there" });
                self.say(SchedulerToWorker::Worker { worker: peer(n), address, host: host.into() });
            }
            Op::Done(index, end) => {
                let executing: Vec<_> = self.executing.keys().copied().collect();
                if let Some(run) = pick(&executing, index) {
                    self.done(run, end.map(u64::from));
                }
            }
            Op::DoneWith(index, nbytes) => {
                let executing: Vec<_> = self.executing.keys().copied().collect();
                if let Some(run) = pick(&executing, index) {
                    self.done(run, Some(nbytes));
                }
            }
            Op::Nonsense(message) => {
                self.believes = false;
                self.deliver(message);
            }
            Op::DoneAgain(n) => {
                let run = RunId(u64::from(n));
                if !self.executing.contains_key(&run) {
                    self.event(Event::Done { run, outcome: Ok(1), took: Duration::ZERO }, &[]);
                }
            }
            Op::Detach(index) => {
                let executing: Vec<_> = self.executing.keys().copied().collect();
                if let Some(run) = pick(&executing, index) {
                    self.detached.insert(run);
                    self.event(Event::Detached { run }, &[]);
                }
            }
            Op::Secede(index, away) => {
                let executing: Vec<_> = self.executing.keys().copied().collect();
                if let Some(run) = pick(&executing, index) {
                    if away && !self.detached.contains(&run) {
                        self.seceded.insert(run);
                    }
                    self.event(if away { Event::Seceded { run } } else { Event::Rejoined { run } }, &[]);
                }
            }
            Op::Answer(index, answers) => {
                let requests: Vec<_> = self.requests.keys().copied().collect();
                if let Some(request) = pick(&requests, index) {
                    self.answer(request, answers);
                }
            }
            Op::AnswerAgain(request, n) => {
                let request = RequestId(u64::from(request));
                let open = self.requests.get(&request).is_some_and(|(_, keys)| keys.contains(&key(n)));
                if !open {
                    let outcomes = vec![(key(n), FetchResult::Stored { nbytes: 1 })];
                    self.event(Event::FetchDone { request, outcomes }, &[]);
                }
            }
            Op::PeerLost(n) => {
                self.requests.retain(|_, (worker, _)| *worker != peer(n));
                self.event(Event::PeerLost { worker: peer(n) }, &[]);
            }
            Op::Put(put) => {
                let values: Vec<_> = put.iter().map(|(n, nbytes)| (key(*n), u64::from(*nbytes))).collect();
                let brought: Vec<_> = values.iter().map(|(key, nbytes)| (Some(*key), *nbytes)).collect();
                self.event(Event::Put { values }, &brought);
            }
            Op::Wait(ms) => {
                self.now = self.now + Duration::from_millis(u64::from(ms));
                self.event(Event::Tick, &[]);
                let overdue = self.assigned.keys().find(|run| self.believes && !self.left && self.is_overdue(**run));
                assert_eq!(overdue, None, "its time is up, and it was not told");
            }
            Op::Retire => {
                self.retiring = true;
                self.event(Event::Retire { reason: "test".into() }, &[]);
            }
            Op::Dismiss => self.say(SchedulerToWorker::Retired("test".into())),
            Op::Again(_) | Op::Foreign(_) => {}
        }
    }

    /// The machine is written down, and the one that is made of it goes on in its place.
    pub(crate) fn reload(&mut self) {
        let written = |worker: &Worker| {
            let mut written = Vec::new();
            let mut lines = LineWriter::new(&mut written);
            worker.parts().for_each(|part| lines.add(&part).unwrap());
            lines.finish().unwrap();
            written
        };
        let before = written(&self.worker);
        let (mut lines, mut assembly) = (LineReader::new(&before[..]), Assembly::default());
        while lines.next_line().unwrap() == Next::Line {
            assembly.add(lines.parse().unwrap()).unwrap();
        }
        let read = assembly.finish().unwrap();
        assert!(written(&read) == before, "what was read from a dump is written down otherwise");
        read.check_invariants().unwrap();
        self.worker = read;
    }

    /// From now on the world is honest: everything that was assigned must end.
    pub(crate) fn converge(&mut self) {
        self.twice = false;
        (0..PEERS).for_each(|n| self.apply(Op::Introduce(n)));
        if self.retiring {
            // The scheduler asks whoever retires for what it has not started.
            let runs = self.assigned.iter().map(|(run, key)| (*key, *run)).collect();
            self.say(SchedulerToWorker::Steal { request: RequestId(2), runs });
        }
        for _ in 0..10_000 {
            if self.left || (self.assigned.is_empty() && self.worker.is_idle()) {
                return;
            }
            if let Some((run, _)) = self.executing.first_key_value() {
                let run = *run;
                self.done(run, Some(1));
            } else if let Some((request, (_, keys))) = self.requests.first_key_value() {
                let (request, count) = (*request, keys.len());
                for _ in 0..count {
                    self.answer_first(request);
                }
            } else if let Some(key) = self.missing.pop_first() {
                self.holders(key, 0b1111);
            } else {
                let deadline = self.worker.next_deadline();
                self.now = self.now.max(deadline.expect("unfinished work waits for something"));
                self.event(Event::Tick, &[]);
            }
        }
        panic!("work does not end: {:?} of {:#?}", self.assigned, self.worker);
    }

    /// It is told to leave, and does, whatever it has.
    pub(crate) fn end(&mut self) {
        if !self.left {
            self.event(Event::Shutdown { reason: "the end".into() }, &[]);
        }
        for _ in 0..1_000 {
            if self.left {
                return assert_eq!((self.worker.values(), self.worker.next_deadline()), (0, None));
            }
            self.now = self.now.max(self.worker.next_deadline().expect("it waits for its dismissal"));
            self.event(Event::Tick, &[]);
        }
        panic!("it does not leave: {:#?}", self.worker);
    }

    /// Once all is freed there is nothing left.
    pub(crate) fn clear(&mut self) {
        if self.left {
            return;
        }
        let stored: Vec<_> = self.store.keys().copied().collect();
        let believed: Vec<_> = self.believed.keys().copied().collect();
        assert_eq!(stored, believed, "an idle worker holds what the scheduler believes");
        // Copies that a full worker has not fetched yet are given up like those it has.
        (0..KEYS).for_each(|n| self.free(key(n)));
        for _ in 0..20 {
            if let Some(deadline) = self.worker.next_deadline() {
                self.now = self.now.max(deadline);
                self.event(Event::Tick, &[]);
            }
        }
        assert_eq!((self.worker.bytes(), self.worker.values(), self.worker.running()), (0, 0, 0));
        assert_eq!((self.worker.assigned(), self.worker.next_deadline()), (0, None));
    }

    fn assign(&mut self, n: u8, needs: Vec<(u8, u8)>, priority: i8, limit: Option<u16>) {
        self.last_run += 1;
        let run = RunId(self.last_run);
        let needs = needs.into_iter().filter(|(need, _)| *need < n);
        let dependencies = needs.map(|(need, holders)| DependencyInfo {
            key: key(need),
            nbytes: u64::from(holders),
            holders: workers(holders).collect(),
        });
        self.assigned.retain(|_, assigned| *assigned != key(n));
        self.assigned.insert(run, key(n));
        let timeout = limit.map(|ms| Duration::from_millis(ms.into()));
        self.limits.extend(timeout.map(|limit| (run, limit)));
        self.say(SchedulerToWorker::Run(Box::new(Assignment {
            task: TaskName::of_call("t".into(), key(n)),
            run,
            attempt: 1,
            priority: Priority { user: priority.into(), ..Priority::default() },
            spec: Payload::from_bytes(vec![n]),
            dependencies: dependencies.collect(),
            resources: Vec::new(),
            wanted: false,
            reproducible: true,
            timeout,
        })));
    }

    fn cancel(&mut self, run: RunId) {
        let was = self.sent.iter().find_map(|message| match message {
            SchedulerToWorker::Run(assignment) if assignment.run == run => Some(assignment.task.key),
            _ => None,
        });
        let Some(key) = was else { return };
        self.assigned.remove(&run);
        if self.believed.get(&key) == Some(&Some(run)) {
            self.believed.remove(&key);
        }
        let abandons = run.0 % 2 == 1;
        self.say(if abandons {
            SchedulerToWorker::Abandon { key, run }
        } else {
            SchedulerToWorker::Cancel { key, run }
        });
    }

    fn free(&mut self, key: Key) {
        self.believed.remove(&key);
        self.say(SchedulerToWorker::Free(vec![key]));
    }

    fn holders(&mut self, key: Key, holders: u8) {
        self.missing.remove(&key);
        self.say(SchedulerToWorker::Holders { key, holders: workers(holders).collect() });
    }

    fn done(&mut self, run: RunId, end: Option<u64>) {
        let began = self.executing.remove(&run).expect("only what runs ends");
        let took = self.now - began;
        self.detached.remove(&run);
        self.seceded.remove(&run);
        let outcome = end.ok_or_else(|| Box::new(Failure::new(ErrorKind::Panicked, "no")));
        // The value's key is not known to the executor: the machine names it.
        let values: Vec<_> = outcome.iter().map(|nbytes| (None, *nbytes)).collect();
        self.event(Event::Done { run, outcome, took }, &values);
        self.ended.insert(run);
    }

    /// Whether a run that the executor has should not be there any more.
    fn is_overdue(&self, run: RunId) -> bool {
        let (began, limit) = (self.executing.get(&run), self.limits.get(&run));
        began.zip(limit).is_some_and(|(began, limit)| self.now - *began >= *limit)
    }

    fn answer_first(&mut self, request: RequestId) {
        if let Some((_, keys)) = self.requests.get(&request)
            && let Some(key) = keys.first().copied()
        {
            self.answer_keys(request, vec![(key, Answer::Stored(1))]);
        }
    }

    fn answer(&mut self, request: RequestId, answers: Vec<(Index, Answer)>) {
        let mut open = self.requests[&request].1.clone();
        let mut chosen = Vec::new();
        for (index, answer) in answers {
            if !open.is_empty() {
                chosen.push((open.remove(index.index(open.len())), answer));
            }
        }
        self.answer_keys(request, chosen);
    }

    fn answer_keys(&mut self, request: RequestId, answers: Vec<(Key, Answer)>) {
        let mut values = Vec::new();
        let mut outcomes = Vec::new();
        let (_, open) = self.requests.get_mut(&request).expect("only open requests are answered");
        for (key, answer) in answers {
            open.retain(|other| *other != key);
            let result = match answer {
                Answer::Stored(nbytes) => {
                    values.push((Some(key), u64::from(nbytes)));
                    FetchResult::Stored { nbytes: nbytes.into() }
                }
                Answer::Missing => FetchResult::Missing,
                Answer::Busy => FetchResult::Busy,
                Answer::Failed => FetchResult::Failed(Box::new(Failure::new(ErrorKind::Encode, "no"))),
            };
            outcomes.push((key, result));
        }
        if open.is_empty() {
            self.requests.remove(&request);
        }
        self.event(Event::FetchDone { request, outcomes }, &values);
    }

    fn say(&mut self, message: SchedulerToWorker) {
        self.sent.push(message.clone());
        self.deliver(message.clone());
        if self.twice {
            self.deliver(message);
        }
    }

    fn deliver(&mut self, message: SchedulerToWorker) {
        match &message {
            // What a copy frees or cancels is gone for the scheduler too.
            SchedulerToWorker::Free(keys) => self.believed.retain(|key, _| !keys.contains(key)),
            SchedulerToWorker::Cancel { key, run } | SchedulerToWorker::Abandon { key, run } => {
                self.assigned.remove(run);
                if self.believed.get(key) == Some(&Some(*run)) {
                    self.believed.remove(key);
                }
            }
            SchedulerToWorker::Worker { worker, .. } => {
                self.introduced.insert(*worker);
            }
            SchedulerToWorker::WorkerGone(worker) => {
                self.introduced.remove(worker);
            }
            _ => {}
        }
        self.event(Event::FromScheduler { epoch: EPOCH, message }, &[]);
    }

    /// Gives the worker an event, with the values that come with it, and does what it asks for.
    fn event(&mut self, event: Event, values: &[(Option<Key>, u64)]) {
        self.worker.handle(self.now, event);
        let (mut values, mut kept) = (values.iter(), Vec::new());
        while let Some(action) = self.worker.poll_action() {
            assert!(!self.left, "nothing follows leaving: {action:?}");
            self.trace.push(action.clone());
            match action {
                Action::ToScheduler(message) => self.hear(message),
                Action::Execute { run, .. } => {
                    assert!(!self.ended.contains(&run), "{run} runs twice");
                    assert!(self.executing.insert(run, self.now).is_none(), "{run} runs twice");
                }
                Action::Abort { run } => assert!(self.executing.contains_key(&run), "{run} can't be aborted"),
                Action::Abandon { run } => {
                    assert!(self.executing.contains_key(&run), "{run} can't be abandoned");
                    self.seceded.insert(run);
                    // Now and then there is no thread to take its place.
                    kept.extend((run.0 % 5 == 0).then_some(run));
                }
                Action::Keep { key } => {
                    let brought = values.by_ref().find(|(of, _)| of.is_none_or(|of| of == key));
                    self.store.insert(key, brought.expect("only what came is kept, in order").1);
                }
                Action::DropValue { key } => assert!(self.store.remove(&key).is_some(), "{key} is not stored"),
                Action::Fetch { request, from, keys, .. } => {
                    assert!(self.introduced.contains(&from) && from != ME, "{from} is asked");
                    let keys = keys.into_iter().map(|(key, _)| key).collect();
                    assert!(self.requests.insert(request, (from, keys)).is_none());
                }
                Action::Disconnect { worker } => self.requests.retain(|_, (peer, _)| *peer != worker),
                Action::Leave { .. } => self.left = true,
            }
        }
        if let Err(violation) = self.worker.check_invariants() {
            panic!("{violation}\n{:#?}", self.worker);
        }
        if !self.left {
            self.compare();
            kept.into_iter().for_each(|run| self.event(Event::Kept { run }, &[]));
        }
    }

    fn compare(&self) {
        let bytes = self.store.values().map(|nbytes| u128::from(*nbytes)).sum::<u128>();
        assert_eq!(self.worker.bytes(), u64::try_from(bytes).unwrap_or(u64::MAX));
        assert_eq!(self.worker.values(), self.store.len() as u64);
        assert_eq!(self.worker.running() as usize, self.executing.len());
        let elsewhere = self.detached.union(&self.seceded).count();
        assert!(self.executing.len() - elsewhere <= self.threads as usize);
        for key in self.believed.keys().filter(|_| self.believes) {
            assert!(self.store.contains_key(key), "{key} is believed to be here");
        }
    }

    fn hear(&mut self, message: WorkerToScheduler) {
        match message {
            WorkerToScheduler::Started { run, .. } => assert!(!self.ended.contains(&run)),
            WorkerToScheduler::Finished { key, run, .. } => {
                self.assigned.remove(&run);
                // Whoever was told of a copy believes in that, whatever becomes of a run that makes the same value.
                if self.believed.get(&key) != Some(&None) {
                    self.believed.insert(key, Some(run));
                }
            }
            WorkerToScheduler::Failed { run, .. } | WorkerToScheduler::Returned { run, .. } => {
                self.assigned.remove(&run);
            }
            WorkerToScheduler::Added(keys) | WorkerToScheduler::Received(keys) => {
                // A copy from now on, which the end of the run that may have made it does not concern.
                self.believed.extend(keys.into_iter().map(|(key, _)| (key, None)));
            }
            WorkerToScheduler::Stolen { runs, .. } => {
                self.assigned.retain(|run, _| !runs.iter().any(|(_, given)| given == run));
            }
            WorkerToScheduler::Missing { key, .. } => {
                self.missing.insert(key);
            }
            _ => {}
        }
    }
}

fn key(n: u8) -> Key {
    Key::from_u128(u128::from(n) << 96)
}

fn peer(n: u8) -> WorkerId {
    WorkerId(Incarnation(10 + u64::from(n)))
}

/// The peers whose bits are set; the bit above them is this worker itself.
fn workers(bits: u8) -> impl Iterator<Item = WorkerId> {
    let peers = (0..PEERS).filter(move |n| bits & (1 << n) != 0).map(peer);
    peers.chain((bits & (1 << PEERS) != 0).then_some(ME))
}

fn pick<T: Clone>(things: &[T], index: Index) -> Option<T> {
    (!things.is_empty()).then(|| index.get(things).clone())
}
