//! Links to other workers, over which values come here: opened when first needed, closed when not needed for a while.

use std::{sync::Arc, sync::Weak, time::Duration, time::Instant};

use brisk_core::{
    address::Address,
    comm::{CloseReason, Comm, Connector, Inbox, PeerId, Permit},
    hello::{Hello, Purpose, Role, Welcome},
    id::{RequestId, WorkerId},
    key::Key,
    limits::HANDSHAKE_TIMEOUT,
    message::{Batch, DataMessage, FetchOutcome, Messages},
};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::time::timeout;

use super::{
    driver::{Fetched, News, Shared},
    links::Sender,
};
use crate::machine::FetchResult;

/// A link that brought nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(60);

/// A request of the machine.
pub(super) struct ToFetch {
    pub(super) request: RequestId,
    pub(super) from: WorkerId,
    pub(super) address: Address,
    /// The keys, with their announced lengths.
    pub(super) keys: Vec<(Key, u64)>,
}

pub(super) struct Links {
    connector: Arc<dyn Connector>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    links: FxHashMap<WorkerId, Link>,
    /// Who is behind a connection. Has an entry for each link, and for no other connection.
    peers: FxHashMap<PeerId, WorkerId>,
    last_peer: u64,
    closed: bool,
}

struct Link {
    peer: PeerId,
    /// `None` while the connection is being made.
    sender: Option<Arc<Sender>>,
    /// What was asked and not wholly answered, with the lengths of what is left. The machine asks one thing at a time of
    /// a peer, and may give one up and ask another.
    open: FxHashMap<RequestId, FxHashMap<Key, u64>>,
    /// What waits for the connection.
    waiting: Vec<(RequestId, Vec<Key>)>,
    used: Instant,
}

impl Links {
    pub(super) fn new(connector: Arc<dyn Connector>) -> Self {
        Links { connector, state: Mutex::default() }
    }

    /// Closes the link to a peer, if there is one. Nothing is reported: the machine wanted it.
    pub(super) fn disconnect(&self, worker: WorkerId) {
        let link = self.state.lock().take(worker);
        close(link);
    }

    /// Closes the links that have had nothing to do for a while.
    pub(super) fn close_idle(&self) {
        let idle: Vec<_> = {
            let mut state = self.state.lock();
            let idle = |link: &Link| link.open.is_empty() && link.sender.is_some() && link.used.elapsed() >= IDLE;
            let workers: Vec<_> =
                state.links.iter().filter(|(_, link)| idle(link)).map(|(worker, _)| *worker).collect();
            workers.into_iter().filter_map(|worker| state.take(worker)).collect()
        };
        idle.into_iter().for_each(|link| close(Some(link)));
    }

    /// Closes all links, for good.
    pub(super) fn close(&self) {
        let links = {
            let mut state = self.state.lock();
            state.closed = true;
            state.peers.clear();
            std::mem::take(&mut state.links)
        };
        links.into_values().for_each(|link| close(Some(link)));
    }
}

impl State {
    fn take(&mut self, worker: WorkerId) -> Option<Link> {
        let link = self.links.remove(&worker)?;
        self.peers.remove(&link.peer);
        Some(link)
    }
}

fn close(link: Option<Link>) {
    if let Some(sender) = link.and_then(|link| link.sender) {
        sender.close(CloseReason::Local);
    }
}

impl Shared {
    /// Asks a peer, over a new link if there is none.
    pub(super) fn fetch(self: &Arc<Self>, fetch: ToFetch) {
        let ToFetch { request, from, address, keys } = fetch;
        let asked = keys.iter().map(|(key, _)| *key).collect();
        let mut state = self.links.state.lock();
        if state.closed {
            return;
        }
        if let Some(link) = state.links.get_mut(&from) {
            link.open.insert(request, keys.into_iter().collect());
            link.used = Instant::now();
            match link.sender.clone() {
                Some(sender) => {
                    drop(state);
                    self.ask(&sender, from, request, asked);
                }
                None => link.waiting.push((request, asked)),
            }
            return;
        }
        state.last_peer += 1;
        let peer = PeerId(state.last_peer);
        let link = Link {
            peer,
            sender: None,
            open: FxHashMap::from_iter([(request, keys.into_iter().collect())]),
            waiting: vec![(request, asked)],
            used: Instant::now(),
        };
        state.links.insert(from, link);
        state.peers.insert(peer, from);
        drop(state);
        let shared = self.clone();
        self.runtime.spawn(async move { shared.open_link(from, address, peer).await });
    }

    fn ask(&self, sender: &Arc<Sender>, from: WorkerId, request: RequestId, keys: Vec<Key>) {
        let messages = Messages::Data(vec![DataMessage::Fetch { request, keys }]);
        sender.push(Batch { epoch: self.session().epoch, incarnation: from.0, messages }, None);
        sender.flush();
    }

    async fn open_link(self: Arc<Self>, worker: WorkerId, address: Address, peer: PeerId) {
        match self.call(worker, &address, peer).await {
            Ok((comm, welcome)) if welcome.incarnation == worker.0 => self.link_opened(worker, peer, comm),
            Ok((comm, welcome)) => {
                comm.close(CloseReason::Protocol(format!("{} answered for {worker}", welcome.incarnation)));
                self.link_lost(peer, &"another worker answers there");
            }
            Err(reason) => self.link_lost(peer, &reason),
        }
    }

    async fn call(
        self: &Arc<Self>,
        worker: WorkerId,
        address: &Address,
        peer: PeerId,
    ) -> Result<(Arc<dyn Comm>, Welcome), String> {
        let session = self.session();
        let purpose = Purpose::Data { role: Role::Worker, caller: session.id.0, callee: worker.0 };
        let mut hello = Hello::new(purpose, self.name.clone(), self.environment);
        hello.epoch = Some(session.epoch);
        let inbox = Arc::new(FromPeers(Arc::downgrade(self)));
        let connecting = self.links.connector.connect(address, hello, peer, inbox);
        // Twice: once for the transport, which has this much time itself, once for the peer's answer.
        match timeout(2 * HANDSHAKE_TIMEOUT, connecting).await {
            Ok(connected) => connected.map_err(|error| error.to_string()),
            Err(_) => Err(format!("{address} takes too long to answer")),
        }
    }

    fn link_opened(&self, worker: WorkerId, peer: PeerId, comm: Arc<dyn Comm>) {
        let sender = Sender::new(comm, self.runtime.clone());
        let waiting = {
            let mut state = self.links.state.lock();
            let link = state.links.get_mut(&worker).filter(|link| link.peer == peer);
            link.map(|link| {
                link.sender = Some(sender.clone());
                std::mem::take(&mut link.waiting)
            })
        };
        match waiting {
            Some(waiting) => waiting.into_iter().for_each(|(request, keys)| self.ask(&sender, worker, request, keys)),
            // The machine gave the peer up while it was called.
            None => sender.close(CloseReason::Local),
        }
    }

    fn link_lost(self: &Arc<Self>, peer: PeerId, reason: &dyn std::fmt::Display) {
        let lost = {
            let mut state = self.links.state.lock();
            let worker = state.peers.get(&peer).copied();
            worker.and_then(|worker| Some((worker, state.take(worker)?)))
        };
        let Some((worker, link)) = lost else { return };
        tracing::debug!(from = %worker, %reason, "a link for values is lost");
        if !link.open.is_empty() {
            self.tell(News::PeerLost(worker));
        }
    }

    fn values_came(self: &Arc<Self>, peer: PeerId, batch: Batch, permit: Permit) -> Result<(), String> {
        let Messages::Data(messages) = batch.messages else {
            return Err(format!("{} messages on a link for values", batch.messages.link()));
        };
        if batch.epoch != self.session().epoch {
            return Ok(());
        }
        let mut permit = Some(permit);
        for message in messages {
            let DataMessage::Values { request, values } = message else {
                return Err("a question came where only answers do".to_owned());
            };
            let outcomes = self.outcomes(peer, batch.incarnation, request, values);
            if !outcomes.is_empty() {
                let permit = permit.take().unwrap_or(Permit::unlimited());
                self.tell(News::Fetched { request, outcomes, permit });
            }
        }
        Ok(())
    }

    /// Those answers that were asked for, as the machine sees them.
    fn outcomes(
        &self,
        peer: PeerId,
        incarnation: brisk_core::id::Incarnation,
        request: RequestId,
        values: Vec<(Key, FetchOutcome)>,
    ) -> Vec<(Key, Fetched)> {
        let mut state = self.links.state.lock();
        let worker = state.peers.get(&peer).copied().filter(|worker| worker.0 == incarnation);
        let Some(link) = worker.and_then(|worker| state.links.get_mut(&worker)) else { return Vec::new() };
        link.used = Instant::now();
        let Some(open) = link.open.get_mut(&request) else { return Vec::new() };
        let asked = values.into_iter().filter_map(|(key, outcome)| Some((key, open.remove(&key)?, outcome)));
        let outcomes = asked.map(|(key, announced, outcome)| {
            let fetched = match outcome {
                // What was announced was measured where the value was made. To measure one that came by pointer may mean to
                // encode it, and the bytes of one that came over a wire are not the memory that the value takes.
                FetchOutcome::Value(payload) => Fetched::Value(payload.into_value(), announced),
                FetchOutcome::Missing => Fetched::Not(FetchResult::Missing),
                FetchOutcome::Failed(failure) => Fetched::Not(FetchResult::Failed(failure)),
                // Busy, or whatever else a newer peer may say for now.
                _ => Fetched::Not(FetchResult::Busy),
            };
            (key, fetched)
        });
        let outcomes = outcomes.collect();
        if open.is_empty() {
            link.open.remove(&request);
        }
        outcomes
    }
}

/// The inbox of links to peers.
struct FromPeers(Weak<Shared>);

impl Inbox for FromPeers {
    fn deliver(&self, peer: PeerId, batch: Batch, permit: Permit) {
        let Some(shared) = self.0.upgrade() else { return };
        if let Err(what) = shared.values_came(peer, batch, permit) {
            let link = {
                let state = shared.links.state.lock();
                let worker = state.peers.get(&peer);
                worker.and_then(|worker| state.links.get(worker)?.sender.clone())
            };
            if let Some(link) = link {
                link.close(CloseReason::Protocol(what.clone()));
            }
            shared.link_lost(peer, &what);
        }
    }

    fn closed(&self, peer: PeerId, reason: CloseReason) {
        if let Some(shared) = self.0.upgrade() {
            shared.link_lost(peer, &reason);
        }
    }
}
