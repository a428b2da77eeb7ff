//! A transport for tests: connections that keep what is sent, and have as much room as the test says.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
    time::Duration,
};

use async_trait::async_trait;
use brisk_core::{
    address::Address,
    comm::{CloseReason, Comm, Inbox, Incoming, Listener, PeerId, Permit, TrySendError},
    hello::{Hello, Purpose, Refusal, Welcome, WorkerInfo},
    id::{ClientId, EnvironmentId, Incarnation, WorkerId},
    message::{Batch, ClientToScheduler, Messages, SchedulerToClient, SchedulerToWorker, WorkerToScheduler},
};
use parking_lot::{Condvar, Mutex};
use tokio::sync::{Notify, mpsc, oneshot};

/// What a batch is answered with, on the sender's thread.
pub(super) type Answer = Box<dyn Fn(&Messages) -> Option<Messages> + Send + Sync>;

#[derive(Default)]
pub(super) struct FakeComm {
    state: Mutex<State>,
    changed: Condvar,
    roomy: Notify,
    pub(super) by_reference: bool,
    /// Batches of more messages can't be sent.
    pub(super) longest: Option<usize>,
    pub(super) answer: Option<Answer>,
}

#[derive(Default)]
struct State {
    /// Batches that still find room; `None` for no bound.
    room: Option<usize>,
    sent: Vec<Batch>,
    closed: Option<CloseReason>,
    inbox: Option<(Weak<dyn Inbox>, PeerId, Welcome)>,
}

/// How long a test waits for what must come.
const LIMIT: Duration = Duration::from_secs(20);

impl FakeComm {
    pub(super) fn with(change: impl FnOnce(&mut FakeComm)) -> Arc<FakeComm> {
        let mut comm = FakeComm { by_reference: true, ..FakeComm::default() };
        change(&mut comm);
        Arc::new(comm)
    }

    pub(super) fn set_room(&self, room: Option<usize>) {
        self.state.lock().room = room;
        self.roomy.notify_waiters();
        self.roomy.notify_one();
    }

    /// Waits until what was sent satisfies a condition.
    pub(super) fn wait<T>(&self, mut condition: impl FnMut(&[Batch], Option<&CloseReason>) -> Option<T>) -> T {
        let mut state = self.state.lock();
        loop {
            if let Some(found) = condition(&state.sent, state.closed.as_ref()) {
                return found;
            }
            let late = self.changed.wait_for(&mut state, LIMIT).timed_out();
            assert!(!late, "what the test waits for does not come; closed: {:?}; sent: {:?}", state.closed, state.sent);
        }
    }

    pub(super) fn closed(&self) -> CloseReason {
        self.wait(|_, closed| closed.cloned())
    }

    pub(super) fn messages_to_worker(&self) -> Vec<SchedulerToWorker> {
        self.wait(|sent, _| Some(worker_messages(sent)))
    }

    pub(super) fn to_client(&self) -> Vec<SchedulerToClient> {
        self.wait(|sent, _| Some(client_messages(sent)))
    }

    /// Says something, as the peer would.
    pub(super) fn say(&self, messages: Messages) {
        let (inbox, peer, welcome) = self.state.lock().inbox.clone().expect("the peer was taken");
        let batch = Batch { epoch: welcome.epoch, incarnation: welcome.incarnation, messages };
        if let Some(inbox) = inbox.upgrade() {
            inbox.deliver(peer, batch, Permit::unlimited());
        }
    }

    pub(super) fn say_as(&self, incarnation: Incarnation, messages: Messages) {
        let (inbox, peer, welcome) = self.state.lock().inbox.clone().expect("the peer was taken");
        let batch = Batch { epoch: welcome.epoch, incarnation, messages };
        inbox.upgrade().unwrap().deliver(peer, batch, Permit::unlimited());
    }

    pub(super) fn client_says(&self, message: ClientToScheduler) {
        self.say(Messages::ClientToScheduler(vec![message]));
    }

    pub(super) fn worker_says(&self, message: WorkerToScheduler) {
        self.say(Messages::WorkerToScheduler(vec![message]));
    }

    /// The connection is lost.
    pub(super) fn lose(&self) {
        let (inbox, peer, _) = self.state.lock().inbox.clone().expect("the peer was taken");
        inbox.upgrade().unwrap().closed(peer, CloseReason::Lost("cut".to_owned()));
    }

    pub(super) fn welcome(&self) -> Welcome {
        self.state.lock().inbox.clone().expect("the peer was taken").2
    }
}

pub(super) fn client_messages(sent: &[Batch]) -> Vec<SchedulerToClient> {
    let lists = sent.iter().filter_map(|batch| match &batch.messages {
        Messages::SchedulerToClient(messages) => Some(messages.clone()),
        _ => None,
    });
    lists.flatten().collect()
}

pub(super) fn worker_messages(sent: &[Batch]) -> Vec<SchedulerToWorker> {
    let lists = sent.iter().filter_map(|batch| match &batch.messages {
        Messages::SchedulerToWorker(messages) => Some(messages.clone()),
        _ => None,
    });
    lists.flatten().collect()
}

#[async_trait]
impl Comm for FakeComm {
    fn try_send(&self, batch: Batch) -> Result<(), TrySendError> {
        let answer = self.answer.as_ref().and_then(|answer| answer(&batch.messages));
        {
            let mut state = self.state.lock();
            if state.closed.is_some() {
                return Err(TrySendError::Closed(batch));
            }
            if self.longest.is_some_and(|longest| batch.messages.len() > longest) {
                return Err(TrySendError::Unsendable { batch, reason: "too long for a test".to_owned() });
            }
            match &mut state.room {
                Some(0) => return Err(TrySendError::Full(batch)),
                Some(room) => *room -= 1,
                None => {}
            }
            state.sent.push(batch);
            self.changed.notify_all();
        }
        if let Some(answer) = answer {
            self.say(answer);
        }
        Ok(())
    }

    async fn ready(&self) {
        loop {
            let notified = self.roomy.notified();
            let has_room = || {
                let state = self.state.lock();
                state.room != Some(0) || state.closed.is_some()
            };
            if has_room() {
                return;
            }
            notified.await;
        }
    }

    fn close(&self, reason: CloseReason) {
        let inbox = {
            let mut state = self.state.lock();
            if state.closed.is_some() {
                return;
            }
            state.closed = Some(reason.clone());
            self.changed.notify_all();
            state.inbox.clone()
        };
        self.set_room(None);
        if let Some((inbox, peer, _)) = inbox
            && let Some(inbox) = inbox.upgrade()
        {
            inbox.closed(peer, reason);
        }
    }

    fn is_by_reference(&self) -> bool {
        self.by_reference
    }

    fn remote(&self) -> Address {
        "test://peer".parse().unwrap()
    }
}

pub(super) struct FakeListener {
    callers: mpsc::UnboundedSender<FakeIncoming>,
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<FakeIncoming>>,
    closed: Notify,
    pub(super) is_closed: Mutex<bool>,
}

struct FakeIncoming {
    hello: Hello,
    comm: Arc<FakeComm>,
    outcome: oneshot::Sender<Result<(), Refusal>>,
}

impl FakeListener {
    pub(super) fn new() -> Arc<Self> {
        let (callers, waiting) = mpsc::unbounded_channel();
        Arc::new(FakeListener { callers, waiting: waiting.into(), closed: Notify::new(), is_closed: Mutex::new(false) })
    }

    /// Calls, and waits for the answer.
    pub(super) async fn call(&self, hello: Hello, comm: Arc<FakeComm>) -> Result<Arc<FakeComm>, Refusal> {
        let (outcome, answer) = oneshot::channel();
        self.callers.send(FakeIncoming { hello, comm: comm.clone(), outcome }).ok().unwrap();
        tokio::time::timeout(LIMIT, answer).await.expect("every caller is answered").unwrap().map(|()| comm)
    }
}

#[async_trait]
impl Listener for FakeListener {
    fn address(&self) -> Address {
        "test://scheduler".parse().unwrap()
    }

    async fn accept(&self) -> Option<Box<dyn Incoming>> {
        let mut waiting = self.waiting.lock().await;
        tokio::select! {
            () = self.closed.notified() => None,
            caller = waiting.recv() => caller.map(|caller| Box::new(caller) as Box<dyn Incoming>),
        }
    }

    fn close(&self) {
        *self.is_closed.lock() = true;
        self.closed.notify_one();
    }
}

#[async_trait]
impl Incoming for FakeIncoming {
    fn hello(&self) -> &Hello {
        &self.hello
    }

    async fn accept(
        self: Box<Self>,
        welcome: Welcome,
        peer: PeerId,
        inbox: Arc<dyn Inbox>,
    ) -> Result<Arc<dyn Comm>, CloseReason> {
        self.comm.state.lock().inbox = Some((Arc::downgrade(&inbox), peer, welcome));
        if self.outcome.send(Ok(())).is_err() {
            return Err(CloseReason::Lost("gone".to_owned()));
        }
        Ok(self.comm)
    }

    async fn refuse(self: Box<Self>, refusal: Refusal) {
        let _ = self.outcome.send(Err(refusal));
    }
}

/// A queue of callers' names is nothing that these tests look at.
pub(super) fn client_hello() -> Hello {
    Hello::new(Purpose::Client { program: None }, "client", EnvironmentId::IN_PROCESS)
}

pub(super) fn worker_hello() -> Hello {
    let info = WorkerInfo {
        address: "test://worker".parse().unwrap(),
        host: "here".into(),
        threads: 2,
        memory_limit: 0,
        speed_percent: 100,
        resources: vec![],
    };
    Hello::new(Purpose::Worker(info), "worker", EnvironmentId::IN_PROCESS)
}

pub(super) fn worker_id(comm: &FakeComm) -> WorkerId {
    WorkerId(comm.welcome().incarnation)
}

pub(super) fn client_id(comm: &FakeComm) -> ClientId {
    ClientId(comm.welcome().incarnation)
}

/// Ends every run it is given at once, on the thread that gives it.
pub(super) fn at_once() -> Answer {
    Box::new(|messages| {
        let Messages::SchedulerToWorker(messages) = messages else { return None };
        let ended: VecDeque<_> = messages
            .iter()
            .filter_map(|message| match message {
                SchedulerToWorker::Run(run) => Some(WorkerToScheduler::Finished {
                    key: run.task.key,
                    run: run.run,
                    nbytes: 8,
                    took: Duration::from_micros(1),
                    value: None,
                }),
                _ => None,
            })
            .collect();
        (!ended.is_empty()).then(|| Messages::WorkerToScheduler(ended.into()))
    })
}
