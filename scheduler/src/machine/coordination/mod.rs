//! Primitives that clients share by name: state that outlives no scheduler, and no use.
//!
//! Whoever can't be served at once stands in a line and is served in the order of asking. What somebody holds or waits for is
//! a claim of its session: it ends with the session, never because its holder is slow. Dask's semaphore ends a lease that was not
//! refreshed for 30 s, so that a holder whose event loop is stalled is overtaken unawares; here a connection that is lost is what
//! ends leases, after the time in which its client may come back, and each grant carries a number that fences off who was late.
//!
//! A name is forgotten when nobody holds or waits for anything of it.

use std::{collections::BTreeMap, sync::Arc};

use brisk_core::{
    error::{ErrorKind, TaskError},
    id::RequestId,
    limits::MAX_NAME_BYTES,
    message::{Answer, Operation, SchedulerToClient},
};

use super::{Scheduler, slab::ClientIndex};

mod claims;
mod line;
mod semaphores;

pub(super) use claims::{Claim, Claims, Of};
pub(super) use line::{Line, Waiter};
pub(super) use semaphores::Semaphore;

/// Everything that clients share by name.
#[derive(Debug, Default)]
pub(super) struct Coordination {
    pub(super) semaphores: BTreeMap<Arc<str>, Semaphore>,
    /// The latest grant, and the latest place in a line. They only grow.
    pub(super) last_fence: u64,
    pub(super) last_place: u64,
}

impl Coordination {
    fn names(&self) -> usize {
        self.semaphores.len()
    }
}

/// What is answered at once, if anything is; else whoever asked stands in a line.
type Outcome = Result<Option<Answer>, TaskError>;

impl Scheduler {
    /// A client asks something of a primitive.
    pub(super) fn coordinate(&mut self, c: ClientIndex, request: RequestId, operation: Operation) {
        if !self.clients[c].claims.is_new(request) {
            self.counters.repeated_requests += 1;
            return;
        }
        let outcome = match operation {
            Operation::Acquire { name, limit, count, wait } => self.acquire(c, request, name, (limit, count), wait),
            Operation::Release { name, fence } => self.release_lease(c, &name, fence),
            Operation::Keep { name, fence } => self.keep_lease(c, request, &name, fence),
            other => Err(refused(format!("this scheduler does not know the operation {other:?}"))),
        };
        let answer = match outcome {
            Ok(None) => return,
            Ok(Some(answer)) => answer,
            Err(error) => Answer::Refused(error),
        };
        self.tell_client(c, SchedulerToClient::Answered { request, answer });
    }

    /// Whoever asked this waits no more. What it got is given back.
    pub(super) fn withdraw(&mut self, c: ClientIndex, request: RequestId) {
        if let Some(claim) = self.clients[c].claims.remove(request) {
            self.drop_claim(&claim);
            self.serve(claim.of(), claim.name());
        }
    }

    /// A client's session has ended: it waits for nothing any more. Its leases stay.
    pub(super) fn withdraw_all(&mut self, c: ClientIndex) {
        let claims = self.clients[c].claims.take_all_but_leases();
        self.drop_claims(&claims);
    }

    /// A client has gone for good.
    pub(super) fn end_leases(&mut self, c: ClientIndex) {
        let claims = self.clients[c].claims.take_all();
        self.drop_claims(&claims);
    }

    /// All, before anybody else is served: nobody who is going is to be given what another leaves.
    fn drop_claims(&mut self, claims: &[Claim]) {
        claims.iter().for_each(|claim| self.drop_claim(claim));
        claims.iter().for_each(|claim| self.serve(claim.of(), claim.name()));
    }

    fn drop_claim(&mut self, claim: &Claim) {
        match claim {
            Claim::Wait { of: Of::Semaphore, name, place } => {
                if let Some(semaphore) = self.coordination.semaphores.get_mut(name) {
                    semaphore.line.remove(*place);
                }
            }
            Claim::Lease { name, fence } => {
                if let Some(semaphore) = self.coordination.semaphores.get_mut(name) {
                    semaphore.end(*fence);
                }
            }
        }
    }

    /// Serves those who can be served now, and forgets what is not used any more.
    fn serve(&mut self, of: Of, name: &Arc<str>) {
        match of {
            Of::Semaphore => self.serve_semaphore(name),
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

    /// Whether a name can be taken into use.
    fn may_be_named(&self, name: &str) -> Result<(), TaskError> {
        let most = self.config.max_shared_names as usize;
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(refused(format!(
                "a name must have from 1 to {MAX_NAME_BYTES} bytes, and this has {}",
                name.len()
            )));
        }
        if self.coordination.names() < most {
            return Ok(());
        }
        Err(refused(format!("there are {most} shared names in use, and no more are allowed: give up some first")))
    }
}

fn refused(text: String) -> TaskError {
    TaskError::new(ErrorKind::Refused, text)
}

fn inconsistent(text: String) -> TaskError {
    TaskError::new(ErrorKind::Inconsistent, text)
}
