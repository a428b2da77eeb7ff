//! Links with workers: brings values here, straight from the workers that hold them, and puts values there.
//!
//! One data link a worker, opened when first needed. Keys wait in the link's queue and go out together; a holder that
//! does not have a value, or does not answer, is crossed off and the next one asked; when none is left the scheduler is
//! told, and computes the value again.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Weak},
    time::Duration,
};

use brisk_core::{
    address::Address,
    comm::{CloseReason, Comm, ConnectError, Connector, PeerId, TrySendError},
    future::Handle,
    hello::{Hello, Purpose, Role, Welcome},
    id::{EnvironmentId, RequestId, WorkerId},
    key::Key,
    message::{Batch, ClientToScheduler, DataMessage, FetchOutcome, Messages},
    payload::Payload,
    task::TaskName,
};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use super::{
    Session,
    actors::{Call, Calls, Reply},
    wanted::Wanted,
};

/// Keys in one request: enough to make the journey worth while, few enough to start answering soon.
const KEYS_A_REQUEST: usize = 1_024;

/// A holder that is busy is asked again after this long.
const BUSY_DELAY: Duration = Duration::from_millis(10);

pub(super) struct Fetcher {
    connector: Arc<dyn Connector>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    addresses: FxHashMap<WorkerId, Address>,
    links: FxHashMap<WorkerId, DataLink>,
    peers: FxHashMap<PeerId, WorkerId>,
    last_peer: u64,
    last_request: u64,
    /// While it is not 0, queues fill and nothing is sent.
    corks: usize,
    closed: bool,
}

struct DataLink {
    peer: PeerId,
    /// `None` while the connection is being made.
    open: Option<(Arc<dyn Comm>, Welcome)>,
    /// Whether somebody is sending what waits.
    pumping: bool,
    /// Keys to ask for.
    queue: VecDeque<Key>,
    /// Keys asked for and not answered, by request.
    asked: FxHashMap<RequestId, BTreeSet<Key>>,
    /// Values to put there.
    to_put: VecDeque<Put>,
    /// Who waits to hear which of the values that were sent are held there. Dropped with the link.
    putting: FxHashMap<RequestId, oneshot::Sender<Vec<Key>>>,
    /// Calls of actors that live there.
    calls: Calls,
    /// Calls to make there, beside its tasks.
    to_run: VecDeque<RunThere>,
    /// Who waits for what comes of a call that is made there. Dropped with the link.
    running: FxHashMap<RequestId, oneshot::Sender<FetchOutcome>>,
}

/// Something to be done by a worker, beside its tasks.
pub(super) struct RunThere {
    pub(super) what: Aside,
    /// Hears what came of it; dropped if that can't be known.
    pub(super) reply: oneshot::Sender<FetchOutcome>,
}

/// What a worker is asked for beside its tasks.
#[derive(Clone)]
pub(super) enum Aside {
    /// To make a call.
    Call { task: TaskName, call: Payload },
    /// To tell what its machine knows.
    Tables,
}

/// Values to be put into a worker's store, in one message.
pub(super) struct Put {
    /// With the memory that each takes.
    pub(super) values: Vec<(Key, u64, Payload)>,
    /// Hears which of them are held there; dropped if that can't be known.
    pub(super) reply: oneshot::Sender<Vec<Key>>,
}

/// While it lives, fetches are gathered; when it is dropped they go out together.
pub(crate) struct Cork<'a>(&'a Session);

impl Drop for Cork<'_> {
    fn drop(&mut self) {
        let uncorked = {
            let mut state = self.0.fetcher.state.lock();
            state.corks -= 1;
            if state.corks > 0 {
                return;
            }
            state.links.iter().filter(|(_, link)| link.is_waiting()).map(|(worker, _)| *worker).collect::<Vec<_>>()
        };
        uncorked.into_iter().for_each(|worker| self.0.pump_link(worker));
    }
}

impl Fetcher {
    pub(super) fn new(connector: Arc<dyn Connector>) -> Self {
        Fetcher { connector, state: Mutex::default() }
    }

    pub(super) fn connector(&self) -> Arc<dyn Connector> {
        self.connector.clone()
    }

    pub(super) fn introduce(&self, worker: WorkerId, address: Address) {
        self.state.lock().addresses.insert(worker, address);
    }

    /// Asks nobody any more.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.forget_all();
    }

    /// Closes all links: whoever is behind them is unknown to the next scheduler, until that introduces it.
    pub(super) fn forget_all(&self) {
        let links = {
            let mut state = self.state.lock();
            state.addresses.clear();
            state.peers.clear();
            std::mem::take(&mut state.links)
        };
        for (comm, _) in links.into_values().filter_map(|link| link.open) {
            comm.close(CloseReason::Local);
        }
    }
}

impl Session {
    /// Holds fetches back until the cork is dropped.
    pub(crate) fn cork(&self) -> Cork<'_> {
        self.fetcher.state.lock().corks += 1;
        Cork(self)
    }

    /// Asks a holder for the value behind a handle.
    pub(super) fn fetch_value(&self, handle: &Handle) {
        let (key, want) = (handle.key(), handle.want());
        let holder = {
            let table = self.table.lock();
            let wanted = table.wanted.get(&key).filter(|wanted| wanted.want == want);
            wanted.and_then(Wanted::holder)
        };
        match holder {
            Some(worker) => self.ask_for(worker, key),
            None => {
                // The next news of this key starts over.
                handle.set_pending();
                let tried = self.table.lock().wanted.get_mut(&key).map(Wanted::take_tried);
                self.say(ClientToScheduler::Missing { key, want, holders: tried.unwrap_or_default() });
            }
        }
    }

    fn ask_for(&self, worker: WorkerId, key: Key) {
        self.with_link(worker, |link| link.queue.push_back(key));
    }

    /// Sends values to a worker, to be kept there.
    pub(super) fn put(&self, worker: WorkerId, put: Put) {
        self.with_link(worker, |link| link.to_put.push_back(put));
    }

    /// Has a worker make a call.
    pub(super) fn run_there(&self, worker: WorkerId, run: RunThere) {
        self.with_link(worker, |link| link.to_run.push_back(run));
    }

    /// Calls an actor on the worker where it lives. Calls that are made one after the other arrive so.
    pub(crate) fn call_actor(&self, worker: WorkerId, call: Call) {
        self.with_link(worker, |link| link.calls.add(call));
    }

    /// Adds to what goes over a link, which is opened if there is none, and sends what can be sent.
    fn with_link(&self, worker: WorkerId, add: impl FnOnce(&mut DataLink)) {
        let connect = {
            let mut state = self.fetcher.state.lock();
            if state.closed {
                return;
            }
            match state.links.get_mut(&worker) {
                Some(link) => {
                    add(link);
                    None
                }
                None => {
                    state.last_peer += 1;
                    let peer = PeerId(state.last_peer);
                    let mut link = DataLink::new(peer);
                    add(&mut link);
                    state.links.insert(worker, link);
                    state.peers.insert(peer, worker);
                    Some((peer, state.addresses.get(&worker).cloned()))
                }
            }
        };
        match connect {
            None => self.pump_link(worker),
            Some((peer, Some(address))) => self.connect(worker, peer, address),
            // Never introduced, or gone since: like a link that was lost.
            Some((peer, None)) => self.link_lost(peer, &CloseReason::Lost("the worker is gone".to_owned())),
        }
    }

    fn connect(&self, worker: WorkerId, peer: PeerId, address: Address) {
        let Some(link) = self.link() else { return };
        let purpose = Purpose::Data { role: Role::Client, caller: link.welcome.incarnation, callee: worker.0 };
        let mut hello = Hello::new(purpose, "", EnvironmentId::IN_PROCESS);
        hello.epoch = Some(link.welcome.epoch);
        let (connector, inbox, this) = (self.fetcher.connector.clone(), self.inbox(), self.this.clone());
        self.runtime.spawn(async move {
            let outcome = connector.connect(&address, hello, peer, inbox).await;
            if let Some(session) = this.upgrade() {
                session.connected(worker, peer, outcome);
            }
        });
    }

    fn connected(&self, worker: WorkerId, peer: PeerId, outcome: Result<(Arc<dyn Comm>, Welcome), ConnectError>) {
        match outcome {
            Ok((comm, welcome)) => {
                let unwanted = {
                    let mut state = self.fetcher.state.lock();
                    match state.links.get_mut(&worker).filter(|link| link.peer == peer) {
                        Some(link) => {
                            link.open = Some((comm, welcome));
                            None
                        }
                        None => Some(comm),
                    }
                };
                match unwanted {
                    Some(comm) => comm.close(CloseReason::Local),
                    None => self.pump_link(worker),
                }
            }
            Err(error) => self.link_lost(peer, &CloseReason::Lost(error.to_string())),
        }
    }

    /// Sends what waits for a link, unless somebody does already: what goes over one link goes in order.
    pub(super) fn pump_link(&self, worker: WorkerId) {
        let peer = {
            let mut state = self.fetcher.state.lock();
            match state.links.get_mut(&worker) {
                Some(link) if !link.pumping && link.open.is_some() => link.pumping = true,
                _ => return,
            }
            state.links[&worker].peer
        };
        self.pump_on(worker, peer);
    }

    /// Sends what waits for a link, as the only one who does: questions first, they are short.
    fn pump_on(&self, worker: WorkerId, peer: PeerId) {
        loop {
            let (comm, batch, request) = {
                let mut state = self.fetcher.state.lock();
                let (request, corked) = (RequestId(state.last_request + 1), state.corks > 0);
                // A link that was lost meanwhile has a successor, which others pump.
                let Some(link) = state.links.get_mut(&worker).filter(|link| link.peer == peer) else { return };
                let message = if corked { None } else { link.next_message(request) };
                let Some(message) = message else {
                    link.pumping = false;
                    return;
                };
                let Some((comm, welcome)) = &link.open else { return };
                let (comm, epoch, incarnation) = (comm.clone(), welcome.epoch, welcome.incarnation);
                state.last_request = request.0;
                (comm, Batch { epoch, incarnation, messages: Messages::Data(vec![message]) }, request)
            };
            match comm.try_send(batch) {
                Ok(()) => {}
                Err(TrySendError::Full(batch)) => {
                    self.take_back(worker, request, batch);
                    let this = self.this.clone();
                    self.runtime.spawn(async move {
                        comm.ready().await;
                        upgraded(&this, |session| session.pump_on(worker, peer));
                    });
                    return;
                }
                // The inbox hears of the end, and asks others.
                Err(TrySendError::Closed(_)) => return,
                Err(TrySendError::Unsendable { reason, .. }) => {
                    tracing::error!(reason, "a request to a worker can't be sent");
                    let mut state = self.fetcher.state.lock();
                    // Whoever waits for the answer to a put, or to a call, hears that there will be none.
                    if let Some(link) = state.links.get_mut(&worker) {
                        link.putting.remove(&request);
                        link.running.remove(&request);
                        link.calls.unsent(request);
                    }
                }
            }
        }
    }

    /// A request was not sent: it waits again.
    fn take_back(&self, worker: WorkerId, request: RequestId, batch: Batch) {
        let mut state = self.fetcher.state.lock();
        let Some(link) = state.links.get_mut(&worker) else { return };
        let Messages::Data(messages) = batch.messages else { return };
        match messages.into_iter().next() {
            Some(DataMessage::Put { values, .. }) => {
                if let Some(reply) = link.putting.remove(&request) {
                    link.to_put.push_front(Put { values, reply });
                }
            }
            Some(DataMessage::Run { task, call, .. }) => {
                if let Some(reply) = link.running.remove(&request) {
                    link.to_run.push_front(RunThere { what: Aside::Call { task, call }, reply });
                }
            }
            Some(DataMessage::Tables { .. }) => {
                if let Some(reply) = link.running.remove(&request) {
                    link.to_run.push_front(RunThere { what: Aside::Tables, reply });
                }
            }
            Some(DataMessage::Call { actor, spec, .. }) => link.calls.take_back(request, actor, spec),
            _ => {
                let keys = link.asked.remove(&request).unwrap_or_default();
                keys.into_iter().rev().for_each(|key| link.queue.push_front(key));
            }
        }
    }

    /// A worker has answered.
    pub(super) fn receive(&self, peer: PeerId, messages: Vec<DataMessage>) {
        for message in messages {
            let (request, values) = match message {
                DataMessage::Values { request, values } => (request, values),
                DataMessage::Stored { request, keys } => {
                    let reply = self.fetcher.state.lock().stored(peer, request);
                    // Whoever waited may have stopped.
                    let _ = reply.map(|reply| reply.send(keys));
                    continue;
                }
                DataMessage::Ran { request, outcome } => {
                    let reply = self.fetcher.state.lock().ran(peer, request);
                    let _ = reply.map(|reply| reply.send(outcome));
                    continue;
                }
                DataMessage::Called { request, outcome } => {
                    let (reply, worker) = self.fetcher.state.lock().called(peer, request);
                    self.called(reply, worker, outcome);
                    continue;
                }
                _ => {
                    tracing::warn!("a worker asked this client for values");
                    continue;
                }
            };
            for (key, outcome) in values {
                let Some(worker) = self.fetcher.state.lock().answered(peer, request, key) else { continue };
                match outcome {
                    FetchOutcome::Value(payload) => {
                        let value = payload.into_value();
                        self.with_handle(key, |handle| handle.set_value(value));
                    }
                    FetchOutcome::Failed(failure) => self.with_handle(key, |handle| {
                        let error = brisk_core::error::TaskError::from(failure);
                        handle.set_error(error.with(|report| report.task = Some(handle.name().clone())));
                    }),
                    FetchOutcome::Busy => self.ask_later(worker, key),
                    _ => self.missing(worker, key),
                }
            }
        }
    }

    fn ask_later(&self, worker: WorkerId, key: Key) {
        let this = self.this.clone();
        self.runtime.spawn(async move {
            tokio::time::sleep(BUSY_DELAY).await;
            upgraded(&this, |session| session.ask_for(worker, key));
        });
    }

    /// A holder can't give a value: crosses it off, and asks the next.
    fn missing(&self, worker: WorkerId, key: Key) {
        if let Some(wanted) = self.table.lock().wanted.get_mut(&key) {
            wanted.was_not_with(worker);
        }
        self.with_handle(key, |handle| self.fetch_value(handle));
    }

    /// Runs `then` on the handle of a key that is still wanted; the handle is dropped outside all locks.
    fn with_handle(&self, key: Key, then: impl FnOnce(&Handle)) {
        let handle = self.table.lock().wanted.get(&key).and_then(|wanted| wanted.handle.upgrade());
        if let Some(handle) = handle {
            then(&handle);
        }
    }

    pub(super) fn worker_gone(&self, worker: WorkerId) {
        let link = {
            let mut state = self.fetcher.state.lock();
            state.addresses.remove(&worker);
            state.links.get(&worker).map(|link| (link.peer, link.open.as_ref().map(|(comm, _)| comm.clone())))
        };
        if let Some((peer, comm)) = link {
            if let Some(comm) = comm {
                comm.close(CloseReason::Local);
            }
            self.link_lost(peer, &CloseReason::Lost("the worker is gone".to_owned()));
        }
    }

    /// A data link is gone: what it was asked for is asked of others.
    pub(super) fn link_lost(&self, peer: PeerId, reason: &CloseReason) {
        let (worker, link) = {
            let mut state = self.fetcher.state.lock();
            let Some(worker) = state.peers.remove(&peer) else { return };
            let Some(link) = state.links.remove(&worker) else { return };
            (worker, link)
        };
        link.calls.lost();
        let unanswered: Vec<Key> = link.asked.into_values().flatten().chain(link.queue).collect();
        if !unanswered.is_empty() {
            tracing::debug!(%worker, %reason, values = unanswered.len(), "a data link was lost");
        }
        unanswered.into_iter().for_each(|key| self.missing(worker, key));
    }
}

impl DataLink {
    fn new(peer: PeerId) -> Self {
        let (queue, to_put, asked, putting, calls) = Default::default();
        let (to_run, running) = Default::default();
        DataLink { peer, open: None, pumping: false, queue, asked, to_put, putting, calls, to_run, running }
    }

    /// Whether there is something that may be sent.
    fn is_waiting(&self) -> bool {
        !self.queue.is_empty() || !self.to_put.is_empty() || !self.to_run.is_empty() || self.calls.is_due()
    }

    /// What is to be sent next, as request number `request`.
    fn next_message(&mut self, request: RequestId) -> Option<DataMessage> {
        if !self.queue.is_empty() {
            let keys: Vec<Key> = self.queue.drain(..self.queue.len().min(KEYS_A_REQUEST)).collect();
            self.asked.insert(request, keys.iter().copied().collect());
            return Some(DataMessage::Fetch { request, keys });
        }
        if let Some(Put { values, reply }) = self.to_put.pop_front() {
            self.putting.insert(request, reply);
            return Some(DataMessage::Put { request, values });
        }
        if let Some(RunThere { what, reply }) = self.to_run.pop_front() {
            self.running.insert(request, reply);
            return Some(match what {
                Aside::Call { task, call } => DataMessage::Run { request, task, call },
                Aside::Tables => DataMessage::Tables { request },
            });
        }
        self.calls.next(request)
    }
}

impl State {
    /// Who waits for the answer to a put.
    fn stored(&mut self, peer: PeerId, request: RequestId) -> Option<oneshot::Sender<Vec<Key>>> {
        let worker = *self.peers.get(&peer)?;
        self.links.get_mut(&worker)?.putting.remove(&request)
    }

    /// Who waits for what comes of a call beside the tasks.
    fn ran(&mut self, peer: PeerId, request: RequestId) -> Option<oneshot::Sender<FetchOutcome>> {
        let worker = *self.peers.get(&peer)?;
        self.links.get_mut(&worker)?.running.remove(&request)
    }

    /// Who waits for what a call came to, and the worker that has made it.
    fn called(&mut self, peer: PeerId, request: RequestId) -> (Option<Reply>, Option<WorkerId>) {
        let worker = self.peers.get(&peer).copied();
        let link = worker.and_then(|worker| self.links.get_mut(&worker));
        (link.and_then(|link| link.calls.answered(request)), worker)
    }

    /// Notes the answer for a key. The worker that gave it, or `None` if nobody asked.
    fn answered(&mut self, peer: PeerId, request: RequestId, key: Key) -> Option<WorkerId> {
        let worker = *self.peers.get(&peer)?;
        let link = self.links.get_mut(&worker)?;
        let keys = link.asked.get_mut(&request)?;
        let asked = keys.remove(&key);
        if keys.is_empty() {
            link.asked.remove(&request);
        }
        asked.then_some(worker)
    }
}

fn upgraded(this: &Weak<Session>, then: impl FnOnce(&Session)) {
    if let Some(session) = this.upgrade() {
        then(&session);
    }
}
