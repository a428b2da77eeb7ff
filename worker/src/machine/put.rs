//! Values that clients put here themselves.
//!
//! The scheduler is told of them as of values left over from another session: it claims those that a client speaks of, and
//! has the others freed after a while, so that a client which dies half-way leaves nothing behind. A worker that is paused,
//! leaves, or would go beyond its memory keeps none: the client is told, and asks for another place.

use std::collections::BTreeSet;

use brisk_core::{key::Key, message::WorkerToScheduler};

use super::{Worker, state::Phase};

impl Worker {
    /// A client has sent values, with the memory they take. Those that are kept are held when this returns.
    pub(super) fn on_put(&mut self, values: Vec<(Key, u64)>) {
        let mut held = Vec::with_capacity(values.len());
        let mut seen = BTreeSet::new();
        for (key, nbytes) in values {
            // Of two under one key the first counts: it is the one that would be kept.
            if !seen.insert(key) {
                continue;
            }
            if let Some(value) = self.entries.get_mut(&key).and_then(|entry| entry.value.as_mut()) {
                // The same value, since the key is of the content. It is a copy from now on: one that was to go stays after
                // all, and the end of a run that may have made it does not concern it.
                value.doomed = false;
                value.made_by = None;
                held.push((key, value.nbytes));
            } else if self.has_room_for_put(nbytes) {
                self.keep(key, nbytes, None, false);
                held.push((key, nbytes));
            }
        }
        if !held.is_empty() {
            self.tell(WorkerToScheduler::Received(held));
        }
    }

    fn has_room_for_put(&self, nbytes: u64) -> bool {
        let limit = u128::from(self.config.memory_limit);
        let fits = limit == 0 || self.held.bytes + u128::from(nbytes) <= limit;
        self.phase == Phase::Working && !self.held.paused && fits
    }
}
