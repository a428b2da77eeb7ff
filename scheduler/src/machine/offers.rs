//! Values that workers have made for an earlier life of the scheduler, or in an earlier session with this one; and those
//! that clients have put there and did not tell of yet.
//!
//! A worker that joins says first what it still holds. The key of a pure call says which value it is, whoever made it, so
//! a task of that key need not run: it is in memory at once. What nobody asks for in time is freed. Work in hand is never
//! negotiated this way, only values: Dask's workers reconnected with what they ran, and that was given up as a source of
//! deadlocks (distributed#6361).
//!
//! A value is taken over when its task becomes needed, not when the task becomes known: a graph that is submitted again
//! brings its lineage along, and lineage needs no values.

use std::collections::BTreeMap;

use brisk_core::key::Key;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{
    Scheduler,
    slab::{TaskIndex, WorkerIndex},
    task::State,
    timers::Timer,
    unrepeatable::Unrepeatable,
};

/// All values on offer. Each stands on its worker's list too.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Offers(pub(super) BTreeMap<Key, SmallVec<[Offer; 1]>>);

/// That a worker holds a value.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Offer {
    pub(super) worker: WorkerIndex,
    pub(super) nbytes: u64,
}

impl Scheduler {
    /// A worker says what it still holds.
    pub(super) fn offered(&mut self, w: WorkerIndex, values: Vec<(Key, u64)>) {
        self.begin_to_gather();
        self.received(w, values);
    }

    /// A worker holds values that nobody may have asked for: it says so after a restart, or a client has put them there
    /// and will say so itself, sooner or later than the worker.
    pub(super) fn received(&mut self, w: WorkerIndex, values: Vec<(Key, u64)>) {
        for (key, nbytes) in values {
            self.offer(w, key, nbytes);
        }
        let worker = &mut self.workers[w];
        if !worker.offered.is_empty() && worker.offers_until.is_none() {
            let until = self.now + self.config.offer_grace;
            worker.offers_until = Some(until);
            self.timers.insert(until, Timer::Offers(w));
        }
    }

    fn offer(&mut self, w: WorkerIndex, key: Key, nbytes: u64) {
        let full = self.workers[w].offered.len() >= self.config.max_offers as usize;
        match self.tasks.find(key).map(|t| (t, &self.tasks[t])) {
            Some((t, _)) if !full && self.may_be_on_offer(t) && self.may_adopt(t, w) => {
                self.remember_offer(w, key, nbytes);
            }
            None if !full => self.remember_offer(w, key, nbytes),
            // Needed, or there already: it is a copy like any other.
            Some((t, _)) if !self.may_be_on_offer(t) && self.may_adopt(t, w) => self.added(w, key, nbytes),
            // It was to make what it says it has, before it could say so: neither may outlive the other unnoticed.
            Some((_, task)) if task.run().is_some_and(|run| run.worker == w) => self.added(w, key, nbytes),
            _ => self.free_stray(w, key),
        }
    }

    /// Whether values of a task wait until somebody asks for them: it has none, and is not being computed. One that was
    /// scattered and lost may have been put there again, by a client that is about to say so.
    pub(super) fn may_be_on_offer(&self, t: TaskIndex) -> bool {
        let task = &self.tasks[t];
        match task.state {
            State::Released => true,
            State::Erred { .. } => task.marks.unrepeatable() == Some(Unrepeatable::Scattered),
            _ => false,
        }
    }

    fn remember_offer(&mut self, worker: WorkerIndex, key: Key, nbytes: u64) {
        if self.workers[worker].offered.insert(key) {
            self.offers.0.entry(key).or_default().push(Offer { worker, nbytes });
        }
    }

    /// Takes over the value of a task that has become needed, if one is on offer. Whether there was one.
    pub(super) fn adopt(&mut self, t: TaskIndex) -> bool {
        if self.offers.0.is_empty() {
            return false;
        }
        let key = self.tasks[t].key;
        let Some(offers) = self.offers.0.remove(&key) else { return false };
        for Offer { worker, nbytes } in offers {
            self.workers[worker].offered.remove(&key);
            self.disarm_offers(worker);
            match &self.tasks[t].state {
                _ if !self.may_adopt(t, worker) => self.free(worker, key),
                State::Released => self.enter_memory(t, nbytes, worker),
                // Of whatever length: one that came as bytes takes other memory than one that was made there.
                State::Memory { .. } => self.add_replica(t, worker),
                _ => {
                    self.counters.strange_replicas += 1;
                    self.free(worker, key);
                }
            }
        }
        let adopted = matches!(self.tasks[t].state, State::Memory { .. });
        if adopted {
            self.tell_all_of_memory(t, None);
        }
        adopted
    }

    /// Whether a worker's value under a task's key is the task's: it is of the same build, and the key says which value it is.
    fn may_adopt(&self, t: TaskIndex, w: WorkerIndex) -> bool {
        let task = &self.tasks[t];
        task.is_reproducible() && self.classes.slab[task.class].environment == self.workers[w].environment
    }

    /// Nobody has asked for the rest of what a worker offered: it is freed.
    pub(super) fn expire_offers(&mut self, w: WorkerIndex) {
        for key in self.withdraw_offers(w) {
            if planted!(self, OffersKept) {
                continue;
            }
            self.free_stray(w, key);
        }
    }

    /// Takes back everything that a worker offers. What it was.
    pub(super) fn withdraw_offers(&mut self, w: WorkerIndex) -> impl Iterator<Item = Key> + use<> {
        let keys = std::mem::take(&mut self.workers[w].offered);
        self.disarm_offers(w);
        for key in &keys {
            if let Some(offers) = self.offers.0.get_mut(key) {
                offers.retain(|offer| offer.worker != w);
                if offers.is_empty() {
                    self.offers.0.remove(key);
                }
            }
        }
        keys.into_iter()
    }

    /// Takes a worker's deadline out, if it offers nothing more.
    fn disarm_offers(&mut self, w: WorkerIndex) {
        let worker = &mut self.workers[w];
        if worker.offered.is_empty()
            && let Some(until) = worker.offers_until.take()
        {
            self.timers.remove(until, Timer::Offers(w));
        }
    }
}
