//! Semaphores: a number of permits under a name. A lock is a semaphore of one.
//!
//! First come, first served, also where one who comes later asks for less: nobody starves. A lease is its session's, and is
//! told by its fence, a number that grows with each grant of this scheduler, whatever the name. A client that comes back over
//! another connection goes on with it.

use std::{collections::BTreeMap, sync::Arc};

use brisk_core::{
    error::{ErrorKind, TaskError},
    id::{Fence, RequestId},
    message::{Answer, SchedulerToClient},
};
use serde::{Deserialize, Serialize};

use super::{Claim, Line, Of, Outcome, Waiter, inconsistent, refused};
use crate::machine::{Scheduler, slab::ClientIndex};

/// A semaphore that is held or waited for.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::machine) struct Semaphore {
    pub(in crate::machine) limit: u32,
    /// How many permits are granted.
    pub(in crate::machine) taken: u32,
    /// All grants, by the number of their fence.
    pub(in crate::machine) leases: BTreeMap<u64, Lease>,
    /// Who waits, and for how many permits.
    pub(in crate::machine) line: Line<u32>,
}

/// A grant.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::machine) struct Lease {
    pub(in crate::machine) client: ClientIndex,
    /// What the client asked to get it, or to keep it.
    pub(in crate::machine) request: RequestId,
    pub(in crate::machine) count: u32,
}

impl Semaphore {
    fn new(limit: u32) -> Self {
        Semaphore { limit, taken: 0, leases: BTreeMap::new(), line: Line::default() }
    }

    fn has(&self, count: u32) -> bool {
        count <= self.limit - self.taken
    }

    /// Whether somebody in the line could go on.
    pub(in crate::machine) fn is_due(&self) -> bool {
        self.line.first().is_some_and(|waiter| self.has(waiter.what))
    }

    pub(in crate::machine) fn is_idle(&self) -> bool {
        self.leases.is_empty() && self.line.is_empty()
    }

    pub(super) fn end(&mut self, fence: u64) {
        if let Some(lease) = self.leases.remove(&fence) {
            self.taken -= lease.count;
        }
    }
}

impl Scheduler {
    /// A client asks for permits.
    pub(super) fn acquire(
        &mut self,
        c: ClientIndex,
        request: RequestId,
        name: Arc<str>,
        (limit, count): (u32, u32),
        wait: bool,
    ) -> Outcome {
        if count == 0 || count > limit {
            return Err(refused(format!(
                "from 1 to {limit} permits of `{name}` can be acquired at once, as many as it has, and not {count}"
            )));
        }
        let free = match self.coordination.semaphores.get(&name) {
            Some(semaphore) if semaphore.limit != limit => {
                return Err(inconsistent(format!(
                    "`{name}` is in use as a semaphore of {} permits, and can't be one of {limit}: a lock is one of 1. Use \
                     another name, or wait until nobody holds it",
                    semaphore.limit
                )));
            }
            Some(semaphore) => {
                let overtakes = planted!(self, LineOvertaken);
                (semaphore.line.is_empty() || overtakes) && semaphore.has(count)
            }
            None => {
                self.may_be_named()?;
                true
            }
        };
        if !free && !wait {
            return Ok(Some(Answer::Flag(false)));
        }
        self.may_claim(c)?;
        self.coordination.semaphores.entry(name.clone()).or_insert_with(|| Semaphore::new(limit));
        if free {
            return Ok(self.grant(c, request, name, count).map(Answer::Granted));
        }
        let place = self.last_in_line();
        if let Some(semaphore) = self.coordination.semaphores.get_mut(&name) {
            semaphore.line.push(place, Waiter { client: c, request, what: count });
        }
        self.clients[c].claims.set(request, Claim::Wait { of: Of::Semaphore, name, place });
        Ok(None)
    }

    /// Gives a client permits that are free.
    fn grant(&mut self, c: ClientIndex, request: RequestId, name: Arc<str>, count: u32) -> Option<Fence> {
        let planted = planted!(self, FenceReused);
        let semaphore = self.coordination.semaphores.get_mut(&name)?;
        self.coordination.last_fence += u64::from(!planted);
        let fence = self.coordination.last_fence;
        semaphore.taken += count;
        semaphore.leases.insert(fence, Lease { client: c, request, count });
        self.clients[c].claims.set(request, Claim::Lease { name, fence });
        Some(Fence { epoch: self.epoch, number: fence })
    }

    /// Serves whoever stands first, for as long as there is enough.
    pub(super) fn serve_semaphore(&mut self, name: &Arc<str>) {
        while let Some(semaphore) = self.coordination.semaphores.get_mut(name)
            && semaphore.is_due()
            && let Some(Waiter { client, request, what: count }) = semaphore.line.pop()
        {
            if let Some(fence) = self.grant(client, request, name.clone(), count) {
                let answer = Answer::Granted(fence);
                self.tell_client(client, SchedulerToClient::Answered { request, answer });
            }
        }
        if self.coordination.semaphores.get(name).is_some_and(Semaphore::is_idle) {
            self.coordination.semaphores.remove(name);
        }
    }

    /// A client gives a lease back.
    pub(super) fn release_lease(&mut self, c: ClientIndex, name: &Arc<str>, fence: Fence) -> Outcome {
        let request = self.find_lease(name, fence).filter(|lease| lease.client == c).map(|lease| lease.request);
        let request = request.ok_or_else(|| self.lease_lost(name, fence))?;
        self.withdraw(c, request);
        Ok(Some(Answer::Done))
    }

    /// A client goes on with what it was granted over a connection that was lost, perhaps before that is known here.
    pub(super) fn keep_lease(&mut self, c: ClientIndex, request: RequestId, name: &Arc<str>, fence: Fence) -> Outcome {
        let found = self.find_lease(name, fence).map(|lease| (lease.client, lease.request));
        let former = match found.ok_or_else(|| self.lease_lost(name, fence)) {
            Ok((client, _)) if client != c && self.may_claim(c).is_err() => Err(self.lease_lost(name, fence)),
            other => other,
        };
        let former = former.inspect_err(|error| {
            self.tell_client(c, SchedulerToClient::LeaseLost { fence, error: error.clone() });
        })?;
        if let Some(claim) = self.clients[former.0].claims.remove(former.1) {
            self.clients[c].claims.set(request, claim);
        }
        let semaphore = self.coordination.semaphores.get_mut(name);
        if let Some(lease) = semaphore.and_then(|semaphore| semaphore.leases.get_mut(&fence.number)) {
            (lease.client, lease.request) = (c, request);
        }
        Ok(Some(Answer::Done))
    }

    fn find_lease(&self, name: &Arc<str>, fence: Fence) -> Option<&Lease> {
        let semaphore = self.coordination.semaphores.get(name).filter(|_| fence.epoch == self.epoch)?;
        semaphore.leases.get(&fence.number)
    }

    fn lease_lost(&self, name: &str, fence: Fence) -> TaskError {
        let why = if fence.epoch == self.epoch {
            "it has ended with the session that it was granted to, or was given back before"
        } else {
            "it was granted by an earlier life of the scheduler, and what that knew of locks is lost with it"
        };
        let text = format!(
            "`{name}` is not held under fence {fence} any more: {why}. Somebody else may hold it by now: what was done \
             meanwhile may have to be checked, and the lock acquired again"
        );
        TaskError::new(ErrorKind::LeaseLost, text)
    }
}
