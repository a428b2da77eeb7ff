//! Calls of actors, straight to the workers where they live.
//!
//! They go over the links that values come by, one message a call, in the order in which they were made. A worker takes a
//! limited number of unanswered ones; the rest waits here.

use std::collections::VecDeque;

use brisk_core::{
    future::Handle,
    id::{RequestId, WorkerId},
    key::Key,
    limits::ACTOR_CALLS,
    message::{DataMessage, FetchOutcome},
    payload::Payload,
};
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use super::Session;

/// Hears what a call came to. Dropped if that will never be known; [`FetchOutcome::Missing`] if the call was not made.
pub(crate) type Reply = oneshot::Sender<FetchOutcome>;

/// One call.
pub(crate) struct Call {
    pub(crate) actor: Key,
    pub(crate) spec: Payload,
    pub(crate) reply: Reply,
}

/// The calls of all actors behind one link.
#[derive(Default)]
pub(super) struct Calls {
    waiting: VecDeque<Call>,
    /// How many were sent.
    sent: u64,
    unanswered: FxHashMap<RequestId, Reply>,
}

impl Calls {
    pub(super) fn add(&mut self, call: Call) {
        self.waiting.push_back(call);
    }

    /// Whether there is a call that may be sent.
    pub(super) fn is_due(&self) -> bool {
        !self.waiting.is_empty() && self.unanswered.len() < ACTOR_CALLS
    }

    /// The next call that may be sent, as request number `request`.
    pub(super) fn next(&mut self, request: RequestId) -> Option<DataMessage> {
        if !self.is_due() {
            return None;
        }
        let Call { actor, spec, reply } = self.waiting.pop_front()?;
        self.unanswered.insert(request, reply);
        let number = self.sent;
        self.sent += 1;
        Some(DataMessage::Call { request, number, actor, spec })
    }

    /// The last call was not sent: it is the next again.
    pub(super) fn take_back(&mut self, request: RequestId, actor: Key, spec: Payload) {
        if let Some(reply) = self.unsent(request) {
            self.waiting.push_front(Call { actor, spec, reply });
        }
    }

    /// The last call was not sent.
    pub(super) fn unsent(&mut self, request: RequestId) -> Option<Reply> {
        let reply = self.unanswered.remove(&request)?;
        self.sent -= 1;
        Some(reply)
    }

    pub(super) fn answered(&mut self, request: RequestId) -> Option<Reply> {
        self.unanswered.remove(&request)
    }

    /// The link is lost. Of calls that were sent nobody knows whether they were made; the others were not.
    pub(super) fn lost(self) {
        for call in self.waiting {
            // Whoever waited may have stopped.
            let _ = call.reply.send(FetchOutcome::Missing);
        }
    }
}

impl Session {
    /// The worker that holds the value behind a handle, as far as is known.
    pub(crate) fn holder_of(&self, handle: &Handle) -> Option<WorkerId> {
        let table = self.table.lock();
        let wanted = table.wanted.get(&handle.key()).filter(|wanted| wanted.want == handle.want())?;
        wanted.holder()
    }

    /// A worker has answered a call.
    pub(super) fn called(&self, reply: Option<Reply>, worker: Option<WorkerId>, outcome: FetchOutcome) {
        if let Some(reply) = reply {
            // Whoever waited may have stopped.
            let _ = reply.send(outcome);
        }
        if let Some(worker) = worker {
            self.pump_link(worker);
        }
    }
}
