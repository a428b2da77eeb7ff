//! What clients share by name: claims, permits, lines, and what queues and variables hold.

use std::collections::BTreeSet;

use brisk_core::id::RequestId;

use super::{Check, ensure};
use crate::machine::{
    Scheduler,
    coordination::{Claim, Held, Line, Of},
    slab::{ClientIndex, TaskIndex},
};

/// One end of a claim, in words.
type End = (ClientIndex, RequestId, String);

fn in_line<T>(ends: &mut BTreeSet<End>, of: Of, name: &str, line: &Line<T>) {
    ends.extend(line.iter().map(|(place, waiter)| {
        let claim = Claim::Wait { of, name: name.into(), place };
        (waiter.client, waiter.request, format!("{claim:?}"))
    }));
}

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
            in_line(&mut ends, Of::Semaphore, name, &semaphore.line);
        }
        self.coordination.events.iter().for_each(|(name, event)| in_line(&mut ends, Of::Event, name, &event.line));
        self.coordination.variables.iter().for_each(|(name, v)| in_line(&mut ends, Of::Variable, name, &v.line));
        for (name, queue) in &self.coordination.queues {
            in_line(&mut ends, Of::Getters, name, &queue.getters);
            in_line(&mut ends, Of::Putters, name, &queue.putters);
        }
        let mut claims = BTreeSet::new();
        for (c, client) in self.clients.slab.iter() {
            let leases = client.claims.iter().filter(|(_, claim)| matches!(claim, Claim::Lease { .. })).count();
            let counted = client.claims.iter().count() - client.claims.awaited();
            ensure!(leases == counted, "{} holds {leases} leases and counts {counted}", client.id);
            let most = self.config.max_claims as usize;
            ensure!(client.claims.iter().count() <= most, "{} has more claims than allowed", client.id);
            let mutual = client.claims.iter().filter(|(_, claim)| !matches!(claim, Claim::Handed { .. }));
            claims.extend(mutual.map(|(request, claim)| (c, request, format!("{claim:?}"))));
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
        for (name, event) in &self.coordination.events {
            ensure!(event.is_set == event.line.is_empty(), "the event `{name}` is waited for, or of no use: {event:?}");
        }
        Ok(())
    }

    /// I63: what queues and variables hold is counted, no queue holds more than it may but for what came back, nobody waits
    /// for what is there, and what is empty and not waited for is forgotten.
    pub(super) fn i63_what_is_shared_adds_up(&self) -> Check {
        for (name, variable) in &self.coordination.variables {
            let waited = !variable.line.is_empty();
            ensure!(variable.value.is_some() != waited, "the variable `{name}` is waited for, or of no use");
        }
        let handed = |name: &str| {
            let claims = self.clients.slab.iter().flat_map(|(_, client)| client.claims.iter());
            let of_queue = claims.map(|(_, claim)| match claim {
                Claim::Handed { of: Of::Getters, name: of, items } if **of == *name => items.len(),
                _ => 0,
            });
            of_queue.sum::<usize>()
        };
        let mut queued = 0;
        for (name, queue) in &self.coordination.queues {
            let out = handed(name);
            ensure!(out == queue.handed, "`{name}` counts {} that are handed out, not {out}", queue.handed);
            ensure!(!queue.is_idle(), "the queue `{name}` is used by nobody");
            ensure!(queue.items.is_empty() || queue.getters.is_empty(), "`{name}` has items, and somebody waits");
            ensure!(!queue.has_room() || queue.putters.is_empty(), "`{name}` has room, and somebody waits for it");
            let limit = queue.limit.filter(|limit| *limit > 0).map_or(usize::MAX, |limit| limit as usize);
            // Those that were handed out had made room for others before they came back.
            let most = limit.saturating_add(self.config.max_queue_items as usize);
            ensure!(queue.items.len() <= most, "`{name}` has too many items");
            queued += queue.items.len() + queue.handed + queue.putters.iter().count();
        }
        ensure!(
            queued == self.coordination.queued,
            "{queued} items are in queues, and {} are counted",
            self.coordination.queued
        );
        let bytes: u64 = self.shared_items().map(Held::bytes).sum();
        ensure!(
            bytes == self.coordination.bytes,
            "{bytes} bytes are shared, and {} are counted",
            self.coordination.bytes
        );
        Ok(())
    }

    /// The tasks that queues, variables and hand-overs hold, each as often as it is held.
    pub(super) fn shared_tasks(&self) -> impl Iterator<Item = TaskIndex> {
        self.shared_items().filter_map(Held::task)
    }

    fn shared_items(&self) -> impl Iterator<Item = &Held> {
        let queues = self.coordination.queues.values();
        let queued = queues.flat_map(|queue| queue.items.values().chain(queue.putters.iter().map(|(_, w)| &w.what)));
        let variables = self.coordination.variables.values().filter_map(|variable| variable.value.as_ref());
        let claims = self.clients.slab.iter().flat_map(|(_, client)| client.claims.iter());
        let handed = claims.flat_map(|(_, claim)| match claim {
            Claim::Handed { items, .. } => items.as_slice(),
            _ => &[],
        });
        queued.chain(variables).chain(handed.map(|(_, item)| item))
    }
}
