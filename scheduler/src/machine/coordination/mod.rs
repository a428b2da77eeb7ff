//! Primitives that clients share by name: state that outlives no scheduler, and no use.
//!
//! Whoever can't be served at once stands in a line and is served in the order of asking. What somebody holds or waits for is
//! a claim of its session: it ends with the session, never because its holder is slow. Dask's semaphore ends a lease that was not
//! refreshed for 30 s, so that a holder whose event loop is stalled is overtaken unawares; here a connection that is lost is what
//! ends leases, after the time in which its client may come back, and each grant carries a number that fences off who was late.
//!
//! A name is forgotten when nobody holds or waits for anything of it, and there is nothing in it: an event that is set, what a
//! variable holds and the items of a queue stay until somebody clears, deletes or takes them, as what is published does.

use std::{collections::BTreeMap, sync::Arc};

use brisk_core::{
    error::{ErrorKind, TaskError},
    id::RequestId,
    limits::{MAX_ERROR_BYTES, MAX_NAME_BYTES},
    message::{Answer, Operation, SchedulerToClient},
};
use serde::{Deserialize, Serialize};

use super::{Scheduler, slab::ClientIndex};

mod claims;
mod events;
mod items;
mod line;
mod queues;
mod semaphores;
mod variables;

pub(super) use claims::{Claim, Claims, Of};
pub(super) use items::Held;
pub(super) use line::{Line, Waiter};

use events::Event;
use queues::{Put, Queue};
use semaphores::Semaphore;
use variables::Variable;

/// Everything that clients share by name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Coordination {
    pub(super) semaphores: BTreeMap<Arc<str>, Semaphore>,
    pub(super) events: BTreeMap<Arc<str>, Event>,
    pub(super) variables: BTreeMap<Arc<str>, Variable>,
    pub(super) queues: BTreeMap<Arc<str>, Queue>,
    /// How many items queues hold together, with those that wait for room and those that are handed out.
    pub(super) queued: usize,
    /// How long the values in queues and variables are together, in bytes.
    pub(super) bytes: u64,
    /// The latest grant, and the latest place in a line. They only grow.
    pub(super) last_fence: u64,
    pub(super) last_place: u64,
}

impl Coordination {
    pub(super) fn names(&self) -> usize {
        self.semaphores.len() + self.events.len() + self.variables.len() + self.queues.len()
    }
}

/// What is answered at once, if anything is; else whoever asked stands in a line.
type Outcome = Result<Option<Answer>, TaskError>;

impl Scheduler {
    /// A client asks something of a primitive.
    pub(super) fn coordinate(&mut self, c: ClientIndex, request: RequestId, operation: Operation) {
        if !self.clients[c].claims.is_new(request) && !planted!(self, QuestionRepeated) {
            self.counters.repeated_requests += 1;
            return;
        }
        let outcome = well_named(operation.name()).and_then(|()| self.carry_out(c, request, operation));
        let answer = match outcome {
            Ok(None) => return,
            Ok(Some(answer)) => answer,
            Err(error) => Answer::Refused(error),
        };
        self.tell_client(c, SchedulerToClient::Answered { request, answer });
    }

    fn carry_out(&mut self, c: ClientIndex, request: RequestId, operation: Operation) -> Outcome {
        match operation {
            Operation::Acquire { name, limit, count, wait } => self.acquire(c, request, name, (limit, count), wait),
            Operation::Release { name, fence } => self.release_lease(c, &name, fence),
            Operation::Keep { name, fence } => self.keep_lease(c, request, &name, fence),
            Operation::SetEvent { name } => self.set_event(name),
            Operation::ClearEvent { name } => self.clear_event(&name),
            Operation::IsEventSet { name } => self.is_event_set(&name),
            Operation::WaitForEvent { name } => self.wait_for_event(c, request, name),
            Operation::SetVariable { name, shape, value } => self.set_variable(name, shape, value),
            Operation::GetVariable { name, shape, wait } => self.get_variable(c, request, (name, shape), wait),
            Operation::DeleteVariable { name } => self.delete_variable(&name),
            Operation::Put { name, shape, limit, item, wait } => {
                self.put(c, request, Put { name, shape, limit, item, wait })
            }
            Operation::Get { name, shape, most, wait } => self.get(c, request, (name, shape), most, wait),
            Operation::Length { name } => self.queue_length(&name),
            Operation::Clear { name } => self.clear_queue(&name),
            other => Err(refused(format!("this scheduler does not know the operation {other:?}"))),
        }
    }

    /// Whoever asked this waits no more. What it got is given back.
    pub(super) fn withdraw(&mut self, c: ClientIndex, request: RequestId) {
        if planted!(self, GrantNotWithdrawn) && self.clients[c].claims.has_leases() {
            return;
        }
        if let Some(claim) = self.clients[c].claims.remove(request) {
            self.drop_claims(vec![claim]);
        }
    }

    /// What was handed over is there, and needs to be kept for its sake no longer.
    pub(super) fn confirm(&mut self, c: ClientIndex, request: RequestId) {
        let Some(Claim::Handed { of, name, items }) = self.clients[c].claims.remove_handed(request) else { return };
        match of {
            Of::Getters => {
                if let Some(queue) = self.coordination.queues.get_mut(&name) {
                    queue.handed -= items.len();
                }
                self.drop_items(items.iter().map(|(_, item)| item));
            }
            _ => items.iter().for_each(|(_, item)| self.let_go_of(item)),
        }
        self.serve(of, &name);
    }

    /// A client's session has ended: it waits for nothing any more. Its leases stay.
    pub(super) fn withdraw_all(&mut self, c: ClientIndex) {
        let claims = self.clients[c].claims.take_all_but_leases();
        self.drop_claims(claims);
    }

    /// A client has gone for good.
    pub(super) fn end_leases(&mut self, c: ClientIndex) {
        let claims = self.clients[c].claims.take_all();
        self.drop_claims(claims);
    }

    /// All, before anybody else is served: nobody who is going is to be given what another leaves.
    fn drop_claims(&mut self, claims: Vec<Claim>) {
        let touched: Vec<_> = claims.into_iter().map(|claim| self.drop_claim(claim)).collect();
        touched.iter().for_each(|(of, name)| self.serve(*of, name));
    }

    /// What there is to be served after it.
    fn drop_claim(&mut self, claim: Claim) -> (Of, Arc<str>) {
        let touched = (claim.of(), claim.name().clone());
        match claim {
            Claim::Wait { of, name, place } => self.leave_line(of, &name, place),
            Claim::Lease { name, fence } => {
                if let Some(semaphore) = self.coordination.semaphores.get_mut(&name) {
                    semaphore.end(fence);
                }
            }
            Claim::Handed { of: Of::Getters, name, items } => self.put_back(&name, items),
            Claim::Handed { items, .. } => items.iter().for_each(|(_, item)| self.let_go_of(item)),
        }
        touched
    }

    fn leave_line(&mut self, of: Of, name: &Arc<str>, place: u64) {
        let Coordination { semaphores, events, variables, queues, .. } = &mut self.coordination;
        match of {
            Of::Semaphore => drop(semaphores.get_mut(name).map(|semaphore| semaphore.line.remove(place))),
            Of::Event => drop(events.get_mut(name).map(|event| event.line.remove(place))),
            Of::Variable => drop(variables.get_mut(name).map(|variable| variable.line.remove(place))),
            Of::Getters => drop(queues.get_mut(name).map(|queue| queue.getters.remove(place))),
            Of::Putters => {
                let left = queues.get_mut(name).and_then(|queue| queue.putters.remove(place));
                self.drop_items(left.iter().map(|waiter| &waiter.what));
            }
        }
    }

    /// Serves those who can be served now, and forgets what is not used any more.
    fn serve(&mut self, of: Of, name: &Arc<str>) {
        match of {
            Of::Semaphore => self.serve_semaphore(name),
            Of::Event => self.serve_event(name),
            Of::Variable => self.serve_variable(name),
            Of::Getters | Of::Putters => self.serve_queue(name),
        }
    }

    /// A place in a line, at its end.
    fn last_in_line(&mut self) -> u64 {
        self.coordination.last_place += 1;
        self.coordination.last_place
    }

    /// Whether a client may claim one thing more.
    fn may_claim(&self, c: ClientIndex) -> Result<(), TaskError> {
        let most = self.config.max_claims as usize;
        if self.clients[c].claims.len() < most {
            return Ok(());
        }
        Err(refused(format!(
            "this client holds or waits for {most} locks and the like already, and no more are allowed: release some first"
        )))
    }

    /// Whether words for a type are not too long.
    fn may_have_shape(&self, shape: &str) -> Result<(), TaskError> {
        if shape.len() <= MAX_ERROR_BYTES {
            return Ok(());
        }
        Err(refused(format!("the name of its type is longer than the {MAX_ERROR_BYTES} bytes allowed")))
    }

    /// Whether one more name can be taken into use.
    fn may_be_named(&self) -> Result<(), TaskError> {
        let most = self.config.max_shared_names as usize;
        if self.coordination.names() < most {
            return Ok(());
        }
        Err(refused(format!("there are {most} shared names in use, and no more are allowed: give up some first")))
    }
}

fn well_named(name: &str) -> Result<(), TaskError> {
    if !name.is_empty() && name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    Err(refused(format!("a name must have from 1 to {MAX_NAME_BYTES} bytes, and this has {}", name.len())))
}

fn refused(text: String) -> TaskError {
    TaskError::new(ErrorKind::Refused, text)
}

fn inconsistent(text: String) -> TaskError {
    TaskError::new(ErrorKind::Inconsistent, text)
}
