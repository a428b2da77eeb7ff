//! What one session holds and waits for.

use std::{collections::BTreeMap, sync::Arc};

use brisk_core::id::RequestId;
use serde::{Deserialize, Serialize};

use super::Held;
use crate::machine::peers::Seen;

/// Which kind of primitive, and which of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::machine) enum Of {
    Semaphore,
    Event,
    Variable,
    /// Of a queue: those who wait for items, or have been handed some.
    Getters,
    /// Of a queue: those who wait for room.
    Putters,
}

/// One thing that a session holds or waits for.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::machine) enum Claim {
    /// A place in a line.
    Wait { of: Of, name: Arc<str>, place: u64 },
    /// A lease of a semaphore.
    Lease { name: Arc<str>, fence: u64 },
    /// What was handed over and is not confirmed, each item with its number in its queue.
    Handed { of: Of, name: Arc<str>, items: Vec<(u64, Held)> },
}

/// Everything that a session holds or waits for, by the request that asked for it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::machine) struct Claims {
    seen: Seen,
    by_request: BTreeMap<RequestId, Claim>,
    leases: usize,
}

impl Claim {
    pub(super) fn of(&self) -> Of {
        match self {
            Claim::Wait { of, .. } | Claim::Handed { of, .. } => *of,
            Claim::Lease { .. } => Of::Semaphore,
        }
    }

    pub(super) fn name(&self) -> &Arc<str> {
        match self {
            Claim::Wait { name, .. } | Claim::Lease { name, .. } | Claim::Handed { name, .. } => name,
        }
    }

    fn is_lease(&self) -> bool {
        matches!(self, Claim::Lease { .. })
    }
}

impl Claims {
    /// Whether this request never came before. It has now.
    pub(super) fn is_new(&mut self, request: RequestId) -> bool {
        self.seen.is_new(request)
    }

    pub(super) fn len(&self) -> usize {
        self.by_request.len()
    }

    pub(in crate::machine) fn has_leases(&self) -> bool {
        self.leases > 0
    }

    /// How many are no leases.
    pub(in crate::machine) fn awaited(&self) -> usize {
        self.by_request.len() - self.leases
    }

    /// Puts a claim in the place of what the request has claimed before, if it has.
    pub(super) fn set(&mut self, request: RequestId, claim: Claim) {
        self.leases += usize::from(claim.is_lease());
        if let Some(former) = self.by_request.insert(request, claim) {
            self.leases -= usize::from(former.is_lease());
        }
    }

    pub(super) fn remove(&mut self, request: RequestId) -> Option<Claim> {
        let claim = self.by_request.remove(&request)?;
        self.leases -= usize::from(claim.is_lease());
        Some(claim)
    }

    /// What was handed over in answer to this request.
    pub(super) fn remove_handed(&mut self, request: RequestId) -> Option<Claim> {
        let is_handed = matches!(self.by_request.get(&request), Some(Claim::Handed { .. }));
        if is_handed { self.remove(request) } else { None }
    }

    pub(super) fn take_all(&mut self) -> Vec<Claim> {
        self.leases = 0;
        std::mem::take(&mut self.by_request).into_values().collect()
    }

    pub(super) fn take_all_but_leases(&mut self) -> Vec<Claim> {
        if self.awaited() == 0 {
            return Vec::new();
        }
        let (leases, others) =
            std::mem::take(&mut self.by_request).into_iter().partition(|(_, claim)| claim.is_lease());
        self.by_request = leases;
        let others: BTreeMap<_, _> = others;
        others.into_values().collect()
    }

    /// For checks.
    pub(in crate::machine) fn iter(&self) -> impl Iterator<Item = (RequestId, &Claim)> {
        self.by_request.iter().map(|(request, claim)| (*request, claim))
    }
}
