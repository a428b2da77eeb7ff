//! Calls of actors: those that went over one link to one actor have their turns in their order, each once; what is answered was
//! made, and what is said not to have been made was not; and each is answered, unless its link was lost.

use std::collections::{BTreeMap, VecDeque};

use brisk_core::{
    id::{ClientId, RequestId},
    key::Key,
    message::FetchOutcome,
};

use crate::{cluster::Cluster, failure::Failure, network::LinkId, oracle, random::mix};

/// All calls whose callers wait for an answer, or that may still be made.
#[derive(Debug, Default)]
pub struct Calls {
    /// How many went over each link.
    sent: BTreeMap<LinkId, u64>,
    /// Those that have had no turn, in their order.
    waiting: BTreeMap<(LinkId, Key), VecDeque<RequestId>>,
    /// Those that are not answered.
    open: BTreeMap<RequestId, Call>,
}

#[derive(Debug)]
struct Call {
    client: ClientId,
    way: (LinkId, Key),
    /// Whether it was made when it had its turn.
    made: Option<bool>,
}

/// What a call returns.
pub fn result(request: RequestId) -> u64 {
    mix(request.0 ^ 0xca11)
}

impl Calls {
    /// How many calls that went over a link are not answered.
    pub fn unanswered(&self, link: LinkId) -> usize {
        self.open.values().filter(|call| call.way.0 == link).count()
    }

    /// A client calls an actor, by a link. How many calls went over that before.
    pub fn called(&mut self, request: RequestId, client: ClientId, way: (LinkId, Key)) -> u64 {
        self.open.insert(request, Call { client, way, made: None });
        self.waiting.entry(way).or_default().push_back(request);
        let sent = self.sent.entry(way.0).or_default();
        *sent += 1;
        *sent - 1
    }

    /// A worker makes a call, or can't since the actor is not there.
    ///
    /// # Errors
    /// If it is not this call's turn.
    pub fn has_its_turn(&mut self, request: RequestId, made: bool) -> Result<(), Failure> {
        let next = self.waiting.values_mut().find(|waiting| waiting.contains(&request)).and_then(VecDeque::pop_front);
        if next != Some(request) {
            let found = format!("call {request} has its turn, and the next in its order is {next:?}");
            return Err(Failure::safety("calls", found));
        }
        if let Some(call) = self.open.get_mut(&request) {
            call.made = Some(made);
        }
        Ok(())
    }

    /// A client is answered.
    ///
    /// # Errors
    /// If the answer is not what came of the call.
    pub fn answered(&mut self, request: RequestId, outcome: &FetchOutcome) -> Result<(), Failure> {
        // Nobody waits for it any more.
        let Some(call) = self.open.remove(&request) else { return Ok(()) };
        let is_right = match outcome {
            FetchOutcome::Value(value) => call.made == Some(true) && oracle::decode(value) == Some(result(request)),
            FetchOutcome::Missing => call.made == Some(false),
            _ => false,
        };
        if is_right {
            return Ok(());
        }
        Err(Failure::safety("calls", format!("call {request} is answered with {outcome:?}: {call:?}")))
    }

    /// A caller has heard that a link is lost: of what went over it nobody knows what came.
    pub fn link_lost(&mut self, link: LinkId) {
        self.open.retain(|_, call| call.way.0 != link);
    }

    /// A client is gone.
    pub fn client_gone(&mut self, client: ClientId) {
        self.open.retain(|_, call| call.client != client);
    }
}

/// Checks that every call was answered. To be called when nothing is on its way.
///
/// # Errors
/// A call that was not, or a worker that still has some.
pub fn check(cluster: &Cluster) -> Result<(), Failure> {
    if let Some((request, call)) = cluster.judge.calls.open.first_key_value() {
        return Err(Failure::liveness("calls", format!("call {request} is never answered: {call:?}")));
    }
    let busy = cluster.workers().find(|(id, _)| cluster.worker(*id).is_some_and(|node| !node.calls.is_idle()));
    match busy {
        Some((id, _)) => Err(Failure::liveness("calls", format!("worker {id} has calls that nobody makes"))),
        None => Ok(()),
    }
}
