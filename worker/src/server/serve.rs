//! Serving values to whoever asks: other workers, and clients.
//!
//! Inside one process a value goes by pointer, at once. Over a wire it goes as bytes: long ones are encoded on threads of
//! their own, and only so many bytes are on their way at a time. Who comes when that is used up hears `Busy`, and goes to
//! another holder or comes again.

use std::sync::{Arc, Weak};

use brisk_core::{
    comm::{CloseReason, Comm, Inbox, Incoming, Listener, PeerId, Permit},
    error::{EncodeError, ErrorKind, Failure},
    hello::{Purpose, Refusal, Role, Welcome},
    id::RequestId,
    key::Key,
    limits::MAX_DATA_PAYLOAD_BYTES,
    message::{Batch, DataMessage, FetchOutcome, Messages},
    payload::Payload,
    value::Datum,
};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::Semaphore;

use super::{
    aside,
    driver::{News, Put, Shared},
    links::{Guard, Sender},
    outgoing::{Outgoing, Reserved},
    panics,
};

/// Peers that are served at once. Further ones are told to come again.
const MAX_LINKS: usize = 4_096;

/// Values of at most this length are encoded where the question arrives: to move the work would take longer. So are those of
/// any length whose bytes are at hand.
const SMALL_BYTES: u64 = 16 << 10;

/// Payload bytes after which an answer is continued in another message, so that what is there can be used while the rest
/// travels, and so that messages are about equally long: their receiver uses the memory of one for the next. One longer value
/// goes alone.
const ANSWER_BYTES: u64 = 2 << 20;

/// Keys after which an answer is continued in another message.
const ANSWER_KEYS: usize = 4_096;

pub(super) struct Serve {
    listener: Arc<dyn Listener>,
    state: Mutex<State>,
    pub(super) outgoing: Arc<Outgoing>,
    /// Room for calls that are made beside the tasks.
    pub(super) aside: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    links: FxHashMap<PeerId, Link>,
    last_peer: u64,
    closed: bool,
}

enum Link {
    /// The peer was accepted; its first questions may come before this side has its end of the connection.
    Opening(Vec<(Batch, Permit)>),
    Open(Arc<Sender>),
}

/// A key that was asked for: with its value, if that is here, and with the room for it, if there is any.
type Found = (Key, Option<(Datum, Option<Reserved>)>);

/// What an answer holds until the transport has its last message.
type Held = (Option<Reserved>, Arc<Permit>);

impl Serve {
    /// Serves those who come to `listener`.
    pub(super) fn new(listener: Arc<dyn Listener>, memory_limit: u64) -> Self {
        let (outgoing, aside) = (Outgoing::new(memory_limit), aside::room());
        Serve { listener, state: Mutex::default(), outgoing, aside }
    }

    /// Serves nobody any more.
    pub(super) fn close(&self) {
        self.listener.close();
        let links = {
            let mut state = self.state.lock();
            state.closed = true;
            std::mem::take(&mut state.links)
        };
        for link in links.into_values() {
            if let Link::Open(sender) = link {
                sender.close(CloseReason::Local);
            }
        }
    }
}

/// Takes peers until the listener is closed.
pub(super) async fn accept(shared: Weak<Shared>, listener: Arc<dyn Listener>) {
    while let Some(incoming) = listener.accept().await {
        let Some(shared) = shared.upgrade() else { return };
        let runtime = shared.runtime.clone();
        runtime.spawn(async move { shared.welcome(incoming).await });
    }
}

impl Shared {
    async fn welcome(self: Arc<Self>, incoming: Box<dyn Incoming>) {
        let session = self.session();
        let peer = match self.check(&*incoming) {
            Ok(peer) => peer,
            Err(refusal) => return incoming.refuse(refusal).await,
        };
        let inbox = Arc::new(FromAskers(Arc::downgrade(&self)));
        let accepted = incoming.accept(Welcome::new(session.epoch, session.id.0), peer, inbox).await;
        match accepted {
            Ok(comm) => self.asker_opened(peer, comm),
            Err(_) => drop(self.serve.state.lock().links.remove(&peer)),
        }
    }

    /// Whether a peer may ask for values here. If so, it has a place.
    fn check(&self, incoming: &dyn Incoming) -> Result<PeerId, Refusal> {
        let session = self.session();
        let Purpose::Data { callee, .. } = incoming.hello().purpose else {
            return Err(Refusal::Purpose { listener: Role::Worker });
        };
        if let Some(epoch) = incoming.hello().epoch.filter(|epoch| *epoch != session.epoch) {
            return Err(Refusal::AnotherEpoch { wanted: epoch, here: session.epoch });
        }
        if callee != session.id.0 {
            return Err(Refusal::AnotherIncarnation { wanted: callee, here: session.id.0 });
        }
        let mut state = self.serve.state.lock();
        if state.closed {
            return Err(Refusal::Unavailable("the worker is about to end".into()));
        }
        if state.links.len() >= MAX_LINKS {
            return Err(Refusal::Unavailable("the worker serves too many peers already".into()));
        }
        state.last_peer += 1;
        let peer = PeerId(state.last_peer);
        state.links.insert(peer, Link::Opening(Vec::new()));
        Ok(peer)
    }

    fn asker_opened(self: &Arc<Self>, peer: PeerId, comm: Arc<dyn Comm>) {
        let sender = Sender::new(comm, self.runtime.clone());
        loop {
            // What came early is dealt with before anything later is: calls of actors keep their order.
            let early = {
                let mut state = self.serve.state.lock();
                match state.links.get_mut(&peer) {
                    Some(Link::Opening(early)) if !early.is_empty() => std::mem::take(early),
                    Some(link) => return *link = Link::Open(sender),
                    None => Vec::new(),
                }
            };
            if early.is_empty() {
                // It went away while it was accepted, or the worker did.
                return sender.close(CloseReason::Local);
            }
            early.into_iter().for_each(|(batch, permit)| self.questions_came(peer, &sender, batch, permit));
        }
    }

    fn questions_came(self: &Arc<Self>, peer: PeerId, sender: &Arc<Sender>, batch: Batch, permit: Permit) {
        let session = self.session();
        let Messages::Data(messages) = batch.messages else {
            return self.send_away(peer, sender, "other messages than for values");
        };
        if batch.epoch != session.epoch || batch.incarnation != session.id.0 {
            return self.send_away(peer, sender, "questions for another worker");
        }
        // The permit is held until the transport has the last answer: who asks faster than it listens is stopped.
        let permit = Arc::new(permit);
        for message in messages {
            match message {
                DataMessage::Fetch { request, keys } => self.answer(sender, request, keys, permit.clone()),
                DataMessage::Put { request, values } => self.put(sender, request, values, permit.clone()),
                // The permit is not kept: a slow actor must not hold up those who ask for values.
                DataMessage::Call { request, number, actor, spec } => {
                    if let Err(what) = self.call_actor((peer, sender), (request, number), (actor, spec)) {
                        return self.send_away(peer, sender, what);
                    }
                }
                DataMessage::Run { request, task, call } => self.run_aside(sender, request, task, call),
                DataMessage::Tables { request } => self.tell_tables(sender, request),
                _ => return self.send_away(peer, sender, "an answer where only questions come"),
            }
        }
    }

    fn send_away(&self, peer: PeerId, sender: &Sender, what: &str) {
        tracing::warn!(worker = %self.name, what, "a peer broke the protocol");
        self.serve.state.lock().links.remove(&peer);
        sender.close(CloseReason::Protocol(what.to_owned()));
    }

    /// Answers one question: now, or on another thread if that may take long.
    fn answer(self: &Arc<Self>, sender: &Arc<Sender>, request: RequestId, keys: Vec<Key>, permit: Arc<Permit>) {
        let values = self.store.get_all(&keys);
        let found = keys.into_iter().zip(values);
        if sender.is_by_reference() {
            let outcome = |(value, _)| FetchOutcome::Value(Payload::from_value(value));
            let values = found.map(|(key, value)| (key, value.map_or(FetchOutcome::Missing, outcome)));
            self.push_answer(sender, request, values.collect(), Some(Box::new(permit)));
            return sender.flush();
        }
        let found: Vec<_> = found.collect();
        let here = || found.iter().filter_map(|(_, value)| value.as_ref());
        let small = found.len() <= 64 && here().all(|(_, bytes)| *bytes <= SMALL_BYTES);
        let quick = small || here().all(|(value, _)| value.is_encoded());
        let turn = if small { None } else { self.serve.outgoing.reserve_answer() };
        let goes = small || turn.is_some();
        let outgoing = &self.serve.outgoing;
        let room = |(value, bytes)| (value, if goes { outgoing.reserve_bytes(bytes) } else { None });
        let reserved: Vec<Found> = found.into_iter().map(|(key, value)| (key, value.map(room))).collect();
        let (shared, sender) = (self.clone(), sender.clone());
        let encode = move || shared.encode_and_send(&sender, request, reserved, (turn, permit));
        if quick || !goes {
            encode();
        } else {
            self.runtime.spawn_blocking(encode);
        }
    }

    fn encode_and_send(&self, sender: &Arc<Sender>, request: RequestId, found: Vec<Found>, held: Held) {
        let mut values = Vec::new();
        let mut guards: Vec<Reserved> = Vec::new();
        let mut bytes = 0;
        for (key, value) in found {
            let outcome = match value {
                None => FetchOutcome::Missing,
                Some((_, None)) => FetchOutcome::Busy,
                Some((value, Some(reserved))) => {
                    guards.push(reserved);
                    self.sealed(key, &value)
                }
            };
            if let FetchOutcome::Value(payload) = &outcome {
                if bytes + payload.len() > ANSWER_BYTES && !values.is_empty() {
                    self.push_answer(sender, request, std::mem::take(&mut values), None);
                    sender.flush();
                    bytes = 0;
                }
                bytes += payload.len();
            }
            values.push((key, outcome));
            if values.len() == ANSWER_KEYS {
                self.push_answer(sender, request, std::mem::take(&mut values), None);
                bytes = 0;
            }
        }
        // The last message goes behind all others, so it holds what was reserved for all of them.
        self.push_answer(sender, request, values, Some(Box::new((guards, held))));
        sender.flush();
    }

    /// A value as bytes. They are kept with the value, so that several who ask cost one encoding.
    fn sealed(&self, key: Key, value: &Datum) -> FetchOutcome {
        let encoded = panics::catch("while a value was encoded", || {
            let with_bytes = value.with_bytes()?;
            let bytes = with_bytes.encode()?;
            Ok((with_bytes, bytes))
        });
        let failed = match encoded.and_then(|encoded| encoded.map_err(|e: EncodeError| Box::new(e.into()))) {
            Ok((with_bytes, bytes)) if bytes.len() as u64 <= MAX_DATA_PAYLOAD_BYTES => {
                self.store.replace(key, with_bytes);
                return FetchOutcome::Value(Payload::from_bytes(bytes));
            }
            Ok((_, bytes)) => {
                let message = format!("a value of {} bytes is longer than may travel", bytes.len());
                Failure::new(ErrorKind::TooLarge, message)
            }
            Err(failure) => Failure {
                kind: ErrorKind::Encode,
                message: format!("the value {key} can't leave worker {}: {}", self.name, failure.message),
                ..*failure
            },
        };
        FetchOutcome::Failed(Box::new(failed))
    }

    /// A client puts values here. What it is told goes out once the machine has dealt with them.
    fn put(
        self: &Arc<Self>,
        sender: &Arc<Sender>,
        request: RequestId,
        values: Vec<(Key, u64, Payload)>,
        permit: Arc<Permit>,
    ) {
        let values = values.into_iter().map(|(key, nbytes, payload)| (key, payload.into_value(), nbytes)).collect();
        self.tell(News::Put(Put { from: sender.clone(), request, values, permit }));
    }

    fn push_answer(&self, sender: &Sender, request: RequestId, values: Vec<(Key, FetchOutcome)>, guard: Option<Guard>) {
        self.push_data(sender, DataMessage::Values { request, values }, guard);
    }

    pub(super) fn push_data(&self, sender: &Sender, message: DataMessage, guard: Option<Guard>) {
        let session = self.session();
        let messages = Messages::Data(vec![message]);
        sender.push(Batch { epoch: session.epoch, incarnation: session.id.0, messages }, guard);
    }
}

/// The inbox of those who ask.
struct FromAskers(Weak<Shared>);

impl Inbox for FromAskers {
    fn deliver(&self, peer: PeerId, batch: Batch, permit: Permit) {
        let Some(shared) = self.0.upgrade() else { return };
        let sender = {
            let mut state = shared.serve.state.lock();
            match state.links.get_mut(&peer) {
                // As many as the transport's window holds.
                Some(Link::Opening(early)) => return early.push((batch, permit)),
                Some(Link::Open(sender)) => sender.clone(),
                None => return,
            }
        };
        shared.questions_came(peer, &sender, batch, permit);
    }

    fn closed(&self, peer: PeerId, _: CloseReason) {
        let Some(shared) = self.0.upgrade() else { return };
        let link = shared.serve.state.lock().links.remove(&peer);
        shared.caller_gone(peer);
        if let Some(Link::Open(sender)) = link {
            // What waits to be sent is let go.
            sender.close(CloseReason::Local);
        }
    }
}
