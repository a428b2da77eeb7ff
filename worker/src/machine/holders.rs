//! Further holders of a value that is asked for already.
//!
//! Each worker that gets a copy can serve it. While a value is wanted by many, those who find all its holders busy ask the
//! scheduler for newer ones, so that copies spread like a tree and not from one root alone.

use brisk_core::{id::WorkerId, key::Key, message::WorkerToScheduler};
use smallvec::SmallVec;

use super::{
    Worker,
    state::{Want, WantState},
    wants::MAX_HOLDERS,
};

impl Worker {
    /// A holder was too busy to send a value. If all the others are, too, the scheduler may know more. It is asked once;
    /// whether it knows any or not, the ones that are known are asked again when they have rested. Not while a copy is owed:
    /// the question would be taken for the answer to that.
    pub(super) fn look_further(&mut self, key: Key) {
        let Some(want) = self.entries.get(&key).and_then(|entry| entry.want.as_ref()) else { return };
        let rests = |worker: &WorkerId| self.peers.get(worker).is_none_or(|peer| peer.resting.is_some());
        let all_busy = want.state == WantState::Queued && want.holders.iter().all(rests);
        if all_busy && !want.acquired && !want.seeking {
            self.counters.asked += 1;
            self.tell(WorkerToScheduler::Missing { key, holders: SmallVec::new() });
            if let Some(want) = self.entries.get_mut(&key).and_then(|entry| entry.want.as_mut()) {
                want.seeking = true;
            }
        }
    }

    /// Adds holders to those of a value that is to be asked for, or on its way.
    pub(super) fn learn(&mut self, key: Key, mut holders: SmallVec<[WorkerId; 1]>) {
        let Some(want) = self.entries.get(&key).and_then(|entry| entry.want.as_ref()) else { return };
        holders.retain(|holder| !want.holders.contains(holder) && self.peers.contains_key(holder));
        if !holders.is_empty() {
            self.revise(key, |want| add(want, holders));
        }
    }
}

/// Puts the newest holders first: they are the least likely to be busy. Those that were tried in vain stay, to be told of
/// when all were; of the others the oldest go when there are too many.
fn add(want: &mut Want, mut holders: SmallVec<[WorkerId; 1]>) {
    let (tried, untried): (Vec<_>, Vec<_>) = want.holders.iter().partition(|holder| want.tried.contains(holder));
    holders.extend(untried);
    holders.truncate((2 * MAX_HOLDERS).saturating_sub(tried.len()));
    holders.extend(tried);
    want.holders = holders;
}
