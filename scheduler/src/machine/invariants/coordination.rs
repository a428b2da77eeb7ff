//! What clients share by name: claims, permits and lines.

use std::collections::BTreeSet;

use super::{Check, ensure};
use crate::machine::{
    Scheduler,
    coordination::{Claim, Of},
};

impl Scheduler {
    /// I61: each claim of a client is known to what is claimed, and each lease and place in a line is a claim of a client
    /// that is there.
    pub(super) fn i61_claims_have_two_ends(&self) -> Check {
        let mut ends = BTreeSet::new();
        for (name, semaphore) in &self.coordination.semaphores {
            for (fence, lease) in &semaphore.leases {
                let claim = Claim::Lease { name: name.clone(), fence: *fence };
                ends.insert((lease.client, lease.request, format!("{claim:?}")));
            }
            for (place, waiter) in semaphore.line.iter() {
                let claim = Claim::Wait { of: Of::Semaphore, name: name.clone(), place };
                ends.insert((waiter.client, waiter.request, format!("{claim:?}")));
            }
        }
        let mut claims = BTreeSet::new();
        for (c, client) in self.clients.slab.iter() {
            let leases = client.claims.iter().filter(|(_, claim)| matches!(claim, Claim::Lease { .. })).count();
            let counted = client.claims.iter().count() - client.claims.awaited();
            ensure!(leases == counted, "{} holds {leases} leases and counts {counted}", client.id);
            let most = self.config.max_claims as usize;
            ensure!(client.claims.iter().count() <= most, "{} has more claims than allowed", client.id);
            claims.extend(client.claims.iter().map(|(request, claim)| (c, request, format!("{claim:?}"))));
        }
        let one_sided: Vec<_> = claims.symmetric_difference(&ends).collect();
        ensure!(one_sided.is_empty(), "known on one side only: {one_sided:?}");
        Ok(())
    }

    /// I62: no more permits are granted than there are, nobody waits who could go on, and what nobody uses is forgotten.
    pub(super) fn i62_permits_add_up(&self) -> Check {
        for (name, semaphore) in &self.coordination.semaphores {
            let taken: u64 = semaphore.leases.values().map(|lease| u64::from(lease.count)).sum();
            ensure!(taken == u64::from(semaphore.taken), "`{name}` counts {}, not {taken}", semaphore.taken);
            ensure!(
                semaphore.taken <= semaphore.limit,
                "{taken} permits of `{name}` are granted of {}",
                semaphore.limit
            );
            ensure!(!semaphore.is_due(), "the first in the line of `{name}` waits for nothing");
            ensure!(!semaphore.is_idle(), "`{name}` is used by nobody");
            let newest = semaphore.leases.keys().next_back().is_none_or(|fence| *fence <= self.coordination.last_fence);
            ensure!(newest, "a fence of `{name}` is ahead of the last");
        }
        Ok(())
    }
}
