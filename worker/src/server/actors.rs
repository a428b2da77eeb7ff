//! Calls of the actors that live here.
//!
//! Each actor's calls are made one after the other ([`Calls`] says which comes next), on a thread of the runtime's pool: an actor
//! that is busy holds no thread of the executor, and no other actor.

use std::{future::poll_fn, sync::Arc, task::Poll};

use brisk_core::{
    comm::PeerId,
    error::{ErrorKind, Failure},
    id::RequestId,
    key::Key,
    limits::MAX_DATA_PAYLOAD_BYTES,
    message::{DataMessage, FetchOutcome, RunNotes},
    payload::Payload,
    task::{Ran, TaskName},
    value::Datum,
};
use parking_lot::Mutex;

use super::{
    context::{self, Facts, TaskContext},
    driver::Shared,
    links::Sender,
    notes::Notes,
    panics, trace,
};
use crate::machine::Calls;

/// Actors that are at work at once. Others wait for their turn: the pool's threads are needed for other things too.
const AT_WORK: usize = 256;

/// A call that waits.
pub(super) struct Waiting {
    peer: PeerId,
    sender: Arc<Sender>,
    request: RequestId,
    spec: Payload,
}

/// The calls of all actors here.
pub(super) struct Actors(Mutex<Calls<PeerId, Waiting>>);

impl Default for Actors {
    fn default() -> Self {
        Actors(Mutex::new(Calls::new(AT_WORK)))
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
        let call = Waiting { peer, sender: sender.clone(), request, spec };
        let begin = self.actors.0.lock().add(peer, number, actor, call)?;
        for actor in begin {
            let shared = self.clone();
            self.runtime.spawn_blocking(move || shared.work_off(actor));
        }
        Ok(())
    }

    /// A link is closed. What came by it in order is made all the same.
    pub(super) fn caller_gone(&self, peer: PeerId) {
        let caller = self.actors.0.lock().closed(peer);
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
        let (notes, new) = self.site.notebook.of_actor(actor);
        // It may have been let go meanwhile, and its notes with it before they were made.
        if new && !self.store.has(actor) {
            self.site.notebook.forget(actor);
            return FetchOutcome::Missing;
        }
        match self.called(actor, spec, notes).and_then(|value| travelling(value, by_reference)) {
            Ok(payload) => FetchOutcome::Value(payload),
            Err(failure) => FetchOutcome::Failed(failure),
        }
    }

    fn called(&self, actor: Key, spec: &Payload, notes: Arc<Mutex<Notes>>) -> Result<Datum, Box<Failure>> {
        let call = panics::catch("while the call was read", || spec.call(&self.registry))?;
        let call = call.map_err(|error| Box::new(Failure::from(error)))?;
        let inputs = self.store.inputs(&call).map_err(|key| {
            let text = format!("{key} is not on worker {}: it was let go before the call was made", self.name);
            Box::new(Failure::new(ErrorKind::ActorLost, text))
        })?;
        // Of one name for all calls of a method of one actor: a call has no key of its own.
        let task = TaskName::of_call(call.def.info().name.clone(), actor);
        // A run that no scheduler knows: what it submits is like what any client submits.
        let facts = Facts { run: RunNotes::CALL, task, attempt: 1, deadline: None, trace: trace::trace_of(&call) };
        let span = trace::span(&call, &facts, &self.name);
        let context = TaskContext::of_call(facts, self.site.clone(), notes);
        let ran = context::poll(&context, || panics::catch("of the method", || span.in_scope(|| call.run(inputs))))?;
        let outcome = match ran {
            Ran::Done(outcome) => outcome,
            Ran::Future(mut future) => {
                let polled = poll_fn(|waker| {
                    let poll = || span.in_scope(|| future.as_mut().poll(waker));
                    match context::poll(&context, || panics::catch("of the method", poll)) {
                        Ok(polled) => polled,
                        Err(failure) => Poll::Ready(Err(failure)),
                    }
                });
                let outcome = self.runtime.block_on(polled);
                panics::drop_quietly(future);
                outcome
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
