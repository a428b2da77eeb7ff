//! A scheduler's end of the link, played by the test, and tasks for it to give out.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use brisk_core::{
    comm::{CloseReason, Comm, Inbox, Listener, PeerId, Permit, TrySendError},
    error::Failure,
    graph::{Item, KeySource, Known, Node, Slot, plan},
    hello::{Hello, Purpose, Role, Welcome, WorkerInfo},
    id::{EnvironmentId, Epoch, Incarnation, RequestId, RunId, WorkerId},
    key::Key,
    message::{
        Assignment, Batch, DataMessage, DependencyInfo, FetchOutcome, Messages, Priority, SchedulerToWorker,
        WorkerToScheduler,
    },
    payload::Payload,
    registry::Registry,
    task::TaskName,
    value::{Datum, Value},
};
use brisk_transport_inproc::InprocNetwork;
use brisk_worker::server::{Worker, WorkerConfig};
use tokio::{runtime::Handle, sync::mpsc, time::timeout};

pub(crate) mod tasks;

const EPOCH: Epoch = Epoch(5);

/// Everything here happens within this time, or never.
const PATIENCE: Duration = Duration::from_secs(20);

/// A cluster whose scheduler is the test.
pub(crate) struct Cluster {
    pub(crate) network: InprocNetwork,
    listener: Arc<dyn Listener>,
    registry: Arc<Registry>,
    keys: Mutex<KeySource>,
    last: Mutex<u64>,
    /// How long the runs may take that are assigned from now on.
    pub(crate) limit: Mutex<Option<Duration>>,
}

/// A worker with the test's end of its link.
pub(crate) struct Joined {
    pub(crate) worker: Arc<Worker>,
    comm: Arc<dyn Comm>,
    heard: mpsc::UnboundedReceiver<Heard>,
    reports: VecDeque<WorkerToScheduler>,
    by_reference: bool,
}

enum Heard {
    /// With its permit: what the test does not look at counts against the link's window.
    Batch(Batch, Permit),
    Closed(CloseReason),
}

struct Recorder(mpsc::UnboundedSender<Heard>);

impl Inbox for Recorder {
    fn deliver(&self, _: PeerId, batch: Batch, permit: Permit) {
        let _ = self.0.send(Heard::Batch(batch, permit));
    }

    fn closed(&self, _: PeerId, reason: CloseReason) {
        let _ = self.0.send(Heard::Closed(reason));
    }
}

/// Runs a test on both kinds of network: by pointer, and through the codec.
pub(crate) fn on_both<F: Future<Output = ()>>(test: impl Fn(Cluster) -> F) {
    for network in [InprocNetwork::new(), InprocNetwork::encoding()] {
        on(network, &test);
    }
}

pub(crate) fn on<F: Future<Output = ()>>(network: InprocNetwork, test: impl Fn(Cluster) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    run(runtime, network, test);
}

/// Runs a test whose shells share its thread: while it does not wait, none of them moves.
pub(crate) fn on_one_thread<F: Future<Output = ()>>(network: InprocNetwork, test: impl Fn(Cluster) -> F) {
    run(tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap(), network, test);
}

fn run<F: Future<Output = ()>>(runtime: tokio::runtime::Runtime, network: InprocNetwork, test: impl Fn(Cluster) -> F) {
    runtime.block_on(async {
        let cluster = Cluster::new(network);
        timeout(3 * PATIENCE, test(cluster)).await.expect("the test takes too long");
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
}

impl Cluster {
    fn new(network: InprocNetwork) -> Self {
        let listener = network.listen("scheduler", Role::Scheduler).unwrap();
        let keys = Mutex::new(KeySource::new(EnvironmentId::IN_PROCESS, 1));
        Cluster {
            network,
            listener,
            registry: Arc::new(tasks::registry()),
            keys,
            last: Mutex::new(0),
            limit: Mutex::default(),
        }
    }

    fn next(&self) -> u64 {
        let mut last = self.last.lock().unwrap();
        *last += 1;
        *last
    }

    pub(crate) async fn worker(&self, name: &str, threads: u32) -> Joined {
        self.worker_with(name, threads, |_| {}).await
    }

    pub(crate) async fn worker_knowing(&self, name: &str, threads: u32, registry: Arc<Registry>) -> Joined {
        self.worker_with(name, threads, |config| config.registry = registry).await
    }

    pub(crate) async fn worker_with(&self, name: &str, threads: u32, change: impl FnOnce(&mut WorkerConfig)) -> Joined {
        let listener = self.network.listen(name, Role::Worker).unwrap();
        let mut config = WorkerConfig {
            name: name.into(),
            host: "here".into(),
            threads,
            memory_limit: 0,
            resources: Vec::new(),
            speed_percent: 100,
            shown_bytes: brisk_core::show::SHOWN_BYTES,
            environment: EnvironmentId::IN_PROCESS,
            registry: self.registry.clone(),
            async_tasks: Handle::current(),
            provided: None,
        };
        change(&mut config);
        let address = self.listener.address();
        let start = Worker::start(config, address, self.network.connector(), listener, Handle::current());
        let (send, heard) = mpsc::unbounded_channel();
        let accept = async {
            let incoming = self.listener.accept().await.unwrap();
            assert!(matches!(incoming.hello().purpose, Purpose::Worker(_)));
            let welcome = Welcome::new(EPOCH, Incarnation(self.next()));
            incoming.accept(welcome, PeerId(0), Arc::new(Recorder(send))).await.unwrap()
        };
        let (worker, comm) = tokio::join!(start, accept);
        let by_reference = comm.is_by_reference();
        {
            let worker = worker.unwrap();
            Joined { worker, comm, heard, reports: VecDeque::new(), by_reference }
        }
    }

    /// Where the scheduler listens.
    pub(crate) fn scheduler(&self) -> brisk_core::address::Address {
        self.listener.address()
    }

    /// Takes nobody any more.
    pub(crate) fn close(&self) {
        self.listener.close();
    }

    /// Takes a worker that was started elsewhere.
    pub(crate) async fn meet(&self) -> Met {
        let incoming = timeout(PATIENCE, self.listener.accept()).await.expect("nobody comes").unwrap();
        let Purpose::Worker(info) = incoming.hello().purpose.clone() else { panic!("no worker") };
        let incarnation = Incarnation(self.next());
        let (send, heard) = mpsc::unbounded_channel();
        let welcome = Welcome::new(EPOCH, incarnation);
        let comm = incoming.accept(welcome, PeerId(0), Arc::new(Recorder(send))).await.unwrap();
        Met { incarnation, comm, heard, reports: VecDeque::new(), info }
    }

    /// Assigns a call that needs nothing.
    pub(crate) fn give(&self, to: &Met, node: &Arc<Node>) -> (Key, RunId) {
        let run = RunId(self.next());
        to.say(SchedulerToWorker::Run(Box::new(Assignment {
            task: node.name().unwrap(),
            run,
            attempt: 1,
            priority: Priority::default(),
            spec: Payload::from_call(node).sealed().unwrap(),
            dependencies: Vec::new(),
            resources: Vec::new(),
            wanted: false,
            reproducible: true,
            timeout: None,
        })));
        (node.key().unwrap(), run)
    }

    /// A call that is ready to be given out.
    pub(crate) fn call(&self, def: &'static brisk_core::task::TaskDef, slots: Vec<Slot>) -> Arc<Node> {
        let node = Arc::new(Node::new(def, slots));
        plan(std::slice::from_ref(&node), &mut self.keys.lock().unwrap(), |_, _| Known::No).unwrap();
        node
    }

    /// Assigns a call to a worker, with its dependencies' holders. Answers key and run.
    pub(crate) fn assign(&self, to: &Joined, node: &Arc<Node>, wanted: bool, holders: &[&Joined]) -> (Key, RunId) {
        let call = Payload::from_call(node);
        let spec = if to.by_reference { call } else { call.sealed().unwrap() };
        self.assign_spec(to, node, spec, wanted, holders)
    }

    /// Assigns what may be no call at all.
    pub(crate) fn assign_bytes(&self, to: &Joined, node: &Arc<Node>, bytes: Vec<u8>) -> (Key, RunId) {
        self.assign_spec(to, node, Payload::from_bytes(bytes), false, &[])
    }

    /// The run that was assigned last.
    pub(crate) fn last_run(&self) -> RunId {
        RunId(*self.last.lock().unwrap())
    }

    fn assign_spec(
        &self,
        to: &Joined,
        node: &Arc<Node>,
        spec: Payload,
        wanted: bool,
        holders: &[&Joined],
    ) -> (Key, RunId) {
        let key = node.key().unwrap();
        let run = RunId(self.next());
        let dependencies = node.items().filter_map(Item::key).map(|key| DependencyInfo {
            key,
            nbytes: 8,
            holders: holders.iter().map(|joined| joined.worker.id()).collect(),
        });
        to.say(SchedulerToWorker::Run(Box::new(Assignment {
            task: node.name().unwrap(),
            run,
            attempt: 1,
            priority: Priority::default(),
            spec,
            dependencies: dependencies.collect(),
            resources: Vec::new(),
            wanted,
            reproducible: true,
            timeout: *self.limit.lock().unwrap(),
        })));
        (key, run)
    }

    /// Calls a worker for values, as a client would.
    pub(crate) async fn data_link(&self, to: &Joined) -> DataLink {
        let worker = to.worker.id();
        let (send, heard) = mpsc::unbounded_channel();
        let hello = self.data_hello(worker);
        let address = self.address(to);
        let inbox = Arc::new(Recorder(send));
        let (comm, welcome) = self.network.connector().connect(&address, hello, PeerId(1), inbox).await.unwrap();
        assert_eq!(welcome.incarnation, worker.0);
        DataLink { comm, heard, worker }
    }

    pub(crate) fn data_hello(&self, callee: WorkerId) -> Hello {
        let purpose = Purpose::Data { role: Role::Client, caller: Incarnation(999), callee: callee.0 };
        Hello::new(purpose, "test", EnvironmentId::IN_PROCESS)
    }

    pub(crate) fn address(&self, of: &Joined) -> brisk_core::address::Address {
        let name = format!("{:?}", of.worker);
        let name = name.trim_start_matches("Worker(").split(',').next().unwrap();
        brisk_core::address::Address::new(self.network.scheme(), name).unwrap()
    }

    /// Makes one worker known to another.
    pub(crate) fn introduce(&self, worker: &Joined, to: &Joined) {
        let address = self.address(worker);
        to.say(SchedulerToWorker::Worker { worker: worker.worker.id(), address, host: "here".into() });
    }
}

/// The test's end of the link with a worker that it did not start.
pub(crate) struct Met {
    incarnation: Incarnation,
    comm: Arc<dyn Comm>,
    heard: mpsc::UnboundedReceiver<Heard>,
    reports: VecDeque<WorkerToScheduler>,
    pub(crate) info: WorkerInfo,
}

impl Met {
    pub(crate) fn say(&self, message: SchedulerToWorker) {
        let messages = Messages::SchedulerToWorker(vec![message]);
        self.comm.try_send(Batch { epoch: EPOCH, incarnation: self.incarnation, messages }).unwrap();
    }

    pub(crate) fn close(&self) {
        self.comm.close(CloseReason::Stalled);
    }

    /// The next report, those of health aside.
    pub(crate) async fn hears(&mut self) -> WorkerToScheduler {
        loop {
            match self.reports.pop_front() {
                Some(WorkerToScheduler::Health { .. } | WorkerToScheduler::Transfers(_)) => continue,
                Some(report) => return report,
                None => {}
            }
            match timeout(PATIENCE, self.heard.recv()).await.expect("the worker says nothing").unwrap() {
                Heard::Batch(Batch { incarnation, messages: Messages::WorkerToScheduler(messages), .. }, _) => {
                    assert_eq!(incarnation, self.incarnation);
                    self.reports.extend(messages);
                }
                Heard::Batch(batch, _) => panic!("{batch:?}"),
                Heard::Closed(reason) => panic!("the worker closed the link: {reason}"),
            }
        }
    }

    /// Waits until the link is closed.
    pub(crate) async fn hears_the_end(&mut self) -> Vec<WorkerToScheduler> {
        hears_the_end(&mut self.heard).await
    }
}

impl Joined {
    pub(crate) fn say(&self, message: SchedulerToWorker) {
        let incarnation = self.worker.id().0;
        let messages = Messages::SchedulerToWorker(vec![message]);
        self.comm.try_send(Batch { epoch: EPOCH, incarnation, messages }).unwrap();
    }

    pub(crate) fn close(&self) {
        self.comm.close(CloseReason::Local);
    }

    /// The next report, those of starts and health aside.
    pub(crate) async fn hears(&mut self) -> WorkerToScheduler {
        loop {
            let report = self.hears_all().await;
            use WorkerToScheduler::{Health, Started, Transfers};
            if !matches!(report, Started { .. } | Health { .. } | Transfers(_)) {
                return report;
            }
        }
    }

    /// The next report.
    pub(crate) async fn hears_all(&mut self) -> WorkerToScheduler {
        while self.reports.is_empty() {
            match timeout(PATIENCE, self.heard.recv()).await.expect("the worker says nothing").unwrap() {
                Heard::Batch(batch, _) => {
                    assert_eq!((batch.epoch, batch.incarnation), (EPOCH, self.worker.id().0));
                    let Messages::WorkerToScheduler(messages) = batch.messages else { panic!("{batch:?}") };
                    self.reports.extend(messages);
                }
                Heard::Closed(reason) => panic!("the worker closed the link: {reason}"),
            }
        }
        self.reports.pop_front().expect("there is one")
    }

    /// The value that comes along with the report of a run's good end.
    pub(crate) async fn result<T: Value + Clone>(&mut self, (key, run): (Key, RunId)) -> T {
        match self.hears().await {
            WorkerToScheduler::Finished { key: k, run: r, value: Some(value), .. } if (k, r) == (key, run) => {
                value.into_value().into_value().unwrap()
            }
            other => panic!("not the result: {other:?}"),
        }
    }

    /// A run ends well, and its value stays there.
    pub(crate) async fn finishes(&mut self, (key, run): (Key, RunId)) {
        match self.hears().await {
            WorkerToScheduler::Finished { key: k, run: r, value: None, .. } if (k, r) == (key, run) => {}
            other => panic!("not the end: {other:?}"),
        }
    }

    /// The failure of a run.
    pub(crate) async fn failure(&mut self, (key, run): (Key, RunId)) -> Failure {
        match self.hears().await {
            WorkerToScheduler::Failed { key: k, run: r, failure, .. } if (k, r) == (key, run) => *failure,
            other => panic!("not the failure: {other:?}"),
        }
    }

    /// The worker, apart from the link to it.
    pub(crate) fn take_worker(self) -> (Arc<Worker>, Ending) {
        (self.worker, Ending(self.heard, self.comm))
    }

    /// Waits until the link is closed.
    pub(crate) async fn hears_the_end(&mut self) -> Vec<WorkerToScheduler> {
        hears_the_end(&mut self.heard).await
    }
}

/// What is left of a link whose worker was taken away.
pub(crate) struct Ending(
    mpsc::UnboundedReceiver<Heard>,
    #[expect(dead_code, reason = "it keeps the link open")] Arc<dyn Comm>,
);

impl Ending {
    pub(crate) async fn hears_the_end(&mut self) -> Vec<WorkerToScheduler> {
        hears_the_end(&mut self.0).await
    }
}

async fn hears_the_end(heard: &mut mpsc::UnboundedReceiver<Heard>) -> Vec<WorkerToScheduler> {
    let mut last = Vec::new();
    loop {
        match timeout(PATIENCE, heard.recv()).await.expect("the worker does not leave").unwrap() {
            Heard::Batch(Batch { messages: Messages::WorkerToScheduler(messages), .. }, _) => last.extend(messages),
            Heard::Batch(batch, _) => panic!("{batch:?}"),
            Heard::Closed(_) => return last,
        }
    }
}

/// A link on which the test asks for values.
pub(crate) struct DataLink {
    comm: Arc<dyn Comm>,
    heard: mpsc::UnboundedReceiver<Heard>,
    worker: WorkerId,
}

impl DataLink {
    pub(crate) fn ask(&self, request: u64, keys: Vec<Key>) {
        assert!(self.try_ask(request, keys));
    }

    /// Asks, if there is room for the question.
    pub(crate) fn try_ask(&self, request: u64, keys: Vec<Key>) -> bool {
        let messages = Messages::Data(vec![DataMessage::Fetch { request: RequestId(request), keys }]);
        match self.comm.try_send(Batch { epoch: EPOCH, incarnation: self.worker.0, messages }) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => false,
            Err(other) => panic!("{other}"),
        }
    }

    /// How much has come that was not looked at.
    pub(crate) fn unread(&self) -> usize {
        self.heard.len()
    }

    /// All answers to one question, and in how many messages they came.
    pub(crate) async fn answers(&mut self, request: u64, count: usize) -> (Vec<(Key, FetchOutcome)>, usize) {
        let mut answers = Vec::new();
        let mut messages_came = 0;
        while answers.len() < count {
            match timeout(PATIENCE, self.heard.recv()).await.expect("no answer").unwrap() {
                Heard::Batch(Batch { messages: Messages::Data(messages), .. }, _) => {
                    for message in messages {
                        let DataMessage::Values { request: r, values } = message else { panic!("{message:?}") };
                        assert_eq!(r, RequestId(request));
                        messages_came += 1;
                        answers.extend(values);
                    }
                }
                Heard::Batch(batch, _) => panic!("{batch:?}"),
                Heard::Closed(reason) => panic!("{reason}"),
            }
        }
        assert_eq!(answers.len(), count);
        (answers, messages_came)
    }
}

impl DataLink {
    /// The questions of the next batch of answers, in whatever order they are answered.
    pub(crate) async fn answered(&mut self) -> Vec<u64> {
        match timeout(PATIENCE, self.heard.recv()).await.expect("no answer").unwrap() {
            Heard::Batch(Batch { messages: Messages::Data(messages), .. }, _) => messages
                .into_iter()
                .map(|message| match message {
                    DataMessage::Values { request, .. } => request.0,
                    other => panic!("{other:?}"),
                })
                .collect(),
            Heard::Batch(batch, _) => panic!("{batch:?}"),
            Heard::Closed(reason) => panic!("{reason}"),
        }
    }
}

pub(crate) fn inline<T: Value>(value: T) -> Slot {
    Slot::One(Item::Inline(Datum::new(value)))
}

pub(crate) fn result_of(node: &Arc<Node>) -> Slot {
    Slot::One(Item::Call(node.clone()))
}

pub(crate) fn name_of(node: &Arc<Node>) -> TaskName {
    node.name().unwrap()
}
