//! What a client asks of the primitives that clients share by name, and what it holds of them.
//!
//! It does what `brisk-client` does. A lease is its own from the grant's arrival until it is given back or said to be lost, and is
//! kept over a connection that was lost. What was handed over is wanted first and confirmed then. Several locks are taken one
//! after the other. What is withdrawn may have been answered already: that answer is nobody's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use brisk_core::{
    id::{Fence, RequestId},
    message::{Answer, ClientToScheduler, Operation, Shared},
};

use super::Client;
use crate::{sharing, workload::Workload};

/// The client's side of what is shared.
#[derive(Clone, Debug, Default)]
pub(super) struct Sharing {
    /// What was asked and not answered.
    questions: BTreeMap<RequestId, Operation>,
    /// What was withdrawn, and may be answered all the same.
    withdrawn: BTreeSet<RequestId>,
    leases: BTreeMap<Fence, Held>,
    /// Of several locks that are taken together: those that come after the one that is asked for.
    then: BTreeMap<RequestId, Vec<Arc<str>>>,
    /// What was handed over and is not confirmed.
    handed: BTreeSet<RequestId>,
}

/// A lease.
#[derive(Clone, Debug)]
struct Held {
    name: Arc<str>,
    /// The question for the next of several locks: this one is given back when it is withdrawn.
    with: Option<RequestId>,
}

impl Client {
    /// What it has asked of primitives and was not told.
    pub fn questions(&self) -> impl Iterator<Item = (RequestId, &Operation)> {
        self.sharing.questions.iter().map(|(request, operation)| (*request, operation))
    }

    /// Asks something of a primitive.
    pub fn coordinate(&mut self, operation: Operation) -> RequestId {
        let request = self.request();
        self.sharing.questions.insert(request, operation.clone());
        self.put_question(request, operation);
        request
    }

    /// Takes several locks, one after the other. The next is asked for when this one is granted.
    pub fn lock_all(&mut self, mut names: Vec<Arc<str>>) -> Option<RequestId> {
        if names.is_empty() {
            return None;
        }
        let first = names.remove(0);
        let request = self.coordinate(sharing::lock(first));
        self.sharing.then.insert(request, names);
        Some(request)
    }

    /// Gives back the lease that stands at a place among those that can be.
    pub fn give_back(&mut self, pick: u64) {
        let whole: Vec<_> =
            self.sharing.leases.iter().filter(|(_, held)| held.with.is_none()).map(|(fence, _)| *fence).collect();
        if let Some(fence) = whole.get(pick as usize % whole.len().max(1)) {
            self.end_lease(*fence);
        }
    }

    /// Gives back every lease, but for those of several locks that are being taken.
    pub fn give_back_all(&mut self) {
        let whole = self.sharing.leases.iter().filter(|(_, held)| held.with.is_none());
        for fence in whole.map(|(fence, _)| *fence).collect::<Vec<_>>() {
            self.end_lease(fence);
        }
    }

    /// Gives back and confirms whatever is held in whole.
    pub fn let_go(&mut self) {
        self.give_back_all();
        self.confirm_all();
    }

    /// Says that everything is there that was handed over. Whatever it wants of it was said before.
    pub fn confirm_all(&mut self) {
        let handed = std::mem::take(&mut self.sharing.handed);
        self.outbox.extend(handed.into_iter().map(ClientToScheduler::Confirm));
    }

    /// Waits no more for the answer that stands at a place among those that are awaited, or for what was handed over.
    pub fn withdraw(&mut self, pick: u64) {
        let awaited =
            self.sharing.questions.iter().filter(|(_, operation)| waits(operation)).map(|(request, _)| request);
        let all: Vec<_> = awaited.chain(&self.sharing.handed).copied().collect();
        if let Some(request) = all.get(pick as usize % all.len().max(1)) {
            self.withdraw_question(*request);
        }
    }

    /// Waits for nothing any more, and gives everything back.
    pub fn share_no_more(&mut self) {
        let awaited =
            self.sharing.questions.iter().filter(|(_, operation)| waits(operation)).map(|(request, _)| request);
        for request in awaited.chain(&self.sharing.handed).copied().collect::<Vec<_>>() {
            self.withdraw_question(request);
        }
        self.give_back_all();
    }

    /// The scheduler answers what was asked of a primitive. Whether it was.
    pub fn coordinated(&mut self, workload: &Workload, request: RequestId, answer: &Answer, tardy: bool) -> bool {
        if self.sharing.withdrawn.remove(&request) {
            return true;
        }
        let Some(operation) = self.sharing.questions.remove(&request) else { return false };
        match (operation, answer) {
            (Operation::Acquire { name, .. }, Answer::Granted(fence)) => self.granted(request, name, *fence),
            (Operation::Get { .. } | Operation::GetVariable { .. }, Answer::Shared(items)) if !items.is_empty() => {
                self.handed(workload, request, items, tardy);
            }
            _ => {}
        }
        true
    }

    /// A lease is lost that was to be kept.
    pub fn lease_lost(&mut self, fence: Fence) {
        self.sharing.leases.remove(&fence);
    }

    /// There is another session: what is open is asked again, and what is held is kept. What has perhaps been done in the same
    /// life of the scheduler and must not be done twice is given up.
    pub(super) fn share_again(&mut self, same: bool) {
        self.sharing.withdrawn.clear();
        self.sharing.handed.clear();
        self.sharing.questions.retain(|_, operation| !same || operation.may_be_repeated());
        for (request, operation) in self.sharing.questions.clone() {
            self.put_question(request, operation);
        }
        let kept: Vec<_> = self.sharing.leases.iter().map(|(fence, held)| (*fence, held.name.clone())).collect();
        for (fence, name) in kept {
            self.coordinate(Operation::Keep { name, fence });
        }
    }

    fn granted(&mut self, request: RequestId, name: Arc<str>, fence: Fence) {
        self.sharing.leases.insert(fence, Held { name, with: Some(request) });
        let rest = self.sharing.then.remove(&request).unwrap_or_default();
        let next = self.lock_all(rest);
        for held in self.sharing.leases.values_mut().filter(|held| held.with == Some(request)) {
            held.with = next;
        }
    }

    fn handed(&mut self, workload: &Workload, request: RequestId, items: &[Shared], tardy: bool) {
        let tasks = items.iter().filter_map(|item| match item {
            Shared::Key(key) => workload.find(*key),
            _ => None,
        });
        self.want_published(workload, &tasks.collect::<Vec<_>>());
        self.sharing.handed.insert(request);
        if !tardy {
            self.confirm_all();
        }
    }

    fn withdraw_question(&mut self, request: RequestId) {
        if self.sharing.questions.remove(&request).is_some() {
            self.sharing.withdrawn.insert(request);
        }
        self.sharing.handed.remove(&request);
        self.sharing.then.remove(&request);
        self.outbox.push_back(ClientToScheduler::Withdraw(request));
        let with: Vec<_> = self
            .sharing
            .leases
            .iter()
            .filter(|(_, held)| held.with == Some(request))
            .map(|(fence, _)| *fence)
            .collect();
        with.into_iter().for_each(|fence| self.end_lease(fence));
    }

    fn end_lease(&mut self, fence: Fence) {
        if let Some(held) = self.sharing.leases.remove(&fence) {
            self.coordinate(Operation::Release { name: held.name, fence });
        }
    }

    fn put_question(&mut self, request: RequestId, operation: Operation) {
        self.outbox.push_back(ClientToScheduler::Coordinate { request, operation: Box::new(operation) });
    }
}

/// Whether an operation may be answered late.
pub(crate) fn waits(operation: &Operation) -> bool {
    match operation {
        Operation::Acquire { wait, .. }
        | Operation::GetVariable { wait, .. }
        | Operation::Put { wait, .. }
        | Operation::Get { wait, .. } => *wait,
        Operation::WaitForEvent { .. } => true,
        _ => false,
    }
}
