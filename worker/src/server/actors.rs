//! Calls of the actors that live here.
//!
//! Each actor's calls wait in a queue of its own and are made one after the other, in the order in which they came, on a
//! thread of the runtime's pool: an actor that is busy holds no thread of the executor, and no other actor. A caller has a
//! limited number of calls under way, so the queues have limits too.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use brisk_core::{
    comm::PeerId,
    error::{ErrorKind, Failure},
    id::{RequestId, RunId},
    key::Key,
    limits::{ACTOR_CALLS, MAX_DATA_PAYLOAD_BYTES},
    message::{DataMessage, FetchOutcome},
    payload::Payload,
    task::{Ran, TaskName},
    value::Datum,
};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tracing::Instrument;

use super::{context::Facts, driver::Shared, links::Sender, panics, trace};

/// Actors that are at work at once. Others wait for their turn: the pool's threads are needed for other things too.
const AT_WORK: usize = 256;

/// A call that waits.
struct Waiting {
    peer: PeerId,
    sender: Arc<Sender>,
    request: RequestId,
    spec: Payload,
}

/// The calls of all actors here.
#[derive(Default)]
pub(super) struct Actors(Mutex<State>);

#[derive(Default)]
struct State {
    /// All and only the actors that are at work, or wait for their turn, with the calls that come next.
    queues: FxHashMap<Key, VecDeque<Waiting>>,
    /// Those that wait for their turn.
    turns: VecDeque<Key>,
    at_work: usize,
    /// All and only the links by which calls have come.
    callers: FxHashMap<PeerId, Caller>,
}

/// A link by which calls come.
#[derive(Default)]
struct Caller {
    /// How many of its calls are not answered yet.
    unanswered: usize,
    /// The number of the call that comes next.
    next: u64,
    /// Calls that have overtaken it on the way.
    early: BTreeMap<u64, (Key, Waiting)>,
}

impl Caller {
    /// Takes a call in.
    ///
    /// # Errors
    /// If it is one more than may be under way.
    fn add(&mut self, number: u64, actor: Key, call: Waiting) -> Result<(), &'static str> {
        let in_window = number >= self.next && number - self.next < ACTOR_CALLS as u64;
        if self.unanswered >= ACTOR_CALLS || !in_window || self.early.contains_key(&number) {
            return Err("more calls of actors at once than are taken, or one of them twice");
        }
        self.unanswered += 1;
        self.early.insert(number, (actor, call));
        Ok(())
    }

    /// The next call in order, if it is here.
    fn next(&mut self) -> Option<(Key, Waiting)> {
        let call = self.early.remove(&self.next)?;
        self.next += 1;
        Some(call)
    }
}

impl State {
    /// Takes a call in. Whether a thread is to begin with its actor.
    fn add(&mut self, actor: Key, call: Waiting) -> bool {
        if let Some(queue) = self.queues.get_mut(&actor) {
            queue.push_back(call);
            return false;
        }
        self.queues.insert(actor, VecDeque::from([call]));
        if self.at_work == AT_WORK {
            self.turns.push_back(actor);
            return false;
        }
        self.at_work += 1;
        true
    }

    /// The next call for the thread that is at `actor`: another one's, if this has none any more.
    fn next(&mut self, actor: &mut Key) -> Option<Waiting> {
        loop {
            if let Some(call) = self.queues.get_mut(actor)?.pop_front() {
                return Some(call);
            }
            self.queues.remove(actor);
            match self.turns.pop_front() {
                Some(other) => *actor = other,
                None => {
                    self.at_work -= 1;
                    return None;
                }
            }
        }
    }

    fn answered(&mut self, peer: PeerId) {
        // None if the link is closed.
        if let Some(caller) = self.callers.get_mut(&peer) {
            caller.unanswered -= 1;
        }
    }
}

impl Shared {
    /// Somebody calls an actor, by call number `number` of a link.
    ///
    /// # Errors
    /// If the caller does not keep to the order, or has more calls under way than it may have.
    pub(super) fn call_actor(
        self: &Arc<Self>,
        (peer, sender): (PeerId, &Arc<Sender>),
        (request, number): (RequestId, u64),
        (actor, spec): (Key, Payload),
    ) -> Result<(), &'static str> {
        let mut begin = Vec::new();
        {
            let state = &mut *self.actors.0.lock();
            let call = Waiting { peer, sender: sender.clone(), request, spec };
            state.callers.entry(peer).or_default().add(number, actor, call)?;
            while let Some((actor, call)) = state.callers.get_mut(&peer).and_then(Caller::next) {
                if state.add(actor, call) {
                    begin.push(actor);
                }
            }
        }
        for actor in begin {
            let shared = self.clone();
            self.runtime.spawn_blocking(move || shared.work_off(actor));
        }
        Ok(())
    }

    /// A link is closed. What came by it in order is made all the same.
    pub(super) fn caller_gone(&self, peer: PeerId) {
        let caller = self.actors.0.lock().callers.remove(&peer);
        // Its calls hold a user's values.
        panics::drop_quietly(caller);
    }

    /// Makes the calls of an actor until there are none, and then those of actors that wait for their turn.
    fn work_off(self: &Arc<Self>, mut actor: Key) {
        loop {
            let next = self.actors.0.lock().next(&mut actor);
            let Some(Waiting { peer, sender, request, spec }) = next else { return };
            // Once the session is over the links are closed, which is an answer too.
            let outcome = (!self.is_over()).then(|| self.make_call(actor, &spec, sender.is_by_reference()));
            panics::drop_quietly(spec);
            // Before the answer goes: who has it may call again.
            self.actors.0.lock().answered(peer);
            if let Some(outcome) = outcome {
                self.push_data(&sender, DataMessage::Called { request, outcome }, None);
                sender.flush();
            }
        }
    }

    fn make_call(&self, actor: Key, spec: &Payload, by_reference: bool) -> FetchOutcome {
        if !self.store.has(actor) {
            return FetchOutcome::Missing;
        }
        match self.called(actor, spec).and_then(|value| travelling(value, by_reference)) {
            Ok(payload) => FetchOutcome::Value(payload),
            Err(failure) => FetchOutcome::Failed(failure),
        }
    }

    fn called(&self, actor: Key, spec: &Payload) -> Result<Datum, Box<Failure>> {
        let call = panics::catch("while the call was read", || spec.call(&self.registry))?;
        let call = call.map_err(|error| Box::new(Failure::from(error)))?;
        let inputs = self.store.inputs(&call).map_err(|key| {
            let text = format!("{key} is not on worker {}: it was let go before the call was made", self.name);
            Box::new(Failure::new(ErrorKind::ActorLost, text))
        })?;
        // Of one name for all calls of a method of one actor: a call has no key of its own.
        let task = TaskName::of_call(call.def.info().name.clone(), actor);
        let facts = Facts { run: RunId(0), task, attempt: 1, deadline: None, trace: trace::trace_of(&call) };
        let span = trace::span(&call, &facts, &self.name);
        let outcome = match panics::catch("of the method", || span.in_scope(|| call.run(inputs)))? {
            Ran::Done(outcome) => outcome,
            Ran::Future(future) => {
                panics::catch("of the method", || self.runtime.block_on(future.instrument(span.clone())))?
            }
        };
        panics::drop_quietly(call);
        outcome
    }
}

/// A result as it goes to the caller.
fn travelling(value: Datum, by_reference: bool) -> Result<Payload, Box<Failure>> {
    let payload = Payload::from_value(value);
    if by_reference {
        return Ok(payload);
    }
    let sealed = panics::catch("while the result was encoded", || payload.sealed())?;
    panics::drop_quietly(payload);
    let sealed = sealed.map_err(|error| Box::new(Failure::from(error)))?;
    if sealed.len() > MAX_DATA_PAYLOAD_BYTES {
        let text = format!("a result of {} bytes is longer than may travel", sealed.len());
        return Err(Box::new(Failure::new(ErrorKind::TooLarge, text)));
    }
    Ok(sealed)
}
