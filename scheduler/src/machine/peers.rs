//! Peers: what the scheduler knows of each worker, client and supervisor.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::Arc,
};

use brisk_core::{
    hello::WorkerInfo,
    id::{ClientId, RequestId, SupervisorId, WorkerId},
    key::Key,
    message::{Priority, ProgramSpec},
    options::Quantity,
    time::Moment,
};
use serde::{Deserialize, Serialize};

use super::{
    accounts::AccountId,
    class::Kind,
    coordination::Claims,
    lane::Urgency,
    links::Sending,
    live_bytes::Live,
    nested::Within,
    slab::{ClassIndex, ClientIndex, EnvironmentIndex, HostIndex, Index, IndexSet, Slab, TaskIndex, WorkerIndex},
    speed::{STEPS, Speed},
    stealing::{Promised, Question},
};

/// Peers of one kind, by session and under dense indices.
pub(super) struct Peers<Id, I: Index, T> {
    pub(super) slab: Slab<I, T>,
    /// All and only the slab's peers that are connected, in the order of their ids, which is about that of their joining.
    by_id: BTreeMap<Id, I>,
    /// Who spoke last, if that one is still connected: most messages come many in a row.
    speaker: Option<(Id, I)>,
}

pub(super) type Workers = Peers<WorkerId, WorkerIndex, Worker>;
pub(super) type Clients = Peers<ClientId, ClientIndex, Client>;

/// A live worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Worker {
    pub(super) id: WorkerId,
    pub(super) name: Arc<str>,
    pub(super) environment: EnvironmentIndex,
    pub(super) info: WorkerInfo,
    pub(super) host: HostIndex,
    pub(super) sending: Sending,
    pub(super) speed: Speed,
    /// All and only the tasks assigned to it, in no particular order.
    pub(super) processing: Vec<TaskIndex>,
    /// How many of those are `async`.
    pub(super) async_tasks: u32,
    /// How many of the others wait for other tasks, and have given their threads up.
    pub(super) away: u32,
    /// How many of those left were sent ahead, and await inputs that are being made here.
    pub(super) awaiting: u32,
    /// All tasks assigned to it that may have dependents to be sent after them, the most urgent first.
    pub(super) frontier: BTreeSet<(Priority, TaskIndex)>,
    /// Whether it stands on the list of those that may be sent such dependents.
    pub(super) to_feed: bool,
    /// How many have started.
    pub(super) started: u32,
    /// The sum of the estimates of those that take a thread, in nanoseconds.
    pub(super) occupancy_ns: u64,
    /// The sum of what they take of the prefetch budget, in nanoseconds.
    pub(super) fed_ns: u64,
    /// All and only the values it is known to hold, in no particular order.
    pub(super) replicas: Vec<TaskIndex>,
    /// Their length together.
    pub(super) bytes: u64,
    /// That, and what its runs will add to it.
    pub(super) live: Live,
    /// What it says all values take, in bytes; it counts what the scheduler has not heard of yet.
    pub(super) reported_bytes: u64,
    /// What is left of its declared resources.
    pub(super) available: Vec<(Arc<str>, Quantity)>,
    pub(super) paused: bool,
    /// Whether it is to go once its runs have ended and its values are safe, and is given nothing more until then.
    pub(super) retiring: bool,
    /// Whether it has work ahead and has ended nothing for a while.
    pub(super) stalled: bool,
    /// When it last ended a run, or was given one that it could start.
    pub(super) last_progress: Moment,
    /// What it was asked to give up and has not answered.
    pub(super) question: Option<Question>,
    /// What it is to get if others give it up.
    pub(super) promised: Promised,
    /// How many looks in a row found nothing to take from it.
    pub(super) passed_over: u32,
    /// Whether it is being taken out, so that nothing more is given to it.
    pub(super) leaving: bool,
    /// Classes that wait for it to have room, if few workers may run them.
    pub(super) parked: BTreeSet<(Urgency, ClassIndex)>,
    /// The loads under which its pool's orders list it, if they do.
    pub(super) listed: [Option<u64>; 2],
    /// Where its loads stand in its pool, while that has few workers.
    pub(super) place: u32,
    /// The workers it was told of.
    pub(super) knows: IndexSet,
    /// The workers that were told of it.
    pub(super) known_by: IndexSet,
    /// Values to drop, sent as one message at the end of the event.
    pub(super) frees: Vec<Key>,
    /// All and only the values it has on offer, until the deadline if there are any.
    pub(super) offered: BTreeSet<Key>,
    pub(super) offers_until: Option<Moment>,
}

/// A client that is connected, or was a moment ago.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Client {
    pub(super) id: ClientId,
    pub(super) name: Arc<str>,
    pub(super) environment: EnvironmentIndex,
    pub(super) program: Option<ProgramSpec>,
    /// Who pays for what it needs.
    pub(super) account: AccountId,
    /// All and only the tasks it wants, in no particular order.
    pub(super) wants: Vec<TaskIndex>,
    /// Submissions whose last chunk has not come.
    pub(super) open: BTreeMap<RequestId, OpenSubmission>,
    /// Submissions that were seen, to know a chunk that comes twice.
    pub(super) seen: Seen,
    /// How many workers it waits for, by request.
    pub(super) awaited_workers: BTreeMap<RequestId, u32>,
    /// The workers it was told of.
    pub(super) knows: IndexSet,
    /// What it holds and waits for of what clients share by name.
    pub(super) claims: Claims,
    /// Its connection was lost, and it may come back until then. It is told nothing more.
    pub(super) departed: Option<Moment>,
}

/// A submission some of whose chunks have come.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OpenSubmission {
    /// Its place among submissions: see [`nested`](super::nested). No two have one.
    pub(super) generation: u64,
    /// Whose task it comes from within, if it does.
    pub(super) within: Option<Within>,
    /// The number of the chunk that must come next.
    pub(super) next_chunk: u32,
    /// The place of the next task in the submission's order.
    pub(super) next_order: u32,
    /// The tasks that it holds, each as often as it named it.
    pub(super) held: Vec<TaskIndex>,
    pub(super) refused: bool,
    /// It was made before, to a scheduler that is gone.
    pub(super) again: bool,
}

/// A live supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Supervisor {
    pub(super) id: SupervisorId,
    pub(super) host: Arc<str>,
    pub(super) workers: u32,
}

/// The numbers of one client's latest submissions. A number that was not seen and is higher than all is new; one below
/// everything that is remembered is old.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    latest: VecDeque<RequestId>,
    highest: Option<RequestId>,
    floor: Option<RequestId>,
}

/// How many submissions are remembered by number: clients number them in order and send them nearly so.
const SEEN: usize = 64;

impl Seen {
    /// Whether this submission was never seen. It is now.
    pub(super) fn is_new(&mut self, submission: RequestId) -> bool {
        if self.highest.is_some_and(|highest| submission <= highest)
            && (self.floor.is_some_and(|floor| submission <= floor) || self.latest.contains(&submission))
        {
            return false;
        }
        self.highest = self.highest.max(Some(submission));
        self.latest.push_back(submission);
        if self.latest.len() > SEEN {
            self.floor = self.floor.max(self.latest.pop_front());
        }
        true
    }
}

impl<Id: Copy + Ord, I: Index, T> Peers<Id, I, T> {
    pub(super) fn new() -> Self {
        Peers { slab: Slab::new(), by_id: BTreeMap::new(), speaker: None }
    }

    pub(super) fn find(&self, id: Id) -> Option<I> {
        self.by_id.get(&id).copied()
    }

    /// The peer that a message is from.
    pub(super) fn find_speaker(&mut self, id: Id) -> Option<I> {
        if let Some((known, index)) = self.speaker
            && known == id
        {
            return Some(index);
        }
        let index = self.find(id)?;
        self.speaker = Some((id, index));
        Some(index)
    }

    pub(super) fn insert(&mut self, id: Id, peer: T) -> I {
        let index = self.slab.insert(peer);
        self.by_id.insert(id, index);
        index
    }

    /// Puts a peer back that was written down: under its place, and its name if it had one. Whether the place was empty.
    pub(super) fn put(&mut self, index: I, id: Option<Id>, peer: T) -> bool {
        self.by_id.extend(id.map(|id| (id, index)));
        self.slab.put(index, peer)
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<(I, T)> {
        let index = self.by_id.remove(&id)?;
        self.speaker = None;
        Some((index, self.slab.remove(index)))
    }

    /// Takes the name of a peer away, whose connection is gone, and leaves what is known of it.
    pub(super) fn hide(&mut self, id: Id) {
        self.by_id.remove(&id);
        self.speaker = None;
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    /// In the order of their ids, which is about that of their joining.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (I, &T)> {
        self.by_id.values().map(|&index| (index, &self.slab[index]))
    }
}

impl Clients {
    /// Takes a client out, whether it is connected or has departed.
    pub(super) fn remove_at(&mut self, index: ClientIndex) -> Client {
        let client = self.slab.remove(index);
        self.by_id.remove(&client.id);
        self.speaker = None;
        client
    }
}

/// Without who spoke last, from which nothing follows.
impl<Id: fmt::Debug, I: Index, T: fmt::Debug> fmt::Debug for Peers<Id, I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").field("slab", &self.slab).field("by_id", &self.by_id).finish()
    }
}

impl<Id, I: Index, T> std::ops::Index<I> for Peers<Id, I, T> {
    type Output = T;

    #[inline]
    fn index(&self, index: I) -> &T {
        &self.slab[index]
    }
}

impl<Id, I: Index, T> std::ops::IndexMut<I> for Peers<Id, I, T> {
    #[inline]
    fn index_mut(&mut self, index: I) -> &mut T {
        &mut self.slab[index]
    }
}

impl Worker {
    pub(super) fn threads(&self) -> usize {
        self.info.threads.max(1) as usize
    }

    /// Whether it may be given anything new.
    pub(super) fn takes_work(&self) -> bool {
        !self.paused && !self.retiring && !self.leaving
    }

    /// How many tasks of a kind it was given that have not ended, without those that have given their threads up.
    pub(super) fn assigned(&self, kind: Kind) -> usize {
        match kind {
            Kind::Thread => self.processing.len() - (self.async_tasks + self.away) as usize,
            Kind::Async => self.async_tasks as usize,
        }
    }

    /// How many of them have their inputs.
    pub(super) fn runnable(&self, kind: Kind) -> usize {
        match kind {
            Kind::Thread => self.assigned(kind) - self.awaiting as usize,
            Kind::Async => self.assigned(kind),
        }
    }

    /// How many tasks it has that its threads can't run yet: they are taken, or the inputs are being made.
    pub(super) fn ahead(&self) -> usize {
        self.assigned(Kind::Thread) - self.runnable(Kind::Thread).min(self.threads())
    }

    /// Whether it has more than its threads can run, and than waits for what they run.
    pub(super) fn has_work_ahead(&self) -> bool {
        self.runnable(Kind::Thread) > self.threads()
    }

    /// Until when there is no room for one more task to run, presumably, in nanoseconds from now.
    pub(super) fn backlog_ns(&self, kind: Kind) -> u64 {
        let is_free = kind == Kind::Async || self.runnable(kind) < self.threads();
        if is_free { 0 } else { self.occupancy_ns / self.threads() as u64 }
    }

    /// For how long it is fed, by thread, in nanoseconds.
    pub(super) fn fed_a_thread_ns(&self) -> u64 {
        self.fed_ns / self.threads() as u64
    }

    /// What workers are ordered by: those with a free thread first, the fastest of them first, and of equals by the part of
    /// their threads that is taken; then by backlog.
    pub(super) fn load(&self, kind: Kind) -> u64 {
        const FULL: u64 = 1 << 20;
        const ALL_FULL: u64 = STEPS as u64 * FULL;
        let runnable = self.runnable(kind);
        let taken = runnable as u64 * FULL / self.threads() as u64;
        match kind {
            Kind::Async => taken,
            Kind::Thread if runnable < self.threads() => self.speed.step().number() as u64 * FULL + taken,
            Kind::Thread => ALL_FULL.saturating_add(self.backlog_ns(kind)),
        }
    }

    /// Whether so much of its resources is left.
    pub(super) fn has_left(&self, resources: &[(Arc<str>, Quantity)]) -> bool {
        resources.iter().all(|(name, amount)| covers(&self.available, name, *amount))
    }

    /// Whether it declared so much.
    pub(super) fn declares(&self, resources: &[(Arc<str>, Quantity)]) -> bool {
        resources.iter().all(|(name, amount)| {
            let declared = self.info.resources.iter().filter(|(n, _)| n == name).map(|(_, q)| q.0);
            declared.fold(0, u64::saturating_add) >= amount.0
        })
    }

    /// Whether so many bytes are within its memory limit.
    pub(super) fn could_hold(&self, bytes: u64) -> bool {
        self.info.memory_limit == 0 || bytes <= self.info.memory_limit
    }

    pub(super) fn take(&mut self, resources: &[(Arc<str>, Quantity)]) {
        self.change(resources, u64::checked_sub);
    }

    pub(super) fn give_back<'a>(&mut self, resources: impl IntoIterator<Item = &'a (Arc<str>, Quantity)>) {
        self.change(resources, u64::checked_add);
    }

    fn change<'a>(
        &mut self,
        resources: impl IntoIterator<Item = &'a (Arc<str>, Quantity)>,
        by: fn(u64, u64) -> Option<u64>,
    ) {
        for (name, amount) in resources {
            let left = self.available.iter_mut().find(|(n, _)| n == name);
            let (_, left) = left.expect("only workers that declare a resource are given tasks that take it");
            left.0 = by(left.0, amount.0).expect("a resource is taken when it is there, and given back once");
        }
    }

    /// Whether `name` means this worker: its name, its address, or its host.
    pub(super) fn answers_to(&self, name: &str) -> bool {
        *self.name == *name || self.info.address.as_str() == name || *self.info.host == *name
    }

    /// What errors call it.
    pub(super) fn label(&self) -> Arc<str> {
        if self.name.is_empty() { self.info.address.as_str().into() } else { self.name.clone() }
    }
}

fn covers(available: &[(Arc<str>, Quantity)], name: &str, amount: Quantity) -> bool {
    available.iter().any(|(n, left)| **n == *name && *left >= amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_is_new_once_even_if_two_change_places() {
        let mut seen = Seen::default();
        assert!(seen.is_new(RequestId(2)) && seen.is_new(RequestId(1)) && seen.is_new(RequestId(9)));
        assert!(!seen.is_new(RequestId(1)) && !seen.is_new(RequestId(2)) && !seen.is_new(RequestId(9)));
        for number in 10..10 + 2 * SEEN as u64 {
            assert!(seen.is_new(RequestId(number)) && !seen.is_new(RequestId(number)));
        }
        assert!(!seen.is_new(RequestId(1)));
        assert!(seen.latest.len() <= SEEN);
    }
}
