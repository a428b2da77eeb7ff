//! Calls of actors, straight from a client to the worker where the actor lives.

use std::time::Duration;

use brisk_core::{
    id::{ClientId, RequestId, WorkerId},
    key::Key,
    limits::ACTOR_CALLS,
    message::{DataMessage, FetchOutcome},
    payload::Payload,
};

use super::{Cluster, Happening};
use crate::{
    failure::Failure,
    network::{LinkId, Node},
    oracle,
    properties::calls,
    workload::TaskIndex,
};

/// The longest that a method runs.
const LONGEST: Duration = Duration::from_millis(5);

impl Cluster {
    /// A client calls an actor so many times, if it knows where it lives, and as often as it may at once.
    pub fn call_actor(&mut self, client: ClientId, actor: TaskIndex, count: usize) {
        let Some(home) = self.clients.get(&client).and_then(|client| client.home_of(actor)) else { return };
        let key = self.workload.task(actor).key;
        for _ in 0..count {
            let link = self.data_link(Node::Client(client), home);
            if self.judge.calls.unanswered(link) >= ACTOR_CALLS {
                return;
            }
            self.requests += 1;
            let request = RequestId(self.requests);
            let number = self.judge.calls.called(request, client, (link, key));
            let spec = Payload::from_bytes(request.0.to_le_bytes().to_vec());
            self.ask(Node::Client(client), home, DataMessage::Call { request, number, actor: key, spec });
        }
    }

    /// A call has come to a worker.
    pub(super) fn worker_is_called(
        &mut self,
        link: LinkId,
        id: WorkerId,
        (request, number): (RequestId, u64),
        actor: Key,
    ) -> Result<(), Failure> {
        let Some(node) = self.workers.get_mut(&id) else { return Ok(()) };
        match node.calls.add(link, number, actor, (link, request)) {
            Ok(begin) => begin.into_iter().try_for_each(|actor| self.works_for(id, actor)),
            Err(what) => Err(Failure::safety("calls", format!("worker {id} sends a caller away for {what}"))),
        }
    }

    /// A thread of a worker makes the next call of an actor, or of one that waits for its turn.
    fn works_for(&mut self, worker: WorkerId, mut actor: Key) -> Result<(), Failure> {
        let Some(node) = self.workers.get_mut(&worker) else { return Ok(()) };
        let Some((link, request)) = node.calls.next(&mut actor) else { return Ok(()) };
        let is_here = node.store.contains_key(&actor);
        self.judge.calls.has_its_turn(request, is_here)?;
        let took = self.random.long_tailed(Duration::from_micros(1), LONGEST);
        let end = Happening::CallEnds(Box::new(Ending { worker, actor, link, request, is_here }));
        self.calendar.enter_after(took, end);
        Ok(())
    }

    /// A call has been made, or was not since the actor is not there.
    pub(super) fn call_ends(&mut self, ending: Ending) -> Result<(), Failure> {
        let Ending { worker, actor, link, request, is_here } = ending;
        let Some(node) = self.workers.get_mut(&worker) else { return Ok(()) };
        node.calls.answered(link);
        let result = || FetchOutcome::Value(oracle::encode(calls::result(request)));
        let outcome = if is_here { result() } else { FetchOutcome::Missing };
        self.send_data(link, Node::Worker(worker), DataMessage::Called { request, outcome });
        self.works_for(worker, actor)
    }
}

/// The end of a call.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) worker: WorkerId,
    actor: Key,
    link: LinkId,
    request: RequestId,
    is_here: bool,
}
